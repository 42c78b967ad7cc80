"""Films of a camera that moves along, with a subtitle for a while."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from media import draw_subtitle, draw_texture

from subremover.video.film import Film
from subremover.video.read.probe import probe

SIZE = 192, 96


HELD = 8, 40
"""First and last frame of a subtitle over a pan, across the ends of a window."""


def write_film(path: Path, pictures: list[np.ndarray]) -> Film:
    """Without loss."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=Fraction(25))
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv444p"
        for picture in pictures:
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv444p")))
        out.mux(video.encode(None))
    return probe(path)


def draw_pan(count: int, cut: int | None = None) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Pictures without and with a subtitle, and its (H, W) bool mask; another scene from a cut on."""
    clean = [
        draw_texture(SIZE, (1.5 * index, 0), seed=int(cut is not None and index >= cut))
        for index in range(count)
    ]
    mask = draw_subtitle(clean[0], "Hello")[1]
    subbed = [
        draw_subtitle(picture, "Hello")[0] if HELD[0] <= index <= HELD[1] else picture
        for index, picture in enumerate(clean)
    ]
    return clean, subbed, mask
