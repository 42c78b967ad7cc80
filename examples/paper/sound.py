"""Section 6 of the paper: sound, denoised as a picture of its spectrogram.

    python examples/paper/sound.py OUT                     # drawn sounds in drawn noise
    python examples/paper/sound.py OUT --sound noisy.wav   # one's own: to be heard, nothing is measured

Drawn tones, chirps, whistles like a dolphin's and a voice-like sound, each in white and in pink noise at
several levels, each of a second (whistles: a third). A decoder is fitted to each spectrogram:

levels           paints the magnitudes, squeezed into [0, 1]; the phase stays that of the noisy sound
gain of levels   the same picture, but only telling Wiener's gain how loud sound and noise are together
mask             paints the gain itself: the one that is best by Stein's unbiased estimate of the error
both gains       the mean of these two
parts            paints real and imaginary parts, two channels, and so a phase of its own

against spectral gating and Wiener's gain of a blurred spectrogram, with the settings that are best on average
over these very sounds ("gating", "Wiener") and with those best for each sound, which nobody can know; and
Wiener's gain where sound and noise are known. All but "parts" learn how loud the noise is from quantiles over
time of the noisy sound alone.

Figures are mean signal-to-noise ratios in dB of the sounds that come out; under "scaled", after scaling them
to the truth. Pictures are means over the last quarter of the steps. Only "mask, hidden" takes that after one
step, of all the one whose estimated error is least at places that were hidden from the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import click
import numpy as np
from sound_draws import DRAWN, Sound, read_sound, scaled_snr, transform, write_sound
from sound_fit import Case, Found, measure, paint, try_all, use
from sound_ways import Noisy
from study import FILE, Row, Study, study_command

from subremover.options import FitOptions

OPTIONS = FitOptions(steps=240, channels=32, levels=3, loss="mse")
"""Chosen on other draws than those that are measured."""
FRAMES = 64
LEVELS_DB = (0, 5, 10)
EVERY = tuple(product(DRAWN, ("white", "pink"), LEVELS_DB))
SHOWN = ("noisy", "gating", "Wiener", "gain of levels", "mask")
"""As spectrograms and WAV files, of the sounds in white noise of the middle level."""


def to_row(way: str, found: Found, cases: Sequence[Case]) -> Row:
    """Means over the cases of each sound, noise and level, and over all, to a hundredth of a dB."""
    values = np.array(measure(cases, found.sounds))
    row: dict[str, str | float] = {"way": way}
    kinds: tuple[Callable[[Case], str], ...] = (
        lambda case: case.clean.name,
        lambda case: case.noise,
        lambda case: f"{case.level} dB",
    )
    for kind in kinds:
        of = np.array([kind(case) for case in cases])
        row |= {one: _round(values[of == one]) for one in dict.fromkeys(of.tolist())}
    row["all"] = _round(values)
    scaled = [scaled_snr(s, case.clean.samples) for s, case in zip(found.sounds, cases, strict=True)]
    return {**row, "scaled": _round(scaled), "settings": found.about}


def _round(values: Sequence[float] | np.ndarray) -> float:
    return round(float(np.mean(values)), 2) + 0.0  # never -0


def show(study: Study, lines: Mapping[str, Mapping[str, Sound]]) -> None:
    """Write spectrograms over 80 dB, frequencies upwards, and the sounds, by line and column.

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
    study.write_pictures("sound", rows, list(next(iter(lines.values()))), list(lines))


@study_command(__doc__)
@click.option("--sound", type=FILE, help="A WAV file of one's own.")
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
    curves = {way: (list(one.curve), list(one.curve.values())) for way, one in found.items() if one.curve}
    study.write_plot("sound_steps", curves, "steps", "mean signal-to-noise ratio, dB")
    lines = {
        case.clean.name: {
            "clean": case.clean,
            **{way: replace(case.clean, samples=found[way].sounds[index]) for way in SHOWN},
        }
        for index, case in enumerate(cases)
        if (case.noise, case.level) == ("white", LEVELS_DB[1])
    }
    show(study, lines)


def denoise(study: Study, sound: Sound, options: FitOptions) -> None:
    """A sound of which nothing is known."""
    noisy = [Noisy(sound)]
    levels, mask = (paint(study, way, noisy, options) for way in ("levels", "mask"))
    (gained,), (masked,) = use("levels", "gain of levels", levels, noisy), use("mask", "mask", mask, noisy)
    sounds = {
        "gain of levels": replace(sound, samples=gained),
        "mask": replace(sound, samples=masked),
    }
    show(study, {sound.name: {"noisy": sound, **sounds}})


if __name__ == "__main__":
    main()
