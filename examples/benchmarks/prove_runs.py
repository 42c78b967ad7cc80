"""A script without a guard, and Ctrl-C, on a film of a second that is drawn for it; for prove_cuda.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

from make_sample import FilmWriter, SampleOptions, draw_frames
from prove_process import Found, Job

PATIENCE_SECONDS = 5.0
"""After Ctrl-C, until a run must have ended."""
INTERRUPTED = 130
"""Exit code."""
UNGUARDED = """
import sys
print("body", flush=True)
import subremover
options = subremover.Options(
    paint=subremover.PaintOptions.preset("fast"),
    borrow=subremover.BorrowOptions(borrow=False),
    pool=subremover.PoolOptions(device=sys.argv[3]),
)
subremover.remove_subtitles(sys.argv[1], sys.argv[2], options)
"""
INTERRUPTIBLE = """
import sys
from subremover.untrained.batched_adam import BatchedAdam
step, taken = BatchedAdam.step, 0
def tell(self, count=1):
    global taken
    if taken < 4 <= taken + count:
        print("fitting", flush=True)
    taken += count
    step(self, count)
BatchedAdam.step = tell
from subremover.__main__ import main
main()
"""
"""The command; it tells when it fits."""


def prove_script(found: Found, job: Job) -> None:
    """A script without a guard for `__main__` removes subtitles on a device, and its body runs once."""
    if not job.is_cuda:
        found.say("no GPU: on the CPU")
    script, film = Path(job.scratch) / "unguarded.py", _draw_small(Path(job.scratch))
    target = script.with_name("unguarded.mp4")
    script.write_text(UNGUARDED, encoding="utf-8")
    words = [sys.executable, str(script), str(film), str(target), job.device]
    start = time.monotonic()
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    found.note(script_seconds=time.monotonic() - start, exit_code=done.returncode)
    found.check(f"the script ended with exit code {done.returncode}", done.returncode == 0)
    found.check("the script's body ran again", done.stdout.split().count("body") == 1)
    found.check("the script wrote no film", target.exists())


def prove_interrupt(found: Found, job: Job) -> None:
    """Ctrl-C amid a fit of the preset `paper` ends the run at once, and leaves no process."""
    if not job.is_cuda:
        found.say("no GPU: on the CPU")
    film = _draw_small(Path(job.scratch))
    words = [str(film), "-o", str(film.with_name("interrupted.mp4")), "--preset", "paper", "--no-borrow"]
    words += ["--steps", "5000"]
    command = [sys.executable, "-c", INTERRUPTIBLE, *words, "--device", job.device, "-q", "--no-resume"]
    others = _find_group()
    signal.signal(signal.SIGINT, lambda *_: None)  # it reaches this process too
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found.check("it never came to fitting", process.stdout.readline().strip() == "fitting")
        time.sleep(0.5)
        found.note(fitting_after_seconds=time.monotonic() - start)
        asked = time.monotonic()
        os.killpg(0, signal.SIGINT)
        try:
            code = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    seconds = time.monotonic() - asked
    time.sleep(0.2)
    left = _find_group() - others
    found.note(ended_after_seconds=seconds, exit_code=code)
    found.check(f"the exit code is {code}, not {INTERRUPTED}", code == INTERRUPTED)
    found.check(f"processes are left: {sorted(left)}", not left)


def _draw_small(scratch: Path) -> Path:
    """A film of a second with a subtitle."""
    path = scratch / "small.mp4"
    if not path.exists():
        options = SampleOptions(
            size=(640, 360), frame_rate=Fraction(24), seconds=1, styles=("white",), event_seconds=0.8
        )
        with FilmWriter(path.with_suffix(".part.mp4"), options, crf=19) as writer:
            for frame in draw_frames(options):
                writer.write(frame.subbed)
        path.with_suffix(".part.mp4").replace(path)
    return path


def _find_group() -> set[int]:
    """Living processes of this one's group."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # it has ended meanwhile
            continue
        if int(group) == os.getpgrp() and state != "Z":
            found.add(int(path.parent.name))
    return found
