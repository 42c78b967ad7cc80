"""Text lines of a picture, by the PP-OCR detector that ships inside the rapidocr package."""

from __future__ import annotations

import logging
from typing import Any

import cv2
import numpy as np

from subremover.detect.recogniser import providers
from subremover.geometry import Box
from subremover.runtime.profile import stage

CLOSE_PIXELS, COARSE_PIXELS = 640 * 360, 480 * 270
"""What has more than the first is scaled down to the second, 0.1 s on one core, to find where lines are; what
has fewer is looked at as it is. The clips measured gave the same lines at four times as many."""
LEAST_SIDE_PX = 64
"""Narrow parts get a border up to this; the detector wants surroundings."""


class LineDetector:
    """Finds text lines. Holds the model, so make one and keep it."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(
            params={
                # Always two threads, which is 1.3 times as fast as one on two cores beside the decoder's; the
                # sums are formed in the same order whatever their number.
                "EngineConfig.onnxruntime.intra_op_num_threads": 2,
                "EngineConfig.onnxruntime.use_cuda": "CUDAExecutionProvider" in providers(),
                "Det.limit_side_len": 1 << 16,  # the scaling is done here
                "Det.limit_type": "max",
                "Global.max_side_len": 1 << 16,
                "Global.width_height_ratio": -1,  # wide strips are looked at as they are, not padded
                "Global.log_level": "critical",
            }
        )
        # An empty picture is normal here, but worth a warning to rapidocr.
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)

    @stage("scan: detect")
    def find_lines(self, picture: np.ndarray) -> list[Box]:
        """Lines of upright text, horizontal or vertical.

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
