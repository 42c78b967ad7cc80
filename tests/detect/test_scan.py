import cv2
import numpy as np
import pytest
from media import DrawnPicture, draw_picture, draw_subtitle

from subremover.detect import found_so_far
from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.classify.features import Film
from subremover.detect.found_so_far import FoundSoFar
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.scan import Found, scan_pictures
from subremover.detect.scope import Scope
from subremover.geometry import Box
from subremover.plan.model import FilmKey, Plan

SIZE = (320, 180)
RATE = 24.0


@pytest.fixture(scope="module")
def detector():
    return LineDetector()


class Screen:
    """Pictures with lettering whose places and opacities are known."""

    def __init__(self, frame_count, still=False):
        self.pictures = [draw_picture(0 if still else i, SIZE) for i in range(frame_count)]

    def show(self, text, opacities, shift=None):
        """Draw text with an opacity a frame (a dict); `shift` moves it by px a frame."""
        for index, opacity in opacities.items():
            picture = self.pictures[index]
            drawn, mask = draw_subtitle(picture, text)
            if shift is not None:
                turn = np.float32([[1, 0, shift[0] * index], [0, 1, shift[1] * index]])
                blank = draw_subtitle(np.zeros_like(picture), text)[0]
                mask = cv2.warpAffine(mask.astype(np.uint8), turn, SIZE).astype(bool)
                drawn = np.where(mask[..., None], cv2.warpAffine(blank, turn, SIZE), picture)
            mixed = picture * (1 - opacity) + drawn * opacity
            self.pictures[index] = np.where(mask[..., None], mixed, picture).astype(np.uint8)
        return mask

    def scan(self, detector, so_far=None, **scope):
        pictures = ((index, DrawnPicture(picture)) for index, picture in enumerate(self.pictures))
        return scan_pictures(
            pictures,
            detector.find_lines,
            lambda *_: ("Good morning", 1.0),
            RATE,
            Scope(**scope),
            words=FilmWords([]),
            so_far=so_far,
        )


def _ends(found):
    return [(e.first, e.last) for e in found.events if e.remove]


@pytest.mark.parametrize("still", [True, False])
def test_a_hard_subtitle_has_its_very_first_and_last_frame(still, detector):
    screen = Screen(60, still)
    mask = screen.show("Good morning", dict.fromkeys(range(13, 42), 1.0))
    found = screen.scan(detector)
    assert _ends(found) == [(13, 41)]
    event = found.events[0]
    covered = np.zeros_like(mask)
    covered[event.box.slices] = event.strokes
    assert (covered & mask).sum() > 0.98 * mask.sum()
    assert covered.sum() < 1.7 * mask.sum()


def test_a_fade_is_covered_to_where_it_is_hardly_visible(detector):
    screen = Screen(80)
    rise = {10 + i: (i + 1) / 8 for i in range(8)}
    fall = {48 + i: 1 - (i + 1) / 8 for i in range(7)}
    screen.show("Good morning", rise | dict.fromkeys(range(18, 48), 1.0) | fall)
    ((first, last),) = _ends(screen.scan(detector))
    assert abs(first - 10) <= 1
    assert abs(last - 54) <= 1


def test_subtitles_without_a_gap_are_told_apart(detector):
    screen = Screen(70)
    screen.show("Good morning", dict.fromkeys(range(10, 35), 1.0))
    screen.show("See you soon", dict.fromkeys(range(35, 60), 1.0))
    assert _ends(screen.scan(detector)) == [(10, 34), (35, 59)]


def test_a_line_of_which_a_part_was_seen_first_is_whole_from_its_start(detector):
    screen = Screen(120)
    mask = screen.show("Where have you been?", dict.fromkeys(range(10, 110), 1.0))
    looks = []

    class ShortSighted:
        def find_lines(self, picture):
            looks.append(picture)
            lines = detector.find_lines(picture)
            if len(looks) > 3:  # the first look, one by itself, and one at another size
                return lines
            return [Box(n.x + n.width // 2, n.y, n.width - n.width // 2, n.height) for n in lines]

    found = screen.scan(ShortSighted())
    (event,) = [e for e in found.events if e.remove]
    assert (event.first, event.last) == (10, 109)
    covered = np.zeros_like(mask)
    covered[event.box.slices] = event.strokes
    assert (covered & mask).sum() > 0.98 * mask.sum()


def test_a_line_that_a_box_hides_at_once_is_found(detector):
    screen = Screen(60)
    mask = screen.show("Good morning", dict.fromkeys(range(10, 40), 1.0))
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    for picture in screen.pictures[12:40]:
        picture[y - 8 : y + height + 8, x - 8 : x + width + 8] = 0
    screen.show("See you soon", dict.fromkeys(range(12, 40), 1.0))
    assert _ends(screen.scan(detector)) == [(10, 11), (12, 39)]


def test_short_words_at_one_place_are_found_one_after_the_other(detector):
    screen = Screen(60)
    spans = [(first, first + 4) for first in range(8, 50, 7)]
    words = ("better", "nowhere", "yours", "sundown", "reddish", "hatter")
    for word, (first, last) in zip(words, spans, strict=True):
        screen.show(word, dict.fromkeys(range(first, last + 1), 1.0))
    assert len(set(_ends(screen.scan(detector))) & set(spans)) >= 5


def test_a_subtitle_may_span_a_cut_and_stay_for_the_whole_film(detector):
    screen = Screen(40)
    for index in range(20, 40):
        screen.pictures[index] = np.ascontiguousarray(255 - screen.pictures[index][::-1])
    screen.show("Good morning", dict.fromkeys(range(40), 1.0))
    found = screen.scan(detector)
    assert found.cuts == [20]
    covered = np.zeros(40, bool)
    for event in found.events:
        covered[event.first : event.last + 1] = True
    assert covered.all()


@pytest.mark.parametrize("shift", [(1.5, -0.5), (0.2, 0.0), (0.1, -0.1)])
def test_lettering_that_moves_with_the_scene_is_left_alone(shift, detector):
    screen = Screen(60)
    screen.show("Shop", dict.fromkeys(range(60), 1.0), shift=shift)
    assert _ends(screen.scan(detector)) == []


def test_lettering_that_stands_aside_from_cut_to_cut_is_left_alone_unless_asked_for(detector):
    screen = Screen(48, still=True)
    for index in range(48):
        cv2.putText(screen.pictures[index], "SHOP", (10, 70), 0, 0.8, (250, 250, 250), 2)
    assert _ends(screen.scan(detector)) == []
    assert len(_ends(screen.scan(detector, everything=True))) == 1


def test_an_emblem_that_no_cut_changes_goes_with_the_logos_and_only_with_them(detector):
    screen = Screen(60)
    for index in range(30, 60):
        screen.pictures[index] = np.ascontiguousarray(255 - screen.pictures[index][::-1])
    emblem = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(emblem, (290, 30), 14, 255, 3)
    cv2.line(emblem, (280, 30), (300, 30), 255, 3)
    for picture in screen.pictures:
        picture[emblem > 0] = (240, 240, 240)
    assert _ends(screen.scan(detector)) == []
    (event,) = [e for e in screen.scan(detector, logos=True).events if e.remove]
    assert (event.first, event.last, event.kind) == (0, 59, "logo")
    covered = np.zeros_like(emblem, bool)
    covered[event.box.slices] = event.strokes
    assert (covered & (emblem > 0)).sum() > 0.95 * (emblem > 0).sum()
    assert covered.sum() < 2.5 * (emblem > 0).sum()


def test_no_lettering_no_event(detector):
    assert Screen(30).scan(detector) == Found([], (), [])


def test_events_are_told_of_meanwhile_and_the_scan_finds_the_same(detector, monkeypatch):
    monkeypatch.setattr(found_so_far, "LEAST_SECONDS", 0)
    screen = Screen(110)
    screen.show("Good morning", dict.fromkeys(range(10, 35), 1.0))
    screen.show("See you soon", dict.fromkeys(range(38, 60), 1.0))
    screen.show("Never mind", dict.fromkeys(range(70, 109), 1.0))
    alone, told = screen.scan(detector), []
    so_far = FoundSoFar(told.extend, Film(*SIZE, 110, RATE), Scope())
    found = screen.scan(detector, so_far)
    assert [(e.first, e.last, e.kind, e.remove) for e in told] == [
        (10, 34, "subtitle", True),
        (38, 59, "subtitle", True),
    ]
    assert (found.cuts, found.rolls, found.passages) == (alone.cuts, alone.rolls, alone.passages)
    whole = [Plan(FilmKey(*SIZE, 110, ""), (), each.events).digest() for each in (found, alone)]
    assert whole[0] == whole[1]


def test_what_is_large_and_says_nothing_is_no_line(detector):
    """The detector takes faces for large letters."""
    found = []
    for text in ("", "HELLO"):
        screen = Screen(40)
        for index in range(10, 30):
            cv2.putText(screen.pictures[index], "HELLO", (70, 120), 0, 1.5, (0, 0, 0), 12)
            cv2.putText(screen.pictures[index], "HELLO", (70, 120), 0, 1.5, (255, 255, 255), 4)
        pictures = ((index, DrawnPicture(picture)) for index, picture in enumerate(screen.pictures))
        reads = (text, 1.0 if text else 0.0)
        found.append(
            scan_pictures(
                *(pictures, detector.find_lines, lambda *_, r=reads: r, RATE, Scope()), words=FilmWords([])
            )
        )
    assert len(found[0].events) == 0 < len(found[1].events)
