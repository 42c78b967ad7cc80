"""What a browser sends may be anything; what the command is given never is."""

from pathlib import Path
from typing import Any

import pytest

from subremover.page.jobs.asked import RunAsk, ScanAsk, TryAsk, read_json, read_number, to_json
from subremover.page.library import Outputs
from subremover.page.refusals import Refusal

OUTPUTS = Outputs(Path("/c/a.mp4"), Path("/c/a.srt"), Path("/c/a.html"))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"null", b"7", b"{", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b"\xff\xfe{}"),
        *(b"[" * 200_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}", "{}".encode("utf-16")),
    ],
)
def test_what_is_no_object_of_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        read_json(body)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "values",
    [
        {"regions": "bottom"},
        {"regions": [[0, 0, 0, 5]]},
        {"regions": [[0, 0, 5]]},
        {"regions": [[0, 0, 5, True]]},
        {"regions": [[0, 0, 5, 5.5]]},
        {"regions": [[-1, 0, 5, 5]]},
        {"regions": [[0, 0, 10**30, 5]]},
        {"regions": [[0, 0, 5, 5]] * 65},
        {"first": -1},
        {"first": "0"},
        {"first": 10**12},
        {"first": 5, "last": 4},
        {"first": True},
        {"sensitivity": "--mask"},
        {"sensitivity": ["high"]},
        {"sensitivity": None},
        {"logos": 1},
        {"everything": "yes"},
        {"keep": "all"},
        {"output": "/etc/passwd"},
        {"-o": "x"},
    ],
)
def test_a_scan_is_asked_for_properly_or_not_at_all(values: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        ScanAsk.read(values)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "values",
    [
        {"preset": "--help"},
        {"preset": None},
        {"codec": "libx264 -o /etc/passwd"},
        {"codec": "../x"},
        {"codec": 7},
        {"crf": "18"},
        {"crf": 64},
        {"crf": -1},
        {"crf": True},
        {"crf": 18, "match_size": True},
        {"subtitle_language": "english"},
        {"subtitle_language": "--x"},
        {"subtitle_language": "en\n"},
        {"container": "exe"},
        {"container": "../mkv"},
        {"overwrite": "true"},
        {"srt": []},
    ],
)
def test_a_run_is_asked_for_properly_or_not_at_all(values: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refusal:
        RunAsk.read(values)
    assert refusal.value.status == 400


@pytest.mark.parametrize("values", [{}, {"frame": None}, {"frame": -1}, {"frame": 1.0}, {"frame": "1"}])
def test_a_try_needs_a_frame(values: dict[str, Any]) -> None:
    with pytest.raises(Refusal):
        TryAsk.read(values)


def test_what_was_asked_becomes_arguments() -> None:
    values = {"regions": [[1, 2, 30, 40]], "first": 3, "last": 9, "sensitivity": "high", "logos": True}
    ask = ScanAsk.read(values)
    assert ask.is_part
    told = "--scan-only --save-plan /p --sensitivity high --region 1,2,30,40 --start 3f --end 10f --logos"
    assert ask.arguments(Path("/p")) == told.split()
    assert not ScanAsk.read({"everything": True, "keep": "mended"}).is_part
    assert TryAsk.read({"frame": 7}).arguments(Path("/l"), Path("/p")) == [
        *("--preview", "/l", "--around", "7f", "--plan", "/p")
    ]
    run = RunAsk.read({"preset": "fast", "codec": "hevc", "crf": 18.5, "srt": True, "subtitle_track": True})
    told = (
        "-o /c/a.mp4 --report /c/a.html --srt /c/a.srt --save-plan /p --preset fast --codec hevc --crf 18.5 "
        "--subtitle-track --subtitle-language und --overwrite"
    )
    assert run.arguments(OUTPUTS, Path("/p"), has_plan=False, overwrites=True) == told.split()


@pytest.mark.parametrize(
    "ask",
    [
        ScanAsk(((1, 2, 3, 4),), 5, None, "low", True, True, "mended"),
        TryAsk(3),
        RunAsk(crf=20, container="mkv"),
    ],
)
def test_what_was_asked_can_be_kept_in_a_file(ask: Any) -> None:
    assert type(ask).read(to_json(ask)) == ask


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "\u0661", "1e3", " 1", "0x1", "9" * 5000, "17"])
def test_numbers_of_addresses_are_whole_and_in_range(text: str) -> None:
    with pytest.raises(Refusal):
        read_number(text, "the width", 1, 16)
