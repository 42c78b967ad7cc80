"""The order of things: probe, scan, render segment by segment, assemble."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from subremover.detect.make_plan import make_plan
from subremover.errors import UsageError
from subremover.fill.paint.pool import prepare_device
from subremover.memory import check_render, limit_render, limit_scan
from subremover.options import Options, ScanOptions
from subremover.plan.cues import make_cues
from subremover.plan.model import FilmKey, Plan
from subremover.progress import ProgressCallback, ignore
from subremover.provenance import Shares, Tally
from subremover.render.rendering import Rendering, find_splice
from subremover.resume.fingerprint import find_fingerprint
from subremover.resume.folder import WorkFolder
from subremover.resume.state import Decisions
from subremover.runtime.profile import Profile, measure, stage
from subremover.video.container.copies import can_copy
from subremover.video.container.mux import remux
from subremover.video.encode.match_size import match_size
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.splice.splice import SpliceError
from subremover.video.write.preflight import check_target
from subremover.video.write.provenance_film import check_provenance

log = logging.getLogger(__name__)


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
    frames_copied: int = 0
    """Frames whose packets are the film's own."""
    frames_resumed: int = 0
    """Frames that a run before this one had finished."""
    profile: Profile = field(default_factory=Profile, compare=False)
    """Where the time went: `print(result.profile)`. Filled by `remove_subtitles`."""


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
    return make_plan(probe(Path(source)), options or ScanOptions(), progress or ignore)


def remove_subtitles(
    source: Path | str,
    target: Path | str,
    options: Options | None = None,
    progress: ProgressCallback | None = None,
    *,
    provenance: Path | str | None = None,
) -> Result:
    """Remove the burned-in subtitles of a film.

    Where the same call was stopped before, by whatever it was, it goes on from there.

    Args:
        source: The film.
        target: The film to be made; its folder must exist.
        options: All that can be chosen.
        progress: Called now and then with how far each stage has come.
        provenance: A second film to be made, of where the pixels came from.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    options, progress = options or Options(), progress or ignore
    with measure() as profile:
        with stage("start"):
            film = probe(Path(source))
            for warning in check_target(film, Path(target), options.encode):
                log.warning("%s: %s", film.path.name, warning)
            traced = None if provenance is None else Path(provenance)
            if traced is not None and os.path.realpath(traced) == os.path.realpath(target):
                raise UsageError(f"two outputs would be written to '{target}'; give each a name of its own")
            prepare_device(options.pool.device)
            options = limit_scan(film, options)
            check_render(film, options)
        start = time.monotonic()
        with open_work(film, Path(target), options, traced) as work:
            if traced is not None:
                check_provenance(film, traced, work.may_replace(traced, options.encode.overwrite))
            plan = find_plan(film, options.scan, progress, work)
            options = limit_render(film, plan, options)
            result = render(film, plan, options, progress, work, provenance=traced)
    return replace(result, seconds=time.monotonic() - start, profile=profile)


def open_work(film: Film, target: Path, options: Options, provenance: Path | None) -> WorkFolder:
    """Where a run keeps what it has done; a context manager (see `work`).

    Raises:
        SubremoverError: The plan that is to be used cannot be read.
    """
    with stage("start"):
        fingerprint = find_fingerprint(film, options, provenance is not None)
    return WorkFolder(target, film.path, fingerprint, options.encode.resume)


def find_plan(film: Film, options: ScanOptions, progress: ProgressCallback, work: WorkFolder | None) -> Plan:
    """The plan that a run before this one has left in the work folder, if there is one, or a new one.

    Raises:
        SubremoverError: See `errors`.
    """
    if work is None:
        return make_plan(film, options, progress)
    key = FilmKey.of(film.upright_size, film.pts)
    return work.find_plan(key, lambda: make_plan(film, options, progress))


def render(
    film: Film,
    plan: Plan,
    options: Options,
    progress: ProgressCallback,
    work: WorkFolder,
    *,
    provenance: Path | None = None,
) -> Result:
    """Write the film without what the plan names.

    Where nothing is to be removed all packets are copied, or, if they would not show the same in the
    target's container, the picture is encoded.

    Args:
        film: The source.
        plan: Of this film, as it lies in the work folder.
        options: All that can be chosen.
        progress: Called for every frame rendered.
        work: Of the film to be made, open.
        provenance: A second film to be made, of where the pixels came from (see `video.provenance`); none
            where nothing is removed.

    Raises:
        SubremoverError: See `errors`. The target is not touched then.
    """
    start = time.monotonic()
    cues = make_cues(plan.events, film.times) if options.encode.subtitle_track else ()
    tally, resumed, copied = Tally((), 1), 0, film.frame_count
    is_rendered = bool(plan.removed) or not can_copy(film, work.target)
    traced = provenance if plan.removed else None
    if is_rendered:
        splice = None if work.decisions.is_whole else find_splice(film, plan, options.encode, work.target)
        rendering = _match_size(Rendering(film, plan, options, traced, work, splice))
        try:
            resumed = rendering.make_segments(progress)
            warnings, tally = rendering.assemble(cues, progress)
        except SpliceError as error:
            if rendering.splice is None or options.encode.splice == "on":
                raise
            log.warning("%s; encoding all of it again", error)
            work.decide(Decisions(is_whole=True))
            rendering = _match_size(replace(rendering, options=options, splice=None))
            resumed = rendering.make_segments(progress)
            warnings, tally = rendering.assemble(cues, progress)
        copied = sum(s.stop - s.start for s in rendering.segments if s.is_copied)
    else:
        with stage("copy", frames=film.frame_count):
            warnings = remux(film, work.target, options.encode, cues, folder=work.path)
    if is_rendered and not plan.removed:
        place = work.target.suffix
        why = f"the {film.codec} packets cannot be copied to {place}, so the picture is encoded all the same"
        warnings = (*warnings, why)
    if provenance and not plan.removed:
        warnings = (*warnings, f"nothing is removed, so there is no '{provenance}'")
    if options.encode.subtitle_track and not cues:
        warnings = (*warnings, "no subtitle was read, so there is no subtitle track")
    work.clear()
    return Result(
        events=len(plan.removed),
        frames_masked=int(plan.masked_frames().sum()),
        shares=tally.total,
        event_shares=tally.by_event,
        seconds=time.monotonic() - start,
        output_bytes=work.target.stat().st_size,
        warnings=(*film.warnings, *warnings),
        frames_copied=copied,
        frames_resumed=resumed,
    )


def _match_size(rendering: Rendering) -> Rendering:
    """With the crf at which what is encoded again comes out as large as it was, if that is asked for."""
    options = rendering.options
    if not options.encode.match_size:
        return rendering
    work = rendering.work
    if work.decisions.crf is None:
        spans = [range(s.start, s.stop) for s in rendering.segments if not s.is_copied]
        crf = match_size(rendering.film, options.encode, spans)
        work.decide(replace(work.decisions, crf=crf))
    encode = replace(options.encode, crf=work.decisions.crf, match_size=False)
    return replace(rendering, options=replace(options, encode=encode))
