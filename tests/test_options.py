import math
from collections.abc import Callable

import pytest

from subremover.errors import UsageError
from subremover.options import EncodeOptions, FitOptions, Options, PaintOptions, PoolOptions, ScanOptions


def test_the_paper_preset_is_the_papers() -> None:
    paper = PaintOptions.preset("paper")
    fit = paper.fit
    assert (fit.channels, fit.levels, fit.activation, fit.loss) == (256, 5, "relu", "mix")
    assert (fit.learning_rate, fit.steps, paper.warm_steps, paper.decoders) == (0.01, 1000, 0, 1)


def test_presets_go_from_fast_to_good() -> None:
    fast, standard = PaintOptions.preset("fast"), PaintOptions.preset("standard")
    assert standard == PaintOptions() == Options().paint
    assert fast.fit.steps < standard.fit.steps
    assert fast.warm_steps < standard.warm_steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FitOptions(steps=0), "steps must be at least 1, got 0"),
        (lambda: PaintOptions(warm_steps=-1), "warm_steps must be at least 0"),
        (lambda: FitOptions(channels=0), "channels must be at least 1"),
        (lambda: PaintOptions(decoders=17), "decoders must be at most 16"),
        (lambda: FitOptions(levels=0), "levels must be at least 1"),
        (lambda: FitOptions(levels=10), "levels must be at most 9"),
        (lambda: FitOptions(learning_rate=math.nan), "learning rate must be above 0"),
        (lambda: FitOptions(input_noise=-1), "input noise must not be negative"),
        (lambda: FitOptions(loss="l3"), "unknown loss 'l3'; choose from mix, mse, l1, ssim, ms-ssim"),
        (lambda: FitOptions(input="zeros"), "unknown input 'zeros'; choose from noise, downsampled"),
        (lambda: FitOptions(activation="tanh"), "unknown activation 'tanh'"),
        (lambda: PaintOptions.preset("slow"), "unknown preset 'slow'; choose from fast, standard, paper"),
        (lambda: ScanOptions(segmenter="ocr"), "unknown segmenter 'ocr'; choose from lines, gradient"),
        (lambda: ScanOptions(mask="a.png", plan="plan"), "a mask or a plan, not both"),
        (lambda: ScanOptions(times="a.srt", plan="plan"), "--times tells the scan where to look"),
        (lambda: ScanOptions(times="a.srt", mask="a.png"), "--times tells the scan where to look"),
        (lambda: EncodeOptions(subtitle_language="en"), "a language is three letters .*got 'en'"),
        (lambda: PoolOptions(device="gpu"), "unknown device 'gpu'; choose auto, cpu, cuda, cuda:N or mps"),
        (lambda: PoolOptions(batch_size=0), "batch size must be at least 1, got 0"),
        (lambda: PoolOptions(workers=0), "workers must be 1 to 64, got 0"),
        (lambda: EncodeOptions(crf=-1), "crf must be 0 to 63, got -1"),
        (lambda: EncodeOptions(crf=math.nan), "crf must be 0 to 63, got nan"),
        (
            lambda: EncodeOptions(crf=20, match_size=True),
            "--match-size chooses the crf; leave one of the two out",
        ),
    ],
)
def test_values_without_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
