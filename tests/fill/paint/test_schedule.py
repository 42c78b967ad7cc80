"""Which jobs are worth a decoder; how the decoders are fitted is tested in test_cpu_fitter.py."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from fit_jobs import fill

from subremover.fill.paint.cpu_fitter import CpuFitter
from subremover.fill.paint.jobs import FitJob
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
    original = CpuFitter.fit

    def fit(self, rows):
        frames.update(row.job.frame for row in rows)
        return original(self, rows)

    monkeypatch.setattr(CpuFitter, "fit", fit)
    return frames


def test_what_was_borrowed_well_stays_as_it_is(fitted):
    jobs = [_job(frame, 2 / 255) for frame in range(4)]
    for job, found in zip(jobs, fill(jobs, OPTIONS), strict=True):
        assert (found.picture == job.image).all()
        assert not found.fitted.any()
    assert not fitted


def test_what_nobody_shows_is_painted(fitted):
    fills = fill([_job(frame, np.inf, borrowed=np.nan) for frame in range(4)], OPTIONS)
    assert fitted
    for one in fills:
        assert np.isfinite(one.picture).all()
        assert (one.fitted[HOLE] == 1).all()
        assert not one.fitted[~HOLE].any()


def test_frames_that_stand_still_are_painted_once(fitted):
    still = [_job(frame, np.inf, borrowed=np.nan) for frame in range(5)]
    first, *others = fill(still, OPTIONS)
    assert fitted == {2}
    for one in others:
        assert (one.picture == first.picture).all()


def test_what_was_painted_once_takes_the_light_of_each_frame(fitted):
    wall = np.clip(_texture(0.1), 0.2, 0.8)
    jobs = [_job(frame, np.inf, picture=wall + np.float32(0.01 * frame)) for frame in range(3)]
    fills = fill(jobs, OPTIONS)
    assert fitted == {1}
    light = [one.picture[HOLE].mean() for one in fills]
    assert np.diff(light) == pytest.approx([0.01, 0.01], abs=2e-3)


def test_frames_that_look_otherwise_are_fitted_anew(fitted):
    turned = np.ascontiguousarray(_texture()[::-1])
    jobs = [_job(frame, np.inf, turned if frame == 4 else None, borrowed=np.nan) for frame in range(5)]
    fill(jobs, replace(OPTIONS, decoders=1, holdout=False))
    assert fitted == {2, 4}


@pytest.mark.parametrize(("frames", "decoders"), [(2, 2), (6, 3)])
def test_what_sharing_saves_pays_for_another_decoder(monkeypatch, frames, decoders):
    asked = set()
    original = CpuFitter.fit

    def fit(self, rows):
        asked.update(row.decoder for row in rows)
        return original(self, rows)

    monkeypatch.setattr(CpuFitter, "fit", fit)
    fill([_job(frame, np.inf, borrowed=np.nan) for frame in range(frames)], OPTIONS)
    assert len(asked) == decoders


@pytest.mark.parametrize("warm_start", ["previous", "off"])
def test_all_frames_are_fitted_on_demand(fitted, warm_start):
    jobs = [_job(frame, np.inf, borrowed=np.nan) for frame in range(4)]
    fill(jobs, replace(OPTIONS, decoders=1, holdout=False, warm_start=warm_start))
    assert fitted == {0, 1, 2, 3}


def test_a_doubt_that_is_less_than_the_decoders_own_is_worth_none(fitted):
    (found,) = fill([_job(0, 20 / 255)], OPTIONS)  # on wild texture nothing is nearer
    assert not fitted
    assert found.fitted[HOLE].mean() < 0.1


def test_on_a_plain_wall_what_was_borrowed_badly_gives_way_to_it_without_a_fit(fitted):
    wall = np.full((*SIZE, 3), 0.6, np.float32)
    error = np.where(np.arange(SIZE[1]) < 27, 60 / 255, 2 / 255)  # one letter in six
    job = FitJob(
        np.where((HOLE & (error > 0.1))[..., None], np.float32(0.2), wall), HOLE, 0, 0,
        np.where(HOLE, error, 0).astype(np.float32),
    )  # fmt: skip
    (found,) = fill([job], OPTIONS)
    assert not fitted
    assert np.abs(found.picture - wall).max() < 0.02


def test_only_the_frames_that_are_open_are_fitted(fitted):
    jobs = [_job(frame, np.inf if frame in (2, 3) else 2 / 255) for frame in range(6)]
    fills = fill(jobs, OPTIONS)
    assert fitted == {3}
    assert [bool(one.fitted.any()) for one in fills] == [False, False, True, True, False, False]
