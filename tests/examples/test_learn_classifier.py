"""The fit tells made-up subtitles from made-up signs, keeps to its bounds, and can be read back."""

from dataclasses import replace

import numpy as np
from drawn_lines import CUT_TO_CUT, DRAWN, FILM, FILMED, make_line
from learn_classifier import FALLING, RISING, Case, fit, folds_of, save

from subremover.detect.classify.classifier import classify
from subremover.detect.classify.features import GROUPS
from subremover.detect.classify.model import Curve, Model


def make_case(number: int) -> Case:
    rng = np.random.default_rng(number)
    lines = []
    for k in range(8):
        noise = dict(zip(("sharpness", "unrest", "stillness"), rng.normal(0, 0.3, 3).tolist(), strict=True))
        traits = DRAWN if k % 2 else FILMED
        traits = replace(traits, **{name: getattr(traits, name) + off for name, off in noise.items()})
        place = (320, 320) if k % 2 else (int(rng.integers(60, 580)), int(rng.integers(40, 250)))
        changes = {} if k % 2 else {"life": CUT_TO_CUT, "text": ""}
        lines.append(make_line(place, span=(100 * k, 100 * k + 48), traits=traits, **changes))
    return Case(f"case{number}", f"clip{number}_a", FILM, lines, np.array([k % 2 for k in range(8)], float))


def test_a_fit_tells_both_kinds_and_keeps_to_its_bounds(tmp_path):
    model = fit([make_case(number) for number in range(12)])
    other = make_case(99)
    verdicts = classify(other.lines, other.film, 0.5, has_region=False, model=model)
    assert [v.probability >= 0.5 for v in verdicts] == other.labels.tolist()
    for name, curve in model.curves.items():
        steps = np.diff(curve.odds)
        assert name not in RISING or (steps >= -1e-9).all()
        assert name not in FALLING or (steps <= 1e-9).all()
    save(tmp_path / "model.json", model)
    text = (tmp_path / "model.json").read_text()
    assert all(f'"{name}"' in text for names in GROUPS.values() for name in names)


def test_the_cases_of_one_source_are_in_one_part():
    cases = [replace(make_case(0), clip=clip) for clip in ("a_1", "a_2", "b", "c", "a_3", "d")]
    folds = folds_of(cases, 3)
    assert len({int(folds[i]) for i in (0, 1, 4)}) == 1
    assert set(folds.tolist()) == {0, 1, 2}


def test_the_saved_model_says_what_the_fit_said(tmp_path):
    model = Model(0.5, {"width": Curve(np.array([0.0, 1.0]), np.array([-1.0, 1.0]))})
    save(tmp_path / "model.json", model)
    text = '{"bias": 0.5000, "curves": {\n  "width": [[0.0, -1.0], [1.0, 1.0]]\n}}\n'
    assert (tmp_path / "model.json").read_text() == text
