import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from subremover.errors import OutputError, PlanError
from subremover.geometry import Box
from subremover.plan import Event, FilmKey, Plan, Shot, load_plan, read_mask

FILM = FilmKey.of((160, 96), np.arange(24, dtype=np.int64) * 1001)


def make_event(first: int, last: int, box: Box) -> Event:
    """Strokes of a chequered pattern."""
    strokes = np.indices((box.height, box.width)).sum(0) % 2 == 0
    return Event(first, last, box, strokes)


@pytest.fixture
def plan() -> Plan:
    events = (make_event(2, 9, Box(10, 70, 40, 12)), make_event(7, 23, Box(150, 0, 10, 96)))
    return Plan(FILM, (Shot(0, 11), Shot(12, 23)), events)


def edit(folder: Path, **changes: Any) -> None:
    """Change the first event of a saved plan, or the plan itself where it has such a field."""
    file = folder / "plan.json"
    document = json.loads(file.read_text())
    for name, value in changes.items():
        (document if name in document else document["events"][0])[name] = value
    file.write_text(json.dumps(document))


def describe(plan: Plan) -> list[tuple[int, int, Box, bytes]]:
    return [(e.first, e.last, e.box, e.strokes.tobytes()) for e in plan.events]


@pytest.mark.parametrize("name", ["", "plan.json"])
def test_round_trip(plan: Plan, tmp_path: Path, name: str) -> None:
    plan.save(tmp_path / "new" / "plan")
    loaded = load_plan(tmp_path / "new" / "plan" / name, FILM)
    assert (loaded.film, loaded.shots) == (plan.film, plan.shots)
    assert describe(loaded) == describe(plan)


def test_an_empty_plan(tmp_path: Path) -> None:
    Plan(FILM, (Shot(0, 23),), ()).save(tmp_path)
    assert load_plan(tmp_path, FILM).events == ()


def test_what_is_masked(plan: Plan) -> None:
    assert list(np.flatnonzero(plan.masked_frames())) == list(range(2, 24))
    mask = plan.mask(list(plan.events))
    assert mask.shape == (96, 160)
    assert mask.sum() == sum(e.strokes.sum() for e in plan.events)
    assert np.array_equal(mask[70:82, 10:50], plan.events[0].strokes)


def test_clip(plan: Plan) -> None:
    assert [(e.first, e.last) for e in plan.clip(8, 12).events] == [(8, 9), (8, 11)]
    assert [(e.first, e.last) for e in plan.clip(10, 24).events] == [(10, 23)]
    assert plan.clip(0, 2).events == ()


def test_repainted_strokes_count(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    painted = np.zeros((12, 40, 4), np.uint8)  # as an editor may save it: colour and alpha
    painted[..., 3] = 255
    painted[3:5, 6:9, :3] = 255
    cv2.imwrite(str(tmp_path / "event_0001.png"), painted)
    strokes = load_plan(tmp_path, FILM).events[0].strokes
    assert np.array_equal(np.argwhere(strokes), np.argwhere(painted[..., 0]))


def test_strokes_painted_over_drop_the_event(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    cv2.imwrite(str(tmp_path / "event_0001.png"), np.zeros((12, 40), np.uint8))
    assert describe(load_plan(tmp_path, FILM)) == describe(plan)[1:]


@pytest.mark.parametrize("name", ["../secret.png", "/{}/secret.png", "a/../../secret.png"])
def test_strokes_stay_in_the_folder(plan: Plan, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "plan"
    plan.save(folder)
    (folder / "event_0001.png").rename(tmp_path / "secret.png")
    edit(folder, strokes=name.format(tmp_path))
    with pytest.raises(PlanError, match=r"cannot read the mask .*plan/secret.png"):
        load_plan(folder, FILM)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 2, this program reads version 1; scan the film again with --save-plan"),
        ({"format": "other"}, "is no plan; make one with --save-plan"),
        ({"film": {"width": 1}}, "is damaged: .*; mend it or scan again"),
        ({"film": []}, "is damaged"),
        ({"events": [{}]}, "is damaged: KeyError"),
        ({"events": None}, "is damaged"),
        ({"events": [7]}, "is damaged"),
        ({"shots": [{"first": 0}]}, "is damaged: KeyError"),
        ({"first": 5, "last": 4}, "is damaged: .*first <= last"),
        ({"first": -1}, "is damaged: .*0 <= first"),
        ({"first": "two"}, "is damaged"),
        ({"first": float("inf")}, "is damaged"),
        ({"last": 24}, "ends behind the film's last frame; mend it in plan.json"),
        ({"box": [10, 70, 40]}, "is damaged"),
        ({"box": [10, 70, 0, 12]}, "is damaged: .*positive size"),
        ({"box": [130, 70, 40, 12]}, "reaches out of the picture; mend it in plan.json"),
        ({"box": [10, -1, 40, 12]}, "reaches out of the picture"),
        ({"box": [10, 70, 41, 12]}, "is 40x12 px, its box 41x12; keep the picture's size or mend the box"),
        ({"strokes": "gone.png"}, "cannot read the mask .*gone.png.*; check its name"),
        ({"strokes": ""}, "cannot read the mask"),
        ({"strokes": "plan.json"}, "is no picture; give a PNG, white where to remove"),
    ],
)
def test_damaged(plan: Plan, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    plan.save(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(PlanError, match=message) as caught:
        load_plan(tmp_path, FILM)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanError, match="is no plan"):
        load_plan(tmp_path, FILM)


def test_a_picture_is_no_plan(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    with pytest.raises(PlanError, match="is no plan"):
        load_plan(tmp_path / "event_0001.png", FILM)


@pytest.mark.parametrize("name", ["gone", "x" * 300])
def test_missing_plan(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError, match=r"cannot read the plan .*; make one with --save-plan"):
        load_plan(tmp_path / name, FILM)


@pytest.mark.parametrize(
    "other",
    [
        FilmKey.of((96, 160), np.arange(24, dtype=np.int64) * 1001),
        FilmKey.of((160, 96), np.arange(25, dtype=np.int64) * 1001),
        FilmKey.of((160, 96), np.arange(24, dtype=np.int64) * 1000),
    ],
)
def test_the_plan_of_another_film(plan: Plan, tmp_path: Path, other: FilmKey) -> None:
    plan.save(tmp_path)
    with pytest.raises(PlanError, match=r"belongs to another film .*; scan this film with --save-plan"):
        load_plan(tmp_path, other)


def test_a_place_that_cannot_be_written(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write the plan .*; choose another folder"):
        plan.save(tmp_path / "file" / "plan")


def test_grey_rims_belong_to_a_mask_and_noise_does_not(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.array([[0, 3, 128, 255]], np.uint8))
    assert read_mask(tmp_path / "a.png").tolist() == [[False, False, True, True]]


def test_events_check_themselves() -> None:
    with pytest.raises(ValueError, match="strokes must be bool of 4x5"):
        Event(0, 1, Box(0, 0, 5, 4), np.zeros((5, 4), bool))
    with pytest.raises(ValueError, match="first <= last"):
        Event(2, 1, Box(0, 0, 5, 4), np.zeros((4, 5), bool))
