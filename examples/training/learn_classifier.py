"""Learns what tells subtitles from other lettering: scans cases with known truth, and fits the model.

    python examples/training/learn_classifier.py scan CASES... --lines DIR
    python examples/training/learn_classifier.py fit DIR [--out subremover/detect/classify/model.json]

A case is a folder with subbed.mp4, mask.mkv (the subtitles' coverage, 0 to 255, of every frame) and truth.json, of
which only `clip` is read: the film it was drawn over. The lines that the scan finds are kept in DIR, each with its
label, so that a fit takes seconds. Films, not lines, are split into folds.
"""

from __future__ import annotations

import argparse
import collections
import json
import pickle
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from subremover.detect.candidates.line_detector import LineDetector
from subremover.detect.classify.classifier import classify
from subremover.detect.classify.features import COMPANY, OWN, Film, company_features, own_features
from subremover.detect.classify.line import Line
from subremover.detect.classify.model import MOST_DEVIATIONS, Regression
from subremover.detect.make_plan import _read_pictures
from subremover.detect.recogniser import LineReader
from subremover.detect.scan import Scan, Scope
from subremover.video.read.probe import probe

STRENGTH = 0.1
"""Inverse of the regularisation's strength (scikit-learn's C)."""
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


@dataclass(frozen=True)
class Case:
    """The lines of one case."""

    name: str
    clip: str
    film: Film
    lines: list[Line]
    labels: np.ndarray
    """(n,) bool."""

    @property
    def source(self) -> str:
        """The film that the clip was cut from: tos_a and tos_b are of one."""
        return self.clip.split("_")[0]


def load(folder: Path) -> list[Case]:
    """All cases that were scanned and have a line."""
    found = [pickle.loads(path.read_bytes()) for path in sorted(folder.glob("*.pickle"))]
    return [Case(*rest, np.array(labels, bool)) for *rest, labels in found if labels]


def folds_of(cases: list[Case], count: int) -> np.ndarray:
    """(cases,) which part each case is in; all cases of one source are in one part."""
    sources = sorted({case.source for case in cases})
    order = dict(zip(np.random.default_rng(0).permutation(sources).tolist(), range(len(sources)), strict=True))
    return np.array([order[case.source] % count for case in cases])


def weights_of(cases: list[Case]) -> np.ndarray:
    """(lines,) weights of all lines: those of a source that says the same in many cases count less."""
    keys = [(case.source, bool(flag)) for case in cases for flag in case.labels]
    count = collections.Counter(keys)
    weights = np.array([count[key] ** -0.5 for key in keys])
    labels = np.array([flag for _, flag in keys])
    for flag in (False, True):  # both kinds alike: the ratio of the drawn ones says nothing of films
        weights[labels == flag] *= len(labels) / 2 / weights[labels == flag].sum()
    return weights


def regress(names: tuple[str, ...], features: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Regression:
    """Fit one regression."""
    means, deviations = features.mean(axis=0), features.std(axis=0) + 1e-3
    off = np.clip((features - means) / deviations, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    fit = LogisticRegression(C=STRENGTH, max_iter=5000).fit(off, labels, sample_weight=weights)
    return Regression(names, means, deviations, fit.coef_[0], float(fit.intercept_[0]))


def company_of(cases: list[Case], logits: list[np.ndarray]) -> np.ndarray:
    """(lines, len(COMPANY)) features of all lines by first verdicts, case by case."""
    parts = [company_features(c.lines, c.film, v) for c, v in zip(cases, logits, strict=True)]
    return np.concatenate(parts)


def fit(cases: list[Case]) -> tuple[Regression, Regression]:
    """Both regressions. The second learns from first verdicts on films that the first was not fitted to."""
    own = [own_features(case.lines, case.film) for case in cases]
    labels, weights = np.concatenate([case.labels for case in cases]), weights_of(cases)
    folds = folds_of(cases, 5)
    lines = np.repeat(folds, [len(case.lines) for case in cases])
    logits: list[np.ndarray] = [np.zeros(0)] * len(cases)
    for part in range(5):
        seen = lines != part
        first = regress(OWN, np.concatenate(own)[seen], labels[seen], weights[seen])
        for i in np.flatnonzero(folds == part):
            logits[i] = first.contributions(own[i]).sum(axis=1) + first.bias
    second = regress(COMPANY, company_of(cases, logits), labels, weights)
    return regress(OWN, np.concatenate(own), labels, weights), second


def report(cases: list[Case]) -> None:
    """Print what a fit to two thirds of the sources says of the others, three times, and how well calibrated."""
    folds, chances, seen_errors = folds_of(cases, 3), [np.zeros(0)] * len(cases), []
    for part in range(3):
        model = fit([case for case, fold in zip(cases, folds, strict=True) if fold != part])
        for i, case in enumerate(cases):
            verdicts = classify(case.lines, case.film, 0.5, has_region=False, model=model)
            chance = np.array([v.probability for v in verdicts])
            if folds[i] == part:
                chances[i] = chance
            else:
                seen_errors.append((chance >= 0.5) != case.labels)
    labels, chance = np.concatenate([case.labels for case in cases]), np.concatenate(chances)
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
        for line, flag, c in zip(case.lines, case.labels, its, strict=True):
            if (c >= 0.5) != flag:
                where = f"{line.first}-{line.last} {line.box}"
                print(f"{case.name}: {'kept' if flag else 'removed'} {c:.2f} {where} {line.text!r}")


def save(path: Path, model: tuple[Regression, Regression]) -> None:
    """Write model.json."""
    saved = {}
    for name, part in zip(("own", "company"), model, strict=True):
        columns = np.stack([part.means, part.deviations, part.weights], axis=1).astype(np.float64).round(5)
        features = dict(zip(part.names, columns.tolist(), strict=True))
        saved[name] = {"bias": round(part.bias, 5), "features": features}
    path.write_text(json.dumps(saved, indent=1).replace("\n    ", " ").replace("\n   ]", "]") + "\n")


def main() -> None:
    """Scan, or fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
