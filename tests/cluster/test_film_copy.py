"""The same film on every machine."""

import os
from pathlib import Path

import pytest

from subremover.cluster import film_copy
from subremover.cluster.film_copy import FilmSource, OtherFilmError, discard_copies
from subremover.errors import InputError


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(film_copy, "PIECE_BYTES", 1000)
    monkeypatch.setattr(film_copy, "END_BYTES", 100)
    monkeypatch.setattr(film_copy.tempfile, "gettempdir", lambda: str(tmp_path))
    film = tmp_path / "a film.mp4"
    film.write_bytes(bytes(range(256)) * 10)
    os.utime(film, ns=(10**18, 10**18 + 1))
    return film


def give(data: bytes) -> bytes:
    """A piece is its own reference."""
    return data


def test_the_film_itself_where_it_is_the_same(film: Path) -> None:
    with FilmSource.of(film).open(give) as path:
        assert path == film


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda film: film.write_bytes(film.read_bytes() + b"x"), "size"),
        (lambda film: os.utime(film, ns=(0, 0)), "time"),
        (lambda film: film.write_bytes(b"x" + film.read_bytes()[1:]), "content"),
        (lambda film: film.write_bytes(film.read_bytes()[:-1] + b"x"), "content"),
    ],
)
def test_another_film_of_that_name(film: Path, change: object, what: str) -> None:
    source = FilmSource.of(film)
    change(film)  # type: ignore[operator]
    if what == "content":
        os.utime(film, ns=(source.mtime_ns, source.mtime_ns))
    message = rf"has another '.*a film\.mp4' \(its {what} differs\)"
    with pytest.raises(OtherFilmError, match=message), source.open(give):
        pass


def test_no_film(film: Path) -> None:
    source = FilmSource.of(film)
    film.unlink()
    with pytest.raises(OtherFilmError, match=r"cannot read .*No such file"), source.open(give):
        pass
    with pytest.raises(InputError, match=r"cannot read .*check that it is still there"):
        FilmSource.of(film)


def test_a_film_that_is_sent_is_the_same_and_lies_there_once(film: Path) -> None:
    source = FilmSource.of(film, give)
    data, got = film.read_bytes(), []
    film.unlink()

    def get(piece: bytes) -> bytes:
        got.append(piece)
        return piece

    with source.open(get) as one, source.open(get) as other:
        assert one == other
        assert one.read_bytes() == data
        assert one.suffix == ".mp4"
        assert one.stat().st_mtime_ns == source.mtime_ns
        assert one.parent.stat().st_mode & 0o077 == 0
    assert len(got) == 3
    discard_copies([source.digest])
    assert not one.parent.exists()


def test_what_somebody_works_with_stays(film: Path) -> None:
    source = FilmSource.of(film, give)
    with source.open(give) as path:
        discard_copies([source.digest])
        assert path.exists()


def test_what_killed_runs_have_left_goes(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FilmSource.of(film, give)
    with source.open(give) as path:
        pass
    discard_copies([])
    assert path.exists()
    monkeypatch.setattr(film_copy, "STALE_SECONDS", -1)
    discard_copies([])
    assert not path.parent.exists()


def test_half_a_film_is_none(film: Path) -> None:
    source = FilmSource.of(film, lambda piece: piece[:10])
    with pytest.raises(OtherFilmError, match=r"cannot keep a copy .*30 of 2560 bytes"), source.open(give):
        pass
    with pytest.raises(OtherFilmError), source.open(give):
        pass


def test_a_folder_that_somebody_else_has_made_is_not_used(film: Path, tmp_path: Path) -> None:
    source = FilmSource.of(film, give)
    (tmp_path / f"subremover-films-{os.getuid()}").mkdir(mode=0o777)
    (tmp_path / f"subremover-films-{os.getuid()}").chmod(0o777)
    with pytest.raises(OtherFilmError, match="not this user's alone"), source.open(give):
        pass
