"""Fitting: what is painted in a hole, what it may depend on, and what happens when memory runs out."""

import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from subremover.errors import DeviceError
from subremover.fill import fit, schedule
from subremover.fill.fit import FitStoppedError, choose_levels, fit_batch
from subremover.fill.jobs import FitJob
from subremover.fill.schedule import fit_jobs
from subremover.options import FitOptions, InputName

QUICK = FitOptions(steps=12, warm_steps=4, decoders=1, channels=8, levels=3)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Pictures this small only wait for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cuda() -> str:
    """A CUDA device; without one the test is skipped, or fails under SUBREMOVER_REQUIRE_CUDA=1."""
    if not torch.cuda.is_available():
        if os.environ.get("SUBREMOVER_REQUIRE_CUDA") == "1":
            pytest.fail("SUBREMOVER_REQUIRE_CUDA=1, but torch sees no CUDA device")
        pytest.skip("needs a CUDA device")
    return "cuda:0"


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
    return FitJob(draw_crop(*size, phase=frame / 30), draw_hole(*size), frame, group)


def as_batch(*jobs: FitJob) -> tuple[Tensor, Tensor]:
    crops = torch.from_numpy(np.stack([job.image for job in jobs])).permute(0, 3, 1, 2)
    known = torch.from_numpy(np.stack([~job.hole for job in jobs])[:, None]).float()
    return crops, known


def hole_error(job: FitJob, picture: np.ndarray) -> float:
    return float(np.abs(picture - job.image)[job.hole].mean())


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal but for rounding; Adam's first steps, all of one length, turn some of it into more."""
    difference = np.abs(one - other)
    assert difference.mean() < 1e-3
    assert difference.max() < 0.03


def test_the_hole_is_painted_from_its_surroundings() -> None:
    job = make_job()
    (picture,) = fit_jobs([job], FitOptions(steps=100, channels=32), "cpu")
    assert picture.shape == job.image.shape
    assert picture.dtype == np.float32
    assert hole_error(job, picture) < 0.04


def test_mix_fills_sooner_than_mse() -> None:
    """Figure 4 of the paper, on a drawn picture."""
    job = make_job()
    errors = {}
    for loss in ("mix", "mse"):
        options = FitOptions(steps=40, channels=32, loss=loss)
        errors[loss] = np.mean(
            [hole_error(job, fit_jobs([replace(job, group=seed)], options, "cpu")[0]) for seed in range(3)]
        )
    assert errors["mix"] < errors["mse"]


@pytest.mark.parametrize("size", [(5, 7), (33, 65), (17, 130), (64, 64)])
@pytest.mark.parametrize("network_input", ["noise", "downsampled"])
def test_any_crop_size(size: tuple[int, int], network_input: InputName) -> None:
    job = make_job(size=size)
    options = replace(QUICK, steps=2, levels=None, input=network_input)
    assert fit_jobs([job], options, "cpu")[0].shape == (*size, 3)
    crops, known = as_batch(job)
    picture, weights = fit_batch(crops, known, replace(options, levels=2), [1])
    assert picture.shape == crops.shape
    assert len(weights) == 1


@pytest.mark.parametrize("network_input", ["noise", "downsampled"])
def test_what_stands_in_the_hole_does_not_matter(network_input: InputName) -> None:
    job = make_job()
    scribbled = job.image.copy()
    scribbled[job.hole] = (1, 0, 1)
    options = replace(QUICK, input=network_input)
    clean, other = (fit_jobs([replace(job, image=i)], options, "cpu")[0] for i in (job.image, scribbled))
    np.testing.assert_array_equal(clean, other)


def test_a_crop_that_is_all_hole_is_no_error() -> None:
    job = replace(make_job(), hole=np.ones((48, 80), np.bool_))
    for network_input in ("noise", "downsampled"):
        options = replace(QUICK, levels=None, input=network_input)
        assert np.isfinite(fit_jobs([job], options, "cpu")[0]).all()


def test_rows_do_not_mix() -> None:
    ours, theirs, others = make_job(0), make_job(40), make_job(80)
    pairs = [fit_batch(*as_batch(ours, other), QUICK, [1, 2])[0] for other in (theirs, others)]
    assert_same(pairs[0][0].numpy(), pairs[1][0].numpy())
    alone = fit_batch(*as_batch(theirs), QUICK, [2])[0]
    assert_same(alone[0].numpy(), pairs[0][1].numpy())


def test_the_result_does_not_depend_on_the_batch_size() -> None:
    jobs = [make_job(frame, group) for group in range(3) for frame in range(3)]
    jobs.append(make_job(0, 9, size=(40, 90)))
    one, four = (fit_jobs(jobs, QUICK, "cpu", size) for size in (1, 4))
    for a, b in zip(one, four, strict=True):
        assert_same(a, b)


def test_seeds_make_it_repeatable() -> None:
    first, again, other = (fit_jobs([make_job(0, group)], QUICK, "cpu")[0] for group in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_noise_on_the_input_is_each_rows_own() -> None:
    options = replace(QUICK, input_noise=0.05)
    jobs = [make_job(0, group) for group in range(3)]
    one, three = (fit_jobs(jobs, options, "cpu", size) for size in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert_same(a, b)
    assert np.abs(one[0] - fit_jobs(jobs[:1], QUICK, "cpu")[0]).max() > 1e-3


def test_a_warm_start_saves_steps() -> None:
    anchor, neighbour = make_job(0), make_job(1)
    options = FitOptions(steps=80, warm_steps=6, channels=16)
    _, weights = fit_batch(*as_batch(anchor), options, [0])
    warm, _ = fit_batch(*as_batch(neighbour), options, [0], start=weights)
    cold, _ = fit_batch(*as_batch(neighbour), replace(options, steps=6), [0])
    errors = [hole_error(neighbour, p[0].permute(1, 2, 0).numpy()) for p in (warm, cold)]
    assert errors[0] < 0.5 * errors[1]


def test_a_warm_start_leaves_its_weights_alone() -> None:
    _, weights = fit_batch(*as_batch(make_job()), QUICK, [0])
    before = weights.detach()
    fit_batch(*as_batch(make_job(1)), QUICK, [0], start=weights)
    torch.testing.assert_close(weights.head, before.head, rtol=0, atol=0)


def test_the_middle_frame_is_the_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, bool]] = []
    real = fit.fit_batch

    def spy(crops: Tensor, *args: object, **more: object) -> object:
        calls.append((len(crops), more["start"] is None))
        return real(crops, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(schedule, "fit_batch", spy)
    jobs = [make_job(frame, group) for group in range(2) for frame in range(3)]
    pictures = fit_jobs(jobs, QUICK, "cpu", 8)
    assert calls == [(2, True), (4, False)]
    (alone,) = fit_jobs([jobs[1]], QUICK, "cpu")
    assert_same(pictures[1], alone)
    calls.clear()
    fit_jobs(jobs, replace(QUICK, warm_steps=0), "cpu", 8)
    assert calls == [(6, True)]


def test_the_paper_preset_builds() -> None:
    options = replace(FitOptions.preset("paper"), steps=1)
    assert fit_jobs([make_job()], options, "cpu")[0].shape == (48, 80, 3)


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
    real = fit.fit_batch

    def cramped(crops: Tensor, *args: object, **more: object) -> object:
        sizes.append(len(crops))
        if len(crops) > 2:
            raise error
        return real(crops, *args, **more)  # type: ignore[arg-type]

    jobs = [make_job(0, group) for group in range(6)]
    expected = fit_jobs(jobs, QUICK, "cpu", 2)
    monkeypatch.setattr(schedule, "fit_batch", cramped)
    found = fit_jobs(jobs, QUICK, "cpu", 6)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_a_crop_too_large_for_the_device_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def cramped(*_args: object, **_more: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(schedule, "fit_batch", cramped)
    with pytest.raises(
        DeviceError, match=r"^cpu ran out of memory fitting 1 crop of 80x48 px; try .*--device"
    ):
        fit_jobs([make_job()], QUICK, "cpu", 4)


def test_other_errors_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> object:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(schedule, "fit_batch", broken)
    with pytest.raises(RuntimeError, match="illegal"):
        fit_jobs([make_job()], QUICK, "cpu", 4)


def test_stop_ends_the_loop() -> None:
    asked = iter([False] * 3 + [True])
    with pytest.raises(FitStoppedError):
        fit_jobs([make_job()], replace(QUICK, steps=10_000), "cpu", 1, lambda: next(asked))


@pytest.mark.cuda
def test_cuda_paints_what_the_cpu_paints(cuda: str) -> None:
    jobs = [make_job(frame) for frame in range(3)]
    options = FitOptions(steps=100, warm_steps=10, channels=32)
    for job, one, other in zip(jobs, *(fit_jobs(jobs, options, d) for d in ("cpu", cuda)), strict=True):
        assert np.abs(one - other)[job.hole].mean() < 0.03
        assert hole_error(job, other) < 0.04
