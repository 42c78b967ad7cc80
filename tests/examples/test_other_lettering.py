"""The drawn cases of other lettering: truth that fits the film, signs that stay on what they stand on."""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from camera import Film, find_cuts, follow
from click.testing import CliRunner
from draw_other_lettering import main
from lettering import Patch
from signs import SceneObject

SIZE = (200, 136)
FRAMES = 26

pytestmark = pytest.mark.skipif(shutil.which("fc-list") is None, reason="fonts are found by fontconfig")


def _world(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (60, 80, 3)).astype(np.float32)
    return cv2.resize(noise, (480, 360), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def _pan(world: np.ndarray, count: int) -> list[np.ndarray]:
    """A camera that goes 2 px to the right and 1 px down from frame to frame."""
    return [world[20 + i : 20 + i + SIZE[1], 10 + 2 * i : 10 + 2 * i + SIZE[0]].copy() for i in range(count)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    with av.open(folder / "pan.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "16"})
        stream.width, stream.height = SIZE
        for frame in _pan(_world(1), FRAMES // 2) + _pan(_world(2), FRAMES // 2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    return folder


def _draw(clips: Path, out: Path, count: int) -> list[Path]:
    result = CliRunner().invoke(main, [str(clips), str(out), "--count", str(count)])
    assert result.exit_code == 0, result.output
    return sorted(out.iterdir())


def _read(path: Path, form: str) -> list[np.ndarray]:
    with av.open(path) as container:
        return [frame.to_ndarray(format=form) for frame in container.decode(video=0)]


def test_truth_fits_the_films(clips: Path, tmp_path: Path) -> None:
    cases = _draw(clips, tmp_path / "one", 6)
    assert {case.name.partition("__")[0] for case in cases} == {"pan", "pages"}
    kinds = set()
    for case in cases:
        truth = json.loads((case / "truth.json").read_text(encoding="utf-8"))
        masks = _read(case / "mask.mkv", "gray")
        shown = {i for line in truth["lines"] for i in range(line["first"], line["last"] + 1)}
        assert {i for i, mask in enumerate(masks) if mask.any()} == shown
        assert len(_read(case / "subbed.mp4", "rgb24")) == len(masks) == truth["frames"]
        if truth["lines"]:
            for alone, line in zip(_read(case / "lines.mkv", "gray"), truth["lines"], strict=True):
                found = np.array(cv2.boundingRect((alone > 8).astype(np.uint8)))
                assert np.abs(found - line["box"]).max() <= 1  # faint rims are rounded otherwise elsewhere
                assert (masks[line["first"]] >= alone).all()
        for other in truth["others"]:
            x, y, width, height = other["box"]
            assert 0 <= x < x + width <= truth["size"][0]
            assert 0 <= y < y + height <= truth["size"][1]
            kinds.add(other["kind"])
    assert len(kinds) > 2


def test_a_seed_gives_the_same_case_again(clips: Path, tmp_path: Path) -> None:
    for one, other in zip(
        _draw(clips, tmp_path / "one", 2), _draw(clips, tmp_path / "other", 2), strict=True
    ):
        for file in ("truth.json", "mask.mkv"):
            assert (one / file).read_bytes() == (other / file).read_bytes()
        pictures, again = (np.int16(_read(case / "subbed.mp4", "rgb24")) for case in (one, other))
        assert np.abs(pictures - again).mean() < 4  # x264 does not round in the same way each time


def test_a_sign_stays_on_its_wall() -> None:
    frames = _pan(_world(1), 12)
    path = follow(frames)
    middle = np.float64([SIZE[0] / 2, SIZE[1] / 2, 1])
    np.testing.assert_allclose(path[-1] @ middle - middle, [-22, -11, 0], atol=0.3)
    board = np.zeros((40, 60, 4), np.float32)
    board[8:-8, 8:-8] = (200, 30, 30, 1)
    into_first = np.float64([[0.5, 0, 90], [0, 0.5, 50], [0, 0, 1]])
    sign = SceneObject(board, [matrix @ into_first for matrix in path], 0, 0.5, 0, 128, False)
    boxes = [_box(sign.draw(index, frame)) for index, frame in enumerate(frames)]
    assert np.abs(np.subtract(boxes[-1], boxes[0]) - (-22, -11, 0, 0)).max() <= 1


def _box(patch: Patch | None) -> list[int]:
    assert patch is not None
    box = patch.box(*SIZE)
    assert box is not None
    return box


def test_cuts_are_found_and_shots_follow_from_them() -> None:
    frames = 13 * _pan(_world(1), 1) + 13 * _pan(_world(2), 1)
    film = Film(frames, Fraction(25), "pan", find_cuts(frames))
    assert film.shots == [(0, 12), (13, 25)]
