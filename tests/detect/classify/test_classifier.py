"""What is told of lines whose traits are known. How well films are judged, the training script measures."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_lines import CUT_TO_CUT, FILM, FILMED, SUBTITLES, YELLOW, make_line

from subremover.detect.classify.classifier import REASONS, classify
from subremover.detect.classify.features import GROUPS, measure_features
from subremover.detect.classify.model import Curve, Model

SIGNS = [
    make_line((150 + 90 * n, 120 + 30 * n), span=(0, 60), life=CUT_TO_CUT, traits=FILMED) for n in range(3)
]


def _verdicts(lines, least=0.5, **options):
    return classify(lines, FILM, least, **{"has_region": False, **options})


def test_subtitles_are_told_from_signs():
    verdicts = _verdicts([*SUBTITLES, *SIGNS])
    assert [v.kind for v in verdicts] == ["subtitle"] * 6 + ["scene"] * 3
    assert all(v.probability > 0.9 for v in verdicts[:6])
    assert all(v.probability < 0.2 for v in verdicts[6:])


def test_the_film_s_own_subtitles_tell_what_is_one():
    """Always at the same place, away from where films mostly have them, one of them from cut to cut."""
    aside = [replace(make_line((200, 180), span=(100 * n, 100 * n + 50)), text="") for n in range(6)]
    doubtful = make_line((200, 180), span=(700, 760), life=CUT_TO_CUT, text="", confidence=0.3)
    alone, together = _verdicts([doubtful])[0], _verdicts([*aside, doubtful])[-1]
    assert together.probability > alone.probability + 0.02


def test_halves_of_a_row_share_their_fate():
    left, right = make_line((220, 320), (100, 24)), make_line((420, 320), (100, 24))
    right = replace(right, traits=replace(right.traits, sharpness=-0.2), text="", confidence=0.2)
    one, other = _verdicts([left, right])
    assert one.probability == other.probability
    assert one.kind == other.kind == "subtitle"


def test_what_stays_and_is_no_subtitle_is_a_logo():
    life = replace(CUT_TO_CUT, cuts=3)
    corner = make_line((590, 24), (60, 14), (0, 2399), life=life, text="")
    (verdict,) = _verdicts([corner], least=0.999)
    assert verdict.kind == "logo"
    (verdict,) = _verdicts(
        [replace(corner, first=0, last=99, opacities=np.ones(100, np.float32))], least=0.999
    )
    assert verdict.kind == "scene"


def test_the_threshold_moves_the_verdict_and_not_the_probability():
    line = make_line((320, 320), colour=YELLOW)
    (low,), (high,) = _verdicts([line], 0.0), _verdicts([line], 1.0)
    assert (low.kind, high.kind) == ("subtitle", "scene")
    assert low.probability == high.probability


def test_a_region_says_where_subtitles_stand():
    line = make_line((150, 100), (60, 24), life=CUT_TO_CUT)
    (without,), (within,) = _verdicts([line]), _verdicts([line], has_region=True)
    assert within.probability > without.probability


def test_reasons_are_the_strongest_and_on_the_verdict_s_side():
    for verdict in _verdicts([*SUBTITLES, *SIGNS]):
        side = 0 if verdict.probability > 0.5 else 1
        assert 1 <= len(verdict.reasons) <= 3
        assert set(verdict.reasons) <= {said[side] for said in REASONS.values()}


def test_no_lines_no_verdicts():
    assert _verdicts([]) == []


def test_every_feature_has_a_curve_and_a_group():
    grouped = sorted(name for names in GROUPS.values() for name in names)
    assert grouped == sorted(measure_features(SUBTITLES, FILM)) == sorted(Model.load().curves)
    assert GROUPS.keys() <= REASONS.keys()


def test_a_curve_goes_no_farther_than_what_was_seen():
    model = Model(0.0, {"width": Curve(np.array([0.1, 0.5]), np.array([-1.0, 1.0]))})
    assert model.odds({"width": np.array([0.0, 0.1, 0.3, 9.0])})["width"] == pytest.approx([-1, -1, 0, 1])


@pytest.mark.parametrize("size", [(1, 6), (640, 360)])
def test_a_line_of_any_size_is_measured(size):
    features = measure_features([make_line((320, 180), size, (0, 0))], FILM)
    assert all(np.isfinite(values).all() for values in features.values())
