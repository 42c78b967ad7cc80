from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fit_jobs import fill
from media import draw_film

from subremover.errors import UsageError
from subremover.fill.paint.jobs import FitJob
from subremover.geometry import Box
from subremover.memory import (
    LEAST_SHARE,
    Limits,
    check_render,
    count_render_bytes,
    count_scan_bytes,
    find_largest_crop,
    limit_render,
    limit_scan,
)
from subremover.options import FitOptions, Options, PaintOptions, PoolOptions
from subremover.parsing import parse_size
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.untrained.device_memory import count_row_bytes
from subremover.video.encode.encoders import choose_encoding
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


def limit(film: Film, plan: Plan, options: Options) -> Limits:
    limits = limit_scan(film, options.max_memory_bytes)
    return limit_render(film, plan, options, limits, lambda: choose_encoding(film, options.encode))


def check(film: Film, options: Options) -> None:
    check_render(film, options, lambda: choose_encoding(film, options.encode))


def test_without_a_limit_all_stays(film: Film) -> None:
    plan = make_plan(film, (0, 3, Box(900, 1800, 2000, 200)))
    for options in (Options(pool=CPU), Options(pool=CPU, max_memory_bytes=PLENTY)):
        assert limit(film, plan, options) == Limits()


def test_less_memory_less_in_hand(film: Film) -> None:
    options, plan = Options(pool=CPU), make_plan(film, (0, 3, Box(900, 1800, 1000, 100)))
    encoder, crop = choose_encoding(film, options.encode).encoder, find_largest_crop(film, plan)
    most = count_render_bytes(film, options, encoder, ["cpu"], crop=crop, share=1)
    least = count_render_bytes(film, options, encoder, ["cpu"], crop=crop, share=LEAST_SHARE)
    shares = []
    for bytes_ in np.linspace(least, most, 5).astype(int).tolist():
        limited = limit(film, plan, replace(options, max_memory_bytes=bytes_))
        shares.append(limited.render_share)
        assert count_render_bytes(film, options, encoder, ["cpu"], crop=crop, share=shares[-1]) <= bytes_
        assert (limited.fit_bytes is None) == (shares[-1] == 1)
    assert shares == sorted(shares)
    assert shares[0] < 0.3
    assert shares[-1] == 1


def test_too_little_is_refused_with_what_is_needed(film: Film) -> None:
    options = Options(pool=CPU, max_memory_bytes=900 << 20)
    with pytest.raises(
        UsageError, match=r"--max-memory 900M does not .* \(3840x2160 px\); it needs \d+M"
    ) as refusal:
        check(film, options)
    needed = parse_size(str(refusal.value).rpartition(" ")[2])
    with pytest.raises(UsageError, match="it needs"):
        check(film, replace(options, max_memory_bytes=needed - (2 << 20)))
    enough = replace(options, max_memory_bytes=needed)
    check(film, enough)
    share = limit_scan(film, needed).scan_share
    assert share >= LEAST_SHARE
    assert count_scan_bytes(film, share) <= needed
    # what is known before the scan is not all: a larger hole takes more
    plan = make_plan(film, (0, 3, Box(100, 1500, 3600, 500)))
    with pytest.raises(UsageError, match="it needs"):
        limit(film, plan, enough)


def test_a_scan_needs_less_than_a_film(film: Film) -> None:
    scan = count_scan_bytes(film, LEAST_SHARE)
    assert limit_scan(film, scan).scan_share < 1
    with pytest.raises(UsageError, match="it needs"):
        check(film, Options(pool=CPU, max_memory_bytes=scan))
    with pytest.raises(UsageError, match="it needs"):
        limit_scan(film, scan - 1)


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
        options = PaintOptions(FitOptions(steps=4, channels=8, levels=2), warm_steps=2)
        free = fill(self.jobs(), options)
        tight = fill(self.jobs(), options, max_bytes=int(crops * count_row_bytes(8, 32, 96)))
        for one, other in zip(free, tight, strict=True):
            assert np.array_equal(one.picture, other.picture)


def test_a_film_comes_out_under_a_limit(tmp_path: Path) -> None:
    from subremover.api import remove_subtitles

    source = draw_film(tmp_path / "a.mp4", 12, subtitles=((3, 8, "Words"),)).path
    paint = PaintOptions(FitOptions(steps=2, channels=4), warm_steps=1, decoders=1, holdout=False)
    options = Options(paint=paint, pool=CPU, max_memory_bytes=1200 << 20)
    assert remove_subtitles(source, tmp_path / "b.mp4", options).output_bytes > 0
    with pytest.raises(UsageError, match="it needs"):
        remove_subtitles(source, tmp_path / "c.mp4", replace(options, max_memory_bytes=100 << 20))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]
