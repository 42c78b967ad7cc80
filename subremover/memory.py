"""Who gets how much of the memory that a run may take (`--max-memory`).

Some of it a run needs whatever it is told: libraries, frames in decoders and in the encoder, a few frames
of a window, a crop that is fitted. What is left is shared out in the proportions of the defaults, first for
the scan, then, when it is known how large the holes are, for the render.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from subremover.detect.scan import BUFFER_BYTES, PREFETCH_BYTES, PREFETCH_FRAMES
from subremover.errors import UsageError
from subremover.fill.borrow import VIEW_BYTES, VIEWS_BYTES
from subremover.fill.composite import CONTEXT_PX
from subremover.fill.paint.jobs import CPU_BATCH_PX, count_row_bytes
from subremover.fill.paint.pool import CUDA_LISTS, resolve_device
from subremover.geometry import bounding_box
from subremover.options import Options
from subremover.plan.model import Event, Plan
from subremover.render.footage import (
    CROP_BYTES,
    FOOTAGE_BYTES,
    LEAST_FRAMES,
    MASK_BYTES,
    STRETCH_FRAMES,
    WINDOW_SOURCES,
    frame_bytes,
)
from subremover.render.windows import count_window_frames
from subremover.runtime.cpu import count_cores
from subremover.video.encode.encoders import choose_encoding
from subremover.video.film import Film

BASE_BYTES = 500 << 20
"""Libraries and models: a whole run on a film of 320x180 took 487 MiB."""
WORKER_BYTES = 450 << 20
"""The same for a process that fits; what CUDA takes in it was not measured."""
DECODER_FRAMES = 12
"""That a decoder holds, besides one for each of its threads."""
ENCODER_FRAMES = {"libx264": 130, "libx265": 190, "libsvtav1": 310, "libvpx-vp9": 140}
"""What encoders hold of 960x544 or 1920x1080 by default, in decoded frames: they look ahead."""
OTHER_ENCODER_FRAMES = 40
JOB_BYTES, BORROW_BYTES, CROP_PIXEL_BYTES = 21, 60, 12
"""Of a pixel of a hole's crop: in each window in hand, in the one that is being made, and in a source's."""
WINDOWS_AHEAD = 2
"""In hand besides those that are fitted: one made, one in the making."""
CANVAS_STEP_PX = 128
"""Sides of what a decoder of seven levels paints are multiples of this; few holes want more."""
LEAST_SHARE = 0.25
"""Of what a part keeps by default: shorter windows are not worth an anchor."""


def limit_scan(film: Film, options: Options) -> Options:
    """The options with the scan's share of the memory that a run may take.

    Raises:
        UsageError: The film needs more.
    """
    if options.max_memory_bytes is None:
        return options
    share = _find_share(options, film, lambda share: count_scan_bytes(film, share))
    return replace(options, scan=replace(options.scan, memory_share=share))


def check_render(film: Film, options: Options) -> None:
    """Fail before the scan where the memory does not suffice for a render, whatever is found.

    Raises:
        UsageError: The film needs more.
    """
    if options.max_memory_bytes is not None:
        _find_share(options, film, lambda share: count_render_bytes(film, options, ["cpu"], 0, share))


def limit_render(film: Film, plan: Plan, options: Options) -> Options:
    """The options with the shares of borrowing and of the fit.

    Raises:
        UsageError: The film needs more, with holes as large as this plan's.
    """
    if options.max_memory_bytes is None or not plan.removed:
        return options
    crop, devices = find_largest_crop(film, plan), resolve_device(options.pool.device)
    share = _find_share(options, film, lambda share: count_render_bytes(film, options, devices, crop, share))
    if share == 1:
        return options
    fit_bytes = _count_fit_bytes(options, devices, crop, share) // options.pool.workers
    return replace(
        options,
        borrow=replace(options.borrow, memory_share=share),
        pool=replace(options.pool, max_bytes=fit_bytes),
    )


def count_scan_bytes(film: Film, share: float) -> int:
    """What a scan takes that keeps this share of what it does by default."""
    frame = frame_bytes(film)
    depth = frame / (1.5 * film.width * film.height)  # both limits count 1.5 bytes a pixel, whatever it takes
    ahead = min(share * depth * PREFETCH_BYTES, PREFETCH_FRAMES * frame)
    behind = min(share * depth * BUFFER_BYTES, (8 + float(film.frame_rate)) * frame)
    return int(BASE_BYTES + _count_decoder_bytes(film) + ahead + behind)


def count_render_bytes(film: Film, options: Options, devices: Sequence[str], crop: int, share: float) -> int:
    """What a render takes whose parts keep this share of what they do by default.

    Args:
        film: The source.
        options: How many workers, and with what to encode.
        devices: Of torch, to fit on.
        crop: Pixels of the largest hole with its surroundings.
        share: In (0, 1].
    """
    frame = frame_bytes(film)
    places = len(devices) * options.pool.workers
    processes = places if devices[0].startswith("cuda") or places > 1 else 0
    encoder = choose_encoding(film, options.encode).encoder
    fixed = BASE_BYTES + processes * WORKER_BYTES + 2 * _count_decoder_bytes(film)
    fixed += ENCODER_FRAMES.get(encoder, OTHER_ENCODER_FRAMES) * frame
    lists = CUDA_LISTS if devices[0].startswith("cuda") else 1
    in_hand = WINDOWS_AHEAD + (places + 1) * lists
    windows = count_window_frames(film, share) * (in_hand * (frame + JOB_BYTES * crop) + BORROW_BYTES * crop)
    kept = _count_kept_bytes(film, crop, share) if options.borrow.borrow else 0
    return int(fixed + windows + kept + _count_fit_bytes(options, devices, crop, share))


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


def _count_kept_bytes(film: Film, crop: int, share: float) -> float:
    """Frames to borrow from, their crops and views, two sets of masks; at most what there is of them."""
    frame, sources = frame_bytes(film), 2 * WINDOW_SOURCES
    footage = max(LEAST_FRAMES * frame, min(share * FOOTAGE_BYTES, 2 * STRETCH_FRAMES * frame))
    crops = min(share * CROP_BYTES, sources * CROP_PIXEL_BYTES * crop)
    views = min(share * VIEWS_BYTES, sources * VIEW_BYTES * crop)
    masks = min(share * MASK_BYTES, sources * film.width * film.height)
    return footage + crops + views + 2 * masks


def _count_decoder_bytes(film: Film) -> int:
    return (DECODER_FRAMES + count_cores()) * frame_bytes(film)


def _count_fit_bytes(options: Options, devices: Sequence[str], crop: int, share: float) -> int:
    """On the CPU: at least one decoder of the largest crop in each worker, by default one batch a core."""
    if devices[0].startswith("cuda") or not crop:
        return 0
    channels = options.fit.channels
    one, batch = (count_row_bytes(channels, 1, pixels) for pixels in (crop, max(crop, CPU_BATCH_PX)))
    return max(one * options.pool.workers, int(share * batch * max(count_cores(), options.pool.workers)))


def _find_share(options: Options, film: Film, count: Callable[[float], int]) -> float:
    """The largest share with which the memory suffices."""
    limit = options.max_memory_bytes or 0
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
