"""What Triton compiles for `last_level`."""

import triton
import triton.language as tl

from subremover.untrained.kernels.strip_jit import (
    SIZES,
    activate,
    interpolate,
    load,
    load_columns,
    pull_back,
    strip,
)


@triton.jit(do_not_specialize=SIZES)
def paint(
    values,  # (B, h w, K)
    bias,  # (B, K), added to each pixel; None: there is none
    mix,  # (B, 3, K), the output layer times the norm's gain
    offset,  # (B, 3)
    picture,  # (B, 3, 2h, 2w), out
    h,
    w,
    rows,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The picture: up-sampling, activation, the output layer with the norm folded in, and the sigmoid."""
    b, first, x = strip(w, rows, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    if bias is not None:  # here and not in a function: Triton before 3.8 lets none return None
        bias = tl.load(bias + b * K + k, mask=k < K, other=0.0)[None, :]
    mix += b * 3 * K
    offset += b * 3
    plane = 4 * h * w
    picture += b * 3 * plane
    inside = x < w
    up_even, up_odd = load_columns(values, bias, first - 1, x, k, h, w, K)
    even, odd = load_columns(values, bias, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + rows, h)):
        down_even, down_odd = load_columns(values, bias, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = activate(fine, ACTIVATION)
            at = (2 * y + phase // 2) * 2 * w + 2 * x + phase % 2
            for j in tl.static_range(3):
                factors = tl.load(mix + j * K + k, mask=k < K, other=0.0)
                logits = tl.sum(active * factors[None, :], 1) + tl.load(offset + j)
                tl.store(picture + j * plane + at, tl.sigmoid(logits), mask=inside)
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd


@triton.jit(do_not_specialize=["plane"])
def pull_sigmoid_back(
    picture,  # (B, 3, 2h, 2w)
    grad_picture,  # (B, 3, 2h, 2w)
    gradient,  # (B, 3, 2h, 2w), out: that of the logits
    totals,  # (B, 3, programs), out: sums of that
    plane,
    BLOCK: tl.constexpr,
):
    """The gradient before the sigmoid, and its sums, one part a program."""
    channel = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    at = channel * plane + pixel
    colour = tl.load(picture + at, mask=pixel < plane, other=0.0)
    result = tl.load(grad_picture + at, mask=pixel < plane, other=0.0) * (1 - colour) * colour
    tl.store(gradient + at, result, mask=pixel < plane)
    tl.store(totals + channel * tl.num_programs(0) + tl.program_id(0), tl.sum(result, 0))


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
    bias,  # (B, K), added to each pixel; None: there is none
    gradient,  # (B, 3, 2h, 2w), of the logits
    products,  # (B, programs, 3, K), out: sums of gradient times activation
    h,
    w,
    rows,
    K: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """What the output layer's gradient needs: sums of gradient times activation, one part a program."""
    b, first, x = strip(w, rows, BLOCK_X)
    k = tl.arange(0, BLOCK_K)
    values += b * h * w * K
    if bias is not None:  # here and not in a function: Triton before 3.8 lets none return None
        bias = tl.load(bias + b * K + k, mask=k < K, other=0.0)[None, :]
    plane = 4 * h * w
    gradient += b * 3 * plane
    inside = x < w
    red = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    green = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    blue = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    up_even, up_odd = load_columns(values, bias, first - 1, x, k, h, w, K)
    even, odd = load_columns(values, bias, first, x, k, h, w, K)
    for y in range(first, tl.minimum(first + rows, h)):
        down_even, down_odd = load_columns(values, bias, y + 1, x, k, h, w, K)
        for phase in tl.static_range(4):
            fine = interpolate(up_even, up_odd, even, odd, down_even, down_odd, phase)
            active = activate(fine, ACTIVATION)
            at = (2 * y + phase // 2) * 2 * w + 2 * x + phase % 2
            red_gradient, green_gradient, blue_gradient = _load_gradient(gradient, at, plane, inside)
            red += red_gradient * active
            green += green_gradient * active
            blue += blue_gradient * active
        up_even, up_odd = even, odd
        even, odd = down_even, down_odd
    products += (b * tl.num_programs(0) + tl.program_id(0)) * 3 * K + k
    tl.store(products, tl.sum(red, 0), mask=k < K)
    tl.store(products + K, tl.sum(green, 0), mask=k < K)
    tl.store(products + 2 * K, tl.sum(blue, 0), mask=k < K)


@triton.jit(do_not_specialize=SIZES)
def gather(
    values,  # (B, h w, K)
    bias,  # (B, K), added to each pixel; None: there is none
    gradient,  # (B, 3, 2h, 2w), of the logits
    mix,  # (B, 3, K), the output layer times the norm's gain
    norm,  # (B, 2, K), the norm's slope and offset
    grad_values,  # (B, h w, K), out
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
    values += b * h * w * K
    if bias is not None:  # here and not in a function: Triton before 3.8 lets none return None
        bias = tl.load(bias + b * K + k, mask=k < K, other=0.0)[None, :]
    grad_values += b * h * w * K
    plane = 4 * h * w
    gradient += b * 3 * plane
    mix += b * 3 * K + k
    norm += b * 2 * K + k
    red = tl.load(mix, mask=k < K, other=0.0)[None, :]
    green = tl.load(mix + K, mask=k < K, other=0.0)[None, :]
    blue = tl.load(mix + 2 * K, mask=k < K, other=0.0)[None, :]
    slope = tl.load(norm, mask=k < K, other=0.0)[None, :]
    offset = tl.load(norm + K, mask=k < K, other=0.0)[None, :]
    inside = x < w
    from_above = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
    for y in range(first - 1, tl.minimum(first + rows, h)):
        # Between lines y and y + 1 lie the fine lines 2y + 1 and 2y + 2; either gets its part of both. Each
        # value is read anew where it is wanted: registers are scarce here.
        upper = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        lower = tl.zeros((BLOCK_X, BLOCK_K), tl.float32)
        for side in tl.static_range(2):
            left = load(values, bias, y, x - 1 + side, k, h, w, K)
            right = load(values, bias, y, x + side, k, h, w, K)
            down_left = load(values, bias, y + 1, x - 1 + side, k, h, w, K)
            down_right = load(values, bias, y + 1, x + side, k, h, w, K)
            for i in tl.static_range(2):  # fine columns 2x - 1 and 2x, then 2x + 1 and 2x + 2
                fine_x = tl.minimum(tl.maximum(2 * x - 1 + 2 * side + i, 0), 2 * w - 1)
                here = (0.75 - 0.5 * i) * left + (0.25 + 0.5 * i) * right
                below = (0.75 - 0.5 * i) * down_left + (0.25 + 0.5 * i) * down_right
                for j in tl.static_range(2):
                    fine_y = tl.minimum(tl.maximum(2 * y + 1 + j, 0), 2 * h - 1)
                    at = fine_y * 2 * w + fine_x
                    red_gradient, green_gradient, blue_gradient = _load_gradient(gradient, at, plane, inside)
                    active = activate((0.75 - 0.5 * j) * here + (0.25 + 0.5 * j) * below, ACTIVATION)
                    change = offset + slope * active
                    change += red * red_gradient
                    change += green * green_gradient
                    change += blue * blue_gradient
                    part = (0.25 + 0.5 * (i != side)) * pull_back(change, active, ACTIVATION)
                    if j == 0:
                        upper += part
                    else:
                        lower += part
        if y >= first:
            pixels = (y * w + x)[:, None] * K + k[None, :]
            result = from_above + 0.75 * upper + 0.25 * lower
            tl.store(grad_values + pixels, result, mask=inside[:, None] & (k < K)[None, :])
        from_above = 0.25 * upper + 0.75 * lower
