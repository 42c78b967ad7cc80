from pathlib import Path

import av
import pytest
from media import draw_film

from subremover.errors import InputError
from subremover.video.read.picture_info import read_picture_info
from subremover.video.read.probe import probe


@pytest.mark.parametrize(
    ("location", "expected"), [("0", "left"), ("1", "center"), ("2", "topleft"), ("4", "bottomleft")]
)
def test_where_chroma_lies(tmp_path: Path, location: str, expected: str) -> None:
    options = {"x264-params": f"chromaloc={location}"}
    film = probe(draw_film(tmp_path / "a.mp4", frames=2, audio=False, options=options).path)
    assert read_picture_info(film).chroma_location == expected


def test_fields(tmp_path: Path) -> None:
    options = {"x264-params": "bff=1", "flags": "+ildct+ilme"}
    info = read_picture_info(
        probe(draw_film(tmp_path / "a.mkv", frames=2, audio=False, options=options).path)
    )
    assert info.is_interlaced
    assert info.is_bottom_first


def test_a_plain_film(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mkv", frames=3, audio=False).path)
    info = read_picture_info(film)
    assert (info.first.width, info.first.height, info.first.pts) == (160, 96, int(film.pts[0]))
    assert not info.is_interlaced
    assert not info.is_bottom_first
    assert read_picture_info(film) is info  # decoded once


def test_logging_is_as_it_was(tmp_path: Path) -> None:
    """Left on, it makes decoder threads wait for the interpreter, and hang at its end."""
    film = probe(draw_film(tmp_path / "a.mkv", frames=2, audio=False).path)
    assert av.logging.get_level() is None
    read_picture_info(film)
    assert av.logging.get_level() is None


def test_a_film_that_is_gone(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mkv", frames=2, audio=False).path)
    film.path.unlink()
    with pytest.raises(InputError, match="does not exist; check the name"):
        read_picture_info(film)
