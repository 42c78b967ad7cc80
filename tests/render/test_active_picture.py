from dataclasses import replace

import numpy as np
import pytest
from media import draw_film

from subremover.geometry import Box
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.render.active_picture import ActivePicture
from subremover.video.film import Film
from subremover.video.pixels.planes import read_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    path = tmp_path_factory.mktemp("active") / "a.mp4"
    return probe(draw_film(path, frames=2, rotation=90, audio=False).path)


@pytest.fixture
def plan(film: Film) -> Plan:
    return Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 1),), ())


def test_without_bars_it_is_the_whole_frame(film: Film, plan: Plan) -> None:
    active = ActivePicture.of(film, plan)
    assert (active.box, active.has_bars, active.size) == (Box(0, 0, 160, 96), False, (160, 96))
    _, frame = next(read_frames(film))
    box = Box(10, 20, 30, 40)
    assert np.array_equal(active.read(frame, box), read_rgb(frame, box))
    event = Event(0, 1, box, np.eye(40, 30, dtype=bool))
    clipped = active.clip(event)
    assert clipped is not None
    assert clipped.box == box
    assert np.array_equal(clipped.strokes, event.strokes)


def test_boxes_count_from_its_corner(film: Film, plan: Plan) -> None:
    """It is upright in the plan, 96 px wide, and as coded here, 160 px wide."""
    active = ActivePicture.of(film, replace(plan, active_picture=Box(0, 24, 96, 100)))
    assert (active.box, active.has_bars, active.size) == (Box(36, 0, 100, 96), True, (100, 96))
    assert active.locate(Box(1, 2, 3, 4)) == Box(37, 2, 3, 4)
    event = Event(0, 1, Box(30, 10, 20, 5), np.eye(5, 20, 6, dtype=bool))
    clipped = active.clip(event)
    assert clipped is not None
    assert clipped.box == Box(0, 10, 14, 5)
    assert np.array_equal(clipped.strokes, np.eye(5, 14, dtype=bool))
    assert active.clip(replace(event, box=Box(10, 10, 20, 5))) is None
