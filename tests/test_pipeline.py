import dataclasses
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from media import draw_film, open_film, read_packets, read_pts
from pans import draw_pan, write_film
from tiny_runs import CPU, TINY, draw_mask

from subremover import pipeline
from subremover.api import remove_subtitles, scan
from subremover.detect import make_plan
from subremover.detect.drawn_mask import events_from_masks
from subremover.detect.found_so_far import FoundSoFar
from subremover.detect.scan import Found
from subremover.detect.scope import Scope
from subremover.errors import DeviceError, OutputError, PlanError, UsageError
from subremover.geometry import Box
from subremover.options import BorrowOptions, EncodeOptions, Options, PaintOptions, PoolOptions, ScanOptions
from subremover.parsing import Position, Region
from subremover.plan.model import Event, FilmKey, Passage, Plan, Shot
from subremover.progress import Progress
from subremover.provenance import Shares
from subremover.render.footage import FootageReader
from subremover.result import Result
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames

LOSSLESS = {"g": "12", "qp": "0", "preset": "ultrafast"}


def remove(source: Path, target: Path, *, paint: PaintOptions = TINY, **scan_options: object) -> Result:
    """With a tiny fit on the CPU; without loss if the source is."""
    crf = 0 if probe(source).codec == "h264" else None
    options = Options(ScanOptions(**scan_options), paint=paint, pool=CPU, encode=EncodeOptions(crf=crf))
    return remove_subtitles(source, target, options)


def read_planes(path: Path) -> list[list[np.ndarray]]:
    """Samples of every plane of every frame, as decoded."""
    with open_film(path) as container:
        return [_copy_planes(frame) for frame in container.decode(video=0)]


def _copy_planes(frame: av.VideoFrame) -> list[np.ndarray]:
    dtype = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
        planes.append(rows[: plane.height, : plane.width].copy())
    return planes


def check_untouched(source: Path, target: Path, mask: np.ndarray, masked: range) -> None:
    """All is bit for bit as it was, but for the holes of the masked frames; those are filled.

    Args:
        source: Before.
        target: After, encoded without loss.
        mask: (H, W), nonzero in the holes; of the coded picture.
        masked: Frames with holes.
    """
    before, after = read_planes(source), read_planes(target)
    assert len(before) == len(after)
    for index, (old_planes, new_planes) in enumerate(zip(before, after, strict=True)):
        for old, new in zip(old_planes, new_planes, strict=True):
            is_hole = _shrink(mask > 0, old.shape) if index in masked else np.zeros(old.shape, bool)
            assert np.array_equal(old[~is_hole], new[~is_hole]), f"frame {index}"
        assert (index in masked) == (not np.array_equal(old_planes[0], new_planes[0])), f"frame {index}"
    assert read_pts(source) == read_pts(target)


def _shrink(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The samples of a plane of this shape whose block of luma samples the mask touches."""
    steps = [-(-full // part) for full, part in zip(mask.shape, shape, strict=True)]
    rows, columns = np.nonzero(mask)
    small = np.zeros(shape, bool)
    small[rows // steps[0], columns // steps[1]] = True
    return small


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("late.mkv", {"codec": "ffv1", "first_pts": 7}),
        ("plain.mp4", {"options": LOSSLESS, "first_pts": 12}),
        ("vary.mkv", {"codec": "ffv1", "vfr": True}),
        ("vary.mp4", {"options": LOSSLESS, "vfr": True, "rate": Fraction(30000, 1001)}),
        ("turned.mp4", {"options": LOSSLESS, "rotation": 90}),
        ("turned.mov", {"options": LOSSLESS, "rotation": -90}),
        ("deep.mkv", {"codec": "ffv1", "pix_fmt": "yuv420p10le"}),
        ("deep444.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p12le"}),
        ("odd.mkv", {"codec": "ffv1", "size": (161, 97)}),
        ("422.mkv", {"codec": "ffv1", "pix_fmt": "yuv422p"}),
        ("444.mp4", {"options": LOSSLESS, "pix_fmt": "yuv444p"}),
        ("rgb.mkv", {"codec": "libx264rgb", "pix_fmt": "rgb24", "options": LOSSLESS}),
        ("gray.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("full.mkv", {"codec": "ffv1", "color": (2, 1, 1, 1)}),
    ],
)
def test_only_the_hole_changes(tmp_path: Path, name: str, settings: dict) -> None:
    source, target = draw_film(tmp_path / name, **settings).path, tmp_path / f"out_{name}"
    mask = draw_mask(settings.get("size", (160, 96)))
    cv2.imwrite(str(tmp_path / "mask.png"), np.rot90(mask, settings.get("rotation", 0) // 90))
    result = remove(source, target, mask=tmp_path / "mask.png", start=Position(9), end=Position(14))
    check_untouched(source, target, mask, range(9, 14))
    assert read_packets(source, "audio") == read_packets(target, "audio")
    assert (result.events, result.frames_masked) == (1, 5)
    assert result.output_bytes == target.stat().st_size
    assert result.warnings == ()


def test_a_video_of_masks(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv", codec="ffv1").path
    mask = draw_mask((160, 96))
    with av.open(str(tmp_path / "mask.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "gray"
        for index in range(24):
            picture = mask if 5 <= index < 9 else np.zeros_like(mask)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "gray")))
        out.mux(stream.encode(None))
    result = remove(source, tmp_path / "b.mkv", mask=tmp_path / "mask.mkv")
    assert (result.events, result.frames_masked) == (1, 4)
    check_untouched(source, tmp_path / "b.mkv", mask, range(5, 9))


def test_cuts_are_found_under_a_mask_too(tmp_path: Path) -> None:
    _, subbed, mask = draw_pan(64, cut=30)
    film = write_film(tmp_path / "a.mkv", subbed)
    cv2.imwrite(str(tmp_path / "mask.png"), mask.astype(np.uint8) * 255)
    plan = scan(film.path, ScanOptions(mask=tmp_path / "mask.png"))
    assert plan.shots == (Shot(0, 29), Shot(30, 63))


def test_what_lies_outside_the_range_is_left_alone_and_no_source(tmp_path: Path) -> None:
    """The part of a subtitle there is listed, and what nobody looked at counts as another shot."""
    source = draw_film(tmp_path / "a.mkv", frames=90, audio=False).path
    cv2.imwrite(str(tmp_path / "mask.png"), draw_mask((160, 96)))
    plan = scan(source, ScanOptions(mask=tmp_path / "mask.png", start=Position(40), end=Position(50)))
    assert [(e.first, e.last, e.remove) for e in plan.events] == [
        (0, 39, False),
        (40, 49, True),
        (50, 89, False),
    ]
    assert plan.shots == (Shot(0, 14), Shot(15, 74), Shot(75, 89))  # a second on either side
    assert list(np.flatnonzero(plan.masked_frames())) == list(range(40, 50))
    footage = FootageReader(probe(source), plan, 250)
    found = footage.of_window(dict(read_frames(probe(source), 40, 50)), 40, 49)
    assert (min(found.frames), max(found.frames)) == (24, 65)
    assert all(found.mask(index) is not None for index in found.frames)


def test_a_film_of_origins_from_python(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv", audio=False).path
    cv2.imwrite(str(tmp_path / "mask.png"), draw_mask((160, 96)))
    options = Options(ScanOptions(mask=tmp_path / "mask.png", end=Position(2)), paint=TINY, pool=CPU)
    with pytest.raises(UsageError, match="two outputs would be written"):
        remove_subtitles(source, tmp_path / "b.mkv", options, provenance=tmp_path / "b.mkv")
    with pytest.raises(OutputError, match="is the film itself"):
        remove_subtitles(source, tmp_path / "b.mkv", options, provenance=source)
    result = remove_subtitles(source, tmp_path / "b.mkv", options, provenance=tmp_path / "new" / "p.mp4")
    assert read_pts(tmp_path / "new" / "p.mp4") == read_pts(source)
    shares = result.shares
    assert shares.borrowed + shares.unmixed + shares.fitted == pytest.approx(1)
    assert len(result.event_shares) == 1


def test_the_mask_changes_from_frame_to_frame(tmp_path: Path) -> None:
    """A plan whose events follow on each other, come at the very start and go with the last frame."""
    drawn = draw_film(tmp_path / "a.mkv", codec="ffv1", subtitles=((0, 12, "One"), (8, 23, "Another line")))
    film = probe(drawn.path)
    events = tuple(events_from_masks(enumerate(drawn.masks)))
    Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, 23),), events).save(tmp_path / "plan")
    remove(drawn.path, tmp_path / "b.mkv", plan=tmp_path / "plan")
    before, after = read_planes(drawn.path), read_planes(tmp_path / "b.mkv")
    for old, new, mask in zip(before, after, drawn.masks, strict=True):
        assert np.array_equal(old[0][~mask], new[0][~mask])
        assert not np.array_equal(old[0][mask], new[0][mask])


def test_nothing_found_is_a_remux(tmp_path: Path) -> None:
    source, target = draw_film(tmp_path / "a.mp4").path, tmp_path / "b.mp4"
    result = remove(source, target, segmenter="gradient")
    assert (result.events, result.frames_masked, result.shares) == (0, 0, Shares())
    for kind in ("video", "audio"):
        assert read_packets(source, kind) == read_packets(target, kind)


def test_frames_that_the_film_hides_stay_hidden_where_nothing_is_found(tmp_path: Path) -> None:
    """Of mp4 an edit list hides them, which Matroska has not: copied packets would show them."""
    source, target = draw_film(tmp_path / "a.mp4", first_pts=-5).path, tmp_path / "b.mkv"
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), np.zeros((96, 160), np.uint8))
    result = remove(source, target, mask=mask)
    assert result.events == 0
    assert "cannot be copied to .mkv" in result.warnings[-1]
    assert [float(at) for at in read_pts(target)] == pytest.approx(
        [float(at) for at in probe(source).times[:-1]], abs=0.001
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [("a.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}), ("a.wmv", {"codec": "wmv2"})],
)
def test_nothing_found_is_encoded_where_the_packets_cannot_be_kept(
    tmp_path: Path, name: str, settings: dict
) -> None:
    source = draw_film(tmp_path / name, 12, audio=False, options={}, **settings).path
    target, traced = tmp_path / "b.mp4", tmp_path / "of.mp4"
    options = Options(
        ScanOptions(segmenter="gradient"), paint=TINY, pool=CPU, encode=EncodeOptions(codec="libx264")
    )
    result = remove_subtitles(source, target, options, provenance=traced)
    film, made = probe(source), probe(target)
    assert result.warnings == (
        f"the {film.codec} packets cannot be copied to .mp4, so the picture is encoded all the same",
        f"nothing is removed, so there is no '{traced}'",
    )
    assert (result.events, result.frames_copied, made.codec) == (0, 0, "h264")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "b.mp4"]
    assert read_pts(target) == read_pts(source)


def test_subtitle_is_found_to_the_frame_and_removed(tmp_path: Path) -> None:
    drawn = draw_film(
        tmp_path / "a.mp4",
        frames=40,
        size=(320, 180),
        subtitles=((10, 29, "Hello there"),),
        options={"crf": "12", "g": "12"},
    )
    stages: list[Progress] = []
    options = Options(
        paint=dataclasses.replace(TINY, fit=dataclasses.replace(TINY.fit, steps=20, channels=8)), pool=CPU
    )
    result = remove_subtitles(str(drawn.path), str(tmp_path / "b.mp4"), options, stages.append)
    assert (result.events, result.frames_masked) == (1, 20)
    for stage, total in (("scan", 40), ("render", 40 - result.frames_copied)):
        assert [(p.done, p.total) for p in stages if p.stage == stage] == [
            (done, total) for done in range(1, total + 1)
        ]
    with open_film(drawn.path) as old, open_film(tmp_path / "b.mp4") as new:
        pairs = zip(old.decode(video=0), new.decode(video=0), drawn.clean, drawn.masks, strict=True)
        for subbed, cleaned, clean, mask in pairs:
            if mask.any():
                was = np.abs(subbed.to_ndarray(format="rgb24")[mask].astype(float) - clean[mask]).mean()
                now = np.abs(cleaned.to_ndarray(format="rgb24")[mask].astype(float) - clean[mask]).mean()
                assert now < was / 5


@pytest.mark.parametrize(
    "region",
    [
        "full",
        "bottom",
    ],
)
def test_scan(tmp_path: Path, region: str) -> None:
    drawn = draw_film(tmp_path / "a.mp4", frames=40, size=(320, 180), subtitles=((10, 29, "Hello there"),))
    stages: list[Progress] = []
    plan = scan(drawn.path, ScanOptions(regions=(Region.parse(region),)), stages.append)
    (event,) = plan.events
    assert (event.first, event.last) == (10, 29)
    mask = plan.mask([event])
    assert mask[drawn.masks[15]].mean() > 0.97
    assert not mask[~cv2.dilate(drawn.masks[15].astype(np.uint8), np.ones((15, 15))).astype(bool)].any()
    assert stages[-1] == Progress("scan", 40, 40)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_only_what_the_times_name_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film whose picture starts late: the times count from where players do, with half a second about."""
    source = draw_film(tmp_path / "a.mkv", frames=96, first_pts=24, audio=False).path
    strokes = np.ones((2, 4), bool)
    events = [Event(first, first + 4, Box(9, 80, 4, 2), strokes) for first in (5, 40, 90)]
    monkeypatch.setattr(make_plan, "scan_pictures", lambda *_, **__: Found([], tuple(events), []))
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:01,700\nHello\n")
    plan = scan(source, ScanOptions(times=tmp_path / "a.srt"))
    assert [(event.first, event.remove) for event in plan.events] == [(5, False), (40, True), (90, False)]


def test_events_are_told_of_as_the_plan_will_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = draw_film(tmp_path / "a.mkv", frames=96, audio=False).path
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:01,700\nHello\n")
    strokes = np.ones((2, 4), bool)
    events = [Event(first, first + 4, Box(9, 80, 4, 2), strokes) for first in (20, 40, 90)]

    def scan_pictures(*_: object, so_far: FoundSoFar, **__: object) -> Found:
        so_far._tell(events[:2])
        so_far._tell(events[2:])
        return Found([], tuple(events), [])

    monkeypatch.setattr(make_plan, "scan_pictures", scan_pictures)
    told: list[Event] = []
    options = ScanOptions(times=tmp_path / "a.srt", start=Position(frame=42))
    plan = scan(source, options, on_found=told.extend)
    ends = [(20, 24, False), (40, 41, False), (42, 44, True), (90, 94, False)]
    for each in (plan.events, told):
        assert [(event.first, event.last, event.remove) for event in each] == ends


def test_the_sensitivity_moves_the_scan_s_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_film(tmp_path / "a.mp4", frames=4, audio=False).path
    passages = (Passage(1, 2, Box(9, 80, 4, 2)),)
    scopes: list[Scope] = []

    def scan_pictures(*given: object, **_: object) -> Found:
        scopes.extend(each for each in given if isinstance(each, Scope))
        return Found([], (), [], passages)

    monkeypatch.setattr(make_plan, "scan_pictures", scan_pictures)
    for name in ("low", "normal", "high"):
        assert scan(source, ScanOptions(sensitivity=name)).passages == passages
    assert [scope.least_probability for scope in scopes] == [0.8, 0.5, 0.2]
    assert Scope().least_probability == 0.5


@pytest.mark.parametrize("choice", [{"batch_size": 1}, {"batch_size": 7}])
def test_the_result_does_not_depend_on_the_batches(tmp_path: Path, choice: dict) -> None:
    source = draw_film(tmp_path / "a.mkv", frames=70, size=(96, 96), codec="ffv1", audio=False).path
    cv2.imwrite(str(tmp_path / "mask.png"), draw_mask((96, 96)))
    scan_options = ScanOptions(mask=tmp_path / "mask.png", start=Position(26), end=Position(68))
    borrow = BorrowOptions(borrow=False)  # all frames are masked
    for name, options in (("b.mkv", CPU), ("c.mkv", PoolOptions("cpu", **choice))):
        remove_subtitles(source, tmp_path / name, Options(scan_options, borrow, TINY, options))
    for one, other in zip(read_planes(tmp_path / "b.mkv"), read_planes(tmp_path / "c.mkv"), strict=True):
        assert max(np.abs(a.astype(int) - b).max() for a, b in zip(one, other, strict=True)) <= 1


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()])
@pytest.mark.parametrize("stage", ["scan", "render"])
def test_a_failing_callback_leaves_no_target(tmp_path: Path, error: BaseException, stage: str) -> None:
    """But what is worth going on with, behind the scan."""
    source = draw_film(tmp_path / "a.mp4", audio=False).path
    cv2.imwrite(str(tmp_path / "mask.png"), draw_mask((160, 96)))

    def fail(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, 5):
            raise error

    scan_options = (
        ScanOptions(segmenter="gradient")
        if stage == "scan"
        else ScanOptions(mask=tmp_path / "mask.png", start=Position(20))
    )
    with pytest.raises(type(error)):
        remove_subtitles(source, tmp_path / "b.mp4", Options(scan_options, paint=TINY, pool=CPU), fail)
    kept = [".b.mp4.subremover"] if stage == "render" else []
    assert sorted(p.name for p in tmp_path.iterdir()) == [*kept, "a.mp4", "mask.png"]


def test_a_damaged_film_is_done_as_far_as_it_goes(tmp_path: Path) -> None:
    source = draw_film(tmp_path / "a.mkv", frames=60, audio=False).path
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    cv2.imwrite(str(tmp_path / "mask.png"), draw_mask((160, 96)))
    result = remove(source, tmp_path / "b.mkv", mask=tmp_path / "mask.png", end=Position(3))
    assert "may be cut off" in result.warnings[0]
    assert 0 < len(read_pts(tmp_path / "b.mkv")) < 60


@pytest.mark.parametrize(
    ("make_options", "kind", "message"),
    [
        (lambda _: {"start": Position(9), "end": Position(9)}, UsageError, "must come before --end"),
        (lambda _: {"start": Position(24)}, UsageError, "lies behind the end .*24 frames, 1.001 s"),
        (lambda _: {"regions": (Region.parse("0,0,161,9"),)}, UsageError, "does not fit the picture"),
        (lambda path: {"mask": path / "gone.png"}, PlanError, "cannot read the mask"),
        (lambda path: {"mask": path / "gone.mkv"}, PlanError, "cannot use the mask .*does not exist"),
        (lambda path: {"mask": path / "text.png"}, PlanError, "is no picture; give a PNG"),
        (lambda path: {"mask": path / "text.mkv"}, PlanError, "cannot use the mask .*check that it is whole"),
        (lambda path: {"mask": path / "small.png"}, PlanError, "is 80x48 px, the film 160x96; scale it"),
        (lambda path: {"mask": path / "small.mkv"}, PlanError, "is 64x48 px, the film 160x96; scale it"),
        (lambda path: {"mask": path / "short.mkv"}, PlanError, "has 3 frames, the film 24; give one a frame"),
        (lambda path: {"plan": path}, PlanError, "cannot read the plan .*, or make one with --save-plan"),
    ],
)
def test_what_does_not_fit_the_film(
    tmp_path: Path, make_options: Callable[[Path], dict], kind: type, message: str
) -> None:
    source = draw_film(tmp_path / "a.mp4").path
    for name in ("text.png", "text.mkv"):
        (tmp_path / name).write_text("no picture")
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((48, 80), np.uint8))
    draw_film(tmp_path / "small.mkv", size=(64, 48), audio=False)
    draw_film(tmp_path / "short.mkv", frames=3, audio=False)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(kind, match=message):
        remove(source, tmp_path / "b.mp4", **make_options(tmp_path))
    assert sorted(tmp_path.iterdir()) == before


def test_device_and_target_are_checked_before_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_args: object) -> None:
        raise AssertionError("scanned")

    monkeypatch.setattr(pipeline, "make_plan", never)
    source = draw_film(tmp_path / "a.mp4", frames=3).path
    with pytest.raises(OutputError, match="is the film itself"):
        remove_subtitles(source, source)
    with pytest.raises(DeviceError, match=r"asked for.*--device cpu"):
        remove_subtitles(source, tmp_path / "b.mp4", Options(pool=PoolOptions("cuda:99")))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
