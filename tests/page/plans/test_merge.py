"""What a person has changed outlives a new scan, unless that is not wanted."""

from typing import Any

import pytest
from plan_entries import make_document, make_entry

from subremover.page.plans.merge import Merged, add_found, keep_mended, key_of, replace_plan

HELLO, AWAY = make_entry(2, 9), make_entry(12, 20)


def texts(merged: Merged) -> list[Any]:
    return [
        (event["first"], event.get("text"), event.get("remove", True)) for event in merged.document["events"]
    ]


def test_a_new_scan_replaces_the_plan() -> None:
    assert replace_plan(make_document(HELLO)).document["events"] == [HELLO]


def test_what_a_person_has_changed_or_added_stays() -> None:
    turned, added = {**HELLO, "remove": False}, make_entry(15, 16, x=100, text="mine")
    found = make_document({**HELLO, "text": "again"}, AWAY)
    merged = keep_mended(found, make_document(turned, AWAY, added), [HELLO, AWAY])
    assert texts(merged) == [(2, None, False), (12, None, True), (15, "mine", True)]


def test_an_event_that_a_person_changes_keeps_its_colour() -> None:
    yellow = {**HELLO, "colour": "#ffee00"}
    merged = keep_mended(make_document(yellow), make_document({**yellow, "text": "mine"}), [yellow])
    assert merged.document["events"] == [{**yellow, "text": "mine"}]


def test_what_nobody_has_touched_gives_way_to_the_new_scan() -> None:
    found = make_document({**HELLO, "text": "again"})
    merged = keep_mended(found, make_document(HELLO, AWAY), [HELLO, AWAY])
    assert texts(merged) == [(2, "again", True)]


def test_numbers_that_a_browser_writes_otherwise_are_no_change() -> None:
    faded = {**HELLO, "probability": 1.0, "opacities": [0.5, *[1.0] * 7]}
    sent = {**HELLO, "probability": 1, "opacities": [0.5, *[1] * 7]}
    found = make_document({**HELLO, "text": "again"})
    assert texts(keep_mended(found, make_document(sent), [faded])) == [(2, "again", True)]
    assert key_of({"remove": True}) != key_of({"remove": 1})


def test_what_was_kept_once_is_known_as_a_persons_the_next_time() -> None:
    turned = {**HELLO, "remove": False}
    once = keep_mended(make_document(HELLO, AWAY), make_document(turned, AWAY), [HELLO, AWAY])
    twice = keep_mended(make_document(HELLO, AWAY), once.document, once.scanned)
    assert texts(twice) == texts(once) == [(2, None, False), (12, None, True)]


def test_shots_come_from_the_new_scan() -> None:
    found = {**make_document(HELLO), "shots": [{"first": 0, "last": 3}, {"first": 4, "last": 23}]}
    assert keep_mended(found, make_document(AWAY), []).document["shots"] == found["shots"]


def test_a_scan_of_a_part_changes_nothing_that_is_removed_already() -> None:
    mine = {**HELLO, "text": "mine"}
    merged = add_found(make_document({**HELLO, "text": "again"}), make_document(mine), [HELLO])
    assert merged.document["events"] == [mine]
    assert merged.document["shots"] == make_document()["shots"]


def test_a_scan_of_a_part_adds_what_was_missed() -> None:
    merged = add_found(make_document(AWAY), make_document(HELLO), [HELLO])
    assert merged.document["events"] == [HELLO, AWAY]
    assert merged.scanned == [HELLO, AWAY]


def test_what_was_left_alone_is_turned_over_where_it_is_found_again() -> None:
    alone = {**HELLO, "remove": False}
    merged = add_found(make_document(HELLO), make_document(alone), [alone])
    assert texts(merged) == [(2, None, True)]
    assert merged.scanned == merged.document["events"]  # the scan has done it, not a person
    again = add_found(make_document(alone), make_document(alone), [alone])
    assert texts(again) == [(2, None, False)]


@pytest.mark.parametrize(
    ("box", "is_same"),
    [([10, 60, 40, 12], True), ([25, 60, 40, 12], True), ([30, 60, 40, 12], False), ([15, 62, 10, 8], True)],
)
def test_lettering_is_the_same_where_most_of_the_smaller_box_is_shared(box: list[int], is_same: bool) -> None:
    merged = add_found(make_document({**HELLO, "box": box}), make_document(HELLO), [HELLO])
    assert (len(merged.document["events"]) == 1) is is_same


def test_lettering_of_other_frames_is_other_lettering() -> None:
    merged = add_found(make_document(make_entry(10, 11)), make_document(HELLO), [HELLO])
    assert len(merged.document["events"]) == 2


def test_pngs_of_two_plans_do_not_clash() -> None:
    found = make_document({**HELLO, "strokes": "event_0001.png"}, {**AWAY, "strokes": "event_0002.png"})
    mine = make_entry(15, 16, x=100, strokes="event_0001.png")
    painted = make_entry(17, 18, x=100, strokes="painted_0123456789abcdef.png")
    merged = keep_mended(found, make_document(mine, painted), [])
    assert merged.pictures == {
        "event_0001.png": ("found", "event_0001.png"),
        "event_0002.png": ("found", "event_0002.png"),
        "event_0003.png": ("current", "event_0001.png"),
        "painted_0123456789abcdef.png": ("current", "painted_0123456789abcdef.png"),
    }
    assert [event["strokes"] for event in merged.document["events"]][2:] == [
        "event_0003.png",
        "painted_0123456789abcdef.png",
    ]


@pytest.mark.parametrize("box", [None, [1], "box", [0, 0, -1, 2], [0, 0, 1e300, 2]])
def test_an_entry_that_makes_no_sense_is_no_reason_to_fail(box: Any) -> None:
    merged = add_found(make_document({**HELLO, "box": box}), make_document(HELLO), [HELLO])
    assert len(merged.document["events"]) == 2


def test_numbers_and_truth_are_told_apart() -> None:
    assert len({key_of({"first": value}) for value in (1, True, "1", 1.5)}) == 4
