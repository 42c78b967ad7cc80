"""Photographs as small files of a decoder's weights: what comes back, how small, and what is refused."""

import json
import lzma
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from compress import main
from images import draw_photograph, psnr, to_tensor
from jpegs import code_jpeg, code_jpeg2000, psnr_8bit
from PIL import Image
from rounding import Grid, round_by_levels
from stored import CHECKSUM, HEADER, LZMA, MAGIC, Shape, Stored, StoredError, pack, read_stored, unpack
from study import Study

from subremover.options import FitOptions
from subremover.untrained.deep_decoder import DecoderWeights
from subremover.untrained.restore import restore

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = Shape(40, 52, 6, 3)
OPTIONS = FitOptions(steps=150, channels=6, levels=3, loss="mse")


def draw_stored(fineness: int = 6, deviation: float = 12) -> Stored:
    steps = np.random.default_rng(0).normal(0, deviation, SHAPE.weights).round().astype(np.int64)
    return Stored(SHAPE, 7, fineness, steps)


def seal(content: bytes) -> bytes:
    """With the checksum that a forger would put there."""
    return content + CHECKSUM.pack(zlib.crc32(content))


def forge(*, height: int = 40, width: int = 52, steps: int = 0, **other: int) -> bytes:
    """A file whose header asks for this, and that holds so many steps of 0."""
    asked = {"fineness": 6, "levels": 3, "channels": 6} | other
    header = HEADER.pack(MAGIC, 1, *asked.values(), height, width, 0)
    return seal(header + lzma.compress(bytes(2 * steps), lzma.FORMAT_RAW, filters=LZMA))


@pytest.fixture(scope="module")
def fits() -> tuple[torch.Tensor, DecoderWeights, DecoderWeights]:
    """A photograph, a decoder fitted to it, and where its fit began."""
    image = to_tensor(draw_photograph("coffee", 48)[:40])
    weights = restore(image, OPTIONS).weights
    return image, DecoderWeights(weights.code, weights.parameters), Shape(40, 48, 6, 3).begin(0)


@pytest.mark.parametrize("fineness", [3, 6, 9])
def test_rounding_moves_no_weight_by_more_than_half_a_step(
    fits: tuple[torch.Tensor, DecoderWeights, DecoderWeights], fineness: int
) -> None:
    _, weights, begin = fits
    rounded = Grid(begin, [fineness]).round(weights)
    error = (rounded.flatten() - weights.flatten()).abs().max().item()
    assert 0.4 * 2.0**-fineness < error <= 0.5001 * 2.0**-fineness


def test_what_is_stored_comes_back() -> None:
    stored = draw_stored()
    again = unpack(pack(stored))
    assert (again.shape, again.seed, again.fineness) == (stored.shape, stored.seed, stored.fineness)
    assert np.array_equal(again.steps, stored.steps)
    assert again.paint().shape == (40, 52, 3)
    assert np.array_equal(again.paint(), stored.paint())


def test_the_largest_steps_come_back() -> None:
    steps = np.zeros(SHAPE.weights, np.int64)
    steps[:4] = 32767, -32767, 1, -1
    assert np.array_equal(unpack(pack(Stored(SHAPE, 2**32 - 1, 20, steps))).steps, steps)


def test_a_file_is_little_larger_than_the_entropy_of_its_steps() -> None:
    stored = Stored(Shape(64, 64, 32, 4), 0, 6, draw_steps(Shape(64, 64, 32, 4)))
    _, counts = np.unique(stored.steps, return_counts=True)
    share = counts / counts.sum()
    entropy_bytes = -(share * np.log2(share)).sum() * len(stored.steps) / 8
    assert entropy_bytes < len(pack(stored)) < 1.07 * entropy_bytes


def draw_steps(shape: Shape) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 8, shape.weights).round().astype(np.int64)


def test_the_picture_does_not_hang_on_how_sums_are_rounded() -> None:
    stored = draw_stored()
    torch.set_num_threads(2)  # other partial sums
    again = stored.paint()
    torch.set_num_threads(1)
    assert np.array_equal(again, stored.paint())


def test_all_machines_draw_the_same() -> None:
    """Files outlive this version of torch only if its generator goes on to draw these."""
    begin = SHAPE.begin(7)
    drawn = np.concatenate([begin.code.numpy().ravel(), begin.flatten().numpy().ravel()])
    assert zlib.crc32(drawn.astype("<f4").tobytes()) == 2909711038


def test_the_stored_picture_is_what_was_fitted(
    fits: tuple[torch.Tensor, DecoderWeights, DecoderWeights],
) -> None:
    image, weights, begin = fits
    shape = Shape(40, 48, 6, 3)
    steps = Grid(begin, [12]).count(weights)[0].long().numpy()
    painted = np.float32(unpack(pack(Stored(shape, 0, 12, steps))).paint()) / 255
    fitted = shape.decoder.paint(weights, weights.code)[0].permute(1, 2, 0).numpy()
    assert np.abs(painted - fitted).max() < 0.02
    assert psnr(painted, image[0].permute(1, 2, 0).numpy()) > 16


def test_levels_are_rounded_and_what_follows_makes_up_for_it(
    fits: tuple[torch.Tensor, DecoderWeights, DecoderWeights], tmp_path: Path
) -> None:
    image, weights, begin = fits
    grid = Grid(begin, [4])
    rounded = round_by_levels(Study(tmp_path, True, "cpu"), image, weights, grid, OPTIONS)
    assert torch.equal(grid.round(rounded).flatten(), rounded.flatten())
    paint = Shape(40, 48, 6, 3).decoder.paint

    def error(weights: DecoderWeights) -> float:
        return (paint(weights, weights.code) - image).square().mean().item()

    assert error(rounded) < 0.9 * error(grid.round(weights))


@pytest.mark.parametrize("place", [0, 4, 6, 9, 17, 40, -1])
def test_a_flipped_bit_is_told(place: int) -> None:
    data = bytearray(pack(draw_stored()))
    data[place] ^= 4
    with pytest.raises(StoredError, match=r"no stored picture|checksum is wrong"):
        unpack(bytes(data))


@pytest.mark.parametrize("length", [0, 3, 4, 8, 20, 100, -1])
def test_a_cut_file_is_told(length: int) -> None:
    with pytest.raises(StoredError, match=r"no stored picture|checksum is wrong"):
        unpack(pack(draw_stored())[:length])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (forge(channels=65535, steps=100), "fewer channels"),
        (forge(height=65535, width=65535, levels=1), "smaller image"),
        (forge(channels=0), "smaller image"),
        (forge(height=0), "no decoder"),
        (forge(levels=0), "no decoder"),
        (forge(levels=200), "no decoder"),
        (forge(fineness=200, steps=SHAPE.weights), "2\\^-20"),
        (forge(steps=SHAPE.weights - 1), "does not hold"),
        (forge(steps=50_000_000), "does not hold"),  # 100 MB in some kB: not unpacked
        (seal(HEADER.pack(MAGIC, 1, 6, 3, 6, 40, 52, 0) + b"\x01nothing packed"), "damaged"),
        (seal(HEADER.pack(MAGIC, 2, 6, 3, 6, 40, 52, 0)), "version 2"),
    ],
)
def test_a_forged_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StoredError, match=message):
        unpack(data)


def test_a_forged_file_of_zeros_is_read() -> None:
    assert not unpack(forge(steps=SHAPE.weights)).steps.any()


def test_jpegs_fill_the_bytes_they_are_given() -> None:
    picture = np.uint8(255 * draw_photograph("coffee", 96))
    small, large = (code_jpeg(picture, size) for size in (2000, 6000))
    assert small is not None
    assert large is not None
    assert psnr_8bit(large, picture) > psnr_8bit(small, picture) + 2
    assert code_jpeg(picture, 200) is None
    found = code_jpeg2000(picture, 2000)
    assert found is not None
    assert psnr_8bit(found, picture) > psnr_8bit(small, picture)
    assert code_jpeg2000(picture, 50) is None


def test_the_study_tells_sizes_and_reads_its_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--quick", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "compress.json").read_text())["rows"]
    assert [(row["photograph"], row["K"]) for row in rows] == [
        (name, K) for K in (4, 8) for name in ("astronaut", "coffee", "mean")
    ]
    for row in rows:
        assert row["bytes"] * 8 == pytest.approx(row["bits a pixel"] * 64**2)
        if row["photograph"] != "mean":
            path = tmp_path / f"{row['photograph']}_k{row['K']}.ddec"
            assert path.stat().st_size == row["bytes"]
            truth = np.uint8(np.rint(255 * draw_photograph(row["photograph"], 64)))
            assert psnr_8bit(read_stored(path).paint(), truth) == pytest.approx(row["deep decoder"])
            assert abs(row["deep decoder"] - row["before rounding"]) < 3
    steps = json.loads((tmp_path / "compress_steps.json").read_text())["rows"]
    bits = [row["bits a weight, by level"] for row in steps]
    assert bits == sorted(bits)
    for name in ("compress_astronaut", "compress_mean", "compress_pictures"):
        Image.open(tmp_path / f"{name}.png").verify()


def test_an_own_image_is_stored_and_read_back(tmp_path: Path) -> None:
    Image.fromarray(np.uint8(255 * draw_photograph("rocket", 50))[:33]).save(tmp_path / "own.png")
    out = tmp_path / "out"
    result = CliRunner().invoke(
        main, [str(out), "--quick", "--device", "cpu", "--image", str(tmp_path / "own.png")]
    )
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, [str(out), "--read", str(out / "own_k4.ddec")])
    assert result.exit_code == 0, result.output
    assert np.array_equal(
        np.asarray(Image.open(out / "own_k4.png")), read_stored(out / "own_k4.ddec").paint()
    )


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "torn.ddec"
    path.write_bytes(pack(draw_stored())[:-9])
    result = CliRunner().invoke(main, [str(tmp_path), "--read", str(path)])
    assert result.exit_code == 1
    assert result.output == "Error: the stored picture is damaged: its checksum is wrong; store it anew\n"


def test_an_image_too_small_for_the_levels_is_one_line(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((12, 30, 3), np.uint8)).save(tmp_path / "small.png")
    result = CliRunner().invoke(main, [str(tmp_path), "--image", str(tmp_path / "small.png")])
    assert result.exit_code == 1
    assert result.output == "Error: no decoder paints 30x12 px by 4 levels\n"


def test_weights_are_counted() -> None:
    assert SHAPE.begin(0).flatten().shape == (1, SHAPE.weights)
    assert struct.calcsize("<4sBBBHHHI") == HEADER.size
