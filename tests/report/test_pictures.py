from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import draw_film
from tiny_runs import CPU, TINY, draw_mask

from subremover import pipeline
from subremover.api import remove_subtitles
from subremover.detect.drawn_mask import event_of
from subremover.errors import OutputError
from subremover.options import Options
from subremover.pipeline import Run
from subremover.plan.model import FilmKey, Plan, Shot
from subremover.render import render_job
from subremover.render.filled_frames import fill_frames
from subremover.report.pictures import best_frame, write_previews
from subremover.video.film import Film
from subremover.video.pixels.planes import upright_rgb
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment

OPTIONS = Options(paint=TINY, pool=CPU)


def make_plan(film: Film, first: int, last: int) -> Plan:
    event = event_of(first, last, draw_mask(film.upright_size) > 0)
    return Plan(FilmKey.of(film.upright_size, film.pts), (Shot(0, film.frame_count - 1),), (event,))


def preview(film: Film, plan: Plan, folder: Path) -> list[Path]:
    with Run(film.path, OPTIONS, plan=plan, paints=True) as run:
        return write_previews(run, run.scan(), folder)


@pytest.mark.parametrize("rotation", [0, 90])
def test_pictures_of_a_few_frames(tmp_path: Path, rotation: int) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", rotation=rotation, audio=False).path)
    written = preview(film, make_plan(film, 4, 19), tmp_path / "new" / "look")
    frames = (6, 10, 14, 18)
    names = [f"frame_{index:06d}_{name}.png" for index in frames for name in ("before", "mask", "after")]
    assert [p.name for p in written] == names
    assert sorted(p.name for p in (tmp_path / "new" / "look").iterdir()) == sorted(names)
    mask = draw_mask(film.upright_size) > 0
    for number, index in enumerate(frames):
        before, overlay, after = (cv2.imread(str(p))[..., ::-1] for p in written[3 * number : 3 * number + 3])
        _, frame = next(read_frames(film, index, index + 1))
        assert np.array_equal(before, upright_rgb(frame, film.rotation))
        assert np.array_equal((overlay != before).any(2), mask)
        far = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9))) == 0  # chroma is shared by neighbours
        assert np.array_equal(before[far], after[far])
        assert not np.array_equal(before[mask], after[mask])


def test_a_preview_shows_the_frames_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that copies packets begins anew behind them, and borrows nothing from before."""
    film = probe(draw_film(tmp_path / "a.mp4", 60, options={"g": "12"}, audio=False).path)
    plan, seen = make_plan(film, 26, 29), []

    def note(*arguments: object, segments: list[Segment], **more: object) -> Generator:
        seen.append(segments)
        return fill_frames(*arguments, segments=segments, **more)

    for module in (pipeline, render_job):
        monkeypatch.setattr(module, "fill_frames", note)
    preview(film, plan, tmp_path / "look")
    result = remove_subtitles(film.path, tmp_path / "b.mp4", OPTIONS, plan=plan)
    of_preview, of_run = seen
    assert [s for s in of_preview if not s.is_copied] == of_run
    assert result.frames_copied == sum(s.stop - s.start for s in of_preview if s.is_copied) > 0


@pytest.mark.parametrize(
    ("lives", "frames"),
    [
        ([(0, 2), (4, 6), (8, 10), (12, 14), (16, 18), (20, 22)], [1, 9, 13, 21]),
        ([(0, 4), (10, 22)], [1, 3, 13, 19]),
        ([(0, 4), (8, 10), (12, 22)], [1, 3, 9, 17]),
    ],
)
def test_pictures_of_different_events(
    tmp_path: Path, lives: list[tuple[int, int]], frames: list[int]
) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    mask = draw_mask(film.upright_size) > 0
    events = tuple(event_of(first, last, mask) for first, last in lives)
    key = FilmKey.of(film.upright_size, film.pts)
    written = preview(film, Plan(key, (Shot(0, 23),), events), tmp_path / "look")
    assert [p.name for p in written if "before" in p.name] == [f"frame_{i:06d}_before.png" for i in frames]


def test_a_fading_event_is_shown_where_it_is_there() -> None:
    event = event_of(10, 19, np.ones((4, 4), bool))
    opacities = np.linspace(0.1, 1, 10, dtype=np.float32)
    assert best_frame(event) == 14
    assert best_frame(replace(event, opacities=opacities)) == 19
    assert best_frame(replace(event, opacities=np.full(10, 0.6, np.float32))) == 14


def test_a_single_frame(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    assert len(preview(film, make_plan(film, 23, 23), tmp_path / "look")) == 3


@pytest.mark.parametrize("stop", [24, 2])
def test_pictures_of_an_earlier_preview_go(tmp_path: Path, stop: int) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    folder = tmp_path / "look"
    preview(film, make_plan(film, 4, 4), folder)
    others = ["frame_4_after.png", "frame_000004_after.png.bak", "frame_000004.png", "event_0001.png"]
    for name in others:
        (folder / name).touch()
    written = preview(film, make_plan(film, 9, 9).clip(0, stop), folder)
    assert len(written) == (3 if stop == 24 else 0)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*others, *(p.name for p in written)])


def test_nothing_to_show(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    plan = make_plan(film, 4, 19).clip(20, 24)
    assert preview(film, plan, tmp_path / "look") == []
    assert not (tmp_path / "look").exists()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    film = probe(draw_film(tmp_path / "a.mp4", audio=False).path)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*; choose another folder"):
        preview(film, make_plan(film, 4, 4), tmp_path / "file" / "look")
