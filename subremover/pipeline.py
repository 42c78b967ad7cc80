"""The order of things: probe, scan, render. Joins the packages, which do not know each other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from subremover.cues import leave_untimed, make_cues
from subremover.errors import InputError, PlanError, UsageError
from subremover.fill.pool import Pool, resolve_device
from subremover.motion.shots import shots_from_cuts
from subremover.options import Options, ScanOptions
from subremover.plan import Event, FilmKey, Plan
from subremover.plan_file import MASK_LEVEL, load_plan, read_mask
from subremover.prefetch import prefetch
from subremover.segment import gradient
from subremover.segment.lines import LineDetector
from subremover.segment.lookout import FindLines
from subremover.segment.masks import event_of, events_from_masks
from subremover.segment.reading import LineReader
from subremover.segment.scan import Scope, scan_pictures
from subremover.srt import read_srt
from subremover.video.mux import remux
from subremover.video.planes import Picture, upright_rgb
from subremover.video.probe import Film, probe
from subremover.video.reader import read_frames
from subremover.video.writer import MovieWriter, check_target
from subremover.windows import fill_frames

log = logging.getLogger(__name__)

PREFETCH_FRAMES, PREFETCH_BYTES = 24, 96 << 20
"""Decoded ahead of the scan at the most, so that the decoder has work while the detector looks."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: Literal["scan", "render"]
    done: int
    """Frames."""
    total: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has done."""

    events: int
    """Subtitles removed."""
    frames_masked: int
    frames_fitted: int
    """Frames with at least one fitted hole."""
    seconds: float
    output_bytes: int
    warnings: tuple[str, ...]
    """What is wrong with the film or could not be kept."""


ProgressCallback = Callable[[Progress], None]


def scan(
    source: Path | str, options: ScanOptions | None = None, progress: ProgressCallback | None = None
) -> Plan:
    """Find the burned-in subtitles of a film, without changing anything.

    Args:
        source: The film.
        options: Where and how to look.
        progress: Called now and then with how far the scan has come.

    Raises:
        SubremoverError: See `errors`.
    """
    return make_plan(probe(Path(source)), options or ScanOptions(), progress or _ignore)


def remove_subtitles(
    source: Path | str,
    target: Path | str,
    options: Options | None = None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Remove the burned-in subtitles of a film.

    Args:
        source: The film.
        target: The film to be made; its folder must exist.
        options: All that can be chosen.
        progress: Called now and then with how far each stage has come.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    options, progress = options or Options(), progress or _ignore
    film = probe(Path(source))
    check_target(film, Path(target), options.encode)
    resolve_device(options.pool.device)
    start = time.monotonic()
    plan = make_plan(film, options.scan, progress)
    result = render(film, plan, Path(target), options, progress)
    return replace(result, seconds=time.monotonic() - start)


def make_plan(film: Film, options: ScanOptions, progress: ProgressCallback) -> Plan:
    """The plan of a film: read, drawn by masks, or found by scanning.

    Raises:
        SubremoverError: See `errors`.
    """
    start, stop = _frame_range(film, options)
    width, height = film.upright_size
    regions = [region.box(width, height) for region in options.regions]
    key = FilmKey.of(film.upright_size, film.pts)
    cues = read_srt(options.times) if options.times else ()  # before the long run
    if options.plan is not None:
        return load_plan(options.plan, key).clip(start, stop)
    if options.mask is not None:
        cuts, events = list[int](), tuple(_events_from_file(film, options.mask))
    else:
        # Beyond the range: what a subtitle covers shows best right before and after it.
        margin = round(film.frame_rate) + 1
        first, last = max(0, start - margin), min(film.frame_count, stop + margin)
        scope = Scope(tuple(regions), options.logos, options.everything)
        reader = LineReader()
        depth = max(2, min(PREFETCH_FRAMES, PREFETCH_BYTES // (3 * width * height // 2)))
        with closing(prefetch(_read_pictures(film, first, last), depth=depth)) as pictures:
            counted = _count_pictures(pictures, first, last, progress)
            rate = float(film.frame_rate)
            found = scan_pictures(counted, _find_lines(options), reader.read, rate, scope)
        cuts, events = found.cuts, found.events
        for roll in found.rolls:
            log.warning(
                "frames %d to %d show running text (a ticker, credits), which is left alone; "
                "to remove it, give a --mask",
                *roll,
            )
    if cues:
        events = leave_untimed(events, film.times - film.start_seconds, cues)
    plan = Plan(key, shots_from_cuts(cuts, film.frame_count), events)
    return plan.clip(start, stop)


def render(film: Film, plan: Plan, target: Path, options: Options, progress: ProgressCallback) -> Result:
    """Write the film without what the plan names; without events, a copy of all packets.

    Args:
        film: The source.
        plan: Of this film.
        target: The film to be made.
        options: All that can be chosen.
        progress: Called for every frame written.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    start = time.monotonic()
    fitted = 0
    cues = make_cues(plan.events, film.times) if options.encode.subtitle_track else ()
    if plan.removed:
        with (
            Pool(options.fit, options.pool) as pool,
            MovieWriter(film, target, options.encode, cues) as writer,
            closing(fill_frames(film, plan, pool)) as frames,
        ):
            for done, (_, frame, holes) in enumerate(frames, 1):
                writer.write(frame)
                fitted += bool(holes)
                progress(Progress("render", done, film.frame_count))
        warnings = tuple(writer.warnings)
    else:
        warnings = remux(film, target, options.encode, cues)
    if options.encode.subtitle_track and not cues:
        warnings = (*warnings, "no subtitle was read, so there is no subtitle track")
    return Result(
        events=len(plan.removed),
        frames_masked=int(plan.masked_frames().sum()),
        frames_fitted=fitted,
        seconds=time.monotonic() - start,
        output_bytes=target.stat().st_size,
        warnings=(*film.warnings, *warnings),
    )


def _find_lines(options: ScanOptions) -> FindLines:
    if options.segmenter == "gradient":
        return gradient.find_lines
    return LineDetector().find_lines


def _frame_range(film: Film, options: ScanOptions) -> tuple[int, int]:
    start = film.index_of(options.start) if options.start else 0
    stop = film.index_of(options.end) if options.end else film.frame_count
    if start >= film.frame_count:
        raise UsageError(
            f"--start lies behind the end of '{film.path}' ({film.frame_count} frames, "
            f"{film.duration_seconds:.3f} s)"
        )
    if start >= stop:
        raise UsageError(f"--start (frame {start}) must come before --end (frame {stop})")
    return start, stop


def _read_pictures(film: Film, start: int, stop: int) -> Iterator[tuple[int, Picture]]:
    for index, frame in read_frames(film, start, stop):
        yield index, Picture(frame, film.rotation)


def _count_pictures(
    pictures: Iterator[tuple[int, Picture]], start: int, stop: int, progress: ProgressCallback
) -> Iterator[tuple[int, Picture]]:
    for index, picture in pictures:
        yield index, picture
        progress(Progress("scan", index + 1 - start, stop - start))


def _events_from_file(film: Film, path: Path) -> Iterator[Event]:
    """Events of a mask picture or a mask video."""
    size = film.upright_size
    if path.suffix.lower() in {".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".webp"}:
        mask = read_mask(path)
        _check_mask_size(path, (mask.shape[1], mask.shape[0]), size)
        if mask.any():
            yield event_of(0, film.frame_count - 1, mask)
        return
    try:
        masks = probe(path)
    except InputError as error:
        raise PlanError(f"cannot use the mask '{path}': {error}") from error
    _check_mask_size(path, masks.upright_size, size)
    if masks.frame_count != film.frame_count:
        raise PlanError(
            f"the mask '{path}' has {masks.frame_count} frames, the film {film.frame_count}; give one a frame"
        )
    yield from events_from_masks(_read_masks(masks))


def _read_masks(film: Film) -> Iterator[tuple[int, np.ndarray]]:
    for index, frame in read_frames(film):
        yield index, upright_rgb(frame, film.rotation).max(axis=2) >= MASK_LEVEL


def _check_mask_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    if size != expected:
        raise PlanError(
            f"the mask '{path}' is {size[0]}x{size[1]} px, the film {expected[0]}x{expected[1]}; "
            "scale it to the film's size"
        )


def _ignore(_: Progress) -> None:
    """Progress for callers who do not ask."""
