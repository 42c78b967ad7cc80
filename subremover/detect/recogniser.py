"""Reads what a line of text says, by the PP-OCR recogniser that ships inside the rapidocr package.

Takes one line at a time and decides nothing about events; where lines are is found by
`candidates.line_detector`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from subremover.runtime.profile import note, stage

# Before onnxruntime is loaded, whose own builds report to their makers: nothing is to leave the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_MODEL = "PP-OCRv6_rec_small.onnx"
_HEIGHT_PX = 48
"""Height of the crops that the model takes."""
_MIN_WIDTH_PX = 320
"""Narrower lines are padded with mid grey, as in the model's training."""
_MAX_WIDTH_PX = 4096
"""Longer lines are squeezed to it, so that memory is bounded."""
_BLANK = 0
"""The class by which the model (CTC) says that no new character begins here."""

ReadLine = Callable[[np.ndarray, np.ndarray], tuple[str, float]]
"""Reads an (h, w, 3) uint8 RGB crop with its (h, w) bool strokes: the text, and a confidence in [0, 1]."""

LEAST_CONFIDENCE = 0.85
"""Confidence, in [0, 1], below which no text is given rather than a wrong one.
See docs/measurements.md, "detect/recogniser: confidence"."""

_GLUED = re.compile(r"(?<=[^\W\d_][,;!?])(?=[A-Za-z\u00c0-\u024f])")
"""Where a space is put back: behind punctuation between Latin words, which the recogniser sometimes glues.
See docs/measurements.md, "detect/recogniser: spaces"."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one attempt at a line gave."""

    text: str
    confidence: float
    share: float
    """Of all strokes, how many lie in the line that was read."""


class LineReader:
    """Reads lines of text. Holds the model, so make one and keep it; may be used by several threads at once.

    The model knows the Latin of Europe, Greek, Chinese, Japanese, digits and punctuation (quotes come out
    straight), but not Cyrillic, Hangul, Arabic or the other scripts.
    """

    def __init__(self) -> None:
        import onnxruntime
        import rapidocr

        options = onnxruntime.SessionOptions()
        # One thread: sums are then formed in the same order on every machine.
        # See docs/measurements.md, "detect/recogniser: time".
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # without a GPU, the GPU build of onnxruntime complains and goes on
        path = Path(rapidocr.__file__).parent / "models" / _MODEL
        # Whatever else there is: see docs/limits.md, "Where it runs".
        providers = ["CPUExecutionProvider"]
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=providers)
        note("scan", f"{', '.join(self._session.get_providers())} of onnxruntime {onnxruntime.__version__}")
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ["", *characters, " "]

    @stage("scan: read")
    def read(self, picture: np.ndarray, strokes: np.ndarray) -> tuple[str, float]:
        """Read one line of text, horizontal or, top to bottom, vertical.

        Args:
            picture: (h, w, 3) uint8, RGB; the line with some surroundings. Best the median of its frames.
            strokes: (h, w) bool, True on the line's strokes; a few stray ones and parts of the neighbouring
                lines do no harm.

        Returns:
            The text, empty if it cannot be told, and a confidence in [0, 1].

        Raises:
            ValueError: The arrays have other shapes or dtypes than these.
        """
        if picture.shape != (*strokes.shape, 3) or picture.dtype != np.uint8 or strokes.dtype != np.bool_:
            raise ValueError(
                f"expected an RGB picture of uint8 and strokes of bool of one size, got {picture.dtype} of "
                f"{picture.shape} and {strokes.dtype} of {strokes.shape}"
            )
        if not strokes.any():
            return "", 0.0
        reading = self._read_level(picture, strokes)
        rows, columns = strokes.any(axis=1), strokes.any(axis=0)
        if np.ptp(np.flatnonzero(rows)) >= 2 * np.ptp(np.flatnonzero(columns)):
            # A column of text, or a lone tall letter such as a capital I: try it lying on its left side, too,
            # as the model was taught; upright, only one character of a column would be read.
            # See docs/measurements.md, "detect/recogniser: columns".
            lying = self._read_level(np.rot90(picture), np.rot90(strokes))
            reading = max(reading, lying, key=lambda each: each.confidence * each.share)
        return (reading.text if reading.confidence >= LEAST_CONFIDENCE else "", reading.confidence)

    def _read_level(self, picture: np.ndarray, strokes: np.ndarray) -> _Reading:
        """Read a line that runs from left to right.

        The crop goes from the outermost strokes to each other and no further, and keeps the picture between.
        See docs/measurements.md, "detect/recogniser: crop".
        """
        place = _line_place(strokes)
        crop, marks = np.ascontiguousarray(picture[place]), strokes[place]
        height, width = marks.shape
        new_width = int(np.clip(round(_HEIGHT_PX * width / height), 8, _MAX_WIDTH_PX))
        how = cv2.INTER_AREA if height > 2 * _HEIGHT_PX else cv2.INTER_LINEAR
        line = cv2.resize(crop, (new_width, _HEIGHT_PX), interpolation=how).astype(np.float32) / 127.5 - 1
        batch = np.zeros((1, 3, _HEIGHT_PX, max(new_width, _MIN_WIDTH_PX)), np.float32)
        batch[0, :, :, :new_width] = line[..., ::-1].transpose(2, 0, 1)  # the model takes BGR
        (scores,) = self._session.run(None, {self._session.get_inputs()[0].name: batch})
        best = scores[0].argmax(axis=1)  # (steps,) class of each eight columns or so
        is_new = (best != _BLANK) & np.append(True, best[1:] != best[:-1])
        text = "".join(self._characters[index] for index in best[is_new])
        if not text.strip():
            return _Reading("", 0.0, 0.0)
        is_glyph = is_new & (best != len(self._characters) - 1)
        columns = (np.flatnonzero(is_glyph) + 0.5) * batch.shape[3] / len(best) * width / new_width
        confidence = float(scores[0].max(axis=1)[is_new].mean()) * _read_share(marks, columns)
        share = float(marks.sum() / strokes.sum())
        return _Reading(_GLUED.sub(" ", " ".join(text.split())), confidence, share)


def _line_place(strokes: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the line, without stray strokes above and below.

    See docs/measurements.md, "detect/recogniser: stray strokes".
    """
    count = strokes.sum(axis=1)
    # The body of the letters is a run of dense rows; of several lines the greatest.
    start, stop = max(_runs(count > 0.2 * count.max()), key=lambda run: int(count[slice(*run)].sum()))
    # Accents, ascenders and descenders reach out of it by half its height, after a gap of 2 px at most.
    reach = max(2, (stop - start) // 2)
    top, bottom = start, stop
    while top > max(0, start - reach) and count[max(0, top - 3) : top].any():
        top -= 1
    while bottom < min(len(count), stop + reach) and count[bottom : bottom + 3].any():
        bottom += 1
    columns = np.flatnonzero(strokes[top:bottom].any(axis=0))
    return slice(top, bottom), slice(int(columns[0]), int(columns[-1]) + 1)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _read_share(strokes: np.ndarray, columns: np.ndarray) -> float:
    """The share of the strokes that have a character near them.

    The recogniser passes over what it cannot write and is quite sure of the rest, so its own confidence does
    not tell that something was left out.

    Args:
        strokes: (h, w) bool, of the line's crop.
        columns: (n,) where the characters that were read stand, in px of the crop.
    """
    height = strokes.shape[0]
    count = strokes.sum(axis=0)
    if not len(columns) or strokes.mean() > 0.85:  # a drawn box tells nothing
        return float(len(columns) > 0)
    distance = np.abs(np.arange(len(count))[:, None] + 0.5 - columns[None]).min(axis=1)
    return float(count[distance < 0.7 * height].sum() / count.sum())
