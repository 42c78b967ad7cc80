import errno
from pathlib import Path

import pytest
from media import draw_film
from segmented import foresee

from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.video.film import Film
from subremover.video.read.probe import probe

PLAIN = EncodeOptions()


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return probe(draw_film(tmp_path / "a.mp4", frames=3).path)


def test_good(film: Film, tmp_path: Path) -> None:
    for name in ("b.mp4", "b.mkv", "b.mov", "b.ts"):
        foresee(film, tmp_path / name, PLAIN)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_the_film_itself(film: Film, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(film.path)
    (tmp_path / "hard.mp4").hardlink_to(film.path)
    for name in ("a.mp4", "link.mp4", "hard.mp4"):
        with pytest.raises(OutputError, match="is the film itself; give another name"):
            foresee(film, tmp_path / name, EncodeOptions(overwrite=True))


def test_existing(film: Film, tmp_path: Path) -> None:
    (tmp_path / "b.mp4").touch()
    with pytest.raises(OutputError, match="exists; add --overwrite"):
        foresee(film, tmp_path / "b.mp4", PLAIN)
    foresee(film, tmp_path / "b.mp4", EncodeOptions(overwrite=True))


def test_directory(film: Film, tmp_path: Path) -> None:
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(OutputError, match="is a directory; give a file name"):
        foresee(film, tmp_path / "b.mp4", PLAIN)


def test_missing_directory(film: Film, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no directory .*; create it first"):
        foresee(film, tmp_path / "new" / "b.mp4", PLAIN)


def test_directory_that_cannot_be_written(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(OutputError, match=r"Permission denied.*; choose another directory"):
        foresee(film, tmp_path / "b.mp4", PLAIN)


@pytest.mark.parametrize("name", ["b.xyz", "b"])
def test_unknown_extension(film: Film, tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"no container is known .* extension such as .mp4"):
        foresee(film, tmp_path / name, PLAIN)


def test_codec_that_the_container_cannot_hold(film: Film, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'b.webm' cannot hold h264; use .mkv"):
        foresee(film, tmp_path / "b.webm", PLAIN)


@pytest.mark.parametrize(
    ("source", "settings", "target", "codec"),
    [
        ("a.wmv", {"codec": "wmv2"}, "b.mkv", None),
        ("a.wmv", {"codec": "wmv2"}, "b.mxf", None),
        ("a.mov", {"codec": "qtrle", "pix_fmt": "rgb24"}, "b.MKV", None),
        ("a.mp4", {}, "b.srt", "libvpx-vp9"),
        ("a.mkv", {"codec": "ffv1", "size": (161, 97)}, "b.mkv", "libx264"),
    ],
)
def test_a_way_out_is_one(
    tmp_path: Path, source: str, settings: dict, target: str, codec: str | None
) -> None:
    film = probe(draw_film(tmp_path / source, frames=3, audio=False, **settings).path)
    what = r"'b\..*' cannot hold|libx264 does not take yuv420p of 161x97 px \(.*\)"
    with pytest.raises(OutputError, match=f"({what}).*; use ") as refusal:
        foresee(film, tmp_path / target, EncodeOptions(codec=codec))
    for way in str(refusal.value).rpartition("; use ")[2].split(" or "):
        if way.startswith("--codec "):
            foresee(film, tmp_path / target, EncodeOptions(codec=way.removeprefix("--codec ")))
        else:
            foresee(film, (tmp_path / target).with_suffix(way), EncodeOptions(codec=codec))


def test_a_way_out_goes_with_a_text_track(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.wmv", codec="wmv2", frames=3, audio=False).path)
    with pytest.raises(OutputError, match=r"cannot hold wmv2; use --codec libx264$"):
        foresee(film, tmp_path / "b.mkv", EncodeOptions(subtitle_track=True))


@pytest.mark.parametrize("codec", ["x264vfw", "aac"])
def test_unknown_encoder(film: Film, tmp_path: Path, codec: str) -> None:
    with pytest.raises(OutputError, match=f"no encoder named '{codec}'; try libx264"):
        foresee(film, tmp_path / "b.mp4", EncodeOptions(codec=codec))
