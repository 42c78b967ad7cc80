from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import DrawnFilm, draw_film, luma, open_film, read_packets

from subremover.options import EncodeOptions
from subremover.video.container.mux import remux
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

FRAMES = 40
MPEG2 = {"codec": "mpeg2video", "rate": Fraction(25), "options": {"g": "9", "bf": "2"}}
CLOCK = 1 << 33  # ticks of 1/90000 s until the clock of MPEG's streams runs over


def draw_parts(folder: Path, name: str, starts: tuple[int, ...], **settings: object) -> list[DrawnFilm]:
    """Films that start at these frames, each of another length."""
    settings = {"options": {"g": "9", "bf": "2", "preset": "ultrafast"}, **settings}
    parts = []
    for number, start in enumerate(starts):
        parts.append(draw_film(folder / f"{number}{name}", FRAMES + 4 * number, **settings))
        if start:
            move_film(parts[-1].path, start * 1001 / 24_000)
    return parts


def move_film(path: Path, seconds: float, **options: str) -> None:
    """Write a film anew with later times."""
    old = path.rename(path.with_stem(f"{path.stem}_old"))
    with av.open(str(old)) as source, av.open(str(path), "w", container_options=options) as out:
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                packet.pts += round(seconds / packet.time_base)
                packet.dts += round(seconds / packet.time_base)
                packet.stream = copies[packet.stream.index]
                out.mux(packet)


def join_parts(parts: list[DrawnFilm], path: Path) -> Film:
    path.write_bytes(b"".join(part.path.read_bytes() for part in parts))
    return probe(path)


def check_pictures(film: Film, parts: list[DrawnFilm]) -> None:
    """All frames of all parts come out one after the other, also where reading begins amid the film."""
    expected = [luma(frame) for part in parts for _, frame in read_frames(probe(part.path))]
    read = dict(read_frames(film))
    assert list(read) == list(range(len(expected)))
    assert all(np.array_equal(luma(read[index]), picture) for index, picture in enumerate(expected))
    for start in (1, 8, 30, 39, 40, 41, 50, len(expected) - 2):
        part = {index: luma(frame) for index, frame in read_frames(film, start, start + 3)}
        assert list(part) == list(range(start, min(start + 3, len(expected))))
        assert all(np.array_equal(picture, expected[index]) for index, picture in part.items())


@pytest.mark.parametrize(
    ("name", "starts", "settings"),
    [
        ("a.ts", (0, 0), {}),
        ("a.ts", (0, 0, 0), {"audio": False}),
        ("a.ts", (10_000, 0), {}),  # more than a minute back, which FFmpeg takes for a clock that ran over
        ("a.ts", (0, 100_000), {}),
        ("a.ts", (0, 30), {}),
        ("a.ts", (0, 39), {"audio": False}),
        ("a.ts", (0, 0), MPEG2),
        ("a.ts", (0, 0), {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=9"}}),
        ("a.mpg", (0, 0), {**MPEG2, "audio": False}),
    ],
)
def test_files_joined_end_to_end_are_played_one_after_the_other(
    tmp_path: Path, name: str, starts: tuple[int, ...], settings: dict
) -> None:
    parts = draw_parts(tmp_path, name, starts, **settings)
    film = join_parts(parts, tmp_path / f"joined{name}")
    check_pictures(film, parts)
    steps = np.diff(film.times)
    assert steps.min() > 0.9 / 25
    assert steps.max() < 0.2  # what sound is longer than the picture, and what its encoder adds
    assert film.start_seconds == pytest.approx(probe(parts[0].path).start_seconds, abs=1e-5)
    assert film.warnings == (
        f"it has {len(parts)} parts with times of their own, as files joined end to end have; "
        "they are played one after the other",
    )


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_sound_stays_with_its_picture(tmp_path: Path, suffix: str) -> None:
    parts = draw_parts(tmp_path, "a.ts", (10_000, 0))
    film = join_parts(parts, tmp_path / "joined.ts")
    target = tmp_path / f"copy{suffix}"
    assert remux(film, target, EncodeOptions()) == ()
    copied, sound = probe(target), read_packets(target, "audio")
    assert copied.times == pytest.approx(film.times, abs=0.002)
    before = 0
    frame = 0
    for part in parts:
        own = read_packets(part.path, "audio")
        lead = probe(part.path).times[0] - float(own[0][0])
        assert copied.times[frame] - float(sound[before][0]) == pytest.approx(lead, abs=0.002)
        before, frame = before + len(own), frame + len(part.pts)
    assert before == len(sound)
    assert np.diff([float(at) for at, _ in sound]).min() > 0


def test_a_clock_that_runs_over(tmp_path: Path) -> None:
    at = int(CLOCK / 90_000 * Fraction(24_000, 1001)) - 60
    parts = draw_parts(tmp_path, "a.ts", (at,))
    with open_film(parts[0].path) as container:
        assert (container.start_time or 0) < 0
    film = probe(parts[0].path)
    assert film.warnings == ()
    assert film.times[0] >= 0
    assert np.diff(film.times) == pytest.approx(np.full(FRAMES, 1001 / 24_000), abs=1e-4)
    check_pictures(film, parts)
    assert remux(film, tmp_path / "copy.mkv", EncodeOptions()) == ()
    assert probe(tmp_path / "copy.mkv").times == pytest.approx(film.times, abs=0.002)


def test_a_short_gap_stays(tmp_path: Path) -> None:
    parts = draw_parts(tmp_path, "a.ts", (0, FRAMES + 100))
    film = join_parts(parts, tmp_path / "joined.ts")
    check_pictures(film, parts)
    assert np.diff(film.times).max() == pytest.approx(100 * 1001 / 24_000, abs=0.2)
    assert not film.joins


@pytest.mark.parametrize("seconds", [-3600, -2, -0.5, 0.5, 5, 3600])
def test_a_single_damaged_time_is_no_join(tmp_path: Path, seconds: float) -> None:
    [part] = draw_parts(tmp_path, "a.ts", (5000,), audio=False, options={"g": "9", "bf": "0"})
    data = bytearray(part.path.read_bytes())
    places = [at for at in range(0, len(data), 188) if data[at + 1] & 0x41 == 0x41]  # a picture begins
    at = data.index(b"\0\0\1\xe0", places[20]) + 9
    data[at : at + 5] = move_time(data[at : at + 5], round(seconds * 90_000))
    part.path.write_bytes(data)
    assert probe(part.path).joins == ()


def move_time(coded: bytes, ticks: int) -> bytes:
    """The five bytes of a time in a PES header (ISO/IEC 13818-1 2.4.3.7), by so many ticks later."""
    value = int.from_bytes(coded)
    fields = [(33, 3), (17, 15), (1, 15)]
    time = 0
    for shift, size in fields:
        time = time << size | value >> shift & (1 << size) - 1
    time = (time + ticks) % CLOCK
    for shift, size in reversed(fields):
        mask = (1 << size) - 1
        value = value & ~(mask << shift) | (time & mask) << shift
        time >>= size
    return value.to_bytes(5)


def test_a_second_file_with_streams_of_its_own_is_told_of(tmp_path: Path) -> None:
    large = {"g": "1", "crf": "5", "preset": "ultrafast"}
    first, second = draw_parts(tmp_path, "a.ts", (0, 0), audio=False, options=large)
    move_film(second.path, 0, mpegts_start_pid="768")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    assert "its picture ends at" in " ".join(probe(joined).warnings)
    assert not probe(first.path).warnings
