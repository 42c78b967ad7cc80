"""Which of the things that a film can have come through, and what is said of those that do not.

    python examples/benchmarks/fidelity.py OUT [--only WORD] [--quick]

Makes a film for each item of `fidelity_items` with FFmpeg's program, removes what a mask covers on its first
frames, and compares source and output stream by stream (`fidelity_compare`). Prints a Markdown table: kept,
kept with some work, or lost with the warning that says so. What is lost without one is LOST, and ends the
script with exit code 1. Borrowing is off and the fit short: the film around the subtitle is what is tested.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from fidelity_compare import compare
from fidelity_films import Item, draw_parts
from fidelity_items import SECTIONS
from fidelity_words import Difference

import subremover
from subremover.options import (
    BorrowOptions,
    EncodeOptions,
    FitOptions,
    Options,
    PaintOptions,
    PoolOptions,
    ScanOptions,
)
from subremover.parsing import Position
from subremover.video.read.probe import probe

MASKED_FRAMES = 3
_BOX = (0.3, 0.7, 0.4, 0.2)
"""Left, top, width and height of the mask, in shares of the upright picture."""


@dataclass(frozen=True)
class Outcome:
    """What became of one item."""

    item: Item
    lost: tuple[Difference, ...]
    """Without a word."""
    warnings: tuple[str, ...]

    @property
    def word(self) -> str:
        if self.lost:
            return "LOST: " + "; ".join(f"{d.kind}: {d.text}" for d in self.lost)
        if self.item.loses:
            return "warned: " + "; ".join(self.warnings)
        return f"kept ({self.item.work})" if self.item.work else "kept"


def run_item(item: Item, folder: Path, parts: Path) -> Outcome:
    """Draw a film, run it, and compare."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"source.{item.source}"
    target = folder / f"target.{item.target or item.source}"
    item.draw(source, parts)
    film = probe(source)
    mask = _draw_mask(film.upright_size)
    cv2.imwrite(str(folder / "mask.png"), mask.astype(np.uint8) * 255)
    options = Options(
        ScanOptions(mask=folder / "mask.png", end=Position(frame=MASKED_FRAMES)),
        BorrowOptions(borrow=False),
        PaintOptions(FitOptions(steps=1, channels=4), warm_steps=1, decoders=1, holdout=False),
        PoolOptions(device="cpu"),
        EncodeOptions(codec=item.codec, overwrite=True),
    )
    try:
        result = subremover.remove_subtitles(source, target, options)
    except subremover.SubremoverError as error:
        return Outcome(item, (Difference("run", str(error)),), ())
    coded = np.rot90(mask, -film.rotation // 90)
    found = compare(source, target, ~coded)
    is_told = any(re.search(item.warning, warning) for warning in result.warnings) if item.loses else True
    lost = [d for d in found if not is_told or d.kind not in item.loses]
    if not item.loses and result.warnings:
        lost.append(Difference("warnings", "; ".join(result.warnings)))
    if item.loses and not is_told:
        lost.append(Difference("warnings", f"none like {item.warning!r} in {result.warnings}"))
    return Outcome(item, tuple(lost), result.warnings)


def _draw_mask(size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool."""
    width, height = size
    left, top, wide, high = (round(s * n) for s, n in zip(_BOX, (width, height) * 2, strict=True))
    mask = np.zeros((height, width), bool)
    mask[top : top + high, left : left + wide] = True
    return mask


def print_summary(outcomes: dict[str, list[Outcome]]) -> None:
    """How many of each kind came through, and all that is told to be lost."""
    print("\n| of | films | kept | kept with work | told to be lost | LOST |")
    print("| --- | --- | --- | --- | --- | --- |")
    for section, found in outcomes.items():
        lost = sum(bool(o.lost) for o in found)
        told = sum(bool(o.item.loses) and not o.lost for o in found)
        work = sum(bool(o.item.work) and not o.lost for o in found)
        kept = len(found) - lost - told - work
        print(f"| {section} | {len(found)} | {kept} | {work} | {told} | {lost} |")
    print("\n| film | containers | what the run says |\n| --- | --- | --- |")
    for outcome in (o for found in outcomes.values() for o in found if o.item.loses):
        print(f"| {outcome.item.name} | {outcome.item.containers} | {'; '.join(outcome.warnings)} |")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--only", metavar="WORD", default="", help="Only items with this in their name or containers.")
@click.option("--quick", is_flag=True, help="Only those that the tests run.")
def main(out: Path, only: str, quick: bool) -> None:
    """Run all items and print what became of each."""
    parts = out / "parts"
    draw_parts(parts)
    start = time.monotonic()
    outcomes: dict[str, list[Outcome]] = {}
    print("| film | containers | outcome |\n| --- | --- | --- |")
    for section, items in SECTIONS.items():
        for number, item in enumerate(items):
            if only not in f"{item.name} {item.containers}" or (quick and not item.is_quick):
                continue
            try:
                outcome = run_item(item, out / section / f"{number:03}", parts)
            except Exception as error:  # one item must not hide the others
                outcome = Outcome(item, (Difference("failed", f"{type(error).__name__} {error}"),), ())
            outcomes.setdefault(section, []).append(outcome)
            print(f"| {item.name} | {item.containers} | {outcome.word} |", flush=True)
    print_summary(outcomes)
    lost = sum(bool(o.lost) for found in outcomes.values() for o in found)
    print(f"\n{lost} lost, {time.monotonic() - start:.0f} s", file=sys.stderr)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
