"""Renders the segments of a film that are not finished yet, and makes the whole film of all segments."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from av.video.frame import VideoFrame

from subremover.errors import OutputError
from subremover.fill.paint.jobs import Painter
from subremover.options import Options
from subremover.plan.cues import Cue
from subremover.plan.model import Plan
from subremover.progress import Progress, ProgressCallback
from subremover.provenance import Origins, Tally
from subremover.render.active_picture import to_coded_event
from subremover.render.filled_frames import fill_frames
from subremover.resume.folder import WorkFolder
from subremover.resume.names import ORIGINS, PICTURE
from subremover.resume.state import Decisions
from subremover.runtime.allocator import release_freed_memory
from subremover.runtime.paths import is_file
from subremover.runtime.profile import stage
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.match_size import match_size
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment, by_segment, cut_segments
from subremover.video.splice.splice import Splice, SpliceError
from subremover.video.write.assemble import assemble
from subremover.video.write.provenance_film import assemble_provenance, draw_frame, open_provenance
from subremover.video.write.segment_writer import SegmentWriter, open_encoder

log = logging.getLogger(__name__)

DISK_SHARE = 2.5
"""Factor of the source's size: what finished segments and target may take on disk together, roughly."""


@dataclass(frozen=True)
class Rendering:
    """One film to be rendered, and how: what all of its segments have in common."""

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
    painter: Painter
    """What paints the holes; its context is entered here."""
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

    def make_segments(self, progress: ProgressCallback) -> int:
        """Render all segments that are not finished in the work folder yet.

        Args:
            progress: Called for every frame rendered.

        Returns:
            Number of rendered frames that an earlier run had finished.

        Raises:
            InputError: The film cannot be read to its end.
            OutputError: The work folder cannot be written, or the encoder refuses.
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A GPU failed.
        """
        self._check_disk()
        segments = self.segments
        self.work.begin(self.plan, segments, self.painter.devices[0])
        rendered = [segment for segment in segments if not segment.is_copied]
        missing = [segment for segment in rendered if not self._is_finished(segment)]
        total = _count_frames(rendered)
        resumed = total - _count_frames(missing)
        done = itertools.count(resumed + 1)
        if self.provenance is not None:
            for segment in segments:
                if segment.is_copied and self.work.read(segment, ORIGINS) is None:
                    self._trace_copied(segment, self.provenance)
        if not missing:
            return resumed
        with self.painter as painter, closing(self._fill(painter, missing)) as frames:
            for segment, of_segment in by_segment(frames, missing):
                self._make_segment(
                    segment, of_segment, lambda: progress(Progress("render", next(done), total))
                )
                release_freed_memory()
        return resumed

    def assemble(self, cues: tuple[Cue, ...], progress: ProgressCallback) -> tuple[tuple[str, ...], Tally]:
        """Make the target of the finished segments, and the film of origins before it, if one is wanted.

        Args:
            cues: What is added as a text track, in the film's own seconds; empty: no track.
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
        tally = self._start_tally()
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
                cues=cues,
                folder=self.work.path,
                splice=self.splice,
                progress=progress,
            )
        return warnings, tally

    def _fill(
        self, painter: Painter, segments: Sequence[Segment]
    ) -> Generator[tuple[int, VideoFrame, Origins | None], None, None]:
        """The frames of some segments, filled."""
        return fill_frames(
            self.film,
            self.plan,
            painter,
            self.options.borrow,
            segments=segments,
            memory_share=self.memory_share,
        )

    def _make_segment(
        self,
        segment: Segment,
        frames: Iterable[tuple[int, VideoFrame, Origins | None]],
        frame_done: Callable[[], None],
    ) -> None:
        """Encode a segment's frames into its spool, and their origins into another one, if wanted."""
        film, options, work = self.film, self.options, self.work
        counts, traced = self._start_tally(), None
        with ExitStack() as stack:
            with stage("render: encode"):
                encoder = open_encoder(film, work.target, self.encoding, self.splice)
                file = work.file(segment, PICTURE)
                picture = stack.enter_context(SegmentWriter(file, work.key, encoder, work.target))
            if self.provenance is not None:
                file, of_origins = work.file(segment, ORIGINS), open_provenance(film, self.provenance)
                traced = stack.enter_context(SegmentWriter(file, work.key, of_origins, self.provenance))
            for index, frame, origins in frames:
                with stage("render: encode", frames=1):
                    picture.write(frame)
                if traced is not None:
                    with stage("report"):
                        traced.write(draw_frame(film, frame, origins, options.borrow.max_distance))
                if origins:
                    counts.add(index, origins)
                frame_done()
            if traced is not None:
                with stage("report"):
                    traced.commit({})
            with stage("render: encode"):  # last: with it the segment is finished
                picture.commit({"tally": counts.to_json()})

    def _trace_copied(self, segment: Segment, provenance: Path) -> None:
        """Encode the origins of a copied segment, which has no holes."""
        film, file = self.film, self.work.file(segment, ORIGINS)
        with (
            stage("report"),
            SegmentWriter(file, self.work.key, open_provenance(film, provenance), provenance) as writer,
        ):
            for _, frame in read_frames(film, segment.start, segment.stop):
                writer.write(draw_frame(film, frame, None, self.options.borrow.max_distance))
            writer.commit({})

    def _is_finished(self, segment: Segment) -> bool:
        """Whether the work folder holds all spools of a segment."""
        kinds = (PICTURE,) if self.provenance is None else (PICTURE, ORIGINS)
        return all(self.work.read(segment, kind) is not None for kind in kinds)

    def _read(self, segments: Sequence[Segment], kind: str) -> list[Spool]:
        """The spools of one kind of all these segments; an OutputError if one is lost."""
        found = [self.work.read(segment, kind) for segment in segments]
        spools = [spool for spool in found if spool is not None]
        if len(spools) < len(segments):
            raise OutputError(f"finished segments in '{self.work.path}' are lost; start again")
        return spools

    def _start_tally(self) -> Tally:
        """A tally of the plan's events with nothing counted yet."""
        events = [to_coded_event(event, self.film) for event in self.plan.removed]
        return Tally(events, self.options.borrow.max_distance)

    def _check_disk(self) -> None:
        """Warn if the disk may fill up."""
        folder, (size, _) = self.work.path, self.film.stamp
        try:
            there = sum(file.stat().st_size for file in folder.iterdir() if is_file(file))
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


def render_whole(rendering: Rendering, cues: tuple[Cue, ...], progress: ProgressCallback) -> Rendered:
    """Render and assemble a film; where copied packets do not fit in after all, all of it is encoded.

    Args:
        rendering: With a splice, if packets are to be copied.
        cues: What is added as a text track, in the film's own seconds; empty: no track.
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
        return _render(rendering, cues, progress)
    except SpliceError as error:
        if rendering.splice is None or rendering.options.encode.splice == "on":
            raise
        log.warning("%s; encoding all of it again", error)
        rendering.work.decide(Decisions(is_whole=True))
        return _render(replace(rendering, splice=None), cues, progress)


def _render(rendering: Rendering, cues: tuple[Cue, ...], progress: ProgressCallback) -> Rendered:
    """Render and assemble a film as `rendering` says."""
    if rendering.options.encode.match_size:
        rendering = _match_size(rendering)
    resumed = rendering.make_segments(progress)
    warnings, tally = rendering.assemble(cues, progress)
    copied = _count_frames(segment for segment in rendering.segments if segment.is_copied)
    return Rendered(warnings, tally, copied, resumed)


def _match_size(rendering: Rendering) -> Rendering:
    """The same with the crf at which the frames to be encoded come out as large as they were."""
    work = rendering.work
    crf = work.decisions.crf
    if crf is None:
        spans = [range(s.start, s.stop) for s in rendering.segments if not s.is_copied]
        crf = match_size(rendering.film, rendering.encoding, spans)
        work.decide(replace(work.decisions, crf=crf))
    return replace(rendering, encoding=rendering.encoding.with_crf(crf))


def find_segments(film: Film, plan: Plan, splice: Splice | None) -> list[Segment]:
    """All segments of a film, in order.

    Args:
        film: The source.
        plan: Of this film.
        splice: Which frames are copied; None: none.
    """
    return cut_segments(film, plan.masked_frames(), splice.copied if splice else ())


def _count_frames(segments: Iterable[Segment]) -> int:
    return sum(segment.stop - segment.start for segment in segments)
