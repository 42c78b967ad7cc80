"""A person changes a plan from a browser: what is sent is checked, and nothing is lost on the way."""

import json
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from plan_entries import draw_strokes, make_document, make_entry, write_plan

from subremover.errors import PlanError
from subremover.page.library import FilmFile, Library
from subremover.page.plans import folder as folder_module
from subremover.page.plans import plans as plans_module
from subremover.page.plans.plans import Plans
from subremover.page.refusals import Refusal
from subremover.plan.saved_plan import load_plan

HELLO, AWAY = make_entry(2, 9, strokes="event_0001.png"), make_entry(12, 20)
PAINTED = "painted_0123456789abcdef.png"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "a.mp4").write_bytes(b"x")
    library = Library(tmp_path)
    library.make_folders()
    return library


@pytest.fixture
def film(library: Library) -> FilmFile:
    return library.list_films()[0]


@pytest.fixture
def plans(library: Library, film: FilmFile, tmp_path: Path) -> Plans:
    """Those of a film that was scanned."""
    write_plan(tmp_path / "found", HELLO, AWAY)
    plans = Plans(library)
    plans.take(film, tmp_path / "found")
    return plans


def change(plans: Plans, film: FilmFile, *events: Any) -> Any:
    return plans.change(film, plans.read(film).revision, list(events))


def names(library: Library, film: FilmFile) -> list[str]:
    return sorted(path.name for path in library.plan_folder(film).iterdir())


def test_a_plan_is_as_the_scan_has_left_it(plans: Plans, film: FilmFile, library: Library) -> None:
    plan = plans.read(film)
    assert plan.document == make_document(HELLO, AWAY)
    assert not plan.is_mended
    assert names(library, film) == ["event_0001.png", "plan.json", "scanned.json"]


def test_a_change_is_there_for_the_next_run(plans: Plans, film: FilmFile, library: Library) -> None:
    before = plans.read(film)
    after = change(plans, film, {**HELLO, "remove": False}, AWAY)
    assert after.is_mended
    assert after.revision != before.revision
    assert [event.remove for event in load_plan(library.plan_folder(film)).events] == [False, True]


def test_what_is_changed_back_is_not_mended(plans: Plans, film: FilmFile) -> None:
    before = plans.read(film).revision
    change(plans, film, HELLO)
    after = change(plans, film, HELLO, AWAY)
    assert not after.is_mended
    assert after.revision == before


def test_a_plan_that_nobody_knows_the_scan_of_may_be_a_persons(library: Library, film: FilmFile) -> None:
    write_plan(library.plan_folder(film), HELLO)
    assert Plans(library).read(film).is_mended


def test_two_windows_do_not_overwrite_each_other(plans: Plans, film: FilmFile) -> None:
    revision = plans.read(film).revision
    first = plans.change(film, revision, [HELLO])
    with pytest.raises(Refusal, match="load it again") as refusal:
        plans.change(film, revision, [AWAY])
    assert refusal.value.status == 409
    assert refusal.value.body["revision"] == first.revision
    assert plans.read(film).document["events"] == [HELLO]


def test_of_many_changes_at_once_one_is_done(plans: Plans, film: FilmFile) -> None:
    revision, done, refused = plans.read(film).revision, [], []

    def work(number: int) -> None:
        try:
            plans.change(film, revision, [make_entry(number, 20)])
            done.append(number)
        except Refusal:
            refused.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 15)
    assert plans.read(film).document["events"] == [make_entry(done[0], 20)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (7, "is no object"),
        ({}, "first"),
        (make_entry(2, 99), "last"),
        (make_entry(True, 9), "first"),
        (make_entry(2.0, 9), "first"),
        (make_entry(10**30, 9), "first"),
        (make_entry(x=150), "reaches out"),
        (make_entry(size=9), "not known"),
        (make_entry(colour="red"), "a colour as #ffee00"),
        (make_entry(text="\x1b[2J"), "control characters"),
        (make_entry(text="\ud800"), "control characters"),
        (make_entry(text="x" * 3000), "at most"),
        (make_entry(kind="logo\n"), "kind"),
        (make_entry(remove="yes"), "remove"),
        (make_entry(probability=7), "probability"),
        (make_entry(opacities=[[]]), "opacities"),
        (make_entry(reasons=["x"] * 9), "reasons"),
        (make_entry(strokes="../../secret.png"), "strokes"),
        (make_entry(strokes="/etc/passwd"), "strokes"),
        (make_entry(strokes="event_0099.png"), "check its name"),
        (make_entry(strokes="link.png"), "leads elsewhere"),
        (make_entry(strokes="event_0001.png", box=[0, 0, 9, 9]), "40x12 px"),
    ],
)
def test_an_entry_that_is_not_right_changes_nothing(
    plans: Plans, film: FilmFile, library: Library, entry: Any, message: str
) -> None:
    (library.plan_folder(film) / "link.png").symlink_to(library.folder / "a.mp4")
    before = plans.read(film)
    with pytest.raises(Refusal, match=message) as refusal:
        change(plans, film, HELLO, entry)
    assert refusal.value.status == 400
    assert plans.read(film) == before


def test_entries_that_are_there_already_are_not_read_again(
    plans: Plans, film: FilmFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(folder_module, "read_event", lambda _, where, *__: read.append(where))
    change(plans, film, HELLO, {**AWAY, "text": "new"})
    assert read == ["event 2"]


def test_one_is_not_true(plans: Plans, film: FilmFile) -> None:
    """To Python they are equal; in the plan they are not."""
    one = make_entry(1, 9)
    change(plans, film, one)
    with pytest.raises(Refusal, match="first"):
        change(plans, film, {**one, "first": True})


def test_painted_strokes_are_kept_once(plans: Plans, film: FilmFile, library: Library) -> None:
    data = draw_strokes(40, 12)
    name = plans.add_strokes(film, data)
    assert plans.add_strokes(film, data) == name
    assert plans.strokes(film, name) == data
    assert change(plans, film, {**HELLO, "strokes": name}).is_mended
    assert load_plan(library.plan_folder(film)).events[0].strokes.all()


def make_bomb() -> bytes:
    """A PNG that says to be 60000 x 60000 px."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    side = (60000).to_bytes(4)
    head = chunk(b"IHDR", side + side + bytes([1, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", make_bomb(), draw_strokes(161, 1), draw_strokes(40, 12)[:60]],
    ids=["nothing", "gif", "head", "bomb", "wide", "half"],
)
def test_what_is_no_png_that_fits_is_not_kept(
    plans: Plans, film: FilmFile, library: Library, data: bytes
) -> None:
    before = names(library, film)
    with pytest.raises(Refusal) as refusal:
        plans.add_strokes(film, data)
    assert refusal.value.status == 400
    assert names(library, film) == before


def test_the_oldest_strokes_that_nobody_needs_go(
    plans: Plans, film: FilmFile, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans_module, "MOST_PAINTED", 2)
    painted = [plans.add_strokes(film, draw_strokes(40, 12, 250 - number)) for number in range(1)]
    change(plans, film, {**HELLO, "strokes": painted[0]})
    painted += [plans.add_strokes(film, draw_strokes(40, 12, 200 - number)) for number in range(3)]
    left = [name for name in names(library, film) if name.startswith("painted")]
    assert sorted(left) == sorted([painted[0], painted[3]])


@pytest.mark.parametrize(
    "name", ["plan.json", "../../page/token", "event_0009.png", "event_1.png", "", ".", PAINTED, "link.png"]
)
def test_only_pngs_of_the_plan_are_given(plans: Plans, film: FilmFile, name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plans.strokes(film, name)
    assert refusal.value.status == 404


def test_a_png_that_is_a_link_is_not_given(plans: Plans, film: FilmFile, library: Library) -> None:
    (library.plan_folder(film) / PAINTED).symlink_to("/etc/passwd")
    with pytest.raises(Refusal, match="is a link"):
        plans.strokes(film, PAINTED)


def test_a_new_scan_keeps_what_was_mended(plans: Plans, film: FilmFile, library: Library) -> None:
    mine = {**make_entry(3, 5, x=100), "strokes": plans.add_strokes(film, draw_strokes(40, 12))}
    plans.add_strokes(film, draw_strokes(20, 5))  # undone since
    change(plans, film, {**HELLO, "remove": False}, mine)
    plans.take(film, library.folder / "found")
    plan = plans.read(film)
    assert [(e["first"], e.get("remove", True)) for e in plan.document["events"]] == [
        (2, False),
        (3, True),
        (12, True),
    ]
    assert plan.is_mended
    assert len(load_plan(library.plan_folder(film)).events) == 3
    assert [n for n in names(library, film) if n.startswith("painted")] == [mine["strokes"]]


@pytest.mark.parametrize("is_part", [False, True])
def test_a_new_scan_replaces_all_if_that_is_wanted(
    plans: Plans, film: FilmFile, library: Library, is_part: bool
) -> None:
    change(plans, film, {**HELLO, "remove": False})
    plans.take(film, library.folder / "found", is_part=is_part, keeps_mended=False)
    assert plans.read(film).document == make_document(HELLO, AWAY)
    assert not plans.read(film).is_mended


def test_a_plan_of_another_film_is_not_mixed_with(plans: Plans, film: FilmFile, library: Library) -> None:
    other = {**make_document()["film"], "times": "another"}
    change(plans, film, {**HELLO, "remove": False})
    write_plan(library.folder / "other", AWAY, film=other)
    plans.take(film, library.folder / "other", is_part=True)
    assert plans.read(film).document == make_document(AWAY, film=other)


def test_a_scan_of_a_part_leaves_pngs_readable(plans: Plans, film: FilmFile, library: Library) -> None:
    write_plan(library.folder / "part", make_entry(21, 22, strokes="event_0001.png"))
    plans.take(film, library.folder / "part", is_part=True)
    assert [event.first for event in load_plan(library.plan_folder(film)).events] == [2, 12, 21]
    assert not plans.read(film).is_mended


def test_a_crash_amid_the_replacing_leaves_the_old_plan(
    plans: Plans, film: FilmFile, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, rename = plans.read(film), Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".new"):
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(KeyboardInterrupt):
        plans.take(film, library.folder / "found")
    monkeypatch.undo()
    assert Plans(library).read(film) == before


def test_a_copy_holds_what_a_run_needs(plans: Plans, film: FilmFile, tmp_path: Path) -> None:
    assert plans.copy(film, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["event_0001.png", "plan.json"]
    assert len(load_plan(tmp_path / "copy").events) == 2


def test_without_a_plan_there_is_none(library: Library, film: FilmFile, tmp_path: Path) -> None:
    plans = Plans(library)
    assert plans.find(film) is None
    assert not plans.copy(film, tmp_path / "copy")
    with pytest.raises(Refusal, match="scan it first") as refusal:
        plans.read(film)
    assert (refusal.value.status, refusal.value.reason) == (404, "no plan")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({**make_document(), "events": {}}),
        json.dumps({**make_document(), "events": [1]}),
        json.dumps(make_document()).replace('"events": []', '"events": [{"first": 1e999}]'),
        json.dumps({**make_document(), "version": 1}),
    ],
)
def test_a_damaged_plan_is_told_of(plans: Plans, film: FilmFile, library: Library, text: str) -> None:
    (library.plan_folder(film) / "plan.json").write_text(text)
    with pytest.raises(PlanError):
        plans.read(film)
    plans.take(film, library.folder / "found")  # and does not keep a new scan out
    assert plans.read(film).document == make_document(HELLO, AWAY)
