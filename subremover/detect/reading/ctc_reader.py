"""Reads lines by PP-OCR recognisers, versions 3 to 6, as ONNX: the one inside rapidocr, or a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from subremover.detect.reading.reader import NOTHING, Reading, check_line
from subremover.detect.reading.scripts import Script, count_letters
from subremover.runtime.profile import note

# Before onnxruntime is loaded, whose own builds report to their makers: nothing is to leave the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_BUNDLED = "PP-OCRv6_rec_small.onnx"
_HEIGHT_PX = 48
"""Height of the lines that models take which do not say so."""
_MIN_WIDTH_PX = 320
"""Narrower lines are padded with mid grey, as in the models' training."""
_MAX_WIDTH_PX = 4096
"""Longer lines are squeezed to it, so that memory is bounded."""
_BLANK = 0
"""The class by which a model (CTC) says that no new character begins here."""
_LEAST_LETTERS = 20
"""A model that knows fewer letters of a script does not read it: it has them as symbols."""

_GLUED = re.compile(r"(?<=[^\W\d_][,;!?])(?=[A-Za-z\u00c0-\u024f])")
"""Where a space is put back: behind punctuation between Latin words, which the recogniser sometimes glues.
See docs/measurements.md, "detect/recogniser: spaces"."""


def bundled_model() -> Path:
    """The recogniser that ships inside the rapidocr package: Latin, Greek, Chinese, Japanese."""
    import rapidocr

    return Path(rapidocr.__file__).parent / "models" / _BUNDLED


class CtcReader:
    """Reads lines by a PP-OCR recogniser. Holds the model, so make one and keep it.

    May be used by several threads at once. What the model does not know it passes over.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One thread: sums are then formed in the same order on every machine.
        # See docs/measurements.md, "detect/recogniser: time".
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # without a GPU, the GPU build of onnxruntime complains and goes on
        # Whatever else there is: see docs/limits.md, "Where it runs".
        providers = ["CPUExecutionProvider"]
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=providers)
        note("scan", f"{', '.join(self._session.get_providers())} of onnxruntime {onnxruntime.__version__}")
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ["", *characters, " "]
        (entry,) = self._session.get_inputs()
        self._entry = entry.name
        self._height = entry.shape[2] if isinstance(entry.shape[2], int) else _HEIGHT_PX
        counts = count_letters("".join(characters))
        self.name = path.stem
        self.scripts: frozenset[Script] = frozenset(
            script for script, count in counts.items() if count >= _LEAST_LETTERS
        )

    def read(self, line: np.ndarray) -> Reading:
        """Read one horizontal line of text.

        Args:
            line: (h, w, 3) uint8, RGB; tight to the strokes: with margins it is read less well.
                See docs/measurements.md, "detect/recogniser: crop".

        Raises:
            ValueError: The picture has another shape or dtype, or no pixels.
        """
        check_line(line)
        height, width = line.shape[:2]
        new_width = int(np.clip(round(self._height * width / height), 8, _MAX_WIDTH_PX))
        how = cv2.INTER_AREA if height > 2 * self._height else cv2.INTER_LINEAR
        resized = (
            cv2.resize(line, (new_width, self._height), interpolation=how).astype(np.float32) / 127.5 - 1
        )
        batch = np.zeros((1, 3, self._height, max(new_width, _MIN_WIDTH_PX)), np.float32)
        batch[0, :, :, :new_width] = resized[..., ::-1].transpose(2, 0, 1)  # the models take BGR
        (scores,) = self._session.run(None, {self._entry: batch})
        best = scores[0].argmax(axis=1)  # (steps,) class of each eight columns or so
        is_new = (best != _BLANK) & np.append(True, best[1:] != best[:-1])
        text = "".join(self._characters[index] for index in best[is_new])
        if not text.strip():
            return NOTHING
        is_glyph = is_new & (best != len(self._characters) - 1)
        columns = (np.flatnonzero(is_glyph) + 0.5) * batch.shape[3] / len(best) * width / new_width
        confidence = float(scores[0].max(axis=1)[is_new].mean())
        return Reading(_GLUED.sub(" ", " ".join(text.split())), confidence, columns.astype(np.float32))
