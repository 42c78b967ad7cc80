"""Captions in flux, drawn over moving pictures, through the whole scan: each state has its very frames."""

import cv2
import numpy as np
import pytest
from media import DrawnPicture, draw_texture

from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.captions.second_look import SecondLook, _without_strays
from subremover.detect.captions.zones import find_zones
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.reading.line_words import Words
from subremover.detect.scan import scan_pictures
from subremover.detect.scope import Scope
from subremover.geometry import Box
from subremover.plan.model import Event

SIZE = (320, 180)
RATE = 25.0


@pytest.fixture(scope="module")
def detector():
    return LineDetector()


class Film:
    """Pictures with words on them, and where these are."""

    def __init__(self, count, pan_px=0.5):
        self.pictures = [draw_texture(SIZE, (pan_px * i, 0), seed=3) for i in range(count)]
        self.masks = np.zeros((count, SIZE[1], SIZE[0]), bool)
        self.read = []

    def show(self, text, first, last, *, at=None, scale=0.9, colour=(255, 255, 255)):
        """Draw text on frames first to last, in the middle or from a point on."""
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
        x, y = at or ((SIZE[0] - width) // 2, 140)
        for index in range(first, last + 1):
            drawn = np.zeros(SIZE[::-1], np.uint8)
            cv2.putText(drawn, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 8)
            self.masks[index] |= drawn > 0
            for shade, thickness in (((0, 0, 0), 8), (colour, 2)):
                cv2.putText(self.pictures[index], text, (x, y), 0, scale, shade, thickness)

    def read_again(self, first, stop):
        self.read.append((first, stop))
        return ((index, DrawnPicture(self.pictures[index])) for index in range(first, stop))

    def scan(self, detector):
        pictures = ((index, DrawnPicture(picture)) for index, picture in enumerate(self.pictures))
        return scan_pictures(
            pictures,
            detector.find_lines,
            lambda *_: ("", 0.0),
            RATE,
            Scope(),
            words=FilmWords([]),
            read_again=self.read_again,
        )

    def check(self, events, least=0.97):
        """Each frame's lettering is covered, and nothing where there is none."""
        for index, mask in enumerate(self.masks):
            covered = np.zeros_like(mask)
            for event in events:
                if event.remove and event.first <= index <= event.last:
                    covered[event.box.slices] |= event.strokes
            if mask.any():
                assert (covered & mask).sum() > least * mask.sum(), index
            else:
                assert not covered.any(), index


def ends(found):
    return [(e.first, e.last) for e in found.events if e.remove]


def test_words_that_follow_each_other_have_their_very_frames(detector):
    film, words = Film(40), ["never", "tell", "people", "what"]
    spans = [(8, 14), (15, 16), (17, 22), (25, 31)]
    for word, span in zip(words, spans, strict=True):
        film.show(word, *span)
    found = film.scan(detector)
    assert ends(found) == spans
    film.check(found.events)


def test_words_pop_up_and_one_has_another_colour(detector):
    film = Film(44)
    for number, word in enumerate(("never", "people", "again")):
        first, colour = 6 + 11 * number, (255, 230, 0) if number == 1 else (255, 255, 255)
        film.show(word, first, first, scale=0.6, colour=colour)
        film.show(word, first + 1, first + 1, scale=1.1, colour=colour)
        film.show(word, first + 2, first + 8, colour=colour)
    found = film.scan(detector)
    film.check(found.events)
    assert {(6, 6), (7, 7), (8, 14), (19, 25), (30, 36)} <= set(ends(found))


def test_a_line_that_is_typed_is_covered_letter_by_letter(detector):
    film, text = Film(52), "Sealed in"
    for count in range(1, len(text)):
        film.show(text[:count], 2 * count + 8, 2 * count + 9, at=(80, 140))
    film.show(text, 2 * len(text) + 8, 46, at=(80, 140))
    found = film.scan(detector)
    film.check(found.events, least=0.95)
    assert max(last for _, last in ends(found)) == 46


@pytest.mark.parametrize("is_laid_over", [True, False])
def test_what_shakes_goes_unless_the_picture_shakes_with_it(is_laid_over, detector):
    film, random = Film(24, pan_px=0), np.random.default_rng(4)
    for index in range(4, 20):
        dx, dy = random.integers(-3, 4, 2).tolist()
        if not is_laid_over:
            film.pictures[index] = draw_texture(SIZE, (dx, dy), seed=3)
        film.show("what was that", index, index, at=(60 + dx, 140 + dy))
    sights = [(i, Box(58, 118, 190, 30)) for i in (6, 11, 16)]
    zones = find_zones((), sights, (), size=SIZE, last=23, frame_rate=RATE)
    look = SecondLook(detector.find_lines, lambda *_: Words(), film.read_again, [])
    events = look.replace((), zones)
    if is_laid_over:
        film.check(events, least=0.95)
    else:
        assert events == ()


def test_plain_cues_are_not_looked_at_again(detector):
    film = Film(90)
    film.show("Good morning", 10, 39)
    film.show("See you soon", 45, 80)
    assert ends(film.scan(detector)) == [(10, 39), (45, 80)]
    assert not film.read


def test_a_state_of_one_frame_by_itself_is_nothing():
    def event(first, last, y=100):
        return Event(first, last, Box(100, y, 80, 24), np.ones((24, 80), bool))

    word, next_word, stray, elsewhere = event(10, 16), event(17, 17), event(40, 40), event(18, 18, 150)
    kept = _without_strays([word, next_word, stray, elsewhere], [])
    assert kept == [word, next_word]
    assert _without_strays([stray], [event(30, 38)]) == [stray]
