"""Images to study, and how far one is from another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
import skimage.data
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

PHOTOGRAPHS: dict[str, Callable[[], np.ndarray]] = {
    "astronaut": skimage.data.astronaut,  # public domain, NASA
    "coffee": skimage.data.coffee,  # CC0, Rachel Michetti
    "chelsea": skimage.data.chelsea,  # CC0, Stefan van der Walt
    "rocket": skimage.data.rocket,  # public domain, SpaceX
}
"""Those inside scikit-image's wheel that are in colour and free; nothing is fetched."""


def draw_photograph(name: str, side: int) -> np.ndarray:
    """(side, side, 3) float32 in [0, 1]: the middle of one, scaled."""
    picture = PHOTOGRAPHS[name]()
    height, width = picture.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = picture[top : top + edge, left : left + edge]
    scaled = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    return np.float32(scaled) / np.float32(255)


def read_image(path: Path) -> np.ndarray:
    """(h, w, 3) float32 RGB in [0, 1].

    Raises:
        click.BadParameter: It cannot be read.
    """
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise click.BadParameter(f"'{path}' is no image that can be read")
    return np.float32(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)) / np.float32(255)


def to_tensor(*pictures: np.ndarray) -> Tensor:
    """(h, w, C) or (h, w) each -> (B, C, h, w) float32."""
    planes = [picture.reshape(*picture.shape[:2], -1).transpose(2, 0, 1) for picture in pictures]
    return torch.from_numpy(np.stack(planes).astype(np.float32))


def to_picture(tensor: Tensor) -> np.ndarray:
    """(C, h, w) -> (h, w, C), a copy: what a fit is watched by is overwritten in its next step."""
    return tensor.detach().permute(1, 2, 0).cpu().numpy().copy()


def psnr(found: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """dB, of values in [0, 1]; over all of the picture, or over the pixels of a mask (h, w) bool."""
    if where is not None:
        found, truth = found[where], truth[where]
    return float(peak_signal_noise_ratio(truth, found, data_range=1))


def ssim(found: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """With the Gaussian window of Wang et al. 2004; the mean of all, or of a mask's pixels."""
    mean, values = structural_similarity(
        truth,
        found,
        data_range=1,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(mean if where is None else values[where].mean())
