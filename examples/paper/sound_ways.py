"""From the spectrogram of a noisy sound to that of the sound: by rules, and by what a decoder painted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter
from sound_draws import Sound, transform

FLOOR_BINS = 9
"""Neighbouring frequencies whose floors are taken together."""
LEAST_FLOOR = 1e-10
"""Of the loudest place's power; digital silence has none."""
LEAST_RATIO = 0.01
"""Of power to floor; what is quieter is taken for as loud."""


@dataclass(frozen=True, eq=False)
class Noisy:
    """A noisy sound and its spectrogram."""

    sound: Sound

    @cached_property
    def values(self) -> np.ndarray:
        """(h, w) complex, h frequencies from 0, w frames."""
        return transform(self.sound.rate).stft(self.sound.samples)

    def hear(self, values: np.ndarray) -> np.ndarray:
        """(T,), the sound of another spectrogram."""
        return transform(self.sound.rate).istft(values, k1=len(self.sound.samples))

    def measure_floor(self, quantile: float) -> np.ndarray:
        """(h, 1), the noise's power: a quantile over time, as if only noise were heard by then.

        The power of noise is distributed exponentially, so that its quantile tells its mean.
        """
        power = np.square(np.abs(self.values))
        noise = np.quantile(power, quantile, axis=1) / -np.log(1 - quantile)
        smooth = median_filter(noise, FLOOR_BINS, mode="nearest")[:, None]
        return np.maximum(smooth, LEAST_FLOOR * power.max())

    @cached_property
    def ratio(self) -> np.ndarray:
        """(h, w) power over the noise's, by the median."""
        return np.maximum(np.square(np.abs(self.values)) / self.measure_floor(0.5), LEAST_RATIO)


@dataclass(frozen=True, slots=True)
class Way:
    """What a decoder is fitted to, and what its picture is used for."""

    target: Callable[[Noisy], np.ndarray]
    """(C, h, w)"""
    uses: dict[str, Callable[[np.ndarray, Noisy], np.ndarray]]
    """By name: the decoder's picture (C, h, w), and what is known -> (h, w) complex."""
    weight: Callable[[Noisy], np.ndarray] = lambda noisy: np.ones(noisy.values.shape)
    """(h, w) of each place in the loss."""


def gate(noisy: Noisy, quantile: float, over_db: float, blur: float, depth_db: float) -> np.ndarray:
    """Spectral gating: what is so far over the floor is kept, the rest lowered, with blurred borders."""
    is_loud = np.square(np.abs(noisy.values)) > noisy.measure_floor(quantile) * 10 ** (over_db / 10)
    least = 10 ** (-depth_db / 20)
    return noisy.values * (least + (1 - least) * gaussian_filter(np.float64(is_loud), blur))


def wiener(noisy: Noisy, quantile: float, blur: float, over: float) -> np.ndarray:
    """Wiener's gain, of blurred power, with so many times the floor taken for noise."""
    power = gaussian_filter(np.square(np.abs(noisy.values)), blur)
    return noisy.values * np.clip(1 - over * noisy.measure_floor(quantile) / power, 0, 1)


def list_rules() -> Iterator[tuple[str, dict[str, float]]]:
    """Every setting that the rules are tried with."""
    for quantile, blur in product((0.25, 0.5), (0, 0.5, 0.75, 1)):
        for over_db, depth_db in product((3, 6, 9, 12), (20, 60)):
            yield (
                "gating",
                {"quantile": quantile, "over_db": over_db, "blur": blur, "depth_db": depth_db},
            )
        for over in (1, 2, 3, 4):
            yield "Wiener", {"quantile": quantile, "blur": blur, "over": over}


RULES: dict[str, Callable[..., np.ndarray]] = {"gating": gate, "Wiener": wiener}


def know_all(clean: np.ndarray, noisy: Noisy) -> np.ndarray:
    """Wiener's gain of the true powers: what no gain can well surpass."""
    power = np.square(np.abs(clean))
    noise = np.square(np.abs(noisy.values - clean))
    return noisy.values * power / np.maximum(power + noise, np.finfo(float).tiny)


def _squeeze(noisy: Noisy) -> np.ndarray:
    """Levels, (1, h, w) in [0, 1]: noise is nearly linear, what stands out goes by its logarithm."""
    return np.log1p(noisy.ratio)[None] / np.log1p(noisy.ratio.max())


def _unsqueeze(picture: np.ndarray, noisy: Noisy) -> np.ndarray:
    """(h, w) power over the noise's."""
    return np.expm1(picture[0] * np.log1p(noisy.ratio.max()))


def _put_levels(picture: np.ndarray, noisy: Noisy) -> np.ndarray:
    return noisy.values * np.sqrt(_unsqueeze(picture, noisy) / noisy.ratio)


def _gain_of_levels(picture: np.ndarray, noisy: Noisy) -> np.ndarray:
    return noisy.values * (1 - 1 / np.maximum(_unsqueeze(picture, noisy), 1))


def _split(noisy: Noisy) -> np.ndarray:
    """Real and imaginary part, (2, h, w) in [0, 1] about 0.5, by the root of their modulus."""
    scaled = noisy.values / np.sqrt(np.abs(noisy.values).clip(1e-12) * np.abs(noisy.values).max())
    return np.stack([scaled.real, scaled.imag]) / 2 + 0.5


def _join(picture: np.ndarray, noisy: Noisy) -> np.ndarray:
    scaled = (2 * picture[0] - 1) + 1j * (2 * picture[1] - 1)
    return scaled * np.abs(scaled) * np.abs(noisy.values).max()


WAYS = {
    "levels": Way(_squeeze, {"levels": _put_levels, "gain of levels": _gain_of_levels}),
    "mask": Way(
        # Of a mask M: |M values - truth|^2 has, but for what M does not change, the expectation of
        # |values|^2 (M - (1 - 1 / ratio))^2, if the noise is Gaussian (C. Stein 1981). With weights by the
        # ratio alone, loud frequencies of coloured noise count no more than others.
        lambda noisy: 1 - 1 / noisy.ratio[None],
        {"mask": lambda picture, noisy: noisy.values * picture[0]},
        lambda noisy: noisy.ratio,
    ),
    "parts": Way(_split, {"parts": _join}),
}
"""By what is painted: levels (C = 1), a mask (C = 1), or real and imaginary parts (C = 2)."""
