"""What a request is refused with: a status, a message for a person and a word for the page."""

from __future__ import annotations

from subremover.errors import InputError, OutputError, PlanError, SubremoverError, UsageError


class Refusal(Exception):  # noqa: N818, it says what it is
    """A request that is not done."""

    def __init__(self, status: int, message: str, reason: str, **more: object) -> None:
        """Note why.

        Args:
            status: Of HTTP.
            message: What failed, what was found, what to do about it.
            reason: A word that the page can act on.
            **more: Goes into the answer as well.
        """
        super().__init__(message)
        self.status, self.reason, self.more = status, reason, more

    @property
    def body(self) -> dict[str, object]:
        """What is answered."""
        return {"error": str(self), "reason": self.reason, **self.more}


_ANSWERS: tuple[tuple[type[SubremoverError], int, str], ...] = (
    (UsageError, 400, "usage"),
    (InputError, 422, "film"),
    (PlanError, 422, "plan"),
    (OutputError, 507, "output"),
)


def refuse(error: SubremoverError) -> Refusal:
    """How a failure that the command would have told of is told here."""
    for kind, status, reason in _ANSWERS:
        if isinstance(error, kind):
            return Refusal(status, str(error), reason)
    return Refusal(500, str(error), "failed")


def bad(message: str) -> Refusal:
    """Of a request that makes no sense."""
    return Refusal(400, message, "request")


def missing(what: str) -> Refusal:
    """Of something that is not there."""
    return Refusal(404, f"there is no {what}; load the page again", "missing")
