"""The Python API: a plan that one holds, changed, kept, and rendered; and what is exported."""

import dataclasses
import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from media import draw_film
from processes import ENVIRONMENT, ROOT
from tiny_runs import CPU, TINY

import subremover
from subremover import Box, Event, Options, Plan, PlanError, Run, ScanOptions, UsageError

OPTIONS = Options(paint=TINY, pool=CPU)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return draw_film(tmp_path / "a.mp4", 24, audio=False).path


def make_plan(source: Path) -> Plan:
    """Two events: one to go, one that stays."""
    with Run(source) as run:
        nothing = run.film
    key = subremover.FilmKey.of(nothing.upright_size, nothing.pts)
    strokes = np.ones((8, 30), bool)
    events = (
        Event(3, 6, Box(20, 70, 30, 8), strokes, text="One"),
        Event(12, 15, Box(20, 20, 30, 8), strokes, text="Two", remove=False),
    )
    return Plan(key, (subremover.Shot(0, 23),), events)


def test_a_plan_that_one_holds_is_rendered(source: Path, tmp_path: Path) -> None:
    plan = make_plan(source)
    result = subremover.remove_subtitles(source, tmp_path / "b.mp4", OPTIONS, plan=plan)
    assert (result.events, result.frames_masked) == (1, 4)
    assert result.left_alone == ('a subtitle "Two" at the top left (as the plan says)',)
    options = dataclasses.replace(OPTIONS, scan=ScanOptions(mask=tmp_path / "m.png"))
    with pytest.raises(UsageError, match="a plan was given, so leave the mask of the options out"):
        subremover.remove_subtitles(source, tmp_path / "c.mp4", options, plan=plan)
    assert not (tmp_path / "c.mp4").exists()


def test_the_range_of_frames_holds_for_a_given_plan(source: Path, tmp_path: Path) -> None:
    options = dataclasses.replace(OPTIONS, scan=ScanOptions(end=subremover.Position(frame=5)))
    result = subremover.remove_subtitles(source, tmp_path / "b.mp4", options, plan=make_plan(source))
    assert result.frames_masked == 2
    assert result.left_alone == ()  # what stays begins later


def test_events_are_turned_over_and_painted(source: Path, tmp_path: Path) -> None:
    plan = make_plan(source).replace_event(1, remove=True)
    strokes = plan.events[0].strokes.copy()
    strokes[:, :10] = False
    plan = plan.replace_event(0, strokes=strokes, last=4)
    assert [event.remove for event in plan.events] == [True, True]
    assert plan.events[0].strokes.sum() == 8 * 20
    assert subremover.remove_subtitles(source, tmp_path / "b.mp4", OPTIONS, plan=plan).frames_masked == 2 + 4
    # an event that comes to begin later changes places, and its opacities no longer fit
    fading = plan.replace_event(0, opacities=np.array([0.5, 1], np.float32))
    moved = fading.replace_event(0, first=18, last=20)
    assert [event.first for event in moved.events] == [12, 18]
    assert not len(moved.events[1].opacities)


@pytest.mark.parametrize(
    ("number", "changes", "kind"),
    [
        (2, {"remove": True}, IndexError),
        (-1, {"remove": True}, IndexError),
        (0, {"colour": "red"}, TypeError),
        (0, {"last": 24}, ValueError),
        (0, {"strokes": np.ones((3, 3), bool)}, ValueError),
        (0, {"box": Box(150, 70, 30, 8)}, ValueError),
    ],
)
def test_what_makes_no_event_is_refused(
    source: Path, number: int, changes: dict, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        make_plan(source).replace_event(number, **changes)


def test_plans_are_saved_and_loaded(source: Path, tmp_path: Path) -> None:
    plan = make_plan(source)
    plan.save(tmp_path / "plan")
    for place in (tmp_path / "plan", str(tmp_path / "plan" / "plan.json")):
        loaded = subremover.load_plan(place)
        assert loaded.digest() == plan.digest()
    other = draw_film(tmp_path / "other.mp4", 30, audio=False).path
    with pytest.raises(PlanError, match=r"of another film \(160x96 px, 24 frames; this one: 160x96, 30"):
        subremover.remove_subtitles(other, tmp_path / "b.mp4", OPTIONS, plan=loaded)
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("width", 0), ("height", 1 << 20), ("frame_count", 1 << 40), ("times", 7), ("times", "x" * 100)],
)
def test_a_plan_that_says_nonsense_of_its_film_is_not_loaded(
    source: Path, tmp_path: Path, name: str, value: object
) -> None:
    make_plan(source).save(tmp_path)
    file = tmp_path / "plan.json"
    text = re.sub(
        rf'"{name}": ("[^"]*"|\d+)',
        f'"{name}": {str(value) if name != "times" else repr(value)}'.replace("'", '"'),
        file.read_text(),
        count=1,
    )
    file.write_text(text)
    with pytest.raises(PlanError, match=f'"{name}" must be'):
        subremover.load_plan(tmp_path)


def test_a_run_is_prepared_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of it is used: one look at the film, one choice of the encoder."""
    from subremover import pipeline

    plan, called = make_plan(source), list[str]()
    for name in ("probe", "choose_encoding", "read_packet_index"):
        real = getattr(pipeline, name)
        monkeypatch.setattr(pipeline, name, lambda *_, real=real, name=name: called.append(name) or real(*_))
    options = dataclasses.replace(OPTIONS, encode=subremover.EncodeOptions(splice="on"))
    with Run(source, options, target=tmp_path / "b.mp4", plan=plan) as run:
        run.render(run.scan())
    assert sorted(called) == ["choose_encoding", "probe", "read_packet_index"]


def test_a_run_without_a_target_makes_no_film(source: Path) -> None:
    with Run(source) as run, pytest.raises(ValueError, match="give it one"):
        run.render(make_plan(source))
    with pytest.raises(UsageError, match="give a target"), Run(source, provenance="c.mp4"):
        pass


def test_a_target_that_is_a_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cleaned").mkdir()
    with pytest.raises(subremover.OutputError, match="cleaned' is a directory; give a file name"):
        subremover.remove_subtitles(source, f"{tmp_path}/cleaned/", OPTIONS)


def test_the_example_runs(source: Path, tmp_path: Path) -> None:
    """examples/remove_from_python.py, which scans once."""
    program = ROOT / "examples" / "remove_from_python.py"
    done = subprocess.run(
        [sys.executable, str(program), str(source), str(tmp_path / "clean.mp4")],
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (tmp_path / "clean.mp4").exists()
    assert "scan: 24 of 24 frames" in done.stderr
    assert done.stderr.count("scan: 1 of 24") == 1


def test_the_example_without_arguments() -> None:
    program = ROOT / "examples" / "remove_from_python.py"
    done = subprocess.run(
        [sys.executable, str(program)], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: python remove_from_python.py MOVIE CLEAN\n"


def find_types(hint: object) -> Iterator[type]:
    for part in typing.get_args(hint):
        yield from find_types(part)
    if isinstance(hint, type) and hint.__module__.startswith("subremover"):
        yield hint


def test_every_type_of_a_public_signature_is_exported() -> None:
    exported = {name: getattr(subremover, name) for name in subremover.__all__ if name != "__version__"}
    assert len(exported) > 30
    types = {thing for thing in exported.values() if isinstance(thing, type)}
    for name, thing in exported.items():
        functions = [thing] if inspect.isfunction(thing) else []
        if isinstance(thing, type) and thing.__module__.startswith("subremover"):
            members = inspect.getmembers(thing, inspect.isfunction)
            functions = [function for member, function in members if not member.startswith("_")]
            if dataclasses.is_dataclass(thing):
                for part in typing.get_type_hints(thing).values():
                    assert set(find_types(part)) <= types | own_of(thing), (name, part)
        for function in functions:
            for part in typing.get_type_hints(function).values():
                assert set(find_types(part)) <= types | own_of(thing), (name, function, part)
        is_alias = name in {
            "ForwardModel",
            "FoundCallback",
            "ProgressCallback",
            "Watch",
        }  # a text under them says it
        assert is_alias or inspect.getdoc(thing), name


def own_of(thing: object) -> set[type]:
    """What `Run` holds beside what it is given: the inner types of one who goes step by step."""
    if thing is not Run:
        return set()
    from subremover.fill.paint.jobs import Painter
    from subremover.provenance import Origins
    from subremover.video.splice.splice import Splice

    return {Origins, Painter, Splice}


def test_a_run_that_is_not_open_says_so(source: Path) -> None:
    run = Run(source)
    for use in (run.scan, lambda: run.render(make_plan(source)), lambda: run.find_splice(make_plan(source))):
        with pytest.raises(RuntimeError, match="use it in a with statement"):
            use()


def test_a_scan_takes_either_kind_of_options(source: Path) -> None:
    options = ScanOptions(segmenter="gradient")
    one, other = (subremover.scan(source, how) for how in (options, Options(scan=options)))
    assert one.digest() == other.digest()
