"""Decides which decoders are fitted to which frames (anchors, holdouts, then warm starts), and mixes them.

Frames that look like their anchor share what is painted for it. The fits are put into batches by a `Fitter`;
in which threads and on which device this runs is up to `pool`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from itertools import islice

import cv2
import numpy as np

from subremover.fill.composite import confine, join_seamlessly, share_of_fit
from subremover.fill.paint.holdout import Trust, choose_ring, trust_smooth, trust_tried, trust_untried
from subremover.fill.paint.jobs import KNOWN_ERROR, Fill, FitJob
from subremover.fill.paint.rows import Fitted, Fitter, Row
from subremover.options import MOST_DECODERS, PaintOptions, WarmStart
from subremover.untrained.deep_decoder import choose_levels

OPEN_SHARE = 0.25
"""Share of a hole that must be open (not borrowed, or badly) for decoders to be fitted; for less, the smooth
continuation will do.
See docs/measurements.md, "fill/paint/schedule: open share"."""
PREFERENCE = 1.5
"""By which factor the expected error of what is painted must be smaller than that of borrowed pixels.
See docs/measurements.md, "fill/paint/schedule: preference"."""
RIM_PX = 6
"""Width of the rim around a hole, in px, in which a frame must look like its anchor to share its paint.
See docs/measurements.md, "fill/paint/schedule: painted once"."""


def fill_jobs(jobs: Sequence[FitJob], options: PaintOptions, fitter: Fitter, helpers: Executor) -> list[Fill]:
    """Fill the holes of all jobs, with warm starts inside each group.

    The middle frame of a group is its anchor. Its decoders are fitted twice, once with a ring around the hole
    hidden as well: how they restore that tells how far each is trusted in the whole group, against the smooth
    continuation of the surroundings and against what was borrowed. By default a second, warm fit refines the
    anchor's decoders, and the frames that look like the anchor around their holes share what these paint; the
    other frames start warm. Where only little was not borrowed well, the smooth continuation alone fills it.

    Args:
        jobs: Whose holes want filling.
        options: How to fit.
        fitter: Fits the decoders.
        helpers: Threads that put together what was fitted.

    Returns:
        For each job its fill.

    Raises:
        DeviceError: The device's memory does not suffice for a single crop.
        FitStoppedError: The fitter was stopped.
    """
    groups, trust_of = _find_groups(jobs, options)
    fills: dict[int, Future[Fill]] = {}
    grouped = {index for group in groups for index in group.members}
    for index in set(range(len(jobs))) - grouped:
        fills[index] = helpers.submit(_fill, jobs[index], None, trust_of.get(index))
    rows = [_cold_rows(jobs, group, options) for group in groups]
    cold = iter(fitter.fit([row for of_group in rows for row in of_group]))
    chains, begun = [], []
    for group, of_group in zip(groups, rows, strict=True):
        fitted = [future.result() for future in islice(cold, len(of_group))]
        anchors = fitted[: group.decoders]
        trust = _weigh_decoders(jobs[group.anchor], group, anchors, fitted[group.decoders :])
        sharers = (
            _find_sharers(jobs, group.members, group.anchor, trust) if options.warm_start == "anchor" else []
        )
        rounds = _list_rounds(group, sharers, options.warm_start)
        chains.append(_Chain(group, trust, sharers, rounds, {group.anchor: anchors}))
        if not sharers:
            fills[group.anchor] = helpers.submit(_mix_and_fill, jobs[group.anchor], anchors, trust)
        begun += chains[-1].begin(jobs, options, fitter)
    while begun:
        for chain, index, futures in begun:
            painted: list[Fitted | None] = [None] * chain.group.decoders
            for decoder, future in futures.items():
                painted[decoder] = future.result()
            chain.painted[index] = painted
            for taker in chain.sharers if index == chain.group.anchor else [index]:
                fills[taker] = helpers.submit(_mix_and_fill, jobs[taker], painted, chain.trust)
        begun = [one for chain in chains for one in chain.begin(jobs, options, fitter)]
    return [fills[index].result() for index in range(len(jobs))]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Jobs that share an anchor."""

    members: list[int]
    """Indices of jobs, in the order of their frames."""
    anchor: int
    """One of them, the middle one."""
    decoders: int
    levels: int
    ring: np.ndarray | None
    """(h, w) bool, hidden in the anchor's holdout; None: no holdout."""


def _find_groups(jobs: Sequence[FitJob], options: PaintOptions) -> tuple[list[_Group], dict[int, Trust]]:
    """The groups of those jobs that want a decoder, and the trust in the smooth continuation by job."""
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index in sorted(range(len(jobs)), key=lambda i: jobs[i].frame):
        own = (jobs[index].group, *jobs[index].hole.shape)
        alike[own if options.warm_start != "off" else (*own, index)].append(index)
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
        decoders = options.decoders
        if options.warm_start == "anchor" and trust is not None:
            decoders += _can_afford_another(_find_sharers(jobs, members, anchor, trust), members, options)
        groups.append(_Group(members, anchor, decoders, options.fit.levels or max(depths), ring))
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
    return [i for i in members if jobs[i].open_share(least) > OPEN_SHARE], trust


def _cold_rows(jobs: Sequence[FitJob], group: _Group, options: PaintOptions) -> list[Row]:
    """The rows of a group's anchor, one a decoder, and behind them those of its holdouts."""
    steps = options.fit.steps
    rows = [Row(jobs[group.anchor], i, group.levels, steps) for i in range(group.decoders)]
    return rows if group.ring is None else [*rows, *(replace(row, hidden=group.ring) for row in rows)]


@dataclass(slots=True, eq=False)
class _Chain:
    """A group whose anchor is fitted, and the warm starts that follow from it."""

    group: _Group
    trust: Trust
    sharers: list[int]
    """Of its members those that share what is painted when the anchor is fitted again, itself among them."""
    rounds: deque[list[tuple[int, int]]]
    """What can be fitted at once: jobs, and those they start from, by their indices."""
    painted: dict[int, Sequence[Fitted | None]]
    """By job, what each decoder has painted of it; None: it is not trusted."""

    def begin(
        self, jobs: Sequence[FitJob], options: PaintOptions, fitter: Fitter
    ) -> list[tuple[_Chain, int, dict[int, Future[Fitted]]]]:
        """Begin the next round, if there is one: for each of its jobs what the trusted decoders will make."""
        pairs = self.rounds.popleft() if self.rounds else []
        trusted = np.flatnonzero(self.trust.weights).tolist()
        levels, steps = self.group.levels, options.warm_steps
        rows = [
            Row(jobs[index], i, levels, steps, self.painted[start][i])
            for index, start in pairs
            for i in trusted
        ]
        futures = iter(fitter.fit(rows))
        return [(self, index, dict(zip(trusted, futures, strict=False))) for index, _ in pairs]


def _can_afford_another(sharers: Sequence[int], members: Sequence[int], options: PaintOptions) -> bool:
    """Whether the warm starts that sharing saves pay for one more decoder of a group.

    See docs/measurements.md, "fill/paint/schedule: painted once".
    """
    saved = options.decoders * options.warm_steps * (len(sharers) - 1)
    warm = options.warm_steps * (1 + len(members) - len(sharers))
    price = (2 if options.holdout else 1) * options.fit.steps + warm
    return price <= saved and options.decoders < MOST_DECODERS


def _find_sharers(
    jobs: Sequence[FitJob], members: Sequence[int], anchor_index: int, trust: Trust
) -> list[int]:
    """The members that look like the anchor around its hole, itself among them.

    They differ there by no more than the error that is expected of what fills the hole.
    See docs/measurements.md, "fill/paint/schedule: painted once".
    """
    anchor = jobs[anchor_index]
    kernel = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
    rim = (cv2.dilate(anchor.hole.astype(np.uint8), kernel) > 0) & (anchor.unknown <= 0.5)

    def is_alike(job: FitJob) -> bool:
        both = rim & (job.unknown <= 0.5)
        off = np.square(job.image[both] - anchor.image[both])
        return off.size > 0 and float(off.mean()) <= trust.error**2

    return [index for index in members if index == anchor_index or is_alike(jobs[index])]


def _list_rounds(
    group: _Group, sharers: Sequence[int], warm_start: WarmStart
) -> deque[list[tuple[int, int]]]:
    """Jobs of a group, round by round, each with the one whose weights it starts from: see `_Chain`."""
    members, middle = group.members, group.members.index(group.anchor)
    if warm_start == "off":
        return deque()
    if warm_start == "anchor":
        return deque([[(i, group.anchor) for i in members if i == group.anchor or i not in sharers]])
    return deque(
        [
            (members[middle + step * away], members[middle + step * (away - 1)])
            for step in (-1, 1)
            if 0 <= middle + step * away < len(members)
        ]
        for away in range(1, middle + 1)
    )


def _weigh_decoders(
    job: FitJob, group: _Group, anchors: Sequence[Fitted], holdouts: Sequence[Fitted]
) -> Trust:
    """How far a group's decoders are trusted, by its anchor's job."""
    details = _details(anchors, job.image, job.unknown)[:, job.unknown > 0.5]
    if group.ring is None:
        return trust_untried(details)
    unknown = np.where(group.ring, np.float32(1), job.unknown)
    missed = job.image - join_seamlessly(np.zeros_like(job.image), job.image, unknown)
    return trust_tried(details, _details(holdouts, job.image, unknown)[:, group.ring], missed[group.ring])


def _details(fits: Sequence[Fitted], image: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """(S, h, w, 3): what fits, joined to the crop, add to the smooth continuation of the surroundings."""
    smooth = join_seamlessly(np.zeros_like(image), image, unknown)
    return np.stack([join_seamlessly(fit.picture, image, unknown) - smooth for fit in fits])


def _mix_and_fill(job: FitJob, fitted: Sequence[Fitted | None], trust: Trust) -> Fill:
    """`_fill` by what each decoder has painted; None: it is not trusted."""
    mix = np.zeros((3, *job.hole.shape), np.float32)  # as pictures lie in memory
    for weight, one in zip(trust.weights, fitted, strict=True):
        if one is not None:
            mix += np.float32(weight) * one.picture.transpose(2, 0, 1)
    return _fill(job, np.ascontiguousarray(mix.transpose(1, 2, 0)), trust)


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
