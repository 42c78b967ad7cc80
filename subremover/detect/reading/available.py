"""Which readers this machine has for a film, and how those come here that it has not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from subremover.detect.reading.ctc_reader import CtcReader
from subremover.detect.reading.film_words import FilmWords
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.scripts import (
    COMMON_SCRIPTS,
    SCRIPT_OF_LANGUAGE,
    SCRIPTS,
    Script,
    debian_packages,
    has_own_letters,
)
from subremover.detect.reading.tesseract_reader import TesseractReader, find_data, has_tesseract
from subremover.detect.reading.trial import try_data, try_model

log = logging.getLogger(__name__)


def make_words(bundled: CtcReader, language: str, model: Path | None) -> FilmWords:
    """What reads the words of a film on this machine.

    Where the language's script cannot be read here, a warning says what would have it read.

    Args:
        bundled: The recogniser inside rapidocr, which has read all lines at sight.
        language: Of the subtitles, ISO 639-2; with und, and what is written in two scripts, the film tells.
        model: A recogniser of PP-OCR that the user gives; it takes the place of Tesseract for its scripts.

    Raises:
        UsageError: The model cannot be used.
    """
    recognisers = [bundled]
    if model is not None:
        try_model(model)
        recognisers.insert(0, CtcReader(model))
    read = frozenset[Script]().union(*(reader.scripts for reader in recognisers))
    script = SCRIPT_OF_LANGUAGE.get(language)
    if script is None:
        others = partial(_find_tesseract, [each for each in SCRIPTS if each not in read], language)
        return FilmWords(recognisers, others, at_sight=bundled)
    lacks = script not in read or has_own_letters(language)
    found = _find_tesseract([script], language) if lacks else []
    # There is no command for damaged data, of which a warning tells by itself.
    if lacks and not found and (command := install_command([script], language)):
        log.warning("%s letters cannot be read here; to have them read: %s", script.capitalize(), command)
    readers: list[Reader] = [*found, *sorted(recognisers, key=lambda reader: script not in reader.scripts)]
    return FilmWords(readers, at_sight=bundled, is_told=script in readers[0].scripts)


def install_command(scripts: Iterable[Script], language: str = "und") -> str:
    """What installs Tesseract, and its data for some scripts where it has none; empty if all is there.

    Args:
        scripts: The scripts.
        language: Written in them, ISO 639-2; und if it is not known.
    """
    lacking = [script for script in scripts if find_data(script, language) is None]
    packages = [name for script in lacking for name in debian_packages(script, language)]
    commands = ["pip install 'subremover[ocr]'"] * (not has_tesseract())
    return " && ".join([*commands, *[f"apt install {' '.join(packages)}"] * bool(packages)])


def tell_unread() -> None:
    """Say by a warning that no reader knows a film's script, and what would have more of them read."""
    if command := install_command(COMMON_SCRIPTS):
        log.warning(
            "no reader here knows the script of the subtitles; to have more scripts read: %s", command
        )
    else:
        log.warning("no reader here knows the script of the subtitles; --subtitle-language may help")


def _find_tesseract(scripts: list[Script], language: str) -> list[Reader]:
    """Tesseract's readers for some scripts, as far as they are here; a warning tells of damaged data."""
    if not has_tesseract():
        return []
    found = {script: data for script in scripts if (data := find_data(script, language))}
    readers: list[Reader] = []
    for (script, data), can_use in zip(found.items(), try_data(list(found.values())), strict=True):
        if can_use:
            readers.append(TesseractReader(script, data))
        else:
            files = ", ".join(f"'{file}'" for file in data.files)
            packages = " ".join(debian_packages(script, language))
            log.warning(
                "Tesseract cannot use %s; install them anew: apt install --reinstall %s", files, packages
            )
    return readers
