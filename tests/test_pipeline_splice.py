import dataclasses
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import draw_film, read_luma, read_packets, read_pts
from tiny_runs import CPU, TINY, draw_mask

from subremover import pipeline
from subremover.api import remove_subtitles
from subremover.errors import OutputError, UsageError
from subremover.options import BorrowOptions, EncodeOptions, Options, ScanOptions
from subremover.parsing import Position
from subremover.progress import Progress, ProgressCallback, ignore
from subremover.result import Result
from subremover.video import segments
from subremover.video.read.probe import probe
from subremover.video.segments import Segment, cut_segments
from subremover.video.splice import splice
from subremover.video.write import assemble as assemble_module

SIZE = (160, 96)


def remove(
    source: Path,
    target: Path,
    mode: str,
    masked: range = range(26, 30),
    *,
    provenance: Path | None = None,
    crf: float | None = None,
    progress: ProgressCallback = ignore,
) -> Result:
    """With a tiny fit, under a mask on some frames."""
    mask = source.with_name("mask.png")
    cv2.imwrite(str(mask), draw_mask(SIZE))
    scan = ScanOptions(mask=mask, start=Position(frame=masked.start), end=Position(frame=masked.stop))
    options = Options(scan, BorrowOptions(False), TINY, CPU, EncodeOptions(crf=crf, splice=mode))
    return remove_subtitles(source, target, options, progress, provenance=provenance)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.mp4", {"options": {"g": "12"}, "first_pts": 12}),
        (
            "a.mkv",
            {
                "codec": "libx265",
                "options": {"x265-params": "log-level=none:keyint=12:min-keyint=12:open-gop=0"},
            },
        ),
        ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8"}}),
    ],
)
def test_untouched_packets_are_the_sources(tmp_path: Path, name: str, settings: dict) -> None:
    source, target = draw_film(tmp_path / name, 60, **settings).path, tmp_path / f"out_{name}"
    result = remove(source, target, "auto")
    assert 46 <= result.frames_copied <= 50  # all but 26 to 35, and the B-frames before them
    assert read_pts(source) == read_pts(target)
    old, new = read_packets(source, "video"), read_packets(target, "video")
    assert (old[:24], old[36:]) == (new[:24], new[36:])
    assert read_packets(source, "audio") == read_packets(target, "audio")
    for index, (before, after) in enumerate(zip(read_luma(source), read_luma(target), strict=True)):
        if index in range(26, 30):
            assert (before != after)[45:58, 35:48].any()
        elif index < 24 or index >= 36:
            assert np.array_equal(before, after)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, f"out_{name}", "mask.png"])


def test_off_encodes_all_of_it(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", 36, options={"g": "12"}).path
    assert remove(source, tmp_path / "b.mp4", "off").frames_copied == 0
    assert read_packets(source, "video")[0] != read_packets(tmp_path / "b.mp4", "video")[0]


def test_what_cannot_be_copied_is_encoded_or_refused(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv", codec="mpeg4").path
    with pytest.raises(OutputError, match=r"packets of mpeg4 cannot be joined.*--splice") as caught:
        remove(source, tmp_path / "b.mkv", "on", range(20, 22))
    assert caught.value.exit_code == 4
    assert not (tmp_path / "b.mkv").exists()
    assert remove(source, tmp_path / "b.mkv", "auto", range(20, 22)).frames_copied == 0
    with pytest.raises(UsageError, match="unknown splice 'maybe'; choose from auto, on, off"):
        EncodeOptions(splice="maybe")


def test_an_encoder_that_refuses_encodes_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_film(tmp_path / "a.mp4", 36, options={"g": "12"}).path
    monkeypatch.setitem(splice._PROFILES, 100, "baseline of another world")
    with pytest.raises(OutputError, match="the encoder cannot go on"):
        remove(source, tmp_path / "b.mp4", "on")
    assert remove(source, tmp_path / "b.mp4", "auto").frames_copied == 0


def test_without_loss_is_another_profile(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", 36, options={"g": "12"}).path
    with pytest.raises(OutputError, match="without loss"):
        remove(source, tmp_path / "b.mp4", "on", crf=0)
    assert remove(source, tmp_path / "b.mp4", "auto", crf=0).frames_copied == 0


def test_segments_that_decode_otherwise_behind_copied_ones_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without loss, if that were not refused."""
    source = draw_film(tmp_path / "a.mp4", 36, options={"g": "12"}).path
    monkeypatch.setattr(splice, "float", lambda _: 1.0, raising=False)
    monkeypatch.setattr(splice, "_PROFILES", {})
    with pytest.raises(OutputError, match=r"frame 2\d is another picture"):
        remove(source, tmp_path / "b.mp4", "on", crf=0)


def test_a_film_that_comes_out_wrong_is_encoded_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = draw_film(tmp_path / "a.mp4", 48, options={"g": "12"}).path
    find_fault = assemble_module.find_fault
    monkeypatch.setattr(
        assemble_module, "find_fault", lambda film, _, *more: find_fault(film, [range(48)], *more)
    )
    with pytest.raises(OutputError, match=r"frame \d+ is another picture; use --splice off"):
        remove(source, tmp_path / "b.mp4", "on")
    assert not (tmp_path / "b.mp4").exists()
    result = remove(source, tmp_path / "c.mp4", "auto")
    assert "another picture" in caplog.text
    assert (result.frames_copied, result.frames_masked) == (0, 4)
    off = remove(source, tmp_path / "d.mp4", "off")
    assert dataclasses.replace(off.shares) == result.shares
    assert read_packets(tmp_path / "c.mp4", "video") == read_packets(tmp_path / "d.mp4", "video")


def test_a_run_that_encodes_all_of_it_again_goes_on_with_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = draw_film(tmp_path / "a.mp4", 48, options={"g": "12"}).path
    remove(source, tmp_path / "whole.mp4", "off")
    monkeypatch.setattr(assemble_module, "find_fault", lambda *_: "of what this test says")
    stages: list[str] = []

    def stop_in_second_pass(progress: Progress) -> None:
        stages.append(f"{progress.stage} {progress.total}")
        if (progress.stage, progress.done, progress.total) == ("render", 40, 48):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(segments, "SEGMENT_FRAMES", 20)
        with pytest.raises(KeyboardInterrupt):
            remove(source, tmp_path / "b.mp4", "auto", progress=stop_in_second_pass)
        assert stages[0] != stages[-1] == "render 48"
        stages.clear()
        patch.setattr(pipeline, "plan_splice", None)
        remove(source, tmp_path / "b.mp4", "auto", progress=lambda p: stages.append(f"{p.stage} {p.done}"))
        assert stages[0] == "render 37"
        remove(source, tmp_path / "whole_too.mp4", "off")
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole_too.mp4").read_bytes()


def test_the_check_is_watched(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", 48, options={"g": "12"}).path
    seen: list[Progress] = []
    result = remove(source, tmp_path / "b.mp4", "auto", progress=seen.append)
    assert [p for p in seen if p.stage == "verify"] == [Progress("verify", n, 48) for n in range(1, 49)]
    assert result.profile.stages["verify"].frames == 48
    seen.clear()
    result = remove(source, tmp_path / "c.mp4", "off", progress=seen.append)
    assert {p.stage for p in seen} == {"scan", "render"}
    assert "verify" not in result.profile.stages


def test_the_film_of_origins_has_copied_frames_too(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mp4", 48, options={"g": "12"}).path
    result = remove(source, tmp_path / "b.mp4", "on", provenance=tmp_path / "origins.mp4")
    assert result.frames_copied > 30
    assert read_pts(tmp_path / "origins.mp4") == read_pts(source)
    with av.open(str(tmp_path / "origins.mp4")) as container:
        coloured = [
            bool((np.abs(frame.to_ndarray()[1].astype(int) - 128) > 9).any())
            for frame in container.decode(video=0)
        ]
    assert np.flatnonzero(coloured).tolist() == [26, 27, 28, 29]


def test_copied_segments_lie_between_rendered_ones(tmp_path: Path) -> None:
    film, clear = probe(draw_film(tmp_path / "a.mp4", 48, audio=False).path), np.zeros(48, bool)
    for copied, expected in (
        ([range(10), range(20, 48)], [(0, 10, True), (10, 20, False), (20, 48, True)]),
        ([range(5, 20)], [(0, 5, False), (5, 20, True), (20, 48, False)]),
        ([], [(0, 48, False)]),
    ):
        assert cut_segments(film, clear, copied) == [Segment(*values) for values in expected]
