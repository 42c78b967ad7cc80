"""Marks which pixels of a line belong to the subtitle: strokes, outline, shadow, box and coding noise.

Each pixel gets log odds of being the subtitle's, summed from three sources. First and strongest, the
difference from what other frames show there (motion/background.py): text-free frames of the shot, or, where
there are none, the event's own other frames, as far as a moving camera uncovers what the lettering hides.
Second, contrast (`gradient`). Third, stillness: a subtitle does not sway with the picture. The odds are then
smoothed over neighbours and cut at a threshold. Lines are found and followed elsewhere, drawn boxes found in
`boxes`.
See docs/measurements.md, "detect/masking/strokes: sources".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from subremover.detect.masking.boxes import find_bordered_box, find_jumping_box, find_plain_box
from subremover.detect.masking.gradient import disc, mark_lettering
from subremover.detect.masking.rim import complete_rim, follow_glow, grow_soft_rim
from subremover.motion.align import View
from subremover.motion.background import find_background
from subremover.motion.normalised_convolution import mean_around
from subremover.motion.scoring import greatest
from subremover.runtime.profile import stage

CODING_LEVELS = 4.0
"""Most coding noise beside strong lettering, in levels, on top of the background's expected error."""
SUBTITLE_LEVELS = 80.0
"""Typical difference of a subtitle from its background, in levels; the greater, the less is marked.
See docs/measurements.md, "detect/masking/strokes: odds"."""
CHROMA_SHARE = 0.5
"""Weight of a colour difference against one of luma: chroma samples are coarse and reach beyond the letters.
See docs/measurements.md, "detect/masking/strokes: odds"."""
CONTRAST_ODDS, CONTRAST_ALONE_ODDS = 0.1, 0.5
"""Log odds by contrast: for with it, against without. The first, where text-free frames are there, only tips
what their difference leaves open; the second decides where nothing shows the background.
See docs/measurements.md, "detect/masking/strokes: odds"."""
FAR_ODDS = 1.0
"""Log odds against pixels far from all contrast, which mostly are something that moved; a glow or a box has
stronger odds by difference. See docs/measurements.md, "detect/masking/strokes: odds"."""
LOST_ODDS = 0.6, -1.5
"""Log odds by contrast, with and without it, where the background is so unsure that any change is likely.
See docs/measurements.md, "detect/masking/strokes: odds"."""
LOST_ERROR = 8.0, 18.0
"""Expected error of the background, in levels, from which on these count, and from which on in full."""
WEAK_ODDS, SURE_ODDS = -0.8, 1.0
"""Log odds of a hysteresis: pixels above the first count where they are joined to some above the second, so
that soft rims are marked."""
ALONE_ODDS = -0.7, 0.4
"""The same two where there is no text-free frame.
See docs/measurements.md, "detect/masking/strokes: odds"."""
RIM_ODDS = -1.5
"""Log odds from which pixels right beside the mask are added to it."""
LARGE_PX, SHRUNK_PX = 80, 36
"""Lines from the first height on, in px, are marked in crops shrunk until they have the second.
See docs/measurements.md, "detect/masking/strokes: large lines"."""
BLIND_LEVELS, PLAIN_LEVELS = 16.0, 6.0
"""Levels by which backgrounds differ at least where one of them hides what the other shows, and the standard
deviation below which one is plain: no other hides a whole outline."""
CALM_ERROR = 4.0
"""Expected error of the background, in levels, above which the line is marked a second time, by more frames,
and with the strokes found first as the hole instead of the whole line.
See docs/measurements.md, "detect/masking/strokes: second look"."""


_WEIGHT_COLOURS = np.array(  # RGB to luma, and red and blue less luma
    [
        (0.299, 0.587, 0.114),
        (0.701 * CHROMA_SHARE, -0.587 * CHROMA_SHARE, -0.114 * CHROMA_SHARE),
        (-0.299 * CHROMA_SHARE, -0.587 * CHROMA_SHARE, 0.886 * CHROMA_SHARE),
    ],
    np.float32,
)


@dataclass(frozen=True, slots=True, eq=False)
class Clear:
    """Text-free frames of the same shot on one side of an event."""

    pictures: np.ndarray
    """(m, h, w, 3) uint8, RGB, nearest to the event first."""
    shown: np.ndarray
    """(k, h, w, 3) uint8, RGB, the event's frames nearest to that end, at full opacity."""
    known: np.ndarray | None = None
    """(m, h, w) bool, False where other lettering covers the pictures; None: nowhere."""

    def is_known(self, number: int) -> np.ndarray:
        """(h, w) bool, where a picture shows what is behind the event."""
        known: np.ndarray = (
            np.ones(self.pictures.shape[1:3], bool) if self.known is None else self.known[number]
        )
        return known


@dataclass(frozen=True, slots=True, eq=False)
class _Difference:
    """How frames of the event differ from the background."""

    change: np.ndarray
    """(h, w) float32, levels."""
    error: np.ndarray
    """(h, w) float32, levels: the change to be expected without a subtitle."""
    shown: np.ndarray
    """(h, w, 3) float32, RGB, the frames, with the subtitle."""
    background: np.ndarray
    """(h, w, 3) float32, RGB, the picture without it."""


@stage("scan: strokes")
def find_strokes(
    shown: np.ndarray, line: np.ndarray, lettering: np.ndarray, clear: list[Clear]
) -> np.ndarray:
    """Mark the pixels that a line of text covers.

    Args:
        shown: (n, h, w, 3) uint8, RGB, the event's frames at full opacity in the order of time, spread over
            its life, the line with its height of surroundings around it.
        line: (h, w) bool, the detector's box of the line.
        lettering: (h, w) bool, the boxes of this and all other lines that stand there about then.
        clear: Text-free frames at the event's ends, up to two sets; none for an end where a cut or the film's
            end lies.

    Returns:
        (h, w) bool, True on the line's pixels; may be empty.
    """
    height_px = min(int(line.any(axis=1).sum()), int(line.any(axis=0).sum()))
    if height_px >= LARGE_PX:
        return _find_coarsely(height_px / SHRUNK_PX, shown, line, lettering, clear)
    reach_px = max(3, height_px // 4)  # most glows and shadows end within it
    around = _grow(lettering, reach_px)
    steady = np.median(shown[:: 2 if clear else 1], axis=0).astype(np.float32)
    contrast = mark_lettering(steady, line, lettering)
    contrast_odds = CONTRAST_ODDS if clear else CONTRAST_ALONE_ODDS
    hints = np.where(contrast, contrast_odds, -contrast_odds) * (line | contrast)
    hints = hints + _odds_by_steadiness(shown, ~around, contrast)
    hints -= FAR_ODDS * _farness(contrast, height_px / 8)
    if not clear:
        hole = _grow(contrast, 1) | (lettering & ~line)
        odds = _smooth_odds(hints + _odds_by_difference(_differ_among(shown, ~hole), line, is_clear=False))
        mask = _join(odds, line, line & _grow(contrast, 1), *ALONE_ODDS)
        box = _find_standing_box(shown, line, lettering)
        whole = _complete(mask, steady, line, reach_px)
        return grow_soft_rim(whole, steady, reach_px) if box is None else mask | box

    near = _grow(line, reach_px)
    box = find_jumping_box(_jump(clear), line)
    hole = around if box is None else around | _grow(box, 2)
    differences = _differ_from_clear(shown, clear, ~hole, targets=1, sources=2)
    error = min(float(d.error[line].mean()) for d in differences)
    if box is None:
        trust = [1 / (float(d.error[line].mean()) + 2) ** 2 for d in differences]
        box = find_jumping_box(np.average([d.change for d in differences], axis=0, weights=trust), line)
    box = _find_standing_box(shown, line, lettering) if box is None else box
    near = near if box is None else near | box
    odds = _weigh(differences, hints, contrast, line)
    if error > CALM_ERROR:
        if box is None:
            hole = _grow(_join(odds, line, near) | contrast, 2) | (lettering & ~line)
        differences = _differ_from_clear(shown, clear, ~hole, targets=2, sources=3)
        odds = _weigh(differences, hints, contrast, line)
    mask = _join(odds, line, near)
    mask |= _grow(mask, 1) & (odds > RIM_ODDS) & near
    strong = _find_strong(differences, ~_grow(mask, reach_px))
    whole = _complete(mask, steady, line, reach_px, strong) if box is None else mask | box
    calmest = min(differences, key=lambda d: float(d.error[line].mean()))
    other = _grow(lettering & ~line, reach_px)
    return follow_glow(whole, calmest.shown - calmest.background, ~other, reach_px)


def _find_standing_box(shown: np.ndarray, line: np.ndarray, lettering: np.ndarray) -> np.ndarray | None:
    """(h, w) bool, the drawn box of a line, told by its borders alone; None where there is none."""
    box = find_plain_box(shown, line, lettering)
    return find_bordered_box(shown, line) if box is None else _grow(box, 1)  # for coding noise


def _complete(
    mask: np.ndarray, steady: np.ndarray, line: np.ndarray, reach_px: int, strong: np.ndarray | None = None
) -> np.ndarray:
    """(h, w) bool, the mask with whole rims and without pinholes."""
    rims = complete_rim(mask, steady, line, reach_px, strong)
    whole: np.ndarray = cv2.morphologyEx(rims.astype(np.uint8), cv2.MORPH_CLOSE, disc(1)).astype(bool)
    return whole


def _find_coarsely(
    factor: float, shown: np.ndarray, line: np.ndarray, lettering: np.ndarray, clear: list[Clear]
) -> np.ndarray:
    """`find_strokes` for large lettering, on crops shrunk by a factor."""
    height, width = line.shape
    size = (max(1, round(width / factor)), max(1, round(height / factor)))

    def shrink(pictures: np.ndarray) -> np.ndarray:
        return np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in pictures])

    boxes = [shrink(box[None].astype(np.float32))[0] > 0 for box in (line, lettering)]
    ends = [
        Clear(
            shrink(end.pictures),
            shrink(end.shown),
            None if end.known is None else shrink(end.known.astype(np.float32)) > 0.99,
        )
        for end in clear
    ]
    strokes = find_strokes(shrink(shown), boxes[0], boxes[1], ends)
    smooth = cv2.resize(strokes.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    mask = smooth > 0.4  # below a half: what a coarse pixel half covers is covered
    box = _find_standing_box(shown, line, lettering)
    return mask if box is None else mask | box


def _jump(clear: list[Clear]) -> np.ndarray:
    """(h, w) float32, levels by which the picture changes as the subtitle comes and goes, motion included."""
    jumps = [greatest(cv2.absdiff(end.shown[0], end.pictures[0])) * end.is_known(0) for end in clear]
    mean: np.ndarray = np.mean(jumps, axis=0).astype(np.float32)
    return mean


def _differ_from_clear(
    shown: np.ndarray, clear: list[Clear], known: np.ndarray, *, targets: int, sources: int
) -> list[_Difference]:
    """Differences from the text-free frames, at the ends and in the middle of the event's life."""
    views = [
        [View(p, end.is_known(number)) for number, p in enumerate(end.pictures[:sources])] for end in clear
    ]
    differences = [
        _differ([View(p, known) for p in end.shown[:targets]], near)
        for end, near in zip(clear, views, strict=True)
    ]
    both = [view for near in views for view in near[: 4 // len(clear)]]
    return [*differences, _differ([View(shown[len(shown) // 2], known)], both)]


def _differ_among(shown: np.ndarray, known: np.ndarray) -> list[_Difference]:
    """Differences of the event's frames from what each other show outside the lettering."""
    if len(shown) < 2:
        return []
    views = [View(shown[i], known) for i in np.unique(np.linspace(0, len(shown) - 1, 6).round().astype(int))]
    targets = sorted({0, len(views) // 2, len(views) - 1})
    return [_differ([views[i]], [v for v in views if v is not views[i]]) for i in targets]


def _differ(targets: Sequence[View], sources: Sequence[View]) -> _Difference:
    """The mean difference of targets from their backgrounds: averaging quietens grain."""
    known, signed, squares, coloured, backgrounds = targets[0].known, [], [], [], []
    for target in targets:
        background = find_background(target, sources)
        difference = cv2.subtract(target.picture, background.picture, dtype=cv2.CV_32F)
        difference[~background.covered] = 0
        backgrounds.append(cv2.subtract(target.picture, difference, dtype=cv2.CV_32F))
        signed.append(cv2.transform(difference, _WEIGHT_COLOURS))
        squares.append(np.minimum(background.error, 255) ** 2)
        coloured.append(mean_around(greatest(np.abs(difference)) ** 2, known))
    change = greatest(np.abs(np.mean(signed, axis=0)))
    # The background's error is one frame's, in full colour; the mean's, in weighted colour, is less.
    ratio = (mean_around(change**2, known) + 1) / (np.mean(coloured, axis=0) + 1)
    error = np.sqrt(np.mean(squares, axis=0) * np.clip(ratio, 0.1, 1))
    shown = np.stack([target.picture for target in targets]).astype(np.float32)
    return _Difference(change, error, shown.mean(axis=0), np.stack(backgrounds).mean(axis=0))


def _weigh(
    differences: list[_Difference], hints: np.ndarray, contrast: np.ndarray, line: np.ndarray
) -> np.ndarray:
    """(h, w) float32 log odds by differences from text-free frames, and by the other sources where needed."""
    precision = np.mean([1 / (difference.error**2 + 1) for difference in differences], axis=0)
    lost = np.interp(precision**-0.5, LOST_ERROR, (0, 1))
    odds = _odds_by_difference(differences, line) + lost * np.where(contrast, *LOST_ODDS)
    return _smooth_odds(odds + hints * _doubt(differences))


def _find_strong(differences: list[_Difference], beyond: np.ndarray) -> np.ndarray:
    """(h, w) bool, where the picture changes by more than coding noise, and than beyond the lettering.

    See docs/measurements.md, "detect/masking/rim: completed".
    """
    weights = [1 / (difference.error**2 + CODING_LEVELS**2) for difference in differences]
    change = np.average([difference.change for difference in differences], axis=0, weights=weights)
    usual = float(np.median(change[beyond])) if beyond.any() else 0.0
    strong: np.ndarray = change > max(CODING_LEVELS, 2 * usual)
    return strong


def _odds_by_difference(
    differences: list[_Difference], line: np.ndarray, *, is_clear: bool = True
) -> np.ndarray | float:
    """(h, w) log odds by the differences: of a change without a subtitle (Laplace) against a subtitle's.

    Only backgrounds from text-free frames, `is_clear`, are sure enough to tell where a plain one hides it.
    """
    odds, weights = [], []
    for difference in differences:
        # Faint lettering, white on white, rings less.
        noise = np.clip(0.04 * float(np.percentile(difference.change[line], 95)), 1.5, CODING_LEVELS)
        expected = np.sqrt(difference.error**2 + noise**2)
        own = np.sqrt(2) * difference.change / expected - np.log(SUBTITLE_LEVELS / expected)
        # Clipped, so that motion at one end cannot outvote calm elsewhere; nothing is learnt from nothing.
        odds.append(np.where(expected < SUBTITLE_LEVELS, np.clip(own, -3, 3), 0))
        weight = 1 / expected**2
        if is_clear and float(difference.background[line].std(axis=0).max()) < PLAIN_LEVELS:
            weight[(own < 0) & _is_blind(difference, differences)] = 1e-6
        weights.append(weight)
    return np.average(odds, axis=0, weights=weights) if odds else 0.0


def _is_blind(difference: _Difference, differences: list[_Difference]) -> np.ndarray:
    """(h, w) bool, where no change is no evidence: a colour that stays as the background becomes another.

    So does a black outline that begins on a black picture.
    """
    blind = np.zeros(difference.change.shape, bool)
    for other in differences:
        behind = greatest(np.abs(difference.background - other.background))
        kept = greatest(np.abs(difference.shown - other.shown))
        blind |= behind > np.maximum(2 * kept, BLIND_LEVELS)
    return _grow(blind, 2)  # soft edges as well


def _doubt(differences: list[_Difference]) -> np.ndarray:
    """(h, w) weight of the other sources: 0 where the background is certain enough to do without, up to 1."""
    error = np.mean([difference.error for difference in differences], axis=0)
    doubt: np.ndarray = np.clip((error - 3) / 5, 0, 1)
    return doubt


def _odds_by_steadiness(shown: np.ndarray, known: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """(h, w) log odds by stillness: a pixel of a subtitle, even of karaoke, does not go both up and down."""
    if len(shown) < 4:
        return np.zeros(known.shape, np.float32)
    low = high = shown[0]
    rise = fall = np.zeros_like(low)
    for picture in shown[1:]:
        rise, fall = cv2.max(rise, cv2.subtract(picture, low)), cv2.max(fall, cv2.subtract(high, picture))
        low, high = cv2.min(low, picture), cv2.max(high, picture)
    sway = cv2.blur(greatest(cv2.min(rise, fall)).astype(np.float32), (3, 3))
    usual = np.sqrt(mean_around(sway**2, known))
    # Where the picture around sways, a steady pixel stands out; in a calm one steadiness says nothing.
    steady = np.clip(np.log(0.4 * (usual + 4) / (sway + 4)), -1, 1) * np.clip((usual - 20) / 30, 0, 1)
    calm = float(np.median(sway[known])) if known.any() else 0.0
    # What something passes through is not opaque; lettering that blinks still has its contrast.
    passed = np.clip((sway - 1.5 * calm - 25) / 15, 0, 2.5) * ~contrast
    odds: np.ndarray = steady - passed
    return odds


def _farness(contrast: np.ndarray, step_px: float) -> np.ndarray:
    """(h, w) from 0 within a step of any contrast to 1 from two steps on; 0 where there is none at all."""
    if not contrast.any():
        return np.zeros(contrast.shape, np.float32)
    distance = cv2.distanceTransform((~contrast).astype(np.uint8), cv2.DIST_L2, 5)
    farness: np.ndarray = np.clip(distance / step_px - 1, 0, 1)
    return farness


def _smooth_odds(odds: np.ndarray) -> np.ndarray:
    """(h, w) float32 log odds, each drawn towards its neighbours' by three rounds of a mean field."""
    smoothed = own = odds.astype(np.float32)
    for _ in range(3):
        smoothed = own + 0.7 * cv2.GaussianBlur(np.tanh(smoothed / 2), (0, 0), 1.0)
    return smoothed


def _join(
    odds: np.ndarray, line: np.ndarray, near: np.ndarray, weak: float = WEAK_ODDS, sure: float = SURE_ODDS
) -> np.ndarray:
    """(h, w) bool: pixels above the weak odds that are joined to some above the sure odds within the line."""
    count, labels = cv2.connectedComponents((odds > weak).astype(np.uint8), connectivity=8)
    is_sure = np.bincount(labels[(odds > sure) & line], minlength=count) >= 3  # specks are noise
    is_sure[0] = False
    mask = cv2.morphologyEx((is_sure[labels] & near).astype(np.uint8), cv2.MORPH_CLOSE, disc(1))
    joined: np.ndarray = mask.astype(bool)
    return joined


def _grow(mask: np.ndarray, px: int) -> np.ndarray:
    """(h, w) bool, the mask grown by so many px on all sides."""
    grown: np.ndarray = cv2.dilate(mask.astype(np.uint8), disc(px)).astype(bool)
    return grown
