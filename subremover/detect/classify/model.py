"""The learned model: a curve for each feature, which says how many log odds its value adds.

An additive logistic regression with piecewise linear curves: what each feature adds can be read off, told to
the user, and goes no farther than what was seen when it was learned. The curves are in model.json, learned by
examples/training/learn_classifier.py. See docs/measurements.md, "detect/classify: learned evidence".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

NAME = "model.json"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Log odds over the values of one feature; flat beyond its ends."""

    values: np.ndarray
    """(m,) float64, rising."""
    odds: np.ndarray
    """(m,) float64, there."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What features say of a line, in log odds of being a subtitle."""

    bias: float
    curves: Mapping[str, Curve]
    """By the features' names."""

    @classmethod
    def load(cls) -> Model:
        """The learned one."""
        saved = json.loads(files(__package__).joinpath(NAME).read_text(encoding="utf-8"))
        curves = {name: Curve(*np.array(points, np.float64).T) for name, points in saved["curves"].items()}
        return cls(saved["bias"], curves)

    def odds(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """By each feature's name, the (n,) log odds that its values add for n lines, the bias left out."""
        return {
            name: np.interp(features[name], curve.values, curve.odds) for name, curve in self.curves.items()
        }
