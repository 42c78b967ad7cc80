"""Learns what tells subtitles from other lettering: scans cases with known truth, and fits the model.

    python examples/training/learn_classifier.py scan CASES... --lines DIR
    python examples/training/learn_classifier.py fit DIR [--out subremover/detect/classify/model.json]

A case is a folder with subbed.mp4, mask.mkv (the subtitles' coverage, 0 to 255, of every frame) and
truth.json with `clip`, the film it was drawn over, and perhaps `others`, lettering that is no subtitle (see
draw_other_lettering.py). The lines that the scan finds are kept in DIR, with the share of each that is a
subtitle's, so that a fit takes seconds. Films, not lines, are split into folds.
"""

from __future__ import annotations

import argparse
import collections
import json
import pickle
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.optimize import minimize

from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.classify.classifier import classify
from subremover.detect.classify.features import GROUPS, Film, measure_features
from subremover.detect.classify.line import Line
from subremover.detect.classify.model import Curve, Model
from subremover.detect.make_plan import _read_pictures
from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.recogniser import LineReader
from subremover.detect.scan import Scan
from subremover.detect.scope import Scope
from subremover.geometry import Box
from subremover.video.read.probe import probe

STRENGTH = 0.15
"""Variance of a slope, of features scaled to a deviation of 1, that is expected beforehand."""
RISING = {
    *("stillness", "steadiness", "floats", "cuts", "sharpness", "arrival", "departure", "laid_over"),
    *("comes_alone", "goes_alone", "before", "after", "has_text", "confidence", "words"),
}
FALLING = {
    *("off_centre", "odd_height", "odd_seconds", "slope", "unrest", "unevenness", "digits", "peers"),
    "on_board",
}
"""Features of which more cannot speak against a subtitle, or for one, whatever the drawn films say."""
PRIOR = 1.6
"""Subtitles to each other line that are expected in a film that somebody gives to this program."""
KNOTS = (0.02, 0.25, 0.5, 0.75, 0.98)
"""Quantiles of a feature's values at which its curve may bend, and beyond which it is flat.
See docs/measurements.md, "detect/classify: learned evidence"."""
GROW_PX = 5
"""Pixels that are no farther from a subtitle than this belong to it."""
UNDECIDED = {"game"}
"""Kinds of other lettering of which nothing is learned: what a game says is set as captions are."""
UNCLEAR = 0.3, 0.7
"""Between these shares of strokes that are a subtitle's nothing is learned: a sign half under a subtitle."""


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


def share_of(line: Line, near: list[np.ndarray]) -> float:
    """The share of a line's strokes, over all its frames, that are a subtitle's."""
    shares = [near[i][line.stroke_box.slices][line.strokes].mean() for i in range(line.first, line.last + 1)]
    return float(np.mean(shares))


def is_undecided(line: Line, others: list[dict[str, Any]]) -> bool:
    """Whether a line is lettering of which nobody can say by its looks that it is no subtitle."""
    for other in others:
        box = Box(*other["box"])
        if other["kind"] in UNDECIDED and other["first"] <= line.last and other["last"] >= line.first:
            common = box.intersect(line.box)
            if common and common.area > 0.5 * line.box.area:
                return True
    return False


def scan_case(case: Path, detector: LineDetector, reader: LineReader) -> tuple[Film, list[Line], list[float]]:
    """All lines that the scan finds in a case, and which share of each is a subtitle's."""
    film = probe(case / "subbed.mp4")
    scan = Scan(detector.find_lines, reader.read, FilmWords([]), float(film.frame_rate), Scope())
    with closing(_read_pictures(film, 0, film.frame_count)) as pictures:
        for index, picture in pictures:
            scan.feed(index, picture)
    lines, near = scan.lines(), coverage(case / "mask.mkv")
    width, height = film.upright_size
    others = json.loads((case / "truth.json").read_text(encoding="utf-8")).get("others", [])
    shares = [0.5 if is_undecided(line, others) else share_of(line, near) for line in lines]
    return Film(width, height, film.frame_count, float(film.frame_rate)), lines, shares


def scan(cases: list[Path], out: Path) -> None:
    """Scan cases that have not been scanned yet."""
    detector, reader = LineDetector(), LineReader(CtcReader(bundled_model()))
    out.mkdir(parents=True, exist_ok=True)
    for case in cases:
        kept = out / f"{case.name}.pickle"
        if kept.exists():
            continue
        clip = json.loads((case / "truth.json").read_text())["clip"]
        film, lines, shares = scan_case(case, detector, reader)
        kept.write_bytes(pickle.dumps((case.name, clip, film, lines, shares)))
        print(case.name, clip, len(lines), sum(share >= 0.5 for share in shares), flush=True)


@dataclass(frozen=True)
class Case:
    """The lines of one case."""

    name: str
    clip: str
    film: Film
    lines: list[Line]
    shares: np.ndarray
    """(n,) float, how much of each line is a subtitle's."""

    @property
    def labels(self) -> np.ndarray:
        """(n,) bool."""
        labels: np.ndarray = self.shares >= 0.5
        return labels

    @property
    def is_clear(self) -> np.ndarray:
        """(n,) bool, whether anything can be learned of a line."""
        clear: np.ndarray = (self.shares <= UNCLEAR[0]) | (self.shares >= UNCLEAR[1])
        return clear

    @property
    def source(self) -> str:
        """The film that the clip was cut from: tos_a and tos_b are of one."""
        return self.clip.split("_")[0]


def load(folder: Path) -> list[Case]:
    """All cases that were scanned and have a line."""
    found = [pickle.loads(path.read_bytes()) for path in sorted(folder.glob("*.pickle"))]
    return [Case(*rest, np.array(shares)) for *rest, shares in found if shares]


def folds_of(cases: list[Case], count: int) -> np.ndarray:
    """(cases,) which part each case is in: all of one source in one, the parts about as large."""
    sizes = collections.Counter(case.source for case in cases)
    part_of: dict[str, int] = {}
    filled = [0] * count
    for source, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        part_of[source] = filled.index(min(filled))
        filled[part_of[source]] += size
    return np.array([part_of[case.source] for case in cases])


def weights_of(cases: list[Case]) -> np.ndarray:
    """(lines,) weights of all lines: those of a source that says the same in many cases count less."""
    keys = [(case.source, bool(flag)) for case in cases for flag in case.labels]
    count = collections.Counter(keys)
    weights = np.array([count[key] ** -0.25 for key in keys])
    labels = np.array([flag for _, flag in keys])
    for flag in (False, True):  # the ratio of the drawn ones says nothing of films
        weights[labels == flag] *= (PRIOR if flag else 1) * len(labels) / 2 / weights[labels == flag].sum()
    return weights * np.concatenate([case.is_clear for case in cases])


def fit(cases: list[Case]) -> Model:
    """Fit a curve to each feature, all of them at once: a logistic regression of least squared slopes."""
    measured = [measure_features(case.lines, case.film) for case in cases]
    features = {n: np.concatenate([m[n] for m in measured]) for names in GROUPS.values() for n in names}
    labels, weights = np.concatenate([case.labels for case in cases]), weights_of(cases)
    knots = {name: _knots(values[weights > 0]) for name, values in features.items()}
    ways = np.concatenate([_ways(features[name], at) for name, at in knots.items()], axis=1)
    means, deviations = ways.mean(axis=0), ways.std(axis=0) + 1e-6
    scaled = (ways - means) / deviations
    signs = np.where(labels, 1, -1)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        bias, slopes = parameters[0], parameters[1:]
        margin = signs * (scaled @ slopes + bias)
        pull = -weights * signs / (1 + np.exp(np.clip(margin, -50, 50)))
        value = (weights * np.logaddexp(0, -margin)).sum() + (slopes**2).sum() / (2 * STRENGTH)
        return float(value), np.concatenate([[pull.sum()], scaled.T @ pull + slopes / STRENGTH])

    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    for name, at in knots.items():
        bounds += [(0 if name in RISING else None, 0 if name in FALLING else None)] * (len(at) - 1)
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    slopes, curves, start = found[1:] / deviations, {}, 0
    for name, at in knots.items():
        stop = start + len(at) - 1
        curves[name] = Curve(at, (_ways(at, at) - means[start:stop]) @ slopes[start:stop])
        start = stop
    return Model(float(found[0]), curves)


def _knots(values: np.ndarray) -> np.ndarray:
    """(m,) rising, where a feature's curve may bend, and its ends."""
    different = np.unique(values)
    return np.unique(np.quantile(values, KNOTS)) if len(different) > len(KNOTS) else different[[0, -1]]


def _ways(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n, m - 1), how far each value has come between each knot and the next."""
    return np.clip(values[:, None], knots[:-1], knots[1:]) - knots[:-1]


def report(cases: list[Case]) -> None:
    """Print what fits to two thirds of the sources say of the others, and how well calibrated that is."""
    folds, chances, seen_errors = folds_of(cases, 3), [np.zeros(0)] * len(cases), []
    for part in range(3):
        model = fit([case for case, fold in zip(cases, folds, strict=True) if fold != part])
        for i, case in enumerate(cases):
            verdicts = classify(case.lines, case.film, 0.5, has_region=False, model=model)
            chance = np.array([v.probability for v in verdicts])
            if folds[i] == part:
                chances[i] = chance
            else:
                seen_errors.append(((chance >= 0.5) != case.labels)[case.is_clear])
    is_clear = np.concatenate([case.is_clear for case in cases])
    labels, chance = (np.concatenate(all_)[is_clear] for all_ in ([c.labels for c in cases], chances))
    print(f"{len(cases)} cases, {labels.sum()} subtitles, {(~labels).sum()} others")
    print(f"subtitles kept: {(chance[labels] < 0.5).sum()}, others removed: {(chance[~labels] >= 0.5).sum()}")
    wrong = ((chance >= 0.5) != labels).mean()
    print(f"wrong: {100 * wrong:.1f} % unseen, {100 * np.concatenate(seen_errors).mean():.1f} % seen")
    print("| said | lines | of them subtitles |\n| --- | --- | --- |")
    for low in np.arange(0, 1, 0.1):
        inside = (chance >= low) & (chance < low + 0.1 + 1e-9 * (low > 0.85))
        share = f"{100 * labels[inside].mean():.0f} %" if inside.any() else "-"
        print(f"| {low:.1f} to {low + 0.1:.1f} | {inside.sum()} | {share} |")
    for case, its in zip(cases, chances, strict=True):
        for line, flag, clear, c in zip(case.lines, case.labels, case.is_clear, its, strict=True):
            if clear and (c >= 0.5) != flag:
                where = f"{line.first}-{line.last} {line.box}"
                print(f"{case.name}: {'kept' if flag else 'removed'} {c:.2f} {where} {line.text!r}")


def save(path: Path, model: Model) -> None:
    """Write model.json."""
    points = {
        name: np.stack([curve.values, curve.odds], axis=1).round(4).tolist()
        for name, curve in model.curves.items()
    }
    curves = ",\n".join(f"  {json.dumps(name)}: {json.dumps(its)}" for name, its in points.items())
    path.write_text(f'{{"bias": {model.bias:.4f}, "curves": {{\n{curves}\n}}}}\n', encoding="utf-8")


def main() -> None:
    """Scan, or fit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    scanning = steps.add_parser("scan")
    scanning.add_argument("cases", nargs="+", type=Path)
    scanning.add_argument("--lines", type=Path, required=True)
    fitting = steps.add_parser("fit")
    fitting.add_argument("lines", type=Path)
    fitting.add_argument("--out", type=Path)
    fitting.add_argument("--without", type=int, help="leave out the sources of this third, 0 to 2")
    got = parser.parse_args()
    if got.step == "scan":
        scan(got.cases, got.lines)
        return
    cases = load(got.lines)
    if got.without is None:
        report(cases)
    else:
        folds = folds_of(cases, 3)
        print("left out:", *sorted({c.clip for c, f in zip(cases, folds, strict=True) if f == got.without}))
        cases = [case for case, fold in zip(cases, folds, strict=True) if fold != got.without]
    if got.out:
        save(got.out, fit(cases))


if __name__ == "__main__":
    main()
