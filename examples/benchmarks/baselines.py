"""What simpler methods make of a clip that are given its true mask: what ours is held against.

Each fills the holes of one shot at a time, so that none looks across a cut. Holes are the true mask grown by
2 px, as coding noise reaches beyond the strokes. Pictures are (H, W, 3) uint8 BGR, holes (H, W) bool.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import clip_score
import cv2
import numpy as np
from clip_score import CONTEXT_PX, HoleMeter, HoleScore, crop_around, grow, luma, read_frames, read_truth

from subremover.detect.shots import CutDetector, shots_from_cuts

GROW_PX = 2
TELEA_RADIUS_PX = 3

BATCH_FRAMES = 30
"""Frames that are aligned with each other, the peer's default."""
POINT_COUNT = 200
POINT_MARGIN_PX = 8
"""A hole must not reach into the window around a point by which it is tracked."""
LEAST_POINTS = 12
"""So many must agree on a transform; with fewer, two frames cannot be aligned."""
AGREE_PX = 1.5
ALIGNED_LEVELS = 2
"""Mean difference that noise and light may make between frames that are well aligned."""
TRACKING = {"winSize": (17, 17), "maxLevel": 3}

Fill = Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], Iterator[np.ndarray]]
"""From the pictures and the holes of a shot to its pictures, filled."""


def fill_by_telea(pictures: Sequence[np.ndarray], holes: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """OpenCV's Telea (2004), frame by frame."""
    yield from map(inpaint, pictures, holes)


def fill_from_nearest(pictures: Sequence[np.ndarray], holes: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Each pixel as the nearest frame has it at the same place, as if nothing moved.

    The nearest is the first frame of the shot, going back and forth in time from the target (back first), on
    which the pixel is in no hole. Where there is none, Telea fills.
    """
    frames = range(len(pictures))
    for target, (picture, hole) in enumerate(zip(pictures, holes, strict=True)):
        filled, left = picture.copy(), hole.copy()
        for source in sorted(frames, key=lambda frame: abs(frame - target)):
            if not left.any():
                break
            crop = crop_around(left, 1)
            shown = left[crop] & ~holes[source][crop]
            filled[crop][shown] = pictures[source][crop][shown]
            left[crop] &= ~shown
        yield inpaint(filled, left)


def fill_from_aligned(pictures: Sequence[np.ndarray], holes: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Each pixel as the median of 30 consecutive frames of the shot, aligned: the strongest peer's method.

    The target lies amid the 30, as near as the shot's ends allow. Each frame is aligned to it as a whole by
    one affine transform (see `Alignment`), and the median is taken over those that show the pixel,
    interpolated from known pixels only. Where there is none, Telea fills.
    """
    alignment = Alignment(pictures, holes)
    for target, (picture, hole) in enumerate(zip(pictures, holes, strict=True)):
        filled, left = picture.copy(), hole.copy()
        transforms = alignment.find_transforms(target) if hole.any() else {}
        if transforms:
            crop = crop_around(hole, 1)
            parts = [warp(pictures[s], holes[s], matrix, crop) for s, matrix in transforms.items()]
            median, known = median_of_known(*(np.stack(arrays) for arrays in zip(*parts, strict=True)))
            shown = known & hole[crop]
            filled[crop][shown] = median[shown]
            left[crop] &= ~shown
        yield inpaint(filled, left)


BASELINES: dict[str, Fill] = {
    "Telea": fill_by_telea,
    "nearest frame": fill_from_nearest,
    "aligned median": fill_from_aligned,
}


class Alignment:
    """Affine transforms between the frames of a shot, by corners tracked outside the holes."""

    def __init__(self, pictures: Sequence[np.ndarray], holes: Sequence[np.ndarray]) -> None:
        self._pictures = [luma(picture) for picture in pictures]
        self._holes = holes
        self._points = [find_points(p, hole) for p, hole in zip(self._pictures, holes, strict=True)]
        self._steps = [self._track(frame, frame + 1) for frame in range(len(pictures) - 1)]

    def find_transforms(self, target: int) -> dict[int, np.ndarray]:
        """(3, 3) float64 from the target's pixels to those of each frame about it that can be aligned.

        Of two, the one that explains the known pixels around the target's hole better: tracked from frame to
        frame, or all the way at once; alone, each was behind the other by 3 to 12 dB on some clip. Frames
        that are far worse aligned than the best are left out: with them, a hand-held clip fell by 9 dB.
        """
        count = len(self._pictures)
        first = max(0, min(target - BATCH_FRAMES // 2, count - BATCH_FRAMES))
        last = min(first + BATCH_FRAMES, count) - 1
        found = {}
        for frames in (range(target - 1, first - 1, -1), range(target + 1, last + 1)):
            chained: np.ndarray | None = np.eye(3)
            for source in frames:
                chained = self._follow(chained, source, is_forward=source > target)
                ways = [way for way in (chained, self._track(target, source)) if way is not None]
                errors = [self._measure(target, source, way) for way in ways]
                if errors:
                    best = int(np.argmin(errors))
                    found[source] = ways[best], errors[best]
        limit = 2 * (min((error for _, error in found.values()), default=0) + ALIGNED_LEVELS)
        return {source: way for source, (way, error) in found.items() if error < limit}

    def _follow(self, matrix: np.ndarray | None, source: int, is_forward: bool) -> np.ndarray | None:
        """A chain of transforms, one step longer."""
        step = self._steps[source - 1 if is_forward else source]
        if matrix is None or step is None:
            return None
        return (step if is_forward else np.linalg.inv(step)) @ matrix

    def _track(self, target: int, source: int) -> np.ndarray | None:
        starts = self._points[target]
        if len(starts) < LEAST_POINTS:
            return None
        one, other = self._pictures[target], self._pictures[source]
        ends, found, _ = cv2.calcOpticalFlowPyrLK(one, other, starts, np.empty_like(starts), **TRACKING)
        back, found_back, _ = cv2.calcOpticalFlowPyrLK(other, one, ends, np.empty_like(starts), **TRACKING)
        good = (found & found_back).ravel().astype(bool) & (np.abs(back - starts).max(axis=(1, 2)) < 1)
        height, width = other.shape
        places = np.rint(ends[:, 0])
        good &= ((places >= 0) & (places < (width, height))).all(axis=1)
        columns, rows = np.clip(places, 0, (width - 1, height - 1)).astype(int).T
        good &= ~self._holes[source][rows, columns]
        if good.sum() < LEAST_POINTS:
            return None
        matrix, agree = cv2.estimateAffine2D(starts[good], ends[good], ransacReprojThreshold=AGREE_PX)
        if matrix is None or agree.sum() < LEAST_POINTS or abs(np.linalg.det(matrix[:, :2])) < 0.1:
            return None
        return np.vstack([matrix, (0, 0, 1)])

    def _measure(self, target: int, source: int, matrix: np.ndarray) -> float:
        """Mean difference of the known pixels around the target's hole."""
        hole = self._holes[target]
        crop = crop_around(hole, CONTEXT_PX)
        picture, known = warp(self._pictures[source], self._holes[source], matrix, crop)
        both = known & ~hole[crop]
        difference = cv2.absdiff(picture, self._pictures[target][crop])
        return float(difference[both].mean()) if both.any() else math.inf


def find_points(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(n, 1, 2) float32, x and y of corners well outside the hole of a (H, W) uint8 picture."""
    calm = (~grow(hole, POINT_MARGIN_PX)).astype(np.uint8)
    points = cv2.goodFeaturesToTrack(picture, POINT_COUNT, 0.01, 8, mask=calm) if calm.any() else None
    return np.empty((0, 1, 2), np.float32) if points is None else points


def warp(
    picture: np.ndarray, hole: np.ndarray, matrix: np.ndarray, crop: tuple[slice, slice]
) -> tuple[np.ndarray, np.ndarray]:
    """What a source shows of a crop of the target, and where that comes from known pixels only.

    Args:
        picture: (H, W) or (H, W, 3) uint8, of the source.
        hole: (H, W) bool, of the source.
        matrix: (3, 3), from the target's pixels to the source's.
        crop: Rows and columns, in the target.
    """
    rows, columns = (range(*part.indices(side)) for part, side in zip(crop, hole.shape, strict=True))
    offset = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1]])
    place = (matrix @ offset)[:2], (len(columns), len(rows))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    known = cv2.warpAffine((~hole).astype(np.uint8) * 255, *place, flags=flags)  # outside the source: 0
    return cv2.warpAffine(picture, *place, flags=flags), known == 255


def median_of_known(pictures: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The median at each pixel over the pictures that know it, and where there is any.

    Args:
        pictures: (T, h, w, 3) uint8.
        known: (T, h, w) bool.
    """
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known[..., None], pictures, np.int16(256)), axis=0)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(pictures) - 1)
    middle = sum(np.take_along_axis(ordered, place[None, ..., None], axis=0)[0] for place in (low, high))
    return np.asarray(middle // 2).astype(np.uint8), count > 0


def inpaint(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture with its hole filled by OpenCV's Telea."""
    if not hole.any():
        return picture
    filled, crop = picture.copy(), crop_around(hole, CONTEXT_PX)
    mask = hole[crop].astype(np.uint8)
    filled[crop] = cv2.inpaint(np.ascontiguousarray(picture[crop]), mask, TELEA_RADIUS_PX, cv2.INPAINT_TELEA)
    return filled


def score_baselines(clip: Path) -> dict[str, HoleScore]:
    """How well each baseline fills the true holes of a clip. Holds one shot of it in memory."""
    detector, frame_count = CutDetector(), 0
    for index, (clean, _) in enumerate(read_truth(clip)):
        detector.feed(index, luma(clean))
        frame_count = index + 1
    meters = {name: HoleMeter() for name in BASELINES}
    subbed, truth = read_frames(clip / "subbed.mp4"), read_truth(clip)
    coverages = read_frames(clip / "mask.mkv", "gray")
    for shot in shots_from_cuts(detector.cuts, frame_count):
        length = shot.last + 1 - shot.first
        pictures = [picture for _, picture in islice(subbed, length)]
        holes = [grow(coverage > 0, GROW_PX) for _, coverage in islice(coverages, length)]
        fills = [fill(pictures, holes) for fill in BASELINES.values()]
        for (clean, coverage), *results in zip(islice(truth, length), *fills, strict=True):
            for meter, result in zip(meters.values(), results, strict=True):
                meter.add(clean, result, coverage > 0)
    return {name: meter.score() for name, meter in meters.items()}


def load_baselines(clip: Path, cache: Path) -> dict[str, HoleScore]:
    """`score_baselines`, out of a JSON file where it holds them for these very films and this very code."""
    code = hashlib.sha256(b"".join(Path(name).read_bytes() for name in (__file__, clip_score.__file__)))
    films = [(clip / part).stat() for part in ("clean.mp4", "subbed.mp4", "mask.mkv")]
    key = [code.hexdigest(), *([film.st_size, film.st_mtime_ns] for film in films)]
    kept = json.loads(cache.read_text(encoding="utf-8")) if cache.is_file() else {}
    name = clip.resolve().name
    if kept.get(name, {}).get("key") != key:
        scores = {method: asdict(score) for method, score in score_baselines(clip).items()}
        kept[name] = {"key": key, "scores": scores}
        cache.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return {method: HoleScore(**score) for method, score in kept[name]["scores"].items()}
