"""What a film has beside its frames comes through: some of what examples/benchmarks/fidelity.py shows."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from fidelity import run_item
from fidelity_compare import compare
from fidelity_films import draw_parts
from fidelity_items import SECTIONS
from fidelity_words import ffmpeg
from media import draw_film, draw_picture, draw_subtitle

from subremover import scan

QUICK = [item for items in SECTIONS.values() for item in items if item.is_quick]
FIRST = ("-map", "0", "-map", "1", "-map_metadata", "2", "-disposition:a", "default")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    draw_parts(folder)
    return folder


@pytest.mark.parametrize("item", QUICK, ids=[f"{item.name}, {item.containers}" for item in QUICK])
def test_kept_or_told(tmp_path: Path, parts: Path, item) -> None:
    outcome = run_item(item, tmp_path, parts)
    assert outcome.lost == ()
    assert bool(outcome.warnings) == bool(item.loses)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("-c copy -an", "audio"),
        ("-c copy -metadata title=Other", "tags"),
        ("-c copy -map_chapters -1", "chapters"),
        ("-c copy -metadata:s:a language=fra", "tags of streams"),
        ("-c copy -disposition:a 0", "disposition"),
        ("-c:v copy -c:a aac -b:a 20k", "packets"),
        ("-c:a copy -c:v libx264 -crf 50", "picture"),
        ("-c:a copy -c:v libx264 -pix_fmt yuv444p", "pixels"),
        ("-c:a copy -c:v libx264 -frames:v 8", "frames"),
        ("-c copy -aspect 2:1", "shape"),
        ("-c:a copy -c:v libx264 -vf setparams=color_primaries=bt2020", "primaries"),
        ("-c:a copy -c:v libx264 -x264-params chromaloc=2", "chroma location"),
    ],
)
def test_a_loss_is_found(tmp_path: Path, parts: Path, arguments: str, kind: str) -> None:
    """The comparison is not blind: copies that lack one thing differ in just that."""
    source, target = tmp_path / "a.mkv", tmp_path / "b.mkv"
    words = f"-f lavfi -i testsrc2=s=64x64:r=25:d=0.4 -f lavfi -i sine=d=0.4 -i {parts / 'tags.txt'}"
    ffmpeg("-v", "error", *words.split(), *FIRST, source)
    keep = np.ones((64, 64), bool)
    assert compare(source, source, keep) == []
    more = [] if "-an" in arguments else ["-map", "0"]
    ffmpeg("-v", "error", "-i", source, *more, *arguments.split(), target)
    assert kind in {difference.kind for difference in compare(source, target, keep)}


def test_the_scan_sees_the_picture_upright(tmp_path: Path) -> None:
    """A subtitle that players show at the bottom is found there, though the frames lie on their side."""
    upright = (320, 180)
    pictures = [draw_picture(index, upright) for index in range(24)]
    _, mask = draw_subtitle(pictures[0], "Turned")
    for index in range(4, 19):
        pictures[index], _ = draw_subtitle(pictures[index], "Turned")
    path = draw_film(
        tmp_path / "a.mp4",
        size=upright[::-1],
        rotation=90,
        audio=False,
        pictures=[np.rot90(picture, -1) for picture in pictures],
    ).path
    (event,) = scan(path).removed
    assert (event.first, event.last) == (4, 18)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    found = (event.box.x, event.box.y, event.box.right, event.box.bottom)
    assert found == pytest.approx((left, top, left + width, top + height), abs=4)
