import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from subremover.errors import OutputError, UsageError
from subremover.geometry import Box
from subremover.plan.cues import Alignment, Cue
from subremover.video.text.subtitle_file import check_subtitle_name, write_subtitles

SIZE = (640, 360)
LOW, HIGH, LEFT = Box(200, 310, 240, 27), Box(200, 20, 240, 27), Box(20, 150, 140, 57)
YELLOW, WHITE = (250, 240, 20), (255, 255, 255)
CUES = (
    Cue(1.0, 2.5, "Hello <i>dear</i>\nworld", Box(260, 280, 120, 57), WHITE),
    Cue(3.0004, 4.0, "Ünïcode, 字幕 & <b> {\\an8} C:\\new 🎬", Box(70, 310, 500, 27)),
    Cue(3.5, 4.5, "above", HIGH, YELLOW),
    Cue(3.5, 360_001.25, "left\n- and flush", LEFT, WHITE, "left"),
)


def write(folder: Path, name: str, cues: tuple[Cue, ...] = CUES, *, speaker_colours: bool = False) -> str:
    write_subtitles(cues, folder / name, SIZE, speaker_colours=speaker_colours)
    return (folder / name).read_bytes().decode()


def decode(file: Path) -> list[tuple[int, int, str]]:
    """Start and end in ms, and what FFmpeg reads of each cue, as ASS."""
    found = []
    with av.open(str(file)) as container:
        for packet in container.demux(subtitles=0):
            for part in packet.decode() if packet.size else ():
                start = round(packet.pts * packet.time_base * 1000)
                duration = round(packet.duration * packet.time_base * 1000)
                found.append((start, start + duration, part.ass.decode().split(",", 8)[-1]))
    return found


def test_srt(tmp_path: Path) -> None:
    assert write(tmp_path, "new/a.SRT") == (
        "1\n00:00:01,000 --> 00:00:02,500\nHello <i>dear</i>\nworld\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\nÜnïcode, 字幕 & <b> {\\an8} C:\\new 🎬\n\n"
        "3\n00:00:03,500 --> 00:00:04,500\nabove\n\n"
        "4\n00:00:03,500 --> 100:00:01,250\nleft\n- and flush\n"
    )
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.SRT"]
    assert write(tmp_path, "none.srt", ()) == ""


def test_webvtt(tmp_path: Path) -> None:
    assert write(tmp_path, "a.vtt") == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello <i>dear</i>\nworld\n\n"
        "00:00:03.000 --> 00:00:04.000\nÜnïcode, 字幕 &amp; &lt;b&gt; {\\an8} C:\\new 🎬\n\n"
        "00:00:03.500 --> 00:00:04.500 line:5.6% position:50.0% align:center\nabove\n\n"
        "00:00:03.500 --> 100:00:01.250 line:41.7% position:3.1% align:left\nleft\n- and flush\n"
    )
    assert write(tmp_path, "none.vtt", ()) == "WEBVTT\n"
    assert [text for *_, text in decode(tmp_path / "a.vtt")][:2] == [
        "Hello {\\i1}dear{\\i0}\\Nworld",
        "Ünïcode, 字幕 & <b> \\{{}\\\u2060an8} C:\\\u2060new 🎬",  # as ASS escapes it
    ]


def test_ass(tmp_path: Path) -> None:
    text = write(tmp_path, "a.ass")
    assert "PlayResX: 640\nPlayResY: 360\n" in text
    style = next(line for line in text.splitlines() if line.startswith("Style:"))
    assert style.startswith("Style: Default,Arial,30,&H00FFFFFF,")
    assert style.endswith(",2,0,0,23,1")  # centred, 23 px above the lower edge
    assert [line.split(",", 9)[1:3] for line in text.splitlines()[-4:]] == [
        ["0:00:01.00", "0:00:02.50"],
        ["0:00:03.00", "0:00:04.00"],
        ["0:00:03.50", "0:00:04.50"],
        ["0:00:03.50", "100:00:01.25"],
    ]
    assert [line.split(",", 9)[-1] for line in text.splitlines()[-4:]] == [
        "Hello {\\i1}dear{\\i0}\\Nworld",
        "Ünïcode, 字幕 & <b> \\{{}\\\u2060an8} C:\\\u2060new 🎬",
        "{\\an5\\pos(320,33)\\c&H14F0FA&}above",
        "{\\an4\\pos(20,178)}left\\N- and flush",
    ]
    read = decode(tmp_path / "a.ass")
    assert [cue[:2] for cue in read[:3]] == [(1000, 2500), (3000, 4000), (3500, 4500)]


def test_colours_of_speakers(tmp_path: Path) -> None:
    cues = (*CUES[:1] * 2, CUES[2], Cue(5, 6, "red", LOW, (200, 30, 10)), Cue(6, 7, "unknown", LOW))
    assert "<font" not in write(tmp_path, "a.srt", cues)
    assert "<c" not in write(tmp_path, "a.vtt", cues)
    srt = write(tmp_path, "b.srt", cues, speaker_colours=True)
    assert '\n<font color="#faf014">above</font>\n' in srt
    assert srt.count("<font") == 2
    webvtt = write(tmp_path, "b.vtt", cues, speaker_colours=True)
    assert "\n<c.yellow>above</c>\n" in webvtt
    assert "\n<c.red>red</c>\n" in webvtt
    assert "\n<c" not in webvtt.split("unknown")[1]


def test_where_all_are_yellow_the_style_is(tmp_path: Path) -> None:
    text = write(tmp_path, "a.ass", (Cue(0, 1, "one", LOW, YELLOW), Cue(1, 2, "two", LOW, (240, 240, 30))))
    assert "Style: Default,Arial,30,&H0014F0FA," in text
    assert "\\c&H" not in text


def test_letters_of_another_size(tmp_path: Path) -> None:
    text = write(tmp_path, "a.ass", (*CUES[:2], Cue(5, 6, "A title", Box(120, 20, 400, 90))))
    assert text.endswith("{\\an5\\pos(320,65)\\fs100}A title\n")


@pytest.mark.parametrize(
    ("box", "text", "alignment"),
    [
        (Box(220, 300, 200, 40), "bottom", "centre"),
        (Box(200, 20, 240, 40), "at the top", "centre"),
        (Box(30, 130, 150, 85), "on the left\nas well", "left"),
        (Box(450, 200, 160, 40), "on the right", "right"),
        (Box(400, 60, 120, 40), "{\\pos(0,0)}", "centre"),
    ],
)
def test_players_draw_ass_where_the_letters_stood(
    tmp_path: Path, box: Box, text: str, alignment: Alignment
) -> None:
    usual = Cue(5, 6, "bottom", Box(220, 300, 200, 40))
    write_subtitles([Cue(0, 1, text, box, WHITE, alignment), usual], tmp_path / "a.ass", SIZE)
    film = "color=c=blue:s=640x360:r=5:d=0.2"
    drawn = ["-vf", "ass=a.ass", "-frames:v", "1", "a.png"]
    try:
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", film, *drawn], cwd=tmp_path, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no ffmpeg with libass here")
    red = cv2.imread(str(tmp_path / "a.png"))[..., 2] > 128
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    row_px = 40
    assert abs((rows[0] + rows[-1]) / 2 - (box.y + box.bottom) / 2) < row_px / 5
    if alignment == "left":
        assert abs(columns[0] - box.x) < row_px / 5
    elif alignment == "right":
        assert abs(columns[-1] - box.right) < row_px / 5
    else:
        assert abs((columns[0] + columns[-1]) / 2 - (box.x + box.right) / 2) < row_px / 5


@pytest.mark.parametrize("name", ["a.txt", "a", "srt", ".srt", "a.ssa", "a.srt.gz", "a.sub"])
def test_a_name_that_tells_no_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"names no kind of subtitle file; let it end with .srt, .vtt or"):
        check_subtitle_name(tmp_path / name)
    with pytest.raises(UsageError):
        write_subtitles(CUES, tmp_path / name, SIZE)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*; try another name or directory"):
        write_subtitles(CUES, tmp_path / "file" / "a.srt", SIZE)
