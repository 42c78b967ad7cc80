"""Draw short films that are hard to scan, each with its truth.

    python examples/benchmarks/hard_cases.py FOLDER [--only NAME]

Writes FOLDER/NAME with clean.mp4 (without the subtitles, but with all lettering that is part of the film),
subbed.mp4, mask.mkv (how much of each pixel a subtitle hides; above 0 = touched) and events.json for each
case of `case_scenes`, `case_times` and `case_styles`, which say what makes it hard. score_scan.py holds the
scan against them. Cases whose fonts this machine lacks (Cyrillic, Chinese, Arabic) are left out.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
from case_film import Case, Thing, draw_case, place_overlay
from case_scenes import SCENE_CASES
from case_styles import STYLE_CASES
from case_times import TIME_CASES
from make_sample import SampleOptions, write_films

CASES: dict[str, Case] = {case.name: case for case in (*SCENE_CASES, *TIME_CASES, *STYLE_CASES)}


def write_case(case: Case, folder: Path) -> None:
    """Draw a case into a folder: its films, its mask and events.json."""
    folder.mkdir(parents=True, exist_ok=True)
    options = film_options(case)
    films = (folder / "clean.mp4", folder / "subbed.mp4", folder / "mask.mkv")
    write_films(*films, options, draw_case(case))
    facts = {
        "about": case.about,
        "size": case.size,
        "frame_rate": str(case.frame_rate),
        "frames": case.frame_count,
        "cuts": [scene.first for scene in case.scenes[1:]],
        "events": describe_events(case),
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    (folder / "events.json").write_text(text + "\n", encoding="utf-8")


def film_options(case: Case) -> SampleOptions:
    """What the writers of films want to know."""
    seconds = float(case.frame_count / case.frame_rate)
    return SampleOptions(size=case.size, frame_rate=case.frame_rate, seconds=seconds)


def describe_events(case: Case) -> list[dict[str, object]]:
    """All lettering of a case: first and last frame, text, kind and box.

    The box (x, y, width, height in px) is that of the first frame in sight; None for what is in a scene.
    """
    events: list[dict[str, object]] = []

    def note(thing: Thing, first: int, last: int, box: list[int] | None) -> None:
        events.append({"first": first, "last": last, "text": thing.text, "kind": thing.kind, "box": box})

    for thing in case.overlays:
        drawn, last = thing.drawing.draw(case.size[1]), min(thing.last, case.frame_count - 1)
        places = (place_overlay(thing, drawn, frame, case.size) for frame in range(thing.first, last + 1))
        place = next(filter(None, places), None)
        if place is not None:
            height, width = place.coverage.shape
            note(thing, thing.first, last, [place.x, place.y, width, height])
    for scene in case.scenes:
        for thing in scene.things:
            if thing.text:
                note(thing, max(thing.first, scene.first), min(thing.last, scene.last), None)
    return events


@click.command(help=__doc__)
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), metavar="NAME", help="Just this case.")
@click.option("--list", "is_list", is_flag=True, help="Say what the cases are, and draw nothing.")
def main(out_dir: Path, only: tuple[str, ...], is_list: bool) -> None:
    for case in CASES.values():
        if only and case.name not in only:
            continue
        if is_list or not case.is_drawable:
            click.echo(f"{case.name}: {case.about if is_list else 'left out, its font is missing'}")
            continue
        write_case(case, out_dir / case.name)
        click.echo(f"{case.name}: {case.frame_count} frames")


if __name__ == "__main__":
    main()
