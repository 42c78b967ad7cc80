"""What the server answers about films, their frames, and what was made of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from subremover.errors import PlanError
from subremover.page.app import Addresses, send_json
from subremover.page.jobs.asked import is_number, read_number
from subremover.page.jobs.queue import Queue
from subremover.page.library import FilmFile, Library, readable
from subremover.page.pictures.pictures import Pictures, read_brief
from subremover.page.plans.plans import Plans
from subremover.page.refusals import missing
from subremover.plan.model import PLAN_NAME, FilmKey
from subremover.runtime.paths import is_file
from subremover.video.film import Film

WIDTHS = (16, 3840)
_UNCHANGING = "private, max-age=3600, immutable"
_STATES = {
    ("scan", "running"): "scanning",
    ("scan", "stopping"): "scanning",
    ("run", "running"): "running",
    ("run", "stopping"): "running",
    **{(kind, state): state for kind in ("scan", "run") for state in ("queued", "paused", "failed")},
}


class FilmAnswers:
    """Answers about the films of a library."""

    def __init__(self, library: Library, plans: Plans, queue: Queue, pictures: Pictures) -> None:
        self._library, self._plans, self._queue, self._pictures = library, plans, queue, pictures

    def addresses(self) -> Addresses:
        """What is answered where."""
        film = "/api/films/{id}"
        return [
            ("GET", "/api/films", self.list_films),
            ("GET", film, self.describe),
            ("GET", f"{film}/brief", self.brief),
            ("GET", f"{film}/thumbnail.jpg", self.thumbnail),
            ("GET", f"{film}/times", self.times),
            ("GET", f"{film}/frames/{{index}}.jpg", self.frame),
            ("GET", f"{film}/cleaned/{{index}}.jpg", self.cleaned_frame),
            ("GET", f"{film}/files/{{kind}}", self.file),
        ]

    def list_films(self, _: Request, __: bytes) -> Response:
        """All films, and how far each is."""
        jobs = self._queue.find_latest()
        films = [self._describe_briefly(film, jobs.get(film.id)) for film in self._library.list_films()]
        return send_json({"folder": readable(self._library.folder.name), "films": films})

    def describe(self, request: Request, _: bytes) -> Response:
        """All that is known of a film."""
        film = self._find(request)
        probed = self._pictures.film(film.path)
        width, height = probed.upright_size
        has_plan, warnings = self._look_for_plan(film, probed)
        return send_json(
            {
                "id": film.id,
                "name": film.name,
                "bytes": probed.stamp[0],
                "width": width,
                "height": height,
                "sample_aspect": _find_aspect(probed),
                "frames": probed.frame_count,
                "rate": float(probed.frame_rate),
                "seconds": probed.duration_seconds,
                "codec": probed.codec,
                "stamp": _stamp(probed.stamp),
                "warnings": [*probed.warnings, *warnings],
                "has_plan": has_plan,
                "is_outdated": self._is_outdated(film),
                "plan_folder": readable(
                    os.path.relpath(self._library.plan_folder(film), self._library.folder)
                ),
                "files": [
                    {
                        "kind": kind,
                        "name": readable(file.name),
                        "bytes": found.st_size,
                        "stamp": _stamp((found.st_size, found.st_mtime_ns)),
                    }
                    for kind, file in self._find_files(film).items()
                    if (found := file.stat())
                ],
            }
        )

    def brief(self, request: Request, _: bytes) -> Response:
        """What a film's header says."""
        brief = read_brief(self._find(request).path)
        return send_json({"seconds": brief.seconds, "width": brief.width, "height": brief.height})

    def thumbnail(self, request: Request, _: bytes) -> Response:
        """A small picture."""
        return _send_jpeg(self._pictures.thumbnail(self._find(request).path), "private, max-age=60")

    def times(self, request: Request, _: bytes) -> Response:
        """When each frame is shown, and the last one ends."""
        times = self._pictures.film(self._find(request).path).times
        milliseconds = np.rint(1000 * (times - times[0])).clip(0, 2**32 - 1).astype("<u4")
        return Response(milliseconds.tobytes(), media_type="application/octet-stream")

    def frame(self, request: Request, _: bytes) -> Response:
        """A frame of the film."""
        path = self._find(request).path
        return self._send_frame(path, request)

    def cleaned_frame(self, request: Request, _: bytes) -> Response:
        """A frame of the clean film."""
        path = self._library.find_clean(self._find(request))
        if path is None:
            raise missing("clean film")
        return self._send_frame(path, request)

    def file(self, request: Request, _: bytes) -> Response:
        """What was made of a film, to be saved."""
        file = self._find_files(self._find(request)).get(request.path_params["kind"])
        if file is None:
            raise missing("such file")
        return FileResponse(file, media_type="application/octet-stream", filename=readable(file.name))

    def _find(self, request: Request) -> FilmFile:
        return self._library.find(request.path_params["id"])

    def _send_frame(self, path: Path, request: Request) -> Response:
        is_this = request.query_params.get("v") == _stamp(self._pictures.film(path).stamp)
        return send_frame(self._pictures, path, request, is_this)

    def _describe_briefly(self, film: FilmFile, job: dict[str, Any] | None) -> dict[str, Any]:
        try:
            size = film.path.stat().st_size
        except OSError:  # gone since it was listed
            size = 0
        state = None if job is None else _STATES.get((job["kind"], job["state"]))
        share = job["share"] if job and state in ("scanning", "running", "paused") else None
        return {
            "id": film.id,
            "name": film.name,
            "bytes": size,
            "state": state or self._library.find_state(film),
            "share": share,
        }

    def _find_files(self, film: FilmFile) -> dict[str, Path]:
        outputs = self._library.outputs(film)
        found = {"film": self._library.find_clean(film), "srt": outputs.srt, "report": outputs.report}
        return {kind: file for kind, file in found.items() if file is not None and is_file(file)}

    def _is_outdated(self, film: FilmFile) -> bool:
        """Whether the plan was changed since the clean film was made."""
        clean, plan = self._library.find_clean(film), self._library.plan_folder(film) / PLAN_NAME
        return clean is not None and is_file(plan) and plan.stat().st_mtime_ns > clean.stat().st_mtime_ns

    def _look_for_plan(self, film: FilmFile, probed: Film) -> tuple[bool, list[str]]:
        """Whether there is a plan of this very film, and what is wrong with one that is there."""
        try:
            plan = self._plans.find(film)
        except PlanError as error:
            return False, [str(error)]
        if plan is None or plan.film == FilmKey.of(probed.upright_size, probed.pts):
            return plan is not None, []
        return False, ["the plan that is there is of another film that was called so; scan this one"]


FRAME_INDEX = "frame-index"
"""Header that says which frame a picture is."""


def send_frame(pictures: Pictures, path: Path, request: Request, is_unchanging: bool = False) -> Response:
    """A frame of any film, as the address has its number and the query its width.

    With "near" in the query it may be the key frame before: see `Pictures.find_near`.
    """
    asked, index = request.query_params.get("width"), request.path_params["index"]
    width = None if asked is None else read_number(asked, "the width", *WIDTHS)
    if not is_number(index) or int(index) >= pictures.film(path).frame_count:
        raise missing("such frame in the film")
    shown = pictures.find_near(path, int(index)) if "near" in request.query_params else int(index)
    try:
        jpeg = pictures.jpeg(path, shown, width)
    except IndexError as error:  # the film was replaced just now
        raise missing("such frame in the film") from error
    response = _send_jpeg(jpeg, _UNCHANGING if is_unchanging and shown == int(index) else "no-store")
    response.headers[FRAME_INDEX] = str(shown)
    return response


def _send_jpeg(data: bytes, caching: str) -> Response:
    return Response(data, media_type="image/jpeg", headers={"cache-control": caching})


def _stamp(stamp: tuple[int, int]) -> str:
    """A short text that changes with a file, of its size and when it was last written."""
    return hashlib.sha256(repr(stamp).encode()).hexdigest()[:12]


def _find_aspect(film: Film) -> float:
    """Width of an upright sample by its height."""
    aspect = float(film.sample_aspect_ratio or 1) or 1.0
    return 1 / aspect if film.rotation % 180 else aspect
