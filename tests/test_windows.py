from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import luma
from test_fill_unmix import draw_background, draw_frame, draw_letters

from subremover.fill.pool import Pool
from subremover.geometry import Box
from subremover.options import FitOptions, PoolOptions
from subremover.plan import Event, FilmKey, Plan, Shot
from subremover.video.planes import upright_rgb
from subremover.video.probe import Film, probe
from subremover.video.reader import read_frames
from subremover.windows import fill_frames

FRAMES, FIRST, RISE = 44, 28, 5
"""The fade lies across the end of what would be the first window."""
TINY = FitOptions(steps=2, warm_steps=1, decoders=1, channels=4, levels=3)


def opacity_of(index: int) -> float:
    return float(np.clip((index - FIRST + 0.5) / RISE, 0, 1))


def draw_fading_film(path: Path, turns: int) -> Film:
    """Without loss, to be turned by quarters; as a viewer sees it, as wide as high it is not."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=Fraction(25), options={"qp": "0", "preset": "ultrafast"})
        for index in range(FRAMES):
            upright = draw_frame(draw_background(2 * index), opacity_of(index))
            coded = np.ascontiguousarray(np.rot90(upright, -turns))
            if not index:
                video.height, video.width = coded.shape[:2]
                video.set_display_rotation(90 * turns)
            picture = np.rint(np.clip(coded, 0, 1) * 255).astype(np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")))
        out.mux(video.encode(None))
    return probe(path)


@pytest.mark.parametrize("turns", [0, 1])
def test_faint_frames_of_a_fade_keep_their_picture(tmp_path, turns):
    film = draw_fading_film(tmp_path / "fade.mp4", turns)
    strokes = cv2.dilate((draw_letters()[0][..., 0] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    opacities = np.array([opacity_of(i) for i in range(FIRST, FRAMES)], np.float32)
    event = Event(FIRST, FRAMES - 1, Box(0, 0, 200, 60), strokes, opacities)
    plan = Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, FRAMES - 1),), (event,))
    before = {index: luma(frame) for index, frame in read_frames(film)}
    fitted = []
    with Pool(TINY, PoolOptions(device="cpu")) as pool, closing(fill_frames(film, plan, pool)) as frames:
        for index, frame, holes in frames:
            is_same = np.rot90(luma(frame) == before[index], turns)
            assert is_same[~strokes].all()
            assert index >= FIRST or is_same.all()
            fitted += [index] * bool(holes)
            if index in (FIRST, FIRST + 1):  # opacity 0.1 and 0.3
                error = upright_rgb(frame, film.rotation) / 255 - draw_background(2 * index)
                assert np.sqrt(np.square(error[strokes]).mean()) < 0.05 + 0.05 * (index - FIRST)
    assert fitted == list(range(FIRST + 1, FRAMES))
