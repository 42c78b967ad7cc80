import cv2
import numpy as np
import pytest

from subremover.detect.masking.boxes import find_bordered_box, find_jumping_box, find_plain_box

SIZE = (110, 420)
LINE = np.zeros(SIZE, bool)
LINE[48:66, 110:310] = True


def _film(pan_px, count=12, seed=3):
    """(count, h, w, 3) float32: a texture under a camera that pans or stands."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (SIZE[0], 900, 3)).astype(np.float32)
    texture = 125 + 90 * np.tanh(9 * cv2.GaussianBlur(noise, (0, 0), 5))
    return np.stack([texture[:, pan_px * i : pan_px * i + SIZE[1]] for i in range(count)])


def _shown(film):
    """The film with the line's letters, and grain."""
    letters = np.zeros(SIZE, np.uint8)
    cv2.putText(letters, "In the box", (114, 64), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1, 2)
    film = film + np.random.default_rng(1).normal(0, 1.5, film.shape)
    film[:, letters.astype(bool)] = 250
    return np.clip(film, 0, 255).astype(np.uint8)


def _box(left=80, right=340):
    box = np.zeros(SIZE, bool)
    box[40:75, left:right] = True
    return box


@pytest.mark.parametrize(("opacity", "pan_px"), [(0.5, 0), (0.5, 4), (0.75, 4), (1.0, 4)])
@pytest.mark.parametrize("level", [0, 60])
def test_a_box_that_never_goes_is_found_by_its_borders(opacity, pan_px, level):
    film, box = _film(pan_px), _box()
    film[:, box] += opacity * (level - film[:, box])
    found = find_bordered_box(_shown(film), LINE)
    assert found is not None
    assert (found & box).sum() > 0.97 * box.sum()
    assert (found & ~box).sum() < 0.03 * box.sum()


def test_the_side_of_a_box_is_not_taken_for_that_of_a_letter():
    film, box = _film(3), _box(96, 324)
    film[:, box] *= 0.4
    film[:, 44:70, 112:118] = 250  # sharper than the box: a quotation mark, a note
    film[:, 44:70, 302:308] = 250
    found = find_bordered_box(_shown(film), LINE)
    assert found is not None
    assert (found == box).mean() > 0.99


def test_a_box_wider_than_the_crop_ends_with_it():
    film, box = _film(3), _box(0, SIZE[1])
    film[:, box] *= 0.4
    assert (find_bordered_box(_shown(film), LINE) == box).all()


def test_lettering_without_a_box_has_none():
    for pan_px in (0, 4):
        assert find_bordered_box(_shown(_film(pan_px)), LINE) is None


def test_a_sign_is_no_box():
    for texture in (np.full_like(_film(0), 30), _film(0, seed=8)):  # plain, or its own picture
        film, box = _film(0), _box()
        film[:, box] = 0.4 * texture[:, box]
        assert find_bordered_box(_shown(film), LINE) is None


def test_a_plain_picture_is_no_box():
    film = np.full_like(_film(0), 128)
    assert find_bordered_box(_shown(film), LINE) is None
    film[:, 75:] = _film(4)[:, 75:]  # a sky above what moves
    assert find_bordered_box(_shown(film), LINE) is None


def test_a_black_bar_below_the_picture_is_no_box():
    film = _film(4)
    film[:, 40:] = 0
    assert find_bordered_box(_shown(film), LINE) is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (40, 20, 20)])
@pytest.mark.parametrize("hidden", ["nothing", "left", "below"])
def test_an_opaque_box_that_never_goes_is_found_by_its_colour(colour, hidden):
    film, box = _film(0), _box()
    if hidden == "left":  # what lies behind has the colour of the box on one side
        film[:, :, :100] = colour
    elif hidden == "below":
        film[:, 70:] = colour
    film[:, box] = colour
    found = find_plain_box(_shown(film), LINE, LINE)
    assert found is not None
    assert (found & box).sum() > 0.9 * box.sum()
    assert (found & ~box).sum() < 0.2 * box.sum()
    if hidden == "nothing":
        assert (found == box).mean() > 0.995


def test_the_opaque_box_of_two_lines_is_found_by_either():
    film, box = _film(2), _box()
    box[40:100] = box[50]
    film[:, box] = 0
    lettering = LINE.copy()
    lettering[74:92, 95:325] = True
    found = find_plain_box(_shown(film), LINE, lettering)
    assert found is not None
    assert not (found & ~box).any()
    assert (found & box)[:75].sum() > 0.97 * box[:75].sum()


def test_plain_pictures_and_bars_are_no_opaque_boxes():
    film = np.full_like(_film(0), 128)
    assert find_plain_box(_shown(film), LINE, LINE) is None
    film[:, 75:] = _film(4)[:, 75:]
    assert find_plain_box(_shown(film), LINE, LINE) is None
    film = _film(4)
    assert find_plain_box(_shown(film), LINE, LINE) is None
    film[:, 40:] = 0
    assert find_plain_box(_shown(film), LINE, LINE) is None


def test_a_bright_plate_is_no_opaque_box():
    film = _film(0)
    film[:, _box()] = (200, 190, 60)
    assert find_plain_box(_shown(film), LINE, LINE) is None


def test_what_jumps_is_a_box_only_with_straight_sides():
    change = np.where(_box(), 80, 2).astype(np.float32)
    assert (find_jumping_box(change, LINE) == _box()).all()
    blob = cv2.ellipse(np.zeros(SIZE, np.uint8), (210, 57), (150, 30), 0, 0, 360, 80, -1)
    assert find_jumping_box(blob.astype(np.float32), LINE) is None


@pytest.mark.parametrize("size", [(1, 1), (9, 40), (30, 12), (20, 60)])
@pytest.mark.parametrize("cover", ["dot", "all"])
def test_odd_crops_pass(size, cover):
    line = np.full(size, cover == "all")
    line[size[0] // 2, size[1] // 2] = True
    for count in (1, 5):
        plain = np.full((count, *size, 3), 90, np.uint8)
        assert find_bordered_box(plain, line) is None
        assert find_plain_box(plain, line, line) is None
