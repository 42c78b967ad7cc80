"""When films that arrive are told of."""

from pathlib import Path

import pytest

from subremover.archive import arrivals as module
from subremover.archive.arrivals import Arrivals
from subremover.archive.folders import find_films
from subremover.errors import InputError


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def poll(arrivals: Arrivals, clock: Clock, seconds: float) -> list[str]:
    """What arrives in so many seconds."""
    found: list[str] = []
    for _ in range(int(seconds)):
        clock.now += 1
        found += [str(film.relative) for film in arrivals.poll()]
    return found


def test_a_film_that_grows(tmp_path: Path, clock: Clock) -> None:
    arrivals = Arrivals(lambda: find_films(tmp_path))
    assert poll(arrivals, clock, 60) == []
    film = tmp_path / "a.mp4"
    film.touch()
    assert poll(arrivals, clock, 60) == []  # empty
    for size in range(1, 5):
        film.write_bytes(b"x" * size)
        assert poll(arrivals, clock, 15) == []
    assert poll(arrivals, clock, 15) == ["a.mp4"]
    assert poll(arrivals, clock, 60) == []
    film.write_bytes(b"another")
    assert poll(arrivals, clock, 15) == []
    assert poll(arrivals, clock, 15) == ["a.mp4"]
    film.unlink()
    assert poll(arrivals, clock, 60) == []
    film.write_bytes(b"another")
    assert poll(arrivals, clock, 30) == ["a.mp4"]


def test_a_disk_that_is_away(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"x")
    arrivals = Arrivals(lambda: find_films(tmp_path / "in"))
    assert poll(arrivals, clock, 30) == ["a.mp4"]
    (tmp_path / "in").rename(tmp_path / "away")
    assert poll(arrivals, clock, 30) == []
    assert len(caplog.messages) == 1
    (tmp_path / "away").rename(tmp_path / "in")
    assert poll(arrivals, clock, 60) == []  # it was told of before
    with pytest.raises(InputError):
        find_films(tmp_path / "gone")
