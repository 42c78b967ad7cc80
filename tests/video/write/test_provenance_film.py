from pathlib import Path

import av
import numpy as np
import pytest
from media import draw_film, luma, open_film, read_pts
from segmented import KEY, cut_at

from subremover.errors import OutputError
from subremover.geometry import Box
from subremover.provenance import Origins
from subremover.video.encode.spool import Spool
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.segments import by_segment
from subremover.video.write.provenance_film import (
    FAR,
    FITTED,
    NEAR,
    UNMIXED,
    assemble_provenance,
    check_provenance,
    draw_frame,
    open_provenance,
)
from subremover.video.write.segment_writer import SegmentWriter

KINDS = ("near", "far", "unmixed", "fitted")
COLOURS = dict(zip(KINDS, (NEAR, FAR, UNMIXED, FITTED), strict=True))
BOXES = {kind: Box(10 + 20 * number, 40, 4, 12) for number, kind in enumerate(KINDS)}
"""As narrow as a letter's stroke."""


def draw_origins() -> Origins:
    origins = Origins(BOXES.values())
    for kind, box in BOXES.items():
        full = np.ones((box.height, box.width), np.float32)
        distance = {"near": 1, "far": 250}.get(kind, 0)
        origins.fill(box, full > 0, full * (kind == "fitted"), distance * full)
        if kind == "unmixed":
            origins.blend(box, full)
    return origins


def write(film: Film, target: Path, overwrite: bool = False) -> None:
    spools = []
    for segment, frames in by_segment(read_frames(film), cut_at(film, 2)):
        file = film.path.with_suffix(f".{segment.start}")
        with SegmentWriter(file, KEY, open_provenance(film, target), target) as writer:
            for index, frame in frames:
                writer.write(draw_frame(film, frame, draw_origins() if index >= 3 else None, 250))
            writer.commit({})
        spools.append(Spool.read(file, KEY))
    assemble_provenance(film, target, overwrite, spools)
    for spool in spools:
        spool.path.unlink()


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("plain.mp4", {"first_pts": 5}),
        ("vary.mkv", {"vfr": True}),
        ("deep.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p10le", "size": (161, 97)}),
        ("rgb.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24"}),
        ("gray.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
    ],
)
def test_colours_times_and_size(tmp_path: Path, name: str, settings: dict) -> None:
    film = probe(draw_film(tmp_path / name, frames=8, **settings).path)
    target = tmp_path / f"traced{Path(name).suffix}"
    write(film, target)
    assert read_pts(target) == read_pts(film.path)
    with open_film(target) as container:
        frames = list(container.decode(video=0))
        assert not container.streams.audio
    assert (frames[0].width, frames[0].height) == (film.width, film.height)
    rgb = [frame.to_ndarray(format="rgb24", src_colorspace="ITU709").astype(int) for frame in frames]
    for index, picture in enumerate(rgb):
        is_gray = np.ptp(picture, axis=2) <= 8
        for kind, box in BOXES.items():
            if index >= 3:
                error = np.abs(picture[box.slices] - COLOURS[kind]).max(axis=2)
                assert np.median(error) <= 6, kind
                is_gray[box.grow(2, 2).slices] = True
        assert is_gray.mean() > 0.99
    dark, bright = luma(frames[0]).astype(int), luma(next(read_frames(film, 0, 1))[1])
    if name == "plain.mp4":
        assert np.corrcoef(dark.ravel(), bright.ravel())[0, 1] > 0.99
        assert dark.max() < 130


def test_rotation_is_kept(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=3, rotation=90).path)
    write(film, tmp_path / "b.mp4")
    assert probe(tmp_path / "b.mp4").rotation == 90


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=3).path)
    with pytest.raises(OutputError, match="no frame of the film could be decoded"):
        assemble_provenance(film, tmp_path / "new" / "b.mp4", False, [])
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["a.mp4", "new"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.mp4", "is the film itself"),
        ("old.mp4", "exists; add --overwrite"),
        ("b.webm", r"'\.webm' cannot hold the film of origins; try \.mp4 or \.mkv"),
        ("b.txt", "no container is known"),
        ("b", "no container is known"),
    ],
)
def test_places_that_do_not_do(tmp_path: Path, name: str, message: str) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=3).path)
    (tmp_path / "old.mp4").write_text("old")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=message):
        check_provenance(film, tmp_path / name, False)
    assert sorted(tmp_path.iterdir()) == before


def test_overwrite(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=3).path)
    (tmp_path / "b.mp4").write_text("old")
    check_provenance(film, tmp_path / "b.mp4", True)
    write(film, tmp_path / "b.mp4", overwrite=True)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].frames == 3
