"""The study of input sizes: what equation 2 forbids, what a fixed input allows, and resizing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from input_size import list_layouts, main, resize
from study import Study

from subremover import restore
from subremover.errors import UsageError
from subremover.options import FitOptions
from subremover.untrained.deep_decoder import DeepDecoder

pytestmark = pytest.mark.usefixtures("one_thread")


def test_resizing_keeps_a_constant_and_a_ramp() -> None:
    flat = resize(torch.full((1, 3, 16, 16), 0.3), (9, 25))
    torch.testing.assert_close(flat, torch.full((1, 3, 9, 25), 0.3))
    ramp = torch.linspace(0, 1, 16).expand(1, 1, 16, 16)
    torch.testing.assert_close(resize(ramp, (9, 25)), torch.linspace(0, 1, 25).expand(1, 1, 9, 25))


@pytest.mark.parametrize(("levels", "size"), [(5, (24, 40)), (3, (7, 100)), (7, (127, 99))])
def test_equation_2_forbids_levels_that_the_output_has_no_room_for(
    levels: int, size: tuple[int, int]
) -> None:
    options = FitOptions(steps=1, channels=2, levels=levels)
    message = f"{levels} levels paint pictures of at least {2**levels} px a side, not of {size[1]}x{size[0]}"
    with pytest.raises(UsageError, match=message):
        restore(torch.zeros(1, 3, *size), options)
    network = DeepDecoder((128, 128), levels, 2)
    assert restore(torch.zeros(1, 3, *size), options, network=network).pictures.shape[2:] == size
    allowed = FitOptions(steps=1, channels=2, levels=levels - 1)
    assert restore(torch.zeros(1, 3, *size), allowed).pictures.shape[2:] == size


@pytest.mark.parametrize("output", [(24, 40), (100, 150), (512, 512), (65, 9), (5, 3)])
def test_layouts_cover_any_output_with_as_few_levels_as_that_takes(output: tuple[int, int]) -> None:
    layouts = list_layouts(output, 5, 8)
    cut, by_size = layouts["fixed, cut off"], layouts["L by size"]
    assert cut.input == "8x8"
    for layout in layouts.values():
        assert all(side >= edge for side, edge in zip(layout.painted, output, strict=True))
    assert cut.levels == 1 or 8 << (cut.levels - 1) < max(output)
    assert by_size.levels == 1 or 8 << (by_size.levels - 1) < min(output) <= 8 << by_size.levels


def test_where_ways_do_not_differ_they_are_one() -> None:
    assert len(set(list_layouts((256, 256), 5, 8).values())) == 1
    assert len(set(list_layouts((128, 128), 5, 8).values())) == 2
    assert len(set(list_layouts((100, 150), 5, 8).values())) == 4


@pytest.mark.parametrize("name", ["equation 2", "fixed, cut off", "fixed, resized", "L by size"])
def test_every_layout_paints_what_it_is_given(name: str, tmp_path: Path) -> None:
    layout = list_layouts((18, 30), 2, 4)[name]
    y, x = np.meshgrid(np.linspace(0.2, 0.6, 18), np.linspace(0, 0.3, 30), indexing="ij")
    image = np.repeat((x + y)[..., None], 3, -1)
    options = FitOptions(steps=80, channels=8, loss="mse")
    (picture,), weights = layout.restore(Study(tmp_path, True, "cpu"), [image], options)
    assert picture.shape == (18, 30, 3)
    assert np.abs(picture - image).mean() < 0.05
    assert weights == layout.levels * (8 * 8 + 2 * 8) + 3 * 8


def test_quick_form(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "input_size.json").read_text())["rows"]
    bare, refused, *fits = rows[:5]
    assert bare["way"] == "the image as it is"
    assert 19 < bare["PSNR without the noise, dB"] < 22
    assert refused["way"] == "equation 2: 5 levels paint pictures of at least 32 px a side, not of 40x24"
    assert refused["seconds an image"] is None
    fits += rows[6:]
    assert [row["input, cells"] for row in fits] == ["8x8", "8x8", "10x6", "2x2", "8x8", "8x8", "8x8"]
    assert all(row["PSNR without the noise, dB"] > 12.5 for row in fits)
    for name in ("hole", "noise", "seconds", "64x64"):
        assert (tmp_path / f"input_size_{name}.png").stat().st_size > 1000
