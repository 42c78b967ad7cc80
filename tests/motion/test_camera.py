import cv2
import numpy as np

from subremover.motion.camera import Camera

SIZE = (120, 200)


def _scene(seed=3):
    noise = np.random.default_rng(seed).uniform(-1, 1, (400, 600)).astype(np.float32)
    return (127 + 100 * np.tanh(6 * cv2.GaussianBlur(noise, (0, 0), 3))).astype(np.uint8)


def _film(motion, count, size=SIZE):
    """Frames of a camera whose place in the scene is motion(frame), (3, 3)."""
    return [
        cv2.warpPerspective(_scene(), motion(i), size[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        for i in range(count)
    ]


def _pan(dx, dy):
    return lambda i: np.array([[1, 0, 100 + dx * i], [0, 1, 100 + dy * i], [0, 0, 1.0]])


def _off(matrix, truth, size=SIZE):
    """Greatest miss of a matrix at the picture's corners, px."""
    corners = np.array([[[0, 0], [size[1], 0], [0, size[0]], [size[1], size[0]]]], np.float64)
    return np.abs(cv2.perspectiveTransform(corners, matrix) - cv2.perspectiveTransform(corners, truth)).max()


def _locate(film, frames=None, masks=None, camera=None):
    frames = frames or list(range(len(film)))
    return (camera or Camera()).locate(frames, lambda f: (film[f], None if masks is None else masks[f]))


def _true(motion, start, end):
    return np.linalg.inv(motion(end)) @ motion(start)


def test_a_pan_longer_than_the_picture_is_followed():
    motion = _pan(6.5, 1.5)
    matrices = _locate(_film(motion, 40))  # 260 px of 200
    assert _off(matrices[39], _true(motion, 0, 39)) < 4


def test_errors_do_not_add_up_while_the_key_frame_is_in_sight():
    motion = _pan(0.37, 0.11)
    matrices = _locate(_film(motion, 60))
    assert _off(matrices[59], _true(motion, 0, 59)) < 0.3


def test_a_zoom_is_followed():
    def motion(i):
        return np.array([[1 - 0.004 * i, 0, 100 + 0.4 * i], [0, 1 - 0.004 * i, 100 + 0.24 * i], [0, 0, 1.0]])

    matrices = _locate(_film(motion, 30))
    assert _off(matrices[29], _true(motion, 0, 29)) < 0.6


def test_lettering_that_stands_still_is_not_taken_for_the_camera():
    motion = _pan(3, 0)
    film = _film(motion, 10)
    mask = np.zeros(SIZE, bool)
    mask[20:100, 30:170] = True
    for frame in film:
        frame[mask] = np.random.default_rng(1).integers(0, 255, mask.sum())
    matrices = _locate(film, masks=[mask] * len(film))
    assert _off(matrices[9], _true(motion, 0, 9)) < 1
    assert _off(_locate(film)[9], _true(motion, 0, 9)) > 5  # so the mask is needed


def test_large_pictures_are_scaled_and_the_matrices_scaled_back():
    motion, size = _pan(8, -3), (300, 1280)
    scene = cv2.resize(_scene(), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    film = [
        cv2.warpPerspective(scene, motion(i), size[::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        for i in range(5)
    ]
    assert _off(_locate(film)[4], _true(motion, 0, 4), size) < 0.6


def test_flat_pictures_do_not_move():
    matrices = _locate([np.full(SIZE, 90, np.uint8)] * 4)
    assert all(np.allclose(matrix, np.eye(3)) for matrix in matrices.values())


def test_later_frames_are_located_beside_the_earlier_ones_without_reading_those_again():
    motion = _pan(2, 1)
    film, camera, asked = _film(motion, 30), Camera(), []
    _locate(film, list(range(16)), camera=camera)

    def read(frame):
        asked.append(frame)
        return film[frame], None

    matrices = camera.locate(list(range(8, 30)), read)
    assert _off(matrices[29] @ np.linalg.inv(matrices[8]), _true(motion, 8, 29)) < 1
    assert set(asked) <= {8, *range(16, 30)}


def test_another_shot_begins_anew():
    camera, motion = Camera(), _pan(2, 1)
    _locate(_film(motion, 5), camera=camera)
    other = dict(enumerate(_film(_pan(-3, 0), 5), 100))
    matrices = camera.locate(sorted(other), lambda f: (other[f], None))
    assert _off(matrices[104], _true(_pan(-3, 0), 0, 4)) < 1


def test_a_swish_pan_over_fine_texture_is_followed():
    motion = _pan(34, -7)
    matrices = _locate(_film(motion, 6))
    assert _off(matrices[5], _true(motion, 0, 5)) < 4
