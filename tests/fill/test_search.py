from concurrent.futures import Future

import numpy as np
import pytest
from footage_film import BOX, LETTERS, SIZE, draw_footage, draw_texture, hole_psnr

from subremover.fill import search
from subremover.fill.borrow import Borrower
from subremover.fill.holes import Hole
from subremover.fill.scene import Scene
from subremover.fill.search import KEY_FRAMES, HiddenFilm, Searcher
from subremover.fill.views import VIEWS_BYTES, Views
from subremover.motion.align import View
from subremover.motion.background import Background
from subremover.options import BorrowOptions

HOLE = LETTERS[BOX.slices]


def _hole(frame):
    return Hole(frame, BOX, HOLE, 0)


@pytest.fixture
def searched(monkeypatch):
    """How many targets have been searched for."""
    count, find_behind = [0], search.find_behind

    def counted(*args, **options):
        count[0] += 1
        return find_behind(*args, **options)

    monkeypatch.setattr(search, "find_behind", counted)
    return count


def _borrow(film, frames):
    return Borrower(BorrowOptions()).borrow([_hole(i) for i in frames], film)


def test_most_frames_take_what_was_found_nearby(searched):
    film = draw_footage(3, 40)
    frames = range(16, 32)
    for frame, borrowed in zip(frames, _borrow(film, frames), strict=True):
        assert hole_psnr(film, frame, borrowed) > 30
    assert searched[0] <= len(frames) / KEY_FRAMES + 1


def test_a_frame_that_shows_something_else_is_searched_for_itself(searched):
    film = draw_footage(0, 40, masked=range(16, 32))
    other = draw_texture(7)[: SIZE[0], : SIZE[1]]
    _borrow(film, range(16, 32))
    before, searched[0] = searched[0], 0
    film._shown[20] = np.where(film._mask(20)[..., None], np.uint8(255), other)
    _borrow(film, range(16, 32))
    assert searched[0] == before + 1


def test_what_is_carried_is_made_sharper_by_what_it_was_borrowed_from(monkeypatch):
    film, frames = draw_footage(0.4, 40, masked=range(16, 32)), range(16, 32)

    def psnr():
        return np.mean([hole_psnr(film, i, b) for i, b in zip(frames, _borrow(film, frames), strict=True)])

    sharp = psnr()
    monkeypatch.setattr(search, "CARRIED_SOURCES", 0)
    assert sharp > psnr() + 0.5


def test_where_searches_found_nothing_no_more_are_made(searched):
    film = draw_footage(0, 40)  # a camera that stands, a subtitle that never goes
    for borrowed in _borrow(film, range(16, 32)):
        assert not np.isfinite(borrowed.error[HOLE]).any()
    assert searched[0] == 16 / KEY_FRAMES


def test_a_search_learns_from_the_one_before():
    film = draw_footage(0, 24)  # shows what is behind nowhere
    scene = Scene(Views(film, VIEWS_BYTES, []), {i: np.eye(3) for i in film.frames}, lambda _: np.eye(3))
    nothing = np.full(HOLE.shape, np.inf, np.float32)
    learned = View(film.clean[8][BOX.slices].copy(), np.ones(HOLE.shape, bool))
    last: Future[HiddenFilm] = Future()
    last.set_result(
        HiddenFilm(
            _hole(8),
            Background(learned.picture.astype(np.float32), nothing, ~HOLE),
            learned,
            np.full(HOLE.shape, 8, np.int32),
        )
    )
    searcher = Searcher(250, None)
    alone, taught = (searcher.search(_hole(12), scene, before) for before in (None, last))
    assert not alone.background.covered[HOLE].any()
    assert taught.background.covered[HOLE].all()
    off = np.abs(taught.background.picture - film.clean[12][BOX.slices])[HOLE]
    assert off.max() < 6
    assert set(np.unique(taught.origin[HOLE])) == {8}
