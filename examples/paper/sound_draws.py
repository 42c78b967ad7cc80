"""Sounds to denoise, drawn or read; and how far one is from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
from scipy.io import wavfile
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

WINDOW = 512
"""Samples of one frame of a spectrogram."""
HOP = 256
"""Samples from one frame to the next."""
LOWEST_BIN = 2
"""Of a spectrogram, with pink noise; below, a few slow waves would make up a third of it."""
RATES_HZ = (4_000, 192_000)
MOST_SAMPLES = 1 << 20
MOST_BYTES = 64 << 20
LOUDEST = 1e6
"""Of a file's samples; beyond lies nothing that was meant as sound."""
VOWELS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Formants of men's a, i, u, e and o (G. Peterson and H. Barney 1952)."""
BAND_HZ = 90
"""Half the width of a formant."""


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """One channel."""

    name: str
    samples: np.ndarray
    """(T,) float64 in [-1, 1]."""
    rate: int
    """Samples a second."""


@lru_cache
def transform(rate: int) -> ShortTimeFFT:
    """To a spectrogram (h, w) complex, h frequencies from 0, w frames, and back."""
    return ShortTimeFFT(hann(WINDOW, sym=False), HOP, rate)


def read_sound(path: Path) -> Sound:
    """A WAV file's, of one or two channels; two are mixed.

    Raises:
        click.BadParameter: It cannot be read, or is nothing that is to be denoised here.
    """
    if path.stat().st_size > MOST_BYTES:
        raise click.BadParameter(f"'{path}' is larger than {MOST_BYTES >> 20} MiB; cut it")
    try:
        rate, values = wavfile.read(path)
    except Exception as error:  # what is wrong with a file decides what scipy raises
        raise click.BadParameter(f"'{path}' is no WAV file that can be read ({error})") from error
    samples = values.reshape(len(values), -1) if values.size else np.zeros((0, 1))
    if not RATES_HZ[0] <= rate <= RATES_HZ[1] or samples.shape[1] > 2:
        raise click.BadParameter(
            f"'{path}' has {samples.shape[1]} channels at {rate} Hz; "
            f"give one or two at {RATES_HZ[0]} to {RATES_HZ[1]} Hz"
        )
    if not 4 * WINDOW <= len(samples) <= MOST_SAMPLES:
        raise click.BadParameter(
            f"'{path}' has {len(samples)} samples; give {4 * WINDOW} to {MOST_SAMPLES}, "
            f"{MOST_SAMPLES // rate} s at its rate"
        )
    if np.issubdtype(samples.dtype, np.integer):
        bits = np.iinfo(samples.dtype)
        samples = (samples - (bits.min + bits.max + 1) / 2) / ((bits.max - bits.min) / 2)
    mixed = samples.astype(np.float64).mean(1)
    if not np.isfinite(mixed).all() or not 0 < np.abs(mixed).max() < LOUDEST:
        raise click.BadParameter(f"'{path}' is silent, or its samples are no sound")
    return Sound("sound", mixed, rate)


def write_sound(path: Path, sound: Sound) -> None:
    """As a WAV file of 16 bits."""
    wavfile.write(path, sound.rate, np.round(sound.samples.clip(-1, 1) * 32767).astype(np.int16))


def snr(found: np.ndarray, truth: np.ndarray) -> float:
    """Signal-to-noise ratio in dB: the truth's energy over that of the difference."""
    return float(10 * np.log10(np.square(truth).sum() / np.square(found - truth).sum()))


def scaled_snr(found: np.ndarray, truth: np.ndarray) -> float:
    """In dB, with the found sound scaled to be as near as it can: loudness counts for nothing."""
    return snr(found * (found @ truth) / (found @ found), truth)


def add_noise(sound: Sound, kind: str, level: float, seed: int) -> Sound:
    """The sound in noise.

    Args:
        sound: Clean.
        kind: "white", or "pink": its power falls as 1 / frequency, down to where recorders cut rumble off.
        level: Signal-to-noise ratio, dB.
        seed: Of the noise.
    """
    count = len(sound.samples)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    if kind == "pink":
        steps = np.arange(len(spectrum))
        lowest = LOWEST_BIN * count / WINDOW
        spectrum *= np.where(steps < lowest, 0, 1 / np.sqrt(steps.clip(1)))
    noise = np.fft.irfft(spectrum, count)
    noise *= np.linalg.norm(sound.samples) / np.linalg.norm(noise) * 10 ** (-level / 20)
    return Sound(sound.name, sound.samples + noise, sound.rate)


def draw_sound(name: str, count: int, seed: int) -> Sound:
    """One of `DRAWN`, so many samples of it, the loudest of them 0.9 from 0."""
    rate, draw = DRAWN[name]
    samples = draw(np.arange(count) / rate, np.random.default_rng(seed))
    return Sound(name, samples * (0.9 / np.abs(samples).max()), rate)


def _draw_tones(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Struck notes of five harmonics, each dying away."""
    total = np.zeros_like(seconds)
    for start in np.arange(0.1, seconds[-1], 0.3):
        pitch_hz = 220 * 2 ** (random.integers(0, 25) / 12)
        age = seconds - start
        loudness = np.where(age > 0, np.exp(-age / 0.25) * np.minimum(1, age / 0.005), 0)
        for harmonic in range(1, 6):
            phase = 2 * np.pi * (harmonic * pitch_hz * age + random.random())
            total += loudness * np.sin(phase) / harmonic**1.5
    return total


def _draw_chirps(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Sweeps up or down, some straight, some by the octave, a few at a time."""
    total = np.zeros_like(seconds)
    for start in np.arange(0.05, seconds[-1], 0.35):
        length = random.uniform(0.3, 0.6)
        share = np.clip((seconds - start) / length, 0, 1)
        low, high = random.permutation([random.uniform(300, 1500), random.uniform(2500, 7000)])
        pitch = low + (high - low) * share if random.random() < 0.5 else low * (high / low) ** share
        total += np.sin(2 * np.pi * np.cumsum(pitch) * seconds[1]) * _fade(share)
    return total


def _draw_whistles(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Like a dolphin's: contours that wind between 5 and 15 kHz, with a weak second harmonic."""
    total = np.zeros_like(seconds)
    for start in np.linspace(0.02, 0.55, 3) * seconds[-1]:
        share = np.clip((seconds - start) / (0.4 * seconds[-1]), 0, 1)
        pitch = random.uniform(7e3, 11e3) + random.uniform(-3e3, 3e3) * share
        for turns in (0.5, 1.5):
            pitch += random.uniform(0, 1500) * np.sin(2 * np.pi * (turns * share + random.random()))
        phase = 2 * np.pi * np.cumsum(pitch) * seconds[1]
        total += (np.sin(phase) + 0.2 * np.sin(2 * phase)) * _fade(share) * random.uniform(0.4, 1)
    return total


def _draw_voice(seconds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Like speech: syllables of hiss and pulses through formants that move, and pauses."""
    pulses, hiss, start = np.zeros_like(seconds), np.zeros_like(seconds), 0.1
    vowels = np.array(VOWELS_HZ)[random.integers(0, len(VOWELS_HZ), 64)]
    knots = np.linspace(0, 64 * 0.2, 64)
    while start < seconds[-1]:
        burst, length = random.uniform(0.02, 0.1), random.uniform(0.1, 0.3)
        hiss += 0.15 * _fade(np.clip((seconds - start) / (burst + 0.03), 0, 1))
        pulses += random.uniform(0.5, 1) * _fade(np.clip((seconds - start - burst) / length, 0, 1))
        start += burst + length + random.choice([0.0, 0.2])
    pitch = 120 + 20 * np.sin(2 * np.pi * 1.1 * seconds + 6 * random.random()) - 10 * seconds
    turns = np.floor(np.cumsum(pitch) * seconds[1])
    source = pulses * np.diff(turns, prepend=0) + hiss * random.standard_normal(len(seconds))
    stft = transform(round(1 / seconds[1]))
    times = stft.t(len(seconds))
    response = np.zeros((len(stft.f), len(times)))
    for formant, loudness in enumerate((1, 0.5, 0.25)):
        middle = np.interp(times, knots, vowels[:, formant])
        response += loudness / (1 + ((stft.f[:, None] - middle) / BAND_HZ) ** 2)
    response += 0.03 / (1 + ((stft.f[:, None] - 5500) / 1500) ** 2)  # where hiss is heard
    return stft.istft(stft.stft(source) * response, k1=len(source))


def _fade(share: np.ndarray) -> np.ndarray:
    """Loudness over a sound's life, from its begin, 0, to its end, 1: silent outside."""
    return np.sqrt(np.sin(np.pi * share).clip(0))


DRAWN: dict[str, tuple[int, Callable[[np.ndarray, np.random.Generator], np.ndarray]]] = {
    "tones": (16_000, _draw_tones),
    "chirps": (16_000, _draw_chirps),
    "whistles": (48_000, _draw_whistles),
    "voice": (16_000, _draw_voice),
}
"""Samples a second, and what draws them at their times in seconds."""
