import codecs
import os
import re
import time
from pathlib import Path

import pytest

from subremover.errors import PlanError
from subremover.plan.cues import Cue
from subremover.video.text.read_srt import read_srt
from subremover.video.text.subtitle_file import write_subtitles

CUES = (
    Cue(1.0, 2.5, "Hello\nworld"),
    Cue(3.0004, 4.0, "Ünïcode, 字幕 и ещё 🎬"),
    Cue(3.5, 360_001.25, "1984"),
)
PLAIN = "1\n00:00:01,000 --> 00:00:02,500\nHello\nworld\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n\n"
FOUND = [(1.0, 2.5, "Hello\nworld"), (3.0, 4.0, "Bye")]


def read(path: Path, data: bytes) -> list[tuple[float, float, str]]:
    path.write_bytes(data)
    return [(cue.start_seconds, cue.end_seconds, cue.text) for cue in read_srt(path)]


def test_round_trip(tmp_path: Path) -> None:
    write_subtitles(CUES, tmp_path / "new" / "a.srt", (640, 360))
    cues = read_srt(tmp_path / "new" / "a.srt")
    assert [cue.text for cue in cues] == [cue.text for cue in CUES]
    for was, now in zip(CUES, cues, strict=True):
        assert (now.start_seconds, now.end_seconds) == pytest.approx(
            (was.start_seconds, was.end_seconds), abs=0.0005
        )


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-32"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("1\n0", "0").replace("2\n0", "0").encode(),  # no numbers
        PLAIN.replace(",000", ".000").replace(",500", ".500").encode(),
        PLAIN.replace("2,500", "2,500  X1:100 X2:200 Y1:3 Y2:4").encode(),
        PLAIN.replace("2,500", "2,500 align:start position:0%").encode(),
        PLAIN.replace("Hello\n", "Hello\n\n").encode(),
        PLAIN.replace("world\n\n", "world\n").encode(),
        PLAIN.rstrip().encode(),
        ("\n\n" + PLAIN).encode(),
        PLAIN.replace("Hello", "{\\an8}<i>Hello</i>")
        .replace("Bye", '<font color="#fff">Bye</font>')
        .encode(),
        PLAIN.replace("Hello", "Hel\0lo").encode(),
        (PLAIN + "3\n00:00:09,000 --> 00:00:08,000\nbackwards\n").encode(),
        (PLAIN + "3\n00:00:05,000 --> 2000000000:00:08,000\ntoo far\n").encode(),
    ],
)
def test_files_of_the_real_world(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path / "a.srt", data) == FOUND


@pytest.mark.parametrize(
    ("text", "codepage"),
    [
        ("Привет, ёлка!\nКак дела?", "cp1251"),  # noqa: RUF001
        ("Ça va très bien,\nl’été à Málaga", "cp1252"),  # noqa: RUF001
        ("Größe und Überfluß", "latin-1"),
    ],
)
def test_codepages(tmp_path: Path, text: str, codepage: str) -> None:
    (found,) = read(tmp_path / "a.srt", f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode(codepage))
    assert found == (1.0, 2.0, text)


def test_cues_come_by_time_and_may_overlap(tmp_path: Path) -> None:
    data = b"1\n00:00:03,000 --> 00:00:09,500\nb\n\n2\n00:00:01,000 --> 00:00:08,000\na\n"
    assert read(tmp_path / "a.srt", data) == [(1.0, 8.0, "a"), (3.0, 9.5, "b")]


@pytest.mark.parametrize(
    "data", [b"", b"no subtitles\n" * 50, b"\xff\xfe", b"\x89PNG\r\n" + bytes(500), bytes(range(256)) * 20]
)
def test_no_subtitles(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(PlanError, match=r"no subtitle was found in .*a.srt'; give a SubRip file") as caught:
        read(tmp_path / "a.srt", data)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", ["gone.srt", "x" * 300, "a\0b"])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlanError, match=r"(?s)cannot read the times .*; check its name"):
        read_srt(tmp_path / name)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.srt")
    for path in (tmp_path, tmp_path / "pipe.srt", Path("/dev/zero")):
        with pytest.raises(PlanError, match=re.escape(f"'{path}' is no regular file; give a SubRip file")):
            read_srt(path)


def test_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.srt").touch()
    os.truncate(tmp_path / "a.srt", 2**40)
    with pytest.raises(PlanError, match="has over 16 MiB; give a SubRip file"):
        read_srt(tmp_path / "a.srt")


@pytest.mark.parametrize("filler", ["\n", " ", "<", "{\\", "<a ", "0", "00:00:01,000 -->", "\n0", "1\n"])
def test_nothing_takes_long(tmp_path: Path, filler: str) -> None:
    """Two megabytes that would take hours if time went with the square of the size."""
    (tmp_path / "a.srt").write_text(PLAIN + filler * (2**21 // len(filler)))
    start = time.monotonic()
    assert read_srt(tmp_path / "a.srt")[0].start_seconds == 1
    assert time.monotonic() - start < 10
