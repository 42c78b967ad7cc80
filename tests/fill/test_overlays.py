from dataclasses import replace

import numpy as np
from overlays import SIZE, draw_background, draw_frame, draw_letters, draw_pane, psnr

from subremover.fill.overlays import Overlays, Unmixed
from subremover.geometry import Box
from subremover.plan.model import Event

FIRST, RISE, FULL = 3, 6, 25
"""An event that fades in over RISE frames, stands for FULL, and goes at once."""


def make_event(strokes: np.ndarray, opacities: np.ndarray, first: int = FIRST) -> Event:
    box = Box(0, 0, strokes.shape[1], strokes.shape[0])
    return Event(first, first + len(opacities) - 1, box, strokes, opacities.astype(np.float32))


def fading_event() -> Event:
    opacities = np.append((np.arange(RISE) + 0.5) / RISE, np.ones(FULL))
    return make_event(draw_letters()[0][..., 0] > 0, opacities)


def draw_film(event: Event) -> list[np.ndarray]:
    frames = []
    for index in range(event.last + 3):
        is_on = event.first <= index <= event.last
        opacity = float(event.opacities[index - event.first]) if is_on else 0.0
        frames.append(draw_frame(draw_background(2 * index), opacity))
    return frames


def take(event: Event, frames: dict[int, np.ndarray], cuts: set[int], *others: Event) -> dict[int, Unmixed]:
    overlays = Overlays([event, *others], cuts, SIZE[::-1])
    reads = [(i, lambda box, frame=frame: frame[box.slices]) for i, frame in frames.items()]
    for index, read in reads:
        overlays.feed(index, read)
    return dict(overlays.unmix(reads))


def test_the_faint_frames_of_a_fade_are_unmixed():
    event = fading_event()
    parts = take(event, dict(enumerate(draw_film(event))), set())
    assert sorted(parts) == [3, 4, 5]
    assert (parts[3].weight == event.strokes).all()
    middle = parts[5].weight[event.strokes]
    assert ((middle > 0) & (middle < 1)).all()
    for index in (3, 4):
        assert psnr(parts[index].picture, draw_background(2 * index), event.strokes) > 30


def test_windows_do_not_end_amid_a_fade():
    event = fading_event()
    overlays = Overlays([event], set(), SIZE[::-1])
    amid = []
    for index, frame in enumerate(draw_film(event)):
        overlays.feed(index, lambda box, frame=frame: frame[box.slices])
        amid.append(overlays.is_amid_fade(index))
    assert not any(amid[:FIRST])
    assert all(amid[FIRST : FIRST + RISE])
    assert not any(amid[FIRST + RISE + 8 :])


def test_a_fade_out_is_unmixed_by_what_earlier_windows_showed():
    event = fading_event()
    event = replace(event, opacities=event.opacities[::-1].copy())
    frames = list(enumerate(draw_film(event)))
    overlays = Overlays([event], set(), SIZE[::-1])
    found = {}
    for start in (0, 12, 24):
        window = [(i, lambda box, frame=frame: frame[box.slices]) for i, frame in frames[start : start + 12]]
        for index, read in window:
            overlays.feed(index, read)
        found.update(overlays.unmix(window))
    assert sorted(found) == [event.last - 2, event.last - 1, event.last]


def test_a_fade_stays_a_hole_where_too_little_is_known():
    event = fading_event()
    frames = dict(enumerate(draw_film(event)))
    few = {i: frame for i, frame in frames.items() if i < FIRST + RISE + 4}
    assert not take(event, few, set())
    assert not take(event, frames, {FIRST + RISE})  # a cut: another background
    assert not take(event, frames, set(), replace(event))  # two in one place
    assert not take(replace(event, opacities=np.full(RISE + FULL, 0.4, np.float32)), frames, set())


def test_lettering_that_stays_counts_where_it_comes_or_goes():
    event = fading_event()
    frames = dict(enumerate(draw_film(event)))

    def beside(first: int, last: int) -> Event:
        return replace(event, first=first, last=last, opacities=np.zeros(0, np.float32), remove=False)

    assert sorted(take(event, frames, set(), beside(0, event.last + 2))) == [3, 4, 5]  # the picture behind
    assert not take(event, frames, set(), beside(FIRST + 4, event.last))
    assert not take(event, frames, set(), beside(0, FIRST + 8))
    elsewhere = replace(beside(FIRST + 4, event.last), box=event.box.shift(0, event.box.height))
    assert sorted(take(event, frames, set(), elsewhere)) == [3, 4, 5]
    _, plate = draw_pane(draw_background(0), 0.4)
    boxed = make_event(plate, np.ones(11 - FIRST))
    panes = {
        i: draw_pane(draw_background(i), 0.4)[0] if i >= FIRST else draw_background(i) for i in range(11)
    }
    assert take(boxed, panes, set())
    assert not take(boxed, panes, set(), beside(0, FIRST - 1))  # no frame is clear


def test_a_see_through_box_is_unmixed_on_all_its_frames_but_for_the_letters():
    _, plate = draw_pane(draw_background(0), 0.4)
    event = make_event(plate, np.ones(11 - FIRST))
    frames = {
        i: draw_pane(draw_background(i), 0.4)[0] if i >= FIRST else draw_background(i) for i in range(11)
    }
    parts = take(event, frames, set())
    assert sorted(parts) == list(range(FIRST, 11))
    assert len({id(part.weight) for part in parts.values()}) == 1  # so that holes share an anchor
    where = parts[10].weight == 1
    assert 0.25 * plate.sum() < where.sum() < plate.sum()
    assert psnr(parts[10].picture, draw_background(10), where) > 30
    assert not take(event, frames, {FIRST})
    before = make_event(plate, np.ones(FIRST), first=0)
    assert not [i for i in take(event, frames, set(), before) if i >= FIRST]
