"""Shares out the memory that a run may take (`--max-memory`) among its stages.

Some of it a run needs in any case: for libraries, frames in decoders and in the encoder, a few frames of a
window, a crop that is fitted. What is left is shared out in the proportions of the defaults, first for the
scan; then, when it is known how large the holes are, for the render. How much a stage takes is told by its
own `count_..._bytes` function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from subremover.detect.make_plan import count_scan_frames_bytes
from subremover.errors import UsageError
from subremover.fill.composite import CONTEXT_PX
from subremover.fill.paint.devices import resolve_device
from subremover.fill.paint.pool import count_fit_bytes, count_lists_in_hand
from subremover.geometry import bounding_box
from subremover.options import Options
from subremover.plan.model import Event, Plan
from subremover.render.filled_frames import count_borrow_bytes, count_window_bytes
from subremover.video.encode.encoders import Encoding, count_encoder_bytes
from subremover.video.film import Film
from subremover.video.read.decoders import count_decoder_bytes

BASE_BYTES = 500 << 20
"""Memory that libraries and models take, in bytes. See docs/measurements.md, "memory: base"."""
CUDA_BYTES = 450 << 20
"""Memory that CUDA takes besides, in bytes; a guess. See docs/measurements.md, "memory: base"."""
CANVAS_STEP_PX = 128
"""The sides of a picture that a decoder of seven levels paints are multiples of this; few holes want more
levels."""
LEAST_SHARE = 0.25
"""Least factor of the default memory with which a run is begun: shorter windows are not worth an anchor."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much memory the stages of a run may take; with less of it, other pixels may come out."""

    scan_share: float = 1.0
    """Factor in (0, 1] of the memory that the frames of a scan take by default."""
    render_share: float = 1.0
    """Factor in (0, 1] of the memory that windows and frames to borrow from take by default."""
    fit_bytes: int | None = None
    """Most memory, in bytes, for what is fitted at once on the CPU; None: what its cores can use."""


def limit_scan(film: Film, max_bytes: int | None) -> Limits:
    """The limits of a scan.

    Args:
        film: The source.
        max_bytes: Most memory of the whole run; None: no limit.

    Returns:
        Limits with the scan's share.

    Raises:
        UsageError: The film needs more.
    """
    if max_bytes is None:
        return Limits()
    return Limits(scan_share=_find_share(max_bytes, film, lambda share: count_scan_bytes(film, share)))


def check_render(film: Film, options: Options, encoding: Callable[[], Encoding]) -> None:
    """Fail before the scan where the memory does not suffice for a render, whatever is found.

    Args:
        film: The source.
        options: Of the run.
        encoding: Gives that of the picture; called only where there is a limit.

    Raises:
        UsageError: The film needs more.
    """
    limit = options.max_memory_bytes
    if limit is not None:
        encoder = encoding().encoder
        _find_share(
            limit,
            film,
            lambda share: count_render_bytes(film, options, encoder, ["cpu"], crop=0, share=share),
        )


def limit_render(
    film: Film,
    plan: Plan,
    options: Options,
    limits: Limits,
    encoding: Callable[[], Encoding],
    *,
    devices: Sequence[str] | None = None,
) -> Limits:
    """The limits of a render, once the plan tells how large its holes are.

    Args:
        film: The source.
        plan: Of this film.
        options: Of the run.
        limits: Of the scan.
        encoding: Gives that of the picture; called only where there is a limit.
        devices: Names of torch devices to fit on; None: those here that the options name.

    Returns:
        The scan's limits with those of the render and of the fit.

    Raises:
        DeviceError: The device asked for is absent.
        UsageError: The film needs more, with holes as large as this plan's.
    """
    limit = options.max_memory_bytes
    if limit is None or not plan.removed:
        return limits
    encoder, devices = encoding().encoder, devices or resolve_device(options.pool.device)
    crop = find_largest_crop(film, plan)
    share = _find_share(
        limit, film, lambda share: count_render_bytes(film, options, encoder, devices, crop=crop, share=share)
    )
    if share == 1:
        return limits
    fit_bytes = count_fit_bytes(options.paint, devices, crop, share)
    return replace(limits, render_share=share, fit_bytes=fit_bytes)


def count_scan_bytes(film: Film, share: float) -> int:
    """Memory that a scan takes, in bytes.

    Args:
        film: The source.
        share: Factor in (0, 1] of the memory that its frames take by default.
    """
    return int(BASE_BYTES + count_decoder_bytes(film) + count_scan_frames_bytes(film, share))


def count_render_bytes(
    film: Film,
    options: Options,
    encoder: str,
    devices: Sequence[str],
    *,
    crop: int,
    share: float,
    cores: int | None = None,
) -> int:
    """Memory that a render takes, in bytes.

    Args:
        film: The source.
        options: How wide the decoders are, and whether to borrow.
        encoder: FFmpeg's name of it.
        devices: Names of the torch devices to fit on.
        crop: Pixels of the largest crop, a hole with its surroundings; 0: nothing is fitted.
        share: Factor in (0, 1] of the memory that its parts take by default.
        cores: That it may use; None: all that this process may.
    """
    fixed = BASE_BYTES + CUDA_BYTES * devices[0].startswith("cuda") + 2 * count_decoder_bytes(film, cores)
    fixed += count_encoder_bytes(film, encoder)
    windows = count_window_bytes(film, crop, share, count_lists_in_hand(devices))
    kept = count_borrow_bytes(film, crop, share) if options.borrow.borrow else 0
    return int(fixed + windows + kept + count_fit_bytes(options.paint, devices, crop, share, cores=cores))


def find_largest_crop(film: Film, plan: Plan) -> int:
    """Number of pixels of the largest picture that a decoder will paint, told by the boxes of events.

    Args:
        film: The source.
        plan: Of this film; events that overlap in time and place share a crop.

    Returns:
        The pixels, with the context around holes; 0 where nothing is removed.
    """
    present: list[Event] = []
    largest = 0
    for event in sorted(plan.removed, key=lambda event: event.first):
        present = [*(other for other in present if other.last >= event.first), event]
        boxes = [other.box.grow(CONTEXT_PX, CONTEXT_PX).clip(*film.upright_size) for other in present]
        crop = bounding_box(box for box in boxes if box.intersect(boxes[-1]))
        width, height = (side + -side % CANVAS_STEP_PX for side in (crop.width, crop.height))
        largest = max(largest, width * height)
    return largest


def _find_share(limit: int, film: Film, count: Callable[[float], int]) -> float:
    """The largest share whose bytes, of `count`, are within the limit; a UsageError if there is none."""
    if count(1) <= limit:
        return 1.0
    if (needed := count(LEAST_SHARE)) > limit:
        raise UsageError(
            f"--max-memory {limit >> 20}M does not suffice for '{film.path.name}' "
            f"({film.width}x{film.height} px); it needs {-(-needed >> 20)}M"
        )
    low, high = LEAST_SHARE, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) <= limit else (low, middle)
    return low
