import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import draw_png_header
from PIL import Image

from subremover.errors import PlanError
from subremover.plan.mask_picture import read_mask

REMEDY = "the film 4x1; scale it"
GREYS = np.array([[0, 3, 128, 255]], np.uint8)
WHITE = [[False, False, True, True]]


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp"])
def test_grey_rims_belong_to_a_mask_and_noise_does_not(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / name), GREYS, [cv2.IMWRITE_WEBP_QUALITY, 101])
    assert read_mask(tmp_path / name, (4, 1), REMEDY).tolist() == WHITE


@pytest.mark.parametrize(
    "picture",
    [
        GREYS.astype(np.uint16) * 257,
        np.dstack([GREYS] * 3),
        np.dstack([GREYS] * 3 + [np.zeros_like(GREYS)]),  # see-through, and white all the same
    ],
)
def test_any_depth_and_number_of_channels(tmp_path: Path, picture: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    assert read_mask(tmp_path / "a.png", (4, 1), REMEDY).tolist() == WHITE


def test_palette_and_two_levels(tmp_path: Path) -> None:
    image = Image.fromarray(GREYS)
    image.convert("P").save(tmp_path / "a.png")
    image.point(lambda level: 255 * (level > 7)).convert("1").save(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        assert read_mask(tmp_path / name, (4, 1), REMEDY).tolist() == WHITE


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no picture; give a PNG"),
        (b"no picture at all", "is no picture; give a PNG"),
        (draw_png_header(4, 1), "is no picture; give a PNG"),  # a part that says it has 2 GiB
        (draw_png_header(5, 1), "is 5x1 px, the film 4x1; scale it"),
        (draw_png_header(30_000, 30_000), "has far too many px, the film 4x1; scale it"),
        (b"GIF89a\4\0\1\0\0\0\0;", "is no picture; give a PNG"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PlanError, match=message):
        read_mask(tmp_path / "a.png", (4, 1), REMEDY)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"cannot read the mask .*; check its name"):
        read_mask(tmp_path / "gone.png", (4, 1), REMEDY)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PlanError, match="is no regular file; give a PNG"):
        read_mask(tmp_path / "pipe.png", (4, 1), REMEDY)
    (tmp_path / "large.png").touch()
    os.truncate(tmp_path / "large.png", 2**40)  # a hole, not a terabyte
    with pytest.raises(PlanError, match="has over 64 MiB"):
        read_mask(tmp_path / "large.png", (4, 1), REMEDY)
