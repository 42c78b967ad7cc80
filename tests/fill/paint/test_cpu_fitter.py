"""Fitting: what is painted in a hole, what it may depend on, and what happens when memory runs out."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fit_jobs import fill
from tiny_runs import change_fit
from torch import Tensor

from subremover.errors import DeviceError
from subremover.fill.paint import rows, schedule
from subremover.fill.paint.cpu_fitter import CpuFitter
from subremover.fill.paint.holdout import Trust
from subremover.fill.paint.jobs import FitJob
from subremover.fill.paint.rows import FitStoppedError, Row
from subremover.options import FitOptions, InputName, PaintOptions
from subremover.untrained import batched_adam
from subremover.untrained.batched_adam import BatchedAdam
from subremover.untrained.cuda_graph import start_anew
from subremover.untrained.deep_decoder import DecoderWeights, choose_levels
from subremover.untrained.restore import restore

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = PaintOptions(FitOptions(steps=12, channels=8, levels=3), warm_steps=4, decoders=1, holdout=False)


def draw_crop(height: int = 48, width: int = 80, phase: float = 0.0) -> np.ndarray:
    """(height, width, 3) float32: soft stripes and a slope."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    planes = [0.5 + 0.3 * np.sin((x + y) / 9 + phase), y / height, 0.5 + 0.3 * np.cos(x / 13 - phase)]
    return np.stack(planes, -1).astype(np.float32)


def draw_hole(height: int = 48, width: int = 80) -> np.ndarray:
    hole = np.zeros((height, width), np.bool_)
    hole[height // 2 - 4 : height // 2 + 4, width // 4 : width * 3 // 4] = True
    return hole


def make_job(frame: int = 0, group: int = 0, size: tuple[int, int] = (48, 80)) -> FitJob:
    hole = draw_hole(*size)
    return FitJob(draw_crop(*size, phase=frame / 30), hole, frame, group, unknown(hole))


def unknown(hole: np.ndarray) -> np.ndarray:
    """The error where nothing was borrowed."""
    return np.where(hole, np.float32(np.inf), np.float32(0))


def paint(
    jobs: Sequence[FitJob], options: PaintOptions, device: str = "cpu", size: int | None = None
) -> list[np.ndarray]:
    """The pictures of the fills."""
    return [one.picture for one in fill(jobs, options, device, size)]


def as_batch(*jobs: FitJob) -> tuple[Tensor, Tensor]:
    crops = torch.from_numpy(np.stack([job.image for job in jobs])).permute(0, 3, 1, 2)
    known = torch.from_numpy(np.stack([~job.hole for job in jobs])[:, None]).float()
    return crops, known


def restore_jobs(seeds: Sequence[int], *jobs: FitJob) -> Tensor:
    crops, known = as_batch(*jobs)
    return restore(crops, QUICK.fit, known=known, seeds=seeds).pictures


def hole_error(job: FitJob, picture: np.ndarray) -> float:
    return float(np.abs(picture - job.image)[job.hole].mean())


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal but for rounding; Adam's first steps, all of one length, turn some of it into more."""
    difference = np.abs(one - other)
    assert difference.mean() < 1e-3
    assert difference.max() < 0.03


def test_the_hole_is_painted_from_its_surroundings() -> None:
    job = make_job()
    (picture,) = paint([job], PaintOptions(FitOptions(steps=100, channels=32)))
    assert picture.shape == job.image.shape
    assert picture.dtype == np.float32
    assert hole_error(job, picture) < 0.04


def test_mix_fills_sooner_than_mse() -> None:
    """Figure 4 of the paper, on a drawn picture."""
    job = make_job()
    errors = {}
    for loss in ("mix", "mse"):
        options = PaintOptions(FitOptions(steps=40, channels=32, loss=loss))
        errors[loss] = np.mean(
            [hole_error(job, paint([replace(job, group=seed)], options)[0]) for seed in range(3)]
        )
    assert errors["mix"] < errors["mse"]


@pytest.mark.parametrize("size", [(5, 7), (33, 65), (17, 130), (64, 64)])
@pytest.mark.parametrize("network_input", ["noise", "downsampled"])
def test_any_crop_size(size: tuple[int, int], network_input: InputName) -> None:
    job = make_job(size=size)
    options = change_fit(QUICK, steps=2, levels=None, input=network_input)
    assert paint([job], options)[0].shape == (*size, 3)
    crops, known = as_batch(job)
    if network_input == "noise":
        restored = restore(crops, replace(options.fit, levels=2), known=known)
        assert restored.pictures.shape == crops.shape
        assert len(restored.weights) == 1


@pytest.mark.parametrize("network_input", ["noise", "downsampled"])
def test_what_stands_in_the_hole_does_not_matter(network_input: InputName) -> None:
    job = make_job()
    scribbled = job.image.copy()
    scribbled[job.hole] = (1, 0, 1)
    options = change_fit(QUICK, input=network_input)
    clean, other = (paint([replace(job, image=i)], options)[0] for i in (job.image, scribbled))
    np.testing.assert_array_equal(clean, other)


def test_a_crop_that_is_all_hole_is_no_error() -> None:
    job = replace(make_job(), hole=np.ones((48, 80), np.bool_), error=unknown(np.ones((48, 80), np.bool_)))
    for network_input in ("noise", "downsampled"):
        options = change_fit(QUICK, levels=None, input=network_input)
        assert np.isfinite(paint([job], options)[0]).all()


def test_rows_do_not_mix() -> None:
    ours, theirs, others = make_job(0), make_job(40), make_job(80)
    pairs = [restore_jobs([1, 2], ours, other) for other in (theirs, others)]
    assert_same(pairs[0][0].numpy(), pairs[1][0].numpy())
    alone = restore_jobs([2], theirs)
    assert_same(alone[0].numpy(), pairs[0][1].numpy())


def test_the_result_does_not_depend_on_the_batch_size() -> None:
    jobs = [make_job(frame, group) for group in range(3) for frame in range(3)]
    jobs.append(make_job(0, 9, size=(40, 90)))
    one, four = (paint(jobs, QUICK, size=size) for size in (1, 4))
    for a, b in zip(one, four, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_result_does_not_depend_on_the_threads() -> None:
    jobs = [make_job(frame, group) for group in range(2) for frame in range(4)]
    one = paint(jobs, QUICK)
    torch.set_num_threads(2)
    for a, b in zip(one, paint(jobs, QUICK), strict=True):
        np.testing.assert_array_equal(a, b)


def test_seeds_make_it_repeatable() -> None:
    first, again, other = (paint([make_job(0, group)], QUICK)[0] for group in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_noise_on_the_input_is_each_rows_own() -> None:
    options = change_fit(QUICK, input_noise=0.05)
    jobs = [make_job(0, group) for group in range(3)]
    one, three = (paint(jobs, options, size=size) for size in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert_same(a, b)
    assert np.abs(one[0] - paint(jobs[:1], QUICK)[0]).max() > 1e-3


def test_a_warm_start_saves_steps() -> None:
    jobs = [make_job(0), make_job(1)]  # the second is the anchor
    options = PaintOptions(FitOptions(steps=80, channels=16), 6, 1, holdout=False, warm_start="previous")
    warm, cold = paint(jobs, options)[0], paint(jobs[:1], change_fit(options, steps=6))[0]
    assert hole_error(jobs[0], warm) < 0.5 * hole_error(jobs[0], cold)


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int, bool]]:
    """Of all rows that came into the batch together: how many, their steps, whether warm."""
    calls: list[tuple[int, int, bool]] = []
    real = BatchedAdam.put

    def spy(self: BatchedAdam[DecoderWeights], *args: Any) -> None:
        (steps, rate), *others = {(settings.steps, settings.rate) for settings in args[-1]}
        assert not others
        calls.append((len(args[0]), steps, rate < QUICK.fit.learning_rate))
        real(self, *args)

    monkeypatch.setattr(BatchedAdam, "put", spy)
    return calls


def test_the_middle_frame_is_the_anchor(puts: list[tuple[int, int, bool]]) -> None:
    jobs = [make_job(frame, group) for group in range(2) for frame in (0, 20, 40)]
    pictures = paint(jobs, QUICK, size=8)
    assert puts == [(2, 12, False), (3, 4, True), (3, 4, True)]
    (alone,) = paint([jobs[1]], QUICK)
    assert_same(pictures[1], alone)
    puts.clear()
    paint(jobs, replace(QUICK, warm_start="off"), size=8)
    assert puts == [(6, 12, False)]


def test_from_the_anchor_on_each_frame_starts_from_its_neighbour(puts: list[tuple[int, int, bool]]) -> None:
    jobs = [make_job(frame) for frame in range(0, 100, 20)]
    pictures = paint(jobs, replace(QUICK, warm_start="previous"), size=8)
    assert puts == [(1, 12, False), (2, 4, True), (2, 4, True)]
    from_anchor = paint(jobs, QUICK, size=8)
    for index in (1, 3):
        assert_same(pictures[index], from_anchor[index])
    assert not np.array_equal(pictures[0], from_anchor[0])


def test_the_holdout_is_fitted_along_with_the_anchor(
    puts: list[tuple[int, int, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "trust_tried", lambda *_: Trust(np.ones(1), 0.05))
    options = replace(change_fit(QUICK, steps=20), holdout=True)
    jobs = [make_job(frame, group) for group in range(2) for frame in (0, 20, 40)]
    paint(jobs, options, size=8)
    assert puts == [(4, 20, False), (3, 4, True), (3, 4, True)]
    puts.clear()
    paint(jobs, replace(options, warm_start="off"), size=8)
    assert puts == [(8, 20, False), (4, 20, False)]


def test_a_holdout_trusts_no_decoder_that_paints_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the decoder cannot beat the smooth continuation, it must not lose to it."""
    real = BatchedAdam.take

    def scribble(self: BatchedAdam[DecoderWeights], slots: Sequence[int]) -> tuple[Tensor, DecoderWeights]:
        pictures, weights = real(self, slots)
        generator = torch.Generator().manual_seed(1)
        noise = torch.rand(pictures.shape[1:], generator=generator)  # the same by all: they agree on it
        return noise.expand_as(pictures), weights

    monkeypatch.setattr(BatchedAdam, "take", scribble)
    jobs = [make_job(frame) for frame in range(3)]
    errors = [
        hole_error(jobs[0], paint(jobs, replace(QUICK, decoders=2, holdout=holdout))[0])
        for holdout in (False, True)
    ]
    assert errors[1] < 0.5 * errors[0]


def lend(job: FitJob, error: float, where: np.ndarray | None = None) -> FitJob:
    """The job with its hole borrowed, there or everywhere; elsewhere it shows what must not be looked at."""
    is_lent = job.hole if where is None else job.hole & where
    image = np.where((job.hole & ~is_lent)[..., None], np.float32(np.nan), job.image)
    return replace(job, image=image, error=np.where(is_lent, np.float32(error), job.error))


def test_well_borrowed_holes_cost_nothing_and_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BatchedAdam", None)
    job = lend(make_job(), 3 / 255)
    (found,) = fill([job], QUICK)
    np.testing.assert_array_equal(found.picture, job.image)
    assert not found.fitted.any()


def test_a_few_bare_pixels_are_filled_without_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "BatchedAdam", None)
    where = np.ones((48, 80), np.bool_)
    where[24, 40] = False
    truth = make_job()
    (found,) = fill([lend(truth, 3 / 255, where)], QUICK)
    assert found.fitted[24, 40] == 1
    assert np.abs(found.picture - truth.image).max() < 0.02


@pytest.mark.parametrize("holdout", [False, True])
def test_bare_pixels_are_painted_and_borrowed_ones_kept(holdout: bool) -> None:
    truth = make_job()
    where = np.zeros((48, 80), np.bool_)
    where[:, :44] = True
    options = PaintOptions(FitOptions(steps=60, channels=16), holdout=holdout)
    job = lend(truth, 2 / 255, where)
    (found,) = fill([job], options)
    bare = job.hole & ~where
    assert (found.fitted[bare] == 1).all()
    assert (found.fitted[~job.hole] == 0).all()
    np.testing.assert_array_equal(found.picture[:, :40], truth.image[:, :40])
    assert np.isfinite(found.picture).all()
    assert np.abs(found.picture - truth.image)[bare].mean() < 0.05
    assert np.abs(found.picture - truth.image)[:, 40:48].max() < 0.1  # no edge where they meet


def test_a_bad_loan_is_painted_over() -> None:
    truth = make_job()
    job = lend(truth, 0.5)
    job = replace(job, image=np.where(job.hole[..., None], 1 - job.image, job.image))
    (found,) = fill([job], PaintOptions(FitOptions(steps=60, channels=16)))
    assert hole_error(truth, found.picture) < 0.06


def test_the_paper_preset_builds() -> None:
    options = change_fit(PaintOptions.preset("paper"), steps=1)
    assert paint([make_job()], options)[0].shape == (48, 80, 3)


@pytest.mark.parametrize(
    ("radius_px", "size", "levels"),
    [(0, (128, 400), 5), (8, (128, 400), 5), (24, (128, 400), 6), (40, (256, 400), 7), (3, (20, 400), 5)],
)
def test_depth_follows_the_hole(radius_px: int, size: tuple[int, int], levels: int) -> None:
    hole = np.zeros(size, np.bool_)
    if radius_px:
        middle = size[0] // 2
        hole[middle - radius_px : middle + radius_px, 30:-30] = True
    assert choose_levels(hole, size) == levels


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory"), MemoryError()],
)
def test_out_of_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    sizes: list[int] = []

    def cramped(network: Any, like: Any, targets: tuple[int, ...], **more: Any) -> BatchedAdam[Any]:
        sizes.append(targets[0])
        if targets[0] > 2:
            raise error
        return BatchedAdam(network, like, targets, **more)  # type: ignore[arg-type]

    jobs = [make_job(0, group) for group in range(6)]
    options = replace(QUICK, warm_start="off")
    expected = paint(jobs, options, size=2)
    monkeypatch.setattr(rows, "BatchedAdam", cramped)
    found = paint(jobs, options, size=6)
    assert sizes == [6, *[3, 1, 1, 1] * 2]
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_a_crop_too_large_for_the_device_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def cramped(*_args: object, **_more: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(rows, "BatchedAdam", cramped)
    with pytest.raises(
        DeviceError, match=r"^cpu ran out of memory fitting 1 crop of 80x48 px; try .*--device"
    ):
        paint([make_job()], QUICK, size=4)


def test_other_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> object:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(rows, "BatchedAdam", broken)
    with pytest.raises(RuntimeError, match="illegal"):
        paint([make_job()], QUICK, size=4)


def test_stop_ends_what_is_under_way_and_what_is_asked_for_until_it_goes_on() -> None:
    fitter = CpuFitter(QUICK.fit)
    endless = Row(make_job(), 0, 3, 10_000_000)
    (begun,) = fitter.fit([endless])
    fitter.stop()
    (late,) = fitter.fit([endless])
    for future in (begun, late):
        with pytest.raises(FitStoppedError):
            future.result(30)
    fitter.resume()
    (again,) = fitter.fit([replace(endless, steps=1)])
    assert again.result(30).picture.shape == (48, 80, 3)
    fitter.close()


@pytest.mark.cuda
def test_cuda_replays_the_step_that_it_captured(cuda: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [make_job(frame, group) for group in range(2) for frame in range(5)]
    options = replace(QUICK, holdout=True, decoders=2)
    replayed, again = paint(jobs, options, cuda, 3), paint(jobs, options, cuda, 3)
    monkeypatch.setattr(batched_adam, "capture", start_anew)
    for one, two, other in zip(replayed, again, paint(jobs, options, cuda, 3), strict=True):
        np.testing.assert_array_equal(one, two)
        assert_same(one, other)


@pytest.mark.cuda
def test_cuda_paints_what_the_cpu_paints(cuda: str) -> None:
    jobs = [make_job(frame) for frame in range(3)]
    options = PaintOptions(FitOptions(steps=100, channels=32), warm_steps=10)
    for job, one, other in zip(jobs, *(paint(jobs, options, d) for d in ("cpu", cuda)), strict=True):
        assert np.abs(one - other)[job.hole].mean() < 0.03
        assert hole_error(job, other) < 0.04
