import cv2
import numpy as np
import pytest
from media import draw_picture, draw_subtitle

from subremover.detect.masking.strokes import Clear, find_strokes

SIZE = (320, 120)
NOTHING = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


def _line_of(mask):
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    line = np.zeros_like(mask)
    line[max(0, y - 3) : y + height + 3, max(0, x - 3) : x + width + 3] = True
    return line


def _texture(seed=5, size=(SIZE[1] + 40, SIZE[0] + 400)):
    noise = np.random.default_rng(seed).uniform(-1, 1, (*size, 3)).astype(np.float32)
    return 120 + 70 * np.tanh(7 * cv2.GaussianBlur(noise, (0, 0), 3))


def _film(count, pan_px=0, noise=1.5):
    """(count, h, w, 3) float: a texture under a camera that pans or stands, with grain."""
    texture, rng = _texture(), np.random.default_rng(1)
    frames = [texture[20:140, 20 + pan_px * i : 20 + pan_px * i + SIZE[0]] for i in range(count)]
    return np.stack(frames) + rng.normal(0, noise, (count, SIZE[1], SIZE[0], 3))


def _bytes(frames):
    return np.clip(frames, 0, 255).round().astype(np.uint8)


def _find(film, first, last, line, lettering=None, *, ends="both"):
    """Strokes of an event that stands on frames first to last of the film."""
    pictures = _bytes(film)
    sides = {
        "before": Clear(pictures[max(0, first - 4) : first][::-1], pictures[first : first + 4]),
        "after": Clear(pictures[last + 1 : last + 5], pictures[last - 3 : last + 1][::-1]),
    }
    clear = {"both": list(sides.values()), "none": []}.get(ends, [sides.get(ends)])
    return find_strokes(pictures[first : last + 1], line, line if lettering is None else lettering, clear)


def _measure(strokes, truth):
    return (strokes & truth).sum() / truth.sum(), strokes.sum() / truth.sum()


@pytest.mark.parametrize("pan_px", [0, 3])
@pytest.mark.parametrize("ends", ["both", "before", "after"])
@pytest.mark.parametrize("change", [-60, 60])
def test_lettering_of_any_colour_stands_out_from_the_background(pan_px, ends, change):
    _, truth = draw_subtitle(NOTHING, "Any colour")
    film = _film(24, pan_px)
    film[6:18, truth] += change  # follows the picture: nothing but the background gives it away
    recall, area = _measure(_find(film, 6, 17, _line_of(truth), ends=ends), truth)
    assert recall > 0.98
    assert area < 1.3


@pytest.mark.parametrize("colour", [(255, 255, 255), (255, 230, 0), (120, 120, 120), (10, 10, 10)])
def test_strokes_are_tight_on_a_pan(colour):
    _, truth = draw_subtitle(NOTHING, "Tight strokes")
    film = _film(24, 4)
    film[6:18, truth] = colour
    differs = np.abs(film[6:18, :, :, 1] - _film(24, 4)[6:18, :, :, 1]).max(axis=0) > 24
    strokes = _find(film, 6, 17, _line_of(truth))
    assert (strokes & truth & differs).sum() > 0.99 * (truth & differs).sum()
    assert strokes.sum() < 1.35 * truth.sum()


def test_faint_lettering_is_found_on_a_calm_picture():
    _, truth = draw_subtitle(NOTHING, "White on white")
    film = np.full((20, SIZE[1], SIZE[0], 3), 246.0)
    film[6:14, truth] = 255
    recall, area = _measure(_find(film, 6, 13, _line_of(truth)), truth)
    assert recall > 0.98
    assert area < 1.2


def test_every_colour_of_karaoke_counts():
    _, truth = draw_subtitle(NOTHING, "Sing along")
    film = _film(30)
    film[6:24, truth] = 255
    for index in range(6, 24):
        sung = truth & (np.arange(SIZE[0]) < 60 + 10 * (index - 6))
        film[index, sung] = (255, 160, 0)
    recall, area = _measure(_find(film, 6, 23, _line_of(truth)), truth)
    assert recall > 0.99
    assert area < 1.35


@pytest.mark.parametrize(("lines", "pan_px"), [(1, 0), (1, 3), (2, 0)])
@pytest.mark.parametrize("opacity", [0.5, 1.0])
def test_the_whole_of_a_box_is_found(lines, pan_px, opacity):
    film = _film(24, pan_px)
    box, letters = np.zeros(film.shape[1:3], bool), np.zeros(film.shape[1:3], np.uint8)
    for number in range(lines):
        top, left = 36 + 26 * number, 60 + 30 * number
        box[top : top + 26, left : 260 - left // 3] = True
        cv2.putText(letters, "See through", (left + 10, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1, 1)
    film[6:18, box] *= 1 - opacity
    film[6:18, letters.astype(bool)] = 255
    line = np.zeros_like(box)
    line[42:57, 68:180] = True
    lettering = line.copy()
    lettering[68:83, 95:200] = lines == 2
    recall, area = _measure(_find(film, 6, 17, line, lettering), box)
    assert recall > 0.98
    assert area < 1.15


def test_what_moves_behind_the_line_is_not_taken_for_it():
    _, truth = draw_subtitle(NOTHING, "Moving")
    film, other = _film(24), _texture(8)
    for index in range(24):  # a patch of another texture walks through
        left = 40 + 8 * index
        film[index, 70:118, left : left + 40] = other[70:118, left : left + 40]
    film[6:18, truth] = 255
    recall, area = _measure(_find(film, 6, 17, _line_of(truth)), truth)
    assert recall > 0.99
    assert area < 1.6


def test_what_two_lines_back_to_back_share_is_found():
    film, truths = _film(24), []
    for first, text in ((0, "One line stands"), (12, "Another stands")):
        letters = cv2.putText(np.zeros(film.shape[1:3], np.uint8), text, (40, 84), 0, 1.0, 1, 3).astype(bool)
        truths.append(cv2.dilate(letters.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool))
        film[first : first + 12, truths[-1]] = 0
        film[first : first + 12, letters] = 240
    recall, area = _measure(_find(film, 12, 23, _line_of(truths[1]), ends="before"), truths[1])
    assert (truths[0] & truths[1]).sum() > 0.4 * truths[1].sum()
    assert recall > 0.95
    assert area < 1.35


def test_without_text_free_frames_contrast_finds_the_strokes():
    picture, truth = draw_subtitle(np.ascontiguousarray(draw_picture(0, SIZE)), "Contrast")
    strokes = find_strokes(np.stack([picture] * 8), _line_of(truth), _line_of(truth), [])
    recall, area = _measure(strokes, truth)
    assert recall > 0.98
    assert area < 2  # thin letters


def test_without_text_free_frames_a_pan_shows_what_is_behind():
    _, truth = draw_subtitle(NOTHING, "Always on")
    still, moving = _film(24), _film(24, 6)
    areas = []
    for film in (still, moving):
        film[:, truth] = 255
        recall, area = _measure(_find(film, 0, 23, _line_of(truth), ends="none"), truth)
        areas.append(area)
        assert recall > 0.97
    assert areas[1] < 0.8 * areas[0]


@pytest.mark.parametrize("ends", ["both", "none"])
def test_a_box_that_stays_while_its_lines_change_is_found(ends):
    film = _film(24, 3)
    box, letters = np.zeros(film.shape[1:3], bool), np.zeros(film.shape[1:3], np.uint8)
    box[40:72, 30:290] = True
    cv2.putText(letters, "See through", (70, 62), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1, 2)
    film[:, box] *= 0.4
    film[6:18, letters.astype(bool)] = 255
    line = np.zeros_like(box)
    line[45:66, 68:205] = True
    recall, area = _measure(_find(film, 6, 17, line, ends=ends), box)
    assert recall > 0.97
    assert area < 1.05


def test_large_lettering_is_found_in_shrunken_crops():
    rng = np.random.default_rng(4)
    film = 110 + 40 * np.sin(np.arange(900) / 60)[None, None, :, None] + rng.normal(0, 2, (14, 260, 900, 3))
    letters = np.zeros(film.shape[1:3], np.uint8)
    cv2.putText(letters, "Large in 4K", (60, 170), cv2.FONT_HERSHEY_DUPLEX, 4.2, 1, 14)
    truth = letters.astype(bool)
    film[4:10, truth] = 240
    recall, area = _measure(_find(film, 4, 9, _line_of(truth)), truth)
    assert recall > 0.99
    assert area < 1.3


def test_an_outline_shows_once_the_black_picture_behind_it_brightens():
    letters = cv2.putText(np.zeros((SIZE[1], SIZE[0]), np.uint8), "From black", (60, 70), 0, 1.0, 1, 2)
    outline = cv2.dilate(letters, np.ones((9, 9), np.uint8)).astype(np.float32)
    outline = cv2.GaussianBlur(outline, (0, 0), 1)
    film = 0.3 * _film(24, noise=20)
    film[:12] = 0
    film[6:18] *= 1 - outline[..., None]
    film[6:18, letters > 0] = 240
    recall, area = _measure(_find(film, 6, 17, _line_of(letters > 0)), outline > 0.25)
    assert recall > 0.97
    assert area < 1.15


def test_a_wide_glow_is_found_to_its_faint_end():
    film, letters = _film(24), np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.putText(letters, "Wide glow", (70, 70), cv2.FONT_HERSHEY_SIMPLEX, 1, 1, 3)
    wide = cv2.dilate(letters, np.ones((15, 15), np.uint8)).astype(np.float32)
    glow = cv2.GaussianBlur(wide, (0, 0), 5)
    film[6:18] += glow[..., None] * ((190, 50, 255) - film[6:18])
    film[6:18, letters.astype(bool)] = 255
    strokes = _find(film, 6, 17, _line_of(letters > 0))
    assert strokes[glow > 0.02].mean() > 0.98
    assert not strokes[glow < 0.0005].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (9, 40), (30, 12)])
@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("cover", ["dot", "all"])
def test_odd_crops_pass(size, count, cover):
    shown = np.full((count, *size, 3), 90, np.uint8)
    line = np.full(size, cover == "all")
    line[size[0] // 2, size[1] // 2] = True
    for clear in ([], [Clear(shown[:1], shown[:1])]):
        strokes = find_strokes(shown, line, line, clear)
        assert strokes.shape == size
        assert not strokes.any()
