import json
import os
import struct
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pictures import draw_png_header
from PIL import Image

from subremover.errors import OutputError, PlanError
from subremover.geometry import Box
from subremover.plan.model import Event, FilmKey, Passage, Plan, Shot
from subremover.plan.saved_plan import load_plan

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


def test_the_folder_may_be_a_text(plan: Plan, tmp_path: Path) -> None:
    plan.save(f"{tmp_path}/plan/")
    assert describe(load_plan(f"{tmp_path}/plan/")) == describe(plan)


def test_an_empty_plan(tmp_path: Path) -> None:
    Plan(FILM, (Shot(0, 23),), ()).save(tmp_path)
    assert load_plan(tmp_path, FILM).events == ()


def test_a_plan_in_the_place_of_another(plan: Plan, tmp_path: Path) -> None:
    """No strokes of the other stay, but all that no plan has written."""
    others = ["event_2.png", "event_00002.png", "event_0002.png.bak", "logo.png"]
    plan.save(tmp_path)
    for name in others:
        (tmp_path / name).touch()
    replace(plan, events=plan.events[:1]).save(tmp_path)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == sorted(["event_0001.png", "plan.json", *others])
    assert describe(load_plan(tmp_path)) == describe(plan)[:1]


def test_what_is_masked(plan: Plan) -> None:
    assert list(np.flatnonzero(plan.masked_frames())) == list(range(2, 24))
    mask = plan.mask(list(plan.events))
    assert mask.shape == (96, 160)
    assert mask.sum() == sum(e.strokes.sum() for e in plan.events)
    assert np.array_equal(mask[70:82, 10:50], plan.events[0].strokes)


def test_clip(plan: Plan) -> None:
    assert [(e.first, e.last) for e in plan.clip(8, 12).removed] == [(8, 9), (8, 11)]
    assert [(e.first, e.last) for e in plan.clip(10, 24).removed] == [(10, 23)]
    assert plan.clip(0, 2).removed == ()
    # what stands outside hides the picture there all the same
    clipped = plan.clip(8, 12)
    for frame in range(24):
        lives = [[e for e in each.events if e.first <= frame <= e.last] for each in (plan, clipped)]
        assert np.array_equal(*(plan.mask(events) for events in lives))
        assert all(event.remove == (8 <= frame < 12) for event in lives[1])


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


def test_what_an_event_says_comes_back(plan: Plan, tmp_path: Path) -> None:
    fade = np.linspace(0.1, 1, 8).astype(np.float32)
    sign = replace(plan.events[0], opacities=fade, text="Вход\nEntrée «出口» 🎬", kind="scene", remove=False)
    logo = replace(plan.events[1], opacities=np.ones(17, np.float32), kind="logo")
    Plan(FILM, plan.shots, (sign, logo)).save(tmp_path)
    first, second = load_plan(tmp_path, FILM).events
    assert (first.text, first.kind, first.remove) == (sign.text, "scene", False)
    assert first.opacities == pytest.approx(fade, abs=0.0005)
    assert (second.text, second.kind, second.remove, len(second.opacities)) == ("", "logo", True, 0)
    assert [event.first for event in load_plan(tmp_path, FILM).removed] == [7]


def test_what_the_scan_took_an_event_for_stays_with_it(plan: Plan, tmp_path: Path) -> None:
    why = ("stands still while the picture moves", "is set like «others»")
    told = plan.replace_event(0, probability=0.98765, reasons=why)
    told.save(tmp_path)
    assert '   "probability": 0.988,' in (tmp_path / "plan.json").read_text().splitlines()
    first, second = load_plan(tmp_path, FILM).events
    assert (first.probability, first.reasons) == (0.988, why)
    assert (second.probability, second.reasons) == (None, ())
    edit(tmp_path, probability=None)
    assert load_plan(tmp_path, FILM).events[0].probability is None
    for part in told.clip(4, 7).events[:3]:
        assert (part.probability, part.reasons) == (0.98765, why)
    assert told.replace_event(0, remove=False, last=5).events[0].reasons == why
    assert len({plan.digest(), told.digest(), told.replace_event(0, reasons=()).digest()}) == 3


def test_the_colour_of_the_letters_stays_with_an_event(plan: Plan, tmp_path: Path) -> None:
    told = plan.replace_event(0, colour=(255, 238, 9))
    told.save(tmp_path)
    assert '   "colour": "#ffee09",' in (tmp_path / "plan.json").read_text().splitlines()
    assert [event.colour for event in load_plan(tmp_path, FILM).events] == [(255, 238, 9), None]
    edit(tmp_path, colour="#FFEE09")
    assert load_plan(tmp_path, FILM).events[0].colour == (255, 238, 9)
    assert {part.colour for part in told.clip(4, 7).events[:3]} == {(255, 238, 9)}
    assert told.replace_event(0, text="else", last=5).events[0].colour == (255, 238, 9)
    assert plan.digest() != told.digest()


def test_passages_come_back(plan: Plan, tmp_path: Path) -> None:
    passages = (Passage(3, 9, Box(0, 0, 160, 20)), Passage(5, 5, Box(1, 2, 3, 4)))
    told = replace(plan, passages=passages)
    told.save(tmp_path)
    assert '  {"first": 5, "last": 5, "box": [1, 2, 3, 4]}' in (tmp_path / "plan.json").read_text()
    assert load_plan(tmp_path, FILM).passages == passages
    assert told.clip(4, 8).passages == passages
    assert told.digest() != plan.digest()
    document = json.loads((tmp_path / "plan.json").read_text())
    del document["passages"]
    (tmp_path / "plan.json").write_text(json.dumps(document))
    assert load_plan(tmp_path, FILM).passages == ()


def test_the_active_picture_comes_back(plan: Plan, tmp_path: Path) -> None:
    """Plans without one are of films without bars."""
    told = replace(plan, active_picture=Box(0, 12, 160, 71))
    told.save(tmp_path)
    assert (tmp_path / "plan.json").read_text().splitlines()[-2] == ' "active_picture": [0, 12, 160, 71]'
    assert load_plan(tmp_path, FILM).active_picture == Box(0, 12, 160, 71)
    assert told.clip(4, 8).active_picture == told.active_picture
    assert told.digest() != plan.digest()
    plan.save(tmp_path)
    assert "active_picture" not in (tmp_path / "plan.json").read_text()
    assert load_plan(tmp_path, FILM).active_picture is None


@pytest.mark.parametrize("box", [[0, 12, 160, 85], [0, 12, 160], [0, 12, 160, 0], "all"])
def test_a_wrong_active_picture_is_told(plan: Plan, tmp_path: Path, box: Any) -> None:
    replace(plan, active_picture=Box(0, 12, 160, 71)).save(tmp_path)
    edit(tmp_path, active_picture=box)
    with pytest.raises(PlanError, match=r"the active picture of .*; mend it"):
        load_plan(tmp_path, FILM)
    with pytest.raises(ValueError, match=r"the active picture .* reaches out of one of 160x96 px"):
        replace(plan, active_picture=Box(0, 12, 160, 85))


def test_the_file_reads_well(plan: Plan, tmp_path: Path) -> None:
    replace(plan, events=(replace(plan.events[0], text="Привет"),)).save(tmp_path)
    assert "Привет" in (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "plan.json").read_text())["events"] == [
        {
            "first": 2,
            "last": 9,
            "box": [10, 70, 40, 12],
            "strokes": "event_0001.png",
            "text": "Привет",
            "kind": "subtitle",
            "remove": True,
        }
    ]


def test_the_file_has_a_field_a_line(plan: Plan, tmp_path: Path) -> None:
    fade = np.linspace(0, 1, 8, dtype=np.float32).round(1)
    replace(plan, events=(replace(plan.events[0], opacities=fade), plan.events[1])).save(tmp_path)
    lines = (tmp_path / "plan.json").read_text().splitlines()
    assert '  {"first": 12, "last": 23}' in lines
    assert lines[9:21] == [
        "  {",
        '   "first": 2,',
        '   "last": 9,',
        '   "box": [10, 70, 40, 12],',
        '   "strokes": "event_0001.png",',
        '   "opacities": [0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 0.9, 1.0],',
        '   "text": "",',
        '   "kind": "subtitle",',
        '   "remove": true',
        "  },",
        "  {",
        '   "first": 7,',
    ]


def test_edited_by_hand(plan: Plan, tmp_path: Path) -> None:
    """An event deleted, one made longer and kept, one added with the least; saved with a byte order mark."""
    fading = replace(plan.events[1], opacities=np.full(17, 0.5, np.float32))
    Plan(FILM, plan.shots, (plan.events[0], fading)).save(tmp_path)
    file = tmp_path / "plan.json"
    document = json.loads(file.read_text())
    del document["events"][0]
    document["events"][0].update(first=5, remove=False)
    document["events"].append({"first": 1, "last": 3, "box": [0, 0, 160, 9]})
    file.write_text(json.dumps(document), encoding="utf-8-sig")
    added, changed = load_plan(tmp_path, FILM).events
    assert (added.first, added.last, added.box, added.kind, added.remove) == (
        1,
        3,
        Box(0, 0, 160, 9),
        "subtitle",
        True,
    )
    assert added.strokes.all()
    assert added.strokes.shape == (9, 160)
    assert (changed.first, changed.last, changed.remove, len(changed.opacities)) == (5, 23, False, 0)


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "{}/secret.png", "a/../../secret.png", "a\\\\secret.png", "..", ".", "", "a/", 7, None],
)
def test_strokes_have_plain_names(plan: Plan, tmp_path: Path, name: Any) -> None:
    folder = tmp_path / "plan"
    plan.save(folder)
    (folder / "event_0001.png").rename(tmp_path / "secret.png")
    edit(folder, strokes=name.format(tmp_path) if isinstance(name, str) else name)
    message = r'event 1 of .*plan.json.: "strokes" must be the name of a PNG beside plan.json, got .*; mend'
    with pytest.raises(PlanError, match=message):
        load_plan(folder, FILM)


@pytest.mark.parametrize("place", ["../secret.png", "/dev/zero", "event_0001.png"])
def test_strokes_do_not_lead_elsewhere(plan: Plan, tmp_path: Path, place: str) -> None:
    """Links out of the folder, to a device, and to themselves."""
    folder = tmp_path / "plan"
    plan.save(folder)
    (folder / "event_0001.png").rename(tmp_path / "secret.png")
    (folder / "event_0001.png").symlink_to(place)
    with pytest.raises(PlanError, match="event 1 of "):
        load_plan(folder, FILM)


def test_a_pipe_is_not_waited_for(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    (tmp_path / "event_0001.png").unlink()
    os.mkfifo(tmp_path / "event_0001.png")
    with pytest.raises(PlanError, match=r"event 1 of .* is no file in the plan's folder"):
        load_plan(tmp_path, FILM)
    (tmp_path / "plan.json").unlink()
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(PlanError, match="is no regular file; make one with --save-plan"):
        load_plan(tmp_path, FILM)


@pytest.mark.parametrize("side", [4000, 300_000])
def test_a_huge_picture_is_not_decoded(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int
) -> None:
    """A few bytes that would be up to 100 GB of samples."""
    plan.save(tmp_path)
    (tmp_path / "event_0001.png").write_bytes(draw_png_header(side, side))
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("was decoded"))
    message = r"event 1 of .*(is 4000x4000 px|has far too many px), its box 40x12; keep the picture"
    with pytest.raises(PlanError, match=message):
        load_plan(tmp_path, FILM)


def test_no_tag_turns_a_picture(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    file = tmp_path / "event_0001.png"
    png = file.read_bytes()
    turned = b"eXIfMM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    chunk = struct.pack(">I", len(turned) - 4) + turned + struct.pack(">I", zlib.crc32(turned))
    file.write_bytes(png[:33] + chunk + png[33:])
    assert np.array_equal(load_plan(tmp_path, FILM).events[0].strokes, plan.events[0].strokes)


def test_a_huge_plan_is_not_read(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    os.truncate(tmp_path / "plan.json", 2**40)  # a hole, not a terabyte
    with pytest.raises(PlanError, match="has over 32 MiB; make one with --save-plan"):
        load_plan(tmp_path, FILM)


def test_many_whole_boxes_take_no_memory(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    film = FilmKey(30_000, 30_000, 24, FILM.times)
    events = [{"first": 0, "last": 23, "box": [0, 0, 30_000, 30_000]}] * 1000  # 900 GB of strokes
    edit(tmp_path, film=asdict(film), events=events)
    assert len(load_plan(tmp_path, film).events) == 1000
    edit(tmp_path, events=[{**event, "strokes": "event_0001.png"} for event in events])
    with pytest.raises(PlanError, match=r"is 40x12 px|too large for the memory"):
        load_plan(tmp_path, film)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 1}, "version 1, this program reads version 2; scan the film again with --save-plan"),
        ({"version": "\x1b[2J"}, r"version '\\x1b\[2J', this program reads version 2"),
        ({"format": "other"}, "is no plan; make one with --save-plan"),
        ({"film": {"width": 1}}, "belongs to another film .*; scan this film with --save-plan"),
        ({"film": []}, '"film" must be an object, got .*; mend it or scan again'),
        ({"events": [{}]}, 'event 1 of .*"first" must be a whole number from 0 to 23, got None'),
        ({"events": None}, '"events" must be a list, got None'),
        ({"events": {}}, '"events" must be a list'),
        ({"events": [7]}, '"event 1" must be an object, got 7'),
        ({"shots": [{"first": 0}]}, 'shot 1 of .*"last" must be a whole number from 0 to 23'),
        ({"shots": []}, "the shots of .* end with frame -1, the film with 23; they must cover all frames"),
        ({"shots": [{"first": 0, "last": 9}]}, "end with frame 9, the film with 23"),
        ({"shots": [{"first": 0, "last": 9}, {"first": 9, "last": 23}]}, 'shot 2 .*"first" must be 10'),
        ({"first": 5, "last": 4}, '"last" must be a whole number from 5 to 23, got 4'),
        ({"first": -1}, '"first" must be a whole number from 0 to 23, got -1'),
        ({"first": "two"}, "\"first\" must be a whole number from 0 to 23, got 'two'"),
        ({"first": 2.0}, '"first" must be a whole number .*, got 2.0'),
        ({"first": True}, '"first" must be a whole number .*, got True'),
        ({"first": float("inf")}, "is no plan: Infinity is no JSON number"),
        ({"last": 24}, '"last" must be a whole number from 2 to 23, got 24'),
        ({"last": 10**100}, r'"last" must be a whole number from 2 to 23, got 10+\.\.\.; mend it'),
        ({"box": [10, 70, 40]}, r'"box" must be \[x, y, width, height\] in whole pixels'),
        ({"box": [10, 70, 40, 12.0]}, '"box" must be .* in whole pixels'),
        ({"box": [True, 70, 40, 12]}, '"box" must be .* in whole pixels'),
        ({"box": {"x": 1}}, '"box" must be .* in whole pixels'),
        ({"box": [10, 70, 0, 12]}, '"box" must be .* with a positive size'),
        ({"box": [10, 70, -40, 12]}, '"box" must be .* with a positive size'),
        ({"box": [130, 70, 40, 12]}, r"reaches out of the picture \(160x96 px\); mend it"),
        ({"box": [10, -1, 40, 12]}, "event 1 of .*reaches out of the picture"),
        ({"box": [0, 0, 10**30, 12]}, "reaches out of the picture"),
        ({"box": [10, 70, 41, 12]}, "is 40x12 px, its box 41x12; keep the picture's size or mend the box"),
        ({"strokes": "gone.png"}, "event 1 of .*cannot read the mask .*gone.png.*; check its name"),
        ({"strokes": "plan.json"}, "event 1 of .*is no picture; give a PNG, white where to remove"),
        ({"strokes": "x" * 300}, "event 1 of "),
        ({"strokes": "a\0.png"}, "event 1 of "),
        ({"opacities": 1}, '"opacities" must be a list, got 1'),
        ({"opacities": [1] * 7 + [float("nan")]}, "is no plan: NaN is no JSON number"),
        ({"opacities": [0.5] * 7 + [1.001]}, '"opacities" must be numbers from 0 to 1, got 1.001'),
        ({"opacities": [0.5] * 7 + [-1]}, '"opacities" must be numbers from 0 to 1, got -1'),
        ({"opacities": [True] * 8}, '"opacities" must be numbers from 0 to 1, got True'),
        ({"opacities": ["1"] * 8}, '"opacities" must be numbers from 0 to 1'),
        ({"opacities": [10**400]}, '"opacities" must be numbers from 0 to 1'),
        ({"text": 5}, '"text" must be a text of at most 2000 characters, got 5'),
        ({"text": "x" * 2001}, '"text" must be a text of at most 2000 characters'),
        ({"text": "\x1b]0;owned\x07"}, '"text" must be a text without control characters'),
        ({"text": "a\0"}, '"text" must be a text without control characters'),
        ({"text": "\ud800"}, '"text" must be a text without control characters'),
        ({"text": "a\u2028b"}, '"text" must be a text without control characters'),
        ({"colour": "yellow"}, "\"colour\" must be a colour as #ffee00, got 'yellow'; mend it or scan again"),
        ({"colour": "#ffee0"}, '"colour" must be a colour as #ffee00'),
        ({"colour": "#ffee00\n"}, '"colour" must be a colour as #ffee00'),
        ({"colour": [255, 238, 0]}, '"colour" must be a colour as #ffee00'),
        ({"kind": "sign"}, "\"kind\" must be one of subtitle, scene, logo, got 'sign'"),
        ({"kind": []}, '"kind" must be one of subtitle, scene, logo'),
        ({"remove": 1}, '"remove" must be true or false, got 1'),
        ({"remove": None}, '"remove" must be true or false, got None'),
        ({"probability": 1.01}, '"probability" must be a number from 0 to 1, got 1.01'),
        ({"probability": "likely"}, '"probability" must be a number from 0 to 1'),
        ({"probability": True}, '"probability" must be a number from 0 to 1, got True'),
        ({"probability": float("nan")}, "is no plan: NaN is no JSON number"),
        ({"reasons": "it moves"}, "\"reasons\" must be a list, got 'it moves'"),
        ({"reasons": ["a"] * 4}, '"reasons" must be a list of at most 3'),
        ({"reasons": [5]}, '"reasons" must be a text of at most 200 characters, got 5'),
        ({"reasons": ["x" * 201]}, '"reasons" must be a text of at most 200 characters'),
        ({"reasons": ["\x1b[2J"]}, '"reasons" must be a text without control characters'),
        ({"passages": [{"first": 0, "last": 24}]}, 'passage 1 of .*"last" must be a whole number'),
        ({"passages": [{"first": 0, "last": 1, "box": [0, 0, 161, 4]}]}, "passage 1 .*out of the picture"),
        ({"remvoe": False}, "event 1 of .* has a field 'remvoe' that is not known; known are first, last"),
    ],
)
def test_damaged(plan: Plan, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    plan.save(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(PlanError, match=message) as caught:
        load_plan(tmp_path, FILM)
    assert caught.value.exit_code == 5
    assert len(str(caught.value).replace(str(tmp_path), "")) < 500
    assert str(caught.value).isprintable()


def test_the_number_of_the_damaged_event_is_told(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    document = json.loads((tmp_path / "plan.json").read_text())
    document["events"][1]["last"] = 99
    (tmp_path / "plan.json").write_text(json.dumps(document))
    with pytest.raises(PlanError, match=r'event 2 of .*"last" must be a whole number from 7 to 23, got 99'):
        load_plan(tmp_path, FILM)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanError, match="is no plan"):
        load_plan(tmp_path, FILM)


def test_a_slip_in_the_json_costs_no_work(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    file = tmp_path / "plan.json"
    file.write_text(file.read_text().replace("],", "],,", 1))
    with pytest.raises(PlanError, match="; mend it, or make a new one with --save-plan in another folder"):
        load_plan(tmp_path)


def test_a_picture_is_no_plan(plan: Plan, tmp_path: Path) -> None:
    plan.save(tmp_path)
    with pytest.raises(PlanError, match="is no plan"):
        load_plan(tmp_path / "event_0001.png", FILM)


@pytest.mark.parametrize("name", ["gone", "x" * 300])
def test_missing_plan(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError, match=r"cannot read the plan .*, or make one with --save-plan"):
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


def test_events_check_themselves() -> None:
    with pytest.raises(ValueError, match="strokes must be bool of 4x5"):
        Event(0, 1, Box(0, 0, 5, 4), np.zeros((5, 4), bool))
    with pytest.raises(ValueError, match="first <= last"):
        Event(2, 1, Box(0, 0, 5, 4), np.zeros((4, 5), bool))
    for probability in (1.5, float("nan")):
        with pytest.raises(ValueError, match="a probability is 0 to 1"):
            Event(0, 1, Box(0, 0, 5, 4), np.zeros((4, 5), bool), probability=probability)
    for colour in ((0, 0, 256), (-1, 0, 0), (0, 0)):
        with pytest.raises(ValueError, match="a colour is three numbers from 0 to 255"):
            Event(0, 1, Box(0, 0, 5, 4), np.zeros((4, 5), bool), colour=colour)
    with pytest.raises(ValueError, match="at most 3 reasons, got 4"):
        Event(0, 1, Box(0, 0, 5, 4), np.zeros((4, 5), bool), reasons=("a",) * 4)
