"""Has tasks done by the machines of a cluster: the first film's first, as many at once as there is room for.

One thread speaks with Ray; callers wait for futures. What fails with its machine is tried again elsewhere.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from bisect import insort
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from subremover.cluster.film_copy import OtherFilmError
from subremover.cluster.nodes import Nodes, only_on
from subremover.cluster.session import Presence
from subremover.cluster.tasks import Reporter, TaskSetting
from subremover.errors import ClusterError, DeviceError, InputError, SubremoverError, WorkerError
from subremover.plan.model import Event
from subremover.progress import Progress

log = logging.getLogger(__name__)

MOST_RETRIES = 3
"""Of a task that fails with its machine."""
POLL_SECONDS = 0.1
"""How long a new task may wait for the thread."""
TOLD_SECONDS = 0.5
"""Between two questions to the reporter, each of which costs two processes a millisecond."""
PATIENCE_SECONDS = 3.0
"""How long a task that nobody wants any more may take to end by itself."""
CHECK_SECONDS = 1.0
"""Between two looks at whether there is a machine for all that waits, which may be thousands of tasks."""
WAIT_SECONDS = 60.0
"""How long a run waits for a machine to come where none is there that it may use."""


@dataclass(eq=False)
class Task:
    """Something to be done on a machine."""

    name: str
    """For messages: `frames 0 to 249 of 'movie.mp4'`."""
    order: tuple[int, int]
    """Of film and segment: the lowest is done first."""
    function: Callable[..., Any]
    """Of `tasks`; its first argument is a `TaskSetting`."""
    arguments: tuple[Any, ...]
    source: Any
    """The `FilmSource`."""
    frames: int = 0
    """That are finished with it."""
    cpus: int = 1
    gpus: int = 0
    memory_bytes: int = 0
    """That it is expected to take."""
    future: Future[Any] = field(default_factory=Future)
    progress: Progress | None = None
    """How far it is, since it was begun last."""
    found: list[Sequence[Event]] = field(default_factory=list)
    """What it has found and nobody has taken yet."""
    avoided: set[str] = field(default_factory=set)
    """Machines, by id, where it has failed; it goes there only if there is no other."""
    barred: set[str] = field(default_factory=set)
    """Machines, by id, that do not have its film; shared by all tasks of a film."""
    retries: int = 0
    is_cancelled: bool = False


@dataclass(slots=True)
class _Try:
    """A task on its way."""

    task: Task
    number: int
    places: frozenset[str]
    """Machines, by id, that it may go to."""
    node: str | None = None
    """By id, once it has begun."""
    cancelled_seconds: float | None = None
    """When it was asked to end, by the monotonic clock."""
    is_stranded: bool = False
    """Whether all machines that it may go to are gone."""


class Scheduler(contextlib.AbstractContextManager["Scheduler"]):
    """The thread that has tasks done; at the end of its context all of them are ended."""

    def __init__(self, ray: Any, nodes: Nodes) -> None:
        """Be ready; the thread starts with the context.

        Args:
            ray: The module, connected.
            nodes: Which machines there are.
        """
        self._ray, self._nodes, self._presence = ray, nodes, Presence(ray)
        self._waiting: list[Task] = []
        self._running: dict[Any, _Try] = {}  # by reference to what comes out
        self._numbers = itertools.count()
        self._lock, self._is_ending = threading.Lock(), False
        self.is_lost = False
        """Whether there is nobody any more who could be asked for anything."""
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self._told: Any = None  # a reference to what the reporter was asked last
        self._asked_seconds = float("-inf")  # when that was
        self._barren_seconds: float | None = None  # since when there is no machine to be used
        self._checked_seconds = float("-inf")  # when that was looked at last

    def __enter__(self) -> Scheduler:
        here = self._ray.get_runtime_context().get_node_id()
        options = {"num_cpus": 0, "max_restarts": -1, "label_selector": only_on([here])}
        self._reporter = self._ray.remote(Reporter).options(**options).remote()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        self._thread.join()

    def submit(self, task: Task) -> None:
        """Have a task done; its future tells."""
        with self._lock:
            if self.is_lost:
                _fail(task, ClusterError("the cluster is lost; begin it again"))
            else:
                insort(self._waiting, task, key=lambda other: other.order)

    def cancel(self, tasks: Sequence[Task]) -> None:
        """End tasks that nobody waits for any more; what they made is dropped."""
        with self._lock:
            for task in tasks:
                task.is_cancelled = True
            for task in [task for task in self._waiting if task.is_cancelled]:
                self._waiting.remove(task)
                task.future.cancel()

    def _run(self) -> None:
        try:
            while not self._is_ending:
                self._nodes.update()
                self._check_room()
                self._start_tasks()
                self._take_told()
                self._end_cancelled()
                self._take_done(POLL_SECONDS)
            self._end_all()
        except BaseException as error:  # whoever waits must hear of it
            log.debug("the scheduler failed", exc_info=True)
            failure = ClusterError(f"the cluster is lost ({_tell(error)}); begin it again")
            with self._lock:
                self.is_lost = True
                for task in (*self._waiting, *(each.task for each in self._running.values())):
                    _fail(task, failure)
                self._waiting.clear()
                self._running.clear()

    def _check_room(self) -> None:
        """Fail all that waits, where for some time there was no machine that it may go to."""
        now = time.monotonic()
        if now - self._checked_seconds < CHECK_SECONDS:
            return
        self._checked_seconds = now
        with self._lock:
            waiting = [task for task in self._waiting if not self._find_places(task)]
        if not waiting or self._nodes.is_asking:
            self._barren_seconds = None
            return
        if self._barren_seconds is None:
            self._barren_seconds = now
        if not self._nodes.usable and now - self._barren_seconds < WAIT_SECONDS:
            return  # one may come back
        for task in waiting:
            self._refuse(task)

    def _refuse(self, task: Task) -> None:
        with self._lock:
            self._waiting.remove(task)
        if task.barred and self._nodes.usable:
            path, remedy = task.source.path, "give a path that all have, or --send-film"
            _fail(task, InputError(f"no machine of the cluster has '{path}' as it is here; {remedy}"))
            return
        others = "; ".join(f"{name}: {why}" for name, why in self._nodes.refused.items())
        lacks = "a GPU" if task.gpus else "such a core"
        why = f"none of them has {lacks}" if self._nodes.usable else others or "they are gone"
        _fail(task, ClusterError(f"no machine of the cluster can do {task.name} ({why})"))

    def _find_places(self, task: Task) -> list[str]:
        """Machines, by id, that a task may go to."""
        able = [
            node.id
            for node in self._nodes.usable.values()
            if node.id not in task.barred and node.cpus >= task.cpus and node.gpus >= task.gpus
        ]
        return [node for node in able if node not in task.avoided] or able

    def _start_tasks(self) -> None:
        """Hand as many tasks to Ray as the machines have room for, so that it does them in our order."""
        nodes = self._nodes.usable.values()
        cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
        for each in self._running.values():
            cpus, gpus = cpus - each.task.cpus, gpus - each.task.gpus
        with self._lock:
            for task in list(self._waiting):
                if cpus <= 0:
                    break
                places = self._find_places(task)
                if places and task.cpus > cpus:
                    break  # or those behind it would take every core that gets free
                if places and task.gpus <= gpus:
                    cpus, gpus = cpus - task.cpus, gpus - task.gpus
                    self._waiting.remove(task)
                    self._start(task, places)

    def _start(self, task: Task, places: Sequence[str]) -> None:
        number = next(self._numbers)
        most = max(self._nodes.usable[node].memory_bytes for node in places)
        options = {
            "num_cpus": task.cpus,
            "num_gpus": task.gpus,
            "memory": min(task.memory_bytes, most),
            "max_retries": 0,
            "label_selector": only_on(places),
        }
        setting = TaskSetting(number, task.cpus, self._reporter, task.source)
        task.progress = None
        reference = self._ray.remote(task.function).options(**options).remote(setting, *task.arguments)
        self._running[reference] = _Try(task, number, frozenset(places))

    def _take_told(self) -> None:
        """Pass on what tasks have told; the reporter may be lost, and comes again."""
        if self._told is None:
            now = time.monotonic()
            if now - self._asked_seconds < TOLD_SECONDS:
                return
            self._asked_seconds = now
            self._told = self._reporter.take.remote()
        ready, _ = self._ray.wait([self._told], timeout=0)
        if not ready:
            return
        try:
            nodes, progress, found = self._ray.get(self._told)
        except self._ray.exceptions.RayError:
            nodes, progress, found = {}, {}, []
        self._told = None
        by_number = {each.number: each for each in self._running.values()}
        for number, node in nodes.items():
            if number in by_number:
                by_number[number].node = node
        for number, how_far in progress.items():
            if number in by_number:
                by_number[number].task.progress = how_far
        for number, events in found:
            if number in by_number:
                by_number[number].task.found.append(events)

    def _take_done(self, timeout_seconds: float) -> None:
        if not self._running:
            time.sleep(timeout_seconds)
            return
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_seconds)
        for reference in done:
            self._finish(self._running[reference], reference)
            del self._running[reference]

    def _finish(self, each: _Try, reference: Any) -> None:
        """Hand on what came out of a task; or have it tried again."""
        try:
            result = self._ray.get(reference)
        except Exception as error:
            is_of_ray = isinstance(error, self._ray.exceptions.RayError)
            if each.task.is_cancelled:
                each.task.future.cancel()
            elif each.is_stranded:
                self.submit(each.task)
            elif is_of_ray and not self._presence.is_there():
                raise ClusterError("the Ray of this machine is gone") from error
            else:
                self._nodes.look_again()  # it may have gone with its machine
                self._retry(each, error)
        else:
            if each.task.future.set_running_or_notify_cancel():
                each.task.future.set_result(result)

    def _retry(self, each: _Try, error: Exception) -> None:
        """Have a task tried again, unless it would fail everywhere or has failed too often."""
        task, cause = each.task, getattr(error, "cause", None) or error
        where = self._nodes.name(each.node)
        if isinstance(cause, OtherFilmError) and each.node is not None:
            if each.node not in task.barred:
                log.warning("%s is left out for %s: it %s", where, task.source.path.name, cause)
            task.barred.add(each.node)
        elif isinstance(cause, SubremoverError) and not isinstance(cause, WorkerError | DeviceError):
            _fail(task, cause)
            return
        elif task.retries == MOST_RETRIES:
            _fail(
                task,
                WorkerError(f"{task.name} failed {task.retries + 1} times, last on {where}: {_tell(cause)}"),
            )
            return
        else:
            log.warning("%s failed on %s (%s); trying it elsewhere", task.name, where, _tell(cause))
            task.retries += 1
            if each.node is not None:
                task.avoided.add(each.node)
        self.submit(task)

    def _end_cancelled(self) -> None:
        """End what nobody waits for, and what waits in Ray for machines that are gone."""
        now = time.monotonic()
        for reference, each in self._running.items():
            each.is_stranded |= each.node is None and each.places.isdisjoint(self._nodes.usable)
            if not (each.task.is_cancelled or each.is_stranded):
                continue
            if each.cancelled_seconds is None:
                each.cancelled_seconds = now
                self._ray.cancel(reference)
            elif now - each.cancelled_seconds > PATIENCE_SECONDS:
                each.cancelled_seconds = now
                self._ray.cancel(reference, force=True)

    def _end_all(self) -> None:
        self.cancel([*self._waiting, *(each.task for each in self._running.values())])
        end = time.monotonic() + 2 * PATIENCE_SECONDS
        while self._running and time.monotonic() < end:
            self._end_cancelled()
            self._take_done(POLL_SECONDS)


def _fail(task: Task, error: BaseException) -> None:
    if not task.future.done():
        task.future.set_exception(error)


def _tell(error: BaseException) -> str:
    """The first sentence of what an error says; Ray's have many."""
    lines = str(error).strip().splitlines()
    return lines[0].partition(". ")[0] if lines else type(error).__name__
