"""Section 6 of the paper: sound, denoised as a picture of its spectrogram.

    python examples/paper/sound.py OUT                     # drawn sounds in drawn noise
    python examples/paper/sound.py OUT --sound noisy.wav   # one's own: to be heard, nothing is measured

Drawn tones, chirps, whistles like a dolphin's and a voice-like sound, each in white and in pink noise at
several levels, each of a second (whistles: a third). A decoder is fitted to each spectrogram:

levels           paints the magnitudes, squeezed into [0, 1]; the phase stays that of the noisy sound
gain of levels   the same picture, but only telling Wiener's gain how loud sound and noise are together
mask             paints the gain itself: the one that is best by Stein's unbiased estimate of the error
parts            paints real and imaginary parts, two channels, and so a phase of its own

against spectral gating and Wiener's gain of a blurred spectrogram, with the settings that are best on average
over these very sounds ("gating", "Wiener") and with the best for each sound ("best for each"), which nobody
can know; and Wiener's gain where sound and noise are known, which bounds them all. All ways but "parts" learn
how loud the noise is from quantiles over time of the noisy sound alone.

Figures are the signal-to-noise ratio in dB of the sound that comes out, on average; in the last column after
scaling it to the truth. sound_all.json has every sound. "mask, hidden" is the mask after the step whose error
is least, by the same estimate, at places that were hidden from the fit: a way to end without a look at the
truth. All others take the mean picture of the last quarter of the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import click
import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from sound_draws import (
    DRAWN,
    HOP,
    Sound,
    add_noise,
    draw_sound,
    read_sound,
    scaled_snr,
    snr,
    transform,
    write_sound,
)
from sound_ways import RULES, WAYS, Noisy, know_all, list_rules
from study import Row, Study, study_command
from torch import Tensor

from subremover.fill.restore import Watch
from subremover.options import FitOptions

OPTIONS = FitOptions(steps=300, channels=32, levels=4, loss="mse", decoders=1, trial=False)
"""Chosen on other draws than those that are measured."""
FRAMES = 64
LEVELS_DB = (0, 5, 10)
LOOKS = 10
"""At the pictures, on their way."""
JUDGED = 0.03
"""Share of places that a step is judged by."""
EVERY = tuple(product(DRAWN, ("white", "pink"), LEVELS_DB))
SHOWN = ("noisy", "gating", "Wiener", "gain of levels", "mask")
"""As spectrograms and WAV files, of the sounds in white noise of the middle level."""


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
    course: dict[int, float] = field(default_factory=dict)
    """Mean dB by step."""


def try_rules(cases: Sequence[Case]) -> dict[str, Found]:
    """Each rule with the settings that are best on average, and with the best for each case."""
    found: dict[str, Found] = {}
    for rule, apply in RULES.items():
        settings = [some for name, some in list_rules() if name == rule]
        sounds = [[case.noisy.hear(apply(case.noisy, **some)) for case in cases] for some in settings]
        values = np.array([_measure(cases, tried) for tried in sounds])  # (settings, cases)
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
            values = _measure(cases[rows.start : rows.stop], sounds)
            # rows come in several parts where memory is short
            one.course[step] = one.course.get(step, 0.0) + sum(values) / len(cases)

    pictures = paint(study, way, noisy, options, watch)
    for name, one in found.items():
        one.sounds = use(way, name, pictures, noisy)
    return found


def fit_hidden(study: Study, way: str, cases: Sequence[Case], options: FitOptions) -> Found:
    """The same with some places hidden: each decoder's picture after the step that is best there."""
    noisy = [case.noisy for case in cases]
    targets, weights = _targets(way, noisy), _weights(way, noisy)
    judged = np.random.default_rng(0).random(weights.shape) < JUDGED
    # a window spreads every frequency over its neighbours, which tell of it
    hidden = torch.from_numpy(maximum_filter1d(judged, 3, axis=2))
    judges = weights * torch.from_numpy(judged)
    least = torch.full((len(cases),), torch.inf)
    best = torch.zeros_like(targets)
    steps = torch.zeros(len(cases))

    def watch(step: int, rows: range, pictures: Tensor, _: Tensor) -> None:
        place, now = slice(rows.start, rows.stop), pictures.cpu()
        errors = ((now - targets[place]).square() * judges[place]).sum((1, 2, 3))
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


def _measure(cases: Sequence[Case], sounds: Sequence[np.ndarray]) -> list[float]:
    return [snr(sound, case.clean.samples) for sound, case in zip(sounds, cases, strict=True)]


def to_row(way: str, found: Found, cases: Sequence[Case]) -> Row:
    """Means over the cases of each sound, noise and level, and over all."""
    values = np.array(_measure(cases, found.sounds))
    row: dict[str, str | float] = {"way": way}
    kinds: tuple[Callable[[Case], str], ...] = (
        lambda case: case.clean.name,
        lambda case: case.noise,
        lambda case: f"{case.level} dB",
    )
    for kind in kinds:
        of = np.array([kind(case) for case in cases])
        row |= {one: float(values[of == one].mean()) for one in dict.fromkeys(of.tolist())}
    row["all"] = float(values.mean())
    scaled = [scaled_snr(s, case.clean.samples) for s, case in zip(found.sounds, cases, strict=True)]
    return {**row, "all, scaled": float(np.mean(scaled)), "settings": found.about}


def try_all(study: Study, cases: Sequence[Case], options: FitOptions) -> dict[str, Found]:
    """All ways on all cases, from none to the one that knows all."""
    found = {"noisy": Found([case.noisy.sound.samples for case in cases]), **try_rules(cases)}
    for way in WAYS:
        found |= fit(study, way, cases, options)
    found["mask, hidden"] = fit_hidden(study, "mask", cases, options)
    spectra = [transform(case.clean.rate).stft(case.clean.samples) for case in cases]
    known = [case.noisy.hear(know_all(clean, case.noisy)) for clean, case in zip(spectra, cases, strict=True)]
    return {**found, "Wiener, all known": Found(known)}


def show(study: Study, name: str, lines: Mapping[str, Mapping[str, Sound]]) -> None:
    """Spectrograms over 80 dB, from the lowest frequency below, and the sounds, by line and column.

    All that stand in a line are equally loud where they are equal, and none is cut off.
    """
    rows = []
    for line, sounds in lines.items():
        values = [np.abs(transform(sound.rate).stft(sound.samples))[::-1] for sound in sounds.values()]
        levels = [20 * np.log10(np.maximum(value / values[0].max(), 1e-9)) / 80 + 1 for value in values]
        rows.append([level.repeat(max(1, 256 // level.shape[1]), 1) for level in levels])
        most = max(np.abs(sound.samples).max() for sound in sounds.values())
        for way, sound in sounds.items():
            loud = replace(sound, samples=sound.samples * (0.9 / most))
            write_sound(study.out / f"{line}_{way.replace(' ', '_')}.wav", loud)
    study.write_pictures(name, rows, list(next(iter(lines.values()))), list(lines))


@study_command(__doc__)
@click.option(
    "--sound", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A WAV file of one's own."
)
@click.option("--steps", type=click.IntRange(4), default=OPTIONS.steps, show_default=True)
@click.option("--channels", type=click.IntRange(1), default=OPTIONS.channels, show_default=True, help="K.")
def main(study: Study, sound: Path | None, steps: int, channels: int) -> None:
    if study.quick:
        steps, channels = min(steps, 30), min(channels, 8)
    options = replace(OPTIONS, steps=steps, channels=channels)
    if sound is not None:
        denoise(study, read_sound(sound), options)
        return
    kinds = product(("tones", "whistles"), ("white",), LEVELS_DB[1:2]) if study.quick else EVERY
    frames = 32 if study.quick else FRAMES
    cases = [Case.draw(*kind, seed=2 * seed, frames=frames) for seed, kind in enumerate(kinds)]
    found = try_all(study, cases, options)
    about = {"K": channels, "L": options.levels, "steps": steps, "frames": frames}
    study.write_table("sound", [to_row(way, one, cases) for way, one in found.items()], **about)
    curves = {way: (list(one.course), list(one.course.values())) for way, one in found.items() if one.course}
    study.write_plot("sound_steps", curves, "steps", "mean signal-to-noise ratio, dB")
    lines = {
        case.clean.name: {
            "clean": case.clean,
            **{way: replace(case.clean, samples=found[way].sounds[index]) for way in SHOWN},
        }
        for index, case in enumerate(cases)
        if (case.noise, case.level) == ("white", LEVELS_DB[1])
    }
    show(study, "sound", lines)


def denoise(study: Study, sound: Sound, options: FitOptions) -> None:
    """A sound of which nothing is known."""
    noisy = [Noisy(sound)]
    levels, mask = (paint(study, way, noisy, options) for way in ("levels", "mask"))
    (gained,), (masked,) = use("levels", "gain of levels", levels, noisy), use("mask", "mask", mask, noisy)
    sounds = {
        "gain of levels": replace(sound, samples=gained),
        "mask": replace(sound, samples=masked),
    }
    show(study, "sound", {sound.name: {"noisy": sound, **sounds}})


if __name__ == "__main__":
    main()
