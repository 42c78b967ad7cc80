import numpy as np
from media import draw_picture

from subremover.motion.shots import CutDetector, shots_from_cuts
from subremover.plan import Shot


def _find_cuts(pictures):
    detector = CutDetector()
    return [index for index, picture in enumerate(pictures) if detector.is_cut(picture)]


def test_a_cut_is_found_on_the_very_frame():
    pictures = [draw_picture(i, (320, 180)) for i in range(20)]
    pictures += [np.ascontiguousarray(255 - draw_picture(i, (320, 180))[::-1]) for i in range(20, 30)]
    assert _find_cuts(pictures) == [20]


def test_a_flash_and_a_fade_are_no_cuts():
    pictures = [draw_picture(i, (320, 180)).astype(float) for i in range(30)]
    pictures[10] = pictures[10] * 0.5 + 127
    fading = [p * max(0.0, 1 - (i - 15) / 12) if i > 15 else p for i, p in enumerate(pictures)]
    assert _find_cuts([p.astype(np.uint8) for p in fading]) == []


def test_shots_cover_the_film():
    assert shots_from_cuts([4, 9], 12) == (Shot(0, 3), Shot(4, 8), Shot(9, 11))
    assert shots_from_cuts([], 5) == (Shot(0, 4),)
