"""One film on its way: looked at, scanned, rendered segment by segment, assembled.

`Run` holds what is found out once, before the first frame; the command and the Python API go by it alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

from av.video.frame import VideoFrame

from subremover.detect.make_plan import make_plan
from subremover.errors import OutputError, UsageError
from subremover.fill.paint.devices import prepare_device
from subremover.fill.paint.jobs import Painter
from subremover.fill.paint.pool import Pool
from subremover.memory import Limits, check_render, limit_render, limit_scan
from subremover.options import Options
from subremover.plan.cues import Cue, make_cues
from subremover.plan.model import FilmKey, Plan
from subremover.plan.saved_plan import load_plan
from subremover.progress import ProgressCallback, ignore
from subremover.provenance import Shares, Tally
from subremover.render.filled_frames import fill_frames
from subremover.render.rendering import Rendering, find_segments
from subremover.resume.fingerprint import find_fingerprint
from subremover.resume.folder import WorkFolder
from subremover.resume.state import Decisions
from subremover.runtime.paths import resolve
from subremover.runtime.profile import Profile, stage
from subremover.video.container.copies import can_copy
from subremover.video.container.mux import remux
from subremover.video.container.output import find_format
from subremover.video.encode.encoders import Encoding, choose_encoding
from subremover.video.encode.match_size import match_size
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.splice.packet_index import PacketIndex, read_packet_index
from subremover.video.splice.splice import LEAST_SHARE, Splice, SpliceError, plan_splice
from subremover.video.write.preflight import check_splice, check_target
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


class Run(AbstractContextManager["Run"]):
    """What is to be done to one film, prepared: a context manager with `scan` and `render`.

        with Run("movie.mp4", target="clean.mp4") as run:
            result = run.render(run.scan())

    Entering it looks at the film and checks all that can be checked before the long work: the target, the
    encoder, the device, the memory. A run that was stopped goes on from its work folder.
    """

    film: Film
    losses: tuple[str, ...]
    """What is wrong with the film, and what of it the target cannot keep."""
    limits: Limits
    """Shares of the memory that the stages may take."""
    work: WorkFolder | None
    """What has been finished, beside the target; None without a target."""

    def __init__(
        self,
        source: Path | str,
        options: Options | None = None,
        *,
        target: Path | str | None = None,
        provenance: Path | str | None = None,
        plan: Plan | None = None,
        paints: bool | None = None,
        painter: Painter | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        """Note what is wanted; nothing is read before the `with` block.

        Args:
            source: The film.
            options: All that can be chosen.
            target: The film to be made; None: none is.
            provenance: A second film to be made, of where the pixels came from.
            plan: Of this film, in the scan's place.
            paints: Whether holes will be painted, so that device and memory are checked; None: if there is
                a target.
            painter: What paints the holes; None: the pool that the options tell of.
            progress: Called now and then with how far each stage has come.
        """
        self.source, self.options = Path(source), options or Options()
        self.target = None if target is None else Path(target)
        self.provenance = None if provenance is None else Path(provenance)
        self._given, self._painter = plan, painter
        self._paints = target is not None if paints is None else paints
        self._progress = progress or ignore
        self._stack = ExitStack()

    def __enter__(self) -> Run:
        """Look at the film and at where it is to go.

        Raises:
            InputError: The film cannot be read.
            OutputError: One of the outputs cannot be written, or another run is making the film.
            PlanError: The plan to be used cannot be read, or is of another film.
            DeviceError: The device asked for is absent.
            UsageError: The options do not fit the film, the encoder or the memory.
        """
        with ExitStack() as stack, stage("start"):
            self._start = time.monotonic()
            self._check_names()
            self.film = probe(self.source)
            self.losses, self.work = self.film.warnings, None
            if self.target is not None:
                self.losses += check_target(
                    self.film,
                    self.target,
                    self.options.encode,
                    self.encoding,
                    read_index=lambda _: self._packet_index,
                )
            self.limits = limit_scan(self.film, self.options.max_memory_bytes)
            if self._paints:
                check_render(self.film, self.options, lambda: self.encoding)
            self._given = self._read_plan()
            if self.target is not None:
                self.work = stack.enter_context(self._open_work(self.target))
                if self.provenance is not None:
                    may_replace = self.work.may_replace(self.provenance, self.options.encode.overwrite)
                    check_provenance(self.film, self.provenance, may_replace)
            if self._paints and self._painter is None:
                prepare_device(self.options.pool.device)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @cached_property
    def encoding(self) -> Encoding:
        """What the picture is encoded with; chosen once, for hardware that is busy later must not change it.

        Raises:
            OutputError: There is no such encoder.
            UsageError: It does not know what was asked of it.
        """
        return choose_encoding(self.film, self.options.encode)

    def scan(self) -> Plan:
        """The plan: that which was given, or a stopped run has left, or what is found now.

        Raises:
            InputError: The film cannot be read to its end.
            PlanError: A mask or the times of an SRT file cannot be used.
            OutputError: The plan cannot be kept in the work folder.
            UsageError: The frames asked for are not in the film.
        """
        if self.work is None:
            return self._make_plan()
        return self.work.find_plan(self._key, self._make_plan)

    def find_splice(self, plan: Plan) -> Splice | None:
        """What of the film can be copied packet for packet; None where all of its picture is to be encoded.

        Without a target, as for one in the source's own container.

        Raises:
            SpliceError: It was asked for and cannot be done.
        """
        mode, target = self.options.encode.splice, self.target or self.film.path
        if mode == "off":
            return None
        try:
            with stage("start"):
                splice = plan_splice(
                    self.film,
                    plan.masked_frames(),
                    self.encoding,
                    find_format(target),
                    read_index=lambda _: self._packet_index,
                    least_share=LEAST_SHARE if mode == "auto" else 0,
                )
                check_splice(splice, target, self.encoding)
                return splice
        except SpliceError as error:
            if mode == "on":
                raise
            log.info("%s", error)
            return None

    def open_painter(self, plan: Plan) -> Painter:
        """What paints the plan's holes, to be used in a `with` statement.

        Raises:
            DeviceError: The device asked for is absent.
            UsageError: The memory does not suffice for holes of that size.
        """
        self.limits = limit_render(self.film, plan, self.options, self.limits, lambda: self.encoding)
        if self._painter is not None:
            return self._painter
        return Pool(self.options.paint, self.options.pool, max_bytes=self.limits.fit_bytes)

    def fill_frames(
        self, plan: Plan, indices: Sequence[int]
    ) -> Generator[tuple[int, VideoFrame], None, None]:
        """Some frames, their holes filled, as `render` would make them.

        Args:
            plan: Of this film.
            indices: Of the frames.

        Yields:
            Frame index and frame, in order.

        Raises:
            InputError, DeviceError, WorkerError, UsageError: As `render`.
        """
        try:
            splice = self.find_splice(plan)
        except OutputError:  # the container is none that can be written, or the render will say why not
            splice = None
        segments = find_segments(self.film, plan, splice)
        with self.open_painter(plan) as painter:
            filled = fill_frames(
                self.film,
                plan,
                painter,
                self.options.borrow,
                only=indices,
                segments=segments,
                memory_share=self.limits.render_share,
            )
            with closing(filled):
                for index, frame, _ in filled:
                    yield index, frame

    def render(self, plan: Plan) -> Result:
        """Write the film without what the plan names.

        Where nothing is to be removed all packets are copied, or, if they would not show the same in the
        target's container, the picture is encoded.

        Args:
            plan: Of this film.

        Raises:
            InputError: The film cannot be read to its end, or was changed meanwhile.
            OutputError: A film cannot be written, or its container cannot hold it.
            PlanError: The plan is of another film.
            DeviceError: A device's memory does not suffice.
            WorkerError: A worker died.
            UsageError: The memory does not suffice for holes of that size.
        """
        if self.work is None:
            raise ValueError("a run without a target renders nothing; give it one")
        work = self.work
        plan.check_film(self._key)
        film, encode = self.film, self.options.encode
        cues = make_cues(plan.events, film.times) if encode.subtitle_track else ()
        if plan.removed or not can_copy(film, work.target):
            rendering, resumed, warnings, tally = self._render(plan, work, cues)
            copied = sum(s.stop - s.start for s in rendering.segments if s.is_copied)
        else:
            resumed, copied, tally = 0, film.frame_count, Tally((), 1)
            with stage("copy", frames=film.frame_count):
                warnings = remux(film, work.target, encode, cues, folder=work.path)
        warnings = (*film.warnings, *warnings, *self._tell_odd(plan, bool(cues), copied))
        work.clear()
        return Result(
            events=len(plan.removed),
            frames_masked=int(plan.masked_frames().sum()),
            shares=tally.total,
            event_shares=tally.by_event,
            seconds=time.monotonic() - self._start,
            output_bytes=work.target.stat().st_size,
            warnings=warnings,
            frames_copied=copied,
            frames_resumed=resumed,
        )

    def _render(
        self, plan: Plan, work: WorkFolder, cues: tuple[Cue, ...]
    ) -> tuple[Rendering, int, tuple[str, ...], Tally]:
        """The film of its segments; where copied packets do not fit in after all, all of it encoded again."""
        provenance = self.provenance if plan.removed else None
        painter = self.open_painter(plan)
        rendering = Rendering(
            self.film, plan, self.options, self.encoding, work, painter, self.limits.render_share, provenance
        )
        splice = None if work.decisions.is_whole else self.find_splice(plan)
        try:
            return self._finish(replace(rendering, splice=splice), cues)
        except SpliceError as error:
            if splice is None or self.options.encode.splice == "on":
                raise
            log.warning("%s; encoding all of it again", error)
            work.decide(Decisions(is_whole=True))
            return self._finish(rendering, cues)

    def _finish(
        self, rendering: Rendering, cues: tuple[Cue, ...]
    ) -> tuple[Rendering, int, tuple[str, ...], Tally]:
        rendering = self._match_size(rendering)
        resumed = rendering.make_segments(self._progress)
        warnings, tally = rendering.assemble(cues, self._progress)
        return rendering, resumed, warnings, tally

    def _match_size(self, rendering: Rendering) -> Rendering:
        """With the crf at which what is encoded again comes out as large as it was, if that is asked for."""
        if not self.options.encode.match_size:
            return rendering
        work = rendering.work
        crf = work.decisions.crf
        if crf is None:
            spans = [range(s.start, s.stop) for s in rendering.segments if not s.is_copied]
            crf = match_size(self.film, self.encoding, spans)
            work.decide(replace(work.decisions, crf=crf))
        return replace(rendering, encoding=self.encoding.with_crf(crf))

    def _check_names(self) -> None:
        given = [n for n, v in (("plan", self.options.scan.plan), ("mask", self.options.scan.mask)) if v]
        if self._given is not None and given:
            raise UsageError(f"a plan was given, so leave the {given[0]} of the options out")
        if self.provenance is None:
            return
        if self.target is None:
            raise UsageError("a film of origins tells what a whole run did; give a target as well")
        if resolve(self.provenance) == resolve(self.target):
            raise UsageError(f"two outputs would be written to '{self.target}'; give each a name of its own")

    @cached_property
    def _key(self) -> FilmKey:
        return FilmKey.of(self.film.upright_size, self.film.pts)

    @cached_property
    def _packet_index(self) -> PacketIndex:
        """Of the source; read once, for it takes all packets of the picture."""
        return read_packet_index(self.film)

    def _read_plan(self) -> Plan | None:
        if self.options.scan.plan is not None:
            return load_plan(self.options.scan.plan, self._key)
        if self._given is not None:
            self._given.check_film(self._key)
        return self._given

    def _open_work(self, target: Path) -> WorkFolder:
        has_provenance = self.provenance is not None
        fingerprint = find_fingerprint(self.film, self.options, self.encoding, self._given, has_provenance)
        return WorkFolder(target, self.film.path, fingerprint, self.options.encode.resume)

    def _make_plan(self) -> Plan:
        return make_plan(
            self.film,
            self.options.scan,
            self._progress,
            given=self._given,
            memory_share=self.limits.scan_share,
        )

    def _tell_odd(self, plan: Plan, has_cues: bool, copied: int) -> Iterator[str]:
        """What came out otherwise than asked for."""
        if not plan.removed and copied < self.film.frame_count:
            place = "" if self.target is None else self.target.suffix
            yield (
                f"the {self.film.codec} packets cannot be copied to {place}, "
                "so the picture is encoded all the same"
            )
        if self.provenance is not None and not plan.removed:
            yield f"nothing is removed, so there is no '{self.provenance}'"
        if self.options.encode.subtitle_track and not has_cues:
            yield "no subtitle was read, so there is no subtitle track"
