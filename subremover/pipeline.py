"""The order of things: probe, scan, render. Joins the packages, which do not know each other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from subremover.cues import leave_untimed, make_cues
from subremover.errors import UsageError
from subremover.fill.pool import Pool, prepare_device
from subremover.mask_file import read_mask_events
from subremover.memory import limit_render, limit_scan
from subremover.motion.shots import CutDetector, shots_from_cuts
from subremover.options import Options, ScanOptions
from subremover.origins import Shares, Tally
from subremover.plan import FilmKey, Plan
from subremover.plan_file import load_plan
from subremover.prefetch import prefetch
from subremover.profile import Profile, measure, stage, timed
from subremover.segment import gradient
from subremover.segment.lines import LineDetector
from subremover.segment.lookout import FindLines
from subremover.segment.reading import LineReader
from subremover.segment.scan import BUFFER_BYTES, PREFETCH_BYTES, PREFETCH_FRAMES, Scope, scan_pictures
from subremover.srt import read_srt
from subremover.video.match_size import match_size
from subremover.video.mux import remux
from subremover.video.planes import Picture
from subremover.video.probe import Film, probe
from subremover.video.provenance import ProvenanceWriter, check_provenance
from subremover.video.reader import read_frames
from subremover.video.writer import MovieWriter, check_target
from subremover.windows import fill_frames, to_coded_event

log = logging.getLogger(__name__)


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
    shares: Shares
    """Where the hidden pixels came from."""
    event_shares: tuple[Shares, ...]
    """The same for each event removed, in the plan's order."""
    seconds: float
    output_bytes: int
    warnings: tuple[str, ...]
    """What is wrong with the film or could not be kept."""
    profile: Profile = field(default_factory=Profile, compare=False)
    """Where the time went: `print(result.profile)`. Filled by `remove_subtitles`."""


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
    *,
    provenance: Path | str | None = None,
) -> Result:
    """Remove the burned-in subtitles of a film.

    Args:
        source: The film.
        target: The film to be made; its folder must exist.
        options: All that can be chosen.
        progress: Called now and then with how far each stage has come.
        provenance: A second film to be made, of where the pixels came from.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    options, progress = options or Options(), progress or _ignore
    with measure() as profile:
        with stage("start"):
            film = probe(Path(source))
            check_target(film, Path(target), options.encode)
            traced = None if provenance is None else Path(provenance)
            if traced is not None:
                if traced.absolute() == Path(target).absolute():
                    raise UsageError(
                        f"two outputs would be written to '{target}'; give each a name of its own"
                    )
                check_provenance(film, traced, options.encode.overwrite)
            prepare_device(options.pool.device)
            options = limit_scan(film, options)
        start = time.monotonic()
        plan = make_plan(film, options.scan, progress)
        options = limit_render(film, plan, options)
        result = render(film, plan, Path(target), options, progress, provenance=traced)
    return replace(result, seconds=time.monotonic() - start, profile=profile)


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
    # Beyond the range: what a subtitle covers shows best right before and after it.
    margin = round(film.frame_rate) + 1
    first, last = max(0, start - margin), min(film.frame_count, stop + margin)
    if options.mask is not None:
        events = tuple(read_mask_events(film, options.mask))
        cuts = _find_cuts(film, first, last, progress) if events else []
    else:
        buffer_bytes = int(BUFFER_BYTES * options.memory_share)
        scope = Scope(tuple(regions), options.logos, options.everything, buffer_bytes)
        with stage("start"):
            reader, find_lines = LineReader(), _find_lines(options)
        depth = max(
            2, min(PREFETCH_FRAMES, int(PREFETCH_BYTES * options.memory_share) // (3 * width * height // 2))
        )
        with closing(prefetch(_read_pictures(film, first, last), depth=depth)) as pictures:
            counted = _count_pictures(pictures, first, last, progress)
            rate = float(film.frame_rate)
            found = scan_pictures(counted, find_lines, reader.read, rate, scope)
        cuts, events = found.cuts, found.events
        for roll in found.rolls:
            log.warning(
                "frames %d to %d show running text (a ticker, credits), which is left alone; "
                "to remove it, give a --mask",
                *roll,
            )
    if cues:
        events = leave_untimed(events, film.times - film.start_seconds, cues)
    # What nobody has looked at is another shot: there may be a cut, or a subtitle that is not known.
    cuts = sorted({*cuts, first, last} - {0, film.frame_count})
    return Plan(key, shots_from_cuts(cuts, film.frame_count), events).clip(start, stop)


def render(
    film: Film,
    plan: Plan,
    target: Path,
    options: Options,
    progress: ProgressCallback,
    *,
    provenance: Path | None = None,
) -> Result:
    """Write the film without what the plan names; without events, a copy of all packets.

    Args:
        film: The source.
        plan: Of this film.
        target: The film to be made.
        options: All that can be chosen.
        progress: Called for every frame written.
        provenance: A second film to be made, of where the pixels came from (see `video.provenance`); none
            where nothing is removed.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    start = time.monotonic()
    cues = make_cues(plan.events, film.times) if options.encode.subtitle_track else ()
    tally = Tally([to_coded_event(event, film) for event in plan.removed], options.borrow.max_distance)
    if plan.removed:
        encode = options.encode
        if encode.match_size:
            encode = match_size(film, encode, [range(film.frame_count)])
        with ExitStack() as stack:
            pool = stack.enter_context(Pool(options.fit, options.pool))
            traced = stack.enter_context(_provenance(film, provenance, options))
            writer = stack.enter_context(MovieWriter(film, target, encode, cues))
            frames = stack.enter_context(closing(fill_frames(film, plan, pool, options.borrow)))
            for done, (index, frame, origins) in enumerate(frames, 1):
                with stage("render: encode", frames=1):
                    writer.write(frame)
                if traced:
                    with stage("report"):
                        traced.write(frame, origins)
                if origins:
                    tally.add(index, origins)
                progress(Progress("render", done, film.frame_count))
        warnings = tuple(writer.warnings)
    else:
        with stage("copy", frames=film.frame_count):
            warnings = remux(film, target, options.encode, cues)
        if provenance:
            warnings = (*warnings, f"nothing is removed, so there is no '{provenance}'")
    if options.encode.subtitle_track and not cues:
        warnings = (*warnings, "no subtitle was read, so there is no subtitle track")
    return Result(
        events=len(plan.removed),
        frames_masked=int(plan.masked_frames().sum()),
        shares=tally.total,
        event_shares=tally.by_event,
        seconds=time.monotonic() - start,
        output_bytes=target.stat().st_size,
        warnings=(*film.warnings, *warnings),
    )


def _provenance(
    film: Film, target: Path | None, options: Options
) -> AbstractContextManager[ProvenanceWriter | None]:
    if target is None:
        return nullcontext()
    return ProvenanceWriter(film, target, options.borrow.max_distance, options.encode.overwrite)


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
    for index, frame in timed("scan: decode", read_frames(film, start, stop)):
        yield index, Picture(frame, film.rotation)


def _count_pictures(
    pictures: Iterator[tuple[int, Picture]], start: int, stop: int, progress: ProgressCallback
) -> Iterator[tuple[int, Picture]]:
    for index, picture in pictures:
        yield index, picture
        progress(Progress("scan", index + 1 - start, stop - start))


def _find_cuts(film: Film, start: int, stop: int, progress: ProgressCallback) -> list[int]:
    """First frames of shots in the frames start to stop (excluded)."""
    detector = CutDetector()
    for index, picture in _count_pictures(_read_pictures(film, start, stop), start, stop, progress):
        with stage("scan: follow", frames=1):
            detector.feed(index, picture.luma)
    return detector.cuts


def _ignore(_: Progress) -> None:
    """Progress for callers who do not ask."""
