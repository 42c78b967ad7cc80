"""The fake subtitle: what is hidden, and whom it makes trusted."""

import numpy as np
import pytest

from subremover.fill.paint.holdout import (
    BAND_PX,
    LEAST_ERROR,
    PRESUMED_ERROR,
    RING_PX,
    choose_ring,
    measure_agreement,
    trust_tried,
    trust_untried,
)


def draw_unknown() -> np.ndarray:
    unknown = np.zeros((60, 160), np.float32)
    unknown[25:35, 20:140] = 1
    return unknown


def draw_details(count: int, chance: float, pixels: int = 20_000) -> np.ndarray:
    """(count, pixels, 3) float32: what all have in common, and what each has of its own."""
    generator = np.random.default_rng(3)
    common = generator.normal(0, 0.05, (pixels, 3))
    own = generator.normal(0, chance, (count, pixels, 3))
    return (common + own).astype(np.float32)


def test_the_ring_lies_on_known_pixels_around_the_hole() -> None:
    unknown = draw_unknown()
    ring = choose_ring(unknown)
    assert ring is not None
    assert not ring[unknown > 0].any()
    assert ring[25 - RING_PX, BAND_PX * 2]
    assert not ring[24 - RING_PX].any()
    assert not ring[:, BAND_PX : 2 * BAND_PX].any()  # every other band stays


def test_well_borrowed_pixels_serve_for_a_ring_and_doubtful_ones_do_not() -> None:
    unknown = draw_unknown()
    unknown[20:25, 20:140], unknown[35:40, 20:140] = 0.1, 0.4
    ring = choose_ring(unknown)
    assert ring is not None
    assert ring[20:25].any()
    assert not ring[35:40, 20:140].any()


@pytest.mark.parametrize("unknown", [np.ones((40, 80), np.float32), np.zeros((40, 80), np.float32)])
def test_no_trial_where_there_is_nothing_to_hide(unknown: np.ndarray) -> None:
    assert choose_ring(unknown) is None


def test_agreement_tells_detail_from_chance() -> None:
    assert measure_agreement(draw_details(4, 0.0)) == pytest.approx(1)
    assert measure_agreement(draw_details(4, 0.05)) == pytest.approx(0.8, abs=0.05)
    assert measure_agreement(draw_details(4, 1.0)) < 0.1
    assert measure_agreement(np.zeros((4, 10, 3), np.float32)) == 0
    assert measure_agreement(draw_details(1, 1.0)) == 1  # one alone tells nothing


def test_untried_decoders_are_trusted_as_far_as_they_agree() -> None:
    trust = trust_untried(draw_details(2, 0.05))
    assert trust.weights.shape == (2,)
    assert trust.weights.sum() == pytest.approx(2 / 3, abs=0.05)
    assert trust.error == PRESUMED_ERROR


def test_what_restores_the_hidden_pixels_is_trusted() -> None:
    details = draw_details(2, 0.0)
    truth = details[0]
    right = trust_tried(details, details, truth)
    assert right.weights.sum() == pytest.approx(1, abs=0.01)
    assert right.error == LEAST_ERROR
    wrong = trust_tried(details, -details, truth)
    assert wrong.weights.sum() < 0.1
    assert wrong.error > 0.03


def test_the_better_decoder_has_the_greater_weight() -> None:
    details = draw_details(2, 0.0)
    tried = details.copy()
    tried[1] = -tried[1]
    weights = trust_tried(details, tried, details[0]).weights
    assert weights[0] > 2 * weights[1]


def test_a_trial_on_a_plain_wall_says_little() -> None:
    details = draw_details(2, 0.0)
    trust = trust_tried(details, -0.02 * details, 0.02 * details[0])
    assert trust.weights.sum() > 0.9
