"""What the kernels have in common that walk down strips of a level: lines up-sampled, activated and back."""

import triton
import triton.language as tl

SIZES = ["h", "w", "rows"]
"""Arguments that Triton does not compile for one by one: crops have many sizes, each compilation takes
seconds, and none of them would gain by it."""


@triton.jit
def strip(w, rows, BLOCK_X: tl.constexpr):
    """This program's row of the batch, its first line and its (BLOCK_X,) columns."""
    b = tl.program_id(1).to(tl.int64)  # offsets may pass 2^31
    across = tl.cdiv(w, BLOCK_X)
    y = tl.program_id(0) // across * rows
    x = tl.program_id(0) % across * BLOCK_X + tl.arange(0, BLOCK_X)
    return b, y, x


@triton.jit
def load(values, bias, y, x, k, h, w, K: tl.constexpr):
    """(BLOCK_X, BLOCK_K) of line y and the bias; beyond the border is what lies at it, beyond K is 0."""
    y = tl.minimum(tl.maximum(y, 0), h - 1)
    x = tl.minimum(tl.maximum(x, 0), w - 1)
    result = tl.load(values + (y * w + x)[:, None] * K + k[None, :], mask=(k < K)[None, :], other=0.0)
    if bias is not None:
        result += bias
    return result


@triton.jit
def load_columns(values, bias, y, x, k, h, w, K: tl.constexpr):
    """Line y up-sampled sideways: its fine columns 2x and 2x + 1."""
    middle = 0.75 * load(values, bias, y, x, k, h, w, K)
    left = load(values, bias, y, x - 1, k, h, w, K)
    right = load(values, bias, y, x + 1, k, h, w, K)
    return middle + 0.25 * left, middle + 0.25 * right


@triton.jit
def interpolate(up_even, up_odd, even, odd, down_even, down_odd, PHASE: tl.constexpr):
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
def activate(values, ACTIVATION: tl.constexpr):
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
def pull_back(change, active, ACTIVATION: tl.constexpr):
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
