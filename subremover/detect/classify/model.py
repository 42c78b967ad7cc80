"""The learned model: two logistic regressions, and why they say what they say.

The first weighs what is a line's own, the second that verdict and what the film's other lines say. The
weights are in model.json, learned by examples/training/learn_classifier.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

NAME = "model.json"
MOST_DEVIATIONS = 3.0
"""Features are cut off at so many standard deviations, so that a film unlike all others upsets nothing."""

REASONS: Mapping[str, tuple[str, str]] = {
    "place": ("stands where subtitles stand", "stands where subtitles seldom stand"),
    "size": ("is of a subtitle's size", "is not of a subtitle's size"),
    "time": ("stands for as long as subtitles do", "stands longer or shorter than subtitles do"),
    "coming": ("comes and goes while the picture stays", "comes and goes with the picture"),
    "stillness": ("stands still while the picture moves", "moves as the picture does"),
    "drawing": ("is drawn sharper and more evenly than the picture", "is no sharper than the picture"),
    "colours": ("has a subtitle's colours", "has other colours than subtitles"),
    "words": ("reads as words", "does not read as words"),
    "company": ("is set like the film's subtitles", "is set like the film's other lettering"),
    "row": ("belongs to a subtitle", "belongs to other lettering"),
    "succession": ("follows or is followed in its place", "is not followed in its place"),
}
"""For each group of features, what is said where it speaks for a subtitle, and where against."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """A logistic regression over named features."""

    names: tuple[str, ...]
    means: np.ndarray
    """(k,) float64."""
    deviations: np.ndarray
    """(k,) float64, above 0."""
    weights: np.ndarray
    """(k,) float64, of the features less their means over their deviations."""
    bias: float

    @classmethod
    def load(cls, saved: Mapping[str, object]) -> Regression:
        """One of the two of model.json."""
        features: dict[str, Sequence[float]] = saved["features"]  # type: ignore[assignment]
        means, deviations, weights = np.array(list(features.values()), np.float64).T
        return cls(tuple(features), means, deviations, weights, float(saved["bias"]))  # type: ignore[arg-type]

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """(n, k) float64, log odds that each of (n, k) features adds; with the bias, all of them."""
        off = (features - self.means) / self.deviations
        added: np.ndarray = np.clip(off, -MOST_DEVIATIONS, MOST_DEVIATIONS) * self.weights
        return added


def load_model() -> tuple[Regression, Regression]:
    """The regression on a line's own features, and the one on its company's."""
    saved = json.loads(files(__package__).joinpath(NAME).read_text(encoding="utf-8"))
    return Regression.load(saved["own"]), Regression.load(saved["company"])
