"""What the server answers about plans, and what a person changes in them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from subremover.page.app import Addresses, send_json
from subremover.page.jobs.asked import read_json, take
from subremover.page.library import FilmFile, Library
from subremover.page.plans.folder import SavedPlan
from subremover.page.plans.plans import Plans


class PlanAnswers:
    """Answers about plans."""

    def __init__(self, library: Library, plans: Plans) -> None:
        self._library, self._plans = library, plans

    def addresses(self) -> Addresses:
        """What is answered where."""
        film = "/api/films/{id}"
        return [
            ("GET", f"{film}/plan", self.read),
            ("PUT", f"{film}/plan", self.change),
            ("GET", f"{film}/strokes/{{name}}", self.strokes),
            ("POST", f"{film}/strokes", self.add_strokes),
        ]

    def read(self, request: Request, _: bytes) -> Response:
        """A film's plan."""
        plan = self._plans.read(self._find(request))
        names = ("shots", "events", "passages")
        values = {name: plan.document[name] for name in names}
        active = plan.document.get("active_picture")
        return send_json({**_describe(plan), **values, "active_picture": active})

    def change(self, request: Request, body: bytes) -> Response:
        """Other events for a plan."""
        values = read_json(body)
        revision, events = take(values, "revision", str, ""), take(values, "events", list, None)
        return send_json(_describe(self._plans.change(self._find(request), revision, events)))

    def strokes(self, request: Request, _: bytes) -> Response:
        """A PNG of a plan."""
        data = self._plans.strokes(self._find(request), request.path_params["name"])
        return Response(data, media_type="image/png")

    def add_strokes(self, request: Request, body: bytes) -> Response:
        """A PNG that was painted."""
        return send_json({"strokes": self._plans.add_strokes(self._find(request), body)})

    def _find(self, request: Request) -> FilmFile:
        return self._library.find(request.path_params["id"])


def _describe(plan: SavedPlan) -> dict[str, object]:
    return {"revision": plan.revision, "is_mended": plan.is_mended}
