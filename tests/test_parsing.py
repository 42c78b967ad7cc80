import pytest

from subremover.errors import UsageError
from subremover.geometry import Box
from subremover.parsing import Part, Position, Region, parse_size


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
        ("75:00", Position(seconds=4500)),
        ("9999:59.5", Position(seconds=9999 * 60 + 59.5)),
        ("00:01:30,250", Position(seconds=90.25)),
    ],
)
def test_times(text: str, expected: Position) -> None:
    assert Position.parse(text) == expected


@pytest.mark.parametrize("text", ["", "f", "-5f", "-1", "1:2:3:4", "10000:00", "12,5", "1e3", "nan", "1.5f"])
def test_unreadable_times(text: str) -> None:
    with pytest.raises(UsageError, match=r"as a time; give a frame \(120f\), seconds \(12.5\) or a timecode"):
        Position.parse(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [("1:75:00", "minutes"), ("0:60:00", "minutes"), ("0:99", "seconds"), ("0:00:60,5", "seconds")],
)
def test_times_out_of_range(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=f"as a time, for its {what} are above 59; give a frame"):
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


def test_a_position_is_a_frame_or_a_time() -> None:
    with pytest.raises(ValueError, match="either a frame or seconds"):
        Position()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("800M", 800 << 20), ("4G", 4 << 30), (" 1.5g ", 3 << 29), ("2048KiB", 2 << 20), ("1TB", 1 << 40)],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "G",
        "0G",
        "-1G",
        "4 G B",
        "1e3M",
        "0.0001K",
        "4GG",
        "1,5G",
        "inf",
        "nanG",
        "٤G",
        "9" * 99 + "G",
    ],
)
def test_unreadable_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="as a size of memory; give a number and a unit: 800M, 4G"):
        parse_size(text)


def test_parts() -> None:
    assert Part.parse(" 2/8 ") == Part(2, 8)
    assert str(Part.parse("1/1")) == "1 of 1"


@pytest.mark.parametrize(
    "text", ["", "2", "2/", "/8", "-1/8", "1/2/3", "2 of 8", "1.0/2", "1/1000000000", "²/8"]
)
def test_unreadable_parts(text: str) -> None:
    with pytest.raises(UsageError, match="as a part of a film; give I/N, as 2/8 for the second of 8"):
        Part.parse(text)


@pytest.mark.parametrize("text", ["0/8", "9/8", "0/0", "1/0"])
def test_parts_that_there_are_not(text: str) -> None:
    with pytest.raises(UsageError, match=r"there is no part .* give I/N with I from 1 to N"):
        Part.parse(text)
