"""Pictures of what a run would do, to look at before it is done."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from subremover.errors import OutputError
from subremover.fill.pool import Pool
from subremover.options import Options
from subremover.plan import Plan
from subremover.video.planes import upright_rgb
from subremover.video.probe import Film
from subremover.video.reader import read_frames
from subremover.windows import fill_frames

PREVIEW_COUNT = 4
_MASK_COLOUR = (255, 0, 64)


def write_previews(film: Film, plan: Plan, options: Options, folder: Path) -> list[Path]:
    """Write before, mask and after of a few masked frames, spread over the film.

    Args:
        film: The source.
        plan: Of this film.
        options: For the fit.
        folder: Made if need be; gets `frame_000123_before.png`, `..._mask.png` and `..._after.png`.

    Returns:
        The files written; none where the plan is empty.

    Raises:
        OutputError: The folder cannot be written.
    """
    indices = _spread(np.flatnonzero(plan.masked_frames()))
    written: list[Path] = []
    if not indices:
        return written
    before = {index: _read_picture(film, index) for index in indices}
    with Pool(options.fit, options.pool) as pool, closing(fill_frames(film, plan, pool, indices)) as filled:
        for index, frame, _ in filled:
            mask = plan.mask([e for e in plan.removed if e.first <= index <= e.last])
            pictures = {
                "before": before[index],
                "mask": _overlay(before[index], mask),
                "after": upright_rgb(frame, film.rotation),
            }
            for name, picture in pictures.items():
                file = folder / f"frame_{index:06d}_{name}.png"
                _write_png(file, picture)
                written.append(file)
    return written


def _spread(frames: np.ndarray) -> list[int]:
    """A few of these frames, evenly spread, away from the very ends."""
    if not len(frames):
        return []
    places = (np.arange(PREVIEW_COUNT) + 0.5) / PREVIEW_COUNT * len(frames)
    return sorted({int(frames[int(place)]) for place in places})


def _read_picture(film: Film, index: int) -> np.ndarray:
    for _, frame in read_frames(film, index, index + 1):
        return upright_rgb(frame, film.rotation)
    raise OutputError(f"frame {index} of '{film.path}' cannot be decoded, so there is no preview of it")


def _overlay(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with its mask in colour."""
    tinted = picture.copy()
    tinted[mask] = (tinted[mask] * 0.35 + np.array(_MASK_COLOUR) * 0.65).astype(np.uint8)
    return tinted


def _write_png(file: Path, picture: np.ndarray) -> None:
    _, png = cv2.imencode(".png", picture[..., ::-1])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write '{file}': {error.strerror}; choose another folder") from error
