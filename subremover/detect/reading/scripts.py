"""Scripts: their letters, the languages written in them, and the models that read them.

What is read by which reader, and what is there on this machine, is up to `available`.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Script = Literal[
    "latin",
    "greek",
    "cyrillic",
    "arabic",
    "hebrew",
    "hangul",
    "han",
    "thai",
    "devanagari",
    "armenian",
    "bengali",
    "burmese",
    "ethiopic",
    "georgian",
    "gujarati",
    "gurmukhi",
    "kannada",
    "khmer",
    "lao",
    "malayalam",
    "odia",
    "sinhala",
    "tamil",
    "telugu",
    "thaana",
    "tibetan",
]
"""`han` is Chinese, and Japanese with its kana."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What there is to know of a script."""

    models: str
    """Tesseract's models of it, one word each."""
    package: str
    """Debian's packages of these: `tesseract-ocr-script-` and each of these words."""
    languages: str
    """ISO 639-2 codes of those that are written in it alone."""
    letters: str = ""
    """First words of its letters' names in Unicode; empty: its own name."""
    is_right_to_left: bool = False
    best: str = ""
    """Tesseract's model of one language that reads it better than those of the script do, and its package.
    See docs/measurements.md, "detect/reading: Tesseract"."""


_FACTS: dict[Script, _Facts] = {
    "latin": _Facts(
        "Latin",
        "latn",
        "afr alb aze baq bre cat ceb ces cos cze cym dan deu dut eng epo est eus fao fil fin fra fre fry ger"
        " gla gle glg hat hrv hun ibo ice ind isl ita jav lat lav lit ltz may mao mlt mri msa nld nno nob nor"
        " oci pol por que ron rum slk slo slv som spa sqi sun swa swe tgl ton tur vie wel xho yor zul",
    ),
    "greek": _Facts("Greek", "grek", "ell gre grc", best="ell"),
    "cyrillic": _Facts(
        "Cyrillic", "cyrl", "rus ukr bel bul mkd mac kaz kir tgk tat mon bak chv oss sah udm abk"
    ),
    "arabic": _Facts("Arabic", "arab", "ara fas per urd pus uig snd", is_right_to_left=True, best="ara"),
    "hebrew": _Facts("Hebrew", "hebr", "heb yid", is_right_to_left=True),
    "hangul": _Facts("Hangul", "hang", "kor", best="kor"),
    "han": _Facts("HanS HanT Japanese", "hans hant jpan", "zho chi jpn", "CJK HIRAGANA KATAKANA IDEOGRAPHIC"),
    "thai": _Facts("Thai", "thai", "tha", best="tha"),
    "devanagari": _Facts("Devanagari", "deva", "hin mar nep san mai bho kok"),
    "armenian": _Facts("Armenian", "armn", "hye arm"),
    "bengali": _Facts("Bengali", "beng", "ben asm"),
    "burmese": _Facts("Myanmar", "mymr", "mya bur", "MYANMAR"),
    "ethiopic": _Facts("Ethiopic", "ethi", "amh tir"),
    "georgian": _Facts("Georgian", "geor", "kat geo"),
    "gujarati": _Facts("Gujarati", "gujr", "guj"),
    "gurmukhi": _Facts("Gurmukhi", "guru", "pan"),
    "kannada": _Facts("Kannada", "knda", "kan"),
    "khmer": _Facts("Khmer", "khmr", "khm"),
    "lao": _Facts("Lao", "laoo", "lao"),
    "malayalam": _Facts("Malayalam", "mlym", "mal"),
    "odia": _Facts("Oriya", "orya", "ori", "ORIYA"),
    "sinhala": _Facts("Sinhala", "sinh", "sin"),
    "tamil": _Facts("Tamil", "taml", "tam"),
    "telugu": _Facts("Telugu", "telu", "tel"),
    "thaana": _Facts("Thaana", "thaa", "div", is_right_to_left=True),
    "tibetan": _Facts("Tibetan", "tibt", "bod tib dzo"),
}
SCRIPTS: tuple[Script, ...] = tuple(_FACTS)
COMMON_SCRIPTS: tuple[Script, ...] = ("greek", "cyrillic", "arabic", "hebrew", "hangul", "thai", "devanagari")
"""Those of most films of which the recogniser inside rapidocr knows nothing."""

SCRIPT_OF_LANGUAGE: dict[str, Script] = {
    language: script for script, facts in _FACTS.items() for language in facts.languages.split()
}
"""By ISO 639-2 code, the bibliographic one as well as the terminological. What is written in two scripts
(Serbian, Uzbek, Kurdish, ...) is not in it: the film tells."""

_SCRIPT_OF_WORD: dict[str, Script] = {
    word: script for script, facts in _FACTS.items() for word in (facts.letters or script.upper()).split()
}


def script_of(text: str) -> Script | None:
    """The script of most letters; None if there are none, or of another script."""
    counts = count_letters(text)
    return max(counts, key=lambda script: counts[script], default=None)


def count_letters(text: str) -> dict[Script, int]:
    """How many letters a text has of each script, those that it has none of left out."""
    letters = (letter for letter in text if letter.isalpha())
    words = (unicodedata.name(letter, "").partition(" ")[0] for letter in letters)
    return dict(Counter(_SCRIPT_OF_WORD[word] for word in words if word in _SCRIPT_OF_WORD))


def is_right_to_left(script: Script) -> bool:
    """Whether its lines begin at the right."""
    return _FACTS[script].is_right_to_left


def tesseract_names(script: Script, language: str = "und") -> list[list[str]]:
    """What Tesseract calls its models of a script, each group of them the better one.

    Args:
        script: The script.
        language: Written in it, ISO 639-2; und if it is not known.
    """
    facts = _FACTS[script]
    if language in _OWN_LETTERS:
        return [_OWN_LETTERS[language].split(), facts.models.split()]
    others = [_TESSERACT_LANGUAGES.get(code, code) for code in facts.languages.split()]
    best = [[facts.best]] if facts.best and language in ("und", facts.best) else []
    return [*best, facts.models.split(), " ".join(others).split()]


def debian_packages(script: Script, language: str = "und") -> list[str]:
    """Debian's and Ubuntu's packages of what `tesseract_names` has first."""
    facts = _FACTS[script]
    if language in _OWN_LETTERS:
        return [f"tesseract-ocr-{language}"]
    if facts.best and language in ("und", facts.best):
        return [f"tesseract-ocr-{facts.best}"]
    return [f"tesseract-ocr-script-{word}" for word in facts.package.split()]


def has_own_letters(language: str) -> bool:
    """Whether a language has letters that those who read its script otherwise do not know."""
    return language in _OWN_LETTERS


_OWN_LETTERS = {"vie": "vie Vietnamese"}
"""Tesseract's models of such languages."""
_TESSERACT_LANGUAGES = {"zho": "chi_sim chi_tra", "chi": ""}
"""Where Tesseract has other names than ISO 639-2 has codes."""
