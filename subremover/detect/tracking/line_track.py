"""Follows one line of text through the film: on which frames it stands, and crops to mark its strokes by.

Whole frames are kept only while the line's start is in sight, crops of a few frames for good. The ends are
worked out in `ends`, the strokes in `masking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from subremover.detect.frame import Frame
from subremover.detect.tracking.ends import SURE, UNCHANGED, End, Scene, find_end
from subremover.detect.tracking.line_crop import LineCrop, correlate
from subremover.geometry import Box

LEAST_FRAMES = 2
"""Least number of frames on which a subtitle stands unchanged; an event of three frames has one to spare."""
PASSING_FRAMES = 4
"""Frames without the line after which one that stood for less than `LEAST_FRAMES` is given up."""
GAP = 0.15
"""Opacity below which a line counts as off the screen in the midst of its life."""
MOST_CROPS, CROP_STRIDE = 24, 4
"""Most crops kept of a line's life, and frames between them at first; where there are too many, every other
one is dropped, so that memory is bounded."""


MUCH_HIGHER = 2.5
"""How many times as high a box must be for another line: now and then the detector takes much of the picture
around a line for one."""


class LineTrack:
    """A line under observation: made when it is found, then `follow` frame by frame, then `close`."""

    def __init__(self, frame: Frame, line: Box, reach: int, before: Sequence[Frame]) -> None:
        """Begin with a frame on which the detector found the line.

        Args:
            frame: That frame.
            line: The detector's box.
            reach: Frames seen around an end of the line's life: enough for a fade.
            before: The frames before it, oldest first.
        """
        self.line_crop = LineCrop.of(line, *frame.luma.shape)
        self.found = self.last_sure = frame.index
        self.is_gone = False
        """Whether it was not seen for so long that it will not come back."""
        self.frame_sharpness = frame.sharpness
        """Of the frame on which it was found, see `Traits.sharpness`."""
        self.float_count = 0
        """How often the picture around the line became another one while it stood."""
        self._reach = reach
        self._template = self.line_crop.template([frame])
        self._around = self.line_crop.coarse(frame)
        self._latest = frame
        self._opening = [*before, frame]
        self._begin = self._opening[0].index
        self._opacities = [self._opacity(f) for f in self._opening]
        self.sure_count = sum(opacity > UNCHANGED for opacity in self._opacities)
        """Frames on which the line stood unchanged."""
        self._start: End | None = None
        self._crops = [*self.line_crop.rgb([frame])]
        self._stride = CROP_STRIDE

    @property
    def line(self) -> Box:
        """The detector's box."""
        return self.line_crop.line

    @property
    def is_present(self) -> bool:
        """Whether the latest frame shows the line."""
        return self._latest.index == self.last_sure

    @property
    def since(self) -> int:
        """The first frame that shows it, of those that were seen."""
        shown = [place for place, opacity in enumerate(self._opacities) if opacity > SURE]
        return self._begin + shown[0] if shown else self.found

    @property
    def sees_its_start(self) -> bool:
        """Whether the frames before it was found go back to before it came."""
        return not self.shows(self._begin)

    def follow(self, frame: Frame, scene: Scene) -> None:
        """Look for the line on the next frame.

        Args:
            frame: The one after the last frame that was followed.
            scene: Cuts and other lettering.
        """
        opacity = self._opacity(frame)
        self._opacities.append(opacity)
        if opacity > SURE:
            self.last_sure = frame.index
        self.sure_count += opacity > UNCHANGED
        # What is at another place on the next frame is no subtitle, with no fade to be followed.
        patience = self._reach if self.sure_count >= LEAST_FRAMES else PASSING_FRAMES
        self.is_gone = frame.index - self.last_sure >= patience
        if self._opening:
            self._opening.append(frame)
            if frame.index - self.found >= self._reach:
                self._close_opening(scene)
        if opacity > 0.8 and (frame.index - self.found) % self._stride == 0:
            self._keep(frame, scene)
        self._latest = frame

    def shows(self, index: int) -> bool:
        """Whether the line stood on the frame of this index; False before the track begins."""
        place = index - self._begin
        return 0 <= place < len(self._opacities) and self._opacities[place] > SURE

    def is_same(self, other: LineTrack) -> bool:
        """Whether two tracks follow the same line: at the same place, on the same frames."""
        common = self.line.intersect(other.line)
        if not common or common.area < 0.5 * min(self.line.area, other.line.area):
            return False
        longer = max(self.line, other.line, key=lambda line: line.area)
        low, high = sorted(
            line.height if longer.width >= longer.height else line.width for line in (self.line, other.line)
        )
        if high > MUCH_HIGHER * low:
            return False
        since = max(self._begin, other._begin)
        one = np.array(self._opacities[since - self._begin :]) > SURE
        two = np.array(other._opacities[since - other._begin :]) > SURE
        # Lines that follow each other share no frame; found in a fade, one seems to come sooner.
        return bool((one & two).sum() > 0.3 * (one | two).sum())

    def take_over(self, part: LineTrack, scene: Scene) -> None:
        """Go on for a track that follows a part of this line, and has done so for longer.

        Args:
            part: That track; it ends here.
            scene: Cuts and other lettering.
        """
        start = part._close_opening(scene)
        self._close_opening(scene)
        nothing = self.line_crop.rgb([])
        self._start = replace(start, clear=nothing, shown=nothing)
        before = part._opacities[: max(0, self._begin - part._begin)]
        self._opacities = [*before, *self._opacities]
        self._begin -= len(before)
        self.sure_count += sum(opacity > UNCHANGED for opacity in before)
        self.float_count += part.float_count

    def close(self, recent: Sequence[Frame], scene: Scene) -> tuple[End, End]:
        """How the line came and went; call once, when it is gone or the film ends.

        Args:
            recent: The latest frames, oldest first, from before `last_sure` on.
            scene: Cuts and other lettering.

        Returns:
            Its start and its end.
        """
        start = self._close_opening(scene)
        since = self.last_sure
        while self.shows(since - 1) and since > max(start.frame, self.last_sure - self._reach // 2):
            since -= 1
        closing = [f for f in recent if f.index >= since][::-1]
        return start, find_end(closing, self.line_crop, self._template, self._reach, scene)

    def shown(self, start: End, end: End) -> np.ndarray:
        """(n, h, w, 3) uint8, RGB, crops with all of the line, spread over its life between these ends."""
        return np.stack([*start.shown[::-1], *self._crops, *end.shown])

    def steadiness(self, first: int, last: int) -> float:
        """Mean opacity, 0 to 1, from frame first to frame last, both included."""
        return float(np.clip(self._opacities[first - self._begin : last - self._begin + 1], 0, 1).mean())

    def runs(self, first: int, last: int) -> list[tuple[int, int]]:
        """The stretches on which the line is on screen; more than one where it blinks or comes back.

        Args:
            first: Index of the first frame of its life.
            last: Index of the last one.

        Returns:
            First and last frame of each, both included.
        """
        shown = np.array(self._opacities[first - self._begin : last - self._begin + 1])
        is_off = shown < GAP
        is_off[[0, -1]] = False
        bounds = np.flatnonzero(np.diff(is_off.astype(np.int8))) + 1
        for left, right in zip(bounds[::2], bounds[1::2], strict=True):
            # In front of a bright background a line loses its contrast bit by bit; off the screen, at once.
            if min(shown[left - 1], shown[right]) < 0.6:
                is_off[left:right] = False
        edges = np.flatnonzero(np.diff(is_off.astype(np.int8), prepend=1, append=1))
        return [(first + int(a), first + int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def _close_opening(self, scene: Scene) -> End:
        """Find the beginning of the line's life, and let go of its frames."""
        if self._start is not None:
            return self._start
        frames, self._opening = self._opening, []
        shown = [f for f in frames if f.index >= self.found and self._opacity(f) > 0.8]
        # Found within a fade, the line was fainter than it is now; and over several frames what moves behind
        # it averages out.
        self._template = self.line_crop.template(shown[-8:] or frames[-1:])
        for frame in frames:
            self._opacities[frame.index - self._begin] = self._opacity(frame)
        self.sure_count = sum(opacity > UNCHANGED for opacity in self._opacities)
        until = self.found
        while self.shows(until + 1) and until < frames[-1].index:
            until += 1
        opening = [f for f in frames if f.index <= until]
        self._start = find_end(opening, self.line_crop, self._template, self._reach, scene)
        return self._start

    def _keep(self, frame: Frame, scene: Scene) -> None:
        """Keep a crop for good, and see whether the picture has moved on under the line."""
        self._crops += [*self.line_crop.rgb([frame])]
        if len(self._crops) > MOST_CROPS:
            self._crops, self._stride = self._crops[::2], 2 * self._stride
        around = self.line_crop.coarse(frame)
        if correlate(self._around, around, self.line_crop.outside(scene.lettering)) < 0.4:
            self.float_count += 1
            self._around = around

    def _opacity(self, frame: Frame) -> float:
        """How much of the line a frame shows, 0 to 1."""
        return self.line_crop.opacity(frame, self._template)
