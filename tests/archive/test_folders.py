"""Which films folders stand for."""

import os
from pathlib import Path
from typing import Any

import pytest

from subremover.archive.folders import find_films
from subremover.errors import InputError
from subremover.runtime.paths import resolve


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with films, hidden ones, links and other things, at several depths."""
    folder = tmp_path / "films"
    for name in (
        "b.mp4",
        "a.MKV",
        "notes.txt",
        ".part.mp4",
        "s1/a.MKV",
        "s1/deep/c.ts",
        ".hidden/d.mp4",
        "out/b.mp4",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "folder.mp4").mkdir()
    (folder / "link").symlink_to("s1")
    (folder / "link.mp4").symlink_to("s1")
    (folder / "circle").symlink_to(".")
    (folder / "s1" / "film.mp4").symlink_to("../b.mp4")
    return folder


def find(folder: Path, *words: Any) -> list[str]:
    found = find_films(folder, *words)
    assert all(film.source == folder / film.relative for film in found)
    return [str(film.relative) for film in found]


def test_one_folder(films: Path) -> None:
    assert find(films) == ["a.MKV", "b.mp4"]


def test_all_folders_below(films: Path) -> None:
    assert find(films, True) == ["a.MKV", "b.mp4", "out/b.mp4", "s1/a.MKV", "s1/deep/c.ts", "s1/film.mp4"]


def test_a_folder_of_outputs_is_not_read(films: Path) -> None:
    assert "out/b.mp4" not in find(films, True, {resolve(films / "out")})
    assert "out/b.mp4" in find(films, True, {resolve(films)})  # whoever has all in one folder means it
    through = films.parent / "through"
    through.symlink_to(films)
    assert "out/b.mp4" not in find(through, True, {resolve(films / "out")})


def test_a_folder_that_cannot_be_read(
    films: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = os.scandir

    def scan(path: Path) -> Any:
        if Path(path).name == "s1":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    unread: dict[Path, str] = {}
    for _ in range(2):
        assert find(films, True, (), unread) == ["a.MKV", "b.mp4", "out/b.mp4"]
    assert caplog.messages == [
        f"cannot read the folder '{films / 's1'}' (Permission denied); its films are left out"
    ]
    assert unread == {films / "s1": f"cannot read the folder '{films / 's1'}' (Permission denied)"}
    with pytest.raises(InputError, match="; check its mode"):
        find_films(films / "s1")
