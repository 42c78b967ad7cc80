"""Who has a film in hand, where several processes want it and some are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from processes import ENVIRONMENT, names

from subremover.archive import claim as module
from subremover.archive import owner
from subremover.archive.claim import Claim, Sighting, look_at_claim
from subremover.archive.names import claim_file, dead_file
from subremover.archive.owner import Owner, find_owner
from subremover.errors import OutputError

HOLD = """
import sys, time
from pathlib import Path
from subremover.archive.claim import Claim
assert Claim(Path(sys.argv[1])).take()
print("held", flush=True)
time.sleep(60)
"""
WANT = """
import sys, time
from pathlib import Path
from subremover.archive import claim
claim.BEAT_SECONDS, claim.DEAD_SECONDS = 0.05, 1.0
folder, seen, held = Path(sys.argv[1]), {}, []
outputs = [folder / f"{number}.mp4" for number in range(12)]
while outputs:
    for output in list(outputs):
        own = claim.Claim(output)
        if own.take():
            (folder / f"{output.name}.taken").touch(exist_ok=False)  # fails where two have one film
            held.append(own)
            outputs.remove(output)
            continue
        seen[output] = claim.look_at_claim(output, seen.get(output))
        if seen[output] and seen[output].is_dead:
            seen[output].take_away()
        elif (folder / f"{output.name}.taken").exists():
            outputs.remove(output)
time.sleep(1.5)  # long enough for others to take it for dead, if it did not beat
for own in held:
    own.check()
    own.release()
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "a.mp4"


@pytest.fixture
def claim(output: Path) -> Iterator[Claim]:
    claim = Claim(output)
    assert claim.take()
    yield claim
    claim.release()


@pytest.fixture
def hold(output: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Has another process claim the film."""
    started = []

    def start() -> subprocess.Popen[str]:
        words = [sys.executable, "-c", HOLD, str(output)]
        process = subprocess.Popen(words, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def elsewhere(output: Path, host: str = "elsewhere") -> bytes:
    """A claim of a process of another machine, on disk."""
    said = {"format": "subremover claim", "host": host, "boot": "b", "pid": 7, "started": "9"}
    claim_file(output).write_text(json.dumps({**said, "token": "t", "count": "000000000001"}))
    return claim_file(output).read_bytes()


class TestOne:
    def test_only_one_has_it(self, claim: Claim, output: Path) -> None:
        other = Claim(output)
        assert not other.take()
        other.release()
        assert claim_file(output).exists()
        claim.check()
        claim.release()
        assert names(output.parent) == []
        assert other.take()
        other.release()
        assert names(output.parent) == []

    def test_it_says_whose_it_is_and_beats(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
        claim = Claim(output)
        assert claim.take()
        first = claim_file(output).read_bytes()
        said = json.loads(first)
        assert Owner(said["host"], said["boot"], said["pid"], said["started"]) == find_owner()
        inode = claim_file(output).stat().st_ino
        before = look_at_claim(output)
        wait_for(lambda: look_at_claim(output, before) is not before)
        later = claim_file(output).read_bytes()
        assert len(later) == len(first)
        assert claim_file(output).stat().st_ino == inode
        claim.release()
        assert "claim" not in [thread.name for thread in threading.enumerate()]

    def test_a_claim_that_was_taken_over(self, claim: Claim, output: Path) -> None:
        said = elsewhere(output)
        claim.beat()
        with pytest.raises(OutputError, match=r"another process has taken over '.*a.mp4'.*leave it to that"):
            claim.check()
        claim.release()
        assert claim_file(output).read_bytes() == said

    def test_a_claim_that_was_deleted(self, claim: Claim, output: Path) -> None:
        claim_file(output).unlink()
        claim.beat()
        with pytest.raises(OutputError, match="taken over"):
            claim.check()

    def test_a_claim_that_another_has_in_hand(self, claim: Claim, output: Path) -> None:
        """And was killed amid that."""
        claim_file(output).rename(dead_file(output))
        claim.beat()
        claim.check()
        assert claim_file(output).exists()
        claim.release()
        assert names(output.parent) == []

    def test_it_goes_wherever_it_is(self, claim: Claim, output: Path) -> None:
        claim_file(output).rename(dead_file(output))
        claim.release()
        assert names(output.parent) == []

    def test_a_signal_while_it_is_made(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = Claim(output)

        def write(*_: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            with pytest.raises(KeyboardInterrupt):
                claim.take()
        claim.release()
        assert names(output.parent) == []

    def test_a_full_disk(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = Claim(output)

        def write(*_: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            with pytest.raises(OutputError, match=r"no space left for '.*a.mp4'; free some"):
                claim.take()
        claim.release()
        assert names(output.parent) == []

    def test_a_disk_that_is_away_is_waited_for(self, claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> int:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", fail)
            claim.beat()
        claim.check()


class TestSighting:
    def test_a_process_that_lives(self, hold: Callable[[], object], output: Path) -> None:
        hold()
        sighting = look_at_claim(output)
        assert sighting is not None
        assert not sighting.is_dead

    def test_a_process_that_was_killed(self, hold: Callable[[], subprocess.Popen[str]], output: Path) -> None:
        """At once, also while its parent has yet to take note of it."""
        process = hold()
        process.send_signal(signal.SIGKILL)
        sighting = look_at_claim(output)
        assert sighting is not None
        wait_for(lambda: sighting.is_dead)
        sighting.take_away()
        assert names(output.parent) == []

    def test_another_process_of_the_same_number(self) -> None:
        here = find_owner()
        assert not here.is_gone
        assert replace(here, started="1").is_gone
        assert not replace(here, started="1", host="elsewhere").is_gone
        assert not replace(here, started="1", boot="before").is_gone
        assert not replace(here, started="1", boot="").is_gone

    @pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="only Linux tells")
    def test_containers_of_one_machine(self) -> None:
        """May share its name, and number their processes by themselves."""
        assert "pid:[" in find_owner().boot

    def test_a_thread_that_outlives_the_first(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """As one does that is killed amid a slow write: locks are held as long."""
        here = find_owner()
        process = tmp_path / str(here.pid)
        values = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        for name, state in ((".", "Z"), ("task/1", "Z"), ("task/2", "D")):
            (process / name).mkdir(parents=True, exist_ok=True)
            (process / name / "stat").write_text(f"7 (a) b) {' '.join([state, *values[1:]])}")
        monkeypatch.setattr(owner, "_PROC", tmp_path)
        monkeypatch.setattr(owner, "find_owner", lambda: here)
        assert not here.is_gone
        (process / "task/2/stat").unlink()
        assert here.is_gone

    def test_a_process_elsewhere_by_the_clock_of_who_watches(
        self, output: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1000.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        elsewhere(output)
        os.utime(claim_file(output), (1, 1))  # what the disk says of time is not asked
        sighting = look_at_claim(output)
        now[0] += 59
        assert sighting is not None
        assert not sighting.is_dead
        later = look_at_claim(output, sighting)
        assert later is sighting
        elsewhere(output, "changed")
        changed = look_at_claim(output, sighting)
        now[0] += 59
        assert changed is not None
        assert not changed.is_dead
        now[0] += 1
        assert changed.is_dead
        assert look_at_claim(output, changed) is changed

    def test_what_came_in_its_place_is_put_back(self, output: Path) -> None:
        elsewhere(output)
        sighting = look_at_claim(output)
        assert sighting is not None
        said = elsewhere(output, "another")
        sighting.take_away()
        assert claim_file(output).read_bytes() == said
        assert names(output.parent) == [claim_file(output).name]
        claim_file(output).unlink()
        sighting.take_away()
        assert names(output.parent) == []

    def test_put_back_on_a_disk_without_links(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", fail)
        said = elsewhere(output)
        Sighting(output, b"another", 0.0).take_away()
        assert claim_file(output).read_bytes() == said

    def test_an_empty_claim(self, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a process that was killed while it made it."""
        claim_file(output).touch()
        monkeypatch.setattr(module, "DEAD_SECONDS", 0.0)
        sighting = look_at_claim(output)
        assert sighting is not None
        assert sighting.is_dead
        sighting.take_away()
        assert names(output.parent) == []

    @pytest.mark.parametrize(
        "make",
        [
            lambda file: file.write_text("notes of mine"),
            lambda file: file.mkdir(),
            lambda file: file.symlink_to("/etc/passwd"),
            os.mkfifo,
        ],
    )
    def test_what_is_in_the_way(self, output: Path, make: Callable[[Path], object]) -> None:
        make(claim_file(output))
        assert not Claim(output).take()
        with pytest.raises(OutputError, match="is in the way of this film's claim; move it away"):
            look_at_claim(output)

    @pytest.mark.parametrize("pid", [0, -1, True, "7", 1 << 40, None])
    def test_nonsense_is_nobody(self, output: Path, pid: object) -> None:
        owner = find_owner()
        said = {"format": "subremover claim", "host": owner.host, "boot": owner.boot}
        claim_file(output).write_text(json.dumps({**said, "pid": pid, "started": "9"}))
        sighting = look_at_claim(output)
        assert sighting is not None
        assert not sighting.is_dead


def test_processes_that_want_the_same(tmp_path: Path) -> None:
    """Some films are free, of some the owner is dead, by its number or by its silence."""
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.communicate()
    for number in range(8):
        said = elsewhere(tmp_path / f"{number}.mp4")
        if number % 2:
            own = {**json.loads(said), "host": find_owner().host, "boot": find_owner().boot, "pid": dead.pid}
            claim_file(tmp_path / f"{number}.mp4").write_text(json.dumps(own))
    processes = [
        subprocess.Popen([sys.executable, "-c", WANT, str(tmp_path)], env=ENVIRONMENT) for _ in range(4)
    ]
    assert [process.wait() for process in processes] == [0] * 4
    assert names(tmp_path) == sorted(f"{number}.mp4.taken" for number in range(12))


def wait_for(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
