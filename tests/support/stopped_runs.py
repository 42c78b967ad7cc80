"""Runs that are stopped amid their work."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from fake_run import SEGMENT_FRAMES, FakePool
from media import draw_film
from tiny_runs import draw_mask

from subremover.options import BorrowOptions, Options, PoolOptions, ScanOptions
from subremover.parsing import Part
from subremover.pipeline import Run
from subremover.progress import Progress
from subremover.render.share import RenderedPart
from subremover.result import Result
from subremover.resume.names import find_folder
from subremover.video import segments

FRAMES = 70


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    draw_film(folder / "a.mp4", frames=FRAMES, size=(96, 96))
    cv2.imwrite(str(folder / "mask.png"), draw_mask((96, 96)))
    return folder


@pytest.fixture
def place(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a film and its mask; runs there are quick."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    make_quick(monkeypatch)
    return tmp_path


def make_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_FRAMES", SEGMENT_FRAMES)


def run(
    place: Path, progress: Callable[[Progress], None] | None = None, target: str = "b.mp4", **choices: object
) -> Result:
    with open_run(place, progress, target, **choices) as run:
        return run.render(run.scan())


def run_part(
    place: Path, part: str, progress: Callable[[Progress], None] | None = None, **choices: object
) -> RenderedPart:
    with open_run(place, progress, part=Part.parse(part), **choices) as run:
        return run.render_part(run.scan())


def open_run(
    place: Path, progress: Callable[[Progress], None] | None = None, target: str = "b.mp4", **choices: object
) -> Run:
    options = {
        "scan": ScanOptions(mask=place / "mask.png"),
        "borrow": BorrowOptions(borrow=False),
        "pool": PoolOptions(device="cpu"),
        **choices,
    }
    others = {name: options.pop(name) for name in ("provenance", "part") if name in options}
    return Run(
        place / "a.mp4",
        Options(**options),
        target=place / target,
        painter=FakePool(),
        progress=progress,
        **others,
    )


def stop_at(stage: str, done: int, error: BaseException | None = None) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, done):
            raise error or KeyboardInterrupt

    return stop


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def kept(place: Path, target: str = "b.mp4") -> list[str]:
    return names(find_folder(place / target))


def stopped(place: Path, frames: int = 50, **choices: object) -> None:
    """Stop a run in the midst."""
    with pytest.raises(KeyboardInterrupt):
        run(place, stop_at("render", frames), **choices)


@pytest.fixture(scope="session")
def reference(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an uninterrupted run makes."""
    folder = tmp_path_factory.mktemp("reference")
    shutil.copytree(drawn, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        assert run(folder).frames_resumed == 0
    assert names(folder) == ["a.mp4", "b.mp4", "mask.png"]
    return (folder / "b.mp4").read_bytes()
