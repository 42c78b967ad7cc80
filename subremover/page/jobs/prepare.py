"""What a job's command is given, what becomes of what it has made, and what goes when it is cancelled."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace

from subremover.page.jobs.asked import RunAsk, ScanAsk, TryAsk
from subremover.page.jobs.job import FOR_PROGRAMS, Job
from subremover.page.library import FilmFile, Library, Outputs
from subremover.page.plans.plans import Plans
from subremover.page.refusals import Refusal
from subremover.plan.model import PLAN_NAME
from subremover.resume.names import find_folder
from subremover.resume.stopped import discard_work
from subremover.runtime.paths import exists, is_file, is_folder


def prepare(
    job: Job, film: FilmFile, library: Library, plans: Plans | None, *, cluster: str | None = None
) -> Job:
    """A job with the arguments of its command, which only depend on what was asked and what is there.

    Args:
        job: Whose folder is there.
        film: Its film.
        library: Where the film is.
        plans: Of which it takes a copy when it is first started, so that it goes on with the same one; None:
            it is only to be queued.
        cluster: Where scans and runs are made, as `--cluster` takes it; None: on this machine.

    Raises:
        Refusal: There is a clean film and it must not be replaced, or no plan to try.
        OutputError: The plan cannot be copied.
    """
    if plans is not None and job.has_plan is None and job.kind != "scan":
        job = job.change(has_plan=plans.copy(film, job.plan))
    ask = job.ask
    if isinstance(ask, ScanAsk):
        if plans is not None:  # a scan that was stopped begins afresh
            shutil.rmtree(job.plan, ignore_errors=True)
        given = ask.arguments(job.plan)
    elif isinstance(ask, TryAsk):
        if plans is not None:
            if not job.has_plan:
                raise Refusal(409, "there is no plan of this film; scan it first", "no plan")
            shutil.rmtree(job.look, ignore_errors=True)
        given = ask.arguments(job.look, job.plan)
    else:
        outputs = library.outputs(film, ask.container)
        has_plan = is_file(library.plan_folder(film) / PLAN_NAME) if job.has_plan is None else job.has_plan
        if not ask.overwrite and exists(outputs.film):
            raise Refusal(
                409, f"'{outputs.film}' exists; ask for it to be replaced, or move it away", "exists"
            )
        if plans is not None:
            outputs.film.parent.mkdir(parents=True, exist_ok=True)
            if not has_plan and not is_folder(find_folder(outputs.film)):  # nothing to go on from
                shutil.rmtree(job.plan, ignore_errors=True)
        given = ask.arguments(
            outputs, job.plan, has_plan=has_plan, overwrites=ask.overwrite or _has_leftovers(outputs)
        )
    if cluster is not None and not isinstance(ask, TryAsk):
        given += ["--cluster", cluster]
    return replace(job, arguments=(str(film.path), *given, *FOR_PROGRAMS))


def finish(job: Job, library: Library, plans: Plans) -> None:
    """Put the plan that a job has made where the film's plan is.

    Raises:
        SubremoverError, Refusal: It cannot be.
    """
    if job.kind == "try" or job.has_plan:
        return
    film = library.find_relative(job.film)
    if isinstance(job.ask, ScanAsk):
        plans.take(film, job.plan, is_part=job.ask.is_part, keeps_mended=job.ask.keep != "nothing")
    elif not plans.has(film):
        plans.take(film, job.plan)


def discard_run(job: Job, library: Library) -> None:
    """Delete what a run has left that will not be gone on with.

    Raises:
        OutputError, Refusal: It cannot be.
    """
    if not isinstance(job.ask, RunAsk):
        return
    film = library.find_relative(job.film)
    outputs = library.outputs(film, job.ask.container)
    discard_work(outputs.film)
    if library.find_clean(film) is None:
        for file in (outputs.srt, outputs.report):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def _has_leftovers(outputs: Outputs) -> bool:
    """Whether there is what a run that came to no film has written after its scan."""
    return not exists(outputs.film) and any(exists(file) for file in (outputs.srt, outputs.report))
