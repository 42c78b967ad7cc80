"""Black bars are found to the row; what is only dark is none."""

import av
import cv2
import numpy as np
import pytest
from media import add_grain, draw_subtitle, draw_texture
from pans import draw_pan, write_film

from subremover.api import scan
from subremover.detect import make_plan
from subremover.detect.bars import BarFinder
from subremover.detect.drawn_mask import event_of
from subremover.detect.scan import Found
from subremover.geometry import Box
from subremover.options import ScanOptions

SIZE = WIDTH, HEIGHT = 320, 180
FRAMES = 24


def draw_film(dx=3.0, dy=0.0):
    return [draw_texture(SIZE, (dx * index, dy * index)) for index in range(FRAMES)]


def lay_bars(picture, active, black=0):
    """The picture's active part, with bars around it."""
    framed = np.full_like(picture, black)
    framed[active.slices] = picture[active.slices]
    return framed


def to_luma(picture):
    """(H, W) uint8 of limited range."""
    return np.rint(16 + cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) * (219 / 255)).astype(np.uint8)


def find(pictures, events=()):
    finder = BarFinder()
    for picture in pictures:
        finder.feed(to_luma(picture))
    return finder.find(events)


@pytest.mark.parametrize(
    "active",
    [
        Box(0, 24, 320, 132),
        Box(0, 23, 320, 134),
        Box(0, 25, 320, 130),
        Box(0, 4, 320, 172),
        Box(0, 0, 320, 150),
        Box(40, 0, 240, 180),
        Box(41, 0, 237, 180),
        Box(110, 0, 100, 180),
        Box(40, 22, 240, 135),
    ],
)
def test_bars_are_found_to_the_row(active):
    assert find(lay_bars(p, active) for p in draw_film()) == active


@pytest.mark.parametrize("black", [0, 3, 5])
def test_bars_need_not_be_quite_black(black):
    """16 to 20 in luma, with the noise of coding; and a film that fades in and out."""
    active = Box(0, 24, 320, 132)
    shares = np.minimum(np.linspace(0, 3, FRAMES), np.linspace(3, 0, FRAMES)).clip(0, 1)
    pictures = (
        add_grain(lay_bars((share * p).astype(np.uint8), active, black), 2, seed)
        for seed, (p, share) in enumerate(zip(draw_film(), shares, strict=True))
    )
    assert find(pictures) == active


def test_bars_of_coded_films(tmp_path):
    active = Box(0, 23, 320, 134)
    pictures = [lay_bars(p, active) for p in draw_film()]
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"crf": "30"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures:
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")))
        out.mux(video.encode(None))
    cv2.imwrite(str(tmp_path / "mask.png"), draw_subtitle(pictures[0], "Hello")[1].astype(np.uint8) * 255)
    plan = scan(tmp_path / "a.mp4", ScanOptions(mask=tmp_path / "mask.png"))
    assert plan.active_picture == active


def test_the_scan_finds_bars_as_well(tmp_path, monkeypatch):
    active = Box(40, 0, 240, 180)
    write_film(tmp_path / "a.mkv", [lay_bars(p, active) for p in draw_film()])

    def scan_pictures(pictures, *_, **__):
        assert len(list(pictures)) == FRAMES
        return Found([], (), [])

    monkeypatch.setattr(make_plan, "scan_pictures", scan_pictures)
    assert scan(tmp_path / "a.mkv").active_picture == active


def test_a_half_lit_row_is_not_wholly_film():
    active = Box(0, 24, 320, 132)
    pictures = [lay_bars(p, active) for p in draw_film()]
    for picture in pictures:
        picture[23] = picture[24] // 2
        picture[156] = picture[155] // 3
    assert find(pictures) == active


@pytest.mark.parametrize("always", [False, True])
def test_subtitles_on_a_bar_and_its_edge_are_known_from_the_plan(always):
    active = Box(0, 24, 320, 132)
    pictures = [lay_bars(p, active) for p in draw_film()]
    mask = draw_subtitle(pictures[0], "Where did you go?")[1]
    first = 0 if always else 10
    pictures[first:] = [draw_subtitle(picture, "Where did you go?")[0] for picture in pictures[first:]]
    assert mask[:156].any()
    assert mask[156:].any()
    assert find(pictures, [event_of(first, FRAMES - 1, mask)]) == active


def test_a_dark_edge_of_the_film_beside_a_bar():
    """Only a third of the first row is ever lit, but the other bar is sure, and as wide."""
    active = Box(0, 24, 320, 132)
    pictures = [lay_bars(p, active) for p in draw_film()]
    for picture in pictures:
        picture[24:60, :200] //= 16
    assert find(pictures) == active


def dark_lower_third(level):
    pictures = draw_film(dy=1.0)
    for picture in pictures:
        picture[120:] = (picture[120:] * level).astype(np.uint8)
    return pictures


def fade(pictures):
    return [
        (p * share).astype(np.uint8) for p, share in zip(pictures, np.linspace(0, 1, FRAMES), strict=True)
    ]


def sink(pictures):
    """Darker and darker downwards, black in the end."""
    shares = np.linspace(1.5, -0.5, HEIGHT).clip(0, 1)[:, None, None]
    return [(p * shares).astype(np.uint8) for p in pictures]


def draw_night():
    """Black, with lamps here and there, and a road that lies aslant by less than its width."""
    pictures = [np.zeros((HEIGHT, WIDTH, 3), np.uint8) for _ in range(FRAMES)]
    for index, picture in enumerate(pictures):
        picture[60:64, 40:60] = picture[100:104, 200:206] = 200
        road = np.array([[0, 80 + index], [319, 86 + index], [319, 126 + index], [0, 120 + index]])
        cv2.fillPoly(picture, [road], (90, 90, 90))
    return pictures


def draw_card():
    """White text on black, and no more."""
    return [draw_subtitle(np.zeros((HEIGHT, WIDTH, 3), np.uint8), "A film by nobody")[0]] * FRAMES


def open_up(pictures):
    """With bars, but for one frame in the middle."""
    return [p if 8 <= i < 13 else lay_bars(p, Box(0, 24, 320, 132)) for i, p in enumerate(pictures)]


@pytest.mark.parametrize(
    "pictures",
    [
        draw_film(),
        fade(draw_film()),
        [p // 16 for p in draw_film()],
        [p // 40 for p in draw_film()],
        [np.zeros_like(p) for p in draw_film()],
        dark_lower_third(0.2),
        dark_lower_third(0.1),
        sink(draw_film()),
        draw_night(),
        draw_card(),
        open_up(draw_film()),
        [],
    ],
    ids=[
        "film",
        "fade",
        "dim",
        "night",
        "black",
        "third",
        "darker",
        "sinking",
        "lamps",
        "card",
        "opening",
        "none",
    ],
)
def test_what_is_dark_is_no_bar(pictures):
    assert find(pictures) is None


def test_a_film_without_bars_has_none_in_its_plan(tmp_path):
    _, subbed, mask = draw_pan(12)
    write_film(tmp_path / "a.mkv", subbed)
    cv2.imwrite(str(tmp_path / "mask.png"), mask.astype(np.uint8) * 255)
    assert scan(tmp_path / "a.mkv", ScanOptions(mask=tmp_path / "mask.png")).active_picture is None
