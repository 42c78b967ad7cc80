"""Finds the text lines of one picture, by the PP-OCR detector that ships inside the rapidocr package.

Where and when to look is up to `finder`; what the lines say is read by `detect.recogniser`.
"""

from __future__ import annotations

import logging
from typing import Any

import cv2
import numpy as np

from subremover.geometry import Box
from subremover.runtime.profile import stage

CLOSE_PIXELS, COARSE_PIXELS = 640 * 360, 480 * 270
"""Pictures of more pixels than the first are scaled down to about the second before the detector sees them;
smaller ones are looked at as they are. See docs/measurements.md, "detect/candidates/line_detector: size"."""
LEAST_SIDE_PX = 64
"""Narrower parts get a border until they are so wide and high, in px: the detector needs surroundings."""


class LineDetector:
    """Finds text lines in pictures. Holds the model, so make one and keep it."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(
            params={
                # Two threads, whatever the machine; sums come out the same for any number of them.
                # See docs/measurements.md, "detect/candidates/line_detector: threads".
                "EngineConfig.onnxruntime.intra_op_num_threads": 2,
                "EngineConfig.onnxruntime.use_cuda": False,  # see docs/limits.md, "Where it runs"
                "Det.limit_side_len": 1 << 16,  # the scaling is done here
                "Det.limit_type": "max",
                "Global.max_side_len": 1 << 16,
                "Global.width_height_ratio": -1,  # wide strips are looked at as they are, not padded
                "Global.log_level": "critical",
            }
        )
        # rapidocr warns of every picture without text, which is normal here.
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)

    @stage("scan: detect")
    def find_lines(self, picture: np.ndarray) -> list[Box]:
        """Lines of text that stands level, written across or downwards.

        Args:
            picture: (H, W, 3) uint8, RGB.

        Returns:
            Boxes a few px larger than the glyphs, inside the picture.
        """
        height, width = picture.shape[:2]
        scale = 1.0 if height * width <= CLOSE_PIXELS else (COARSE_PIXELS / (height * width)) ** 0.5
        scaled = picture
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            scaled = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        pad_y, pad_x = (max(0, LEAST_SIDE_PX - side) // 2 for side in scaled.shape[:2])
        padded = cv2.copyMakeBorder(scaled, pad_y, pad_y, pad_x, pad_x, cv2.BORDER_REPLICATE)
        found = self._engine(
            np.ascontiguousarray(padded[..., ::-1]), use_det=True, use_cls=False, use_rec=False
        )
        if found.boxes is None:
            return []
        lines = []
        for quad in np.asarray(found.boxes, np.float32):  # (4, 2), clockwise from the top left
            if not _is_level(quad):
                continue
            corners = (quad - (pad_x, pad_y)) / scale
            left, top = np.floor(corners.min(axis=0)).astype(int)
            right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 1
            box = Box(int(left), int(top), int(right - left), int(bottom - top))
            if inside := box.intersect(Box(0, 0, width, height)):
                lines.append(inside)
        return lines


def _is_level(quad: np.ndarray) -> bool:
    """Subtitles stand level; a slope above one in six is lettering of the scene."""
    along = quad[1] - quad[0]
    return bool(abs(along[1]) <= abs(along[0]) / 6)
