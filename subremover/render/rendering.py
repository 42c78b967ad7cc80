"""Renders the segments of a film that are not finished yet, and makes the whole film of all segments."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from subremover.errors import OutputError
from subremover.fill.paint.jobs import Painter
from subremover.options import Options
from subremover.plan.model import Plan
from subremover.progress import Progress, ProgressCallback
from subremover.provenance import Tally
from subremover.render.render_job import RenderJob
from subremover.resume.folder import WorkFolder
from subremover.resume.names import ORIGINS, PICTURE
from subremover.resume.state import Decisions
from subremover.runtime.paths import is_file
from subremover.runtime.profile import stage
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.match_size import match_size
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.segments import Segment, count_frames, cut_segments
from subremover.video.splice.splice import Splice, SpliceError
from subremover.video.text.text_track import TextTrack
from subremover.video.write.assemble import assemble
from subremover.video.write.provenance_film import assemble_provenance

log = logging.getLogger(__name__)

DISK_SHARE = 2.5
"""Factor of the source's size: what finished segments and target may take on disk together, roughly."""


class Workers(Protocol):
    """Who renders the segments of films: this process, or a cluster."""

    @property
    def device(self) -> str:
        """Name of a torch device: of which kind all are that decoders are fitted on."""

    def render(
        self, job: RenderJob, segments: Sequence[Segment], work: WorkFolder, tell: Callable[[int], None]
    ) -> None:
        """Render segments, and have their spools in the work folder.

        Args:
            job: What the segments have in common.
            segments: Those that are missing, in order; none of them copied.
            work: Where each spool goes once it is whole.
            tell: Called now and then with the number of frames of these segments that are done.

        Raises:
            InputError: The film cannot be read to its end.
            OutputError: The work folder cannot be written, or the encoder refuses.
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A GPU failed, or a segment could not be rendered anywhere.
        """


@dataclass(frozen=True, slots=True)
class ThisProcess:
    """Renders segments here, one after the other."""

    painter: Painter
    """What paints the holes."""

    @property
    def device(self) -> str:
        """See `Workers`."""
        return self.painter.devices[0]

    def render(
        self, job: RenderJob, segments: Sequence[Segment], work: WorkFolder, tell: Callable[[int], None]
    ) -> None:
        """See `Workers`."""
        done = itertools.count(1)
        job.render(segments, self.painter, work.file, lambda: tell(next(done)))


@dataclass(frozen=True)
class Rendering:
    """One film to be rendered, and how."""

    film: Film
    """The source."""
    plan: Plan
    """Of this film: what is removed."""
    options: Options
    """Of the run."""
    encoding: Encoding
    """Of the frames that are not copied."""
    work: WorkFolder
    """Where finished segments are kept; it knows the target."""
    workers: Workers
    """Who renders the segments."""
    memory_share: float = 1.0
    """Factor in (0, 1] of the memory that frames in hand take by default."""
    provenance: Path | None = None
    """The film of origins to be made; None: none is."""
    splice: Splice | None = None
    """How packets of the source are joined with encoded ones; None: none is copied."""

    @cached_property
    def segments(self) -> list[Segment]:
        """All segments of the film, in order."""
        return find_segments(self.film, self.plan, self.splice)

    def begin(self) -> Rendering:
        """Note in the work folder what is to be rendered.

        Returns:
            The same, at the crf at which the frames to be encoded come out as large as they were, if that is
            wanted.

        Raises:
            InputError: The film cannot be read.
            OutputError: The work folder cannot be written, or was begun on another kind of device.
        """
        rendering = self._match_size() if self.options.encode.match_size else self
        rendering._check_disk()
        rendering.work.begin(rendering.plan, rendering.segments, rendering.workers.device)
        return rendering

    def make_segments(self, segments: Sequence[Segment], progress: ProgressCallback) -> int:
        """Render segments that are not finished yet.

        Args:
            segments: Of the film, in order.
            progress: Called for every frame rendered.

        Returns:
            Number of rendered frames that an earlier run had finished.

        Raises:
            InputError: The film cannot be read to its end.
            OutputError: The work folder cannot be written, or the encoder refuses.
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A GPU failed.
        """
        job = self._make_job()
        rendered = [segment for segment in segments if not segment.is_copied]
        missing = [segment for segment in rendered if not self._is_finished(segment, job)]
        total = count_frames(rendered)
        resumed = total - count_frames(missing)
        if job.provenance is not None:
            for segment in segments:
                if segment.is_copied and self.work.read(segment, ORIGINS) is None:
                    job.trace_copied(segment, self.work.file(segment, ORIGINS))
        if missing:
            self.workers.render(
                job, missing, self.work, lambda done: progress(Progress("render", resumed + done, total))
            )
        return resumed

    def assemble(self, text: TextTrack, progress: ProgressCallback) -> tuple[tuple[str, ...], Tally]:
        """Make the target of the finished segments, and the film of origins before it, if one is wanted.

        Args:
            text: The text track that is added.
            progress: Called for every frame verified, where some are copied.

        Returns:
            What cannot be kept, one line a thing; and the origins of all hidden pixels.

        Raises:
            InputError: The source cannot be read, or was changed meanwhile.
            OutputError: A film cannot be written, or a finished segment is lost or damaged.
            ContainerError: The frames or their times cannot be read again out of the target's container.
            SpliceError: The copied packets and the encoded ones do not make the film that they should.
        """
        segments = self.segments
        tally = self._make_job().start_tally()
        rendered = [segment for segment in segments if not segment.is_copied]
        pictures = dict(zip(rendered, self._read(rendered, PICTURE), strict=True))
        for segment, spool in pictures.items():
            try:
                tally.add_json(spool.notes.get("tally"), segment.stop)
            except ValueError as error:
                raise OutputError(f"'{spool.path}' makes no sense: {error}; add --no-resume") from error
        if self.provenance is not None:
            origins = self._read(segments, ORIGINS)
            overwrite = self.work.may_replace(self.provenance, self.options.encode.overwrite)
            self.work.note_findings([self.provenance])  # it is there before the film is
            assemble_provenance(self.film, self.provenance, overwrite, origins, folder=self.work.path)
        pieces = [pictures.get(segment, range(segment.start, segment.stop)) for segment in segments]
        with stage("assemble", frames=self.film.frame_count):
            warnings = assemble(
                self.film,
                self.work.target,
                self.encoding,
                self.options.encode,
                pieces,
                text=text,
                folder=self.work.path,
                splice=self.splice,
                progress=progress,
            )
        return warnings, tally

    def _match_size(self) -> Rendering:
        """The same with the crf at which the frames to be encoded come out as large as they were."""
        crf = self.work.decisions.crf
        if crf is None:
            spans = [range(s.start, s.stop) for s in self.segments if not s.is_copied]
            crf = match_size(self.film, self.encoding, spans)
            self.work.decide(replace(self.work.decisions, crf=crf))
        return replace(self, encoding=self.encoding.with_crf(crf))

    def _make_job(self) -> RenderJob:
        """What the segments have in common; the work folder must have begun with them."""
        return RenderJob(
            self.film,
            self.plan,
            self.options.borrow,
            self.encoding,
            self.work.target,
            self.work.key,
            self.memory_share,
            self.provenance,
            self.splice,
        )

    def _is_finished(self, segment: Segment, job: RenderJob) -> bool:
        """Whether the work folder holds all spools of a segment."""
        return all(self.work.read(segment, kind) is not None for kind in job.kinds)

    def _read(self, segments: Sequence[Segment], kind: str) -> list[Spool]:
        """The spools of one kind of all these segments; an OutputError if one is lost."""
        found = [self.work.read(segment, kind) for segment in segments]
        spools = [spool for spool in found if spool is not None]
        if len(spools) < len(segments):
            raise OutputError(f"finished segments in '{self.work.path}' are lost; start again")
        return spools

    def _check_disk(self) -> None:
        """Warn if the disk may fill up."""
        folder, (size, _) = self.work.path, self.film.stamp
        try:
            there = sum(file.stat().st_size for file in folder.rglob("*") if is_file(file))
            needed, free = DISK_SHARE * size - there, shutil.disk_usage(folder).free
        except OSError:  # writing there will tell
            return
        if free < needed:
            log.warning(
                "there may be too little space for '%s': %.1f GB are free, up to %.1f GB are needed",
                self.work.target,
                free / 1e9,
                needed / 1e9,
            )


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """What became of a film's picture."""

    warnings: tuple[str, ...]
    """What cannot be kept, one line a thing."""
    tally: Tally
    """The origins of all hidden pixels."""
    frames_copied: int
    """Number of frames whose packets are the source's own."""
    frames_resumed: int = 0
    """Number of frames that an earlier run had finished."""


def render_whole(rendering: Rendering, text: TextTrack, progress: ProgressCallback) -> Rendered:
    """Render and assemble a film; where copied packets do not fit in after all, all of it is encoded.

    Args:
        rendering: With a splice, if packets are to be copied.
        text: The text track that is added.
        progress: Called for every frame rendered or verified.

    Returns:
        What became of the picture; the film is in the target's place.

    Raises:
        InputError: The film cannot be read to its end, or was changed meanwhile.
        OutputError: A film or the work folder cannot be written, or the encoder refuses.
        ContainerError: The frames or their times cannot be read again out of the target's container.
        DeviceError: A device's memory does not suffice for a single crop.
        WorkerError: A GPU failed.
        SpliceError: Packets had to be copied, and do not fit in.
    """
    try:
        return _render(rendering, text, progress)
    except SpliceError as error:
        if rendering.splice is None or rendering.options.encode.splice == "on":
            raise
        log.warning("%s; encoding all of it again", error)
        rendering.work.decide(Decisions(is_whole=True))
        return _render(replace(rendering, splice=None), text, progress)


def _render(rendering: Rendering, text: TextTrack, progress: ProgressCallback) -> Rendered:
    """Render and assemble a film as `rendering` says."""
    rendering = rendering.begin()
    resumed = rendering.make_segments(rendering.segments, progress)
    warnings, tally = rendering.assemble(text, progress)
    copied = count_frames(segment for segment in rendering.segments if segment.is_copied)
    return Rendered(warnings, tally, copied, resumed)


def find_segments(film: Film, plan: Plan, splice: Splice | None) -> list[Segment]:
    """All segments of a film, in order.

    Args:
        film: The source.
        plan: Of this film.
        splice: Which frames are copied; None: none.
    """
    return cut_segments(film, plan.masked_frames(), splice.copied if splice else ())
