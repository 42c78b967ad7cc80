"""What Triton compiles for `level`."""

import triton
import triton.language as tl

from subremover.untrained.kernels.strip_jit import (
    SIZES,
    activate,
    interpolate,
    load_columns,
    pull_back,
    strip,
)


@triton.jit(do_not_specialize=SIZES)
def upsample(
    values,  # (B, h w, K)
    bias,  # (B, K), added to each pixel; None: there is none
    pixels,  # (B, 4 h w, K), out: the up-sampled, activated values; None: they are not wanted
    parts,  # (B, programs, 2, K), out: sums of those and of their squares
    h,
    w,
    rows,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Up-sampling and activation, and what the norm needs: each channel's sums, one part a program."""
    b, first, x = strip(w, rows, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    if bias is not None:  # here and not in a function: Triton before 3.8 lets none return None
        bias = tl.load(bias + b * K + k, mask=k < K, other=0.0)[None, :]
    if pixels is not None:
        pixels += b * 4 * h * w * K
    inside = (x < w)[:, None]
    total = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    power = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    up_even, up_odd = load_columns(values, bias, first - 1, x, k, h, w, K)
    even, odd = load_columns(values, bias, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + rows, h)):
        down_even, down_odd = load_columns(values, bias, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = activate(fine, ACTIVATION)
            if pixels is not None:
                at = (2 * y + phase // 2) * 2 * w + 2 * x + phase % 2
                tl.store(pixels + at[:, None] * K + k[None, :], active, mask=inside & (k < K)[None, :])
            total += active
            power += active * active
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd
    parts += (b * tl.num_programs(0) + tl.program_id(0)) * 2 * K + k
    tl.store(parts, tl.sum(tl.where(inside, total, 0.0), 0), mask=k < K)
    tl.store(parts + K, tl.sum(tl.where(inside, power, 0.0), 0), mask=k < K)


@triton.jit(do_not_specialize=SIZES)
def gather_level(
    pixels,  # (B, 4 h w, K)
    gradient,  # (B, 4 h w, K), of the normalised values, times the norm's gain
    norm,  # (B, 2, K), the norm's slope and offset
    grad_values,  # (B, h w, K), out
    parts,  # (B, programs, K), out: sums of that; None: they are not wanted
    h,
    w,
    rows,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Each low-resolution pixel gathers from the 4x4 fine pixels that were made of it.

    Those beyond the border are taken as the nearest within: it was made of the border's pixel twice.
    """
    b, first, x = strip(w, rows, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    pixels += b * 4 * h * w * K
    gradient += b * 4 * h * w * K
    grad_values += b * h * w * K
    norm += b * 2 * K + k
    slope = tl.load(norm, mask=k < K, other=0.0)[None, :]
    offset = tl.load(norm + K, mask=k < K, other=0.0)[None, :]
    inside = (x < w)[:, None] & (k < K)[None, :]
    from_above = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    total = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    for y in range(first - 1, tl.minimum(first + rows, h)):
        # Between lines y and y + 1 lie the fine lines 2y + 1 and 2y + 2; either gets its part of both.
        to_line = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        to_next = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        for j in tl.static_range(2):
            fine_y = tl.minimum(tl.maximum(2 * y + 1 + j, 0), 2 * h - 1)
            sideways = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
            for i in tl.static_range(4):  # fine columns 2x - 1 to 2x + 2
                fine_x = tl.minimum(tl.maximum(2 * x - 1 + i, 0), 2 * w - 1)
                at = (fine_y * 2 * w + fine_x)[:, None] * K + k[None, :]
                active = tl.load(pixels + at, mask=inside, other=0.0)
                change = tl.load(gradient + at, mask=inside, other=0.0) + offset + slope * active
                sideways += (0.25 + 0.5 * (i % 3 > 0)) * pull_back(change, active, ACTIVATION)
            to_line += (0.75 - 0.5 * j) * sideways
            to_next += (0.25 + 0.5 * j) * sideways
        if y >= first:
            result = from_above + to_line
            tl.store(grad_values + (y * w + x)[:, None] * K + k[None, :], result, mask=inside)
            total += result
        from_above = to_next
    if parts is not None:
        parts += (b * tl.num_programs(0) + tl.program_id(0)) * K + k
        tl.store(parts, tl.sum(tl.where(inside, total, 0.0), 0), mask=k < K)
