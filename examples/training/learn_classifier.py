"""Learns what tells subtitles from other lettering: scans cases with known truth, and fits the model.

    python examples/training/learn_classifier.py scan CASES... --lines DIR
    python examples/training/learn_classifier.py fit DIR [--out subremover/detect/classify/model.json]

A case is a folder with subbed.mp4, mask.mkv (the subtitles' coverage, 0 to 255, of every frame) and truth.json, of
which only `clip` is read: the film it was drawn over. The lines that the scan finds are kept in DIR, each with its
label, so that a fit takes seconds. Films, not lines, are split into folds.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.classify.features import Film
from subremover.detect.classify.line import Line
from subremover.detect.make_plan import _read_pictures
from subremover.detect.recogniser import LineReader
from subremover.detect.scan import Scan, Scope
from subremover.video.read.probe import probe

GROW_PX = 9
"""Pixels that are no farther from a subtitle than this belong to it."""


def coverage(path: Path) -> list[np.ndarray]:
    """(H, W) bool of each frame: near a subtitle."""
    near, disc = [], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROW_PX + 1,) * 2)
    before: tuple[bytes, np.ndarray] | None = None
    for _, picture in _read_pictures(film := probe(path), 0, film.frame_count):
        mask = picture.luma
        key = mask.tobytes()
        if before is None or before[0] != key:
            before = key, cv2.dilate((mask > 16).astype(np.uint8), disc).astype(bool)
        near.append(before[1])
    return near


def label(line: Line, near: list[np.ndarray]) -> bool:
    """Whether at least half of a line's strokes, over all its frames, are a subtitle's."""
    shares = [near[i][line.stroke_box.slices][line.strokes].mean() for i in range(line.first, line.last + 1)]
    return float(np.mean(shares)) >= 0.5


def scan_case(case: Path, detector: LineDetector, reader: LineReader) -> tuple[Film, list[Line], list[bool]]:
    """All lines that the scan finds in a case, and which of them are subtitles."""
    film = probe(case / "subbed.mp4")
    scan = Scan(detector.find_lines, reader.read, float(film.frame_rate), Scope())
    with closing(_read_pictures(film, 0, film.frame_count)) as pictures:
        for index, picture in pictures:
            scan.feed(index, picture)
    lines, near = scan.lines(), coverage(case / "mask.mkv")
    width, height = film.upright_size
    return (
        Film(width, height, film.frame_count, float(film.frame_rate)),
        lines,
        [label(line, near) for line in lines],
    )


def scan(cases: list[Path], out: Path) -> None:
    """Scan cases that have not been scanned yet."""
    detector, reader = LineDetector(), LineReader()
    out.mkdir(parents=True, exist_ok=True)
    for case in cases:
        kept = out / f"{case.name}.pickle"
        if kept.exists():
            continue
        clip = json.loads((case / "truth.json").read_text())["clip"]
        film, lines, labels = scan_case(case, detector, reader)
        kept.write_bytes(pickle.dumps((case.name, clip, film, lines, labels)))
        print(case.name, clip, len(lines), sum(labels), flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("cases", nargs="+", type=Path)
    arguments.add_argument("--lines", type=Path)
    got = arguments.parse_args()
    scan(got.cases, got.lines)
    sys.exit()
