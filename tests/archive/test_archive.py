"""Which films a run is handed out, and what is left of it on disk."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from archived import DONE, NO_OUTPUTS, OPTIONS, ask, make
from processes import names

from subremover.archive import archive as module
from subremover.archive import arrivals as arrivals_module
from subremover.archive.archive import Archive
from subremover.archive.arrivals import Arrivals
from subremover.archive.claim import Claim
from subremover.archive.film import FilmRequest
from subremover.archive.folders import FoundFilm, find_films
from subremover.archive.names import claim_file, record_file
from subremover.archive.options import ArchiveOptions
from subremover.archive.record import read_record
from subremover.errors import InputError, OutputError, UsageError
from subremover.options import EncodeOptions, Options

ALL = ("a.mp4", "b.mp4", "s/a.mp4")
SKIP_DONE = ArchiveOptions(skip_done=True)
SKIP_BUSY = ArchiveOptions(skip_done=True, skip_busy=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


@pytest.fixture
def films(tmp_path: Path) -> list[FilmRequest]:
    return [ask(tmp_path, name) for name in ALL]


def run(films: list[FilmRequest], options: ArchiveOptions = SKIP_DONE, fails: str = "") -> Archive:
    """Make what is handed out, but for a film that fails."""
    with Archive(films, options) as archive:
        while (film := archive.next_film()) is not None:
            archive.check(film)
            archive.note(film, InputError("cannot read it") if film.name == fails else make(film))
    return archive


def states(archive: Archive) -> dict[str, str]:
    return {name: entry.state for name, entry in archive.summary.entries.items()}


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.endswith((".claim", ".dead")) or ".part-" in name]


class TestOnce:
    def test_in_order(self, films: list[FilmRequest], tmp_path: Path) -> None:
        archive = run(films)
        assert list(states(archive).items()) == [(name, "done") for name in ALL]
        records = [".a.mp4.subremover.json", ".b.mp4.subremover.json", "s/.a.mp4.subremover.json"]
        assert names(tmp_path / "clean") == sorted([*ALL, "s", *records])

    def test_what_is_done_is_left_out_and_what_failed_is_repeated(self, films: list[FilmRequest]) -> None:
        assert run(films, fails="b.mp4").summary.tell() == "3 films: 2 done, 1 failed"
        archive = run(films)
        assert states(archive) == {"a.mp4": "done before", "b.mp4": "done", "s/a.mp4": "done before"}
        assert archive.summary.entries["a.mp4"].done == DONE
        assert run(films, ArchiveOptions()).summary.tell() == "3 films: 3 done"

    def test_a_film_that_failed_leaves_nothing(self, films: list[FilmRequest], tmp_path: Path) -> None:
        run(films[:1], fails="a.mp4")
        assert names(tmp_path / "clean") == []

    def test_a_missing_output_is_made_again(self, tmp_path: Path) -> None:
        film = ask(tmp_path, film=tmp_path / "a.mp4", srt=tmp_path / "a.srt")
        run([film])
        (tmp_path / "a.srt").unlink()
        with Archive([film], SKIP_DONE) as archive:
            again = archive.next_film()
            assert again is not None
            assert again.options.encode.overwrite
            archive.note(again, KeyboardInterrupt())
        assert not film.options.encode.overwrite
        assert run([film]).summary.tell() == "1 film: 1 done"
        assert run([film]).summary.tell() == "1 film: 1 done before"

    def test_an_output_that_is_another_is_not_replaced(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        run([film])
        film.first_output.write_text("of somebody else")
        with Archive([film], SKIP_DONE) as archive:
            found = archive.next_film()
            assert found == film
            assert found is not None
            archive.note(found, OutputError("it exists"))
        film.first_output.write_text("made")
        assert run([film]).summary.tell() == "1 film: 1 done before"  # nothing was forgotten

    def test_an_earlier_record_comes_back(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        run([film])
        record = read_record(record_file(film.first_output))
        other = ask(tmp_path, options=Options(encode=EncodeOptions(crf=20.0, overwrite=True)))
        run([other], fails="a.mp4")
        assert read_record(record_file(film.first_output)) == record

    def test_killed_between_its_last_output_and_its_record(self, tmp_path: Path) -> None:
        film = ask(tmp_path)
        archive = Archive([film], SKIP_DONE)
        with archive:
            assert archive.next_film() == film
            make(film)  # and it is stopped before it can say so
        assert states(archive) == {"a.mp4": "stopped"}
        assert run([film]).summary.tell() == "1 film: 1 done before"
        record = read_record(record_file(film.first_output))
        assert record is not None
        assert record.outputs == {"film": {"": 4}}
        assert record.done is None

    def test_no_records(self, films: list[FilmRequest], tmp_path: Path) -> None:
        run(films, ArchiveOptions(keep_records=False))
        assert not [name for name in names(tmp_path) if name.endswith(".json")]
        film = FilmRequest("a.mp4", films[0].source, NO_OUTPUTS, OPTIONS)
        with Archive([film], ArchiveOptions()) as archive:  # as --scan-only alone
            assert archive.next_film() == film
            archive.note(film, DONE)

    def test_a_record_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        film = ask(tmp_path, film=tmp_path / "file/a.mp4")
        with Archive([film], SKIP_DONE) as archive:
            assert archive.next_film() == film
            with pytest.raises(OutputError, match="cannot write"):
                archive.check(film)
            archive.note(film, DONE)


class TestSummary:
    def read(self, file: Path) -> list[str]:
        return [entry["state"] for entry in json.loads(file.read_text())["films"]]

    def test_after_each_film(self, films: list[FilmRequest], tmp_path: Path) -> None:
        file = tmp_path / "summary.json"
        with Archive(films, ArchiveOptions(summary=file)) as archive:
            for count in range(3):
                assert self.read(file) == ["done"] * count + ["waiting"] * (3 - count)
                film = archive.next_film()
                assert film is not None
                archive.note(film, make(film))
        assert self.read(file) == ["done"] * 3

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_stopped(self, films: list[FilmRequest], tmp_path: Path, error: type[BaseException]) -> None:
        file = tmp_path / "summary.json"
        options = replace(SKIP_BUSY, summary=file)
        with pytest.raises(error), Archive(films, options) as archive:  # noqa: PT012
            film = archive.next_film()
            assert film is not None
            archive.note(film, make(film))
            assert archive.next_film() is not None
            raise error
        assert self.read(file) == ["done", "stopped", "waiting"]
        assert leftovers(tmp_path) == []

    def test_a_bug_is_a_failure(self, films: list[FilmRequest]) -> None:
        with pytest.raises(MemoryError), Archive(films, ArchiveOptions()) as archive:  # noqa: PT012
            archive.next_film()
            raise MemoryError
        assert states(archive) == {"a.mp4": "failed", "b.mp4": "waiting", "s/a.mp4": "waiting"}

    def test_it_cannot_be_written(self, films: list[FilmRequest], tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(OutputError, match="cannot write"),
            Archive(films, ArchiveOptions(summary=tmp_path / "file/summary.json")),
        ):
            pytest.fail("it should not begin")


class TestBusy:
    @pytest.fixture
    def other(self, films: list[FilmRequest]) -> Iterator[Claim]:
        """Another's claim on the first film."""
        films[0].first_output.parent.mkdir()
        claim = Claim(films[0].first_output)
        assert claim.take()
        yield claim
        claim.release()

    def after(self, films: list[FilmRequest], then: Callable[[], object]) -> Archive:
        """Do something once all other films are done."""
        with Archive(films, SKIP_BUSY) as archive:
            for name in ("b.mp4", "s/a.mp4"):
                film = archive.next_film()
                assert film is not None
                assert film.name == name
                assert claim_file(film.first_output).exists()
                archive.note(film, make(film))
                assert not claim_file(film.first_output).exists()
            threading.Timer(0.05, then).start()
            while (film := archive.next_film()) is not None:
                archive.note(film, make(film))
        return archive

    def test_one_that_lives(self, films: list[FilmRequest], other: Claim) -> None:
        assert states(self.after(films, other.beat))["a.mp4"] == "busy"

    def test_one_that_ends_without_it(self, films: list[FilmRequest], other: Claim) -> None:
        assert states(self.after(films, other.release))["a.mp4"] == "done"

    def test_one_that_ends_with_it(self, films: list[FilmRequest], other: Claim) -> None:
        def end() -> None:
            other.release()

        run(films[:1])
        record = record_file(films[0].first_output).read_bytes()
        record_file(films[0].first_output).unlink()

        def finish() -> None:
            record_file(films[0].first_output).write_bytes(record)
            end()

        assert states(self.after(films, finish))["a.mp4"] == "done before"

    @pytest.mark.usefixtures("other")
    def test_one_that_dies(self, films: list[FilmRequest], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subremover.archive.claim.DEAD_SECONDS", 0.2)
        assert states(self.after(films, lambda: None))["a.mp4"] == "done"

    def test_one_that_died_before(self, films: list[FilmRequest], tmp_path: Path) -> None:
        claim = Claim(films[0].first_output)
        films[0].first_output.parent.mkdir()
        assert claim.take()
        file = claim_file(films[0].first_output)
        said = json.loads(file.read_text())
        claim.release()
        file.write_text(json.dumps({**said, "started": "1"}))
        assert list(states(run(films, SKIP_BUSY)).values()) == ["done"] * 3
        assert leftovers(tmp_path) == []

    def test_one_that_has_just_made_the_last_output(self, films: list[FilmRequest], other: Claim) -> None:
        """And is yet to write its record."""
        with Archive(films[:1], ArchiveOptions()) as archive:
            film = archive.next_film()
            assert film is not None
            make(film)
        found = []

        def end() -> None:
            found.append("busy")
            other.release()

        assert states(self.after(films, end))["a.mp4"] == "done before"
        assert found == ["busy"]

    def test_a_film_that_is_lost(self, films: list[FilmRequest]) -> None:
        with Archive(films[:1], SKIP_BUSY) as archive:
            film = archive.next_film()
            assert film is not None
            file = claim_file(film.first_output)
            file.write_text(json.dumps({**json.loads(file.read_text()), "token": "of another"}))
            record = record_file(film.first_output).read_bytes()
            archive.note(film, make(film))
        (entry,) = archive.summary.failed.values()
        assert entry.error is not None
        assert "another process has taken over" in entry.error
        assert file.exists()
        assert record_file(film.first_output).read_bytes() == record

    def test_what_is_in_the_way_of_a_claim(self, films: list[FilmRequest]) -> None:
        films[0].first_output.parent.mkdir()
        claim_file(films[0].first_output).mkdir()
        with Archive(films[:1], SKIP_BUSY) as archive:
            film = archive.next_film()
            assert film is not None
            with pytest.raises(OutputError, match="is in the way of this film's claim"):
                archive.check(film)
            archive.note(film, OutputError("it is in the way"))
        assert claim_file(films[0].first_output).exists()


def test_several_threads(tmp_path: Path) -> None:
    films = [ask(tmp_path, f"{number}.mp4") for number in range(40)]
    handed: list[str] = []
    with Archive(films, SKIP_BUSY) as archive:

        def work() -> None:
            while (film := archive.next_film()) is not None:
                handed.append(film.name)
                archive.note(film, make(film))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(handed) == sorted(film.name for film in films)
    assert archive.summary.tell() == "40 films: 40 done"
    assert leftovers(tmp_path) == []


class TestWatch:
    @pytest.fixture(autouse=True)
    def _settle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arrivals_module, "POLL_SECONDS", 0.01)
        monkeypatch.setattr(arrivals_module, "SETTLED_SECONDS", 0.05)

    def open(self, folder: Path) -> Archive:
        def request(found: FoundFilm) -> FilmRequest:
            if found.relative.name == "bad.mp4":
                raise UsageError("two outputs would be written there; give each a name of its own")
            return ask(folder, str(found.relative))

        (folder / "films").mkdir(exist_ok=True)
        return Archive(
            [], SKIP_DONE, arrivals=Arrivals(lambda: find_films(folder / "films")), request=request
        )

    def test_films_that_arrive(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        made = []
        with self.open(tmp_path) as archive:

            def put(name: str, text: str = "x") -> FilmRequest:
                (tmp_path / "films" / name).write_text(text)
                film = archive.next_film()
                assert film is not None
                made.append(film.name)
                return film

            archive.note(put("a.mp4"), make(ask(tmp_path)))
            (tmp_path / "films/bad.mp4").write_text("x")
            archive.note(put("b.mp4"), InputError("cannot read it"))
            archive.note(put("c.mp4"), make(ask(tmp_path, "c.mp4")))
            archive.note(put("b.mp4", "mended"), make(ask(tmp_path, "b.mp4")))
        assert made == ["a.mp4", "b.mp4", "c.mp4", "b.mp4"]
        assert archive.summary.tell() == "4 films: 3 done, 1 failed"
        assert "bad.mp4: two outputs would be written there" in caplog.text
        with self.open(tmp_path) as archive:
            threading.Timer(0.3, lambda: (tmp_path / "films/d.mp4").write_text("x")).start()
            film = archive.next_film()
            assert film is not None
            assert film.name == "d.mp4"

    def test_a_signal_ends_the_waiting_at_once(self, tmp_path: Path) -> None:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt), self.open(tmp_path) as archive:  # noqa: PT012
                threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                start = time.monotonic()
                archive.next_film()
        finally:
            signal.signal(signal.SIGINT, before)
        assert time.monotonic() - start < 5
