import errno
import os
from pathlib import Path

import pytest

from subremover.errors import PlanError
from subremover.runtime.paths import exists, is_file, is_folder, look, read_small_file, resolve

ODD = ["gone", "file/x", "closed/x", "circle", "x" * 300, "\0"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a folder that must not be entered, which holds for root as well."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"four")
    Path("folder").mkdir()
    Path("circle").symlink_to("circle")
    real = {"stat": os.stat, "lstat": os.lstat}

    def refuse(name: str, path: object, *words: object, **options: object) -> object:
        if "closed/" in os.fspath(path):  # type: ignore[call-overload]
            raise PermissionError(errno.EACCES, "Permission denied")
        return real[name](path, *words, **options)  # type: ignore[operator]

    for name in real:
        monkeypatch.setattr(os, name, lambda *words, name=name, **options: refuse(name, *words, **options))
    return tmp_path


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_what_cannot_be_looked_at_is_not_there(name: str) -> None:
    path = Path(name)
    assert (exists(path), is_file(path), is_folder(path)) == (False, False, False)
    assert resolve(path).name == path.name
    with pytest.raises(PlanError, match=r"cannot read the list .*; check its name and its mode, or burn it"):
        read_small_file(path, "the list", "burn it", 9)


def test_what_is_there(place: Path) -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("folder/../file")
    assert [exists(Path(name)) for name in ("file", "folder", "pipe", "link")] == [True] * 4
    assert [is_file(Path(name)) for name in ("file", "folder", "pipe", "link")] == [True, False, False, True]
    assert [is_folder(Path(name)) for name in ("file", "folder", "pipe")] == [False, True, False]
    assert resolve(Path("link")) == place.resolve() / "file"
    assert read_small_file(Path("link"), "the list", "burn it", 4) == b"four"
    with pytest.raises(PlanError, match="the list 'pipe' is no regular file; burn it"):
        read_small_file(Path("pipe"), "the list", "burn it", 4)


@pytest.mark.usefixtures("place")
def test_nothing_is_told_from_what_must_not_be_looked_at() -> None:
    assert look(Path("gone")) is None
    assert look(Path("file/x")) is None
    assert look(Path("circle")) is not None
    for name in ("closed/x", "x" * 300, "circle/x"):
        with pytest.raises(OSError, match=r"denied|too long|Too many"):
            look(Path(name))
