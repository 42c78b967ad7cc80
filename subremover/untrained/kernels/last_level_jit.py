"""What Triton compiles for `last_level`."""

import triton
import triton.language as tl

SIZES = ["h", "w"]
"""Arguments that Triton does not compile for one by one: crops have many sizes, each compilation takes
seconds, and none of them would gain by it."""


@triton.jit
def _strip(w, ROWS: tl.constexpr, BLOCK_X: tl.constexpr):
    """This program's row of the batch, its first line and its (BLOCK_X,) columns."""
    b = tl.program_id(1).to(tl.int64)  # offsets may pass 2^31
    across = tl.cdiv(w, BLOCK_X)
    y = tl.program_id(0) // across * ROWS
    x = tl.program_id(0) % across * BLOCK_X + tl.arange(0, BLOCK_X)
    return b, y, x


@triton.jit
def _load(values, y, x, k, h, w, K: tl.constexpr):
    """(BLOCK_X, BLOCK_K) of line y; beyond the border is what lies at it, beyond K is 0."""
    y = tl.minimum(tl.maximum(y, 0), h - 1)
    x = tl.minimum(tl.maximum(x, 0), w - 1)
    return tl.load(values + (y * w + x)[:, None] * K + k[None, :], mask=(k < K)[None, :], other=0.0)


@triton.jit
def _load_columns(values, y, x, k, h, w, K: tl.constexpr):
    """Line y up-sampled sideways: its fine columns 2x and 2x + 1."""
    middle = 0.75 * _load(values, y, x, k, h, w, K)
    left = _load(values, y, x - 1, k, h, w, K)
    right = _load(values, y, x + 1, k, h, w, K)
    return middle + 0.25 * left, middle + 0.25 * right


@triton.jit
def _interpolate(up_even, up_odd, even, odd, down_even, down_odd, PHASE: tl.constexpr):
    """The fine pixels at (0, 0), (0, 1), (1, 0) or (1, 1) of a line's, out of columns of three lines."""
    if PHASE == 0:
        result = 0.25 * up_even + 0.75 * even
    elif PHASE == 1:
        result = 0.25 * up_odd + 0.75 * odd
    elif PHASE == 2:
        result = 0.75 * even + 0.25 * down_even
    else:
        result = 0.75 * odd + 0.25 * down_odd
    return result


@triton.jit
def _activate(values, ACTIVATION: tl.constexpr):
    if ACTIVATION == "relu":
        result = tl.maximum(values, 0.0)
    elif ACTIVATION == "relu6":
        result = tl.minimum(tl.maximum(values, 0.0), 6.0)
    elif ACTIVATION == "leaky-relu":
        result = tl.where(values > 0, values, 0.1 * values)
    else:
        result = tl.sigmoid(values) - 0.5
    return result


@triton.jit
def _pull_back(change, active, ACTIVATION: tl.constexpr):
    """The gradient of what was activated, out of that of the result."""
    if ACTIVATION == "relu":
        result = tl.where(active > 0, change, 0.0)
    elif ACTIVATION == "relu6":
        result = tl.where((active > 0) & (active < 6), change, 0.0)
    elif ACTIVATION == "leaky-relu":
        result = tl.where(active > 0, change, 0.1 * change)
    else:
        result = (0.25 - active * active) * change
    return result


@triton.jit(do_not_specialize=SIZES)
def sum_activations(
    values,  # (B, h w, K)
    parts,  # (B, programs, 2, K), out: sums of the activations and of their squares
    h,
    w,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """What the norm needs: each channel's sums over the up-sampled, activated pixels, one part a program."""
    b, first, x = _strip(w, ROWS, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    inside = (x < w)[:, None]
    total = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    power = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    up_even, up_odd = _load_columns(values, first - 1, x, k, h, w, K)
    even, odd = _load_columns(values, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + ROWS, h)):
        down_even, down_odd = _load_columns(values, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = _interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = _activate(fine, ACTIVATION)
            total += active
            power += active * active
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd
    parts += (b * tl.num_programs(0) + tl.program_id(0)) * 2 * K + k
    tl.store(parts, tl.sum(tl.where(inside, total, 0.0), 0), mask=k < K)
    tl.store(parts + K, tl.sum(tl.where(inside, power, 0.0), 0), mask=k < K)


@triton.jit(do_not_specialize=SIZES)
def paint(
    values,  # (B, h w, K)
    mix,  # (B, 3, K), the output layer times the norm's gain
    offset,  # (B, 3)
    picture,  # (B, 3, 2h, 2w), out
    h,
    w,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The picture: up-sampling, activation, the output layer with the norm folded in, and the sigmoid."""
    b, first, x = _strip(w, ROWS, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    mix += b * 3 * K
    offset += b * 3
    plane = 4 * h * w
    picture += b * 3 * plane
    inside = x < w
    up_even, up_odd = _load_columns(values, first - 1, x, k, h, w, K)
    even, odd = _load_columns(values, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + ROWS, h)):
        down_even, down_odd = _load_columns(values, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = _interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = _activate(fine, ACTIVATION)
            at = (2 * y + phase // 2) * 2 * w + 2 * x + phase % 2
            for j in tl.static_range(3):
                factors = tl.load(mix + j * K + k, mask=k < K, other=0.0)
                logits = tl.sum(active * factors[None, :], 1) + tl.load(offset + j)
                tl.store(picture + j * plane + at, tl.sigmoid(logits), mask=inside)
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd


@triton.jit
def _load_gradient(gradient, at, plane, inside):
    """(BLOCK_X, 1) of each colour's gradient `at` these pixels."""
    red = tl.load(gradient + at, mask=inside, other=0.0)
    green = tl.load(gradient + plane + at, mask=inside, other=0.0)
    blue = tl.load(gradient + 2 * plane + at, mask=inside, other=0.0)
    return red[:, None], green[:, None], blue[:, None]


@triton.jit(do_not_specialize=SIZES)
def sum_products(
    values,  # (B, h w, K)
    gradient,  # (B, 3, 2h, 2w), of the logits
    parts,  # (B, programs, 3, K), out: sums of gradient times activation
    h,
    w,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """What the output layer's gradient needs: sums of gradient times activation, one part a program."""
    b, first, x = _strip(w, ROWS, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    plane = 4 * h * w
    gradient += b * 3 * plane
    inside = x < w
    red = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    green = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    blue = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    up_even, up_odd = _load_columns(values, first - 1, x, k, h, w, K)
    even, odd = _load_columns(values, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + ROWS, h)):
        down_even, down_odd = _load_columns(values, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = _interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = _activate(fine, ACTIVATION)
            at = (2 * y + phase // 2) * 2 * w + 2 * x + phase % 2
            red_gradient, green_gradient, blue_gradient = _load_gradient(gradient, at, plane, inside)
            red += red_gradient * active
            green += green_gradient * active
            blue += blue_gradient * active
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd
    parts += (b * tl.num_programs(0) + tl.program_id(0)) * 3 * K + k
    tl.store(parts, tl.sum(red, 0), mask=k < K)
    tl.store(parts + K, tl.sum(green, 0), mask=k < K)
    tl.store(parts + 2 * K, tl.sum(blue, 0), mask=k < K)


@triton.jit
def _between(left, middle, right, COLUMN: tl.constexpr):
    """Fine column 2x - 1 + COLUMN, out of columns x - 1, x and x + 1."""
    if COLUMN == 0:
        result = 0.75 * left + 0.25 * middle
    elif COLUMN == 1:
        result = 0.25 * left + 0.75 * middle
    elif COLUMN == 2:
        result = 0.75 * middle + 0.25 * right
    else:
        result = 0.25 * middle + 0.75 * right
    return result


@triton.jit(do_not_specialize=SIZES)
def gather(
    values,  # (B, h w, K)
    gradient,  # (B, 3, 2h, 2w), of the logits
    factors,  # (B, 5, K): the output layer times the norm's gain, the norm's slope and offset
    grad_values,  # (B, h w, K), out
    h,
    w,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Each low-resolution pixel gathers from the 4x4 fine pixels that were made of it.

    Those beyond the border are taken as the nearest within: it was made of the border's pixel twice.
    """
    b, first, x = _strip(w, ROWS, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    grad_values += b * h * w * K
    plane = 4 * h * w
    gradient += b * 3 * plane
    factors += b * 5 * K + k
    red = tl.load(factors, mask=k < K, other=0.0)[None, :]
    green = tl.load(factors + K, mask=k < K, other=0.0)[None, :]
    blue = tl.load(factors + 2 * K, mask=k < K, other=0.0)[None, :]
    slope = tl.load(factors + 3 * K, mask=k < K, other=0.0)[None, :]
    offset = tl.load(factors + 4 * K, mask=k < K, other=0.0)[None, :]
    inside = x < w
    last = tl.minimum(first + ROWS, h)
    left = _load(values, first - 1, x - 1, k, h, w, K)
    middle = _load(values, first - 1, x, k, h, w, K)
    right = _load(values, first - 1, x + 1, k, h, w, K)
    from_above = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    for y in range(first - 1, last):
        # Between lines y and y + 1 lie the fine lines 2y + 1 and 2y + 2; either gets its part of both.
        down_left = _load(values, y + 1, x - 1, k, h, w, K)
        down_middle = _load(values, y + 1, x, k, h, w, K)
        down_right = _load(values, y + 1, x + 1, k, h, w, K)
        to_line = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        to_next = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        for j in tl.static_range(2):
            fine_y = tl.minimum(tl.maximum(2 * y + 1 + j, 0), 2 * h - 1)
            sideways = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
            for i in tl.static_range(4):  # fine columns 2x - 1 to 2x + 2
                fine_x = tl.minimum(tl.maximum(2 * x - 1 + i, 0), 2 * w - 1)
                at = fine_y * 2 * w + fine_x
                red_gradient, green_gradient, blue_gradient = _load_gradient(gradient, at, plane, inside)
                here = _between(left, middle, right, i)
                below = _between(down_left, down_middle, down_right, i)
                active = _activate((0.75 - 0.5 * j) * here + (0.25 + 0.5 * j) * below, ACTIVATION)
                change = offset + slope * active
                change += red * red_gradient
                change += green * green_gradient
                change += blue * blue_gradient
                sideways += (0.25 + 0.5 * (i % 3 > 0)) * _pull_back(change, active, ACTIVATION)
            to_line += (0.75 - 0.5 * j) * sideways
            to_next += (0.25 + 0.5 * j) * sideways
        if y >= first:
            pixels = (y * w + x)[:, None] * K + k[None, :]
            tl.store(grad_values + pixels, from_above + to_line, mask=inside[:, None] & (k < K)[None, :])
        from_above = to_next
        left, middle, right = down_left, down_middle, down_right
