"""Makes the pictures of previews and reports, and writes both to disk.

The page around the pictures is written in `page`, the timeline in `timeline`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from subremover.errors import OutputError
from subremover.geometry import Box
from subremover.pipeline import Run
from subremover.plan.model import Event, Plan
from subremover.provenance import Shares
from subremover.report.page import FULL, Thumbnail, close_page, draw_event, fill_in_shares, open_page
from subremover.runtime.paths import is_file, is_folder, tell, write_file
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.reader import read_frames

PREVIEW_COUNT = 4
"""Number of frames that `--preview` shows."""
_PREVIEW = re.compile(r"frame_[0-9]{6,}_(before|mask|after)\.png")
_MASK_COLOUR = (255, 0, 64)
PAGE_BYTES = 42 << 20
"""Most bytes of all pictures of a report together, before base64 adds a third; 1500 events get 28 KiB each.
See docs/measurements.md, "report/pictures: size of a page"."""
EVENT_BYTES = 96 << 10
"""Most bytes of the two pictures of one event."""
_THUMBNAIL_PX = (640, 320)
"""Greatest width and height of a picture of the report."""
_JPEG_QUALITIES = (82, 70, 55, 40)
"""Tried from left to right until the pictures are small enough."""


def write_previews(run: Run, plan: Plan, folder: Path) -> list[Path]:
    """Write before, mask and after of a few frames, from different events if there are several.

    They are those of a run that writes the same container: what is borrowed depends on where packets are
    copied.

    Args:
        run: Of the film; without a target.
        plan: Of its film.
        folder: Made if need be; gets `frame_000123_before.png`, `..._mask.png` and `..._after.png`;
            those of an earlier preview go.

    Returns:
        The files written; none where nothing is to be removed.

    Raises:
        OutputError: The folder cannot be written, or a frame cannot be decoded.
    """
    _delete_previews(folder)
    indices = _choose_frames(plan.removed)
    written: list[Path] = []
    if not indices:
        return written
    film = run.film
    before = {index: _must(picture, index, film) for index, picture in _read_pictures(film, indices)}
    with closing(run.fill_frames(plan, indices)) as filled:
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


def write_report(film: Film, plan: Plan, file: Path) -> None:
    """Write one page of HTML, with all that it shows inside it: a timeline, and every event with pictures.

    Events are drawn and written one by one, so that memory does not grow with their number.

    Args:
        film: The source.
        plan: Of this film.
        file: Replaced if it exists; its folder is made if need be.

    Raises:
        OutputError: The file cannot be written.
    """
    budget = min(EVENT_BYTES, PAGE_BYTES // max(1, len(plan.events)))
    indices = [best_frame(event) for event in plan.events]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="\n") as page:
            page.write(open_page(film, plan))
            with closing(_read_pictures(film, indices)) as pictures:
                for number, (event, (_, picture)) in enumerate(zip(plan.events, pictures, strict=True), 1):
                    pair = None if picture is None else _draw_pair(picture, event, budget)
                    page.write(draw_event(number, event, film, pair))
            page.write(close_page(len(plan.events)))
    except OSError as error:
        raise OutputError(f"cannot write '{file}': {tell(error)}; choose another place") from error


def add_shares(page: Path, target: Path, plan: Plan, total: Shares, by_event: Sequence[Shares]) -> None:
    """Write a report again with what the render found out: where the hidden pixels came from.

    Args:
        page: What `write_report` has written.
        target: Where to write; another file.
        plan: Of this film.
        total: Shares of the whole run.
        by_event: Shares of each event that is removed, in the plan's order.

    Raises:
        OSError: A file cannot be read or written.
    """
    numbers = (number for number, event in enumerate(plan.events, 1) if event.remove)
    shares = {0: total, **dict(zip(numbers, by_event, strict=True))}
    with page.open(encoding="utf-8") as old, target.open("w", encoding="utf-8", newline="\n") as new:
        new.writelines(fill_in_shares(old, shares))


def _delete_previews(folder: Path) -> None:
    """Delete the pictures of an earlier preview."""
    try:
        for file in list(folder.iterdir()) if is_folder(folder) else ():
            if _PREVIEW.fullmatch(file.name) and is_file(file):
                file.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {tell(error)}; choose another folder") from error


def best_frame(event: Event) -> int:
    """Index of the frame nearest to an event's middle on which it is fully there."""
    middle = (event.first + event.last) // 2
    if not len(event.opacities):
        return middle
    full = event.first + np.flatnonzero(event.opacities >= FULL * event.opacities.max())
    return int(full[np.abs(full - middle).argmin()])


def _choose_frames(events: Sequence[Event]) -> list[int]:
    """Of a few events, spread over the film, a frame in the middle of each; of fewer events, more of each."""
    by_middle = {best_frame(event): event for event in events}  # those that stand together show on one
    middles = sorted(by_middle)
    if len(middles) >= PREVIEW_COUNT:
        places = (np.arange(PREVIEW_COUNT) + 0.5) / PREVIEW_COUNT * len(middles)
        return [middles[int(place)] for place in places]
    frames = set()
    for middle, share in zip(
        middles, np.array_split(np.arange(PREVIEW_COUNT), len(middles) or 1), strict=False
    ):
        event = by_middle[middle]
        places = event.first + (np.arange(len(share)) + 0.5) / len(share) * (event.last - event.first + 1)
        frames |= {middle} if len(share) == 1 else {int(place) for place in places}
    return sorted(frames)


def _read_pictures(
    film: Film, indices: Sequence[int]
) -> Generator[tuple[int, np.ndarray | None], None, None]:
    """Frames in any order, each as (H, W, 3) uint8 upright RGB; None for one that cannot be decoded.

    Goes on decoding where the next frame is in the same GOP, and seeks where decoding can start between.
    """
    frames = read_frames(film, 0, 0)
    latest, picture = -1, None
    for index in indices:
        if latest < 0 or index < latest or (film.find_entries(index)[:1] > latest).any():
            frames.close()  # type: ignore[attr-defined]
            frames, latest = read_frames(film, index), -1
        while latest < index:
            latest, frame = next(frames, (film.frame_count, None))
            picture = upright_rgb(frame, film.rotation) if frame is not None and latest >= index else None
        yield index, picture if latest == index else None


def _must(picture: np.ndarray | None, index: int, film: Film) -> np.ndarray:
    """The picture, or an OutputError where there is none."""
    if picture is None:
        raise OutputError(f"frame {index} of '{film.path}' cannot be decoded, so there is no preview of it")
    return picture


def _draw_pair(picture: np.ndarray, event: Event, budget: int) -> tuple[Thumbnail, Thumbnail]:
    """The picture around an event, as it is and with its strokes in colour on grey, within `budget` bytes."""
    place = _surroundings(event.box, picture.shape[1], picture.shape[0])
    crop = picture[place.slices]
    marked = np.repeat(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None] // 2, 3, axis=2)
    part = marked[event.box.shift(-place.x, -place.y).slices]
    part[event.strokes] = part[event.strokes] * 0.4 + np.array(_MASK_COLOUR) * 0.8
    scale = min(1.0, _THUMBNAIL_PX[0] / place.width, _THUMBNAIL_PX[1] / place.height)
    size = max(1, round(place.width * scale)), max(1, round(place.height * scale))
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (crop, marked)]
    while True:
        for quality in _JPEG_QUALITIES:
            pair = [_encode_jpeg(each, quality) for each in small]
            if sum(len(each.jpeg) for each in pair) <= budget or max(small[0].shape[:2]) < 64:
                return pair[0], pair[1]
        small = [cv2.resize(each, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA) for each in small]


def _surroundings(box: Box, width: int, height: int) -> Box:
    """An event's box and so much of the picture around it that one sees where it stands."""
    pad_px = min(box.width, box.height)
    wide = min(width, max(box.width + 2 * pad_px, box.height, width // 3))
    tall = min(height, max(box.height + 2 * pad_px, wide // 3))
    x = min(max(0, box.x + box.width // 2 - wide // 2), width - wide)
    y = min(max(0, box.y + box.height // 2 - tall // 2), height - tall)
    return Box(x, y, wide, tall)


def _encode_jpeg(picture: np.ndarray, quality: int) -> Thumbnail:
    """An (h, w, 3) uint8 RGB picture as a JPEG."""
    full_chroma = [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # red on grey stays sharp
    _, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *full_chroma])
    return Thumbnail(jpeg.tobytes(), picture.shape[1], picture.shape[0])


def _overlay(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A copy of an (H, W, 3) uint8 picture with its mask tinted."""
    tinted = picture.copy()
    tinted[mask] = (tinted[mask] * 0.35 + np.array(_MASK_COLOUR) * 0.65).astype(np.uint8)
    return tinted


def _write_png(file: Path, picture: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB picture; raises an OutputError where that fails."""
    _, png = cv2.imencode(".png", picture[..., ::-1])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, png.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write '{file}': {tell(error)}; choose another folder") from error
