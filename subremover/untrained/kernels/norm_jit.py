"""What Triton compiles for `norm`."""

import triton
import triton.language as tl

SIZES = ["mix_stride", "scale_stride", "shift_stride", "programs", "count"]
"""Arguments that Triton does not compile for one by one; see `strip_jit.SIZES`."""


@triton.jit(do_not_specialize=SIZES)
def fold_norm(
    parts,  # (B, programs, 2, K), sums of the pixels and of their squares
    mix,  # (B, J, K)
    scale,  # (B, K)
    shift,  # (B, K)
    statistics,  # (B, 2, K), out: mean and spread
    gained,  # (B, J, K), out: the mix times the norm's gain
    offset,  # (B, J), out: what the norm's offset comes to behind the mix
    mix_stride,
    scale_stride,
    shift_stride,
    programs,
    count,
    EPSILON: tl.constexpr,
    J: tl.constexpr,
    K: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_J: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The norm of `count` pixels as a part of the convolution that follows; a program has BLOCK_J outputs."""
    b = tl.program_id(1).to(tl.int64)
    p = tl.arange(0, BLOCK_P)
    j = tl.program_id(0) * BLOCK_J + tl.arange(0, BLOCK_J)
    k = tl.arange(0, BLOCK_K)
    total = tl.zeros((BLOCK_P, BLOCK_K), tl.float32)
    power = tl.zeros((BLOCK_P, BLOCK_K), tl.float32)
    parts += b * programs * 2 * K
    for first in range(0, programs, BLOCK_P):
        at = (first + p)[:, None] * 2 * K + k[None, :]
        inside = (first + p < programs)[:, None] & (k < K)[None, :]
        total += tl.load(parts + at, mask=inside, other=0.0)
        power += tl.load(parts + at + K, mask=inside, other=0.0)
    mean = tl.sum(total, 0) / count
    spread = tl.sqrt(tl.maximum(tl.sum(power, 0) / count - mean * mean, 0.0) + EPSILON)
    gain = tl.load(scale + b * scale_stride + k, mask=k < K, other=0.0) / spread
    rest = tl.load(shift + b * shift_stride + k, mask=k < K, other=0.0) - mean * gain
    inside = (j < J)[:, None] & (k < K)[None, :]
    at = j[:, None] * K + k[None, :]
    factors = tl.load(mix + b * mix_stride + at, mask=inside, other=0.0)
    tl.store(gained + b * J * K + at, factors * gain[None, :], mask=inside)
    tl.store(offset + b * J + j, tl.sum(factors * rest[None, :], 1), mask=j < J)
    if tl.program_id(0) == 0:
        tl.store(statistics + b * 2 * K + k, mean, mask=k < K)
        tl.store(statistics + b * 2 * K + K + k, spread, mask=k < K)


@triton.jit(do_not_specialize=SIZES)
def unfold_norm(
    products,  # (B, programs, J, K), sums of gradient_j times pixel_k
    totals,  # (B, J, programs), sums of the gradient
    mix,  # (B, J, K)
    scale,  # (B, K)
    shift,  # (B, K)
    statistics,  # (B, 2, K), mean and spread
    grad_mix,  # (B, J, K), out
    grad_scale,  # (B, K), out
    grad_shift,  # (B, K), out
    norm,  # (B, 2, K), out: what a pixel's gradient has besides its own, by the pixel and always
    mix_stride,
    scale_stride,
    shift_stride,
    programs,
    count,
    J: tl.constexpr,
    K: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_J: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The gradients of `fold_norm`'s mix, scale and shift; a program has BLOCK_K channels, and all J."""
    b = tl.program_id(1).to(tl.int64)
    p = tl.arange(0, BLOCK_P)
    j = tl.arange(0, BLOCK_J)
    k = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
    inside = (j < J)[:, None] & (k < K)[None, :]
    at = j[:, None] * K + k[None, :]
    product = tl.zeros((BLOCK_P, BLOCK_J, BLOCK_K), tl.float32)
    total = tl.zeros((BLOCK_P, BLOCK_J), tl.float32)
    products += b * programs * J * K
    totals += b * programs * J
    for first in range(0, programs, BLOCK_P):
        part = first + p
        mask = (part < programs)[:, None, None] & inside[None, :, :]
        product += tl.load(products + part[:, None, None] * J * K + at[None, :, :], mask=mask, other=0.0)
        mask = (part < programs)[:, None] & (j < J)[None, :]
        total += tl.load(totals + part[:, None] + j[None, :] * programs, mask=mask, other=0.0)
    whole = tl.sum(total, 0)[:, None]
    mean = tl.load(statistics + b * 2 * K + k, mask=k < K, other=0.0)
    spread = tl.load(statistics + b * 2 * K + K + k, mask=k < K, other=1.0)
    factors = tl.load(mix + b * mix_stride + at, mask=inside, other=0.0)
    factor = tl.load(scale + b * scale_stride + k, mask=k < K, other=0.0)
    addend = tl.load(shift + b * shift_stride + k, mask=k < K, other=0.0)
    # correlation[j, k] = sum over pixels of gradient_j * normalised value_k
    correlation = (tl.sum(product, 0) - whole * mean[None, :]) / spread[None, :]
    by_scale = tl.sum(factors * correlation, 0)
    by_shift = tl.sum(factors * whole, 0)
    tl.store(grad_mix + b * J * K + at, correlation * factor[None, :] + whole * addend[None, :], mask=inside)
    tl.store(grad_scale + b * K + k, by_scale, mask=k < K)
    tl.store(grad_shift + b * K + k, by_shift, mask=k < K)
    # d pixels = gain * mix^T gradient, less its mean and its part along the normalised values
    gain = factor / spread
    slope = -gain * by_scale / (count * spread)
    tl.store(norm + b * 2 * K + k, slope, mask=k < K)
    tl.store(norm + b * 2 * K + K + k, -gain * by_shift / count - slope * mean, mask=k < K)
