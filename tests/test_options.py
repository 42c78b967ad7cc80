import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from subremover.errors import UsageError
from subremover.options import EncodeOptions, FitOptions, Options, PaintOptions, PoolOptions, ScanOptions


def test_the_paper_preset_is_the_papers() -> None:
    paper = PaintOptions.preset("paper")
    fit = paper.fit
    assert (fit.channels, fit.levels, fit.activation, fit.loss) == (256, 5, "relu", "mix")
    assert (fit.learning_rate, fit.steps, paper.warm_start, paper.decoders) == (0.01, 1000, "off", 1)


def test_presets_go_from_fast_to_good() -> None:
    fast, standard = PaintOptions.preset("fast"), PaintOptions.preset("standard")
    assert standard == PaintOptions() == Options().paint
    assert fast.fit.steps < standard.fit.steps
    assert fast.warm_steps < standard.warm_steps


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FitOptions(steps=0), "steps must be at least 1, got 0"),
        (lambda: PaintOptions(warm_steps=0), "warm_steps must be at least 1"),
        (lambda: PaintOptions(warm_start="next"), "warm_start"),
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
        (lambda: ScanOptions(sensitivity="0.3"), "unknown sensitivity '0.3'; choose from low, normal, high"),
        (lambda: ScanOptions(mask="a.png", plan="plan"), "a mask or a plan, not both"),
        (lambda: ScanOptions(times="a.srt", plan="plan"), "--times tells the scan where to look"),
        (lambda: ScanOptions(times="a.srt", mask="a.png"), "--times tells the scan where to look"),
        (lambda: ScanOptions(ocr_model="a.onnx", mask="a.png"), "a mask or a plan takes the place of that"),
        (lambda: ScanOptions(ocr_model="a.onnx", plan="plan"), "a mask or a plan takes the place of that"),
        (lambda: ScanOptions(subtitle_language="en"), "a language is three letters .*got 'en'"),
        (lambda: PoolOptions(device="gpu"), "unknown device 'gpu'; choose auto, cpu, cuda, cuda:N or mps"),
        (lambda: PoolOptions(batch_size=0), "batch size must be at least 1, got 0"),
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScanOptions(regions="bottom"), "regions must be a tuple of Region, got 'bottom'"),
        (lambda: ScanOptions(start="1.5"), "start must be Position or None, got '1.5'"),
        (lambda: ScanOptions(logos="yes"), "logos must be bool, got 'yes'"),
        (lambda: EncodeOptions(crf="16"), "crf must be a number or None, got '16'"),
        (lambda: EncodeOptions(codec=5), "codec must be a text or None, got 5"),
        (lambda: FitOptions(steps="30"), "steps must be a whole number, got '30'"),
        (lambda: FitOptions(steps=True), "steps must be a whole number, got True"),
        (lambda: FitOptions(loss=None), "loss must be a text, got None"),
        (lambda: PoolOptions(device=0), "device must be a text, got 0"),
        (lambda: Options(max_memory_bytes="2G"), "max_memory_bytes must be a whole number or None, got '2G'"),
        (lambda: Options(paint=FitOptions()), "paint must be PaintOptions, got FitOptions"),
    ],
)
def test_values_of_another_type_are_refused_at_once(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        make()


def test_names_of_files_may_be_texts_and_numbers_numpys() -> None:
    assert ScanOptions(mask="mask.png").mask == Path("mask.png")
    assert FitOptions(steps=np.int64(7), learning_rate=np.float32(0.5)).steps == 7
