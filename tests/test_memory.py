from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from media import draw_film

from subremover.errors import UsageError
from subremover.fill.paint.jobs import FitJob, count_row_bytes
from subremover.fill.paint.schedule import fit_jobs
from subremover.geometry import Box
from subremover.memory import (
    LEAST_SHARE,
    check_render,
    count_render_bytes,
    count_scan_bytes,
    find_largest_crop,
    limit_render,
    limit_scan,
)
from subremover.options import FitOptions, Options, PoolOptions
from subremover.parsing import parse_size
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.video.film import Film
from subremover.video.read.probe import probe

CPU = PoolOptions(device="cpu")
PLENTY = 1 << 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Said to be of 4K: nothing of it is decoded."""
    film = probe(draw_film(tmp_path_factory.mktemp("film") / "a.mkv", 4, audio=False).path)
    return replace(film, width=3840, height=2160)


def make_plan(film: Film, *events: tuple[int, int, Box]) -> Plan:
    made = [
        Event(
            first,
            last,
            box,
            np.ones((box.height, box.width), bool),
            np.empty(0, np.float32),
            "",
            "subtitle",
            True,
        )
        for first, last, box in events
    ]
    return Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 3),), tuple(made))


def test_without_a_limit_all_stays(film: Film) -> None:
    plan = make_plan(film, (0, 3, Box(900, 1800, 2000, 200)))
    for options in (Options(pool=CPU), Options(pool=CPU, max_memory_bytes=PLENTY)):
        assert limit_render(film, plan, limit_scan(film, options)) == options


def test_less_memory_less_in_hand(film: Film) -> None:
    options, plan = Options(pool=CPU), make_plan(film, (0, 3, Box(900, 1800, 1000, 100)))
    crop = find_largest_crop(film, plan)
    most = count_render_bytes(film, options, ["cpu"], crop, 1)
    least = count_render_bytes(film, options, ["cpu"], crop, LEAST_SHARE)
    shares = []
    for limit in np.linspace(least, most, 5).astype(int).tolist():
        limited = limit_render(film, plan, replace(options, max_memory_bytes=limit))
        shares.append(limited.borrow.memory_share)
        assert count_render_bytes(film, options, ["cpu"], crop, shares[-1]) <= limit
        assert (limited.pool.max_bytes is None) == (shares[-1] == 1)
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert shares[-1] == 1


def test_too_little_is_refused_with_what_is_needed(film: Film) -> None:
    options = Options(pool=CPU, max_memory_bytes=900 << 20)
    with pytest.raises(
        UsageError, match=r"--max-memory 900M does not .* \(3840x2160 px\); it needs \d+M"
    ) as refusal:
        check_render(film, limit_scan(film, options))
    needed = parse_size(str(refusal.value).rpartition(" ")[2])
    with pytest.raises(UsageError, match="it needs"):
        check_render(film, replace(options, max_memory_bytes=needed - (2 << 20)))
    limited = limit_scan(film, replace(options, max_memory_bytes=needed))
    check_render(film, limited)
    assert limited.scan.memory_share >= LEAST_SHARE
    assert count_scan_bytes(film, limited.scan.memory_share) <= needed
    # what is known before the scan is not all: a larger hole takes more
    plan = make_plan(film, (0, 3, Box(100, 1500, 3600, 500)))
    with pytest.raises(UsageError, match="it needs"):
        limit_render(film, plan, limited)


def test_a_scan_needs_less_than_a_film(film: Film) -> None:
    scan = count_scan_bytes(film, LEAST_SHARE)
    options = Options(pool=CPU, max_memory_bytes=scan)
    assert limit_scan(film, options).scan.memory_share < 1
    with pytest.raises(UsageError, match="it needs"):
        check_render(film, options)
    with pytest.raises(UsageError, match="it needs"):
        limit_scan(film, replace(options, max_memory_bytes=scan - 1))


def test_holes_that_meet_make_one_crop(film: Film) -> None:
    low, lower, far = Box(1000, 1700, 500, 100), Box(1000, 1850, 500, 100), Box(1000, 100, 500, 100)
    assert find_largest_crop(film, make_plan(film, (0, 1, low), (2, 3, lower), (0, 3, far))) == 640 * 256
    assert find_largest_crop(film, make_plan(film, (0, 2, low), (2, 3, lower), (0, 3, far))) == 640 * 384
    assert find_largest_crop(film, make_plan(film)) == 0


class TestFit:
    """What a CPU fits at once."""

    @staticmethod
    def jobs() -> list[FitJob]:
        rng = np.random.default_rng(0)
        hole = np.zeros((32, 96), bool)
        hole[10:20, 30:60] = True
        error = np.where(hole, np.float32(np.inf), np.float32(0))
        return [FitJob(rng.random((32, 96, 3), np.float32), hole, frame, 0, error) for frame in range(3)]

    @pytest.mark.parametrize("crops", [0.5, 1, 4])
    def test_the_limit_does_not_change_what_is_painted(self, crops: float) -> None:
        options = FitOptions(steps=4, warm_steps=2, channels=8, levels=2)
        [free] = fit_jobs([self.jobs()], options, "cpu")
        [tight] = fit_jobs([self.jobs()], options, "cpu", max_bytes=int(crops * count_row_bytes(8, 32, 96)))
        for one, other in zip(free, tight, strict=True):
            assert np.array_equal(one.picture, other.picture)


def test_a_film_comes_out_under_a_limit(tmp_path: Path) -> None:
    from subremover.pipeline import remove_subtitles

    source = draw_film(tmp_path / "a.mp4", 12, subtitles=((3, 8, "Words"),)).path
    fit = FitOptions(steps=2, warm_steps=1, channels=4, decoders=1, trial=False)
    options = Options(fit=fit, pool=CPU, max_memory_bytes=1200 << 20)
    assert remove_subtitles(source, tmp_path / "b.mp4", options).output_bytes > 0
    with pytest.raises(UsageError, match="it needs"):
        remove_subtitles(source, tmp_path / "c.mp4", replace(options, max_memory_bytes=100 << 20))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
