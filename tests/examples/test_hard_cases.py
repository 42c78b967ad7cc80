"""The scan on the hard cases of the examples: it finds the subtitles, to the frame, and nothing else.

Each case is drawn and encoded as a small film, scanned with the real detector, and scored by scan_score.
"""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from case_film import USUAL_SIZE, Case, draw_case
from click.testing import CliRunner
from clip_score import read_truth
from clip_truth import list_truth, read_event, trace_events
from hard_cases import CASES, describe_events, film_options, main, write_case
from make_sample import FilmWriter
from scan_score import EventScore, PlanMeter, ScanScore

import subremover

SIZE = (480, 270)
"""In place of the usual one, for the sake of time."""

LEAST_RECALL = 0.99
"""Of the pixels that a subtitle visibly changes, by event."""

MOST_STRAY = 0.01
MOST_STRAY_FADING = 0.06
"""Share of masked pixels that may be far from all subtitles: with fades, a frame too many on either side."""

FAINT_SHARE = 0.2
"""Share of a fade's frames by which an end may be off: the text is so faint there that finding it hangs on
the CPU's rounding. Recall is asked of all that can be seen of it."""

SLOW = {
    *("small_2160", "gap_of_none_tripod", "style_thin", "style_bold", "style_italic", "style_shadow"),
    *("style_grey", "style_red", "script_arabic", "script_chinese", "script_cyrillic", "two_lines"),
    *("logo_graphic", "portrait", "truck", "letter_blocks", "opening_title", "sign_pan", "book"),
    *("walker_before_sign", "dissolve_sign"),
}
"""The one of 4K, those that others stand for, and those that take longest."""

_BOARD = "a plain sign on a board of its own, level and centred, looks like a boxed caption that stays"
KNOWN_TO_FAIL = {
    "style_box_always": "of a box much wider than a line's crop that never goes, 0.83 is masked",
    "letterbox": "beside a line on the border of a black bar a piece of the border is masked",
    "fade_6": "at this size it is found in part while it fades in, and its end is never found",
    "ticker": "a headline on a board that stands for the whole film looks like a boxed caption",
    **dict.fromkeys(("sign_bottom", "sign_bottom_cuts", "sign_bottom_subtitled", "fade_in_sign"), _BOARD),
}
"""Measured: what is wrong with the scan of a case."""


def _scan(case: Case, path: Path) -> ScanScore:
    """Draw a case into a film, scan that, and hold the plan against what was drawn."""
    if case.size == USUAL_SIZE:
        case = replace(case, size=SIZE)
    frames = []
    with FilmWriter(path, film_options(case), crf=19) as film:
        for frame in draw_case(case):
            film.write(frame.subbed)
            frames.append(frame)
    meter = PlanMeter(subremover.scan(path), [read_event(entry) for entry in describe_events(case)])
    for frame in frames:
        subbed, clean = (cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) for picture in (frame.subbed, frame.clean))
        meter.add(subbed, clean, frame.mask)
    return meter.score()


def _parameters() -> list[object]:
    parameters = []
    for name, case in CASES.items():
        marks = [pytest.mark.skipif(not case.is_drawable, reason="its font is not on this machine")]
        marks += [pytest.mark.slow] if name in SLOW else []
        if name in KNOWN_TO_FAIL:
            marks.append(pytest.mark.xfail(strict=False, reason=KNOWN_TO_FAIL[name]))
        parameters.append(pytest.param(name, marks=marks))
    return parameters


@pytest.mark.parametrize("name", _parameters())
def test_scan_finds_the_subtitles_and_nothing_else(name: str, tmp_path: Path) -> None:
    score = _scan(CASES[name], tmp_path / "film.mp4")
    fade_frames = max((max(thing.fade_frames) for thing in CASES[name].overlays), default=0)
    most_frames = math.ceil(FAINT_SHARE * fade_frames)
    faults = [fault for event in score.events for fault in _event_faults(event, most_frames)]
    faults += [f"removes what is no subtitle: {event}" for event in score.wrong]
    if score.stray > (MOST_STRAY_FADING if fade_frames else MOST_STRAY) * score.masked:
        faults.append(f"{score.stray} of {score.masked} masked pixels are far from all subtitles")
    assert not faults, "\n".join([f"{name}: {CASES[name].about}", *faults])


def _event_faults(event: EventScore, most_frames: int) -> list[str]:
    """What is wrong with how a subtitle was found.

    Args:
        event: The subtitle and its score.
        most_frames: That its ends may be off.
    """
    what, faults = f"{event.text!r}, {event.first} to {event.last}", []
    if event.recall is not None and event.recall < LEAST_RECALL:
        faults.append(f"{what}: {event.recall:.4f} of its visible pixels are masked")
    if not event.text:  # a bare box: what is written in it has the ends
        return faults
    if event.first_error is None or event.last_error is None:
        faults.append(f"{what}: missed")
    elif max(abs(event.first_error), abs(event.last_error)) > most_frames:
        faults.append(f"{what}: ends {event.first_error:+d} {event.last_error:+d}")
    return faults


@pytest.mark.parametrize(
    "name", ["fade_6", "karaoke", "sign_pan", "ticker", "style_box", "dissolve_under", "flash"]
)
def test_a_case_has_its_subtitles_on_their_frames_and_changes_nothing_else(name: str) -> None:
    case = replace(CASES[name], size=(160, 90))
    drawn = list(draw_case(case))
    assert len(drawn) == case.frame_count
    for index, frame in enumerate(drawn):
        standing = [e for e in case.overlays if e.kind == "subtitle" and e.first <= index <= e.last]
        assert frame.mask.any() == bool(standing)
        np.testing.assert_array_equal(frame.subbed[frame.mask == 0], frame.clean[frame.mask == 0])


def test_a_case_is_written_as_a_clip_with_its_events(tmp_path: Path) -> None:
    case = replace(CASES["top_and_bottom"], size=(320, 180))
    write_case(case, tmp_path)
    truth = list_truth(tmp_path)
    assert [(e.first, e.last, e.text, e.kind) for e in truth] == [
        (6, 36, "We should have left at noon.", "subtitle"),
        (20, 52, "(birds, far away)", "subtitle"),
    ]
    traced = list(trace_events(coverage for _, coverage in read_truth(tmp_path)))
    assert [(e.first, e.last, e.box) for e in traced] == [(e.first, e.last, e.box) for e in truth]


def test_hard_cases_says_what_the_cases_are(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--list"])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [f"{name}: {case.about}" for name, case in CASES.items()]
    assert not any(tmp_path.iterdir())
