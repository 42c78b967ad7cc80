"""What the server answers about jobs, and what can be asked of them."""

from __future__ import annotations

import os
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from subremover.options import PresetName, SensitivityName
from subremover.page.answers.films import send_frame
from subremover.page.app import Addresses, send_json
from subremover.page.jobs.asked import RunAsk, ScanAsk, TryAsk, read_json, read_number
from subremover.page.jobs.queue import Queue
from subremover.page.library import FilmFile, Library, check_place
from subremover.page.pictures.pictures import Pictures
from subremover.page.plans.plans import Plans
from subremover.page.refusals import Refusal, bad, missing
from subremover.runtime.paths import is_file
from subremover.video.encode.encoders import list_codecs

_MOST_JOB = 999_999_999
_LOOKS = ("before", "after", "provenance")


class JobAnswers:
    """Answers about jobs."""

    def __init__(self, library: Library, plans: Plans, queue: Queue, pictures: Pictures) -> None:
        self._library, self._plans, self._queue, self._pictures = library, plans, queue, pictures

    def addresses(self) -> Addresses:
        """What is answered where."""
        film, job = "/api/films/{id}", "/api/jobs/{number}"
        return [
            ("POST", f"{film}/scan", self.scan),
            ("POST", f"{film}/try", self.try_),
            ("POST", f"{film}/run", self.run),
            ("GET", "/api/jobs", self.list_jobs),
            ("POST", f"{job}/pause", self.pause),
            ("POST", f"{job}/resume", self.resume),
            ("POST", f"{job}/cancel", self.cancel),
            ("POST", f"{job}/first", self.put_first),
            ("GET", f"{job}/found", self.found),
            ("GET", f"{job}/pictures/{{which}}/{{index}}.jpg", self.picture),
            ("GET", "/api/options", self.options),
        ]

    def scan(self, request: Request, body: bytes) -> Response:
        """A new scan."""
        film, ask = self._find(request), ScanAsk.read(read_json(body))
        if not ask.is_part and ask.keep is None:
            plan = self._plans.find(film)
            if plan is not None and plan.is_mended:
                message = "you have changed the plan; keep what you have changed, or nothing of it?"
                raise Refusal(409, message, "mended")
        return send_json(self._queue.add("scan", film, ask), 201)

    def try_(self, request: Request, body: bytes) -> Response:
        """A few seconds, before and after."""
        film, ask = self._find(request), TryAsk.read(read_json(body))
        if not self._plans.has(film):
            raise Refusal(409, "there is no plan of this film; scan it first", "no plan")
        return send_json(self._queue.add("try", film, ask), 201)

    def run(self, request: Request, body: bytes) -> Response:
        """The clean film."""
        film, ask = self._find(request), RunAsk.read(read_json(body))
        return send_json(self._queue.add("run", film, ask), 201)

    def list_jobs(self, _: Request, __: bytes) -> Response:
        """All jobs."""
        return send_json({"jobs": self._queue.list_jobs()})

    def pause(self, request: Request, _: bytes) -> Response:
        """Stop a job, and keep its work."""
        return send_json(self._queue.pause(_number(request)))

    def resume(self, request: Request, _: bytes) -> Response:
        """Go on with a job."""
        return send_json(self._queue.resume(_number(request)))

    def cancel(self, request: Request, _: bytes) -> Response:
        """Have nothing of a job stay."""
        self._queue.cancel(_number(request))
        return send_json({})

    def put_first(self, request: Request, _: bytes) -> Response:
        """Put a job before the others."""
        return send_json(self._queue.put_first(_number(request)))

    def found(self, request: Request, _: bytes) -> Response:
        """What a scan has found so far."""
        since = read_number(request.query_params.get("since", "0"), "since", 0, _MOST_JOB)
        events, count = self._queue.found(_number(request), since)
        return send_json({"events": events, "next": count})

    def picture(self, request: Request, _: bytes) -> Response:
        """A frame of what a try has made."""
        which = request.path_params["which"]
        if which not in _LOOKS:
            raise bad(f"there are {', '.join(_LOOKS)}")
        path = check_place(self._queue.get(_number(request)).look / f"{which}.mp4")
        if not is_file(path):
            raise missing("such picture yet")
        return send_frame(self._pictures, path, request)

    def options(self, _: Request, __: bytes) -> Response:
        """What can be chosen."""
        return send_json(
            {
                "presets": get_args(PresetName),
                "codecs": list_codecs(),
                "sensitivities": get_args(SensitivityName),
                "cores": os.cpu_count() or 1,
            }
        )

    def _find(self, request: Request) -> FilmFile:
        return self._library.find(request.path_params["id"])


def _number(request: Request) -> int:
    return read_number(request.path_params["number"], "the job", 0, _MOST_JOB)
