"""Reads lines by Tesseract, through tesserocr, with the models of a script that this machine has."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from subremover.detect.reading.reader import NOTHING, Reading, check_line
from subremover.detect.reading.scripts import Script, tesseract_models
from subremover.runtime.paths import is_file

_SYSTEM_FOLDERS = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")
_MARGIN = 0.25
"""Of the line's height, added around it: Tesseract does not read what touches the edge."""


def find_models(script: Script) -> list[Path]:
    """Tesseract's models of a script on this machine: of the script, else of languages; empty if none."""
    script_models, languages = tesseract_models(script)
    for folder in _data_folders():
        best={'greek':['ell'],'arabic':['ara'],'hangul':['kor'],'thai':['tha']}.get(script,[])
        for names in (best, script_models, languages):
            places = [
                [folder / f"{name}.traineddata", folder / "script" / f"{name}.traineddata"] for name in names
            ]
            if found := [next(filter(is_file, pair)) for pair in places if any(map(is_file, pair))]:
                return found
    return []


class TesseractReader:
    """Reads lines of one script by Tesseract. Holds the models, so make one and keep it.

    May be used by several threads, which then wait for each other.
    """

    def __init__(self, script: Script) -> None:
        from tesserocr import OEM, PSM, PyTessBaseAPI

        models = find_models(script)
        folder = models[0].parent
        names = "+".join(path.stem for path in models)
        self.name = f"Tesseract ({names})"
        self.scripts: frozenset[Script] = frozenset({script})
        self._lock = threading.Lock()
        self._api: Any = PyTessBaseAPI(path=f"{folder}/", lang=names, oem=OEM.LSTM_ONLY, psm=PSM.SINGLE_LINE)

    def read(self, line: np.ndarray) -> Reading:
        """Read one horizontal line of text.

        Args:
            line: (h, w, 3) uint8, RGB; tight to the strokes, or with a little margin.

        Raises:
            ValueError: The picture has another shape or dtype, or no pixels.
        """
        from tesserocr import RIL, iterate_level

        check_line(line)
        margin = round(_MARGIN * line.shape[0]) + 2
        page = np.pad(line, ((margin, margin), (margin, margin), (0, 0)), constant_values=255)
        height, width = page.shape[:2]
        glyphs, sure, columns = [], [], []
        with self._lock:
            self._api.SetImageBytes(page.tobytes(), width, height, 3, 3 * width)
            self._api.Recognize()
            text = " ".join(self._api.GetUTF8Text().split())
            confidence = self._api.MeanTextConf() / 100
            for symbol in iterate_level(self._api.GetIterator(), RIL.SYMBOL) if text else ():
                left, _, right, _ = symbol.BoundingBox(RIL.SYMBOL)
                glyphs.append(symbol.GetUTF8Text(RIL.SYMBOL))
                sure.append(symbol.Confidence(RIL.SYMBOL) / 100)
                columns.append((left + right) / 2 - margin)
            self._api.Clear()
        if not text or not sure:
            return NOTHING
        return Reading(text, confidence, np.array(columns, np.float32))


def _data_folders() -> list[Path]:
    """Where Tesseract's models may lie, in the order of looking."""
    named = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(named), Path(named) / "tessdata"] if named else []
    return folders + [
        found for pattern in _SYSTEM_FOLDERS for found in sorted(Path("/").glob(pattern[1:]), reverse=True)
    ]
