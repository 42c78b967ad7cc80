import cv2
import numpy as np
import pytest

from subremover.motion.align import View, find_points, warp_flow, warp_plane, warp_still
from subremover.motion.points import fit_plane, is_sane
from subremover.motion.smooth import fill_smoothly

SIZE = (96, 240)
HOLE = (slice(36, 60), slice(40, 200))


def _texture(seed, size=(160, 320)):
    noise = np.random.default_rng(seed).uniform(-1, 1, (*size, 3)).astype(np.float32)
    return (127 + 90 * np.tanh(6 * cv2.GaussianBlur(noise, (0, 0), 2.5))).astype(np.uint8)


def _holed(picture):
    """A view with lettering that nobody may read in its hole."""
    known = np.ones(picture.shape[:2], bool)
    known[HOLE] = False
    spoilt = picture.copy()
    spoilt[HOLE] = np.random.default_rng(9).integers(0, 255, spoilt[HOLE].shape)
    return View(spoilt, known)


def _shifted(texture, dx, dy, size=SIZE):
    return np.ascontiguousarray(texture[30 + dy : 30 + dy + size[0], 40 + dx : 40 + dx + size[1]])


def _error(warped, truth, margin=8):
    inner = np.s_[margin:-margin, margin:-margin]
    return np.abs(warped.picture - truth.astype(np.float32)).mean(axis=2)[inner][warped.known[inner]].mean()


def test_still_changes_nothing():
    source = View(_shifted(_texture(0), 0, 0), np.ones(SIZE, bool))
    warped = warp_still(source).render()
    assert (warped.picture == source.picture).all()
    assert warped.known.all()


@pytest.mark.parametrize("motion", [(5, -3), (14, 2)])
def test_plane_and_flow_undo_a_pan_behind_the_hole(motion):
    texture = _texture(1)
    truth = _shifted(texture, 0, 0)
    target, source = _holed(truth), View(_shifted(texture, *motion), np.ones(SIZE, bool))
    for warp in (warp_plane(target, source, find_points(target)), warp_flow(target, source)):
        assert _error(warp.render(), truth, margin=16) < 4
        assert _error(warp_still(source).render(), truth) > 20


@pytest.mark.parametrize("size", [(40, 90), (97, 203), (163, 251)])  # every pixel, every 2nd, every 4th
def test_a_glimpse_is_what_the_rendering_shows_there(size):
    texture = _texture(6, (300, 400))
    target, source = (View(_shifted(texture, dx, 1, size), np.ones(size, bool)) for dx in (0, 7))
    for warp in (
        warp_still(source), warp_plane(target, source, find_points(target)), warp_flow(target, source)
    ):  # fmt: skip
        glimpse, whole = warp.glimpse(), warp.render()
        step = slice(None, None, target.step_px)
        assert (glimpse.known == whole.known[step, step]).mean() > 0.99
        off = glimpse.picture.astype(int) - whole.picture[step, step]
        assert np.abs(off).max() <= 2


def test_plane_undoes_a_zoom():
    texture = _texture(2)
    truth = _shifted(texture, 0, 0)
    zoom = cv2.getRotationMatrix2D((120, 48), 1.5, 1.04)
    moved = cv2.warpAffine(truth, zoom, SIZE[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    target = _holed(truth)
    warp = warp_plane(target, View(moved, np.ones(SIZE, bool)), find_points(target))
    assert _error(warp.render(), truth, margin=12) < 6


def test_nothing_is_known_out_of_the_sources_hole():
    texture = _texture(3)
    target, source = View(_shifted(texture, 0, 0), np.ones(SIZE, bool)), _holed(_shifted(texture, 6, 0))
    moved_hole = np.roll(~source.known, 6, axis=1)
    assert not (warp_still(source).render().known & ~source.known).any()
    for warp in (warp_plane(target, source, find_points(target)), warp_flow(target, source)):
        warped = warp.render()
        assert not (warped.known & cv2.erode(moved_hole.astype(np.uint8), np.ones((5, 5))).astype(bool)).any()
        assert _error(warped, target.picture, margin=16) < 6  # the hole is noise: not a bit of it


def test_too_few_points_give_no_plane():
    target = View(np.full((*SIZE, 3), 90, np.uint8), np.ones(SIZE, bool))
    assert warp_plane(target, target, find_points(target)) is None


def test_a_smooth_fill_keeps_what_is_known_and_continues_a_slope():
    slope = np.tile(np.linspace(0, 200, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    known = np.ones(SIZE, bool)
    known[HOLE] = False
    filled = fill_smoothly(np.where(known, slope, -999), known)
    assert (filled[known] == slope[known]).all()
    assert np.abs(filled - slope).max() < 25


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 5), (17, 16), (40, 7)])
@pytest.mark.parametrize("hole", ["none", "dot", "all"])
def test_odd_crops_pass(size, hole):
    known = np.full(size, hole != "all")
    known[0, 0] &= hole != "dot"
    target = View(_texture(4)[: size[0], : size[1]], known)
    source = View(_texture(5)[: size[0], : size[1]], np.ones(size, bool))
    for warp in (warp_plane(target, source, find_points(target)), warp_flow(target, source)):
        assert warp is None or warp.render().picture.shape == target.picture.shape


def test_a_view_checks_its_shapes():
    with pytest.raises(ValueError, match="uint8"):
        View(np.zeros((4, 4, 3), np.float32), np.ones((4, 4), bool))
    with pytest.raises(ValueError, match="bool"):
        View(np.zeros((4, 4, 3), np.uint8), np.ones((4, 5), bool))


@pytest.mark.parametrize(
    ("matrix", "answer"),
    [
        (np.eye(3), True),
        ([[1, 0, 1e5], [0, 1, -40], [0, 0, 1]], True),
        ([[1.3, 0.2, 5], [-0.2, 1.3, 5], [1e-4, 0, 1]], True),
        ([[-1, 0, 0], [0, 1, 0], [0, 0, 1]], False),  # a mirror
        ([[0.01, 0, 0], [0, 0.01, 0], [0, 0, 1]], False),
        ([[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]], False),  # the horizon runs through the picture
        ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], False),
        (np.full((3, 3), np.nan), False),
    ],
)
def test_wild_matrices_are_told_from_a_cameras(matrix, answer):
    assert is_sane(np.array(matrix, float), np.array([[0.0, 0], [240, 120]])) is answer


def test_points_that_tell_nonsense_still_give_a_plane_that_is_none():
    random = np.random.default_rng(4)
    for _ in range(50):
        starts, ends = (random.uniform(0, 200, (30, 2)).astype(np.float32) for _ in range(2))
        assert is_sane(fit_plane(starts, ends, 1.5), starts)


@pytest.mark.parametrize("height", [*range(14, 40, 2), 27])
def test_crops_of_any_height_have_a_flow(height):
    """OpenCV crashes where the picture is smaller than its patches at the finest scale: the flow must not."""
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 255, (height, 158, 3)).astype(np.uint8) for _ in range(2))
    known = np.ones((height, 158), bool)
    known[height // 3 : height // 2, 20:130] = False
    motion = warp_flow(View(first, known), View(second, known)).motion
    assert motion is None or np.isfinite(motion).all()
