import math
from collections.abc import Callable

import pytest

from subremover.errors import UsageError
from subremover.geometry import Box
from subremover.options import EncodeOptions, FitOptions, Options, PoolOptions, Position, Region, ScanOptions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120f", Position(frame=120)),
        ("0f", Position(frame=0)),
        ("12.5", Position(seconds=12.5)),
        (" 7 ", Position(seconds=7)),
        ("0:01:30.250", Position(seconds=90.25)),
        ("01:30", Position(seconds=90)),
        ("12:00:00", Position(seconds=43200)),
    ],
)
def test_times(text: str, expected: Position) -> None:
    assert Position.parse(text) == expected


@pytest.mark.parametrize("text", ["", "f", "-5f", "-1", "1:2:3:4", "0:99", "12,5", "1e3", "nan", "1.5f"])
def test_unreadable_times(text: str) -> None:
    with pytest.raises(UsageError, match=r"as a time; give a frame \(120f\), seconds \(12.5\) or a timecode"):
        Position.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,400,640,80", Box(0, 400, 640, 80)),
        ("0%,75%,100%,25%", Box(0, 360, 640, 120)),
        ("10.5%, 0%, 50%, 10%", Box(67, 0, 321, 48)),
        ("bottom", Box(0, 320, 640, 160)),
        ("TOP", Box(0, 0, 640, 160)),
        ("full", Box(0, 0, 640, 480)),
        ("0,0,640,480", Box(0, 0, 640, 480)),
    ],
)
def test_regions(text: str, expected: Box) -> None:
    assert Region.parse(text).box(640, 480) == expected


@pytest.mark.parametrize("size", [(640, 481), (161, 97), (1, 1)])
def test_named_regions_fit_every_picture(size: tuple[int, int]) -> None:
    for name in ("bottom", "top", "full"):
        box = Region.parse(name).box(*size)
        assert box.right <= size[0]
        assert box.bottom <= size[1]


@pytest.mark.parametrize("text", ["", "left", "1,2,3", "1,2,3,4,5", "1%,2,3,4", "-1,0,5,5", "a,b,c,d"])
def test_unreadable_regions(text: str) -> None:
    with pytest.raises(UsageError, match="as a region; give x,y,w,h in pixels"):
        Region.parse(text)


@pytest.mark.parametrize("text", ["0,0,0,5", "0%,0%,100%,0%"])
def test_empty_regions(text: str) -> None:
    with pytest.raises(UsageError, match="is empty; width and height must be above 0"):
        Region.parse(text)


@pytest.mark.parametrize("text", ["0,400,640,81", "640,0,1,1", "50%,0%,51%,10%"])
def test_regions_outside_the_picture(text: str) -> None:
    with pytest.raises(UsageError, match="does not fit the picture of 640x480 px"):
        Region.parse(text).box(640, 480)


def test_the_paper_preset_is_the_papers() -> None:
    paper = FitOptions.preset("paper")
    assert (paper.channels, paper.levels, paper.activation, paper.loss) == (256, 5, "relu", "mix")
    assert (paper.learning_rate, paper.steps, paper.warm_steps, paper.decoders) == (0.01, 1000, 0, 1)


def test_presets_go_from_fast_to_good() -> None:
    fast, standard = FitOptions.preset("fast"), FitOptions.preset("standard")
    assert standard == FitOptions() == Options().fit
    assert fast.steps < standard.steps
    assert fast.warm_steps < standard.warm_steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FitOptions(steps=0), "steps must be at least 1, got 0"),
        (lambda: FitOptions(warm_steps=-1), "warm_steps must be at least 0"),
        (lambda: FitOptions(channels=0), "channels must be at least 1"),
        (lambda: FitOptions(decoders=17), "decoders must be at most 16"),
        (lambda: FitOptions(levels=0), "levels must be at least 1"),
        (lambda: FitOptions(levels=10), "levels must be at most 9"),
        (lambda: FitOptions(learning_rate=math.nan), "learning rate must be above 0"),
        (lambda: FitOptions(input_noise=-1), "input noise must not be negative"),
        (lambda: FitOptions(loss="l3"), "unknown loss 'l3'; choose from mix, mse, l1, ssim, ms-ssim"),
        (lambda: FitOptions(input="zeros"), "unknown input 'zeros'; choose from noise, downsampled"),
        (lambda: FitOptions(activation="tanh"), "unknown activation 'tanh'"),
        (lambda: FitOptions.preset("slow"), "unknown preset 'slow'; choose from fast, standard, paper"),
        (lambda: ScanOptions(segmenter="ocr"), "unknown segmenter 'ocr'; choose from lines, gradient"),
        (lambda: ScanOptions(mask="a.png", plan="plan"), "a mask or a plan, not both"),
        (lambda: ScanOptions(times="a.srt", plan="plan"), "--times tells the scan where to look"),
        (lambda: ScanOptions(times="a.srt", mask="a.png"), "--times tells the scan where to look"),
        (lambda: EncodeOptions(subtitle_language="en"), "a language is three letters .*got 'en'"),
        (lambda: PoolOptions(device="gpu"), "unknown device 'gpu'; choose auto, cpu, cuda, cuda:N or mps"),
        (lambda: PoolOptions(batch_size=0), "batch size must be at least 1, got 0"),
        (lambda: PoolOptions(workers=0), "workers must be 1 to 64, got 0"),
        (lambda: EncodeOptions(crf=-1), "crf must be 0 to 63, got -1"),
        (lambda: EncodeOptions(crf=math.nan), "crf must be 0 to 63, got nan"),
        (
            lambda: EncodeOptions(crf=20, match_size=True),
            "--match-size chooses the crf; leave one of the two out",
        ),
    ],
)
def test_values_without_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_a_position_is_a_frame_or_a_time() -> None:
    with pytest.raises(ValueError, match="either a frame or seconds"):
        Position()
