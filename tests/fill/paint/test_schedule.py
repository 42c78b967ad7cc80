"""Which jobs are worth a decoder; how the decoders are fitted is tested in test_fill_fit.py."""

import cv2
import numpy as np
import pytest

from subremover.fill.paint import schedule
from subremover.fill.paint.jobs import Fill, FitJob
from subremover.fill.paint.schedule import fit_jobs
from subremover.options import FitOptions, PaintOptions

SIZE = (64, 96)
OPTIONS = PaintOptions(FitOptions(steps=3, channels=8), warm_steps=2)
HOLE = np.zeros(SIZE, bool)
HOLE[26:38, 24:72:8] = HOLE[26:38, 25:72:8] = HOLE[26:38, 26:72:8] = True


def _texture(contrast=0.35):
    noise = np.random.default_rng(2).uniform(-1, 1, (*SIZE, 3)).astype(np.float32)
    return (0.5 + contrast * np.tanh(8 * cv2.GaussianBlur(noise, (0, 0), 1.5))).astype(np.float32)


def _job(frame, error, picture=None, borrowed=None):
    image = (_texture() if picture is None else picture).copy()
    if borrowed is not None:
        image[HOLE] = borrowed
    return FitJob(image, HOLE, frame, 0, np.where(HOLE, np.float32(error), np.float32(0)).astype(np.float32))


@pytest.fixture
def fitted(monkeypatch):
    """Frames that a decoder was fitted to."""
    frames = set()
    original = schedule.BatchFitter.add

    def add(self, rows):
        frames.update(row.job.frame for row in rows.values())
        original(self, rows)

    monkeypatch.setattr(schedule.BatchFitter, "add", add)
    return frames


def test_what_was_borrowed_well_stays_as_it_is(fitted):
    jobs = [_job(frame, 2 / 255) for frame in range(4)]
    for job, fill in zip(jobs, fit_jobs([jobs], OPTIONS, "cpu")[0], strict=True):
        assert (fill.picture == job.image).all()
        assert not fill.fitted.any()
    assert not fitted


def test_what_nobody_shows_is_painted(fitted):
    fills = fit_jobs([[_job(frame, np.inf, borrowed=np.nan) for frame in range(4)]], OPTIONS, "cpu")[0]
    assert fitted == {0, 1, 2, 3}
    for fill in fills:
        assert np.isfinite(fill.picture).all()
        assert (fill.fitted[HOLE] == 1).all()
        assert not fill.fitted[~HOLE].any()


def test_a_doubt_that_is_less_than_the_decoders_own_is_worth_none(fitted):
    ((fill,),) = fit_jobs([[_job(0, 20 / 255)]], OPTIONS, "cpu")  # on wild texture nothing is nearer
    assert not fitted
    assert fill.fitted[HOLE].mean() < 0.1


def test_on_a_plain_wall_what_was_borrowed_badly_gives_way_to_it_without_a_fit(fitted):
    wall = np.full((*SIZE, 3), 0.6, np.float32)
    error = np.where(np.arange(SIZE[1]) < 27, 60 / 255, 2 / 255)  # one letter in six
    job = FitJob(
        np.where((HOLE & (error > 0.1))[..., None], np.float32(0.2), wall), HOLE, 0, 0,
        np.where(HOLE, error, 0).astype(np.float32),
    )  # fmt: skip
    ((fill,),) = fit_jobs([[job]], OPTIONS, "cpu")
    assert not fitted
    assert np.abs(fill.picture - wall).max() < 0.02


def test_only_the_frames_that_are_open_are_fitted(fitted):
    jobs = [_job(frame, np.inf if frame in (2, 3) else 2 / 255) for frame in range(6)]
    fills = fit_jobs([jobs], OPTIONS, "cpu")[0]
    assert fitted == {2, 3}
    assert [bool(fill.fitted.any()) for fill in fills] == [False, False, True, True, False, False]


def test_no_jobs_no_fills():
    fills: list[list[Fill]] = fit_jobs([[], []], OPTIONS, "cpu")
    assert fills == [[], []]
    assert fit_jobs([], OPTIONS, "cpu") == []


def test_lists_share_batches_and_nothing_else():
    lists = [[_job(frame, np.inf) for frame in range(first, first + 3)] for first in (0, 1, 7)]
    for together, jobs in zip(fit_jobs(lists, OPTIONS, "cpu"), lists, strict=True):
        for one, alone in zip(together, fit_jobs([jobs], OPTIONS, "cpu")[0], strict=True):
            np.testing.assert_array_equal(one.picture, alone.picture)
