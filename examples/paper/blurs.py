"""Photographs behind a Gaussian kernel: the forward model, and filters that undo it without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from images import draw_photograph, psnr, to_picture, to_tensor
from skimage.restoration import richardson_lucy, unsupervised_wiener, wiener
from torch import Tensor

BALANCES = tuple(float(balance) for balance in np.logspace(-5, 0, 21))
"""Of the Wiener filter: how much its Laplacian counts."""
ITERATIONS = (10, 30, 100, 300, 1000)
"""Of Richardson-Lucy."""
Filter = Callable[[np.ndarray], np.ndarray]
"""(h, w, 3) blurred -> (h, w, 3)"""


@dataclass(frozen=True, slots=True)
class GaussianBlur:
    """A forward model: a Gaussian laid over each channel wherever it lies wholly inside the picture."""

    sigma_px: float

    @property
    def reach_px(self) -> int:
        """How far it reaches from its middle, and by how much each side of a picture loses by it."""
        return int(4 * self.sigma_px + 0.5)

    @property
    def taps(self) -> Tensor:
        """(2 reach + 1,), adding up to 1."""
        away = torch.arange(-self.reach_px, self.reach_px + 1, dtype=torch.float64)
        taps = torch.exp(-0.5 * (away / self.sigma_px) ** 2)
        return (taps / taps.sum()).float()

    @property
    def kernel(self) -> np.ndarray:
        """(2 reach + 1, 2 reach + 1)"""
        return torch.outer(self.taps, self.taps).numpy()

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h - 2 reach, w - 2 reach)"""
        # By banded matrices: of 192x192 px 3.5 ms on the CPU with its gradient, by convolutions 9.6.
        down, right = (_spread(self, side, pictures.device) for side in pictures.shape[2:])
        return down @ pictures @ right.T

    def trim(self, picture: np.ndarray) -> np.ndarray:
        """(h, w, ...) less as much on each side as the blur takes."""
        height, width = picture.shape[:2]
        return picture[self.reach_px : height - self.reach_px, self.reach_px : width - self.reach_px]


@lru_cache(maxsize=16)
def _spread(blur: GaussianBlur, side: int, device: torch.device) -> Tensor:
    """(side - 2 reach, side): what each pixel that is seen takes from those of the picture."""
    count = side - 2 * blur.reach_px
    lines = [F.pad(blur.taps, (i, count - 1 - i)) for i in range(count)]
    return torch.stack(lines).to(device)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is seen of a photograph, and what should be."""

    name: str
    blur: GaussianBlur
    noise: float
    """Standard deviation of what was added before rounding."""
    blurred: np.ndarray
    """(h, w, 3) float32, multiples of 1 / 255."""
    truth: np.ndarray
    """(h, w, 3) float32"""

    @classmethod
    def of(cls, name: str, side: int, blur: GaussianBlur, noise: float) -> Sight:
        """A photograph of that side, blurred, with normal noise, rounded to 8 bits."""
        truth = draw_photograph(name, side)
        blurred = to_picture(blur(to_tensor(truth))[0])
        grain = np.random.default_rng(sum(name.encode())).standard_normal(blurred.shape).astype(np.float32)
        rounded = np.clip((blurred + noise * grain) * 255, 0, 255).round() / np.float32(255)
        return cls(name, blur, noise, rounded, blur.trim(truth))

    def describe(self) -> dict[str, str | float]:
        """As the first columns of a table."""
        return {"image": self.name, "sigma, px": self.blur.sigma_px, "noise, levels": self.noise * 255}

    def measure(self, picture: np.ndarray, how: Callable[[np.ndarray, np.ndarray], float] = psnr) -> float:
        """How far off it is, borders left out: what is measured was blurred from seen pixels only."""
        return how(self.blur.trim(picture), self.blur.trim(self.truth))

    def choose(self, filters: Mapping[str, Filter]) -> tuple[str, np.ndarray]:
        """The setting that comes nearest to the truth, and its picture. Borders are mirrored first."""
        border_px = 2 * self.blur.reach_px
        borders = ((border_px, border_px), (border_px, border_px), (0, 0))
        wide = np.pad(self.blurred, borders, mode="symmetric")
        inner = slice(border_px, -border_px)
        found = {setting: np.clip(undo(wide)[inner, inner], 0, 1) for setting, undo in filters.items()}
        best = max(found, key=lambda setting: self.measure(found[setting]))
        return best, found[best]


def list_filters(blur: GaussianBlur) -> dict[str, dict[str, Filter]]:
    """Those of scikit-image by their names and settings; the unsupervised one chooses its setting itself."""
    kernel = blur.kernel

    def by_channel(undo: Filter) -> Filter:
        return lambda picture: np.stack([undo(picture[..., channel]) for channel in range(3)], -1)

    return {
        "unsupervised Wiener": {"": by_channel(lambda p: unsupervised_wiener(p, kernel, rng=0)[0])},
        "Wiener, best": {
            f"{balance:.2g}": by_channel(lambda p, balance=balance: wiener(p, kernel, balance))
            for balance in BALANCES
        },
        "Richardson-Lucy, best": {
            str(count): lambda p, count=count: richardson_lucy(p, kernel[..., None], count)
            for count in ITERATIONS
        },
    }
