"""What makes the segments of a film: all that a segment depends on, and how one is made of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from av.video.frame import VideoFrame

from subremover.fill.paint.jobs import Painter
from subremover.options import BorrowOptions
from subremover.plan.model import Plan
from subremover.provenance import Origins, Tally
from subremover.render.active_picture import to_coded_event
from subremover.render.filled_frames import fill_frames
from subremover.resume.names import ORIGINS, PICTURE
from subremover.runtime.allocator import release_freed_memory
from subremover.runtime.atomic_file import MemoryFile
from subremover.runtime.profile import stage
from subremover.video.encode.encoders import Encoding
from subremover.video.film import Film
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment, by_segment
from subremover.video.splice.splice import Splice
from subremover.video.write.provenance_film import draw_frame, open_provenance
from subremover.video.write.segment_writer import SegmentWriter, open_encoder

FindFile = Callable[[Segment, str], Path | MemoryFile]
"""Where a segment's spool of a kind (`resume.names`) goes."""


@dataclass(frozen=True, eq=False)
class RenderJob:
    """What all segments of a film have in common; besides, each depends on nothing but its own frames.

    It can be sent to other processes and machines, which make the same bytes of it where their processors,
    devices and libraries are of one kind.
    """

    film: Film
    """The source."""
    plan: Plan
    """Of this film: what is removed."""
    borrow: BorrowOptions
    encoding: Encoding
    """Of the frames that are not copied."""
    target: Path
    """The film to be made; its extension names the container."""
    key: bytes
    """Of the run, which alone may read the spools (`spool.KEY_BYTES` bytes)."""
    memory_share: float = 1.0
    """Factor in (0, 1] of the memory that frames in hand take by default."""
    provenance: Path | None = None
    """The film of origins to be made; None: none is."""
    splice: Splice | None = None
    """How packets of the source are joined with encoded ones; None: none is copied."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the spools that a segment has (`resume.names`)."""
        return (PICTURE,) if self.provenance is None else (PICTURE, ORIGINS)

    def render(
        self,
        segments: Sequence[Segment],
        painter: Painter,
        find_file: FindFile,
        frame_done: Callable[[], None],
    ) -> None:
        """Render segments, each to spools of its own.

        Args:
            segments: Of the film, in order; none of them copied.
            painter: What paints the holes; its context is entered here.
            find_file: Where the spools go. That of the picture is the last to be whole.
            frame_done: Called for every frame rendered.

        Raises:
            InputError: The film cannot be read to its end.
            OutputError: A spool cannot be written, or the encoder refuses.
            DeviceError: A device's memory does not suffice for a single crop.
            WorkerError: A GPU failed.
        """
        with painter, closing(self._fill(painter, segments)) as frames:
            for segment, of_segment in by_segment(frames, segments):
                self._make_segment(segment, of_segment, find_file, frame_done)
                release_freed_memory()

    def trace_copied(self, segment: Segment, file: Path) -> None:
        """Encode the origins of a copied segment, which has no holes.

        Args:
            segment: Of the film.
            file: Name of the spool.

        Raises:
            InputError: The film cannot be read.
            OutputError: The spool cannot be written, or no film of origins is made.
        """
        with stage("report"), self._open_origins(file) as writer:
            for _, frame in read_frames(self.film, segment.start, segment.stop):
                writer.write(draw_frame(self.film, frame, None, self.borrow.max_distance))
            writer.commit({})

    def start_tally(self) -> Tally:
        """A tally of the plan's events with nothing counted yet."""
        events = [to_coded_event(event, self.film) for event in self.plan.removed]
        return Tally(events, self.borrow.max_distance)

    def _fill(
        self, painter: Painter, segments: Sequence[Segment]
    ) -> Generator[tuple[int, VideoFrame, Origins | None], None, None]:
        """The frames of some segments, filled."""
        return fill_frames(
            self.film,
            self.plan,
            painter,
            self.borrow,
            segments=segments,
            memory_share=self.memory_share,
        )

    def _make_segment(
        self,
        segment: Segment,
        frames: Iterable[tuple[int, VideoFrame, Origins | None]],
        find_file: FindFile,
        frame_done: Callable[[], None],
    ) -> None:
        """Encode a segment's frames into its spool, and their origins into another one, if wanted."""
        counts, traced = self.start_tally(), None
        with ExitStack() as stack:
            with stage("render: encode"):
                encoder = open_encoder(self.film, self.target, self.encoding, self.splice)
                file = find_file(segment, PICTURE)
                picture = stack.enter_context(SegmentWriter(file, self.key, encoder, self.target))
            if self.provenance is not None:
                traced = stack.enter_context(self._open_origins(find_file(segment, ORIGINS)))
            for index, frame, origins in frames:
                with stage("render: encode", frames=1):
                    picture.write(frame)
                if traced is not None:
                    with stage("report"):
                        traced.write(draw_frame(self.film, frame, origins, self.borrow.max_distance))
                if origins:
                    counts.add(index, origins)
                frame_done()
            if traced is not None:
                with stage("report"):
                    traced.commit({})
            with stage("render: encode"):  # last: with it the segment is finished
                picture.commit({"tally": counts.to_json()})

    def _open_origins(self, file: Path | MemoryFile) -> SegmentWriter:
        """A writer for a segment's origins."""
        assert self.provenance is not None  # whoever has none does not ask
        encoder = open_provenance(self.film, self.provenance)
        return SegmentWriter(file, self.key, encoder, self.provenance)
