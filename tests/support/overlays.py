"""Letters and panes laid over drawn backgrounds, with the truth."""

import cv2
import numpy as np

SIZE = 60, 200


def draw_background(shift: int) -> np.ndarray:
    """(h, w, 3) float32, blots in all colours; the camera pans."""
    rng = np.random.default_rng(3)
    noise = rng.random((SIZE[0], SIZE[1] + 200, 3)).astype(np.float32)
    blots = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.clip(0.5 + 4 * (blots - 0.5), 0.05, 0.95)[:, shift : shift + SIZE[1]]


def draw_letters() -> tuple[np.ndarray, np.ndarray]:
    """Coverage (h, w, 1) of the letters with a dark outline, and their colour (h, w, 3)."""
    fill, edge = np.zeros((2, *SIZE), np.uint8)
    for canvas, thickness in ((edge, 8), (fill, 3)):
        cv2.putText(canvas, "Wind?", (25, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, thickness, cv2.LINE_AA)
    colour = np.repeat(fill[..., None].astype(np.float32) / 255, 3, 2)
    return edge[..., None].astype(np.float32) / 255, colour


def draw_frame(background: np.ndarray, opacity: float, shadow: float = 0.0) -> np.ndarray:
    """A background under letters, over a black layer of the same shape; coding noise on top."""
    cover, colour = draw_letters()
    mixed = background * (1 - shadow * opacity * cover)
    mixed = mixed + opacity * cover * (colour - mixed)
    noise = np.random.default_rng(int(opacity * 100)).normal(0, 1 / 255, mixed.shape)
    return (mixed + noise).astype(np.float32)


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(one - other)[where].mean()))


def draw_pane(background: np.ndarray, rest: float, colour: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A plate with letters on a background, and its (h, w) bool."""
    plate = np.zeros(SIZE, bool)
    plate[8:52, 10:190] = True
    cover, letters = draw_letters()
    cover = cover * letters
    tinted = np.where(plate[..., None], rest * background + (1 - rest) * colour, background)
    return (tinted + cover * (1 - tinted)).astype(np.float32), plate
