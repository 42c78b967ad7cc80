"""Draw films with lettering that is no subtitle, half of them with subtitles too, each with its truth.

    python examples/training/draw_other_lettering.py CLIPS OUT --count 190 --seed 0

CLIPS is a folder of short clean films, NAME.mp4; a NAME.json beside one may list the first frames of its new
shots as "cuts". Signs of the scene and overlays are drawn over them in turn; every fifth case is a film of
pages instead: slides, software, title cards or credits. Each is a folder OUT/NAME__other_SEED with

    subbed.mp4   the film with all lettering
    mask.mkv     gray, lossless: how much of each pixel a subtitle hides, 255 = all; nothing else is in it
    lines.mkv    gray, lossless, where there are subtitles: a frame for each of `lines`, that row alone
    truth.json   size, fps, frames, cuts; `lines`, the rows of the subtitles, and `others`, all other
                 lettering: first and last frame (both included), text and box [x, y, width, height]; that of
                 an other spans all places where it was seen

What has been drawn already is kept. A clip and a seed give the same pictures on machines with the same fonts;
x264 may round them otherwise.
"""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
from camera import Film, find_cuts
from cues import Row, draw_cues, keep_clear, row_alone
from lettering import Patch
from pages import draw_pages
from screen_overlays import draw_overlays
from signs import Lettering, draw_signs


@click.command(help=__doc__)
@click.argument("clips", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", default=190, show_default=True, help="How many cases.")
@click.option("--seed", default=0, show_default=True, help="Of the first case; the next ones follow.")
def main(clips: Path, out: Path, count: int, seed: int) -> None:
    paths = sorted(clips.glob("*.mp4"))
    if not paths:
        raise click.UsageError(f"no .mp4 in {clips}")
    for number in range(seed, seed + count):
        path = paths[number % len(paths)]
        is_page = number % 5 == 4
        name = f"{'pages' if is_page else path.stem}__other_{number}"
        if (out / name / "truth.json").exists():
            continue
        rng = random.Random(name)
        film = read_film(path)
        film, others = draw_pages(rng, film) if is_page else (film, [])
        draw_case(rng, film, others, out / name)
        click.echo(name)


def read_film(path: Path) -> Film:
    """A clip with its cuts: those of the JSON beside it, else those that can be seen."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or Fraction(25)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    notes = path.with_suffix(".json")
    facts: dict[str, Any] = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {}
    return Film(frames, rate, path.stem, tuple(facts.get("cuts", find_cuts(frames))))


def draw_case(rng: random.Random, film: Film, others: list[Lettering], folder: Path) -> None:
    """Write a film with `others`, or else with signs and overlays, and half the time with subtitles."""
    if not others:
        way = rng.choices(("signs", "overlays", "both"), (5, 4, 2))[0]
        others = draw_signs(rng, film) if way != "overlays" else []
        others += draw_overlays(rng, film) if way != "signs" else []
    rows = draw_cues(rng, film) if rng.random() < 0.5 else []
    others = keep_clear(rows, others, film)
    boxes: list[list[int] | None] = [None] * len(others)
    width, height = film.size
    pictures, masks = [], []
    for index, frame in enumerate(film.frames):
        picture, mask = frame.copy(), np.zeros((height, width), np.uint8)
        for number, other in enumerate(others):
            if not other.first <= index <= other.last:
                continue
            patch = other.draw(index, picture)
            if patch is not None:
                boxes[number] = _unite(boxes[number], patch.box(width, height))
                _lay(picture, patch)
        for row in rows:
            if row.first <= index <= row.last:
                _lay(picture, row.patch)
                np.maximum(mask, row_alone(row, width, height), out=mask)
        pictures.append(picture)
        masks.append(mask)
    folder.mkdir(parents=True, exist_ok=True)
    crf = rng.randint(18, 23)
    _write(folder / "subbed.mp4", pictures, film.rate, "rgb24", {"crf": str(crf), "preset": "faster"})
    _write(folder / "mask.mkv", masks, film.rate, "gray", {"qp": "0", "preset": "ultrafast"})
    if rows:
        alone = [row_alone(row, width, height) for row in rows]
        _write(folder / "lines.mkv", alone, film.rate, "gray", {"qp": "0", "preset": "ultrafast"})
    truth = {
        "name": folder.name,
        "clip": film.name,
        "size": [width, height],
        "fps": str(film.rate),
        "frames": len(pictures),
        "cuts": film.cuts,
        "crf": crf,
        "lines": [_describe_row(row, width, height) for row in rows],
        "others": [
            _describe(other, box) for other, box in zip(others, boxes, strict=True) if box is not None
        ],
    }
    text = json.dumps(truth, indent=1, ensure_ascii=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8")


def _describe_row(row: Row, width: int, height: int) -> dict[str, Any]:
    box = row.patch.box(width, height)
    return {
        "first": row.first,
        "last": row.last,
        "box": box,
        "text": row.text,
        "event": row.event,
        "tags": [],
    }


def _describe(other: Lettering, box: list[int]) -> dict[str, Any]:
    return {"first": other.first, "last": other.last, "box": box, "text": other.text, "kind": other.kind}


def _unite(one: list[int] | None, other: list[int] | None) -> list[int] | None:
    """The smallest box around two."""
    if one is None or other is None:
        return one or other
    x, y = min(one[0], other[0]), min(one[1], other[1])
    right, bottom = max(one[0] + one[2], other[0] + other[2]), max(one[1] + one[3], other[1] + other[3])
    return [x, y, right - x, bottom - y]


def _lay(picture: np.ndarray, patch: Patch) -> None:
    """Lay a patch over a picture, (H, W, 3) uint8, in place; what sticks out is cut off."""
    height, width = picture.shape[:2]
    left, top = max(0, patch.x), max(0, patch.y)
    right, bottom = min(width, patch.x + patch.image.shape[1]), min(height, patch.y + patch.image.shape[0])
    if left >= right or top >= bottom:
        return
    part = patch.image[top - patch.y : bottom - patch.y, left - patch.x : right - patch.x].astype(np.float32)
    alpha = part[..., 3:] / 255
    below = picture[top:bottom, left:right]
    below[:] = np.rint(below * (1 - alpha) + part[..., :3] * alpha)


def _write(path: Path, images: list[np.ndarray], rate: Fraction, form: str, options: dict[str, str]) -> None:
    """Encode images as H.264: RGB as yuv420p, gray as it is."""
    # Matroska numbers its files at random otherwise.
    with av.open(path, "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.thread_count = 1
        stream.pix_fmt = "gray" if form == "gray" else "yuv420p"
        stream.height, stream.width = images[0].shape[:2]
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format=form)))
        container.mux(stream.encode())


if __name__ == "__main__":
    main()
