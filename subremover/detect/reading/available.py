"""Which readers this machine has for a film, and how those come here that it has not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from subremover.detect.reading.ctc_reader import CtcReader, bundled_model
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.scripts import SCRIPT_OF_LANGUAGE, SCRIPTS, Script, debian_packages
from subremover.detect.reading.tesseract_reader import TesseractReader, find_data, has_tesseract
from subremover.detect.reading.trial import try_data, try_model


@dataclass(frozen=True, slots=True)
class Missing:
    """A script that no reader of this machine reads."""

    script: Script
    command: str
    """That installs one on Debian and Ubuntu."""
    reason: str = ""
    """Why what is there cannot be used; empty if nothing is there."""

    def __str__(self) -> str:
        """What is said of it, in a line."""
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"{self.script.capitalize()} letters cannot be read here{why}; to have them read: {self.command}"
        )


def find_readers(language: str, model: Path | None) -> tuple[list[Reader], list[Missing]]:
    """The readers for a film, and what they do not read.

    Args:
        language: Of the subtitles, ISO 639-2; und, and what is written in two scripts, asks for all.
        model: A recogniser of PP-OCR that the user gives; it takes the place of Tesseract for its scripts.

    Returns:
        Readers, first those of the language's script, the user's before others, and always the one inside
        rapidocr; and of the scripts that are asked for those that none of them reads.

    Raises:
        UsageError: The model cannot be used.
    """
    recognisers = [CtcReader(bundled_model())]
    if model is not None:
        try_model(model)
        recognisers.insert(0, CtcReader(model))
    script = SCRIPT_OF_LANGUAGE.get(language)
    read = frozenset[Script]().union(*(reader.scripts for reader in recognisers))
    wanted = [s for s in ([script] if script else SCRIPTS) if s not in read]
    others, missing = _find_tesseract(wanted, language)
    readers: list[Reader] = [*recognisers, *others]
    return sorted(readers, key=lambda reader: script is not None and script not in reader.scripts), missing


def install_command(scripts: Iterable[Script], language: str = "und") -> str:
    """What installs Tesseract, and its data for those of some scripts that it has none for.

    Args:
        scripts: The scripts.
        language: Written in them, ISO 639-2; und if it is not known.
    """
    lacking = [script for script in scripts if find_data(script, language) is None]
    packages = [name for script in lacking for name in debian_packages(script, language)]
    commands = ["pip install 'subremover[ocr]'"] * (not has_tesseract())
    return " && ".join([*commands, *[f"apt install {' '.join(packages)}"] * bool(packages)])


def _find_tesseract(scripts: list[Script], language: str) -> tuple[list[TesseractReader], list[Missing]]:
    """Tesseract's readers for some scripts, and what they do not read."""
    if not has_tesseract():
        return [], [Missing(script, install_command([script], language)) for script in scripts]
    readers, missing = [], []
    found = {script: data for script in scripts if (data := find_data(script, language))}
    can_use = dict(zip(found, try_data(list(found.values())), strict=True))
    for script in scripts:
        if can_use.get(script):
            readers.append(TesseractReader(script, found[script]))
        elif script in found:
            files = ", ".join(f"'{file}'" for file in found[script].files)
            command = f"apt install --reinstall {' '.join(debian_packages(script, language))}"
            missing.append(Missing(script, command, f"Tesseract cannot use {files}"))
        else:
            missing.append(Missing(script, install_command([script], language)))
    return readers, missing
