"""Frames with a subtitle, where it stands, and what it hides where that is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import click
import cv2
import numpy as np
from images import draw_photograph, read_image

from subremover.detect.masking.gradient import mark_strokes

FILMS = ("subbed.mp4", "clean.mp4", "mask.mkv")
"""Of a clip with truth, as make_sample.py draws them."""
PAD_PX = 48
"""Around the subtitle of a clip."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A frame whose subtitle is to be removed."""

    name: str
    image: np.ndarray
    """(h, w, 3) float32 in [0, 1]."""
    hole: np.ndarray
    """(h, w) bool, True where the subtitle stands."""
    truth: np.ndarray | None = None
    """(h, w, 3) float32, the frame without it; None: not known."""

    def crop(self, pad_px: int) -> Case:
        """What lies around the hole."""
        rows, columns = (np.flatnonzero(self.hole.any(axis)) for axis in (1, 0))
        height, width = self.hole.shape
        window = (
            slice(max(0, rows[0] - pad_px), min(height, rows[-1] + 1 + pad_px)),
            slice(max(0, columns[0] - pad_px), min(width, columns[-1] + 1 + pad_px)),
        )
        truth = None if self.truth is None else self.truth[window]
        return Case(self.name, self.image[window], self.hole[window], truth)


def draw_case(side: int, photograph: str = "astronaut") -> Case:
    """Two lines drawn over a photograph."""
    truth = draw_photograph(photograph, side)
    image, hole = draw_subtitle(truth)
    return Case(photograph, image, hole, truth)


def draw_subtitle(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture with two yellow lines like those of the paper's frame, and where they stand."""
    height, width = picture.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    letters = np.zeros_like(hole)
    scale = width / 512
    for text, line in (("These words are burned in,", 0.82), ("and hide what is behind.", 0.92)):
        place = (round(0.12 * width), round(line * height))
        for layer, thickness in ((letters, 2), (hole, 6)):
            size = max(1, round(thickness * scale))
            cv2.putText(layer, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9 * scale, 255, size, cv2.LINE_AA)
    share = np.float32(letters[..., None]) / 255
    yellow = np.float32([0.95, 0.9, 0.2])
    return picture * (1 - share) + yellow * share, (hole | letters) > 0


def read_case(image: Path, mask: Path | None, truth: Path | None) -> Case:
    """One from files; without a mask the paper's segmenter marks the lower third.

    Raises:
        click.BadParameter: One cannot be read, they differ in size, or nothing is masked.
    """
    frame = read_image(image)
    if mask is None:
        hole = mark_strokes(np.uint8(frame * 255))
        hole[: len(hole) * 2 // 3] = False
    else:
        hole = read_image(mask).mean(-1) > 0.5
    clean = None if truth is None else read_image(truth)
    for path, shape in ((mask, hole.shape), (truth, None if clean is None else clean.shape[:2])):
        if path is not None and shape is not None and shape != frame.shape[:2]:
            raise click.BadParameter(
                f"'{path}' is {shape[1]}x{shape[0]} px, '{image}' {frame.shape[1]}x{frame.shape[0]}"
            )
    if not hole.any():
        raise click.BadParameter(f"no subtitle is marked in '{mask or image}'")
    return Case(image.stem, frame, hole, clean)


def read_clips(folder: Path) -> list[Case]:
    """Of each clip with truth the frame that its subtitle covers most, cropped around it.

    Raises:
        click.BadParameter: There is none with a subtitle.
    """
    cases = []
    for clip in sorted(folder.iterdir()):
        if not all((clip / film).is_file() for film in FILMS):
            continue
        masks = [mask > 0 for mask in _read_frames(clip / "mask.mkv", "gray")]
        areas = [int(mask.sum()) for mask in masks]
        if any(areas):
            place = int(np.argmax(areas))
            image, truth = (_read_frame(clip / film, place) for film in FILMS[:2])
            cases.append(Case(clip.name, image, masks[place], truth).crop(PAD_PX))
    if not cases:
        raise click.BadParameter(f"no folder in '{folder}' holds {', '.join(FILMS)} with a subtitle")
    return cases


def _read_frame(path: Path, place: int) -> np.ndarray:
    frames = _read_frames(path, "rgb24")
    picture = next(frame for index, frame in enumerate(frames) if index == place)
    return np.float32(picture) / np.float32(255)


def _read_frames(path: Path, pix_fmt: str) -> Iterator[np.ndarray]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format=pix_fmt)
