"""The torch twin of `scoring`: all warps of a target scored at once, and blended at once, on a device.

Not yet run on a GPU: the arithmetic was tested on the CPU, streams and pinned copies could not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from subremover.motion.align import View, Warp
from subremover.motion.device import DeviceStream, DeviceStreams
from subremover.motion.scoring import BEST_COUNT, LEAST_SHARE, find_places

OFFSET, MOTION, ERROR, KNOWN, RESIDUAL = slice(3), slice(3, 5), 5, 6, slice(7, 10)
"""Which of the ten planes that are kept of a candidate hold what."""


class DeviceScorer:
    """Scores and blends as `scoring` does; what a thread has scored, that thread must blend.

    See docs/measurements.md, "motion/scoring_device: cost".
    """

    def __init__(self, device: str) -> None:
        """Note the device, of torch; it is first touched when there is something to score."""
        self._streams = DeviceStreams(device)

    def score(self, target: View, warps: Sequence[Warp]) -> list[DeviceCandidate]:
        """How far off each warp is to be expected, as `scoring.score` tells it.

        Args:
            target: The crop with the hole.
            warps: From sources to this target.

        Returns:
            A candidate for each warp, its arrays still on the device.

        Raises:
            RuntimeError: torch's, where the device's memory does not suffice or it fails otherwise.
        """
        if not warps:
            return []
        stream, step = self._streams.mine(), slice(None, None, target.step_px)
        with stream.at_work():
            size = stream.size(target)
            still = np.zeros((*target.known[step, step].shape, 2), np.float32)
            motion = stream.upload(np.stack([still if w.motion is None else w.motion for w in warps]))
            seen, shown = _sample_at(*_gather(stream, warps), size.grid + motion, size.in_picture)
            planes = stream.planes(target)
            known = shown * planes.masks[0, step, step]  # (B, 1, rows, columns)
            residual = (planes.picture[step, step].permute(2, 0, 1) - seen) * known
            offset = size.offsets.mean(residual, known)
            residual = torch.addcmul(residual, offset, known, value=-1)
            error = size.errors.mean(residual.square().mean(1, keepdim=True), known)
            levels = torch.cat([offset, motion.permute(0, 3, 1, 2), error, shown, residual], 1)
        batch = _Batch(levels, stream)
        return [DeviceCandidate(warp, batch, row) for row, warp in enumerate(warps)]

    def blend(
        self, target: View, candidates: Sequence[DeviceCandidate], place: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean of the best candidates in and near a hole, as `scoring.blend` makes it.

        Args:
            target: The crop with the hole.
            candidates: At least one, scored by this thread.
            place: See there; True somewhere.

        Returns:
            What `scoring.blend` does: picture, error and origin, on the host.

        Raises:
            RuntimeError: torch's, where the device's memory does not suffice or it fails otherwise.
        """
        flat = np.flatnonzero(place)
        pixels = np.stack([flat % place.shape[1], flat // place.shape[1]], -1).astype(np.float32)
        stream, step = self._streams.mine(), target.step_px
        with stream.at_work():
            size = stream.size(target)
            levels = _concatenate(stream, candidates)  # (B, 10, rows, columns)
            errors, known = levels[:, ERROR], levels[:, KNOWN]
            shares = _share_out(errors, known)
            chosen = [stream.upload(np.flatnonzero(places)) for places in find_places(target, place)]
            fill, kept = (
                _are_worthwhile(*(plane.flatten(1)[:, near] for plane in (known, shares))) for near in chosen
            )
            own = shares * known * fill[:, None, None]
            shares *= (fill | kept)[:, None, None]
            weight = own.sum(0) + 1e-30  # (rows, columns)
            missed = (levels[:, RESIDUAL] * own[:, None]).sum(0).abs().amax(0) / weight
            told = stream.planes(target).masks[0, ::step, ::step] * (weight > 1e-20).float()
            off = size.errors.mean((missed.square() * told)[None, None], told[None, None])

            places = stream.upload(pixels)[None, None]  # (1, 1, n, 2)
            there = _normalise(places, size.in_grid)
            levels[:, ERROR] = shares
            levels = _interpolate(levels[:, : ERROR + 1], there.expand(len(levels), -1, -1, -1))
            places = places + levels[:, MOTION].permute(0, 2, 3, 1)
            seen, shown = _sample_at(*_gather(stream, [c.warp for c in candidates]), places, size.in_picture)
            seen += levels[:, OFFSET]
            part = levels[:, ERROR, None] * shown  # (B, 1, 1, n)
            weight = part.sum(0) + 1e-30
            mean = (seen * part).sum(0) / weight  # (3, 1, n)
            spread = (seen[:, 1:2].square() * part).sum(0) / weight - mean[1:2].square()
            error = (_interpolate(off, there)[0] + spread.clamp_min(0)).sqrt()
            is_open = weight <= 1e-20
            error, whose = (
                error.masked_fill(is_open, torch.inf),
                part.argmax(0).float().masked_fill(is_open, -1),
            )
            found = stream.fetch(torch.cat([mean, error, whose])[:, 0])  # (5, n)
        picture, off_by = np.zeros((*place.shape, 3), np.float32), np.full(place.shape, np.inf, np.float32)
        origin = np.full(place.shape, -1, np.int16)
        picture[place], off_by[place], origin[place] = found[:3].T, found[3], found[4]
        return picture, off_by, origin


@dataclass(frozen=True, slots=True, eq=False)
class DeviceCandidate:
    """A warp, scored on the target's grid: the device's counterpart of `scoring.Candidate`."""

    warp: Warp
    batch: _Batch
    """What was scored together with it."""
    row: int
    """Its place in the batch."""

    @property
    def known(self) -> np.ndarray:
        """(rows, columns) bool, True where it shows something."""
        known: np.ndarray = self.batch.told[self.row, 1] > 0
        return known

    @property
    def error(self) -> np.ndarray:
        """(rows, columns) float32, squared levels, as expected from the known pixels around."""
        error: np.ndarray = self.batch.told[self.row, 0]
        return error


class _Batch:
    """What was scored together: (B, 10, rows, columns) float32 on the device."""

    def __init__(self, levels: Tensor, stream: DeviceStream) -> None:
        self.levels = levels
        self._stream = stream

    @cached_property
    def told(self) -> np.ndarray:
        """(B, 2, rows, columns) float32, errors and what is known; fetched when first asked for."""
        with self._stream.at_work():
            return self._stream.fetch(self.levels[:, ERROR : KNOWN + 1].contiguous())


def _concatenate(stream: DeviceStream, candidates: Sequence[DeviceCandidate]) -> Tensor:
    """(B, 10, rows, columns) float32 on the device: the planes of these candidates, in their order."""
    first, count = {}, 0
    for batch in dict.fromkeys(c.batch for c in candidates):
        first[batch] = count
        count += len(batch.levels)
    rows = stream.upload(np.array([first[c.batch] + c.row for c in candidates]))
    return torch.cat([batch.levels for batch in first]).index_select(0, rows)


def _gather(stream: DeviceStream, warps: Sequence[Warp]) -> tuple[Tensor, Tensor]:
    """(B, 3, h, w) float32, the sources' pictures; (B, 1, h, w) float32, where they may be looked at."""
    planes = {source: stream.planes(source) for source in {warp.source for warp in warps}}
    pictures = torch.stack([planes[warp.source].picture for warp in warps])
    masks = torch.stack([planes[warp.source].masks[int(warp.motion is not None)] for warp in warps])
    return pictures.permute(0, 3, 1, 2).float(), masks[:, None].float()


def _sample_at(pictures: Tensor, masks: Tensor, places: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
    """What is seen at (B, i, j, 2) places: (B, 3, i, j) float32, whole levels; (B, 1, i, j), 0 or 1."""
    there = _normalise(places, units)
    # A is -0.75, as in OpenCV 5, which no longer rounds places to 1/32 px, either.
    seen = F.grid_sample(pictures, there, "bicubic", "border", align_corners=False)
    shown = F.grid_sample(masks, there, "bilinear", "zeros", align_corners=False)
    return seen.round_().clamp_(0, 255), (shown > 254.5 / 255).float()


def _interpolate(levels: Tensor, there: Tensor) -> Tensor:
    """(B, K, i, j): levels interpolated at (B, i, j, 2) places as `grid_sample` counts them."""
    return F.grid_sample(levels, there, "bilinear", "border", align_corners=False)


def _normalise(places: Tensor, units: Tensor) -> Tensor:
    """From px to what `grid_sample` takes; see `device.Size`."""
    return torch.addcmul(units[1], places, units[0])


def _share_out(errors: Tensor, known: Tensor) -> Tensor:
    """`scoring.share_out` with `is_strict`, of (B, rows, columns) float32 each; known is 0 or 1."""
    ranked = errors.masked_fill(known == 0, 1e6)  # where() would wait for its scalars to be copied
    rank = ranked.kthvalue(min(BEST_COUNT, len(errors)), dim=0).values
    good = (ranked <= rank) & (ranked < 4 * (ranked.amin(0) + 25))
    return good.float().clamp_min(1e-6) / (errors + 25).square()


def _are_worthwhile(known: Tensor, shares: Tensor) -> Tensor:
    """`scoring.are_worthwhile`: (B,) bool, of (B, n) float32 each; known is 0 or 1."""
    parts = shares * known
    is_kept = (parts / parts.sum(0).clamp_min(1e-30)).mean(1) >= LEAST_SHARE
    shown = (known * is_kept[:, None]).amax(0)
    return is_kept | (known > shown).any(1)
