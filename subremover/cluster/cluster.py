"""A Ray cluster that scans and renders films; the work folder and the finished film are up to who asks."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from subremover.cluster import tasks
from subremover.cluster.film_copy import FilmSource, discard_copies
from subremover.cluster.nodes import Nodes, only_on
from subremover.cluster.scheduler import Scheduler, Task
from subremover.cluster.session import AUTO, check_address, connect
from subremover.detect.found_so_far import FoundCallback
from subremover.errors import ClusterError, UsageError
from subremover.memory import Limits, count_render_bytes, count_scan_bytes
from subremover.options import Options, ScanOptions
from subremover.plan.cues import Cue
from subremover.plan.model import Plan
from subremover.progress import ProgressCallback
from subremover.render.render_job import RenderJob
from subremover.resume.folder import WorkFolder
from subremover.runtime.profile import Profile, current
from subremover.video.film import Film
from subremover.video.segments import Segment

log = logging.getLogger(__name__)

SCAN_CPUS = 2
"""Cores for a scan, where a machine has them: decoding goes on beside the detector."""
START_SECONDS, SLOW_SECONDS = 180.0, 30.0
"""How long a run waits for the first machine to say what it is, and for the others if one has."""
_TELL_SECONDS = 0.25


class Cluster(contextlib.AbstractContextManager["Cluster"]):
    """Machines that scan and render films: a context manager, for as many runs as one likes, in order.

        with Cluster("10.0.0.1:6379") as cluster:
            remove_subtitles("movie.mp4", "clean.mp4", cluster=cluster)

    Only machines take part that make the bytes that this one would make. A film must be under the same path
    on all of them, unless it is sent.
    """

    device: str
    """`cuda` where the cluster has GPUs, else `cpu`: where decoders are fitted by default."""

    def __init__(self, address: str = AUTO, *, send_film: bool = False) -> None:
        """Note what is wanted; nothing is begun before the `with` block.

        Args:
            address: Host and port of a Ray cluster that this machine belongs to; `auto`: a Ray on this
                machine alone, which ends with the `with` block.
            send_film: Whether films are sent to the machines instead of read there.

        Raises:
            UsageError: That is no address.
        """
        self._address, self._sends = check_address(address), send_film
        self._stack, self._is_open = contextlib.ExitStack(), False
        self._lock = threading.Lock()
        self._sources: dict[Path, tuple[FilmSource, set[str]]] = {}
        self._orders: dict[Path, int] = {}
        self._discards: list[Any] = []  # references to what machines were asked to delete

    def __enter__(self) -> Cluster:
        """Connect, and wait until there is a machine to be used.

        Raises:
            UsageError: Ray is not installed, or this process is connected with one already.
            ClusterError: There is no such cluster, or none of its machines can be used.
        """
        with contextlib.ExitStack() as stack:
            self._ray = stack.enter_context(connect(self._address))
            self._nodes = Nodes(self._ray)
            self._wait_for_nodes()
            self.device = "cuda" if any(node.gpus for node in self._nodes.list_usable()) else "cpu"
            stack.callback(self._end_discards)
            self._scheduler = stack.enter_context(Scheduler(self._ray, self._nodes))
            self._stack, self._is_open = stack.pop_all(), True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        self._stack.__exit__(kind, error, trace)

    @property
    def slots(self) -> int:
        """Number of tasks that the machines now have room for, each with a core of its own."""
        return max(1, sum(node.cpus for node in self._nodes.list_usable()))

    def _do(
        self, tasks: Sequence[Task], take: Callable[[Task, Any], None], tell: Callable[[int], None]
    ) -> None:
        """Have tasks done, and what comes out taken here, in the order in which they end.

        Args:
            tasks: At least one.
            take: Called with each and its result.
            tell: Called now and then with the number of frames that are done, which never falls.
        """
        self._check_open()
        for task in tasks:
            self._scheduler.submit(task)
        waiting, frames, most = {task.future: task for task in tasks}, 0, 0
        said = set[str]()
        try:
            while waiting:
                ended, _ = wait(waiting, timeout=_TELL_SECONDS, return_when=FIRST_COMPLETED)
                for future in ended:
                    task = waiting.pop(future)
                    result, account = future.result()
                    _add_profile(account.profile)
                    for text in account.warnings:
                        if text not in said:  # once for all segments
                            log.warning("%s", text)
                    said.update(account.warnings)
                    frames += task.frames
                    take(task, result)
                running = sum(task.progress.done for task in waiting.values() if task.progress)
                most = max(most, frames + running)
                tell(most)
        finally:
            self._scheduler.cancel(list(waiting.values()))

    def _check_open(self) -> None:
        if not self._is_open:
            raise RuntimeError("the cluster is not open; use it in a with statement")

    def _wait_for_nodes(self) -> None:
        start = time.monotonic()
        self._nodes.update()
        while self._nodes.is_asking:
            patience = SLOW_SECONDS if self._nodes.usable else START_SECONDS
            if time.monotonic() - start > patience:
                break
            time.sleep(0.1)
            self._nodes.update()
        if not self._nodes.usable:
            why = "; ".join(f"{name}: {reason}" for name, reason in self._nodes.refused.items())
            raise ClusterError(f"no machine of the cluster can be used ({why or 'none answers'})")

    def _find_order(self, film: Film) -> int:
        """The place of a film among all that were begun."""
        with self._lock:
            return self._orders.setdefault(film.path, len(self._orders))

    def _find_source(self, film: Film) -> tuple[FilmSource, set[str]]:
        """How machines get at a film, and which have been found not to have it."""
        with self._lock:
            known = self._sources.get(film.path)
        if known is None or (known[0].size_bytes, known[0].mtime_ns) != film.stamp:
            known = FilmSource.of(film.path, self._ray.put if self._sends else None), set()
            with self._lock:
                self._sources[film.path] = known
        return known

    def _discard_copy(self, source: FilmSource) -> None:
        """Have the machines delete a film that was sent to them."""
        if source.pieces is None or self._scheduler.is_lost:
            return
        discard = self._ray.remote(discard_copies)
        for node in self._nodes.list_usable():
            options = {"num_cpus": 0, "max_retries": 0, "label_selector": only_on([node.id])}
            self._discards.append(discard.options(**options).remote([source.digest]))

    def _end_discards(self) -> None:
        """Wait until what was sent is deleted; of machines that are gone nothing is asked."""
        for source, _ in self._sources.values():
            self._discard_copy(source)
        if self._discards and not self._scheduler.is_lost:
            with contextlib.suppress(Exception):
                self._ray.wait(self._discards, num_returns=len(self._discards), timeout=10)


def settle_options(cluster: Cluster, options: Options) -> Options:
    """The options of a run here: with the kind of device that all its machines use.

    Args:
        cluster: Its context entered.
        options: As they were given.

    Raises:
        UsageError: They name one device of a machine.
    """
    cluster._check_open()
    device = options.pool.device
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"{device} is a device of one machine; on a cluster choose cpu, cuda or auto")
    return replace(options, pool=replace(options.pool, device=cluster.device if device == "auto" else device))


def scan_film(
    cluster: Cluster,
    film: Film,
    options: ScanOptions,
    progress: ProgressCallback,
    *,
    times: Sequence[Cue],
    memory_share: float,
    on_found: FoundCallback | None,
) -> Plan:
    """Have a film scanned by one of the machines; see `make_plan`, which does it there.

    Args:
        cluster: Its context entered.
        film: The source.
        options: Which frames and regions to look at, and what counts as a subtitle; without a mask.
        progress: Called now and then with how far the scan is.
        times: Cues of an SRT file, outside of which everything is left alone; empty: there is none.
        memory_share: In (0, 1], of what the frames in hand may take.
        on_found: Told of events while the scan goes on; None: nobody asks.

    Returns:
        The plan.

    Raises:
        InputError: The film cannot be read to its end, or no machine has it.
        UsageError: The frames asked for are not in the film.
        WorkerError: No machine could scan it.
    """
    source, barred = cluster._find_source(film)
    work = tasks.ScanWork(
        film, replace(options, times=None), tuple(times), memory_share, on_found is not None
    )
    cores = max((node.cpus for node in cluster._nodes.list_usable()), default=1)
    task = Task(
        f"the scan of '{film.path.name}'",
        (cluster._find_order(film), -1),
        tasks.scan_film,
        (work,),
        source,
        cpus=max(1, min(SCAN_CPUS, cores)),
        memory_bytes=count_scan_bytes(film, memory_share),
        barred=barred,
    )

    def tell(_: int) -> None:
        if task.progress is not None:
            progress(task.progress)
        while task.found and on_found is not None:
            on_found(task.found.pop(0))

    plans: list[Plan] = []
    cluster._do([task], lambda _, plan: plans.append(plan), tell)
    if task.progress is not None:  # the last word may not have come
        progress(replace(task.progress, done=task.progress.total))
    return plans[0]


def release_film(cluster: Cluster, film: Film) -> None:
    """Have nothing of a film kept any longer where it was sent to.

    Args:
        cluster: Its context entered.
        film: That no run works with any more.
    """
    with cluster._lock:
        known = cluster._sources.pop(film.path, None)
    if known is not None:
        cluster._discard_copy(known[0])


@dataclass(frozen=True, slots=True)
class ClusterWorkers:
    """Renders the segments of one film on a cluster; see `render.rendering.Workers`."""

    cluster: Cluster
    """Its context entered."""
    options: Options
    """Of the run, as `settle_options` gave them."""
    limits: Limits
    """How much memory each segment may take."""
    crop_px: int
    """Pixels of the largest crop (`memory.find_largest_crop`)."""

    @property
    def device(self) -> str:
        """See `Workers`."""
        return self.options.pool.device

    def render(
        self, job: RenderJob, segments: Sequence[Segment], work: WorkFolder, tell: Callable[[int], None]
    ) -> None:
        """See `Workers`."""
        film = job.film
        source, barred = self.cluster._find_source(film)
        reference, order = self.cluster._ray.put(job), self.cluster._find_order(film)
        memory = count_render_bytes(
            film,
            self.options,
            job.encoding.encoder,
            [self.device],
            crop=self.crop_px,
            share=self.limits.render_share,
            cores=1,
        )
        segment_of = {
            Task(
                f"frames {segment.start} to {segment.stop - 1} of '{film.path.name}'",
                (order, segment.start),
                tasks.render_segment,
                ([reference], self.options, self.limits.fit_bytes, segment),
                source,
                frames=segment.stop - segment.start,
                gpus=int(self.device == "cuda"),
                memory_bytes=memory,
                barred=barred,
            ): segment
            for segment in segments
        }

        def keep(task: Task, spools: tasks.Spools) -> None:
            for kind in reversed(job.kinds):  # the picture last: with it the segment is finished
                work.keep(segment_of[task], kind, spools[kind])

        self.cluster._do(list(segment_of), keep, tell)


def _add_profile(profile: Profile) -> None:
    """Count what was done elsewhere for the run of this thread."""
    own = current()
    if own is not None:
        for name, work in profile.stages.items():
            own.add(name, work.seconds, work.frames)
