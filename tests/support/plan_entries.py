"""Plans of drawn films as they lie on disk, for tests that look at files and not at pictures."""

import json
from pathlib import Path
from typing import Any

FILM = {"width": 160, "height": 96, "frame_count": 24, "times": "0123456789abcdef"}


def make_entry(first: int = 2, last: int = 9, x: int = 10, **fields: Any) -> dict[str, Any]:
    return {"first": first, "last": last, "box": [x, 60, 40, 12], **fields}


def make_document(*events: dict[str, Any], film: dict[str, Any] | None = None) -> dict[str, Any]:
    film = film or FILM
    shots = [{"first": 0, "last": film["frame_count"] - 1}]
    return {
        "format": "subremover plan",
        "version": 2,
        "film": film,
        "shots": shots,
        "events": list(events),
        "passages": [],
    }


def write_plan(folder: Path, *events: dict[str, Any], film: dict[str, Any] | None = None) -> None:
    """The plan, with a PNG for each event that names one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(make_document(*events, film=film)))
    for event in events:
        if "strokes" in event:
            (folder / event["strokes"]).write_bytes(draw_strokes(*event["box"][2:]))


def draw_strokes(width: int, height: int, level: int = 255) -> bytes:
    import cv2  # takes longer than all that the fake command does
    import numpy as np

    return bytes(cv2.imencode(".png", np.full((height, width), level, np.uint8))[1])
