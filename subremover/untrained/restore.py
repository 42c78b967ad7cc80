"""Restores images by untrained networks: holes, noise, and what a forward model did to them.

    pictures = restore(noisy, FitOptions(steps=3000, loss="mse", channels=128, levels=4)).pictures
    pictures = restore(damaged, known=known).pictures  # holes are painted
    pictures = restore(blurred, forward=blur).pictures

Here a whole image is one row. The holes of films are painted by the same steps (`batched_adam`), but their
batches are made in fill/paint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from subremover.errors import DeviceError, UsageError
from subremover.options import FitOptions
from subremover.runtime.device_errors import is_out_of_memory
from subremover.untrained.batched_adam import BatchedAdam, ForwardModel, ItemSettings
from subremover.untrained.deep_decoder import DeepDecoder, choose_levels, cover
from subremover.untrained.device_memory import choose_batch_size
from subremover.untrained.network import Network, Weights

Watch = Callable[[int, range, Tensor, Tensor], None]
"""Called after every step: how many were taken, of which images, their pictures (n, C, h, w) of this step,
and their losses (n,). The next step overwrites both."""


@dataclass(frozen=True, slots=True, eq=False)
class Restored:
    """What became of some images."""

    pictures: Tensor
    """(B, C, h, w) float32 in [0, 1], means over the last quarter of the steps; painted, known pixels too."""
    weights: Weights
    """Of the B networks, after the last step."""


def restore(
    images: Tensor,
    options: FitOptions | Sequence[FitOptions] | None = None,
    *,
    known: Tensor | None = None,
    forward: ForwardModel | None = None,
    size: tuple[int, int] | None = None,
    network: Network[Any] | None = None,
    seeds: Sequence[int] | None = None,
    device: torch.device | str | None = None,
    watch: Watch | None = None,
) -> Restored:
    """Fit one network to each image, so that its picture explains the image.

    Images are fitted side by side, as many at once as the device holds. They never interact: beyond rounding,
    none depends on what else is restored along with it. Gradients are worked out even where the caller has
    switched them off.

    Args:
        images: (B, C, h, w) float32 in [0, 1]; anything finite where nothing is known.
        options: How to fit: steps, loss, learning rate, input noise, and the decoder's shape. B of them may
            differ in steps, learning rate and input noise.
        known: (B, 1, h, w) or (1, 1, h, w) weight of each pixel in the loss, 0 in holes; None: all is known.
        forward: How the picture was changed before it was seen; None: not at all.
        size: Height and width of the picture, where the forward model changes them; None: the image's.
        network: What paints the picture; None: a deep decoder as the options have it, `levels` None by the
            deepest hole. Its picture may be larger than `size`, what lies beyond is cut off.
        seeds: B, of weights and inputs; None: 0, 1, 2, ...
        device: Where to fit; None: where the images are.
        watch: Called after every step; whatever it raises ends the fit.

    Returns:
        The pictures, on the images' device, and the weights that paint them.

    Raises:
        UsageError: The options do not fit the images or each other.
        DeviceError: The device's memory does not suffice for a single image.
    """
    each = [options or FitOptions()] * len(images) if not isinstance(options, Sequence) else list(options)
    known = torch.ones_like(images[:1, :1]) if known is None else known
    seeds = range(len(images)) if seeds is None else seeds
    _check(images, known, each, seeds)
    size = size or (images.shape[2], images.shape[3])
    if network is None:
        network = _choose_network(each[0], images, known, size)
    there = images.device if device is None else torch.device(device)
    known = known.expand(len(images), -1, -1, -1)
    fit = _Fit(images, known, each, seeds, network, size, there, forward, watch)
    most = choose_batch_size(there, network.count_bytes(), size[0] * size[1])
    parts: list[Restored] = []
    start = 0
    while start < len(images):
        rows = range(start, min(start + most, len(images)))
        try:
            with torch.inference_mode(False), torch.enable_grad():
                parts.append(fit.restore(rows))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise DeviceError(
                    f"{there} ran out of memory for one image of {images.shape[3]}x{images.shape[2]} px; "
                    f"try less than {each[0].channels} channels, or the CPU"
                ) from error
            most = len(rows) // 2
        else:
            start = rows.stop
    weights = type(parts[0].weights).concatenate([part.weights for part in parts])
    return Restored(torch.cat([part.pictures for part in parts]), weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What `restore` was asked for, all defaults chosen."""

    images: Tensor
    known: Tensor
    options: Sequence[FitOptions]
    seeds: Sequence[int]
    network: Network[Any]
    size: tuple[int, int]
    device: torch.device
    forward: ForwardModel | None
    watch: Watch | None

    def restore(self, rows: range) -> Restored:
        """Restore these images, all at once."""
        own = slice(rows.start, rows.stop)
        weight = self.known[own].to(self.device)
        targets = self.images[own].to(self.device) * (weight > 0)
        starts = self.network.start(targets, weight, self.seeds[own])
        B, C, h, w = targets.shape
        with torch.no_grad():
            seen = self._see(self.network.paint(starts, starts.code))
        if seen.shape != targets.shape:
            raise UsageError(
                f"the network's pictures come out as {tuple(seen.shape[1:])}, the images are {(C, h, w)}; "
                "give a larger network, or the size that the forward model takes"
            )
        adam = BatchedAdam(
            self.network,
            starts,
            (B, C, h, w),
            loss=self.options[0].loss,
            forward=self._see,
            keeps_last=self.watch is not None,
        )
        settings = [
            ItemSettings(seed, options.steps, options.learning_rate, options.input_noise)
            for seed, options in zip(self.seeds[own], self.options[own], strict=True)
        ]
        adam.put(range(B), targets, weight, starts, settings)
        for step in range(1, max(own.steps for own in settings) + 1):
            adam.step()
            if self.watch is not None:
                pictures, losses = adam.latest()
                self.watch(step, rows, self._cut(pictures), losses)
        pictures, weights = adam.take(range(B))
        back = self.images.device
        return Restored(self._cut(pictures).to(back), weights.map(lambda tensor: tensor.to(back)))

    def _cut(self, pictures: Tensor) -> Tensor:
        """The pictures cut to the size asked for: a network may paint more."""
        return pictures[:, :, : self.size[0], : self.size[1]]

    def _see(self, pictures: Tensor) -> Tensor:
        """What would be seen of the pictures: cut to size, then changed by the forward model."""
        pictures = self._cut(pictures)
        return pictures if self.forward is None else self.forward(pictures)


def _choose_network(options: FitOptions, images: Tensor, known: Tensor, size: tuple[int, int]) -> DeepDecoder:
    """The deep decoder that the options ask for, as deep as the deepest hole needs unless they say."""
    hole = (known == 0).any(0)[0].cpu().numpy()
    levels = options.levels or choose_levels(hole, size)
    if 2**levels > min(size):
        raise UsageError(
            f"{levels} levels paint pictures of at least {2**levels} px a side, not of {size[1]}x{size[0]}"
        )
    return DeepDecoder.of(options, cover(size, levels), levels, images.shape[1])


def _check(images: Tensor, known: Tensor, options: Sequence[FitOptions], seeds: Sequence[int]) -> None:
    """Raise a UsageError where shapes, numbers or options do not fit together."""
    if images.dim() != 4 or not len(images) or images.dtype != torch.float32:
        raise UsageError(f"images must be (B, C, h, w) float32, got {tuple(images.shape)} {images.dtype}")
    if known.shape[1:] != (1, *images.shape[2:]) or len(known) not in {1, len(images)}:
        raise UsageError(
            f"known must be (B, 1, h, w) of the images' {tuple(images.shape)}, got {tuple(known.shape)}"
        )
    if len(options) != len(images) or len(seeds) != len(images):
        raise UsageError(
            f"{len(images)} images want as many seeds and options, got {len(seeds)} and {len(options)}"
        )
    shapes = {(o.channels, o.levels, o.activation, o.loss, o.input) for o in options}
    if len(shapes) > 1:
        raise UsageError("options of images restored together may differ in steps, rate and noise only")
