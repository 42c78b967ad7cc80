"""Names, files and places that nobody means well with; damaged films: examples/benchmarks/fuzz.py."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from media import draw_film, read_packets, read_pts
from processes import ENVIRONMENT, names, read_processes
from segmented import cut_at, foresee, write_film, write_spools

from subremover.api import scan
from subremover.cli import command as cli
from subremover.cli.progress_bar import printable
from subremover.errors import InputError, OutputError, PlanError
from subremover.options import EncodeOptions, ScanOptions
from subremover.runtime.atomic_file import PartFile, check_file
from subremover.video.container.mux import remux
from subremover.video.container.order import put_in_order
from subremover.video.container.output import find_format
from subremover.video.encode.encoders import choose_encoding
from subremover.video.read import probe as probe_module
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.read.source import check_unchanged
from subremover.video.write.assemble import assemble

LONG = "n" * 251


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of 8 frames, with sound."""
    path = tmp_path_factory.mktemp("plain") / "a.mp4"
    return draw_film(path, frames=8, options={"g": "4", "preset": "ultrafast"}).path.read_bytes()


@pytest.fixture
def place(plain: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the film and a mask that is all black."""
    (tmp_path / "a.mp4").write_bytes(plain)
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((96, 160), np.uint8))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestNames:
    """Each a film's name, its copy's, and that of all that is written about it."""

    @pytest.mark.parametrize(
        "stem",
        [
            "two words",
            "-o",
            "quote'\"`$HOME",
            "new\nline\x1b[31m",
            "100%d",
            "frame%03d",
            "http:",
            "concat:a.mp4|b",
            "file:a",
            "subfile,,start,0,end,9,,:a",
            os.fsdecode(b"caf\xe9"),
            "\N{CJK UNIFIED IDEOGRAPH-5B57}" * 80,
            LONG,
        ],
    )
    def test_a_name(self, place: Path, capsys: pytest.CaptureFixture[str], stem: str) -> None:
        name, report = f"{stem}.mp4", f"{stem}.h"
        (place / "a.mp4").rename(name)
        (place / "clean").mkdir()
        words = ["--mask", "black.png", "--report", f"clean/{report}", "-o", "clean", "--device", "cpu"]
        assert cli.run([*words, "--", name]) == 0, capsys.readouterr().err
        assert names(place / "clean") == sorted([name, report])
        assert read_pts(place / "clean" / name) == read_pts(place / name)
        said = capsys.readouterr().err
        assert "copied as it was" in said
        assert printable(said.replace("\n", "")) == said.replace("\n", "")

    def test_a_name_is_encoded_as_it_is(self, place: Path) -> None:
        film = probe(Path("a.mp4"))
        for target in (Path(f"{LONG}.mp4"), Path("frame%03d.mkv"), Path("http:b.mkv")):
            write_film(film, target, EncodeOptions())
            assert len(read_pts(place / target)) == 8

    def test_what_a_terminal_would_obey_is_written_out(self) -> None:
        assert printable("a\n\x1b[2J\udce9\N{LINE SEPARATOR}é 字") == "a\\n\\x1b[2J\\udce9\\u2028é 字"

    @pytest.mark.parametrize(
        "content",
        [
            "ffconcat version 1.0\nfile 'a.mp4'\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n",
        ],
    )
    @pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat", "list.sdp"])
    def test_a_list_of_other_files_is_no_film(self, place: Path, name: str, content: str) -> None:
        (place / name).write_text(content)
        with pytest.raises(InputError, match=r"cannot read .* as a film"):
            probe(Path(name))

    def test_a_pattern_is_no_film(self, place: Path) -> None:
        for index in range(3):
            cv2.imwrite(str(place / f"f{index}.png"), np.zeros((64, 64), np.uint8))
        cv2.imwrite(str(place / "f%d.png"), np.zeros((64, 64), np.uint8))
        with pytest.raises(InputError):
            probe(Path("f%d.png"))


class TestPlaces:
    """Where a film cannot go; nothing is changed there."""

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (os.devnull, "is no regular file; give another name"),
            ("/dev/full", "is no regular file; give another name"),
            ("pipe.mp4", "is no regular file; give another name"),
            ("circle.mp4", "is no regular file; give another name"),
            ("astray.mp4", "there is no directory '.*gone'; create it first"),
            ("folder.mp4", "is a directory; give a file name"),
            ("/proc/b.mp4", "cannot write to '/proc'"),
        ],
    )
    def test_a_place(self, place: Path, name: str, message: str) -> None:
        os.mkfifo("pipe.mp4")
        Path("circle.mp4").symlink_to("circle.mp4")
        Path("astray.mp4").symlink_to("gone/b.mp4")
        Path("folder.mp4").mkdir()
        before = names(place)
        with pytest.raises(OutputError, match=message):
            check_file(Path("a.mp4"), Path(name), overwrite=True)
        assert names(place) == before
        assert Path(os.devnull).is_char_device()

    @pytest.mark.parametrize("name", ["b.png", "b%03d.jpg", "b.m3u8", "b.mpd", "b"])
    def test_what_is_no_film_file(self, name: str) -> None:
        with pytest.raises(OutputError, match="no container is known for"):
            find_format(Path(name))

    def test_links_stay_links(self, place: Path) -> None:
        (place / "elsewhere").mkdir()
        for name, target in (("to.mp4", "elsewhere/old.mp4"), ("new.mp4", "elsewhere/none.mp4")):
            (place / name).symlink_to(target)
        (place / "elsewhere/old.mp4").write_text("old")
        (place / "in.mp4").symlink_to("a.mp4")
        words = ["--mask", "black.png", "--overwrite", "--device", "cpu", "-q"]
        for name in ("to.mp4", "new.mp4"):
            assert cli.run(["in.mp4", "-o", name, *words]) == 0
            assert (place / name).is_symlink()
        assert names(place / "elsewhere") == ["none.mp4", "old.mp4"]
        assert len(read_pts(place / "elsewhere/old.mp4")) == 8
        with pytest.raises(OutputError, match="is the film itself"):
            check_file(Path("in.mp4"), Path("a.mp4"), overwrite=True)

    @pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
    def test_another_file_system(self, place: Path) -> None:
        film, target = probe(place / "a.mp4"), Path(f"/dev/shm/subremover-test-{os.getpid()}.mp4")
        try:
            remux(film, target, EncodeOptions())
            assert len(read_pts(target)) == 8
        finally:
            target.unlink(missing_ok=True)

    def test_a_folder_that_vanishes(self, place: Path) -> None:
        (place / "out").mkdir()
        film = probe(Path("a.mp4"))

        def remove(index: int, _frame: VideoFrame) -> None:
            if index == 4:
                (place / "out").rmdir()

        with pytest.raises(OutputError, match=r"there is no directory 'out'"):
            write_film(film, Path("out/b.mp4"), EncodeOptions(), change=remove)
        assert names(place) == ["a.mp4", "black.png"]

    def test_a_file_that_may_not_grow(self, place: Path) -> None:
        code = (
            "import resource, sys; from subremover.cli.command import run;"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); sys.exit(run(sys.argv[1:]))"
        )
        words = ["a.mp4", "-o", "b.mp4", "--mask", "black.png", "--device", "cpu", "--no-resume"]
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.returncode == OutputError.exit_code, done.stderr
        assert "cannot write 'b.mp4': File too large" in done.stderr
        assert names(place) == ["a.mp4", "black.png"]

    def test_the_run_goes_on_when_nobody_can_be_told(self, place: Path) -> None:
        words = ["-m", "subremover", "a.mp4", "-o", "b.mp4", "--mask", "black.png", "--device", "cpu", "-v"]
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([sys.executable, *words], env=ENVIRONMENT, stderr=full, check=False)
        assert done.returncode == 0
        assert len(read_pts(place / "b.mp4")) == 8

    def test_names_of_part_files_differ(self) -> None:
        targets = [Path(f"{'n' * 200}{number}.mp4") for number in range(2)]
        assert PartFile(targets[0]).path != PartFile(targets[1]).path


class TestFilmsThatChange:
    @pytest.mark.parametrize(
        "change",
        [
            lambda path: path.write_bytes(path.read_bytes() + bytes(99)),
            lambda path: os.truncate(path, 4000),
            lambda path: path.write_bytes(path.read_bytes()[::-1]),
            lambda path: os.utime(path, ns=(0, 0)),
        ],
    )
    def test_between_probe_and_end(
        self, place: Path, tmp_path_factory: pytest.TempPathFactory, change: Callable[[Path], None]
    ) -> None:
        film, folder = probe(Path("a.mp4")), tmp_path_factory.mktemp("spools")
        spools = write_spools(film, folder, Path("b.mp4"), EncodeOptions(), cut_at(film, 3))
        change(Path("a.mp4"))
        with pytest.raises(InputError):
            remux(film, Path("b.mp4"), EncodeOptions())
        with pytest.raises(InputError):
            assemble(film, Path("b.mp4"), choose_encoding(film, EncodeOptions()), EncodeOptions(), spools)
        assert names(place) == ["a.mp4", "black.png"]

    def test_one_that_is_gone_has_not_changed(self, place: Path) -> None:
        film = probe(Path("a.mp4"))
        (place / "a.mp4").unlink()
        check_unchanged(film)
        with pytest.raises(InputError, match=r"'a\.mp4' does not exist; check the name"):
            next(read_frames(film))

    def test_one_that_is_being_written(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stamps = iter([(100, 1), (200, 2)])
        monkeypatch.setattr(probe_module, "read_stamp", lambda _: next(stamps))
        with pytest.raises(InputError, match=r"a\.mp4' is being written; wait until it is whole"):
            probe(place / "a.mp4")

    def test_one_that_is_cut_off_while_it_is_read(
        self, place: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        draw_film(place / "a.ts", frames=60, audio=False)
        film = probe(Path("a.ts"))
        os.truncate("a.ts", Path("a.ts").stat().st_size // 2)
        read = [index for index, _ in read_frames(film)]
        assert 0 < len(read) < 60
        assert f"{60 - len(read)} frames of 'a.ts' cannot be decoded: " in caplog.text
        assert f"{read[-1] + 1} to 59\n" in caplog.text


def damage_middle(path: Path, packets: range) -> None:
    """Overwrite the picture's packets of these numbers, but for their first bytes."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        found = [bytes(p) for p in container.demux(video=0) if p.size]
    for number in packets:
        at = data.find(found[number])
        data[at + 4 : at + len(found[number])] = bytes(len(found[number]) - 4)
    path.write_bytes(data)


class TestDamage:
    def test_lost_frames_are_said_once_and_sound_stays(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = draw_film(tmp_path / "a.mkv", frames=30, codec="mjpeg", pix_fmt="yuvj420p").path
        damage_middle(source, range(10, 14))
        film = probe(source)
        write_film(film, tmp_path / "b.mkv", EncodeOptions())
        list(read_frames(film, 12, 16))
        list(read_frames(film, 5))
        lost = [record.message for record in caplog.records]
        assert lost == [f"4 frames of '{source}' cannot be decoded: 10 to 13"]
        kept = [at for index, at in enumerate(film.times[:-1]) if not 10 <= index < 14]
        assert [float(at) for at in read_pts(tmp_path / "b.mkv")] == pytest.approx(kept, abs=0.001)
        assert read_packets(tmp_path / "b.mkv", "audio") == read_packets(source, "audio")

    @pytest.mark.parametrize(("number", "ticks"), [(5, 10**6), (5, -400), (0, 10**6)])
    def test_a_packet_astray_does_not_take_the_sound_along(
        self, place: Path, caplog: pytest.LogCaptureFixture, number: int, ticks: int
    ) -> None:
        with av.open(str(place / "a.mp4")) as container:
            packets = [packet for packet in container.demux(audio=0) if packet.size]
            times = [packet.dts for packet in packets]
            packets[number].dts += ticks * 10
            clocks = {1: packets[0].time_base}
            kept = [packet.dts for packet in put_in_order(packets, clocks)]
        assert kept == times[:number] + times[number + 1 :]
        assert "1 packets of sound stream 1 have times of other moments" in caplog.text

    def test_a_film_with_lost_frames_is_scanned(self, tmp_path: Path) -> None:
        """By the frames before them; the scan itself knows no gaps."""
        subtitles = ((4, 25, "Words"),)
        source = draw_film(
            tmp_path / "a.mkv", frames=30, codec="mjpeg", pix_fmt="yuvj420p", subtitles=subtitles
        ).path
        damage_middle(source, range(10, 14))
        (event,) = scan(source, ScanOptions(segmenter="gradient")).removed
        assert (event.first, event.last) == (4, 25)

    def test_too_many_masks_are_refused(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        draw_film(place / "mask.mkv", frames=8, audio=False)
        monkeypatch.setattr("subremover.detect.drawn_mask.MOST_STROKE_PIXELS", 160 * 96 - 1)
        with pytest.raises(PlanError, match=r"are too many for the memory: .*; code them without loss"):
            scan("a.mp4", ScanOptions(mask=Path("mask.mkv")))

    @pytest.mark.parametrize("side", [12_000, 0x3FFF])
    def test_a_huge_picture_is_not_decoded(self, tmp_path: Path, side: int) -> None:
        path = draw_film(tmp_path / "a.webm", frames=3, codec="libvpx", audio=False).path
        data = path.read_bytes()
        start = b"\x9d\x01\x2a"  # of a key frame of VP8; width and height follow
        size, huge = (160).to_bytes(2, "little") + (96).to_bytes(2, "little"), side.to_bytes(2, "little") * 2
        assert start + size in data
        path.write_bytes(data.replace(start + size, start + huge))
        with pytest.raises(InputError, match=r"no frame of .* can be decoded"):
            probe(path)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("phase", ["scan", "fit"])
def test_a_killed_run_leaves_no_process(tmp_path: Path, phase: str) -> None:
    draw_film(tmp_path / "a.mp4", frames=60, size=(64, 64), options={"preset": "ultrafast"})
    cv2.imwrite(str(tmp_path / "mask.png"), np.pad(np.full((8, 20), 255, np.uint8), ((30, 26), (20, 24))))
    words = ["a.mp4", "-o", "b.mp4", "--steps", "1000000", "--device", "cpu"]
    words += ["--segmenter", "gradient"] if phase == "scan" else ["--mask", "mask.png"]
    process = subprocess.Popen(
        [sys.executable, "-m", "subremover", *words],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    reached: dict[str, Callable[[], bool]] = {
        "scan": lambda: len(list(Path(f"/proc/{process.pid}/task").iterdir())) > 1,
        "fit": lambda: any(tmp_path.glob(".b*")),
    }
    try:
        deadline = time.monotonic() + 60
        while not reached[phase]():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while read_processes(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert read_processes(process.pid) == []
    finally:
        for pid in read_processes(process.pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="looks at priorities as Linux has them")
def test_no_encoder_takes_the_machine_for_itself(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", frames=4, codec="libsvtav1", options={"preset": "12"}).path)
    before = os.sched_getscheduler(0)

    def info(_index: int, _frame: VideoFrame) -> None:
        threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
        assert {os.sched_getscheduler(thread) for thread in threads} == {before}

    foresee(film, tmp_path / "b.mp4", EncodeOptions(preset="12"))  # which is tried first
    assert os.sched_getscheduler(0) == before
    write_film(film, tmp_path / "b.mp4", EncodeOptions(), change=info)
    assert before == os.SCHED_OTHER


def test_nothing_is_unpickled_from_disk() -> None:
    package = Path(cli.__file__).parent
    for file in package.rglob("*.py"):
        text = file.read_text()
        assert not any(word in text for word in ("pickle", "torch.load", "np.load", "shelve", "marshal"))


def test_nothing_is_written_in_place_of_a_closed_standard_file(place: Path) -> None:
    words = ["-m", "subremover", "a.mp4", "-o", "b.mp4", "--mask", "black.png", "--device", "cpu"]
    command = f'exec "$0" {" ".join(words)} <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", command, sys.executable], env=ENVIRONMENT, check=False).returncode == 0
    assert len(read_pts(place / "b.mp4")) == 8


@pytest.mark.parametrize("error", [av.error.MemoryError, av.error.BlockingIOError])
@pytest.mark.parametrize("stage", ["decode", "demux"])
def test_frames_are_not_lost_for_want_of_memory(
    place: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: type[av.error.FFmpegError]
) -> None:
    film = probe(place / "a.mp4")

    def fail(*_: object) -> None:
        raise error(1, "Cannot allocate memory")

    class Failing:
        decode = __next__ = fail

        def __iter__(self) -> "Failing":
            return self

    if stage == "decode":
        monkeypatch.setattr("subremover.video.read.reader.find_decoder", lambda _: Failing())
    else:
        monkeypatch.setattr("subremover.video.read.reader.next", fail, raising=False)
    with pytest.raises(MemoryError):
        list(read_frames(film))
