import cv2
import numpy as np
import pytest

from subremover.motion.normalised_convolution import SIGMAS_PX, NormalisedConvolution, mean_around

SIZE = (60, 150)


def _levels(seed=1):
    noise = np.random.default_rng(seed).uniform(0, 100, SIZE).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 3) * 4


def _known():
    known = np.ones(SIZE, bool)
    known[20:40, 20:130] = False
    return known


@pytest.mark.parametrize("px", [1, 2, 4])
@pytest.mark.parametrize("sigma_px", SIGMAS_PX)
def test_a_pyramid_tells_the_gaussian_mean_of_what_is_known(px, sigma_px):
    values, known = _levels(), _known().astype(np.float32)
    mean = NormalisedConvolution(known, px).mean(values * known, [sigma_px])
    total, weight = (cv2.GaussianBlur(level, (0, 0), sigma_px / px) for level in (values * known, known))
    truth = total / np.maximum(weight, 0.1)
    assert np.abs(mean - truth)[weight > 0.5].mean() < 0.08 * values.std()


def test_colours_are_apart():
    known = _known().astype(np.float32)
    planes = [_levels(seed) * known for seed in range(3)]
    around = NormalisedConvolution(known, 2)
    mean = around.mean(cv2.merge(planes), (12.0, 28.0))
    for colour, plane in enumerate(planes):
        assert np.allclose(mean[..., colour], around.mean(plane, (12.0, 28.0)), rtol=1e-4)


def test_where_nothing_is_known_nearby_what_is_further_off_counts():
    known = np.zeros(SIZE, bool)
    known[:, :10] = True
    mean = mean_around(np.where(known, np.float32(7), np.float32(1e6)), known)
    assert np.allclose(mean, 7, rtol=1e-3)


def test_near_values_count_more_than_far_ones():
    values = np.zeros(SIZE, np.float32)
    values[:, 100:] = 90
    mean = mean_around(values, np.ones(SIZE, bool))
    assert mean[30, 5] < 5
    assert mean[30, 145] > 80
    assert 30 < mean[30, 100] < 60


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 5), (33, 200)])
def test_odd_sizes_pass(size):
    assert np.allclose(mean_around(np.full(size, 5, np.float32), np.ones(size, bool)), 5, rtol=1e-2)
    assert (mean_around(np.full(size, 5, np.float32), np.zeros(size, bool)) == 0).all()
