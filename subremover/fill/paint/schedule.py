"""Decides which decoders are fitted to which frames (anchors, holdouts, then warm starts), and mixes them.

The fits are put into batches by `batches`; in which process and on which device this runs is up to `pool`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch

from subremover.fill.composite import confine, join_seamlessly, share_of_fit
from subremover.fill.paint.batches import BatchFitter
from subremover.fill.paint.holdout import Trust, choose_ring, trust_smooth, trust_tried, trust_untried
from subremover.fill.paint.jobs import KNOWN_ERROR, Fill, FitJob
from subremover.fill.paint.rows import Fitted, Key, Row
from subremover.options import PaintOptions
from subremover.runtime.profile import note
from subremover.untrained.deep_decoder import choose_levels
from subremover.untrained.kernels import describe

OPEN_SHARE = 0.25
"""Share of a hole, on the frame where it is greatest, that must be open (not borrowed, or badly) for decoders
to be fitted; for less, the smooth continuation will do.
See docs/measurements.md, "fill/paint/schedule: open share"."""
PREFERENCE = 1.5
"""By which factor the expected error of what is painted must be smaller than that of borrowed pixels.
See docs/measurements.md, "fill/paint/schedule: preference"."""


def fit_jobs(
    lists: Sequence[Sequence[FitJob]],
    options: PaintOptions,
    device: str,
    batch_size: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    max_bytes: int | None = None,
) -> list[list[Fill]]:
    """Fill the holes of all jobs, with warm starts inside each group of a list.

    Lists share batches, and nothing else. The middle frame of a group is its anchor. Its decoders are fitted
    twice, once with a ring around the hole hidden as well: how they restore that tells how far each is
    trusted in the whole group, against the smooth continuation of the surroundings and against what was
    borrowed. The other frames start from the anchor's weights. Where only little was not borrowed well, the
    smooth continuation alone fills it.

    Args:
        lists: Jobs whose holes want filling; each list is filled as if it were the only one.
        options: How to fit.
        device: Name of a torch device.
        batch_size: Most crops in one batch; None: from the device's free memory. Halved where memory
            does not suffice.
        should_stop: Asked before each step.
        max_bytes: Most memory for what a CPU fits at once.

    Returns:
        For each list and job its fill.

    Raises:
        DeviceError: The device's memory does not suffice for a single crop.
        FitStoppedError: `should_stop` said so.
    """
    note("fit", describe(torch.device(device)))
    jobs = [job for some in lists for job in some]
    numbers = [number for number, some in enumerate(lists) for _ in some]
    groups, trust_of = _find_groups(jobs, numbers, options)
    fitter = BatchFitter(options.fit, torch.device(device), batch_size, should_stop, max_bytes=max_bytes)
    cold: dict[int, dict[Key, Fitted]] = {group.anchor: {} for group in groups}
    group_of = {index: group for group in groups for index in group.members}
    for group in groups:
        fitter.add(_cold_rows(jobs, group, options))
    mixes = {i: np.zeros_like(jobs[i].image) for group in groups for i in group.members}
    for key, fitted in fitter.finished():
        stage, index, decoder = key
        if stage == "warm":
            mixes[index] += np.float32(trust_of[index].weights[decoder]) * fitted.picture
            continue
        group, done = group_of[index], cold[index]
        done[key] = fitted
        if len(done) < options.decoders * (1 if group.ring is None else 2):
            continue
        trust = _weigh_decoders(jobs[index], group, done, options.decoders)
        trust_of |= dict.fromkeys(group.members, trust)
        for i in range(options.decoders):
            mixes[index] += np.float32(trust.weights[i]) * done["anchor", index, i].picture
        fitter.add(_warm_rows(jobs, group, options, trust, cold.pop(index)))
    fills = (_fill(job, mixes.get(index), trust_of.get(index)) for index, job in enumerate(jobs))
    return [list(islice(fills, len(some))) for some in lists]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Jobs that share an anchor."""

    members: list[int]
    """Indices of jobs, in the order of their frames."""
    anchor: int
    """One of them, the middle one."""
    levels: int
    ring: np.ndarray | None
    """(h, w) bool, hidden in the anchor's holdout; None: no holdout."""


def _find_groups(
    jobs: Sequence[FitJob], numbers: Sequence[int], options: PaintOptions
) -> tuple[list[_Group], dict[int, Trust]]:
    """The groups of those jobs that want a decoder, and the trust in the smooth continuation by job.

    Args:
        jobs: Of all lists.
        numbers: For each job which list it is of.
        options: How to fit.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index in sorted(range(len(jobs)), key=lambda i: jobs[i].frame):
        own = (numbers[index], jobs[index].group, *jobs[index].hole.shape)
        alike[own if options.warm_steps > 0 else (*own, index)].append(index)
    groups = []
    trust_of: dict[int, Trust] = {}
    for every in alike.values():
        members, trust = _find_open(jobs, every)
        if trust is not None:
            trust_of |= dict.fromkeys(every, trust)
        if not members:
            continue
        depths = (choose_levels(jobs[i].unknown > 0.5, jobs[i].hole.shape) for i in members)
        anchor = members[len(members) // 2]
        ring = choose_ring(jobs[anchor].unknown) if options.holdout else None
        groups.append(_Group(members, anchor, options.fit.levels or max(depths), ring))
    return groups, trust_of


def _find_open(jobs: Sequence[FitJob], members: Sequence[int]) -> tuple[list[int], Trust | None]:
    """Which jobs of a group need a decoder: those where much was borrowed so badly that it may be nearer.

    And the trust in the smooth continuation; None where nothing is worth replacing.
    """
    if max(jobs[i].open_share(KNOWN_ERROR) for i in members) == 0:
        return [], None
    middle = jobs[members[len(members) // 2]]
    trust = trust_smooth(middle.image, middle.hole)
    least = max(2 * KNOWN_ERROR, PREFERENCE * trust.error)
    shares = {i: jobs[i].open_share(least) for i in members}
    is_worth_it = max(shares.values()) > OPEN_SHARE
    return [i for i in members if shares[i] > 0] if is_worth_it else [], trust


def _cold_rows(jobs: Sequence[FitJob], group: _Group, options: PaintOptions) -> dict[Key, Row]:
    """The rows of a group's anchor, one a decoder, and of its holdouts."""
    rows: dict[Key, Row] = {}
    for i in range(options.decoders):
        row = rows["anchor", group.anchor, i] = Row(jobs[group.anchor], i, group.levels, options.fit.steps)
        if group.ring is not None:
            rows["holdout", group.anchor, i] = replace(row, hidden=group.ring)
    return rows


def _warm_rows(
    jobs: Sequence[FitJob], group: _Group, options: PaintOptions, trust: Trust, cold: dict[Key, Fitted]
) -> dict[Key, Row]:
    """The rows of all other frames of a group, by the decoders that are trusted."""
    rows: dict[Key, Row] = {}
    for i in np.flatnonzero(trust.weights).tolist():
        start = cold["anchor", group.anchor, i].weights
        for index in group.members:
            if index != group.anchor:
                rows["warm", index, i] = Row(jobs[index], i, group.levels, options.warm_steps, start)
    return rows


def _weigh_decoders(job: FitJob, group: _Group, cold: dict[Key, Fitted], decoders: int) -> Trust:
    """How far a group's decoders are trusted, by its anchor's job."""
    anchored = [cold["anchor", group.anchor, i] for i in range(decoders)]
    details = _details(anchored, job.image, job.unknown)[:, job.unknown > 0.5]
    if group.ring is None:
        return trust_untried(details)
    unknown = np.where(group.ring, np.float32(1), job.unknown)
    missed = job.image - join_seamlessly(np.zeros_like(job.image), job.image, unknown)
    tried = [cold["holdout", group.anchor, i] for i in range(decoders)]
    return trust_tried(details, _details(tried, job.image, unknown)[:, group.ring], missed[group.ring])


def _details(fits: Sequence[Fitted], image: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """(S, h, w, 3): what fits, joined to the crop, add to the smooth continuation of the surroundings."""
    smooth = join_seamlessly(np.zeros_like(image), image, unknown)
    return np.stack([join_seamlessly(fit.picture, image, unknown) - smooth for fit in fits])


def _fill(job: FitJob, mix: np.ndarray | None, trust: Trust | None) -> Fill:
    """The mix of a job's decoders where it is expected to be nearer to the truth than what was borrowed.

    The decoders' weights need not add up to one: joining the mix to the crop adds the smooth continuation for
    the rest. That alone (`mix` None) fills what little a well borrowed hole leaves open. Without any trust
    all was borrowed well.
    """
    if trust is None:
        return Fill(job.image, np.zeros(job.hole.shape, np.float32))
    fitted = join_seamlessly(np.zeros_like(job.image) if mix is None else mix, job.image, job.unknown)
    fitted = confine(fitted, job.image, job.unknown)
    share = share_of_fit(job.error, PREFERENCE * trust.error)[..., None]
    borrowed = np.where(share < 1, job.image, 0)
    return Fill(borrowed + share * (fitted - borrowed), share[..., 0])
