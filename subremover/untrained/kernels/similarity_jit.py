"""What Triton compiles for `similarity`."""

import triton
import triton.language as tl

SIZES = ["h", "w", "windows_h", "windows_w", "scales", "rows", "programs"]
"""Arguments that Triton does not compile for one by one: crops have many sizes, each compilation takes
seconds, and none of them would gain by it."""
VIEWS = ["parts", "factors"]
"""Likewise, as their alignment varies."""


@triton.jit
def _strip(w, ROWS: tl.constexpr, BLOCK_X: tl.constexpr):
    """This program's channel, counted over the batch, its first line and its (BLOCK_X,) columns."""
    across = tl.cdiv(w, BLOCK_X)
    y = tl.program_id(0) // across * ROWS
    x = tl.program_id(0) % across * BLOCK_X + tl.arange(0, BLOCK_X)
    return tl.program_id(1).to(tl.int64), y, x


@triton.jit
def _load_taps(taps):
    return (
        tl.load(taps), tl.load(taps + 1), tl.load(taps + 2), tl.load(taps + 3), tl.load(taps + 4),
        tl.load(taps + 5), tl.load(taps + 6), tl.load(taps + 7), tl.load(taps + 8), tl.load(taps + 9),
        tl.load(taps + 10),
    )  # fmt: skip


@triton.jit
def _no_sums(BLOCK_X: tl.constexpr):
    none = tl.zeros((BLOCK_X,), tl.float32)
    return (none, none, none, none, none, none, none, none, none, none)


@triton.jit
def _advance(sums, line, taps):
    """Sums under way, each nearer to its end by one line; taps[0] is that of the sum just finished."""
    return (
        sums[1] + taps[1] * line, sums[2] + taps[2] * line, sums[3] + taps[3] * line,
        sums[4] + taps[4] * line, sums[5] + taps[5] * line, sums[6] + taps[6] * line,
        sums[7] + taps[7] * line, sums[8] + taps[8] * line, sums[9] + taps[9] * line,
        taps[10] * line,
    )  # fmt: skip


@triton.jit
def _reverse(taps):
    return (
        taps[10], taps[9], taps[8], taps[7], taps[6], taps[5], taps[4], taps[3], taps[2], taps[1], taps[0]
    )  # fmt: skip


@triton.jit(do_not_specialize=SIZES)
def halve(
    picture,  # (B, 3, h, w)
    known,  # (B, 1, h, w)
    half_known,  # (B, 1, ceil(h / 2), ceil(w / 2))
    half,  # (B, 3, ceil(h / 2), ceil(w / 2)), out
    h,
    w,
    LEAST_WEIGHT,
    BLOCK: tl.constexpr,
):
    """Means of the known pixels of each 2x2 block; odd sides have a zero before their first."""
    channel = tl.program_id(1).to(tl.int64)
    half_w = (w + 1) // 2
    area = (h + 1) // 2 * half_w
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < area
    y = at // half_w * 2 - h % 2
    x = at % half_w * 2 - w % 2
    picture += channel * h * w
    known += channel // 3 * h * w
    total = tl.zeros((BLOCK,), tl.float32)
    for i in tl.static_range(4):
        line = y + i // 2
        column = x + i % 2
        here = inside & (line >= 0) & (column >= 0)
        one = tl.load(picture + line * w + column, mask=here, other=0.0)
        total += one * tl.load(known + line * w + column, mask=here, other=0.0)
    weight = tl.load(half_known + channel // 3 * area + at, mask=inside, other=1.0)
    tl.store(half + channel * area + at, 0.25 * total / tl.maximum(weight, LEAST_WEIGHT), mask=inside)


@triton.jit
def _measure_line(picture, target, known, taps, y, x, h, w, BLOCK_X: tl.constexpr):
    """Line y filtered sideways: known times picture, its square, its product with the target; and L1."""
    mean = tl.zeros((BLOCK_X,), tl.float32)
    power = tl.zeros((BLOCK_X,), tl.float32)
    product = tl.zeros((BLOCK_X,), tl.float32)
    absolute = tl.zeros((BLOCK_X,), tl.float32)
    room = tl.where(y < h, w, 0) - x
    picture += y * w + x
    target += y * w + x
    known += y * w + x
    for i in tl.static_range(11):
        one = tl.load(picture + i, mask=room > i, other=0.0)
        other = tl.load(target + i, mask=room > i, other=0.0)
        weight = tl.load(known + i, mask=room > i, other=0.0)
        weighted = taps[i] * weight * one
        mean += weighted
        power += weighted * one
        product += weighted * other
        if i == 0:
            absolute += weight * tl.abs(one - other)
    return mean, power, product, absolute


@triton.jit
def _differentiate(mean, target_mean, variances, covariance, C1, C2, LUMINANCE: tl.constexpr):
    """Windows' similarity, and its derivatives by mean, power and product."""
    over = 1 / (variances + C2)
    value = (2 * covariance + C2) * over
    by_mean = 2 * (mean * value - target_mean) * over
    by_power = -value * over
    by_product = 2 * over
    if LUMINANCE:
        brightness = mean * mean + target_mean * target_mean + C1
        luminance = (2 * mean * target_mean + C1) / brightness
        by_mean = by_mean * luminance + value * 2 * (target_mean - mean * luminance) / brightness
        by_power *= luminance
        by_product *= luminance
        value *= luminance
    return value, by_mean, by_power, by_product


@triton.jit(do_not_specialize=SIZES + VIEWS)
def measure(
    picture,  # (B, 3, h, w)
    target,  # (B, 3, h, w)
    known,  # (B, 1, h, w)
    taps,  # (11,), zeros after the last
    share,  # (B, 1, h', w')
    inverse,  # (B, 1, h', w')
    target_mean,  # (B, 3, h', w')
    target_variance,  # (B, 3, h', w')
    derivatives,  # (B, 3, 3, h', w'), out: of the similarity by the sums of each window
    parts,  # (B, 3, programs, 2), out: sums of similarity and of L1
    h,
    w,
    windows_h,
    windows_w,
    programs,  # as many as the finest scale has
    C1,
    C2,
    LUMINANCE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    """The forward pass: sums of similarity and L1, one part a program, and each window's derivatives."""
    channel, first, x = _strip(w, ROWS, BLOCK_X)
    picture += channel * h * w
    target += channel * h * w
    known += channel // 3 * h * w
    area = windows_h * windows_w
    share += channel // 3 * area
    inverse += channel // 3 * area
    target_mean += channel * area
    target_variance += channel * area
    derivatives += channel * 3 * area
    taps = _load_taps(taps)
    reversed_taps = _reverse(taps)
    means = _no_sums(BLOCK_X)
    powers = _no_sums(BLOCK_X)
    products = _no_sums(BLOCK_X)
    total = tl.zeros((BLOCK_X,), tl.float32)
    total_absolute = tl.zeros((BLOCK_X,), tl.float32)
    for y in range(first, first + 10):
        mean, power, product, absolute = _measure_line(picture, target, known, taps, y, x, h, w, BLOCK_X)
        means = _advance(means, mean, reversed_taps)
        powers = _advance(powers, power, reversed_taps)
        products = _advance(products, product, reversed_taps)
        total_absolute += absolute
    for row in range(first, tl.minimum(first + ROWS, windows_h)):
        mean, power, product, absolute = _measure_line(
            picture, target, known, taps, row + 10, x, h, w, BLOCK_X
        )
        total_absolute += tl.where(row + 10 < first + ROWS, absolute, 0.0)
        inside = x < tl.where(row < windows_h, windows_w, 0)
        at = row * windows_w + x
        to_mean = tl.load(inverse + at, mask=inside, other=0.0)
        u = (means[0] + taps[10] * mean) * to_mean
        v = tl.load(target_mean + at, mask=inside, other=0.0)
        variance = (powers[0] + taps[10] * power) * to_mean - u * u
        covariance = (products[0] + taps[10] * product) * to_mean - u * v
        spread = variance + tl.load(target_variance + at, mask=inside, other=0.0)
        value, by_mean, by_power, by_product = _differentiate(u, v, spread, covariance, C1, C2, LUMINANCE)
        weight = tl.load(share + at, mask=inside, other=0.0)
        total += weight * value
        weight *= to_mean
        tl.store(derivatives + at, weight * by_mean, mask=inside)
        tl.store(derivatives + area + at, weight * by_power, mask=inside)
        tl.store(derivatives + 2 * area + at, weight * by_product, mask=inside)
        means = _advance(means, mean, reversed_taps)
        powers = _advance(powers, power, reversed_taps)
        products = _advance(products, product, reversed_taps)
    parts += (channel * programs + tl.program_id(0)) * 2
    tl.store(parts, tl.sum(total, 0))
    tl.store(parts + 1, tl.sum(total_absolute, 0))


@triton.jit(do_not_specialize=SIZES)
def combine(
    parts,  # (S, B, 3, programs, 2), sums of similarity and of L1
    exponents,  # (S,)
    share,  # (B,), of one known sample in its row's mean
    losses,  # (B,), out
    slopes,  # (S, B, 3, 2), out: of the loss by each scale's similarity and L1
    scales,  # S, at most 8
    rows,  # B
    programs,
    LEAST_SIMILARITY,
    STRUCTURE,
    BLOCK: tl.constexpr,
):
    """The loss of a row out of its sums at all scales, and its derivatives by these."""
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, 4)[:, None]
    s = tl.arange(0, 8)[None, :]
    inside = (c < 3) & (s < scales)
    sums = (s * rows + row) * 3 + c  # (4, 8)
    values = tl.zeros((4, 8, BLOCK), tl.float32)  # summed at the end: Triton 3.6 fails on sums in this loop
    absolutes = tl.zeros((4, 8, BLOCK), tl.float32)
    for first in range(0, programs, BLOCK):
        i = first + tl.arange(0, BLOCK)[None, None, :]
        part = parts + (sums[:, :, None] * programs + i) * 2
        here = inside[:, :, None] & (i < programs)
        values += tl.load(part, mask=here, other=0.0)
        absolutes += tl.load(part + 1, mask=here, other=0.0)
    value, absolute = tl.sum(values, 2), tl.sum(absolutes, 2)
    exponent = tl.load(exponents + s, mask=s < scales, other=0.0)
    known_share = tl.load(share + row)
    alike = tl.maximum(value, LEAST_SIMILARITY)
    products = tl.exp(tl.sum(tl.log(alike) * exponent, 1))[:, None]  # (4, 1)
    similarity = tl.sum(tl.sum(tl.where(c < 3, products, 0.0), 1), 0) / 3
    difference = tl.sum(tl.sum(tl.where(inside & (s == 0), absolute, 0.0), 1), 0) * known_share
    tl.store(losses + row, STRUCTURE * (1 - similarity) + (1 - STRUCTURE) * difference)
    by_similarity = -STRUCTURE / 3 * products * exponent / alike
    by_absolute = (1 - STRUCTURE) * known_share
    tl.store(slopes + sums * 2, tl.where(value >= LEAST_SIMILARITY, by_similarity, 0.0), mask=inside)
    tl.store(slopes + sums * 2 + 1, tl.where((c < 3) & (s == 0), by_absolute, 0.0), mask=inside)


@triton.jit
def _spread_line(derivatives, taps, row, x, windows_h, windows_w, BLOCK_X: tl.constexpr):
    """A line of windows, each of its derivatives spread sideways over the pixels it was made of."""
    area = windows_h * windows_w
    by_mean = tl.zeros((BLOCK_X,), tl.float32)
    by_power = tl.zeros((BLOCK_X,), tl.float32)
    by_product = tl.zeros((BLOCK_X,), tl.float32)
    room = tl.where((row >= 0) & (row < windows_h), windows_w, 0) - x
    derivatives += row * windows_w + x
    powers = derivatives + area
    products = powers + area
    for i in tl.static_range(11):
        inside = (x >= i) & (room > -i)
        by_mean += taps[i] * tl.load(derivatives - i, mask=inside, other=0.0)
        by_power += taps[i] * tl.load(powers - i, mask=inside, other=0.0)
        by_product += taps[i] * tl.load(products - i, mask=inside, other=0.0)
    return by_mean, by_power, by_product


@triton.jit(do_not_specialize=SIZES + VIEWS)
def spread(
    picture,  # (B, 3, h, w)
    target,  # (B, 3, h, w)
    known,  # (B, 1, h, w)
    taps,  # (11,), zeros after the last
    derivatives,  # (B, 3, 3, h', w')
    factors,  # (B, 3, 2), the gradients of similarity and L1
    half_known,  # (B, 1, ceil(h / 2), ceil(w / 2)), or None at the coarsest scale
    grad_half,  # (B, 3, ceil(h / 2), ceil(w / 2)), the gradient of the halved picture, or None
    grad_picture,  # (B, 3, h, w), out
    h,
    w,
    windows_h,
    windows_w,
    LEAST_WEIGHT,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    """The backward pass: a picture's gradient, by its windows' derivatives, L1, and its halved picture's."""
    channel, first, x = _strip(w, ROWS, BLOCK_X)
    half_w = (w + 1) // 2
    if grad_half is not None:
        half_known += channel // 3 * ((h + 1) // 2) * half_w
        grad_half += channel * ((h + 1) // 2) * half_w
    picture += channel * h * w
    target += channel * h * w
    grad_picture += channel * h * w
    known += channel // 3 * h * w
    derivatives += channel * 3 * windows_h * windows_w
    by_similarity = tl.load(factors + channel * 2)
    by_absolute = tl.load(factors + channel * 2 + 1)
    taps = _load_taps(taps)
    means = _no_sums(BLOCK_X)
    powers = _no_sums(BLOCK_X)
    products = _no_sums(BLOCK_X)
    for row in range(tl.maximum(first - 10, 0), first):
        mean, power, product = _spread_line(derivatives, taps, row, x, windows_h, windows_w, BLOCK_X)
        means = _advance(means, mean, taps)
        powers = _advance(powers, power, taps)
        products = _advance(products, product, taps)
    for y in range(first, tl.minimum(first + ROWS, h)):
        mean, power, product = _spread_line(derivatives, taps, y, x, windows_h, windows_w, BLOCK_X)
        inside = x < w
        one = tl.load(picture + y * w + x, mask=inside, other=0.0)
        other = tl.load(target + y * w + x, mask=inside, other=0.0)
        weight = tl.load(known + y * w + x, mask=inside, other=0.0)
        slope = means[0] + taps[0] * mean
        slope += 2 * one * (powers[0] + taps[0] * power)
        slope += other * (products[0] + taps[0] * product)
        sign = tl.where(one > other, 1.0, tl.where(one < other, -1.0, 0.0))
        slope = by_similarity * slope + by_absolute * sign
        if grad_half is not None:
            half = (y + h % 2) // 2 * half_w + (x + w % 2) // 2
            block = tl.maximum(tl.load(half_known + half, mask=inside, other=1.0), LEAST_WEIGHT)
            slope += 0.25 * tl.load(grad_half + half, mask=inside, other=0.0) / block
        tl.store(grad_picture + y * w + x, weight * slope, mask=inside)
        means = _advance(means, mean, taps)
        powers = _advance(powers, power, taps)
        products = _advance(products, product, taps)
