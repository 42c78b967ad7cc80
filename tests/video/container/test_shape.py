from fractions import Fraction
from pathlib import Path

import pytest
from media import all_packets, draw_film, dress_film, open_film
from segmented import foresee

from subremover.options import EncodeOptions
from subremover.video.container import shape
from subremover.video.container.mux import remux
from subremover.video.container.shape import write_shape
from subremover.video.container.tags import keep_tags
from subremover.video.read.probe import probe

WIDE = Fraction(4, 3)


def ratio(path: Path) -> Fraction | None:
    with open_film(path) as container:
        return container.streams.video[0].sample_aspect_ratio


def draw_square(path: Path, codec: str) -> Path:
    """Of 4:3 samples, of which PyAV's Matroska says nothing."""
    options = {"deadline": "realtime"} if "vpx" in codec else None
    return draw_film(path, frames=6, codec=codec, sample_aspect_ratio=WIDE, options=options).path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.webm", "libvpx-vp9"), ("a.mkv", "ffv1"), ("it's 50%d: a.mkv", "ffv1"), ("\udce9.mkv", "ffv1")],
)
def test_the_shape_is_written_and_all_else_kept(tmp_path: Path, name: str, codec: str) -> None:
    path = draw_square(tmp_path / name, codec)
    assert ratio(path) in (None, 1)
    packets = all_packets(path)
    assert write_shape(path, WIDE, "webm" if codec == "libvpx-vp9" else "matroska")
    assert float(ratio(path)) == pytest.approx(4 / 3, rel=0.005)
    assert all_packets(path) == packets
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_copy_that_lacks_something_is_not_taken(tmp_path: Path) -> None:
    """FFmpeg's program makes a second picture of cover art."""
    draw_film(tmp_path / "plain.mkv")
    dress_film(tmp_path / "plain.mkv", tmp_path / "a.mkv")
    data = (tmp_path / "a.mkv").read_bytes()
    assert not write_shape(tmp_path / "a.mkv", WIDE, "matroska")
    assert (tmp_path / "a.mkv").read_bytes() == data
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mkv", "plain.mkv"]


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/ffmpeg"])
def test_a_program_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    path = draw_square(tmp_path / "a.mkv", "ffv1")
    data = path.read_bytes()
    monkeypatch.setattr(shape, "find_program", lambda: program)
    assert not write_shape(path, WIDE, "matroska")
    assert path.read_bytes() == data
    assert [p.name for p in tmp_path.iterdir()] == ["a.mkv"]


def test_without_the_program_it_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = draw_square(tmp_path / "a.mp4", "libx264")
    monkeypatch.setattr(shape, "find_program", lambda: None)
    expected = ("the shape of the samples (4/3) cannot be kept in matroska without an ffmpeg",)
    assert foresee(probe(path), tmp_path / "b.mkv", EncodeOptions()) == expected
    assert remux(probe(path), tmp_path / "b.mkv", EncodeOptions()) == expected
    assert foresee(probe(path), tmp_path / "b.mp4", EncodeOptions()) == ()


def test_a_copy_of_all_packets_has_it_too(tmp_path: Path) -> None:
    path = draw_square(tmp_path / "a.mp4", "libvpx-vp9")
    assert remux(probe(path), tmp_path / "b.mkv", EncodeOptions()) == ()
    assert ratio(tmp_path / "b.mkv") == WIDE
    with open_film(path) as old, open_film(tmp_path / "b.mkv") as new:
        assert keep_tags(old.metadata) == keep_tags(new.metadata)
