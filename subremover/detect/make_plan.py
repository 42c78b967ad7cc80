"""Makes the plan of a film: the given one, drawn by masks, or found by scanning.

Chooses between these ways and feeds the scan; the scan itself is in `scan`, the saved form in `plan`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

from subremover.detect.bars import BarFinder
from subremover.detect.candidates.finder import FindLines
from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.classify import features
from subremover.detect.drawn_mask import read_mask_events
from subremover.detect.found_so_far import FoundCallback, FoundSoFar
from subremover.detect.masking import gradient
from subremover.detect.reading.available import make_words, tell_unread
from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.detect.reading.scripts import SCRIPT_OF_LANGUAGE
from subremover.detect.recogniser import LineReader
from subremover.detect.scan import scan_pictures
from subremover.detect.scope import BUFFER_BYTES, Scope
from subremover.detect.shots import CutDetector, shots_from_cuts
from subremover.errors import UsageError
from subremover.options import LEAST_PROBABILITY, ScanOptions
from subremover.plan.cues import Cue, leave_untimed
from subremover.plan.model import Event, FilmKey, Passage, Plan
from subremover.progress import Progress, ProgressCallback
from subremover.runtime.prefetch import prefetch
from subremover.runtime.profile import stage, timed
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes
from subremover.video.pixels.planes import Picture
from subremover.video.read.reader import read_frames

log = logging.getLogger(__name__)


PREFETCH_FRAMES, PREFETCH_BYTES = 24, 96 << 20
"""Decoded ahead of the scan at the most, so that the decoder has work while the detector looks."""


def make_plan(
    film: Film,
    options: ScanOptions,
    progress: ProgressCallback,
    *,
    given: Plan | None = None,
    times: Sequence[Cue] = (),
    memory_share: float = 1.0,
    on_found: FoundCallback | None = None,
) -> Plan:
    """The plan of a film: the given one, drawn by masks, or found by scanning.

    Args:
        film: The source.
        options: Which way to take, which frames and regions to look at, and what counts as a subtitle.
        progress: Called after each frame that was scanned.
        given: A plan of this film, in the scan's place.
        times: Cues of an SRT file, outside of which everything is left alone; empty: there is none.
        memory_share: In (0, 1], of what the frames in hand may take; less of it may change what is found.
        on_found: Told of the events that a scan finds while it goes on, provisionally; None: nobody asks.

    Returns:
        The plan; what stands outside the range of times that was asked for is listed as left alone.

    Raises:
        UsageError: The frames asked for are not in the film.
        InputError: The film cannot be read to its end.
        PlanError: The mask cannot be used.
    """
    start, stop = frame_range(film, options)
    width, height = film.upright_size
    regions = [region.box(width, height) for region in options.regions]
    key = FilmKey.of(film.upright_size, film.pts)
    if given is not None:
        return given.clip(start, stop)
    # A second more on either side of the range: what a subtitle covers shows best right before and after it.
    margin = round(film.frame_rate) + 1
    first, last = max(0, start - margin), min(film.frame_count, stop + margin)
    passages: tuple[Passage, ...] = ()
    bars = BarFinder()

    def heed_times(events: Sequence[Event]) -> Sequence[Event]:
        return leave_untimed(events, film.times - film.start_seconds, times) if times else events

    def tell(events: Sequence[Event]) -> None:
        if on_found is not None:
            on_found([part for event in heed_times(events) for part in event.spare(start, stop)])

    if options.mask is not None:
        events = tuple(read_mask_events(film, options.mask))
        cuts = _find_cuts(film, first, last, progress, bars) if events else []
    else:
        buffer_bytes = int(BUFFER_BYTES * memory_share)
        least = LEAST_PROBABILITY[options.sensitivity]
        scope = Scope(tuple(regions), options.logos, options.everything, least, buffer_bytes)
        with stage("start"):
            recogniser, find_lines = CtcReader(bundled_model()), _find_lines(options)
            reader = LineReader(recogniser)
            words = make_words(recogniser, options.subtitle_language, options.ocr_model)
        ahead = int(PREFETCH_BYTES * memory_share) // (3 * width * height // 2)
        depth = max(2, min(PREFETCH_FRAMES, ahead))
        with closing(prefetch(_read_pictures(film, first, last), depth=depth)) as pictures:
            counted = _count_pictures(pictures, first, last, progress, bars)
            rate = float(film.frame_rate)
            scanned = features.Film(width, height, last - first, rate)
            so_far = None if on_found is None else FoundSoFar(tell, scanned, scope)
            read_again = partial(_read_pictures, film)
            found = scan_pictures(
                *(counted, find_lines, reader.read, rate, scope),
                words=words,
                read_again=read_again,
                so_far=so_far,
            )
        cuts, events, passages = found.cuts, found.events, found.passages
        is_told = options.subtitle_language in SCRIPT_OF_LANGUAGE  # what is missing was told of then
        if words.is_unread and not is_told and any(event.remove for event in events):
            tell_unread()
        for roll in found.rolls:
            log.warning(
                "frames %d to %d show running text (a ticker, credits), which is left alone; "
                "to remove it, give a --mask",
                *roll,
            )
    active_picture = bars.find(events)  # of all of them, also of those that are left alone below
    if active_picture is not None:
        log.info("black bars are left out of all filling: the active picture is %s", active_picture)
    events = tuple(heed_times(events))
    # What nobody has looked at is another shot: there may be a cut, or a subtitle that is not known.
    cuts = sorted({*cuts, first, last} - {0, film.frame_count})
    shots = shots_from_cuts(cuts, film.frame_count)
    return Plan(key, shots, events, passages, active_picture).clip(start, stop)


def count_scan_frames_bytes(film: Film, share: float) -> float:
    """What the frames in hand of a scan take, with a share in (0, 1] of the memory that they may."""
    frame = frame_bytes(film)
    depth = frame / (1.5 * film.width * film.height)  # both limits count 1.5 bytes a pixel, whatever it takes
    ahead = min(share * depth * PREFETCH_BYTES, PREFETCH_FRAMES * frame)
    behind = min(share * depth * BUFFER_BYTES, (8 + float(film.frame_rate)) * frame)
    return ahead + behind


def frame_range(film: Film, options: ScanOptions) -> tuple[int, int]:
    """The frames that may be touched: the first, and the first one after the last.

    Raises:
        UsageError: They are not in the film.
    """
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


def _find_lines(options: ScanOptions) -> FindLines:
    """The way of finding lines that was chosen."""
    if options.segmenter == "gradient":
        return gradient.find_lines
    return LineDetector().find_lines


def _read_pictures(film: Film, start: int, stop: int) -> Iterator[tuple[int, Picture]]:
    """Index and picture of every frame from start to stop; one that cannot be decoded repeats the last."""
    following = start
    shown: Picture | None = None
    for index, frame in timed("scan: decode", read_frames(film, start, stop)):
        picture = Picture(frame, film.rotation)
        for lost in range(following, index):
            yield lost, shown or picture
        yield index, picture
        following, shown = index + 1, picture


def _count_pictures(
    pictures: Iterator[tuple[int, Picture]],
    start: int,
    stop: int,
    progress: ProgressCallback,
    bars: BarFinder,
) -> Iterator[tuple[int, Picture]]:
    """The same pictures; they are looked at for bars, and progress is told of each that was dealt with."""
    for index, picture in pictures:
        bars.feed(picture.luma)
        yield index, picture
        progress(Progress("scan", index + 1 - start, stop - start))


def _find_cuts(film: Film, start: int, stop: int, progress: ProgressCallback, bars: BarFinder) -> list[int]:
    """First frames of shots among the frames start to stop (excluded)."""
    detector = CutDetector()
    pictures = _read_pictures(film, start, stop)
    for index, picture in _count_pictures(pictures, start, stop, progress, bars):
        with stage("scan: follow", frames=1):
            detector.feed(index, picture.luma)
    return detector.cuts
