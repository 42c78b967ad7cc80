from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from media import draw_film, luma

from subremover.errors import InputError
from subremover.geometry import Box
from subremover.video.pixels.formats import convert, to_planar
from subremover.video.pixels.planes import (
    Picture,
    fill_bars,
    read_rgb,
    to_coded,
    to_coded_box,
    upright_rgb,
    write_rgb,
)
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

PLANAR = [
    "yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p", "yuv410p", "yuvj420p", "yuva420p", "gray", "gbrp",
    "gbrap", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gray10le", "gbrp10le", "yuva444p10le",
    "yuv420p16le",
]  # fmt: skip


def fill(
    pix_fmt: str, size: tuple[int, int], seed: int = 0, low: float = 0, high: float = 1
) -> av.VideoFrame:
    """A frame of noise, anywhere from low to high of the range of numbers."""
    frame = av.VideoFrame(*size, pix_fmt)
    rng = np.random.default_rng(seed)
    peak = (1 << frame.format.components[0].bits) - 1
    for plane in planes(frame):
        plane[:] = rng.integers(int(low * peak), int(high * peak) + 1, plane.shape)
    return frame


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    dtype = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    return [
        np.frombuffer(p, dtype).reshape(-1, p.line_size // dtype.itemsize)[: p.height, : p.width]
        for p in frame.planes
    ]


@pytest.mark.parametrize("pix_fmt", PLANAR)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_there_and_back_changes_no_luma(pix_fmt: str, size: tuple[int, int]) -> None:
    frame = fill(pix_fmt, size)
    before = [plane.copy() for plane in planes(frame)]
    box = Box(5, 3, 41, 29)
    write_rgb(frame, box, read_rgb(frame, box), np.ones((29, 41), np.float32))
    after = planes(frame)
    luma_change = np.abs(after[0].astype(int) - before[0])
    assert luma_change.max() <= 1
    outside = np.ones(before[0].shape, bool)
    outside[box.slices] = False
    assert not luma_change[outside].any()


@pytest.mark.parametrize("pix_fmt", PLANAR)
def test_only_weighted_samples_change(pix_fmt: str) -> None:
    frame = fill(pix_fmt, (63, 47))
    before = [plane.copy() for plane in planes(frame)]
    box = Box(7, 5, 37, 31)
    weight = np.zeros((31, 37), np.float32)
    weight[9:18, 11:30] = 1
    rgb = np.full((31, 37, 3), np.nan, np.float32)  # not to be looked at without a weight
    rgb[9:18, 11:30] = np.random.default_rng(1).random((9, 19, 3))
    write_rgb(frame, box, rgb, weight)
    luma_mask = np.zeros((47, 63), bool)
    luma_mask[14:23, 18:37] = True
    for number, (old, new) in enumerate(zip(before, planes(frame), strict=True)):
        step_y, step_x = round(47 / old.shape[0]), round(63 / old.shape[1])
        rows, columns = np.nonzero(luma_mask)
        touched = np.zeros(old.shape, bool)
        touched[rows // step_y, columns // step_x] = True
        if number == 3:
            touched[:] = False  # alpha
        assert np.array_equal(old[~touched], new[~touched])
        assert number == 3 or (old[touched] != new[touched]).mean() > 0.9


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p", "yuv411p", "gbrp", "yuvj420p"])
def test_a_plain_colour_is_written_and_read(pix_fmt: str) -> None:
    frame = fill(pix_fmt, (64, 48))
    box = Box(0, 0, 64, 48)
    color = np.array([0.8, 0.3, 0.1], np.float32)
    write_rgb(frame, box, np.broadcast_to(color, (48, 64, 3)), np.ones((48, 64), np.float32))
    assert np.abs(read_rgb(frame, box) - color).max() < 0.01


def test_half_a_weight_is_half_way() -> None:
    frame = fill("yuv444p", (32, 32), low=0.2, high=0.2)
    box = Box(0, 0, 32, 32)
    old = read_rgb(frame, box)
    write_rgb(frame, box, np.full((32, 32, 3), 0.6, np.float32), np.full((32, 32), 0.5, np.float32))
    assert np.abs(read_rgb(frame, box) - (old + 0.6) / 2).max() < 0.01


def test_partly_weighted_chroma_takes_only_the_new_colour() -> None:
    frame = fill("yuv420p", (32, 32), low=0.5, high=0.5)
    rgb, weight = np.zeros((32, 32, 3), np.float32), np.zeros((32, 32), np.float32)
    rgb[:, 15], weight[:, 15] = (0.9, 0.1, 0.1), 1  # a column: half of each block
    write_rgb(frame, Box(0, 0, 32, 32), rgb, weight)
    filled = fill("yuv420p", (32, 32), low=0.5, high=0.5)
    write_rgb(filled, Box(0, 0, 32, 32), np.broadcast_to(rgb[:1, 15:16], rgb.shape), np.ones_like(weight))
    assert np.array_equal(planes(frame)[2][:, 7], planes(filled)[2][:, 7])
    assert np.all(np.delete(planes(frame)[2], 7, 1) == 127)


@pytest.mark.parametrize(
    ("matrix", "height", "expected"),
    [(1, 96, "709"), (5, 1080, "601"), (2, 576, "601"), (2, 720, "709"), (9, 96, "2020")],
)
def test_the_frames_own_matrix_is_used(matrix: int, height: int, expected: str) -> None:
    frame = av.VideoFrame(64, height, "yuv444p")
    for plane, value in zip(planes(frame), (100, 90, 170), strict=True):
        plane[:] = value
    frame.colorspace = matrix
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}[expected]
    y, cb, cr = (100 - 16) / 219, (90 - 128) / 224, (170 - 128) / 224
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    assert np.allclose(read_rgb(frame, Box(8, 8, 2, 2)), [red, green, blue], atol=1e-5)


def test_full_range_is_read_as_such() -> None:
    frame = fill("yuv420p", (32, 32), low=0.5, high=0.5)
    for plane, value in zip(planes(frame), (255, 128, 128), strict=True):
        plane[:] = value
    frame.color_range = 2
    assert np.allclose(read_rgb(frame, Box(0, 0, 4, 4)), 1)


def test_chroma_is_sited_left_and_in_the_middle_of_two_rows() -> None:
    frame = fill("yuv420p", (16, 16), low=0.5, high=0.5)
    planes(frame)[0][:] = 126
    planes(frame)[2][:] = 128 + 10 * np.arange(8)  # rises to the right by 5 a luma column
    red = read_rgb(frame, Box(0, 0, 16, 16))[..., 0]
    expected = (126 - 16) / 219 + 2 * (1 - 0.299) * (5 * np.arange(14)) / 224
    assert np.allclose(red[:, :14], expected, atol=1e-4)
    planes(frame)[2][:] = 128 + 10 * np.arange(8)[:, None]
    red = read_rgb(frame, Box(0, 0, 16, 16))[..., 0]
    expected = (126 - 16) / 219 + 2 * (1 - 0.299) * (5 * np.arange(16) - 2.5) / 224
    assert np.allclose(red[1:15, 0], expected[1:15], atol=1e-4)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
def test_colours_do_not_wander_with_every_pass(pix_fmt: str) -> None:
    frame = fill(pix_fmt, (64, 64), low=0.5, high=0.5)
    planes(frame)[1][:, planes(frame)[1].shape[1] // 2 :] = 200
    box = Box(0, 0, 64, 64)
    edge = planes(frame)[1].astype(float).mean(0).copy()
    for _ in range(6):
        write_rgb(frame, box, read_rgb(frame, box), np.ones((64, 64), np.float32))
    assert abs(planes(frame)[1].astype(float).mean(0).sum() - edge.sum()) < 0.05 * (edge.max() - edge.min())


ACTIVE = Box(9, 7, 42, 34)


def draw_bars(pix_fmt: str) -> tuple[av.VideoFrame, list[np.ndarray]]:
    """A frame with a plain film, 64x48 px, in bars with edges on odd rows and columns; and its samples."""
    frame = fill(pix_fmt, (64, 48))
    unit = 1 << (frame.format.components[0].bits - 8)
    for number, plane in enumerate(planes(frame)[:3]):
        step_y, step_x = 48 // plane.shape[0], 64 // plane.shape[1]
        is_film = np.zeros((48, 64))
        is_film[ACTIVE.slices] = 1
        share = is_film.reshape(plane.shape[0], step_y, plane.shape[1], step_x).mean((1, 3))
        bar, film = (17, 180) if frame.format.is_rgb else ((17, 180), (128, 90), (127, 160))[number]
        plane[:] = np.rint((bar + share * (film - bar)) * unit)
    return frame, [plane.copy() for plane in planes(frame)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "gray", "gbrp", "yuv420p10le"])
def test_bars_are_filled_with_their_own_value_up_to_their_edge(pix_fmt: str) -> None:
    """Also where chroma is half the film's, as a row of the bar shares it with one of the film."""
    frame, clean = draw_bars(pix_fmt)
    hidden = np.zeros((48, 64), bool)
    hidden[2:46, 20:26] = hidden[20:24, 4:60] = True
    in_bars = hidden.copy()
    in_bars[ACTIVE.slices] = False
    for plane in planes(frame):
        step_y, step_x = 48 // plane.shape[0], 64 // plane.shape[1]
        plane[np.logical_or.reduce(in_bars.reshape(plane.shape[0], step_y, -1, step_x), (1, 3))] = 3
    fill_bars(frame, ACTIVE, hidden)
    for plane, was in zip(planes(frame), clean, strict=True):
        assert np.abs(plane.astype(int) - was).max() <= (2 if was.dtype == np.uint16 else 1)


def test_a_half_lit_row_of_a_bar_shows_half_of_the_film() -> None:
    rng = np.random.default_rng(0)
    frame = fill("gray", (64, 48))
    (plane,) = planes(frame)
    plane[:] = 16
    plane[20:] = rng.integers(60, 220, (28, 64))
    plane[19] = 16 + (plane[20].astype(int) - 16) // 2
    clean, hidden = plane.copy(), np.zeros((48, 64), bool)
    hidden[10:20, 12:40:3] = True
    plane[hidden] = 255
    fill_bars(frame, Box(0, 20, 64, 28), hidden)
    assert np.array_equal(plane[~hidden], clean[~hidden])
    assert np.array_equal(plane[:19], clean[:19])
    assert np.abs(plane[19].astype(int) - clean[19]).max() <= 2


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv411p"])
def test_no_chroma_of_the_bars_is_mixed_into_the_film(pix_fmt: str) -> None:
    frame, _ = draw_bars(pix_fmt)
    crop = read_rgb(frame, ACTIVE, ACTIVE)
    assert np.ptp(crop, axis=(0, 1)).max() < 1e-4
    assert np.ptp(read_rgb(frame, ACTIVE), axis=(0, 1)).max() > 0.05


def test_a_wrong_shape_is_told() -> None:
    frame = fill("yuv420p", (32, 32))
    with pytest.raises(ValueError, match="expected rgb 8x8x3"):
        write_rgb(frame, Box(0, 0, 8, 8), np.zeros((8, 9, 3), np.float32), np.zeros((8, 8), np.float32))


def test_writing_into_frames_leaves_later_frames_alone(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=30, audio=False, options={"g": "30"}).path)
    untouched = [luma(frame) for _, frame in read_frames(film)]
    box = Box(20, 60, 100, 30)
    for index, frame in read_frames(film):
        if index % 3:
            assert np.array_equal(luma(frame), untouched[index])
        else:
            noise = np.random.default_rng(index).random((30, 100, 3), np.float32)
            write_rgb(frame, box, noise, np.ones((30, 100), np.float32))
            outside = np.ones((96, 160), bool)
            outside[box.slices] = False
            assert np.array_equal(luma(frame)[outside], untouched[index][outside])


@pytest.mark.parametrize(
    ("pix_fmt", "planar"),
    [
        ("nv12", "yuv420p"), ("nv16", "yuv422p"), ("p010le", "yuv420p10le"), ("yuyv422", "yuv422p"),
        ("uyvy422", "yuv422p"), ("rgb24", "gbrp"), ("bgr24", "gbrp"), ("bgr0", "gbrp"), ("argb", "gbrap"),
        ("rgba", "gbrap"), ("rgb48le", "gbrp16le"), ("y210le", "yuv422p10le"), ("yuv420p10be", "yuv420p10le"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("color_range", [1, 2])
def test_packed_formats_lose_nothing_on_the_way_to_planes(
    pix_fmt: str, planar: str, color_range: int
) -> None:
    source = fill(planar, (64, 48))
    source.pts, source.color_range, source.colorspace = 77, color_range, 1
    packed = convert(source, pix_fmt)
    back = to_planar(packed)
    assert back.format.name == planar
    assert (back.pts, back.color_range, back.colorspace) == (77, color_range, 1)
    assert all(np.array_equal(a, b) for a, b in zip(planes(source), planes(back), strict=True))


def test_a_format_without_a_lossless_way() -> None:
    with pytest.raises(InputError, match="rgb565le is not supported; convert the film first"):
        to_planar(av.VideoFrame(16, 16, "rgb565le"))


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_boxes_and_arrays_turn_alike(tmp_path: Path, rotation: int) -> None:
    film = replace(probe(draw_film(tmp_path / "a.mp4", frames=2, audio=False).path), rotation=rotation)
    coded = np.random.default_rng(0).random((96, 160, 3))
    upright = np.rot90(coded, rotation // 90)
    assert upright.shape[1::-1] == film.upright_size
    assert np.array_equal(to_coded(upright, film), coded)
    box = Box(11, 7, 40, 21)
    assert np.array_equal(to_coded(upright[box.slices], film), coded[to_coded_box(box, film).slices])


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("pix_fmt", PLANAR)
@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
def test_the_luma_to_look_at_is_that_of_the_frame(size: tuple[int, int], pix_fmt: str, rotation: int) -> None:
    frame = fill(pix_fmt, size)
    picture = Picture(frame, rotation)
    turned = np.rot90(np.zeros(size[::-1]), rotation // 90)
    assert picture.luma.shape == turned.shape
    assert picture.luma.dtype == np.uint8
    assert picture.luma is picture.luma
    if not frame.format.is_rgb:
        first = planes(frame)[0] >> (frame.format.components[0].bits - 8)
        assert np.array_equal(picture.luma, np.rot90(first, rotation // 90))


def test_luma_of_eight_bits_is_not_copied() -> None:
    frame = fill("yuv420p", (64, 48))
    luma_before = Picture(frame, 0).luma
    planes(frame)[0][:] = 77
    assert (luma_before == 77).all()


@pytest.mark.parametrize("pix_fmt", ["gbrp", "gbrp10le", "gbrap"])
def test_luma_of_rgb_weighs_the_colours(pix_fmt: str) -> None:
    frame = fill(pix_fmt, (64, 48))
    peak = (1 << frame.format.components[0].bits) - 1
    for plane, value in zip(planes(frame), (0.5, 0.1, 0.9), strict=False):  # green, blue, red
        plane[:] = round(value * peak)
    expected = 255 * (0.299 * 0.9 + 0.587 * 0.5 + 0.114 * 0.1)
    assert np.abs(Picture(frame, 0).luma.astype(float) - expected).max() < 3
    for level in (0, 1):
        for plane in planes(frame)[:3]:
            plane[:] = level * peak
        assert np.abs(Picture(frame, 0).luma.astype(float) - 255 * level).max() < 2


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuvj420p", "gray", "gbrp", "gbrp10le"])
def test_the_colours_to_look_at_are_those_of_the_upright_frame(pix_fmt: str, rotation: int) -> None:
    frame = fill(pix_fmt, (64, 48))
    picture = Picture(frame, rotation)
    before = [plane.copy() for plane in planes(frame)]
    rgb = picture.rgb()
    assert np.array_equal(rgb, upright_rgb(frame, rotation))
    assert rgb.shape == (*picture.luma.shape, 3)
    rgb[:] = 0
    assert np.array_equal(picture.rgb(), upright_rgb(frame, rotation))
    assert all(np.array_equal(*pair) for pair in zip(before, planes(frame), strict=True))
