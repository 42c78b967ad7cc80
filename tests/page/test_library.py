"""Films are found in the folder and nowhere else; what is made of them never lies behind a link."""

import os
from pathlib import Path

import pytest

from subremover.errors import InputError, OutputError
from subremover.page import library as library_module
from subremover.page.library import Library
from subremover.page.refusals import Refusal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.mp4", "sub/b.MKV", "notes.txt", ".hidden.mp4"):
        (folder / name).write_bytes(b"x")
    return folder


def read(folder: Path) -> Library:
    library = Library(folder)
    library.make_folders()
    return library


def names(folder: Path) -> list[str]:
    return [film.relative for film in read(folder).list_films()]


def test_films_are_found_in_folders_too(folder: Path) -> None:
    assert names(folder) == ["a.mp4", "sub/b.MKV"]


def test_hidden_folders_and_the_own_folder_are_left_out(folder: Path) -> None:
    for name in (".cache", "subremover/cleaned", "sub/subremover"):
        (folder / name).mkdir(parents=True)
        (folder / name / "c.mp4").write_bytes(b"x")
    assert names(folder) == ["a.mp4", "sub/b.MKV", "sub/subremover/c.mp4"]


def test_a_link_counts_if_it_leads_to_a_film_in_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.mp4").write_bytes(b"x")
    (folder / "in.mp4").symlink_to(folder / "sub" / "b.MKV")
    (folder / "out.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "circle.mp4").symlink_to(folder / "circle.mp4")
    (folder / "up").symlink_to(tmp_path)
    (folder / "pipe.mp4").unlink(missing_ok=True)
    os.mkfifo(folder / "pipe.mp4")
    assert names(folder) == ["a.mp4", "in.mp4", "sub/b.MKV"]


def test_a_film_that_becomes_a_link_to_elsewhere_is_gone(folder: Path, tmp_path: Path) -> None:
    library = read(folder)
    film = library.list_films()[0]
    assert library.find(film.id) == film
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"x")
    film.path.unlink()
    film.path.symlink_to(secret)
    with pytest.raises(Refusal, match="no such film") as refusal:
        library.find(film.id)
    assert refusal.value.status == 404


@pytest.mark.parametrize("film_id", ["", "..", "a.mp4", "0" * 16, "../../etc/passwd", "A" * 16, "\0" * 16])
def test_what_is_no_id_is_no_film(folder: Path, film_id: str) -> None:
    with pytest.raises(Refusal):
        read(folder).find(film_id)


def test_names_that_are_not_utf8_have_ids_and_can_be_shown(folder: Path) -> None:
    raw = os.fsencode(folder) + b"/caf\xe9.mp4"
    try:
        Path(os.fsdecode(raw)).write_bytes(b"x")
    except OSError:
        pytest.skip("this disk takes no such names")
    library = read(folder)
    film = next(film for film in library.list_films() if film.relative.startswith("caf"))
    assert film.name == "caf\ufffd.mp4"
    assert library.find(film.id).path.exists()


def test_not_more_films_are_listed_than_a_page_can_show(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library_module, "MOST_FILMS", 1)
    assert len(names(folder)) == 1


def test_folders_are_followed_so_deep_and_no_deeper(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_module, "MOST_DEPTH", 0)
    assert names(folder) == ["a.mp4"]


def test_what_is_made_of_a_film_lies_beside_what_is_made_of_others(folder: Path) -> None:
    library = read(folder)
    film = library.list_films()[1]
    outputs = library.outputs(film)
    made = folder / "subremover" / "cleaned" / "sub"
    assert (outputs.film, outputs.srt, outputs.report) == (made / "b.MKV", made / "b.srt", made / "b.html")
    assert library.outputs(film, "mkv").film == made / "b.MKV"
    assert library.outputs(film, "mp4").film == made / "b.mp4"


def test_films_that_differ_by_their_suffix_do_not_share_a_report(folder: Path) -> None:
    (folder / "a.mkv").write_bytes(b"x")
    library = read(folder)
    places = [library.outputs(film, "mp4") for film in library.list_films()[:2]]
    assert [place.report.name for place in places] == ["a.mkv.html", "a.mp4.html"]
    assert [place.film.name for place in places] == ["a.mkv.mp4", "a.mp4"]


def test_the_state_of_a_film_follows_from_what_is_there(folder: Path) -> None:
    library = read(folder)
    film = library.list_films()[0]
    assert library.find_state(film) == "new"
    (library.plans / "a.mp4").mkdir()
    (library.plans / "a.mp4" / "plan.json").write_text("{}")
    assert library.find_state(film) == "scanned"
    (library.cleaned / "a.mkv").write_bytes(b"x")
    assert library.find_state(film) == "done"
    assert library.find_clean(film) == library.cleaned / "a.mkv"


@pytest.mark.parametrize("name", ["subremover", "subremover/cleaned", "subremover/plans"])
def test_a_folder_that_is_a_link_is_not_written_to(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).symlink_to(tmp_path)
    with pytest.raises(OutputError, match="is a link"):
        read(folder)


def test_a_link_among_what_was_made_is_not_followed(folder: Path, tmp_path: Path) -> None:
    library = read(folder)
    for place in (library.cleaned, library.plans):
        (place / "sub").symlink_to(tmp_path)
    film = library.list_films()[1]
    for ask in (library.outputs, library.plan_folder):
        with pytest.raises(Refusal, match="is a link"):
            ask(film)


def test_what_is_no_folder_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"is no folder; give the folder"):
        Library(folder / "a.mp4")
    with pytest.raises(InputError, match=r"does not exist; give the folder"):
        Library(folder / "none")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="change the mode"):
            read(folder)
    finally:
        folder.chmod(0o700)
