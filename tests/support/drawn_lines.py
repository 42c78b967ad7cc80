"""Lines of text as the scan would measure them, for tests of what is told of them."""

from dataclasses import replace

import numpy as np

from subremover.detect.classify.features import Film
from subremover.detect.classify.line import Life, Line
from subremover.detect.classify.traits import Traits
from subremover.geometry import Box

FILM = Film(640, 360, 2400, 24.0)
DRAWN = Traits(
    sharpness=1.0,
    stillness=1.5,
    around_deviation=2.5,
    unrest=-3.4,
    arrival=1.5,
    departure=1.5,
    outline=0.6,
    contrast=0.7,
    unevenness=0.6,
    density=0.5,
    slope=0.0,
    plainness=0.1,
    on_board=False,
    yellow=0.0,
    saturated=0.0,
)
"""White with a black outline, over a moving picture."""
FILMED = replace(DRAWN, sharpness=-0.7, stillness=0.0, unrest=-0.7, unevenness=2.5, slope=0.3)
"""A sign before a camera in somebody's hand."""
ALONE = Life(True, True, False, False, False, 0, 1, 0.95)
CUT_TO_CUT = Life(False, False, True, True, False, 0, 1, 0.95)
WHITE, YELLOW = (3, 3, 3), (3, 3, 0)


def make_line(middle, size=(240, 24), span=(100, 148), *, colour=WHITE, **changes) -> Line:
    """A white subtitle, its middle there, that comes and goes while the picture stays."""
    box = Box(middle[0] - size[0] // 2, middle[1] - size[1] // 2, *size)
    colours = np.zeros((4, 4, 4), np.float32)
    colours[colour] = 1
    first, last = span
    line = Line(
        first,
        last,
        box,
        box,
        np.ones((box.height, box.width), bool),
        np.ones(last - first + 1, np.float32),
        text="Good morning to you",
        confidence=0.95,
        life=ALONE,
        traits=DRAWN,
        colours=colours,
    )
    return replace(line, **changes)


SUBTITLES = [make_line((320, 320), (120 + 40 * n, 24 - n % 3), (100 * n, 100 * n + 50)) for n in range(6)]
