"""Reads lines by Tesseract, through tesserocr, with the data for a script that this machine has."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from subremover.detect.reading.reader import NOTHING, Reading, check_line, tidy_text
from subremover.detect.reading.scripts import Script, is_right_to_left, tesseract_names
from subremover.errors import InputError
from subremover.runtime.paths import is_file

_SYSTEM_FOLDERS = ("usr/share/tesseract-ocr/*/tessdata", "usr/share/tessdata", "usr/local/share/tessdata")
_MAX_WIDTH_PX = 6144
"""Longer lines are squeezed to it, so that memory is bounded."""
_RAW_MARGIN, _FOUND_MARGIN = 0.08, 0.3
"""Of the line's height, added around it where Tesseract takes all of the picture for the line, and where it
looks for the line itself. See docs/measurements.md, "detect/reading: Tesseract"."""


@dataclass(frozen=True, slots=True)
class TesseractData:
    """Data of Tesseract for a script, as they lie on this machine."""

    folder: Path
    names: tuple[str, ...]
    """Of models in it, as Tesseract wants them: `Cyrillic`, `script/Cyrillic`, `rus`."""

    @property
    def files(self) -> list[Path]:
        """Each model's."""
        return [self.folder / f"{name}.traineddata" for name in self.names]


def has_tesseract() -> bool:
    """Whether Tesseract can be used from Python, whatever data there are."""
    try:
        _import_tesserocr()
    except ImportError:
        return False
    return True


def find_data(script: Script, language: str = "und") -> TesseractData | None:
    """Tesseract's data for a script, the best that there are.

    Args:
        script: The script.
        language: Written in it, ISO 639-2; und if it is not known.
    """
    folders = _list_folders()
    for names in tesseract_names(script, language):
        for folder in folders:
            found = [_find_name(folder, name) for name in names]
            if there := tuple(name for name in found if name):
                return TesseractData(folder, there)
    return None


class TesseractReader:
    """Reads lines of one script by Tesseract. Loads its data with the first line, so make one and keep it.

    May be used by several threads, which then wait for each other. Without dictionaries: what stands there is
    wanted, not a word like it.
    """

    heights_px = (48, 56, 72)

    def __init__(self, script: Script, data: TesseractData) -> None:
        """Load nothing yet.

        Damaged data may end the process: see `trial`.
        """
        self.name = f"Tesseract ({', '.join(data.names)})"
        self.scripts: frozenset[Script] = frozenset({script})
        self._data = data
        # Spaces are wanted only where a gap is, in scripts that have none between words; from right to left
        # Tesseract would leave out some others by that.
        self._keeps_gaps = not is_right_to_left(script)
        self._lock = threading.Lock()
        self._api: Any = None

    def read(self, line: np.ndarray) -> Reading:
        """Read one horizontal line of text.

        The line is looked for in the picture, which invents nothing at its ends; where none is found, all of
        the picture is taken for it. See docs/measurements.md, "detect/reading: Tesseract".

        Args:
            line: (h, w, 3) uint8, RGB; tight to the strokes, or with a little margin. The height counts:
                48 to 72 px is what Tesseract reads best.

        Raises:
            ValueError: The picture has another shape or dtype, or no pixels.
            InputError: Tesseract cannot use its data.
        """
        check_line(line)
        if (line == line[0, 0]).all():  # some data see letters in plain ground
            return NOTHING
        height, width = line.shape[:2]
        if width > _MAX_WIDTH_PX:
            line = cv2.resize(line, (_MAX_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        with self._lock:
            self._api = self._api or self._load()
            reading = self._read_as("SINGLE_LINE", line, _FOUND_MARGIN)
            if not reading.text:
                reading = self._read_as("RAW_LINE", line, _RAW_MARGIN)
        return Reading(reading.text, reading.confidence, reading.columns * np.float32(width / line.shape[1]))

    def _load(self) -> Any:
        tesserocr = _import_tesserocr()
        api = tesserocr.PyTessBaseAPI(init=False)
        try:
            api.InitFull(
                path=f"{self._data.folder}/",
                lang="+".join(self._data.names),
                oem=tesserocr.OEM.LSTM_ONLY,
                variables={"load_system_dawg": "0", "load_freq_dawg": "0"},
            )
        except RuntimeError as error:
            files = ", ".join(f"'{file}'" for file in self._data.files)
            raise InputError(f"Tesseract cannot use its data ({files}); install them anew") from error
        api.SetVariable("preserve_interword_spaces", str(int(self._keeps_gaps)))
        return api

    def _read_as(self, mode: str, line: np.ndarray, margin: float) -> Reading:
        """Read a line in one of Tesseract's modes.

        Args:
            mode: By Tesseract's name.
            line: (h, w, 3) uint8, RGB.
            margin: To be added around it, a share of its height.
        """
        from tesserocr import PSM, RIL, iterate_level

        rim = round(margin * len(line))
        page = np.pad(line, ((rim, rim), (rim, rim), (0, 0)), mode="edge")
        self._api.SetPageSegMode(getattr(PSM, mode))
        self._api.SetImageBytes(page.tobytes(), page.shape[1], page.shape[0], 3, 3 * page.shape[1])
        columns = []
        try:
            text = tidy_text(self._api.GetUTF8Text())
            confidence = self._api.MeanTextConf() / 100  # of words: of characters it is always sure
            for symbol in iterate_level(self._api.GetIterator(), RIL.SYMBOL) if text else ():
                left, _, right, _ = symbol.BoundingBox(RIL.SYMBOL)
                columns.append((left + right) / 2 - rim)
        except (RuntimeError, UnicodeDecodeError):  # it found nothing, or its data are damaged
            return NOTHING
        return Reading(text, confidence, np.array(columns, np.float32)) if columns else NOTHING


def _import_tesserocr() -> Any:
    """Tesseract on one thread, which its wheels have anyway: the others have other work."""
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"  # is looked at when it is loaded, and not meant for torch
    try:
        import tesserocr
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before
    return tesserocr


def _find_name(folder: Path, name: str) -> str:
    """What Tesseract calls a model in a folder of data; empty if it is not there."""
    return next((n for n in (name, f"script/{name}") if is_file(folder / f"{n}.traineddata")), "")


def _list_folders() -> list[Path]:
    """Where Tesseract's data may lie, in the order of looking."""
    named = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(named), Path(named) / "tessdata"] if named else []
    return folders + [path for each in _SYSTEM_FOLDERS for path in sorted(Path("/").glob(each), reverse=True)]
