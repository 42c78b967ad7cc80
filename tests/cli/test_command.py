import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import pytest
import torch
from media import draw_film, dress_film, read_luma, read_packets, read_pts
from processes import ENVIRONMENT, ROOT, names, read_processes
from tiny_runs import draw_mask

import subremover
from subremover import pipeline
from subremover.archive.film import Done, FilmRequest
from subremover.cli import command as cli
from subremover.cli import process_films
from subremover.cli.progress_bar import ProgressBar
from subremover.detect import found_so_far
from subremover.errors import InputError, WorkerError
from subremover.fill.paint.pool import Pool
from subremover.geometry import Box
from subremover.memory import count_scan_bytes
from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    Options,
    PaintOptions,
    PoolOptions,
    ScanOptions,
)
from subremover.parsing import Position, Region
from subremover.plan.model import Event, EventKind, FilmKey, Plan, Shot
from subremover.progress import Progress
from subremover.report import pictures
from subremover.video.container.mux import CarriedStreams
from subremover.video.film import Film
from subremover.video.read.probe import probe

NAME = r"(?<![\w-])--?[a-z][a-z-]*"
"""Of an option."""
TINY = ["--steps", "2", "--channels", "4", "--levels", "3", "--device", "cpu"]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and its mask, drawn once."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_film(folder / "a.mp4", frames=24)
    cv2.imwrite(str(folder / "mask.png"), draw_mask((160, 96)))
    return folder


@pytest.fixture
def place(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a copy of `drawn`, writable."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """`run` takes SIGTERM for the whole process; children of a background shell ignore SIGINT."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def save_plan(source: str, folder: str, text: str) -> None:
    """A plan with one subtitle on frames 4 to 9 that says this."""
    words = [
        "--scan-only",
        "--mask",
        "mask.png",
        "--start",
        "4f",
        "--end",
        "10f",
        "--save-plan",
        folder,
        "-q",
    ]
    assert cli.run([source, *words]) == 0
    document = json.loads(Path(folder, "plan.json").read_text())
    (event,) = (event for event in document["events"] if event["remove"])
    event["text"] = text
    Path(folder, "plan.json").write_text(json.dumps(document))


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def made(folder: Path) -> list[str]:
    """What is in a folder, but for the records of the films."""
    return [name for name in names(folder) if not name.endswith(".subremover.json")]


def stay(kind: EventKind, x: int, y: int, **how: Any) -> Event:
    """An event of all of `a.mp4` that is left alone."""
    return Event(0, 23, Box(x, y, 20, 8), np.ones((8, 20), np.bool_), kind=kind, remove=False, **how)


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the scan find these events."""

    def set_events(*events: Event) -> None:
        def make_plan(film: Film, *_: Any, **__: Any) -> Plan:
            return Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 23),), events)

        monkeypatch.setattr(pipeline, "make_plan", make_plan)

    return set_events


def write_page(film: Film, plan: Plan, file: Path) -> None:
    """In the report's place."""
    file.write_text(f"{film.path.name}: {plan.removed[0].text}")


class TestRun:
    """What the command makes."""

    pytestmark = pytest.mark.usefixtures("place")

    def test_a_clean_film_and_a_last_line(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        drawn = draw_film(place / "c.mp4", subtitles=((0, 23, "Hi"),))
        cv2.imwrite("hi.png", drawn.masks[0] * 255)
        words = ["--mask", "hi.png", "--start", "9f", "--end", "0.6", "--no-borrow"]
        assert cli.run(["c.mp4", "-o", "b.mp4", *words, *TINY]) == 0
        out, err = capsys.readouterr()
        *_, rendered, verified, last = err.splitlines()
        assert out == ""
        assert re.fullmatch(r"c.mp4: render 15/15 frames, [\d.]+ frames/s, 0 s left", rendered)
        assert re.fullmatch(r"c.mp4: verify 24/24 frames, [\d.]+ frames/s, 0 s left", verified)
        assert re.fullmatch(
            r"b.mp4: 1 subtitle removed, 6 frames masked, of the hidden pixels 100 % painted; "
            r"9 frames copied; [\d.]+ s, 0.\d MB",
            last,
        )
        assert read_pts(place / "c.mp4") == read_pts(place / "b.mp4")
        assert read_packets(place / "c.mp4", "audio") == read_packets(place / "b.mp4", "audio")
        changes = [
            np.abs(a[mask].astype(int) - b[mask]).mean()
            for a, b, mask in zip(read_luma(drawn.path), read_luma(place / "b.mp4"), drawn.masks, strict=True)
        ]
        assert [index for index, change in enumerate(changes) if change > 10] == list(range(9, 15))

    def test_what_cannot_be_kept_is_said_once_and_first(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        draw_film(place / "plain.mkv")
        dress_film(place / "plain.mkv", place / "c.mkv")
        words = ["--mask", "mask.png", "--end", "2f", "--no-borrow", "--codec", "libx265"]
        assert cli.run(["c.mkv", "-o", "b.mp4", *words, *TINY]) == 0
        lines = capsys.readouterr().err.splitlines()
        begun = next(number for number, line in enumerate(lines) if "frames/s" in line)
        told = [
            number for number, line in enumerate(lines) if "cannot keep" in line or "cannot be kept" in line
        ]
        assert lines[told[0]] == "c.mkv: attachment 'font.ttf' cannot be kept in mp4"
        assert len(told) == 2
        assert told[-1] < begun

    def test_quiet(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--end", "2f", "-q", *TINY]) == 0
        assert capsys.readouterr() == ("", "")
        assert "b.mp4" in names(place)

    def test_a_terminal_gets_bars(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert cli.run(["a.mp4", "-o", "b.mp4", "--segmenter", "gradient"]) == 0
        assert cli.run(["a.mp4", "-o", "c.mp4", "--mask", "mask.png", "--end", "1f", *TINY]) == 0
        err = capsys.readouterr().err
        for stage, count in (("scan  ", 24), ("render", 12), ("verify", 24)):  # half of it is copied
            assert re.search(rf"{stage}: 100%\|.*\| {count}/{count} \[\d\d:\d\d<\d\d:\d\d, .*frames/s\]", err)

    def test_nothing_found(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["a.mp4", "-o", "b.mp4", "--segmenter", "gradient"]) == 0
        assert "b.mp4: no subtitle found, copied as it was;" in capsys.readouterr().err
        for kind in ("video", "audio"):
            assert read_packets(place / "a.mp4", kind) == read_packets(place / "b.mp4", kind)

    def test_the_last_line_names_what_stays(
        self, find: Callable[..., None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        logo, sign = stay("logo", 138, 2), stay("scene", 4, 44, text="EXIT")
        told = (
            "left alone: a logo at the top right (--logos), "
            'a sign "EXIT" at the left (--everything; see --report)'
        )
        find(logo, sign)
        assert cli.run(["a.mp4", "-o", "b.mp4"]) == 0
        last = capsys.readouterr().err.splitlines()[-1]
        size = r"[\d.]+ s, [\d.]+ MB; "
        assert re.fullmatch(rf"b.mp4: no subtitle found, copied as it was; {size}{re.escape(told)}", last)
        assert cli.run(["a.mp4", "--scan-only", "--region", "bottom"]) == 0
        last = capsys.readouterr().err.splitlines()[-1]
        where = r"a.mp4: no subtitle found in the region, [\d.]+ s; "
        assert re.fullmatch(where + re.escape(told), last)
        assert cli.run(["a.mp4", "--preview", "look"]) == 0
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == f"a.mp4: no subtitle found; no pictures; {told}"
        assert cli.run(["a.mp4", "-o", "c.mp4", "-q"]) == 0
        assert capsys.readouterr().err == ""
        find(logo, sign, replace(stay("subtitle", 70, 80), remove=True))
        shutil.copy("a.mp4", "c.mp4")
        assert cli.run(["a.mp4", "c.mp4", "-o", "clean", "--no-borrow", *TINY]) == 0
        ends = [line for line in capsys.readouterr().err.splitlines() if "left alone" in line]
        assert [line.split(": ")[0] for line in ends] == ["clean/a.mp4", "clean/c.mp4"]
        for line in ends:
            assert ": 1 subtitle removed, 24 frames masked, " in line
            assert line.endswith(f" MB; {told}")

    def test_a_plan_s_left_alone(self, find: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
        find(stay("logo", 138, 2))
        assert cli.run(["a.mp4", "--scan-only", "--save-plan", "plan", "-q"]) == 0
        assert cli.run(["a.mp4", "-o", "b.mp4", "--plan", "plan"]) == 0
        assert capsys.readouterr().err.endswith("; left alone: a logo at the top right (as the plan says)\n")

    def test_plan_saved_and_used(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        saving = ["a.mp4", "--scan-only", "--mask", "mask.png", "--end", "8f", "--save-plan", "plan"]
        assert cli.run(saving) == 0
        assert "a.mp4: 1 subtitle on 8 of 24 frames" in capsys.readouterr().err
        assert names(place / "plan") == ["event_0001.png", "event_0002.png", "plan.json"]
        assert cli.run(["a.mp4", "-o", "b.mp4", "--plan", "plan", "--start", "6f", *TINY]) == 0
        assert "1 subtitle removed, 2 frames masked" in capsys.readouterr().err
        assert names(place) == sorted(
            ["a.mp4", "b.mp4", "mask.png", "plan", *(f"plan/{name}" for name in names(place / "plan"))]
        )

    def test_a_scan_takes_what_a_render_does_not_fit_in(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        needed = count_scan_bytes(probe(place / "a.mp4"), 1)
        words = ["a.mp4", "--mask", "mask.png", "--end", "2f", "--max-memory", f"{-(-needed >> 20)}M"]
        assert cli.run([*words, "-o", "b.mp4", *TINY]) == 2
        assert re.search(r"--max-memory \d+M does not suffice for 'a.mp4'", capsys.readouterr().err)
        assert cli.run([*words, "--scan-only"]) == 0
        assert "a.mp4: 1 subtitle on 2 of 24 frames" in capsys.readouterr().err

    def test_preview(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["a.mp4", "--preview", "look", "--mask", "mask.png", "--end", "2f", *TINY]) == 0
        assert "1 subtitle on 2 of 24 frames; 6 pictures in look" in capsys.readouterr().err
        assert len(names(place / "look")) == 6
        assert "b.mp4" not in names(place)

    def test_films_of_all_frames_around_a_moment(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["--around", "12f", "--mask", "mask.png", "--start", "6f", "--end", "8f", *TINY]
        assert cli.run(["a.mp4", "--preview", "look", *words]) == 0
        films = [f"look/{name}.mp4" for name in ("before", "after", "provenance")]
        *_, shown, last = capsys.readouterr().err.splitlines()
        assert re.fullmatch(r"a.mp4: preview 24/24 frames, [\d.]+ frames/s, 0 s left", shown)
        assert last == f"a.mp4: 1 subtitle on 2 of 24 frames; frames 0 to 23 in {', '.join(films)}"
        assert names(place / "look") == ["after.mp4", "before.mp4", "provenance.mp4"]
        assert [len(read_pts(Path(name))) for name in films] == [24] * 3
        shutil.copy("a.mp4", "c.mp4")
        assert cli.run(["a.mp4", "c.mp4", "--preview", "looks", *words, "--end", "7f"]) == 0
        assert made(place / "looks/c.mp4") == ["after.mp4", "before.mp4", "provenance.mp4"]

    def test_a_folder_stands_for_the_films_in_it(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (place / "in").mkdir()
        for name in ("b.MKV", "a.mp4"):
            draw_film(place / "in" / "film.mkv", 4, audio=False).path.rename(place / "in" / name)
        (place / "in" / "notes.txt").write_text("no film")
        (place / "in" / ".part.mp4").touch()
        words = ["in", "--mask", "mask.png", "--scan-only", "--save-plan", "plans"]
        assert cli.run(words) == 0
        assert re.findall("^(.*): 1 subtitle on", capsys.readouterr().err, re.MULTILINE) == ["a.mp4", "b.MKV"]
        assert made(place / "plans")[::3] == ["a.mp4", "b.MKV"]
        (place / "in" / "b.MKV").unlink()  # a folder of one film is a folder still
        assert cli.run(["in", "--mask", "mask.png", "-o", "out", "--no-borrow", *TINY]) == 0
        assert names(place / "out") == [".a.mp4.subremover.json", "a.mp4"]
        assert cli.run(["in", "-o", "out.mp4"]) == 2
        assert "-o 'out.mp4' is a file's name; name a folder for several inputs" in capsys.readouterr().err

    def test_a_name_that_ends_as_a_folder_s(self, place: Path) -> None:
        words = ["--mask", "mask.png", "--end", "1f", "--no-borrow", *TINY]
        assert cli.run(["a.mp4", "-o", "new/clean/", *words]) == 0
        assert names(place / "new/clean") == ["a.mp4"]

    def test_films_share_what_fits(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A GPU keeps from film to film what was begun on it."""
        made = []
        real = Pool._make_fitter
        monkeypatch.setattr(Pool, "_make_fitter", lambda self, name: made.append(name) or real(self, name))
        shutil.copy(place / "a.mp4", place / "c.mp4")
        words = ["a.mp4", "c.mp4", "-o", "clean", "--no-borrow", "--mask", "mask.png", "--end", "1f", *TINY]
        assert cli.run([*words, "-q"]) == 0
        assert made == ["cpu"]
        assert cli.run([*words, "-q", "--overwrite", "--max-memory", "4G"]) == 0
        assert made == ["cpu"] * 3
        assert cli.run([*words, "-q", "--overwrite", "--device", "cuda:77"]) == 6  # once for all

    def test_several_films(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.copy("a.mp4", "c.mp4")
        Path("broken.mp4").write_text("no film")
        sources = ["a.mp4", "broken.mp4", "c.mp4"]
        options = ["--mask", "mask.png", "--end", "1f", "--save-plan", "plans", *TINY]
        assert cli.run([*sources, "-o", "clean", *options]) == 1
        err = capsys.readouterr().err
        assert "subremover: broken.mp4: cannot read 'broken.mp4' as a film" in err
        assert err.count("1 subtitle removed") == 2
        assert made(place / "clean") == ["a.mp4", "c.mp4"]
        assert cli.run(["a.mp4", "c.mp4", "-o", "clean", "--overwrite", "--plan", "plans", *TINY]) == 0
        assert capsys.readouterr().err.count("1 subtitle removed, 1 frame masked, of the hidden") == 2

    def test_what_was_read_goes_into_an_srt_file(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """With the scan alone, and with the film, which gets it as a track too."""
        save_plan("a.mp4", "plan", "Was?\nÉtoile 字幕")
        expected = "1\n00:00:00,166 --> 00:00:00,417\nWas?\nÉtoile 字幕\n"
        assert cli.run(["a.mp4", "--scan-only", "--plan", "plan", "--srt", "a.srt"]) == 0
        assert (place / "a.srt").read_text(encoding="utf-8") == expected
        words = ["--plan", "plan", "--srt", "new/b.srt", "--subtitle-track", "--subtitle-language", "deu"]
        assert cli.run(["a.mp4", "-o", "b.mp4", *words, *TINY]) == 0
        assert (place / "new" / "b.srt").read_text(encoding="utf-8") == expected
        with av.open("b.mp4") as container:
            assert container.streams.subtitles[0].language == "deu"
        texts = [(float(at), data[2:].decode()) for at, data in read_packets(place / "b.mp4", "subtitles")]
        assert texts[1] == (pytest.approx(0.166, abs=0.0001), "Was?\nÉtoile 字幕")
        assert "there is no subtitle track" not in capsys.readouterr().err

    def test_in_the_format_that_the_name_asks_for(self, place: Path) -> None:
        save_plan("a.mp4", "plan", "Was <i>nun</i>?")
        words = ["a.mp4", "--scan-only", "--plan", "plan", "--speaker-colours"]
        assert cli.run([*words, "--srt", "a.vtt"]) == 0
        text = (place / "a.vtt").read_text(encoding="utf-8")
        assert text.startswith("WEBVTT\n\n00:00:00.166 --> 00:00:00.417")
        assert text.endswith("\nWas <i>nun</i>?\n")
        assert cli.run([*words, "--srt", "a.ass"]) == 0
        text = (place / "a.ass").read_text(encoding="utf-8")
        assert "\nDialogue: 0,0:00:00.16,0:00:00.41,Default,,0,0,0,," in text
        assert text.endswith("Was {\\i1}nun{\\i0}?\n")

    def test_nothing_read(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["--mask", "mask.png", "--end", "1f", "--srt", "b.srt", "--subtitle-track"]
        assert cli.run(["a.mp4", "-o", "b.mp4", *words, *TINY]) == 0
        err = capsys.readouterr().err
        assert "a.mp4: no subtitle was read, so 'b.srt' has none" in err
        assert "a.mp4: no subtitle was read, so there is no subtitle track" in err
        assert (place / "b.srt").read_bytes() == b""
        with av.open("b.mp4") as container:
            assert not container.streams.subtitles

    def test_several_films_with_all_that_is_made_of_them(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy("a.mp4", "c.mp4")
        for name in ("a", "c"):
            save_plan(f"{name}.mp4", f"plans/{name}.mp4", f"Film {name}")
        monkeypatch.setattr(pictures, "write_report", write_page)
        words = ["--plan", "plans", "--scan-only", "--srt", "texts", "--report", "pages"]
        assert cli.run(["a.mp4", "c.mp4", *words]) == 0
        assert made(place / "texts") == ["a.srt", "c.srt"]
        assert "Film c" in (place / "texts" / "c.srt").read_text()
        assert made(place / "pages") == ["a.html", "c.html"]
        assert (place / "pages" / "a.html").read_text() == "a.mp4: Film a"

    def test_files_that_exist_are_kept_unless_told(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        save_plan("a.mp4", "plan", "New")
        monkeypatch.setattr(pictures, "write_report", write_page)
        for option, file in (("--srt", "a.srt"), ("--report", "a.html")):
            (place / file).write_text("old")
            words = ["a.mp4", "--scan-only", "--plan", "plan", option, file]
            assert cli.run(words) == 4
            assert f"'{file}' exists; add --overwrite or give another name" in capsys.readouterr().err
            assert (place / file).read_text() == "old"
            assert cli.run([*words, "--overwrite"]) == 0
            assert "New" in (place / file).read_text()

    def test_a_report_that_fails_leaves_nothing(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(film: Film, plan: Plan, file: Path) -> None:
            write_page(film, plan, file)
            raise OSError(errno.ENOSPC, "No space left on device")

        save_plan("a.mp4", "plan", "New")
        monkeypatch.setattr(pictures, "write_report", fail)
        before = names(place)
        assert cli.run(["a.mp4", "--scan-only", "--plan", "plan", "--report", "a.html"]) == 4
        assert "cannot write 'a.html': No space left on device" in capsys.readouterr().err
        assert names(place) == before

    def test_a_film_of_origins_and_a_report_with_shares(
        self, place: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["--mask", "mask.png", "--start", "4f", "--end", "10f", "--no-borrow"]
        words += ["--provenance", "p.mp4"]
        assert cli.run(["a.mp4", "-o", "b.mp4", *words, "--report", "a.html", *TINY]) == 0
        assert read_pts(place / "p.mp4") == read_pts(place / "a.mp4")
        page = (place / "a.html").read_text()
        assert page.count("<dt>Hidden pixels</dt><dd>100 % painted</dd>") == 2  # of all, and of the event
        assert "<!-- shares" not in page
        assert not [name for name in names(place) if ".part-" in name]
        assert cli.run(["a.mp4", "-o", "b.mp4", *words, "--overwrite", *TINY]) == 0
        assert "b.mp4: 1 subtitle removed" in capsys.readouterr().err

    def test_films_of_origins_go_to_a_folder(self, place: Path) -> None:
        shutil.copy("a.mp4", "c.mp4")
        words = ["--mask", "mask.png", "--end", "1f", "--no-borrow", "--provenance", "traced", "-q"]
        assert cli.run(["a.mp4", "c.mp4", "-o", "clean", *words, *TINY]) == 0
        assert names(place / "traced") == ["a.mp4", "c.mp4"]

    def test_nothing_found_has_no_origins(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["a.mp4", "-o", "b.mp4", "--segmenter", "gradient", "--provenance", "p.mp4"]) == 0
        assert "a.mp4: nothing is removed, so there is no 'p.mp4'" in capsys.readouterr().err
        assert "p.mp4" not in names(place)

    def test_one_film_into_a_folder(self, place: Path) -> None:
        (place / "clean").mkdir()
        assert cli.run(["a.mp4", "-o", "clean", "--segmenter", "gradient", "-q"]) == 0
        assert names(place / "clean") == ["a.mp4"]

    def test_overwrite(self, place: Path) -> None:
        Path("b.mp4").write_text("old")
        assert cli.run(["a.mp4", "-o", "b.mp4", "--segmenter", "gradient", "--overwrite", "-q"]) == 0
        assert len(read_pts(place / "b.mp4")) == 24

    def test_a_cut_off_film(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data = draw_film(place / "c.mkv", frames=60, audio=False).path.read_bytes()
        Path("c.mkv").write_bytes(data[: len(data) // 2])
        assert cli.run(["c.mkv", "-o", "b.mkv", "--mask", "mask.png", "--end", "1f", *TINY]) == 0
        err = capsys.readouterr().err
        assert "c.mkv: the film ends after" in err
        assert "b.mkv: 1 subtitle removed" in err
        assert 0 < len(read_pts(place / "b.mkv")) < 60


class TestOptions:
    """From words to options."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Options]:
        """Options that the command passes on, for these words."""
        found: list[Options] = []
        monkeypatch.setattr(cli, "process_film", lambda film, *_: found.append(film.options))

        def ask(*words: str) -> Options:
            assert cli.run(["a.mp4", "-o", "b.mp4", *words]) == 0
            return found.pop()

        return ask

    def test_defaults_are_those_of_the_options(self, asked: Callable[..., Options]) -> None:
        assert asked() == Options()

    def test_scan(self, asked: Callable[..., Options]) -> None:
        words = "--start 0:01:30.250 --end 3000f --region bottom --region 0,0,10%,5 --segmenter gradient"
        scan = asked(*words.replace("10%,5", "10,5").split(), "--mask", "m.png").scan
        assert (scan.start, scan.end) == (Position(seconds=90.25), Position(frame=3000))
        assert scan.regions == (Region.parse("bottom"), Region(0, 0, 10, 5, False))
        assert (scan.segmenter, scan.mask, scan.plan) == ("gradient", Path("m.png"), None)
        assert asked("--plan", "p").scan.plan == Path("p")
        assert asked("--logos", "--everything", "--times", "t.srt").scan == ScanOptions(
            times=Path("t.srt"), logos=True, everything=True
        )
        assert asked("--sensitivity", "high").scan == ScanOptions(sensitivity="high")

    def test_fit(self, asked: Callable[..., Options]) -> None:
        words = "--steps 7 --channels 5 --levels 2 --loss ms-ssim --input downsampled --warm-start off"
        fit = FitOptions(7, channels=5, levels=2, loss="ms-ssim", input="downsampled")
        assert asked(*words.split()).paint == PaintOptions(fit, warm_start="off")
        assert asked("--warm-start", "anchor").paint == PaintOptions()
        assert asked("--warm-start", "previous").paint == PaintOptions(warm_start="previous")

    def test_borrow(self, asked: Callable[..., Options]) -> None:
        assert asked("--no-borrow").borrow == BorrowOptions(borrow=False)
        assert asked("--borrow", "--max-distance", "9").borrow == BorrowOptions(max_distance=9)

    def test_presets(self, asked: Callable[..., Options]) -> None:
        for name in ("fast", "standard", "paper"):
            assert asked("--preset", name).paint == PaintOptions.preset(name)
        paper = asked("--preset", "paper", "--steps", "9", "--warm-start", "previous").paint
        assert (paper.fit.steps, paper.fit.channels) == (9, 256)
        assert paper.warm_start == "previous"

    def test_pool_and_encode(self, asked: Callable[..., Options]) -> None:
        words = "--device cuda:1 --batch-size 3 --codec libx265 --crf 20.5 --overwrite"
        options = asked(*words.split())
        assert options.pool == PoolOptions("cuda:1", 3)
        assert options.encode == EncodeOptions("libx265", 20.5, True)
        words = "--codec hevc --encoder-preset slow --tune grain --pix-fmt yuv420p10le --match-size"
        expected = EncodeOptions("hevc", preset="slow", tune="grain", pix_fmt="yuv420p10le", match_size=True)
        assert asked(*words.split()).encode == expected
        assert asked("--subtitle-track").encode == EncodeOptions(subtitle_track=True)
        assert asked("--speaker-colours").encode == EncodeOptions(speaker_colours=True)
        assert asked("--max-memory", "1.5G").max_memory_bytes == 3 << 29
        assert asked("--splice", "on").encode == EncodeOptions(splice="on")
        assert asked("--no-resume").encode == EncodeOptions(resume=False)
        track = asked("--subtitle-track", "--subtitle-language", "jpn")
        assert (track.encode.subtitle_track, track.scan.subtitle_language) == (True, "jpn")
        assert asked("--ocr-model", "mine.onnx").scan.ocr_model == Path("mine.onnx")

    def test_several_films_have_files_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found: list[Options] = []

        def note(film: FilmRequest, *_: object, **__: object) -> Done:
            found.append(film.options)
            return Done(0.0, 0, 0, 0)

        monkeypatch.setattr(process_films, "process_film", note)
        assert cli.run(["a.mp4", "b.mkv", "--scan-only", "--times", "texts"]) == 0
        assert [options.scan.times for options in found] == [Path("texts/a.srt"), Path("texts/b.srt")]


class TestRefusals:
    """Bad input: a message with a remedy, the exit code, and nothing left behind."""

    @pytest.fixture
    def refused(self, place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
        def check(code: int, message: str, *words: str, keeps: bool = False) -> None:
            before = set(names(place))
            assert cli.run(words) == code
            out, err = capsys.readouterr()
            assert out == ""
            assert re.search(message, err)
            assert "Traceback" not in err
            work = {name for name in names(place) if name.startswith(".b.mp4.subremover")}
            assert set(names(place)) - work == before
            assert bool(work) == keeps
            note = "subremover: what is finished is kept: the same command goes on where it stopped"
            assert (err.splitlines()[-1] == note) == keeps

        return check

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("gone.mp4", "'gone.mp4' does not exist; check the name"),
            ("a.mp4/b.mp4", "does not exist; check the name"),
            ("x" * 300 + ".mp4", "File name too long.*; check the name"),
            ("hollow", "there is no film in the folder 'hollow'; name a film, or a folder with films"),
            ("empty.mp4", "'empty.mp4' is empty; download or copy it again"),
            ("text.mp4", "cannot read 'text.mp4' as a film .*; check that it is whole"),
            ("mask.png", r"'mask.png' is no film \(png_pipe\); give a film"),
            ("talk.m4a", r"no video stream in 'talk.m4a' \(found: audio\); give a film"),
            ("stub.mp4", "cannot read 'stub.mp4' as a film .*; check that it is whole"),
            (os.devnull, "is no regular file .*; save it to disk first"),
        ],
    )
    def test_input(self, place: Path, refused: Callable[..., None], source: str, message: str) -> None:
        (place / "hollow").mkdir()
        (place / "hollow" / ".hidden.mp4").touch()
        (place / "empty.mp4").touch()
        (place / "text.mp4").write_text("this is no film\n" * 50)
        (place / "stub.mp4").write_bytes((place / "a.mp4").read_bytes()[:3000])
        with av.open("talk.m4a", "w") as out:
            tone = out.add_stream("aac", rate=48000)
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.sample_rate = 48000
            out.mux(tone.encode(frame))
            out.mux(tone.encode(None))
        refused(3, message, source, "-o", "b.mp4")

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["-o", "a.mp4", "--overwrite"], "'a.mp4' is the film itself; give another name"),
            (["-o", "link.mp4", "--overwrite"], "'link.mp4' is the film itself; give another name"),
            (["-o", "."], "'a.mp4' is the film itself; give another name"),
            (["-o", "mask.png"], "'mask.png' exists; add --overwrite|no container is known"),
            (["-o", "old.mp4"], "'old.mp4' exists; add --overwrite or give another name"),
            (["-o", "b.xyz"], "no container is known for 'b.xyz'; give it an extension such as .mp4"),
            (["-o", "gone/b.mp4"], "there is no directory 'gone'; create it first"),
            (["-o", "old.mp4/b.mp4"], "there is no directory 'old.mp4'; create it first"),
            (["-o", "x" * 300 + ".mp4"], "File name too long; try another name"),
            (["-o", "b.webm"], "'b.webm' cannot hold h264; use .mkv or --codec libvpx-vp9"),
            (
                ["-o", "b.mp4", "--provenance", "a.mp4", "--overwrite"],
                "'a.mp4' is the film itself; give another",
            ),
            (["-o", "b.mp4", "--provenance", "old.mp4"], "'old.mp4' exists; add --overwrite"),
            (["-o", "b.mp4", "--provenance", "p.webm"], "'.webm' cannot hold the film of origins; try .mp4"),
            (["-o", "b.mp4", "--provenance", "p.txt"], "no container is known for 'p.txt'"),
            (["-o", "b.mp4", "--provenance", "x" * 300 + ".mp4"], "File name too long"),
            (["-o", "b.mp4", "--codec", "xvid3"], "no encoder named 'xvid3'; try libx264"),
            (["-o", "b.webm", "--codec", "libx265"], "'b.webm' cannot hold hevc; use .mkv"),
        ],
    )
    def test_output(self, place: Path, refused: Callable[..., None], words: list[str], message: str) -> None:
        (place / "link.mp4").symlink_to("a.mp4")
        (place / "old.mp4").write_text("old")
        refused(4, message, "a.mp4", *words)
        assert (place / "old.mp4").read_text() == "old"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], r"where should the clean film go\? add -o clean.mp4"),
            (["-o", "b.mp4", "--stepz", "3"], "No such option.*--stepz"),
            (["-o", "b.mp4", "--steps", "many"], "'many' is not a valid integer"),
            (["-o", "b.mp4", "--steps", "0"], "steps must be at least 1, got 0"),
            (["-o", "b.mp4", "--channels", "-4"], "channels must be at least 1, got -4"),
            (["-o", "b.mp4", "--levels", "0"], "levels must be at least 1, got 0"),
            (["-o", "b.mp4", "--batch-size", "0"], "the batch size must be at least 1, got 0"),
            (
                ["-o", "b.mp4", "--max-distance", "0"],
                "the greatest distance must be 1 to 100000 frames, got 0",
            ),
            (["-o", "b.mp4", "--max-distance", "100001"], "must be 1 to 100000 frames, got 100001"),
            (["-o", "b.mp4", "--max-distance", "far"], "'far' is not a valid integer"),
            (["-o", "b.mp4", "--crf", "99"], "crf must be 0 to 63, got 99"),
            (["-o", "b.mp4", "--loss", "l2"], "'l2' is not one of 'mix'"),
            (["-o", "b.mp4", "--device", "tpu"], "unknown device 'tpu'; choose auto, cpu"),
            (["-o", "b.mp4", "--region", "0,0,999,9"], "does not fit the picture of 160x96 px"),
            (["-o", "b.mp4", "--region", "left"], "as a region; give x,y,w,h in pixels"),
            (["-o", "b.mp4", "--start", "soon"], "as a time; give a frame"),
            (["-o", "b.mp4", "--max-memory", "4"], "as a size of memory; give a number and a unit"),
            (["-o", "b.mp4", "--start", "-1"], "as a time; give a frame"),
            (["-o", "b.mp4", "--end", "0:61:00"], "as a time, for its minutes are above 59; give"),
            (["-o", "b.mp4", "--start", "9f", "--end", "5f"], r"--start \(frame 9\) must come before"),
            (["-o", "b.mp4", "--start", "0:01:00"], "--start lies behind the end of 'a.mp4'"),
            (["-o", "b.mp4", "--mask", "m.png", "--plan", "p"], "a mask or a plan, not both"),
            (
                ["-o", "b.mp4", "--times", "t.srt", "--plan", "p"],
                "--times tells the scan where to look; leave",
            ),
            (["-o", "b.mp4", "--subtitle-language", "English"], "a language is three letters .*'English'"),
            (
                ["-o", "b.avi", "--subtitle-track"],
                "'b.avi' cannot hold a subtitle track; use .mp4, .mov, .mkv",
            ),
            (["-o", "b.mp4", "--report", "b.mp4"], "two outputs would be written to 'b.mp4'; give each a na"),
            (
                ["-o", "b.mp4", "--srt", "b.mp4"],
                "'b.mp4' names no kind of subtitle file; let it end",
            ),
            (["--scan-only", "--srt", "words.txt"], "'words.txt' names no kind of subtitle file; let it end"),
            (["-o", "b.mp4", "--provenance", "b.mp4"], "two outputs would be written to 'b.mp4'; give each"),
            (["-o", "b.mp4", "--provenance", "link/b.mp4"], "two outputs would be written to 'link/b.mp4'"),
            (["-o", "b.mp4", "--mask", "m.png", "--report", "m.png"], "'m.png' is an input; give the output"),
            (
                ["-o", "m.png", "--mask", "m.png", "--overwrite"],
                "'m.png' is an input; give the output a name",
            ),
            (["--scan-only", "--provenance", "p.mp4"], "--provenance tells what a whole run did; leave out"),
            (["--preview", "look", "--provenance", "p.mp4"], "--provenance tells what a whole run did"),
            (["--scan-only", "--around", "1"], "--around says of which moment .*; add --preview DIR"),
            (["-o", "b.mp4", "--around", "1f"], "--around says of which moment .*; add --preview DIR"),
            (["--preview", "look", "--around", "1:30"], "--around lies behind the end of 'a.mp4'"),
            (
                ["b.mp4", "a.mkv", "--scan-only", "--srt", "new"],
                "two outputs would be written to 'new/a.srt'",
            ),
            (["mask.png", "-o", "old.mp4"], "'old.mp4' is a file; name a folder"),
            (["sub/a.mp4", "-o", "new"], "'a.mp4' and 'sub/a.mp4' have the same name; give them one by one"),
            (["./a.mp4", "-o", "new"], "'a.mp4' was given twice; give it once"),
            (["--srt", "a.srt"], "add -o clean.mp4, or --scan-only for what was found alone"),
            (["--report", "a.html"], "add -o clean.mp4, or --scan-only for what was found alone"),
            (["--save-plan", "plan"], "add -o clean.mp4, or --scan-only for what was found alone"),
            (["-o", "old.mp4/"], "-o 'old.mp4' is a file; name a folder$"),
        ],
    )
    def test_usage(self, place: Path, refused: Callable[..., None], words: list[str], message: str) -> None:
        (place / "old.mp4").write_text("old")
        (place / "link").symlink_to(".")
        refused(2, message, "a.mp4", *words)

    @pytest.mark.parametrize("address", ["http://example.org//a.mp4?x=1", "s3://films/"])
    def test_addresses(self, refused: Callable[..., None], address: str) -> None:
        message = f"reads files only, not addresses: download '{re.escape(address)}' first"
        refused(3, message, "a.mp4", address, "-o", "new")
        refused(3, message, address, "-o", "b.mp4")

    def test_no_input(self, refused: Callable[..., None]) -> None:
        refused(2, "Missing argument 'INPUT")

    def test_quiet_and_verbose(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["a.mp4", "-o", "b.mp4", "-q", "-v"]) == 2
        assert "-q and -v exclude each other" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--mask", "gone.png"], "cannot read the mask 'gone.png'"),
            (["--mask", "text.png"], "'text.png' is no picture; give a PNG"),
            (["--mask", "text.txt"], "cannot use the mask 'text.txt': .*check that it is whole"),
            (["--mask", "small.png"], "is 16x9 px, the film 160x96; scale it to the film's size"),
            (["--plan", "gone"], "cannot read the plan 'gone': .*, or make one with --save-plan"),
            (["--plan", "mask.png"], "'mask.png' is no plan: .*; make one with --save-plan"),
            (["--times", "gone.srt"], "cannot read the times 'gone.srt': .*; check its name and"),
            (["--times", "text.txt"], r"no subtitle was found in 'text.txt'; give a SubRip file"),
        ],
    )
    def test_mask_and_plan(
        self, place: Path, refused: Callable[..., None], words: list[str], message: str
    ) -> None:
        for name in ("text.png", "text.txt"):
            (place / name).write_text("no picture")
        cv2.imwrite("small.png", np.zeros((9, 16), np.uint8))
        refused(5, message, "a.mp4", "-o", "b.mp4", *words)

    def test_the_plan_of_another_film(self, place: Path, refused: Callable[..., None]) -> None:
        draw_film(place / "c.mp4", frames=20, audio=False)
        assert cli.run(["c.mp4", "--scan-only", "--mask", "mask.png", "--save-plan", "plan", "-q"]) == 0
        refused(5, "belongs to another film .*20 frames", "a.mp4", "-o", "b.mp4", "--plan", "plan")

    @pytest.mark.parametrize("device", ["cuda", "cuda:0"])
    def test_no_cuda(
        self, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, device: str
    ) -> None:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        message = rf"CUDA asked for \({device}\), but .*use --device cpu"
        refused(6, message, "a.mp4", "-o", "b.mp4", "--device", device)

    @pytest.mark.parametrize("words", [["--mask", "mask.png", "--end", "2f"], ["--segmenter", "gradient"]])
    def test_a_full_disk(
        self, refused: Callable[..., None], monkeypatch: pytest.MonkeyPatch, words: list[str]
    ) -> None:
        """While frames are rendered, and while packets are copied."""

        def full(*_args: object) -> None:
            raise av.error.FFmpegError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(CarriedStreams, "mux_until", full)
        message = "no space left for 'b.mp4'; free some, or write to another disk"
        refused(4, message, "a.mp4", "-o", "b.mp4", *words, *TINY, keeps=True)

    @pytest.mark.parametrize("option", ["--save-plan", "--preview"])
    def test_a_folder_that_cannot_be_made(self, refused: Callable[..., None], option: str) -> None:
        words = ["--mask", "mask.png", "--end", "1f", option, "a.mp4/new", *TINY]
        refused(4, "cannot write .*; choose another folder", "a.mp4", "-o", "b.mp4", *words)

    @pytest.mark.parametrize("option", ["--srt", "--report"])
    @pytest.mark.parametrize(
        ("file", "message"),
        [
            ("a.srt", "'a.srt' is the film itself; give another name"),
            ("a.mp4/a.srt", "cannot write to 'a.mp4': '.*a.mp4' is no folder; choose another folder"),
            ("x" * 300 + ".srt", "cannot write .*File name too long"),
            ("x" * 300 + "/a.srt", "cannot write .*File name too long"),
        ],
    )
    def test_a_file_that_cannot_be_made(
        self, place: Path, refused: Callable[..., None], option: str, file: str, message: str
    ) -> None:
        (place / "a.srt").symlink_to("a.mp4")
        refused(4, message, "a.mp4", "--scan-only", "--mask", "mask.png", option, file, "--overwrite")

    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [
            (WorkerError("a GPU failed; try --device cpu"), 7, "subremover: a GPU failed; try --device cpu"),
            (MemoryError(), 6, "out of memory; try --batch-size 1 or --preset fast"),
            (KeyboardInterrupt(), 130, "subremover: interrupted"),
        ],
    )
    def test_failures_on_the_way(
        self,
        refused: Callable[..., None],
        monkeypatch: pytest.MonkeyPatch,
        error: BaseException,
        code: int,
        message: str,
    ) -> None:
        def fail(*_args: object) -> None:
            raise error

        monkeypatch.setattr(ProgressBar, "update", fail)
        refused(code, message, "a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--end", "1f", *TINY)

    def test_verbose_shows_where_it_failed(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["gone.mp4", "-o", "b.mp4", "-v"]) == InputError.exit_code
        assert "Traceback" in capsys.readouterr().err
        assert "b.mp4" not in names(place)


class TestHelp:
    def test_groups(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["--help"]) == 0
        out = capsys.readouterr().out
        headings = re.findall(r"^(\S.*):$", out, re.MULTILINE)
        assert headings == [
            *("Everyday", "What to remove", "What was found", "How to encode", "How to fill", "Many films"),
            *("How to run", "What to say", "Of the paper"),
        ]
        assert "Exit codes: 0 done" in out

    def test_every_option_has_a_sentence(self) -> None:
        for parameter in cli.command.params:
            if isinstance(parameter, click.Option):
                assert re.fullmatch(r"[A-Z].{12,}\.", parameter.help or ""), parameter.name

    def test_the_docs_name_the_same_options(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["--help"]) == 0
        _, *parts = re.split(r"^(\S.*):$", capsys.readouterr().out, flags=re.MULTILINE)
        declared = {
            heading: re.findall(NAME, " ".join(re.findall(r"^  (-.+?)(?:  .*)?$", part, re.MULTILINE)))
            for heading, part in zip(parts[::2], parts[1::2], strict=True)
        }
        page = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
        table = page.split("## All options")[1].split("| --- | --- |\n")[1].split("\n\n")[0]
        rows = [row.split(" | ") for row in table.splitlines()]
        assert {heading.strip("| "): re.findall(NAME, names) for heading, names in rows} == declared
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        usage = readme.split("## Use it")[1].split("\n## ")[0]
        assert set(re.findall(NAME, usage)) <= {name for names in declared.values() for name in names}

    @pytest.mark.usefixtures("place")
    def test_verbose(self) -> None:
        """Of this program alone: Pillow, for one, has much to say of a PNG."""
        code = (
            "import logging, sys; from subremover.cli.command import run; code = run(sys.argv[1:]);"
            "log = logging.getLogger('PIL'); log.debug('STREAM'); log.warning('odd'); sys.exit(code)"
        )
        words = ["a.mp4", "-o", "b.mp4", "--mask", "mask.png", "--end", "1f", "--max-memory", "8G", *TINY]
        result = python("-c", code, *words, "-v")
        assert result.returncode == 0
        for line in (
            f"subremover: a.mp4: subremover {subremover.__version__}, 160x96 px, 24 frames, device cpu",
            "subremover: a.mp4: encoder libx264, pixel format yuv420p",
            "subremover: a.mp4: the scan takes 100 % of its usual memory",
            "subremover: a.mp4: 1 shot, 2 events, of which 1 to be removed",
            "subremover: a.mp4: event 1, frames 0 to 0, subtitle, to be removed: not read",
            "subremover: odd",
        ):
            assert line in result.stderr.splitlines()
        assert "STREAM" not in result.stderr

    @pytest.mark.usefixtures("place")
    def test_verbose_tells_why(self, find: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
        reasons = ("stands on a board", "moves with the scene")
        find(stay("scene", 4, 44, text="EXIT", probability=0.125, reasons=reasons))
        assert cli.run(["a.mp4", "--scan-only", "-v"]) == 0
        assert caplog.messages[-1] == (
            "a.mp4: event 1, frames 0 to 23, scene, left alone, 12 % likely a subtitle: "
            'stands on a board; moves with the scene; says "EXIT"'
        )

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(["--version"]) == 0
        assert capsys.readouterr().out == f"subremover, version {subremover.__version__}\n"

    @pytest.mark.parametrize("words", [["--version", "-v"], ["--verbose", "--version"]])
    def test_versions_for_a_bug_report(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.run(words) == 0
        out = capsys.readouterr().out
        assert out.startswith(
            f"subremover, version {subremover.__version__}\nPython {sys.version.split()[0]} on "
        )
        for told in (
            f"torch {torch.__version__}",
            f"av {av.__version__}",
            "FFmpeg in av: ",
            "CUDA in torch: ",
        ):
            assert told in out

    def test_as_a_module(self) -> None:
        result = python("-m", "subremover", "gone.mp4", "-o", "b.mp4")
        assert (result.returncode, result.stdout) == (3, "")
        assert result.stderr == "subremover: 'gone.mp4' does not exist; check the name\n"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
    @pytest.mark.parametrize("words", [["--help"], ["--version"], ["a.mp4", "-o", "b.mp4", "--status"]])
    def test_what_cannot_be_printed(self, words: list[str]) -> None:
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "subremover", *words],
                env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 4
        assert done.stderr == "subremover: cannot print it: No space left on device; free some space\n"

    def test_interrupted_while_it_loads(self) -> None:
        code = (
            "import sys, subremover.__main__ as m\n"
            "class Finder:\n"
            "    def find_spec(self, name, *_):\n"
            "        if name == 'subremover.cli.command': raise KeyboardInterrupt\n"
            "sys.meta_path.insert(0, Finder())\n"
            "m.main()"
        )
        result = python("-c", code)
        assert (result.returncode, result.stdout) == (130, "")
        assert result.stderr == "subremover: interrupted\n"

    @pytest.mark.parametrize(
        "code", ["import subremover", "from subremover.cli.command import run; run(['--help'])"]
    )
    def test_nothing_heavy_is_loaded(self, code: str) -> None:
        check = "import sys; print([m for m in ('torch', 'onnxruntime', 'rapidocr') if m in sys.modules])"
        result = python("-c", f"{code}\n{check}")
        assert result.stdout.endswith("[]\n"), result.stderr


@pytest.mark.usefixtures("place")
class TestProgressLines:
    """What programs are told of a run."""

    MASKED = ("--mask", "hi.png", "--no-borrow", "--progress", "json", *TINY)

    def read(self, out: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.splitlines()]

    @pytest.mark.parametrize("is_quiet", [False, True])
    def test_a_whole_run(self, is_quiet: bool, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        drawn = draw_film(place / "c.mp4", subtitles=((0, 23, "Hi"),))
        cv2.imwrite("hi.png", drawn.masks[0] * 255)
        words = [*self.MASKED, "--start", "9f", "--end", "0.6", *["-q"][: int(is_quiet)]]
        assert cli.run(["c.mp4", "-o", "b.mp4", *words]) == 0
        out, err = capsys.readouterr()
        *steps, result = self.read(out)
        assert {step["kind"] for step in steps} == {"progress"}
        assert {line["film"] for line in [*steps, result]} == {"c.mp4"}
        ends = {step["stage"]: (step["done"], step["total"], step["seconds_left"]) for step in steps}
        assert ends["render"] == (15, 15, 0.0)
        assert ends["verify"] == (24, 24, 0.0)
        assert all(step["frames_per_second"] > 0 for step in steps)
        assert result["kind"] == "result"
        assert (result["output"], result["bytes"]) == ("b.mp4", Path("b.mp4").stat().st_size)
        assert (result["frames"], result["events"], result["frames_masked"]) == (24, 1, 6)
        assert (result["frames_copied"], result["frames_resumed"], result["left_alone"]) == (9, 0, [])
        assert (result["borrowed"], result["unmixed"], result["painted"]) == (0.0, 0.0, 1.0)
        assert "frames/s" not in err
        assert bool(err) is not is_quiet

    def test_a_scan(self, find: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
        find(stay("logo", 4, 4))
        assert cli.run(["a.mp4", "--scan-only", "--progress", "json"]) == 0
        *_, result = self.read(capsys.readouterr().out)
        assert (result["kind"], result["events"]) == ("result", 0)
        assert result["left_alone"] == ["a logo at the top left (--logos)"]
        assert "output" not in result

    def test_events_as_they_are_found(
        self, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(found_so_far, "LEAST_SECONDS", 0)
        subtitles = ((8, 40, "Hello there"), (46, 66, "Good morning"))
        draw_film(place / "c.mp4", 110, (320, 180), subtitles=subtitles, audio=False)
        words = ["c.mp4", "--scan-only", "--start", "20f", "--progress", "json"]
        assert cli.run([*words, "--save-plan", "plan"]) == 0
        lines = self.read(capsys.readouterr().out)
        found = [line for line in lines if line["kind"] == "found"]
        assert [set(line) for line in found] == [{"kind", "film", "event"}] * 3
        assert {line["kind"] for line in lines[: lines.index(found[-1])]} == {"progress", "found"}
        events = [line["event"] for line in found]
        ends = [(event["first"], event["last"], event["remove"]) for event in events]
        assert ends == [(8, 19, False), (20, 40, True), (46, 66, True)]
        for event, planned in zip(
            events, json.loads(Path("plan/plan.json").read_text())["events"], strict=True
        ):
            assert list(event) == [
                *("first", "last", "box", "text", "kind", "remove", "probability", "reasons")
            ]
            for name in ("first", "last", "box", "text", "kind", "remove"):
                assert event[name] == planned[name]
            assert 0.5 < event["probability"] <= 1
            assert event["reasons"]
        assert cli.run([*words, "--plan", "plan"]) == 0
        assert [line["kind"] for line in self.read(capsys.readouterr().out)] == ["result"]

    def test_a_preview_around_a_moment(self, capsys: pytest.CaptureFixture[str]) -> None:
        words = [*self.MASKED, "--mask", "mask.png", "--end", "2f"]
        assert cli.run(["a.mp4", "--preview", "look", "--around", "0.5", *words]) == 0
        *steps, result = self.read(capsys.readouterr().out)
        shown = [step for step in steps if step["stage"] == "preview"]
        assert (shown[0]["done"], shown[-1]["done"], shown[-1]["total"]) == (1, 24, 24)
        assert (result["kind"], result["first"], result["last"]) == ("result", 0, 23)
        assert result["pictures"] == ["look/before.mp4", "look/after.mp4", "look/provenance.mp4"]

    def test_a_film_that_cannot_be_read_and_one_that_can(
        self, find: Callable[..., None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        find(stay("logo", 4, 4))
        Path("broken.mp4").write_bytes(b"no film")
        assert cli.run(["broken.mp4", "a.mp4", "--scan-only", "--progress", "json"]) == 1
        error, *_, result, summary = self.read(capsys.readouterr().out)
        assert (summary["kind"], summary["counts"]["failed"], summary["counts"]["done"]) == ("summary", 1, 1)
        assert (error["kind"], error["film"], error["exit_code"]) == ("error", "broken.mp4", 3)
        assert error["message"]
        assert (result["kind"], result["film"]) == ("result", "a.mp4")

    def test_nobody_reads(self, place: Path) -> None:
        drawn = draw_film(place / "c.mp4", subtitles=((0, 23, "Hi"),))
        cv2.imwrite("hi.png", drawn.masks[0] * 255)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "subremover", "c.mp4", "-o", "b.mp4", *self.MASKED],
            env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        os.close(writer)
        assert done.returncode == 0, done.stderr
        assert len(read_pts(place / "b.mp4")) == 24


def test_an_estimate_needs_some_frames_or_some_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    with ProgressBar("a.mp4", False) as bar:
        for clock[0], done in ((19, 1), (28, 10), (38, 20), (50, 32)):  # 19 s of loading
            bar.update(Progress("scan", done, 1000))
        bar.end_stage()
        for clock[0], done in ((51, 801), (61, 811)):  # of a run that was stopped
            bar.update(Progress("render", done, 1000))
    ends = [line.split("frames/s")[1] for line in capsys.readouterr().err.splitlines()]
    assert ends == ["", ", 1862 s left", ", 1512 s left", ", 189 s left"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "message", "times"),
    [
        (signal.SIGINT, "subremover: interrupted", 1),
        (signal.SIGINT, "subremover: interrupted", 20),
        (signal.SIGTERM, "", 1),
    ],
)
def test_a_signal_leaves_no_process(tmp_path: Path, number: signal.Signals, message: str, times: int) -> None:
    """Signalled in the midst of a fit that would take hours, when part of a segment is encoded."""
    draw_film(tmp_path / "a.mp4", frames=110, size=(64, 64), options={"preset": "ultrafast"})
    cv2.imwrite(str(tmp_path / "mask.png"), np.pad(np.full((8, 20), 255, np.uint8), ((30, 26), (20, 24))))
    words = ["--mask", "mask.png", "--start", "100f", "--steps", "1000000"]
    words += ["--no-borrow", "--splice", "off"]
    process = subprocess.Popen(
        [sys.executable, "-m", "subremover", "a.mp4", "-o", "b.mp4", *words, "--device", "cpu"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".b.mp4.subremover/.*.part-*.picture")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        for _ in range(times):
            if number == signal.SIGINT:  # as a terminal does: to the whole group
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            if times > 1:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
                    break
        _, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 128 + number
    assert message in err
    assert "Traceback" not in err
    work = [".b.mp4.subremover", *(f".b.mp4.subremover/{name}" for name in ("lock", "plan", "state.json"))]
    assert [name for name in names(tmp_path) if "/plan/" not in name] == [*work, "a.mp4", "mask.png"]
    deadline = time.monotonic() + 10
    while read_processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read_processes(process.pid) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_a_preview_leaves_no_half_film(tmp_path: Path, number: signal.Signals) -> None:
    """When some frames are written, and the others wait for a fit that would take hours."""
    draw_film(tmp_path / "a.mp4", frames=60, size=(64, 64), options={"preset": "ultrafast"})
    cv2.imwrite(str(tmp_path / "mask.png"), np.pad(np.full((8, 20), 255, np.uint8), ((30, 26), (20, 24))))
    words = ["--mask", "mask.png", "--start", "50f", "--steps", "1000000", "--no-borrow", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "subremover", "a.mp4", "--preview", "look", "--around", "30f", *words],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("look/.*.part-*.mp4"))) < 3:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert names(tmp_path) == ["a.mp4", "look", "mask.png"]
