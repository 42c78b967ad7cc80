"""Which job runs when: what a person wants of jobs, what becomes of them, and what is left for tomorrow.

Runs go one after the other, and so do scans and tries, so that a scan need not wait for a night's run.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from subremover.errors import OutputError, SubremoverError
from subremover.page.jobs.asked import Ask, JobKind, ScanAsk
from subremover.page.jobs.children import Children
from subremover.page.jobs.job import Job, Said, describe, describe_end
from subremover.page.jobs.prepare import discard_run, finish, prepare
from subremover.page.library import FilmFile, Library
from subremover.page.plans.plans import Plans
from subremover.page.refusals import Refusal, missing
from subremover.plan.model import PLAN_NAME
from subremover.runtime.atomic_file import output_errors
from subremover.runtime.paths import is_file, is_folder

log = logging.getLogger(__name__)

MOST_FINISHED, MOST_WAITING = 50, 200
TICK_SECONDS, FAILED_SECONDS = 0.2, 5.0
STOP_SECONDS = 10.0
"""How long a server that ends waits for its jobs to put away what they have finished."""
_FOLDER = re.compile(r"[0-9]{6}|[1-9][0-9]{6,8}")
_LANES: tuple[tuple[JobKind, ...], ...] = (("run",), ("scan", "try"))


class Queue:
    """The jobs of a library. `start` takes up what another server has left; `stop` leaves it for the next."""

    def __init__(
        self,
        library: Library,
        plans: Plans,
        children: Children | None = None,
        *,
        cluster: str | None = None,
    ) -> None:
        self._library, self._plans, self._cluster = library, plans, cluster
        self._children = children or Children()
        self._folder = library.page / "jobs"
        self._lock = threading.RLock()
        self._jobs: dict[int, Job] = {}
        self._said: dict[int, Said] = {}
        self._watched: set[int] = set()
        """Jobs whose commands have lived while this server has looked."""
        self._shown: set[int] = set()
        """Runs whose plan was put where the film's is."""
        self._next = 1
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        """Take up the jobs that are there, and work from now on.

        Raises:
            OutputError: The folder for jobs cannot be used.
        """
        with output_errors(self._folder):
            self._folder.mkdir(exist_ok=True)
            folders = [p for p in self._folder.iterdir() if _FOLDER.fullmatch(p.name)]
        for folder in sorted(folders, key=lambda path: int(path.name)):
            if job := Job.read(folder):
                self._jobs[job.number] = job
                self._said[job.number] = Said(job.lines)
            self._next = max(self._next, int(folder.name) + 1)
        for job in list(self._jobs.values()):
            self._said[job.number].follow()
            if job.exit_code is None and self._children.is_alive(job):
                self._watched.add(job.number)
                if job.pid is None:  # a crash between its start and the note of it
                    self._jobs[job.number] = job.change(pid=0)
        self._thread.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop working; jobs that run are ended so that the next server goes on with them."""
        self._is_stopping.set()
        self._thread.join()
        deadline = time.monotonic() + seconds
        while True:
            with self._lock:
                alive = [job for job in self._list_begun() if self._children.is_alive(job)]
                for job in alive:
                    self._end_for_now(job)
            if not alive or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        with self._lock, contextlib.suppress(SubremoverError):
            self._settle_all()

    def add(self, kind: JobKind, film: FilmFile, ask: Ask) -> dict[str, Any]:
        """A new job, at the end of the queue.

        Raises:
            Refusal: There are too many, or the film has one that makes the same.
            OutputError: It cannot be noted.
        """
        with self._lock:
            waiting = [job for job in self._jobs.values() if job.exit_code is None]
            if len(waiting) >= MOST_WAITING:
                raise Refusal(409, f"{MOST_WAITING} jobs are waiting; cancel some first", "full")
            adds = kind == "try" or (
                isinstance(ask, ScanAsk) and ask.is_part
            )  # several do not disturb each other
            if not adds and any((job.kind, job.film) == (kind, film.relative) for job in waiting):
                message = f"there is a {kind} of this film already; let it end, or cancel it"
                raise Refusal(409, message, "busy")
            folder = self._folder / f"{self._next:06d}"
            with output_errors(folder):
                folder.mkdir()
            try:
                now = time.time()
                job = Job(folder, kind, film.relative, ask, round(now, 3), now)
                job = prepare(job, film, self._library, None, cluster=self._cluster)
                job.save()
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._jobs[job.number], self._said[job.number] = job, Said(job.lines)
            self._next += 1
            self._drop_old()
            return self._describe(job)

    def list_jobs(self) -> list[dict[str, Any]]:
        """All jobs, in the order in which they are or would have been their turn."""
        with self._lock:
            return [
                self._describe(job)
                for job in sorted(self._jobs.values(), key=lambda it: (it.order, it.number))
            ]

    def get(self, number: int) -> Job:
        """A job.

        Raises:
            Refusal: There is none of this number.
        """
        with self._lock:
            if job := self._jobs.get(number):
                return job
        raise missing("such job")

    def find_latest(self) -> dict[str, dict[str, Any]]:
        """By film id, its latest scan or run."""
        jobs = sorted(self.list_jobs(), key=lambda job: job["id"])
        return {job["film"]: job for job in jobs if job["kind"] != "try"}

    def found(self, number: int, since: int) -> tuple[list[dict[str, Any]], int]:
        """What a scan has found from a number of events on, and how many there are."""
        with self._lock:
            said = self._said[self.get(number).number]
            said.follow()
            if since > len(said.found):  # it was started again
                since = 0
            return said.found[since:], len(said.found)

    def pause(self, number: int) -> dict[str, Any]:
        """Stop a job, and keep its work."""
        with self._lock:
            job = self.get(number)
            if job.exit_code is None and job.wanted == "run":
                self._jobs[number] = job = job.change(wanted="pause")
                if job.pid is not None:
                    self._children.stop(job)
            return self._describe(job)

    def resume(self, number: int) -> dict[str, Any]:
        """Put a job that is paused, or has failed, back into the queue."""
        with self._lock:
            job = self.get(number)
            if job.state == "stopping":
                raise Refusal(409, "the job is still stopping; wait a moment", "busy")
            if job.state in ("paused", "failed"):
                self._jobs[number] = job = job.change(wanted="run", exit_code=None, problem=None, pid=None)
            return self._describe(job)

    def cancel(self, number: int) -> None:
        """Have nothing of a job stay; of one that is done, what it has made stays."""
        with self._lock:
            job = self.get(number)
            if job.pid is None or job.exit_code is not None:
                self._remove(job)
            else:
                self._jobs[number] = job = job.change(wanted="cancel")
                self._children.stop(job)

    def put_first(self, number: int) -> dict[str, Any]:
        """Put a job before all others that wait."""
        with self._lock:
            job = self.get(number)
            least = min(other.order for other in self._jobs.values())
            if job.order > least:
                self._jobs[number] = job = job.change(order=least - 1)
            return self._describe(job)

    def _describe(self, job: Job) -> dict[str, Any]:
        said = self._said[job.number]
        if job.pid is not None or not said.progress:
            said.follow()
        return describe(job, said)

    def _work(self) -> None:
        while not self._is_stopping.is_set():
            pause = TICK_SECONDS
            try:
                with self._lock:
                    self._settle_all()
                    self._start_next()
            except Exception as error:  # the next time may be better: a disk that was full
                log.error("the queue failed: %s", error, exc_info=not isinstance(error, OutputError))
                pause = FAILED_SECONDS
            self._is_stopping.wait(pause)

    def _list_begun(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.pid is not None and job.exit_code is None]

    def _settle_all(self) -> None:
        for job in self._list_begun():
            if not self._children.is_alive(job):
                self._settle(job)
            elif job.wanted != "run":
                self._children.stop(job)
            elif job.kind == "run" and not job.has_plan:
                self._show_plan(job)

    def _show_plan(self, job: Job) -> None:
        """Have a run that scans by itself show what it has found, once it has."""
        said = self._said[job.number]
        said.follow()
        is_scanned = said.progress.get("stage") in ("render", "verify") and is_file(job.plan / PLAN_NAME)
        if is_scanned and job.number not in self._shown:
            self._shown.add(job.number)
            if problem := _tell_failure(lambda: finish(job, self._library, self._plans)):
                log.warning("the plan of '%s' cannot be kept: %s", job.film, problem)

    def _settle(self, job: Job) -> None:
        """What becomes of a job whose command has ended."""
        said, code = self._said[job.number], self._children.find_exit_code(job)
        said.follow()
        if job.wanted == "cancel":
            self._remove(job)
        elif said.result is not None:
            self._end(job, 0, _tell_failure(lambda: finish(job, self._library, self._plans)))
        elif said.error is not None:
            told = said.error.get("exit_code")
            self._end(job, told if type(told) is int and told else code or 1)
        elif job.wanted == "pause" or job.is_told or job.number not in self._watched:
            self._jobs[job.number] = job.change(pid=None, is_told=False)
        else:
            self._end(job, code or 1, describe_end(job, code or 1))
        self._children.forget(job)  # last: where a full disk has ended this early, it is done again
        self._watched.discard(job.number)

    def _end(self, job: Job, code: int, problem: str | None = None) -> None:
        self._jobs[job.number] = job.change(pid=None, exit_code=code, problem=problem)
        self._drop_old()

    def _start_next(self) -> None:
        for lane in _LANES:
            jobs = [job for job in self._jobs.values() if job.kind in lane and job.exit_code is None]
            if any(job.pid is not None for job in jobs):
                continue
            waiting = [job for job in jobs if job.wanted == "run"]
            if waiting:
                self._start(min(waiting, key=lambda job: (job.order, job.number)))

    def _start(self, job: Job) -> None:
        def start() -> None:
            nonlocal job
            film = self._library.find(self._library.find_relative(job.film).id)
            job = prepare(job, film, self._library, self._plans, cluster=self._cluster)
            self._jobs[job.number] = job = job.change(pid=0, is_told=False)
            self._said[job.number].forget()
            pid = self._children.start(job)
            self._watched.add(job.number)
            self._jobs[job.number] = job = job.change(pid=pid)

        problem = _tell_failure(start)
        if problem is not None and job.number not in self._watched:
            log.error("job %d cannot be started: %s", job.number, problem)
            failed: dict[str, Any] = {"pid": None, "exit_code": 1, "problem": problem}
            with contextlib.suppress(SubremoverError):
                job = job.change(**failed)
            self._jobs[job.number] = replace(job, **failed)

    def _end_for_now(self, job: Job) -> None:
        if job.wanted == "run" and not job.is_told:
            with contextlib.suppress(OutputError):
                self._jobs[job.number] = job = job.change(is_told=True)
        self._children.stop(job, signal.SIGTERM)

    def _remove(self, job: Job) -> None:
        """Nothing of it stays but what a job that is done has made, or another one of the film may need."""
        others = (other for other in self._jobs.values() if other.film == job.film and other is not job)
        is_needed = any(
            other.kind == "run" and (other.exit_code is None or other.number > job.number) for other in others
        )
        if job.kind == "run" and job.state != "done" and not is_needed:
            problem = _tell_failure(lambda: discard_run(job, self._library))
            if problem:
                log.warning("%s", problem)
        shutil.rmtree(job.folder, ignore_errors=True)
        if is_folder(job.folder):
            log.warning("'%s' cannot be deleted", job.folder)
        del self._jobs[job.number], self._said[job.number]

    def _drop_old(self) -> None:
        ended = sorted(number for number, job in self._jobs.items() if job.exit_code is not None)
        for number in ended[:-MOST_FINISHED]:
            self._remove(self._jobs[number])


def _tell_failure(work: Callable[[], None]) -> str | None:
    """Do something; why it failed, None if it did not."""
    try:
        work()
    except (SubremoverError, Refusal, MemoryError) as error:
        return str(error) or "out of memory"
    except (OSError, ValueError) as error:
        return f"cannot do this: {getattr(error, 'strerror', None) or error}"
    return None
