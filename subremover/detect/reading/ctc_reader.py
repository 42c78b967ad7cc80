"""Reads lines by PP-OCR recognisers, versions 3 to 6, as ONNX: the one inside rapidocr, or a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from subremover.detect.reading.reader import NOTHING, Reading, check_line, tidy_text
from subremover.detect.reading.scripts import Script, count_letters
from subremover.errors import UsageError
from subremover.runtime.paths import read_small_file
from subremover.runtime.profile import note

# Before onnxruntime is loaded, whose own builds report to their makers: nothing is to leave the machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

MAX_WIDTH_PX = 4096
"""Longer lines are squeezed to it, so that memory is bounded."""
_BUNDLED = "PP-OCRv6_rec_small.onnx"
_REMEDY = 'give a recogniser of PP-OCR as RapidOCR has them (docs/usage.md, "Scripts")'
_MOST_BYTES = 512 << 20
"""The largest recogniser of RapidOCR has 81 MiB."""
_MOST_HEIGHT_PX = 256
_HEIGHT_PX = 48
"""Height of the lines that models take which do not say so."""
_MIN_WIDTH_PX = 320
"""Narrower lines are padded with mid grey, as in the models' training."""
_BLANK = 0
"""The class by which a model (CTC) says that no new character begins here."""
_LEAST_LETTERS = 20
"""A model that knows fewer letters of a script does not read it, but has them as symbols."""

_GLUED = re.compile(r"(?<=[^\W\d_][,;!?])(?=[A-Za-z\u00c0-\u024f])")
"""Where a space is put back: behind punctuation between Latin words, which the recogniser sometimes glues.
See docs/measurements.md, "detect/recogniser: spaces"."""


def bundled_model() -> Path:
    """The recogniser that ships inside the rapidocr package: Latin, Greek, Chinese, Japanese."""
    import rapidocr

    return Path(rapidocr.__file__).parent / "models" / _BUNDLED


_NEEDED: dict[Script, str] = {"greek": "\u03ac"}
"""A letter of a script without which a model writes none of its languages: of Greek, one with an accent."""


def read_model(path: Path) -> bytes:
    """The bytes of a model, whatever it is.

    Raises:
        UsageError: It cannot be read, is no regular file, or is too large.
    """
    return read_small_file(path, "the recogniser", _REMEDY, _MOST_BYTES, kind=UsageError)


def refuse(path: Path, why: str) -> UsageError:
    """What is said of a model that cannot be used."""
    return UsageError(f"the recogniser '{path}' cannot be used ({why}); {_REMEDY}")


class CtcReader:
    """Reads lines by a PP-OCR recogniser. Holds the model, so make one and keep it.

    May be used by several threads at once. What the model does not know it passes over.
    """

    heights_px = (48,)

    def __init__(self, path: Path) -> None:
        """Load a model.

        A damaged one may end the process, or take all its memory: see `trial`.

        Raises:
            UsageError: It cannot be read, or is no recogniser.
        """
        import onnxruntime

        model = read_model(path)
        options = onnxruntime.SessionOptions()
        # One thread: sums are then formed in the same order on every machine.
        # See docs/measurements.md, "detect/recogniser: time".
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # without a GPU, the GPU build of onnxruntime complains and goes on
        # Whatever else there is: see docs/limits.md, "Where it runs".
        providers = ["CPUExecutionProvider"]
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=providers)
        except Exception as error:  # onnxruntime's errors have no class of their own in common
            raise refuse(path, "onnxruntime takes it for no model") from error
        note("scan", f"{', '.join(self._session.get_providers())} of onnxruntime {onnxruntime.__version__}")
        known = self._session.get_modelmeta().custom_metadata_map.get("character", "").splitlines()
        self.name = path.stem
        counts = count_letters("".join(known))
        self.scripts: frozenset[Script] = frozenset(
            script
            for script, count in counts.items()
            if count >= _LEAST_LETTERS and _NEEDED.get(script, "") in ("", *known)
        )
        self._characters = ["", *known, " "]
        self._entry, self._height = self._find_entry()
        if wrong := self._find_wrong(known):
            raise refuse(path, wrong)

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
        new_width = int(np.clip(round(self._height * width / height), 8, MAX_WIDTH_PX))
        how = cv2.INTER_AREA if height > 2 * self._height else cv2.INTER_LINEAR
        resized = cv2.resize(line, (new_width, self._height), interpolation=how).astype(np.float32)
        batch = self._make_batch(max(new_width, _MIN_WIDTH_PX))
        batch[0, :, :, :new_width] = (resized / 127.5 - 1)[..., ::-1].transpose(2, 0, 1)  # models take BGR
        (scores,) = self._session.run(None, {self._entry: batch})
        best = scores[0].argmax(axis=1)  # (steps,) class of each eight columns or so
        is_new = (best != _BLANK) & np.append(True, best[1:] != best[:-1])
        text = tidy_text("".join(self._characters[index] for index in best[is_new]))
        if not text:
            return NOTHING
        is_glyph = is_new & (best != len(self._characters) - 1)
        columns = (np.flatnonzero(is_glyph) + 0.5) * batch.shape[3] / len(best) * width / new_width
        confidence = float(scores[0].max(axis=1)[is_new].mean())
        return Reading(_GLUED.sub(" ", text), confidence, columns.astype(np.float32))

    def _make_batch(self, width: int) -> np.ndarray:
        return np.zeros((1, 3, self._height, width), np.float32)

    def _find_entry(self) -> tuple[str, int]:
        """Name of the model's input, and how high its lines are; 0 if it takes no pictures of lines."""
        entries = self._session.get_inputs()
        shape = entries[0].shape if len(entries) == 1 else []
        if len(shape) != 4 or shape[1] != 3:
            return "", 0
        height = shape[2] if isinstance(shape[2], int) else _HEIGHT_PX
        return str(entries[0].name), height if 0 < height <= _MOST_HEIGHT_PX else 0

    def _find_wrong(self, known: list[str]) -> str:
        """Why the model cannot be used; empty if it can."""
        if not known:
            return "no list of characters in it"
        if not self._height:
            return "what it takes is no picture of a line"
        try:
            found = self._session.run(None, {self._entry: self._make_batch(_MIN_WIDTH_PX)})
        except Exception as error:
            return f"it fails: {str(error).strip().splitlines()[0][:120]}"
        if len(found) != 1 or found[0].ndim != 3 or len(found[0]) != 1 or not found[0].shape[1]:
            return "what it gives are no characters of a line"
        if found[0].dtype != np.float32 or found[0].shape[2] != len(self._characters):
            return f"it names {len(known)} characters and tells {found[0].shape[2]} classes apart"
        if not self.scripts:
            return "it knows the letters of no script"
        return ""
