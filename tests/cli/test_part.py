"""The command with --part."""

import json
from pathlib import Path

import pytest
from fake_run import FakePool
from processes import names
from stopped_runs import drawn, place

from subremover.cli import command as cli

__all__ = ["drawn", "place"]

WORDS = ["--mask", "mask.png", "--no-borrow", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def run(*words: str) -> int:
    return cli.run([*words, *WORDS], FakePool())


def test_parts_and_the_film_of_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.mp4", "-o", "c.mp4", "-q") == 0
    assert run("a.mp4", "-o", "b.mp4", "--part", "1/2") == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "a.mp4: 1 subtitle on 70 of 70 frames; part 1 of 2 is rendered, 36 frames in 3 segments; "
        "the film is made without --part"
    )
    assert run("a.mp4", "-o", "b.mp4", "--part", "1/2") == 0
    assert "36 frames in 3 segments (36 of them by a run before)" in capsys.readouterr().err
    assert run("a.mp4", "-o", "b.mp4", "--part", "9/9") == 0
    assert "part 9 of 9 has nothing to render" in capsys.readouterr().err
    assert not Path("b.mp4").exists()
    assert run("a.mp4", "-o", "b.mp4", "-q") == 0
    assert Path("b.mp4").read_bytes() == Path("c.mp4").read_bytes()
    assert run("a.mp4", "-o", "b.mp4", "--part", "1/2") == 4
    assert "'b.mp4' exists; add --overwrite" in capsys.readouterr().err
    assert names(place) == ["a.mp4", "b.mp4", "c.mp4", "mask.png"]


def test_what_was_found_is_written_with_the_film(place: Path) -> None:
    words = ["--srt", "a.srt", "--report", "a.html", "--save-plan", "plan", "--provenance", "from.mp4", "-q"]
    words += ["--subtitle-track", "--match-size"]
    assert run("a.mp4", "-o", "b.mp4", *words, "--part", "1/2") == 0
    assert {path.name for path in place.iterdir()} == {".b.mp4.subremover", "a.mp4", "mask.png"}
    assert run("a.mp4", "-o", "b.mp4", *words) == 0
    made = {"a.html", "a.srt", "b.mp4", "from.mp4", "plan"}
    assert {path.name for path in place.iterdir()} == made | {"a.mp4", "mask.png"}


def test_a_film_is_replaced_when_all_parts_are_there(place: Path) -> None:
    Path("b.mp4").write_text("before")
    assert run("a.mp4", "-o", "b.mp4", "-q", "--part", "1/1") == 4
    assert run("a.mp4", "-o", "b.mp4", "-q", "--part", "1/1", "--overwrite") == 0
    assert Path("b.mp4").read_text() == "before"
    assert run("a.mp4", "-o", "b.mp4", "-q", "--overwrite") == 0
    assert Path("b.mp4").stat().st_size > 1000
    assert names(place) == ["a.mp4", "b.mp4", "mask.png"]


def test_of_several_films_the_same_part_of_each(place: Path) -> None:
    Path("d.mp4").write_bytes(Path("a.mp4").read_bytes())
    assert run("a.mp4", "d.mp4", "-o", "out", "-q", "--part", "2/2") == 0
    for name in ("a.mp4", "d.mp4"):
        part = place / "out" / f".{name}.subremover" / "part-2-of-2"
        assert len(list(part.glob("*.picture"))) == 3


def test_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("a.mp4", "-o", "b.mp4", "--part", "2/2", "-q", "--progress", "json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["kind"] for line in lines[:-1]} == {"progress"}
    result = lines[-1]
    assert (result["kind"], result["film"], result["output"]) == ("result", "a.mp4", "b.mp4")
    counts = [result[name] for name in ("part", "parts", "part_segments", "part_frames", "frames_resumed")]
    assert counts == [2, 2, 3, 34, 0]
    assert (result["frames"], result["events"]) == (70, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "b.mp4", "--part", "0/2"], "there is no part 0 of 2 of a film; give I/N with I from 1 to N"),
        (["-o", "b.mp4", "--part", "3/2"], "there is no part 3 of 2"),
        (["-o", "b.mp4", "--part", "2"], "cannot read '2' as a part of a film; give I/N, as 2/8"),
        (["-o", "b.mp4", "--part", "1/2", "--no-resume"], "leave out --no-resume"),
        (["-o", "b.mp4", "--part", "1/2", "--cluster", "a:1"], "leave out --cluster or --part"),
        (["--part", "1/2", "--scan-only"], "leave out --scan-only and --preview"),
        (["--part", "1/2", "--preview", "look"], "leave out --scan-only and --preview"),
    ],
)
def test_what_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run("a.mp4", *words) == 2
    assert said in capsys.readouterr().err
    assert names(place) == ["a.mp4", "mask.png"]
