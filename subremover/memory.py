"""Who gets how much of the memory that a run may take (`--max-memory`).

Some of it a run needs whatever it is told: libraries, frames in decoders and in the encoder, a few frames
of a window, a crop that is fitted. What is left is shared out in the proportions of the defaults, first for
the scan, then, when it is known how large the holes are, for the render. What each stage takes it says
itself: see the `count_..._bytes` functions of the stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from subremover.detect.make_plan import count_scan_frames_bytes
from subremover.errors import UsageError
from subremover.fill.composite import CONTEXT_PX
from subremover.fill.paint.devices import resolve_device
from subremover.fill.paint.pool import count_fit_bytes, count_lists_in_hand, count_processes
from subremover.geometry import bounding_box
from subremover.options import Options
from subremover.plan.model import Event, Plan
from subremover.render.filled_frames import count_borrow_bytes, count_window_bytes
from subremover.video.encode.encoders import Encoding, count_encoder_bytes
from subremover.video.film import Film
from subremover.video.read.decoders import count_decoder_bytes

BASE_BYTES = 500 << 20
"""What libraries and models take. See docs/measurements.md, "memory: base"."""
WORKER_BYTES = 450 << 20
"""The same for a process that fits."""
CANVAS_STEP_PX = 128
"""Sides of what a decoder of seven levels paints are multiples of this; few holes want more."""
LEAST_SHARE = 0.25
"""Of what a part keeps by default: shorter windows are not worth an anchor."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What of their memory the stages of a run may take; less of it may change what comes out."""

    scan_share: float = 1.0
    """Of what the frames of a scan take by default, in (0, 1]."""
    render_share: float = 1.0
    """Of what windows and the frames to borrow from take by default, in (0, 1]."""
    fit_bytes: int | None = None
    """Most memory for what a CPU fits at once, in each worker; None: as much as its cores take."""


def limit_scan(film: Film, max_bytes: int | None) -> Limits:
    """The limits of a scan.

    Args:
        film: The source.
        max_bytes: Of the whole run; None: no limit.

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
        encoding: Of its picture, asked for only where there is a limit.

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
    film: Film, plan: Plan, options: Options, limits: Limits, encoding: Callable[[], Encoding]
) -> Limits:
    """The limits with those of borrowing and of the fit.

    Args:
        film: The source.
        plan: Of this film.
        options: Of the run.
        limits: Of the scan.
        encoding: Of the picture, asked for only where there is a limit.

    Raises:
        UsageError: The film needs more, with holes as large as this plan's.
    """
    limit = options.max_memory_bytes
    if limit is None or not plan.removed:
        return limits
    encoder, devices = encoding().encoder, resolve_device(options.pool.device)
    crop = find_largest_crop(film, plan)
    share = _find_share(
        limit, film, lambda share: count_render_bytes(film, options, encoder, devices, crop=crop, share=share)
    )
    if share == 1:
        return limits
    workers = options.pool.workers
    fit_bytes = count_fit_bytes(options.paint, devices, workers, crop, share) // workers
    return replace(limits, render_share=share, fit_bytes=fit_bytes)


def count_scan_bytes(film: Film, share: float) -> int:
    """What a scan takes that keeps this share of what it does by default."""
    return int(BASE_BYTES + count_decoder_bytes(film) + count_scan_frames_bytes(film, share))


def count_render_bytes(
    film: Film, options: Options, encoder: str, devices: Sequence[str], *, crop: int, share: float
) -> int:
    """What a render takes whose parts keep this share of what they do by default.

    Args:
        film: The source.
        options: How many workers, and whether to borrow.
        encoder: By FFmpeg's name.
        devices: Of torch, to fit on.
        crop: Pixels of the largest hole with its surroundings.
        share: In (0, 1].
    """
    workers = options.pool.workers
    fixed = BASE_BYTES + count_processes(devices, workers) * WORKER_BYTES + 2 * count_decoder_bytes(film)
    fixed += count_encoder_bytes(film, encoder)
    windows = count_window_bytes(film, crop, share, count_lists_in_hand(devices, workers))
    kept = count_borrow_bytes(film, crop, share) if options.borrow.borrow else 0
    return int(fixed + windows + kept + count_fit_bytes(options.paint, devices, workers, crop, share))


def find_largest_crop(film: Film, plan: Plan) -> int:
    """Pixels that the largest hole is fitted in, as far as the boxes of events that meet tell."""
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
    """The largest share with which the memory suffices."""
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
