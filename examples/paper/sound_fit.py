"""Sounds in noise, and what rules and decoders make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from sound_draws import HOP, Sound, add_noise, draw_sound, snr, transform
from sound_ways import RULES, WAYS, Noisy, know_all, list_rules
from study import Study
from torch import Tensor

from subremover.options import FitOptions
from subremover.untrained.restore import Watch

LOOKS = 10
"""At the pictures, on their way."""
SCORED = 0.03
"""Share of places that a step is scored by."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A sound in noise."""

    clean: Sound
    noisy: Noisy
    noise: str
    level: int
    """dB"""

    @classmethod
    def draw(cls, name: str, noise: str, level: int, seed: int, frames: int) -> Case:
        clean = draw_sound(name, HOP * (frames - 1), seed)
        return cls(clean, Noisy(add_noise(clean, noise, level, seed + 1)), noise, level)


@dataclass(slots=True)
class Found:
    """What a way made of all cases."""

    sounds: list[np.ndarray]
    """(T,) each"""
    about: str = ""
    """Its settings."""
    curve: dict[int, float] = field(default_factory=dict)
    """Mean dB by step."""


def try_rules(cases: Sequence[Case]) -> dict[str, Found]:
    """Each rule with the settings that are best on average, and with the best for each case."""
    found: dict[str, Found] = {}
    for rule, apply in RULES.items():
        settings = [some for name, some in list_rules() if name == rule]
        sounds = [[case.noisy.hear(apply(case.noisy, **some)) for case in cases] for some in settings]
        values = np.array([measure(cases, tried) for tried in sounds])  # (settings, cases)
        best = int(values.mean(1).argmax())
        told = ", ".join(f"{name} {value}" for name, value in settings[best].items())
        found[rule] = Found(sounds[best], told)
        own = [sounds[one][case] for case, one in enumerate(values.argmax(0))]
        found[f"{rule}, best for each"] = Found(own, f"of {len(settings)} settings")
    return found


def fit(study: Study, way: str, cases: Sequence[Case], options: FitOptions) -> dict[str, Found]:
    """One decoder for each case; what all uses of their pictures come to."""
    noisy = [case.noisy for case in cases]
    found = {name: Found([], f"{options.steps} steps") for name in WAYS[way].uses}

    def watch(step: int, rows: range, pictures: Tensor, _: Tensor) -> None:
        if step % max(1, options.steps // LOOKS):
            return
        for name, one in found.items():
            sounds = use(way, name, pictures, noisy[rows.start : rows.stop])
            values = measure(cases[rows.start : rows.stop], sounds)
            # rows come in several parts where memory is short
            one.curve[step] = one.curve.get(step, 0.0) + sum(values) / len(cases)

    pictures = paint(study, way, noisy, options, watch)
    for name, one in found.items():
        one.sounds = use(way, name, pictures, noisy)
    return found


def fit_hidden(study: Study, way: str, cases: Sequence[Case], options: FitOptions) -> Found:
    """The same with some places hidden: each decoder's picture after the step that is best there."""
    noisy = [case.noisy for case in cases]
    targets, weights = _targets(way, noisy), _weights(way, noisy)
    scored = np.random.default_rng(0).random(weights.shape) < SCORED
    # a window spreads every frequency over its neighbours, which tell of it
    hidden = torch.from_numpy(maximum_filter1d(scored, 3, axis=2))
    scores = weights * torch.from_numpy(scored)
    least = torch.full((len(cases),), torch.inf)
    best = torch.zeros_like(targets)
    steps = torch.zeros(len(cases))

    def watch(step: int, rows: range, pictures: Tensor, _: Tensor) -> None:
        place, now = slice(rows.start, rows.stop), pictures.cpu()
        errors = ((now - targets[place]).square() * scores[place]).sum((1, 2, 3))
        better = errors < least[place]
        least[place] = torch.where(better, errors, least[place])
        steps[place] = torch.where(better, step, steps[place])
        best[place] = torch.where(better.view(-1, 1, 1, 1), now, best[place])

    study.restore(targets, options, known=weights * ~hidden, what=f"{way}, hidden", watch=watch)
    (name,) = WAYS[way].uses
    return Found(use(way, name, best, noisy), f"{steps.min():.0f} to {steps.max():.0f} steps")


def paint(
    study: Study, way: str, noisy: Sequence[Noisy], options: FitOptions, watch: Watch | None = None
) -> Tensor:
    """(B, C, h, w) by one decoder each."""
    targets, weights = _targets(way, noisy), _weights(way, noisy)
    return study.restore(targets, options, known=weights, what=way, watch=watch).pictures


def use(way: str, name: str, pictures: Tensor, noisy: Sequence[Noisy]) -> list[np.ndarray]:
    """(B, C, h, w) -> B sounds (T,)"""
    planes = pictures.double().cpu().numpy()
    apply = WAYS[way].uses[name]
    return [one.hear(apply(plane, one)) for plane, one in zip(planes, noisy, strict=True)]


def _targets(way: str, noisy: Sequence[Noisy]) -> Tensor:
    """(B, C, h, w)"""
    return torch.from_numpy(np.stack([WAYS[way].target(one) for one in noisy]).astype(np.float32))


def _weights(way: str, noisy: Sequence[Noisy]) -> Tensor:
    """(B, 1, h, w)"""
    return torch.from_numpy(np.stack([WAYS[way].weight(one)[None] for one in noisy]).astype(np.float32))


def measure(cases: Sequence[Case], sounds: Sequence[np.ndarray]) -> list[float]:
    """The signal-to-noise ratio of each sound against its case's clean one, dB."""
    return [snr(sound, case.clean.samples) for sound, case in zip(sounds, cases, strict=True)]


def try_all(study: Study, cases: Sequence[Case], options: FitOptions) -> dict[str, Found]:
    """All ways on all cases, from none to the one that knows all."""
    found = {"noisy": Found([case.noisy.sound.samples for case in cases]), **try_rules(cases)}
    for way in WAYS:
        found |= fit(study, way, cases, options)
    pairs = zip(found["gain of levels"].sounds, found["mask"].sounds, strict=True)
    found["both gains"] = Found([(levels + mask) / 2 for levels, mask in pairs], "their mean")
    found["mask, hidden"] = fit_hidden(study, "mask", cases, options)
    spectra = [transform(case.clean.rate).stft(case.clean.samples) for case in cases]
    known = [case.noisy.hear(know_all(clean, case.noisy)) for clean, case in zip(spectra, cases, strict=True)]
    return {**found, "Wiener, all known": Found(known)}
