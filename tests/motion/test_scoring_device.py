"""Judging on a torch device: the same as OpenCV's, whatever fails on the way."""

import logging
from contextlib import nullcontext
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from footage_film import BOX, draw_footage, hole_psnr
from torch.backends import cuda
from torch.utils._python_dispatch import TorchDispatchMode

from subremover.errors import WorkerError
from subremover.fill.borrow import Borrower
from subremover.fill.holes import Hole
from subremover.motion import align, scoring
from subremover.motion.align import View, Warp, warp_by, warp_still
from subremover.motion.device import DeviceStreams
from subremover.motion.normalised_convolution import SIGMAS_PX, NormalisedConvolution
from subremover.motion.normalised_convolution_device import DeviceNormalisedConvolution
from subremover.motion.scoring import OFFSET_SIGMAS_PX
from subremover.motion.scoring_device import OFFSET, DeviceScorer
from subremover.options import BorrowOptions
from subremover.runtime.profile import measure

pytestmark = pytest.mark.usefixtures("one_thread")

CAMERA = np.array([[1.01, 0.02, -0.7], [0.01, 0.99, 0.4], [1e-5, 0, 1]])


def _scene(size: tuple[int, int], dx: int = 0) -> np.ndarray:
    rng = np.random.default_rng(3)
    texture = np.tanh(6 * cv2.GaussianBlur(rng.uniform(-1, 1, (300, 800, 3)).astype(np.float32), (0, 0), 1.5))
    moved = texture[40 : 40 + size[0], 40 + dx : 40 + dx + size[1]]
    grain = np.random.default_rng(99 + dx).normal(0, 3, moved.shape)
    return np.clip(127 + 90 * moved + grain + 2 * dx, 0, 255).astype(np.uint8)


def _hole(size: tuple[int, int]) -> np.ndarray:
    hole = np.zeros(size, bool)
    part = hole[size[0] // 3 : 2 * size[0] // 3, size[1] // 5 : 4 * size[1] // 5]
    part[:] = np.random.default_rng(5).random(part.shape) < 0.7
    return hole


def _warps(size: tuple[int, int]) -> list[Warp]:
    """Of every kind, some leading outside, some of sources with holes, or of nothing but a hole."""
    warps = []
    for i in range(9):
        known = np.ones(size, bool)
        known[: (0, size[0] // 2, 0)[i % 3]] = False
        source = View(_scene(size, i - 4), known & (i != 8))
        plane = warp_by(source, CAMERA @ np.array([[1.0, 0, 4 - i], [0, 1, 0], [0, 0, 1]]))
        assert plane.motion is not None
        noise = np.random.default_rng(i).normal(0, 8, plane.motion.shape).astype(np.float32)
        flow = Warp(source, plane.motion + cv2.GaussianBlur(noise, (0, 0), 2).reshape(noise.shape))
        shift = warp_by(source, np.array([[1.0, 0, 4 - i], [0, 1, 0], [0, 0, 1]]))
        warps.append((warp_still(source), plane, flow, shift)[i % 4])
    return warps


def _check_twin(size: tuple[int, int], device: str) -> None:
    hole, warps, twin = _hole(size), _warps(size), DeviceScorer(device)
    target = View(_scene(size), ~hole)
    ours = [*twin.score(target, warps[:4]), *twin.score(target, warps[4:])]  # blended from two batches
    theirs = scoring.score(target, warps)
    for one, other in zip(ours, theirs, strict=True):
        assert one.warp is other.warp
        assert (one.known != other.known).mean() < 1e-3
        off = np.abs(np.sqrt(one.error) - np.sqrt(other.error))
        assert off.max() < 0.3
        assert off.mean() < 0.02
        offset = one.batch.levels[one.row, OFFSET].permute(1, 2, 0).cpu().numpy()
        assert np.abs(offset - other.offset).max() < 0.3
    for order in (slice(None), slice(None, None, -2), slice(2, 3)):  # any of them, in any order
        blended, expected = (
            blend(target, candidates[order], hole)
            for blend, candidates in ((twin.blend, ours), (scoring.blend, theirs))
        )
        assert [(a.shape, a.dtype) for a in blended] == [(a.shape, a.dtype) for a in expected]
        covered = np.isfinite(expected[1][hole])
        assert (np.isfinite(blended[1][hole]) != covered).mean() < 1e-3
        both = hole & np.isfinite(blended[1]) & np.isfinite(expected[1])
        for one, other in zip(blended[:2], expected[:2], strict=True):
            off = np.abs(one[both] - other[both])
            assert off.max(initial=0) < 1.2  # a sample may be rounded the other way
            assert off.sum() <= 0.02 * off.size
        assert (blended[2] != expected[2])[hole].mean() < 0.01


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (48, 77), (61, 50), (96, 240), (200, 301)])
def test_the_twin_judges_and_blends_as_opencv_does(size):
    _check_twin(size, "cpu")


@pytest.mark.parametrize("step", [1, 2, 8])
def test_any_grid_will_do(step, monkeypatch):
    monkeypatch.setattr(align, "GRIDS", ((8, step, max(1, step // 2)),))
    _check_twin((101, 130), "cpu")


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 16), (33, 50), (24, 161)])
@pytest.mark.parametrize("px", [1, 4])
def test_means_are_opencvs(size, px):
    rng = np.random.default_rng(1)
    weight = (rng.random((3, *size)) < (np.arange(3) / 2)[:, None, None]).astype(
        np.float32
    )  # none, some, all
    total = rng.uniform(-20, 200, (3, *size, 3)).astype(np.float32) * weight[..., None]
    for sigmas in (SIGMAS_PX, OFFSET_SIGMAS_PX, SIGMAS_PX[:1]):
        means = DeviceNormalisedConvolution(size, px, sigmas, torch.from_numpy)
        ours = means.mean(torch.from_numpy(total).permute(0, 3, 1, 2), torch.from_numpy(weight)[:, None])
        theirs = [NormalisedConvolution(w, px).mean(t, sigmas) for w, t in zip(weight, total, strict=True)]
        assert np.abs(ours.permute(0, 2, 3, 1).numpy() - theirs).max() < 2e-3


class _Products(TorchDispatchMode):
    """For each matrix product whether CUDA may round its factors to TF32."""

    def __init__(self) -> None:
        super().__init__()
        self.may_round = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.__name__.split(".")[0] in {"matmul", "mm", "bmm"}:
            self.may_round.append(cuda.matmul.allow_tf32)
        return function(*args, **(kwargs or {}))


@pytest.fixture
def tf32():
    """The process lets CUDA round factors."""
    before, cuda.matmul.allow_tf32 = cuda.matmul.allow_tf32, True
    yield
    cuda.matmul.allow_tf32 = before


@pytest.mark.usefixtures("tf32")
def test_products_are_exact_whatever_the_process_has_chosen():
    size, hole = (48, 77), _hole((48, 77))
    twin, target = DeviceScorer("cpu"), View(_scene(size), ~hole)
    with _Products() as products:
        twin.blend(target, twin.score(target, _warps(size)), hole)
    assert products.may_round
    assert not any(products.may_round)
    assert cuda.matmul.allow_tf32


def test_a_mean_takes_few_products():
    """Each is a launch: for a blur one for all columns and one for the rows of each scale."""
    means = DeviceNormalisedConvolution((40, 160), 4, SIGMAS_PX, torch.from_numpy)
    with _Products() as products:
        means.mean(torch.rand(2, 3, 40, 160), torch.ones(2, 1, 40, 160))
    assert len(products.may_round) == 4 + 2 + 2 + 1


def test_nothing_is_judged_by_what_a_hole_holds():
    size, hole = (96, 240), _hole((96, 240))
    twin, fills = DeviceScorer("cpu"), []
    for level in (0, 255):
        pictures = [_scene(size, dx) for dx in (0, 3)]
        for picture in pictures:
            picture[hole] = level
        target, source = (View(picture, ~hole) for picture in pictures)
        candidates = twin.score(target, [warp_by(source, np.array([[1.0, 0, -20.4], [0, 1, 7], [0, 0, 1]]))])
        fills.append(twin.blend(target, candidates, hole))
    for one, other in zip(*fills, strict=True):
        assert (one[hole] == other[hole]).all()
    assert np.isfinite(fills[0][1][hole]).any()


def test_a_view_is_uploaded_once_and_not_kept_for_longer_than_it_lives():
    streams, view = DeviceStreams("cpu"), View(_scene((20, 30)), ~_hole((20, 30)))
    first = streams.mine().planes(view)
    assert streams.mine().planes(view) is first
    assert len(streams._views._planes) == 1
    del view
    assert not streams._views._planes


class _Stream:
    """What a CUDA stream is asked."""

    def __init__(self) -> None:
        self.waited_for, self.lent = [], []

    def record_event(self) -> str:
        return "uploaded"

    def wait_event(self, event: str) -> None:
        self.waited_for.append(event)

    def synchronize(self) -> None:
        pass


def test_a_stream_waits_for_what_another_uploads(monkeypatch):
    monkeypatch.setattr(torch, "device", lambda _: SimpleNamespace(type="cuda"))
    monkeypatch.setattr("subremover.motion.device.find_stream", lambda *_, **__: _Stream())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda tensor, stream: stream.lent.append(tensor))
    monkeypatch.setattr("subremover.motion.device.count_cores", lambda: 2)
    streams, view = DeviceStreams("cuda:0"), View(_scene((20, 30)), ~_hole((20, 30)))
    one = streams.mine()
    planes = one.planes(view)
    assert one._stream.waited_for == []
    del streams._mine.stream  # as a thread that has none yet
    other = streams.mine()
    assert other is not one
    assert other.planes(view) is planes
    assert other._stream.waited_for == ["uploaded"]
    assert [id(t) for t in other._stream.lent] == [id(planes.picture), id(planes.masks)]
    del streams._mine.stream
    assert streams.mine() is one


def _borrow(device):
    film = draw_footage(3.0, 24, 0.5)
    frames = (8, 12)
    holes = [Hole(i, BOX, film.masks[i][BOX.slices], 0) for i in frames]
    fills = Borrower(BorrowOptions(), device).borrow(holes, film)
    return fills, [hole_psnr(film, i, fill) for i, fill in zip(frames, fills, strict=True)]


def test_borrowing_is_as_good_by_the_twin():
    ours, theirs = _borrow("cpu"), _borrow(None)
    assert np.abs(np.subtract(ours[1], theirs[1])).max() < 0.1
    assert any((one.picture != other.picture).any() for one, other in zip(ours[0], theirs[0], strict=True))


@pytest.mark.parametrize(
    "sign", ["CUDA out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"]
)
def test_where_memory_does_not_suffice_opencv_borrows(sign, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError(f"{sign}\nand what to do about it")

    theirs, _ = _borrow(None)
    monkeypatch.setattr(DeviceScorer, "blend", fail)
    with measure() as profile, caplog.at_level(logging.WARNING):
        ours, _ = _borrow("cpu")
        _borrow("cpu")
    told = "CPU, where cpu has too little memory"
    assert [record.message for record in caplog.records] == [f"borrow on {told}"]
    assert profile.notes == {"borrow": ["cpu", told]}
    for one, other in zip(ours, theirs, strict=True):
        assert (one.picture == other.picture).all()
        assert (one.error == other.error).all()
        assert (one.distance == other.distance).all()


def test_any_other_error_ends_the_run(monkeypatch):
    def fail(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(DeviceScorer, "score", fail)
    with pytest.raises(WorkerError, match=r"borrowing on cpu failed: .*illegal memory access"):
        _borrow("cpu")


def test_borrowing_without_a_device_is_on_the_cpu():
    with measure() as profile:
        _borrow(None)
    assert profile.notes == {"borrow": ["CPU"]}


@pytest.mark.cuda
@pytest.mark.parametrize("size", [(8, 8), (61, 50), (200, 301)])
def test_a_cuda_device_judges_and_blends_as_opencv_does(size, cuda):
    _check_twin(size, cuda)


@pytest.mark.cuda
def test_borrowing_is_as_good_on_a_cuda_device(cuda, caplog):
    ours, theirs = _borrow(cuda), _borrow(None)
    assert not caplog.records
    assert np.abs(np.subtract(ours[1], theirs[1])).max() < 0.1


def test_a_thread_keeps_its_stream() -> None:
    """What a thread has scored, that thread blends: on CUDA in the order of one stream."""
    streams = DeviceStreams("cpu")
    assert streams.mine() is streams.mine()
