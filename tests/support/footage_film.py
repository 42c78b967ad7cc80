"""Footage in memory."""

import cv2
import numpy as np

from subremover.geometry import Box

SIZE = (120, 240)


BOX = Box(40, 40, 160, 56)
LETTERS = np.zeros(SIZE, bool)
for _x in range(60, 180, 24):  # 5 px strokes
    LETTERS[60:76, _x : _x + 5] = True
    LETTERS[60:65, _x : _x + 8] = True


def draw_texture(seed=3):
    noise = np.random.default_rng(seed).uniform(-1, 1, (400, 1000, 3)).astype(np.float32)
    return np.clip(127 + 90 * np.tanh(6 * cv2.GaussianBlur(noise, (0, 0), 3)), 0, 255).astype(np.uint8)


class Film:
    """Frames in memory as footage; asks are noted, and subtitles are white, over lettering that stays."""

    def __init__(self, clean, masks, stays=None):
        self.clean, self.masks, self.stays = clean, masks, stays
        self.asked, self._shared = set(), {}
        self.frames = sorted(clean)
        self.size = SIZE[::-1]
        self._shown = {f: np.where(self._mask(f)[..., None], np.uint8(255), p) for f, p in clean.items()}

    def _mask(self, frame):
        mask = self.masks.get(frame)
        return np.zeros(SIZE, bool) if mask is None else mask

    def luma(self, frame):
        return cv2.cvtColor(self._shown[frame], cv2.COLOR_RGB2GRAY)

    def crop(self, frame, box):
        assert min(box.x, box.y) >= 0
        assert box.right <= SIZE[1]
        assert box.bottom <= SIZE[0]
        self.asked.add(frame)
        return self._shown[frame][box.slices].astype(np.float32) / 255

    def mask(self, frame):
        return self.masks.get(frame) if self.stays is None else self._mask(frame) | self.stays

    def lettering(self, frame, _target):
        if self.stays is None:
            return None
        return self._shared.setdefault(frame in self.masks, self.stays & ~self._mask(frame))


def draw_footage(dx, count, dy=0.0, masked=range(1000), seed=3):
    texture = draw_texture(seed)
    clean = {}
    for i in range(count):
        place = np.array([[1, 0, 20 + dx * i], [0, 1, 100 + dy * i]], np.float32)
        clean[i] = cv2.warpAffine(texture, place, SIZE[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    return Film(clean, {i: LETTERS for i in range(count) if i in masked})


def hole_psnr(film, frame, borrowed):
    hole = film.masks[frame][BOX.slices] & np.isfinite(borrowed.error)
    off = borrowed.picture[hole] - film.clean[frame][BOX.slices][hole] / 255
    return float(-10 * np.log10(np.square(off).mean() + 1e-9))
