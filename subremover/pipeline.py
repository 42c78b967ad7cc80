"""Takes one film all the way: probed, scanned, rendered segment by segment, assembled.

`Run` holds what is found out once, before the first frame. The command and the Python API both use it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType

from av.video.frame import VideoFrame

from subremover.cluster.cluster import Cluster, ClusterWorkers, release_film, scan_film, settle_options
from subremover.detect.found_so_far import FoundCallback
from subremover.detect.make_plan import frame_range, make_plan
from subremover.errors import OutputError, UsageError
from subremover.fill.paint.devices import prepare_device
from subremover.fill.paint.jobs import Painter
from subremover.fill.paint.pool import Pool
from subremover.left_alone import describe_left_alone
from subremover.memory import Limits, check_render, find_largest_crop, limit_render, limit_scan
from subremover.options import Options
from subremover.parsing import Part
from subremover.plan.make_cues import make_cues
from subremover.plan.model import FilmKey, Plan
from subremover.plan.saved_plan import load_plan
from subremover.progress import ProgressCallback, ignore
from subremover.provenance import Origins, Tally
from subremover.render.filled_frames import fill_frames
from subremover.render.rendering import (
    Rendered,
    Rendering,
    ThisProcess,
    Workers,
    find_segments,
    render_whole,
)
from subremover.render.share import RenderedPart, render_part
from subremover.result import Result
from subremover.resume.fingerprint import find_fingerprint
from subremover.resume.folder import WorkFolder
from subremover.runtime.paths import look, resolve
from subremover.runtime.profile import stage
from subremover.video.container.copies import can_copy
from subremover.video.container.mux import remux
from subremover.video.container.output import find_format
from subremover.video.encode.encoders import Encoding, choose_encoding
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.splice.packet_index import PacketIndex, read_packet_index
from subremover.video.splice.splice import LEAST_SHARE, Splice, SpliceError, plan_splice
from subremover.video.text.read_srt import read_srt
from subremover.video.text.text_track import NO_TRACK, TextTrack
from subremover.video.write.preflight import check_splice, check_target
from subremover.video.write.provenance_film import check_provenance

log = logging.getLogger(__name__)


class Run(AbstractContextManager["Run"]):
    """The work on one film: a context manager with `scan` and `render`.

        with Run("movie.mp4", target="clean.mp4") as run:
            result = run.render(run.scan())

    Entering it probes the film and checks all that can be checked before the long work: the target, the
    encoder, the device, the memory. A run that was stopped goes on from its work folder.
    """

    film: Film
    """The source, as it was probed."""
    losses: tuple[str, ...]
    """What is wrong with the film, then what of it the target cannot keep, one line a thing."""
    limits: Limits
    """How much memory the stages may take."""
    work: WorkFolder | None
    """The folder beside the target with what has been finished; None without a target."""

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
        cluster: Cluster | None = None,
        part: Part | None = None,
        progress: ProgressCallback | None = None,
        on_found: FoundCallback | None = None,
    ) -> None:
        """Note what is wanted; nothing is read before the `with` block.

        Args:
            source: The film.
            options: All that can be chosen; None: the defaults.
            target: The film to be made; None: none is.
            provenance: A second film to be made, of where the pixels came from; None: none is.
            plan: Of this film, instead of a scan.
            paints: Whether holes will be painted, so that device and memory are checked; None: if there is
                a target.
            painter: What paints the holes; None: a pool, as the options say.
            cluster: What scans the film and renders its segments, its context entered; None: this process.
            part: To be rendered by `render_part`, at the same time as others; a run without it, to the same
                target, makes the film of all parts. None: that is this run.
            progress: Called now and then with how far each stage has come.
            on_found: Told now and then of events that a scan finds while it goes on, a list of `Event` each
                time; only the plan says what they are in the end. None: nobody asks.
        """
        self.source, self.options = Path(source), options or Options()
        self._cluster = cluster
        if cluster is not None:
            self.options = settle_options(cluster, self.options)
        self.target = None if target is None else Path(target)
        self.provenance = None if provenance is None else Path(provenance)
        self._given, self._painter, self._part = plan, painter, part
        self._plan: Plan | None = None  # that given, or that the options name
        self._paints = target is not None if paints is None else paints
        self._progress, self._on_found = progress or ignore, on_found
        self._stack, self._is_open = ExitStack(), False

    def __enter__(self) -> Run:
        """Probe the film, and check the outputs, the device and the memory.

        Raises:
            InputError: The film cannot be read.
            OutputError: An output cannot be written, or another run is making the same one.
            SpliceError: Packets must be copied and cannot be.
            PlanError: The plan to be used cannot be read, or is of another film.
            DeviceError: The device asked for is absent.
            UsageError: The options do not fit the film, the encoder or the memory.
        """
        with ExitStack() as stack, stage("start"):
            self._start = time.monotonic()
            self._check_names()
            self.film = probe(self.source)
            if self._cluster is not None:
                stack.callback(release_film, self._cluster, self.film)
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
            self._plan = self._read_plan()
            if (
                self._paints and self._painter is None and self._cluster is None
            ):  # before others wait for this run
                prepare_device(self.options.pool.device)
            if self.target is not None:
                self.work = stack.enter_context(self._open_work(self.target))
                if self.provenance is not None:
                    may_replace = self.work.may_replace(self.provenance, self.options.encode.overwrite)
                    check_provenance(self.film, self.provenance, may_replace)
            self._stack, self._is_open = stack.pop_all(), True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        self._stack.__exit__(kind, error, trace)

    @cached_property
    def encoding(self) -> Encoding:
        """What the picture is encoded with; chosen once, as hardware that is busy later must not change it.

        Raises:
            OutputError: There is no such encoder.
            UsageError: The encoder does not know an option that was asked for.
        """
        return choose_encoding(self.film, self.options.encode)

    def scan(self) -> Plan:
        """What is to be removed: the plan that was given, or that a stopped run has left, or a new one.

        Returns:
            The plan of all events and shots of the film.

        Raises:
            InputError: The film cannot be read to its end.
            PlanError: A mask or the times of an SRT file cannot be used.
            OutputError: The plan cannot be kept in the work folder.
            UsageError: The frames asked for are not in the film.
        """
        self._check_open()
        if self.work is None:
            return self._make_plan()
        return self.work.find_plan(self._key, self._make_plan)

    def describe_left_alone(self, plan: Plan) -> tuple[str, ...]:
        """What stays of the lettering that was seen, and how to have it removed; a phrase a thing.

        Args:
            plan: Of this film.

        Raises:
            UsageError: The frames asked for are not in the film.
        """
        self._check_open()
        scan = self.options.scan
        frames = range(*frame_range(self.film, scan))
        return describe_left_alone(plan, scan, frames, is_given=self._plan is not None)

    def find_splice(self, plan: Plan) -> Splice | None:
        """Find out what of the film can be copied packet by packet.

        Without a target, as if it had the source's own container.

        Args:
            plan: Of this film.

        Returns:
            How copied and encoded packets are joined; None if all of the picture is to be encoded.

        Raises:
            InputError: The film cannot be read.
            SpliceError: Copying was asked for and cannot be done.
        """
        self._check_open()
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
        """What paints the plan's holes; sets the render's limits of memory.

        Args:
            plan: Of this film.

        Returns:
            The painter that was given, or a new pool, its context not entered.

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
    ) -> Generator[tuple[int, VideoFrame, Origins | None], None, None]:
        """Some frames, their holes filled, as `render` would make them.

        Args:
            plan: Of this film.
            indices: Of the frames wanted.

        Yields:
            Frame index, frame, and the origins of its holes' pixels, in order; None without holes.

        Raises:
            InputError: The film cannot be read.
            DeviceError: The device asked for is absent, or its memory does not suffice for a single crop.
            WorkerError: A GPU failed.
            UsageError: The memory does not suffice for holes of that size.
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
                yield from filled

    def render(self, plan: Plan) -> Result:
        """Write the target: the film without what the plan says is to be removed.

        Where nothing is to be removed all packets are copied or, if they would not show the same in the
        target's container, the picture is encoded.

        Args:
            plan: Of this film.

        Returns:
            What was done, without a profile.

        Raises:
            InputError: The film cannot be read to its end, or was changed meanwhile.
            OutputError: A film cannot be written.
            ContainerError: The target's container cannot hold the frames or their times.
            SpliceError: Packets must be copied and cannot be.
            PlanError: The plan is of another film.
            DeviceError: The device asked for is absent, or its memory does not suffice for a single crop.
            WorkerError: A GPU failed.
            UsageError: The memory does not suffice for holes of that size.
        """
        work = self._check_render(plan)
        if self._part is not None:
            raise ValueError("a run of a part makes no film; it has render_part")
        film, encode = self.film, self.options.encode
        text = self._make_track(plan)
        if plan.removed or not can_copy(film, work.target):
            made = render_whole(self._prepare(plan, work), text, self._progress)
        else:
            with stage("copy", frames=film.frame_count):
                warnings = remux(film, work.target, encode, text, folder=work.path)
            made = Rendered(warnings, Tally((), 1), frames_copied=film.frame_count)
        work.clear()
        return Result(
            events=len(plan.removed),
            frames_masked=int(plan.masked_frames().sum()),
            shares=made.tally.total,
            event_shares=made.tally.by_event,
            seconds=time.monotonic() - self._start,
            output_bytes=work.target.stat().st_size,
            warnings=(
                *film.warnings,
                *made.warnings,
                *self._tell_odd(plan, bool(text.cues), made.frames_copied),
            ),
            left_alone=self.describe_left_alone(plan),
            frames_copied=made.frames_copied,
            frames_resumed=made.frames_resumed,
        )

    def render_part(self, plan: Plan) -> RenderedPart:
        """Render this run's part, and leave it in the work folder for the run that makes the film.

        Args:
            plan: Of this film.

        Returns:
            What was done.

        Raises:
            InputError: The film cannot be read to its end.
            OutputError: The work folder cannot be written or was begun on another kind of device, or another
                run renders this part.
            SpliceError: Packets must be copied and cannot be.
            PlanError: The plan is of another film.
            DeviceError: The device asked for is absent, or its memory does not suffice for a single crop.
            WorkerError: A GPU failed.
            UsageError: The memory does not suffice for holes of that size.
        """
        work = self._check_render(plan)
        if self._part is None:
            raise ValueError("a run of the whole film renders no part; it has render")
        if not plan.removed and can_copy(self.film, work.target):
            return RenderedPart(self._part, 0, 0, 0)
        if not work.has_begun:  # the first of all parts decides for the others
            self._prepare(plan, work).begin()
        with work.enter_part(self._part) as own:
            return render_part(self._prepare(plan, own), self._part, self._progress)

    def _check_render(self, plan: Plan) -> WorkFolder:
        """The work folder; an error if nothing can be rendered, or not by this plan."""
        self._check_open()
        if self.work is None:
            raise ValueError("a run without a target renders nothing; give it one")
        plan.check_film(self._key)
        return self.work

    def _prepare(self, plan: Plan, work: WorkFolder) -> Rendering:
        """What is to be rendered, and how."""
        workers = self._find_workers(plan)  # first: it sets the limits
        return Rendering(
            self.film,
            plan,
            self.options,
            self.encoding,
            work,
            workers,
            self.limits.render_share,
            self.provenance if plan.removed else None,
            None if work.decisions.is_whole else self.find_splice(plan),
        )

    def _find_workers(self, plan: Plan) -> Workers:
        """Who renders the segments; sets the render's limits of memory."""
        if self._cluster is None:
            return ThisProcess(self.open_painter(plan))
        devices = [self.options.pool.device]
        self.limits = limit_render(
            self.film, plan, self.options, self.limits, lambda: self.encoding, devices=devices
        )
        return ClusterWorkers(self._cluster, self.options, self.limits, find_largest_crop(self.film, plan))

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the run is not open; use it in a with statement")

    def _check_names(self) -> None:
        """Raise a UsageError where what was given contradicts itself."""
        names = ("plan", "mask", "times", "ocr_model")
        also = [name for name in names if getattr(self.options.scan, name) is not None]
        if self._given is not None and also:
            raise UsageError(f"a plan was given, so leave the {also[0]} of the options out")
        if self._part is not None and self._cluster is not None:
            raise UsageError("a cluster renders all parts of a film; give it no part, or the part no cluster")
        if self._part is not None and (self.target is None or not self.options.encode.resume):
            raise UsageError(
                "a part is kept for the film to be made; give a target, and leave out --no-resume"
            )
        if self.provenance is None:
            return
        if self.target is None:
            raise UsageError("a film of origins tells what a whole run did; give a target as well")
        if resolve(self.provenance) == resolve(self.target):
            raise UsageError(f"two outputs would be written to '{self.target}'; give each a name of its own")

    @cached_property
    def _key(self) -> FilmKey:
        """What tells a plan of this film from those of others."""
        return FilmKey.of(self.film.upright_size, self.film.pts)

    @cached_property
    def _packet_index(self) -> PacketIndex:
        """Of the source; read once, as that takes all packets of the picture."""
        return read_packet_index(self.film)

    def _read_plan(self) -> Plan | None:
        """The plan that the options name or that was given, checked; None: there is none."""
        if self.options.scan.plan is not None:
            return load_plan(self.options.scan.plan, self._key)
        if self._given is not None:
            self._given.check_film(self._key)
        return self._given

    @contextmanager
    def _open_work(self, target: Path) -> Iterator[WorkFolder]:
        """The work folder of this run, by a fingerprint of all that the result depends on."""
        fingerprint = find_fingerprint(
            self.film, self.options, self.encoding, self._plan, self.provenance is not None
        )
        is_shared, before = self._part is not None, _find_stamp(target)
        with WorkFolder(
            target, self.film.path, fingerprint, self.options.encode.resume, is_shared=is_shared
        ) as work:
            if is_shared and _find_stamp(target) != before:
                raise OutputError(f"another run has just made '{target}', so this part is not needed")
            yield work

    def _make_plan(self) -> Plan:
        """Scan the film, or take the plan that was given."""
        scan = self.options.scan
        times = read_srt(scan.times) if scan.times else ()
        if self._cluster is not None and self._plan is None and scan.mask is None:
            return scan_film(
                self._cluster,
                self.film,
                scan,
                self._progress,
                times=times,
                memory_share=self.limits.scan_share,
                on_found=self._on_found,
            )
        return make_plan(
            self.film,
            scan,
            self._progress,
            given=self._plan,
            times=times,
            memory_share=self.limits.scan_share,
            on_found=self._on_found,
        )

    def _make_track(self, plan: Plan) -> TextTrack:
        """What the film is to get as a text track; without cues where none is wanted."""
        encode, film = self.options.encode, self.film
        if not encode.subtitle_track:
            return NO_TRACK
        cues = make_cues(plan.events, film.times)
        return TextTrack(cues, film.upright_size, self.options.scan.subtitle_language, encode.speaker_colours)

    def _tell_odd(self, plan: Plan, has_cues: bool, copied: int) -> Iterator[str]:
        """Warnings of what came out otherwise than asked for."""
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


def _find_stamp(file: Path) -> tuple[int, int] | None:
    """What tells a file from one that has taken its place; None where there is none."""
    found = look(resolve(file))
    return None if found is None else (found.st_ino, found.st_mtime_ns)
