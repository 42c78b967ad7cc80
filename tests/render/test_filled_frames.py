from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import cv2
import numpy as np
import pytest
from media import draw_film, draw_subtitle, draw_texture, luma
from overlays import draw_background, draw_frame, draw_letters
from pans import HELD, draw_pan, write_film

from subremover.detect.drawn_mask import event_of
from subremover.detect.shots import shots_from_cuts
from subremover.fill.borrow import Borrowed
from subremover.fill.paint.jobs import Fill
from subremover.fill.paint.pool import Pool
from subremover.geometry import Box
from subremover.options import BorrowOptions, FitOptions, PaintOptions, PoolOptions
from subremover.plan.model import Event, FilmKey, Plan, Shot
from subremover.provenance import Origins
from subremover.render import filled_frames
from subremover.render.filled_frames import fill_frames
from subremover.render.windows import cut_windows
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment

FRAMES, FIRST, RISE = 44, 28, 5
"""The fade lies across the end of what would be the first window."""
TINY = PaintOptions(FitOptions(steps=2, channels=4, levels=3), warm_steps=1, decoders=1)


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
    with (
        Pool(TINY, PoolOptions(device="cpu")) as pool,
        closing(fill_frames(film, plan, pool, BorrowOptions(borrow=False))) as frames,
    ):
        for index, frame, origins in frames:
            is_same = np.rot90(luma(frame) == before[index], turns)
            assert is_same[~strokes].all()
            assert index >= FIRST or is_same.all()
            fitted += [index] * bool(origins and origins.fitted.any())
            if index in (FIRST, FIRST + 1):  # opacity 0.1 and 0.3
                error = upright_rgb(frame, film.rotation) / 255 - draw_background(2 * index)
                assert np.sqrt(np.square(error[strokes]).mean()) < 0.05 + 0.05 * (index - FIRST)
    assert fitted == list(range(FIRST + 1, FRAMES))


def make_plan(film: Film, mask: np.ndarray, cuts: tuple[int, ...] = ()) -> Plan:
    """Without an event in films that end before it begins."""
    first, last = HELD[0], min(HELD[1], film.frame_count - 1)
    events = (event_of(first, last, mask),) if first <= last else ()
    return Plan(
        FilmKey.of(film.upright_size, film.pts), shots_from_cuts(list(cuts), film.frame_count), events
    )


class Painter:
    """In the pool's place: paints what was not borrowed in one grey."""

    devices = ("cpu",)

    def fit(self, batches):
        for jobs in batches:
            fills = []
            for job in jobs:
                fitted = np.isinf(job.error)
                fills.append(
                    Fill(np.where(fitted[..., None], np.float32(0.5), job.image), np.float32(1) * fitted)
                )
            yield fills


def fill(
    film: Film, plan: Plan, options: BorrowOptions | None = None, **which: object
) -> dict[int, tuple[np.ndarray, Origins | None]]:
    """Each frame's picture, (H, W, 3) uint8, and its origins."""
    with closing(fill_frames(film, plan, Painter(), options or BorrowOptions(), **which)) as frames:
        return {index: (upright_rgb(frame, film.rotation), origins) for index, frame, origins in frames}


def test_what_a_pan_uncovers_is_taken_from_other_frames(tmp_path):
    clean, subbed, mask = draw_pan(48)
    film = write_film(tmp_path / "a.mkv", subbed)
    filled = fill(film, make_plan(film, mask))
    assert list(filled) == list(range(48))
    levels = []
    for index, (picture, origins) in filled.items():
        is_held = HELD[0] <= index <= HELD[1]
        assert np.array_equal(picture[~mask], upright_rgb(av_frame(subbed[index]), 0)[~mask])
        assert (origins is not None) == is_held
        if is_held:
            assert origins.borrowed.sum() > 0.95 * mask.sum()
            assert 1 <= np.median(origins.distance[origins.borrowed > 0.5]) <= 48
            levels.append(np.abs(picture[mask].astype(float) - clean[index][mask]).mean())
    assert np.mean(levels) < 6  # the subtitle itself is off by 100


def test_letters_that_stay_over_a_pan_are_borrowed_by_no_hole(tmp_path):
    """Whatever they were taken for, and however they stand: right beside the hole, or behind it."""
    clean, _, mask = draw_pan(48)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    stays = Box(int(columns[0]) - 20, int(rows[0]) + 3, len(columns) + 40, len(rows) // 2)
    place = np.zeros(mask.shape, bool)
    place[stays.slices] = np.arange(stays.width) % 10 < 4
    shown = [np.where(place[..., None], np.uint8((250, 20, 20)), picture) for picture in clean]
    subbed = [
        draw_subtitle(picture, "Hello")[0] if HELD[0] <= index <= HELD[1] else picture
        for index, picture in enumerate(shown)
    ]
    film = write_film(tmp_path / "a.mkv", subbed)
    plan = make_plan(film, mask)
    kept = Event(0, 47, stays, place[stays.slices].copy(), kind="scene", remove=False)
    filled = fill(film, replace(plan, events=(kept, *plan.events)))
    near = cv2.dilate(place.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    levels, laid = [], []
    for index in range(HELD[0], HELD[1] + 1):
        off = np.abs(filled[index][0].astype(float) - shown[index]).mean(axis=2)
        levels.append(off[mask & ~near].mean())
        laid.append(off[mask & place].mean())
    assert np.mean(levels) < 6
    assert np.mean(laid) < 6


@pytest.mark.parametrize(
    ("active", "rotation"),
    [
        (Box(0, 10, 192, 68), 0),  # below and above
        (Box(0, 11, 192, 68), 0),
        (Box(0, 11, 192, 68), 90),
        (Box(40, 0, 61, 96), 0),  # beside
        (Box(0, 0, 192, 58), 0),  # the subtitle wholly below
    ],
)
def test_beside_black_bars_only_film_is_film(tmp_path, active, rotation):
    """In and across a bar's edge, with the chroma of two rows in one: the bar comes back as it was."""
    clean = []
    for index in range(48):
        clean.append(np.zeros((96, 192, 3), np.uint8))
        clean[-1][active.slices] = draw_texture((192, 96), (1.5 * index, 0.25 * index))[active.slices]
    mask = draw_subtitle(clean[0], "Hello")[1]
    subbed = [
        draw_subtitle(picture, "Hello")[0] if HELD[0] <= index <= HELD[1] else picture
        for index, picture in enumerate(clean)
    ]
    films = []
    for name, pictures in (("clean.mp4", clean), ("subbed.mp4", subbed)):
        turned = [np.rot90(picture, -rotation // 90) for picture in pictures]
        size, options = turned[0].shape[1::-1], {"qp": "0", "preset": "ultrafast"}
        path = tmp_path / name
        draw_film(path, 48, size, pictures=turned, rotation=rotation, options=options, audio=False)
        films.append(probe(path))
    truth = {index: upright_rgb(frame, rotation) for index, frame in read_frames(films[0])}
    filled = fill(films[1], replace(make_plan(films[1], mask), active_picture=active))
    in_bars = mask.copy()
    in_bars[active.slices] = False
    inner = Box(active.x + 1, active.y + 1, active.width - 2, active.height - 2)  # without shared chroma
    within = np.zeros(mask.shape, bool)
    within[inner.slices] = mask[inner.slices]
    assert in_bars.any()
    off, off_bars = [], []
    for index in range(HELD[0], HELD[1] + 1):
        picture, origins = filled[index]
        levels = np.abs(picture.astype(float) - truth[index]).mean(axis=2)
        off_bars.append(levels[in_bars].max())
        off += [levels[within].mean()] if within.any() else []
        assert origins.unmixed.sum() == in_bars.sum()
        assert origins.borrowed.sum() + origins.fitted.sum() == pytest.approx((mask & ~in_bars).sum())
    assert np.max(off_bars) <= 8  # of chroma that was shared; the luma is the bar's
    assert np.median(off_bars) <= 4
    assert not off or np.mean(off) < 6


def av_frame(picture: np.ndarray) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv444p")


class Lender:
    """In the borrower's place: notes what it is offered, and lends one colour."""

    def __init__(self, _options: BorrowOptions, device: str | None, *, memory_share: float) -> None:
        pass

    offers: ClassVar[list[tuple[list[int], list[int]]]] = []
    error = 1 / 255

    def borrow(self, holes, footage):
        self.offers.append(([hole.frame for hole in holes], list(footage.frames)))
        return [
            Borrowed(
                np.full((*hole.mask.shape, 3), 0.25, np.float32),
                np.where(hole.mask, np.float32(self.error), np.float32(np.inf)),
                np.where(hole.mask, np.float32(5), np.float32(0)),
            )
            for hole in holes
        ]


@pytest.fixture
def offers(monkeypatch) -> list[tuple[list[int], list[int]]]:
    monkeypatch.setattr(filled_frames, "Borrower", Lender)
    Lender.offers.clear()
    return Lender.offers


def test_a_preview_shows_what_the_film_will(tmp_path, offers):
    _, subbed, mask = draw_pan(48)
    film = write_film(tmp_path / "a.mkv", subbed)
    plan = make_plan(film, mask)
    whole, some = fill(film, plan), fill(film, plan, only=[20, 40])
    assert list(some) == [20, 40]
    assert all(np.array_equal(picture, whole[index][0]) for index, (picture, _) in some.items())
    in_film, in_preview = offers[:2], offers[2:]
    assert in_preview == in_film
    for _, frames in in_film:
        assert set(range(32)) <= set(frames) or set(range(32, 48)) <= set(frames)


def test_a_frame_that_is_borrowed_for_is_the_same_in_a_preview(tmp_path):
    _, subbed, mask = draw_pan(48)
    film = write_film(tmp_path / "a.mkv", subbed)
    plan = make_plan(film, mask)
    whole, some = fill(film, plan), fill(film, plan, only=[21])
    np.testing.assert_array_equal(some[21][0], whole[21][0])


def test_no_frame_of_another_shot_is_offered(tmp_path, offers):
    _, subbed, mask = draw_pan(48, cut=30)
    film = write_film(tmp_path / "a.mkv", subbed)
    fill(film, make_plan(film, mask, (30,)))
    assert {frame for holes, _ in offers for frame in holes} == set(range(HELD[0], HELD[1] + 1))
    for holes, frames in offers:
        assert set(holes) <= set(frames)
        assert len({frame >= 30 for frame in (*holes, *frames)}) == 1
        assert {7, 6} <= set(frames) if holes[0] < 30 else {41, 42} <= set(frames)


@pytest.mark.usefixtures("offers")
def test_what_is_lent_stays_in_the_hole(tmp_path):
    _, subbed, mask = draw_pan(12)
    film = write_film(tmp_path / "a.mkv", subbed)
    picture, origins = fill(film, make_plan(film, mask).clip(0, 12))[10]
    before = upright_rgb(av_frame(subbed[10]), 0)
    assert np.array_equal(picture[~mask], before[~mask])
    taken = np.zeros(mask.shape, bool)
    taken[origins.box.slices] = origins.borrowed > 0.99
    assert taken.any()
    assert not taken[~mask].any()
    assert np.abs(picture[taken].astype(int) - 64).max() <= 2
    assert (origins.distance[origins.borrowed > 0] == 5).all()


def test_without_borrowing_no_other_frame_is_read(tmp_path, monkeypatch):
    _, subbed, mask = draw_pan(12)
    film = write_film(tmp_path / "a.mkv", subbed)
    monkeypatch.setattr(filled_frames, "Borrower", lambda *_, **__: None)
    monkeypatch.setattr(filled_frames, "FootageReader", None)
    _, origins = fill(film, make_plan(film, mask).clip(0, 12), BorrowOptions(borrow=False))[10]
    assert origins.fitted.sum() == mask.sum()
    assert not origins.borrowed.any()


@pytest.mark.parametrize(("device", "scored_on"), [("cpu", None), ("mps", None), ("cuda:1", "cuda:1")])
def test_warps_are_scored_where_the_decoders_are_if_that_is_cuda(tmp_path, monkeypatch, device, scored_on):
    asked = []
    monkeypatch.setattr(filled_frames, "Borrower", lambda _, device, **__: asked.append(device))
    monkeypatch.setattr(Painter, "devices", (device,))
    _, subbed, mask = draw_pan(2)
    film = write_film(tmp_path / "a.mkv", subbed)
    fill(film, make_plan(film, mask).clip(0, 2), BorrowOptions(borrow=False))
    assert asked == [scored_on]


@pytest.mark.usefixtures("offers")
@pytest.mark.parametrize(("error", "is_better"), [(0.1 / 255, True), (80 / 255, False)])
def test_of_unmixed_and_borrowed_the_nearer_to_the_truth_wins(tmp_path, monkeypatch, error, is_better):
    film = draw_fading_film(tmp_path / "fade.mp4", 0)
    strokes = cv2.dilate((draw_letters()[0][..., 0] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    opacities = np.array([opacity_of(i) for i in range(FIRST, FRAMES)], np.float32)
    event = Event(FIRST, FRAMES - 1, Box(0, 0, 200, 60), strokes, opacities)
    plan = Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, FRAMES - 1),), (event,))
    monkeypatch.setattr(Lender, "error", error)
    picture, origins = fill(film, plan)[FIRST]  # opacity 0.1
    assert (origins.borrowed.sum() > 0.9 * strokes.sum()) == is_better
    assert (origins.unmixed.sum() > 0.9 * strokes.sum()) != is_better
    inner = cv2.erode(strokes.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    off = np.abs(picture[inner] / 255 - draw_background(2 * FIRST)[inner]).mean()
    assert (off > 0.1) == is_better  # what is lent here is no good


def test_a_segment_depends_on_no_other(tmp_path):
    """Rendered alone it is bit for bit what it is among all, though subtitles reach across its ends."""
    _, subbed, mask = draw_pan(60)
    film = write_film(tmp_path / "a.mkv", subbed)
    plan, segments = make_plan(film, mask), [Segment(0, 20), Segment(20, 36), Segment(36, 60)]
    whole = fill(film, plan, segments=segments)
    assert list(whole) == list(range(60))
    for segment in segments[1:]:
        alone = fill(film, plan, segments=[segment])
        assert list(alone) == list(range(segment.start, segment.stop))
        for index, (picture, _) in alone.items():
            assert np.array_equal(picture, whole[index][0])


def test_a_see_through_box_is_known_in_later_segments(tmp_path):
    """It is told by the first frame that it lies on, and the one before."""
    clean = [np.rint(draw_background(2 * index) * 255).astype(np.uint8) for index in range(40)]
    pane = np.zeros(clean[0].shape[:2], bool)
    pane[10:40, 30:150] = True
    dark = [
        np.where(pane[..., None] & (index >= 8), picture // 2, picture) for index, picture in enumerate(clean)
    ]
    film = write_film(tmp_path / "a.mkv", dark)
    event = event_of(8, 39, pane)
    plan = Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 39),), (event,))
    off = BorrowOptions(borrow=False)
    whole = fill(film, plan, off, segments=[Segment(0, 40)])
    assert whole[30][1].unmixed.sum() > 0.8 * pane.sum()
    later = fill(film, plan, off, segments=[Segment(25, 40)])
    assert all(np.array_equal(later[index][0], whole[index][0]) for index in later)


def test_windows_cover_all_frames_and_end_behind_fades():
    found = list(cut_windows(range(100), 32, lambda index: 31 <= index < 40))
    assert found == [range(41), range(41, 73), range(73, 100)]
    assert next(cut_windows(range(200), 32, lambda _: True)) == range(48)
