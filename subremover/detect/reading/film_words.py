"""Reads the words of a film: tells by a few of its lines which readers its script needs, and reads with these.

See docs/measurements.md, "detect/reading/film_words".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import cv2
import numpy as np

from subremover.detect.reading.lettering import INK, MARGIN_PX, Lettering, Row
from subremover.detect.reading.orthography import set_right
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.scripts import count_letters
from subremover.runtime.profile import stage

SAMPLED_LINES, LEAST_SAMPLED_LINES = 12, 3
"""Lines of a film that all readers read at the most, and before they are agreed."""
ZONE_LEAD = 0.15
"""By how much another reader must be surer of the lines of a zone in the mean than the film's first one."""
PLAIN_SCORE = 0.95
"""How sure the first reader is of a line that no other is asked about: it knows the script."""
LEAST_SHARE = 0.25
"""Share of a film's words that a reader must read best to be used on it: of bilingual films there are two."""
CLEAR_LEAD = 0.3
"""By how much another of the film's readers must be surer of a line than its first one, to be believed."""
LEAST_SCORE = 0.5
"""How sure a reading must be, in [0, 1]; below, no text is given rather than a wrong one."""
SURE_SCORE = 0.93
"""How sure a reading is that nothing else is tried."""
GLANCED_PX, READ_PX = (56,), (48, 56, 72)
"""Heights in which rows are read, to tell the script, and for good: Tesseract reads otherwise what is a few pixels
higher, and what most heights agree on is right more often than what any one is sure of."""
WHOLE = 0.7
"""Share of the letters of another reading that one at sight must have: it reads one row alone."""
NEAR = 0.7
"""Of a row's height: letters farther than this from all that was read were passed over."""


_MIXED = re.compile(r"[^\W\d_]\S*\d\S*[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Words:
    """What a line says."""

    text: str = ""
    """Rows separated by a line feed; empty if it cannot be told."""
    score: float = 0.0
    """How sure that is, in [0, 1]."""
    colour: tuple[int, int, int] | None = None
    """RGB of its letters; None if they were not told from what is behind them."""


class FilmWords:
    """Reads lines of one film: `learn` from some of them first, then `read` each."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        """Prepare.

        Args:
            readers: All that may be of use, the most trusted first.
        """
        self._readers = tuple(readers)
        self._chosen: tuple[Reader, ...] = self._readers if len(self._readers) == 1 else ()
        self._of_zone: dict[int, Reader] = {}

    @property
    def is_at_sight(self) -> bool:
        """Whether the film's only reader is the first one, which has read all lines at sight."""
        return self._chosen == self._readers[:1]

    @stage("scan: words")
    def learn(self, lines: Sequence[tuple[int, Sequence[Lettering]]]) -> None:
        """Find out which readers the film needs.

        Args:
            lines: Of the film's subtitles in order of time, the zone that each stands in, and what its letters may be,
                by `find_letterings`. In bilingual films each zone has a script of its own.
        """
        by_zone: dict[int, list[Sequence[Lettering]]] = {}
        for zone, line in lines:
            if line:
                by_zone.setdefault(zone, []).append(line)
        most = max(LEAST_SAMPLED_LINES, SAMPLED_LINES // max(1, len(by_zone)))
        scores = {zone: self._sample(seen, most) for zone, seen in by_zone.items()}
        if not scores:
            return
        film = np.concatenate(list(scores.values()))
        wins = np.bincount(film.argmax(axis=1)[film.max(axis=1) >= LEAST_SCORE], minlength=len(self._readers))
        votes = (film**2 * (film == film.max(axis=1, keepdims=True))).sum(axis=0)
        order = np.argsort(-votes, kind="stable")
        chosen = [int(n) for n in order if wins[n] >= max(1, LEAST_SHARE * wins.sum())]
        self._chosen = tuple(self._readers[n] for n in chosen)
        self._of_zone = {}
        for zone, own in scores.items():
            means = own.mean(axis=0)
            best = max(chosen, key=lambda n: means[n] + ZONE_LEAD * (n == chosen[0]), default=None)
            if best is not None:
                self._of_zone[zone] = self._readers[best]

    def _sample(self, lines: Sequence[Sequence[Lettering]], most: int) -> np.ndarray:
        """(n, readers) float64, how well each reader reads some of the lines, until one is clearly the best."""
        places = np.unique(np.linspace(0, len(lines) - 1, most).round().astype(int))
        scores: list[list[float]] = []
        for place in _spread(places):
            scores.append(self._score(lines[place]))
            best = {int(np.argmax(row)) for row in scores if max(row) >= LEAST_SCORE}
            if len(best) == 1 and len(scores) >= LEAST_SAMPLED_LINES:
                break
        return np.array(scores)

    def _score(self, line: Sequence[Lettering]) -> list[float]:
        """How well each reader reads a line, those that know nothing of its script not at all."""
        scores: list[float] = []
        for reader in self._readers:
            words = _read(reader, line, GLANCED_PX)
            scores.append(words.score * _share_own(words.text, reader))
            if len(scores) == 1 and scores[0] >= PLAIN_SCORE:
                return scores + [0.0] * (len(self._readers) - 1)
        return scores

    @stage("scan: words")
    def read(
        self, line: Sequence[Lettering], at_sight: tuple[str, float] = ("", 0.0), zone: int | None = None
    ) -> Words:
        """Read a line.

        Args:
            line: What its letters may be, by `find_letterings`.
            at_sight: What the first reader makes of it with all that is behind it, and its confidence in [0, 1].
            zone: Where it stands, as in `learn`; None: not known.

        Returns:
            What it says, by the surest of the film's readers.
        """
        if not self._chosen:
            self.learn([(0, line)])
        best = Words("", 0.0, line[0].colour if line else None)
        for number, reader in enumerate(self._order(zone)):
            words = _read(reader, line, READ_PX)
            if reader is self._readers[0]:
                words = _compare(words, *at_sight)
            # Letters of two scripts can look the same: the zone's own reader holds where it can read a line.
            if words.score > best.score + CLEAR_LEAD * (number > 0):
                best = words
            if best.score >= LEAST_SCORE:
                break
        return best if best.score >= LEAST_SCORE else Words("", best.score, best.colour)

    def _order(self, zone: int | None) -> list[Reader]:
        """The film's readers, that of a zone first."""
        first = self._of_zone.get(zone) if zone is not None else None
        return sorted(self._chosen, key=lambda reader: reader is not first)


def _compare(words: Words, text: str, confidence: float) -> Words:
    """The surer one of what letters on plain ground say, and of what was read at sight, unless that is a part."""
    if confidence > words.score and len(text) > WHOLE * len(words.text):
        return Words(set_right(text), confidence, words.colour)
    return words


def _spread(places: np.ndarray) -> list[int]:
    """The same places, so that any first few of them are spread over all."""
    count = len(places)
    order = sorted(range(count), key=lambda number: (number * 0.618034) % 1)
    return [int(places[number]) for number in order]


def _read(reader: Reader, line: Sequence[Lettering], heights_px: Sequence[int]) -> Words:
    """What a reader makes of a line, by the lettering that it reads best."""
    best = Words("", 0.0, line[0].colour if line else None)
    for lettering in line:
        rows = [_read_row(reader, row, heights_px) for row in lettering.rows]
        lengths = [max(1, len(text)) for text, _ in rows]
        score = float(np.average([score for _, score in rows], weights=lengths))
        if score > best.score:
            text = "\n".join(text for text, _ in rows if text)
            best = Words(text, score, lettering.colour)
        if best.score >= SURE_SCORE:
            break
    return best


def _read_row(reader: Reader, row: Row, heights_px: Sequence[int]) -> tuple[str, float]:
    """What a row says by the reading that is most like the others, and how sure that is in [0, 1]."""
    tight = row.plain[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    readings = []
    for height_px in heights_px:
        size = (max(4, round(height_px / tight.shape[0] * tight.shape[1])), height_px)
        plain = cv2.resize(tight, size, interpolation=cv2.INTER_AREA)
        reading = reader.read(np.repeat(plain[..., None], 3, axis=2))
        if reading.text:
            readings.append((reading.text, reading.confidence * _share_read(plain, reading.columns)))
    if not readings:
        return "", 0.0
    likeness = [sum(sure * _likeness(text, other) for other, sure in readings) for text, _ in readings]
    best = int(np.argmax(likeness))
    agreement = likeness[best] / max(1e-6, sum(sure for _, sure in readings))
    text, sure = readings[best]
    return set_right(text), sure * agreement * (1 - _share_mixed(text))


def _share_mixed(text: str) -> float:
    """The share of a text's characters in words with a digit between letters: the script is another one."""
    words = text.split()
    mixed = sum(len(word) for word in words if _MIXED.search(word))
    return mixed / max(1, sum(map(len, words)))


def _likeness(one: str, other: str) -> float:
    """How alike two texts are, in [0, 1]; 1 for the same."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _share_read(plain: np.ndarray, columns: np.ndarray) -> float:
    """The share of a row's letters that were read: readers pass over what they cannot write."""
    if not len(columns):
        return 0.0
    ink = (plain < 255 * (1 - INK)).sum(axis=0)
    distance = np.abs(np.arange(len(ink))[:, None] + 0.5 - columns[None]).min(axis=1)
    return float(ink[distance < NEAR * plain.shape[0]].sum() / max(1, ink.sum()))


def _share_own(text: str, reader: Reader) -> float:
    """The share of a text's letters that are of the scripts that a reader is there for.

    Models of all scripts know Latin letters as well, which those that are made for Latin read better.
    """
    counts = count_letters(text)
    total = sum(counts.values())
    return sum(count for script, count in counts.items() if script in reader.scripts) / total if total else 0.0
