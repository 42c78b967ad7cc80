"""Tells how a line comes and goes: the exact frame, its fade, and whether the line or the picture changed.

Frames are gathered by `line_track`; the fade is fitted in `presence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from subremover.detect.frame import Frame
from subremover.detect.tracking.line_crop import LineCrop, correlate
from subremover.detect.tracking.presence import Rise, Template, find_rise
from subremover.geometry import Box

SURE = 0.5
"""Opacity from which a line counts as being on a frame, until its exact ends are known."""
UNCHANGED = 0.7
"""Opacity from which a line counts as unchanged since it was found, over any background."""
CLEAR_FRAMES, SHOWN_FRAMES = 4, 2
"""Most frames kept on the two sides of an end: without the line, and with all of it."""
DRIFT_STEPS = (0, 1, 2, 4, 7, 11)
"""Which faint frames beyond an end, counted from it, are searched for the line a few px away: lettering that
moves with the scene may drift slowly, and shows less where it lies between two px."""
WIPED = 0.3
"""Standard deviation of the opacity over a line's parts from which something passes over the line; fades stay
below 0.15."""

FAINT = 0.1
"""Opacity above the floor from which some part of a line shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is known of the film so far; the scan changes the lists as it goes on."""

    cuts: list[int]
    """First frames of shots but the first, ascending."""
    lettering: list[Box]
    """Boxes of lines that stand, or lately stood, on screen."""


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """How a line came, or went."""

    frame: int
    """The first, or last, on which it is visible at all."""
    rise: Rise
    """The fade, seen in the order in which the line becomes visible."""
    clear: np.ndarray
    """(m, h, w, 3) uint8, RGB, crops of the same shot without the line, nearest first."""
    shown: np.ndarray
    """(k, h, w, 3) uint8, RGB, crops with all of it, nearest first."""
    is_alone: bool
    """Whether the picture around it stayed meanwhile: no dissolve, and nothing that passed over it."""
    has_drifted: bool
    """Whether it left its place rather than the screen, as lettering of the scene does."""

    def opacity(self, frame: int) -> float:
        """Opacity of the line on a frame of its life, 0 to 1, as far as this end tells."""
        return self.rise.opacity(self.rise.first + abs(frame - self.frame))


def find_end(frames: list[Frame], line_crop: LineCrop, template: Template, reach: int, scene: Scene) -> End:
    """Work out the first frame of a line's life, or the last.

    Args:
        frames: In the order in which the line becomes visible: forward for its start, backward for its end.
        line_crop: Where the line stands.
        template: What the line looks like.
        reach: Most frames that a fade takes.
        scene: Cuts and other lettering.

    Returns:
        The end, with crops from both sides of it.
    """
    opacities = np.array([line_crop.opacity(f, template) for f in frames])
    below = np.flatnonzero(opacities < SURE)
    hard = min(int(below[-1]) + 1, len(frames) - 1) if len(below) else 0
    skip = max(0, hard - reach)
    rise = find_rise(opacities[skip:])
    rise = Rise(rise.first + skip, rise.frames, rise.floor)
    is_wiped = any(
        0.2 < opacities[i] < 0.8 and line_crop.spread(frames[i], template) > WIPED
        for i in range(rise.first, min(hard + 3, len(frames)))
    )
    full = frames[min(rise.first + int(np.ceil(rise.frames)), len(frames) - 1) :]
    if is_wiped and rise.frames:  # parts of it stand in full, others under another overlay: that is no fade
        visible = opacities[rise.first : hard + 1] > rise.floor + FAINT
        rise = Rise(rise.first + int(visible.argmax()), 0.0, rise.floor)
    edge = frames[rise.first].index
    beyond = frames[: rise.first][::-1]
    clear = [f for f in beyond if not _is_cut_between(f.index, edge, scene.cuts)]
    outside = line_crop.outside(scene.lettering)
    return End(
        edge,
        rise,
        line_crop.rgb(clear[:CLEAR_FRAMES]),
        line_crop.rgb(full[:SHOWN_FRAMES]),
        bool(clear) and not is_wiped and not _has_changed(clear[0], full, line_crop, outside),
        _has_drifted(beyond, line_crop, template),
    )


def _has_changed(clear: Frame, full: list[Frame], line_crop: LineCrop, outside: np.ndarray) -> bool:
    """Whether the picture around a line became another one as the line came."""
    distance, seen = abs(full[0].index - clear.index), len(full) - 1
    before, line, after = (line_crop.coarse(f) for f in (clear, full[0], full[min(distance, seen)]))
    usual = correlate(line, after, outside)
    if 0 < seen < distance:  # if the picture goes on as it does: correlation falls with the square of the way
        usual = max(usual, 0.0) ** (distance / seen) ** 2
    # Where the picture runs on under a line that stands, it is the line that is laid over it.
    return usual > 0.3 and correlate(before, line, outside) < 0.6 * usual


def _has_drifted(frames: Sequence[Frame], line_crop: LineCrop, template: Template) -> bool:
    """Whether frames beyond an end, nearest first, show the line a few px off its place."""
    faint = [(f, line_crop.opacity(f, template)) for f in frames]
    faint = [(f, opacity) for f, opacity in faint if opacity < UNCHANGED]
    return any(
        line_crop.opacity_nearby(frame, template) > max(0.75, opacity + 0.2)
        for frame, opacity in (faint[step] for step in DRIFT_STEPS if step < len(faint))
    )


def _is_cut_between(one: int, other: int, cuts: list[int]) -> bool:
    """Whether two frames are of different shots."""
    low, high = min(one, other), max(one, other)
    return any(low < cut <= high for cut in cuts)
