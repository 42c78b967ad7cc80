"""The learned model: two sums of small decision trees, and why they say what they say.

The first weighs what is a line's own, the second that verdict and what the film's other lines say. The
trees are in model.json, learned by examples/training/learn_classifier.py. What a feature adds to a verdict is
the sum of the steps that its splits make on the way from the roots to the leaves (A. Saabas, "Interpreting
random forests", 2014).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

NAME = "model.json"

REASONS: Mapping[str, tuple[str, str]] = {
    "place": ("stands where subtitles stand", "stands where subtitles seldom stand"),
    "size": ("is of a subtitle's size", "is not of a subtitle's size"),
    "time": ("stands for as long as subtitles do", "stands longer or shorter than subtitles do"),
    "coming": ("comes and goes while the picture stays", "comes and goes with the picture"),
    "stillness": ("stands still while the picture moves", "stands no stiller than the picture"),
    "drawing": ("is drawn sharper and more evenly than the picture", "is drawn no sharper than the picture"),
    "colours": ("has a subtitle's colours", "has other colours than subtitles"),
    "words": ("reads as words", "does not read as subtitles do"),
    "succession": ("follows or is followed in its place", "is not followed in its place"),
    "company": ("is set like the film's subtitles", "is set like the film's other lettering"),
    "row": ("belongs to a subtitle", "belongs to other lettering"),
}
"""For each group of features, what is said where it speaks for a subtitle, and where against."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A decision tree, its nodes numbered from the root, 0; every array is (nodes,)."""

    feature: np.ndarray
    """int, which feature a node asks for; -1 in a leaf."""
    threshold: np.ndarray
    """float64; what is not greater goes left."""
    left: np.ndarray
    """int, number of the node there; a leaf's is its own."""
    right: np.ndarray
    """int, likewise."""
    value: np.ndarray
    """float64, log odds: a leaf's, or the mean of those below."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A sum of trees over named features, in log odds of being a subtitle."""

    names: tuple[str, ...]
    bias: float
    trees: tuple[Tree, ...]

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> Model:
        """One of the two of model.json."""
        trees = (np.array(nodes, np.float64).T for nodes in saved["trees"])
        return cls(
            tuple(saved["features"]),
            float(saved["bias"]),
            tuple(Tree(f.astype(int), t, le.astype(int), r.astype(int), v) for f, t, le, r, v in trees),
        )

    def dump(self) -> dict[str, Any]:
        """What `load` takes, for JSON."""
        trees = []
        for tree in self.trees:
            columns = (tree.feature, tree.threshold, tree.left, tree.right, tree.value)
            nodes = zip(*(column.tolist() for column in columns), strict=True)
            trees.append([[f, round(t, 6), le, r, round(v, 4)] for f, t, le, r, v in nodes])
        return {"features": list(self.names), "bias": round(self.bias, 4), "trees": trees}

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """(n, k) float64, log odds that each of (n, k) features adds; with the bias, all of them."""
        added = np.zeros(features.shape, np.float64)
        rows = np.arange(len(features))
        for tree in self.trees:
            node = np.zeros(len(features), int)
            while (inside := tree.feature[node] >= 0).any():
                asked = np.where(inside, tree.feature[node], 0)
                goes_left = features[rows, asked] <= tree.threshold[node]
                child = np.where(goes_left, tree.left[node], tree.right[node])
                added[rows, asked] += np.where(inside, tree.value[child] - tree.value[node], 0)
                node = np.where(inside, child, node)
        return added


def load_model() -> tuple[Model, Model]:
    """The model of a line's own features, and the one of its company's."""
    saved = json.loads(files(__package__).joinpath(NAME).read_text(encoding="utf-8"))
    return Model.load(saved["own"]), Model.load(saved["company"])
