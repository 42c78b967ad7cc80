"""Text lines of a picture, by the PP-OCR detector that ships inside the rapidocr package."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np

from subremover.geometry import Box

MAX_SIDE_PX = 960
"""Pictures are scaled down to this for the detector: 0.3 s on one core instead of 0.8 at 720p, and
the ten clips measured gave the same lines from 640 px up; smaller lettering wants the margin."""


class LineDetector:
    """Finds text lines. Holds the model, so make one and keep it."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(
            params={
                "EngineConfig.onnxruntime.intra_op_num_threads": os.cpu_count() or 1,
                "Det.limit_side_len": MAX_SIDE_PX,
                "Det.limit_type": "max",
                "Global.max_side_len": 1 << 16,  # the detector scales; a second scaling before it only blurs
                "Global.log_level": "critical",
            }
        )
        # An empty picture is normal here, but worth a warning to rapidocr.
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)

    def find_lines(self, picture: np.ndarray) -> list[Box]:
        """Lines of upright text, horizontal or vertical.

        Args:
            picture: (H, W, 3) uint8, RGB.

        Returns:
            Boxes a few px larger than the glyphs, inside the picture.
        """
        height, width = picture.shape[:2]
        found = self._engine(
            np.ascontiguousarray(picture[..., ::-1]), use_det=True, use_cls=False, use_rec=False
        )
        if found.boxes is None:
            return []
        lines = []
        for quad in np.asarray(found.boxes, np.float32):  # (4, 2), clockwise from the top left
            if not _is_level(quad):
                continue
            left, top = np.floor(quad.min(axis=0)).astype(int)
            right, bottom = np.ceil(quad.max(axis=0)).astype(int) + 1
            lines.append(Box(int(left), int(top), int(right - left), int(bottom - top)).clip(width, height))
        return lines


def _is_level(quad: np.ndarray) -> bool:
    """Subtitles stand level; a slope above one in six is lettering of the scene."""
    along = quad[1] - quad[0]
    return bool(abs(along[1]) <= abs(along[0]) / 6)
