import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.io import wavfile
from sound import main
from sound_draws import DRAWN, Sound, add_noise, draw_sound, read_sound, scaled_snr, snr, transform
from sound_ways import WAYS, Noisy, know_all

pytestmark = pytest.mark.usefixtures("one_thread")
COUNT = 6000
RATE = 16_000


def draw_noise(seed: int = 0, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def see(samples: np.ndarray) -> np.ndarray:
    return transform(RATE).stft(samples)


def test_a_spectrogram_turns_back_into_its_sound() -> None:
    samples = draw_noise()
    np.testing.assert_allclose(transform(RATE).istft(see(samples), k1=COUNT), samples, atol=1e-12)


def test_noise_a_tenth_as_strong_is_20_db_down() -> None:
    truth = np.array([1.0, -1, 1, -1])
    noise = np.array([0.1, 0.1, -0.1, -0.1])
    assert snr(truth + noise, truth) == pytest.approx(20)
    assert scaled_snr(3 * (truth + noise), truth) == pytest.approx(10 * np.log10(101), abs=1e-9)
    assert snr(3 * truth, truth) == pytest.approx(-10 * np.log10(4))


@pytest.mark.parametrize("name", DRAWN)
def test_sounds_are_drawn_by_their_seed_and_within_bounds(name: str) -> None:
    sound = draw_sound(name, COUNT, 3)
    assert sound.samples.shape == (COUNT,)
    assert np.abs(sound.samples).max() == pytest.approx(0.9)
    np.testing.assert_array_equal(sound.samples, draw_sound(name, COUNT, 3).samples)
    assert not np.array_equal(sound.samples, draw_sound(name, COUNT, 4).samples)


@pytest.mark.parametrize("kind", ["white", "pink"])
def test_noise_has_the_level_and_the_colour_asked_for(kind: str) -> None:
    clean = draw_sound("tones", 1 << 16, 0)
    noisy = add_noise(clean, kind, 5, 1)
    assert snr(noisy.samples, clean.samples) == pytest.approx(5)
    power = np.square(np.abs(np.fft.rfft(noisy.samples - clean.samples)))
    low, high = power[1000:2000].mean(), power[10_000:20_000].mean()
    assert low / high == pytest.approx(1 if kind == "white" else 10, rel=0.15)


@pytest.mark.parametrize("quantile", [0.25, 0.5])
def test_the_floor_of_noise_is_its_power(quantile: float) -> None:
    noisy = Noisy(Sound("", draw_noise(count=200_000), RATE))
    power = np.square(np.abs(noisy.values)).mean()
    np.testing.assert_allclose(noisy.measure_floor(quantile)[2:-2], power, rtol=0.12)


@pytest.mark.parametrize("way", ["levels", "parts"])
def test_a_picture_that_is_the_target_gives_the_noisy_sound(way: str) -> None:
    noisy = Noisy(add_noise(draw_sound("voice", COUNT, 0), "white", 10, 0))
    target = WAYS[way].target(noisy)
    assert target.min() >= 0
    assert target.max() <= 1
    found = WAYS[way].uses[way](target, noisy)
    # what lies under the least ratio is lifted to it
    np.testing.assert_allclose(found, noisy.values, atol=0.2 * np.abs(noisy.values).mean())


def test_the_mask_is_fitted_to_what_its_error_is_expected_to_be() -> None:
    """Two masks differ in their loss as in their true error, on average over noise."""
    sound = draw_sound("tones", COUNT, 0)
    clean = see(sound.samples)
    random = np.random.default_rng(0)
    first, second = random.random((2, *clean.shape))
    fitted, true = [], []
    for seed in range(40):
        noisy = Noisy(Sound("", sound.samples + 0.3 * draw_noise(seed), RATE))
        floor = noisy.measure_floor(0.5)
        target, weight = WAYS["mask"].target(noisy)[0], WAYS["mask"].weight(noisy)
        fitted.append((weight * ((first - target) ** 2 - (second - target) ** 2)).sum())
        error = np.abs(first * noisy.values - clean) ** 2 - np.abs(second * noisy.values - clean) ** 2
        true.append((error / floor).sum())
    assert np.mean(fitted) == pytest.approx(np.mean(true), rel=0.05)


def test_all_known_is_nearer_than_the_noisy_sound() -> None:
    clean = draw_sound("chirps", COUNT, 0)
    noisy = add_noise(clean, "pink", 0, 0)
    found = know_all(see(clean.samples), Noisy(noisy))
    assert snr(transform(RATE).istft(found, k1=COUNT), clean.samples) > 10


def test_quick(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    rows = {row["way"]: row for row in json.loads((tmp_path / "sound.json").read_text())["rows"]}
    assert rows["noisy"]["all"] == pytest.approx(5)
    assert rows["noisy"]["all"] + 2 < rows["mask"]["all"] < rows["Wiener, all known"]["all"]
    assert rows["mask, hidden"]["all"] > rows["noisy"]["all"] + 2
    assert rows["gating"]["all"] <= rows["gating, best for each"]["all"] < rows["Wiener, all known"]["all"]
    assert (tmp_path / "sound.png").exists()
    assert (tmp_path / "sound_steps.png").exists()
    rate, samples = wavfile.read(tmp_path / "whistles_mask.wav")
    assert rate == 48_000
    assert samples.dtype == np.int16
    assert np.abs(samples).max() > 10_000


def test_a_sound_of_ones_own(tmp_path: Path) -> None:
    noisy = add_noise(draw_sound("whistles", COUNT, 0), "white", 5, 0)
    stereo = np.stack([noisy.samples, noisy.samples], 1) / 3
    stereo[: COUNT // 2 + 1000] = 0  # as digital as silence can be
    wavfile.write(tmp_path / "sea.wav", 48_000, np.int16(stereo * 32767))
    result = run(tmp_path / "out", "--sound", str(tmp_path / "sea.wav"))
    assert result.exit_code == 0, result.output
    rate, samples = wavfile.read(tmp_path / "out" / "sound_mask.wav")
    assert (rate, len(samples)) == (48_000, COUNT)
    assert np.abs(samples[:2000]).max() < 100 < np.abs(samples).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_samples_of_every_kind_are_read_as_what_they_mean(tmp_path: Path, dtype: type) -> None:
    sound = Sound("", draw_sound("tones", COUNT, 0).samples, RATE)
    scale, middle = {np.uint8: (127, 128), np.int16: (32767, 0), np.int32: (2**31 - 1, 0)}.get(dtype, (1, 0))
    wavfile.write(tmp_path / "a.wav", RATE, (sound.samples * scale + middle).astype(dtype))
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav").samples, sound.samples, atol=0.015)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"RIFF\0\0\0\0nothing"), "no WAV file"),
        (lambda path: path.write_bytes(b""), "no WAV file"),
        (lambda path: wavfile.write(path, RATE, np.ones((COUNT, 3), np.int16)), "3 channels"),
        (lambda path: wavfile.write(path, 100, np.ones(COUNT, np.int16)), "100 Hz"),
        (lambda path: wavfile.write(path, RATE, np.ones(9, np.int16)), "9 samples"),
        (lambda path: wavfile.write(path, RATE, np.ones((1 << 20) + 1, np.int16)), "65 s"),
        (lambda path: wavfile.write(path, RATE, np.zeros(COUNT, np.int16)), "silent"),
        (lambda path: wavfile.write(path, RATE, np.full(COUNT, np.nan, np.float32)), "no sound"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, write: object, message: str) -> None:
    assert callable(write)
    write(tmp_path / "a.wav")
    result = run(tmp_path / "out", "--sound", str(tmp_path / "a.wav"))
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--quick", "--device", "cpu"])
