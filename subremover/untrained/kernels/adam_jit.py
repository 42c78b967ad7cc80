"""What Triton compiles for `adam`."""

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["P"])
def advance_parameters(
    parameters,  # (B, P), in and out
    mean,  # (B, P), in and out
    power,  # (B, P), in and out
    gradient,  # (B, P)
    taken,  # (B,), steps before this one
    steps,  # (B,)
    rates,  # (B,)
    shares,  # (B,), out: of this step's picture in the mean over the last
    P,
    BETA1: tl.constexpr,
    BETA2: tl.constexpr,
    LOG_BETA1: tl.constexpr,
    LOG_BETA2: tl.constexpr,
    EPSILON: tl.constexpr,
    TAIL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Adam, each row with its own count of steps; rows that have had theirs keep their parameters."""
    b = tl.program_id(1).to(tl.int64)
    before, most = tl.load(taken + b), tl.load(steps + b)
    is_active = before < most
    now = tl.where(is_active, before + 1, before)
    # in float64: 1 - beta^taken loses half of its digits else
    count = tl.maximum(now, 1.0).to(tl.float64)
    correction1 = (1 - tl.exp(count * LOG_BETA1)).to(tl.float32)
    correction2 = (1 - tl.exp(count * LOG_BETA2)).to(tl.float32)
    rate = tl.where(is_active, tl.load(rates + b), 0.0) / correction1
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < P
    at = b * P + i
    slope = tl.load(gradient + at, mask=inside, other=0.0)
    old = tl.load(mean + at, mask=inside, other=0.0)
    new = old + (1 - BETA1) * (slope - old)
    square = BETA2 * tl.load(power + at, mask=inside, other=0.0) + (1 - BETA2) * slope * slope
    change = rate * new / (tl.sqrt(square / correction2) + EPSILON)
    tl.store(mean + at, new, mask=inside)
    tl.store(power + at, square, mask=inside)
    tl.store(parameters + at, tl.load(parameters + at, mask=inside, other=0.0) - change, mask=inside)
    if tl.program_id(0) == 0:
        tail = tl.maximum(tl.floor(most / TAIL), 1.0)
        tl.store(shares + b, tl.where(is_active & (now > most - tail), 1 / tail, 0.0))


@triton.jit(do_not_specialize=["N"])
def advance_pictures(
    pictures,  # (B, N), in and out
    last,  # (B, N), out; None: it is not wanted
    output,  # (B, N)
    shares,  # (B,)
    taken,  # (B,), in and out
    steps,  # (B,)
    losses,  # (B,), out
    new_losses,  # (B,)
    N,
    BLOCK: tl.constexpr,
):
    """The mean of the last steps' pictures; and the step is counted, which nobody else looks at by now."""
    b = tl.program_id(1).to(tl.int64)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < N
    at = b * N + i
    share = tl.load(shares + b)
    new = tl.load(output + at, mask=inside, other=0.0)
    if last is not None:
        tl.store(last + at, new, mask=inside)
    tl.store(pictures + at, tl.load(pictures + at, mask=inside, other=0.0) + share * new, mask=inside)
    if tl.program_id(0) == 0:
        before = tl.load(taken + b)
        tl.store(taken + b, tl.where(before < tl.load(steps + b), before + 1, before))
        tl.store(losses + b, tl.load(new_losses + b))
