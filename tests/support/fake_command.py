"""Stands in for the command: does in a moment what its arguments say, or what $FAKE_COMMAND says instead."""

import json
import os
import signal
import sys
import time
from pathlib import Path

from plan_entries import make_entry, write_plan


def tell(kind: str, **values: object) -> None:
    print(json.dumps({"kind": kind, "film": "a.mp4", **values}), flush=True)


def find(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def interrupt(number: int, _: object) -> None:
    print("subremover: interrupted", file=sys.stderr)
    os._exit(128 + number)


def main() -> int:
    mode = os.environ.get("FAKE_COMMAND", "")
    print("arguments", json.dumps(sys.argv[1:]), file=sys.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if mode == "deaf" else interrupt)
    if mode == "error":
        tell("error", message="there is no film there; give one", exit_code=3)
        return 3
    if mode == "crash":
        print("something broke", file=sys.stderr)
        os._exit(9)
    stage = {True: "scan", False: "render"}["--scan-only" in sys.argv]
    steps = 2000 if mode in ("slow", "deaf") else 4
    for done in range(1, steps + 1):
        tell("progress", stage=stage, done=done, total=steps, frames_per_second=9.5, seconds_left=None)
        if "--scan-only" in sys.argv and done <= 3:
            tell("found", event=make_entry(done, done + 1, text=f"line {done}"))
        time.sleep(0.02)
    if folder := find("--save-plan"):
        write_plan(Path(folder), make_entry(), make_entry(12, 20))
    if target := find("-o"):
        Path(target).write_bytes(b"a clean film")
        Path(find("--report") or os.devnull).write_text("a page")
    tell("warning", message="the sound is late")
    tell("result", frames=24, events=2, frames_masked=17, left_alone=[], seconds=0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
