"""Reads the words of a film: tells by a few lines which readers its script needs, and reads with these.

See docs/measurements.md, "detect/reading/film_words".
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from subremover.detect.reading.lettering import Lettering
from subremover.detect.reading.line_words import Words, glance, read_line
from subremover.detect.reading.orthography import weigh_mirrored
from subremover.detect.reading.reader import Reader
from subremover.detect.reading.scripts import count_letters, is_right_to_left, script_of
from subremover.runtime.profile import stage

SAMPLED_LINES, LEAST_SAMPLED_LINES = 12, 3
"""Lines of a film that all readers read at the most, and before they are agreed."""
PLAIN_SCORE = 0.95
"""How sure one of the first readers is of a line that no other is asked about: it knows the script."""
LEAST_SCORE, LEAST_KNOWN_SCORE = 0.35, 0.6
"""How sure a reading must be, in [0, 1], to be given rather than none, and to tell that a film has the
reader's script: on what is no such lettering Tesseract is as sure as 0.5."""
LEAST_SHARE = 0.25
"""Share of a film's lines that a reader must read best to be used on it: of bilingual films there are two."""
CLEAR_LEAD, ZONE_LEAD = 0.3, 0.15
"""By how much another of the film's readers must be surer than its first one: of a line, and of the lines of
a zone in the mean."""

_Sample = tuple[Sequence[Lettering], tuple[str, float]]
"""What the letters of a line may be, and what was read at sight."""


class FilmWords:
    """Reads lines of one film: `learn` from some of them first, then `read` each."""

    def __init__(
        self,
        readers: Sequence[Reader],
        find_others: Callable[[], Sequence[Reader]] = tuple,
        *,
        at_sight: Reader | None = None,
        is_told: bool = False,
    ) -> None:
        """Prepare.

        Args:
            readers: Those that every film is read with, the most trusted first.
            find_others: Finds more of them where these cannot read a line; asked once at the most.
            at_sight: The one of `readers` that has read all lines before, with all that is behind them.
            is_told: Whether the film's script is known, and the first reader is for it.
        """
        self._readers, self._find_others = tuple(readers), find_others
        self._first_count = len(self._readers)
        self._at_sight, self._is_told = at_sight, is_told
        self._chosen = self._readers if is_told else ()
        self._is_mirrored, self._for_mirrored, self._against_mirrored = False, 0, 0
        self._of_zone: dict[int | None, Reader] = {}
        self._scores: dict[int, list[list[float]]] = {}
        self._has_others = is_told

    @property
    def is_at_sight(self) -> bool:
        """Whether the film needs no other reader than the one that has read its lines at sight."""
        return self._chosen in ((), (self._at_sight,))

    @property
    def is_unread(self) -> bool:
        """Whether there were lines to learn from, and no reader knew their script."""
        return bool(self._scores) and not self._chosen

    @stage("scan: words")
    def learn(self, lines: Sequence[tuple[int, Sequence[Lettering], tuple[str, float]]]) -> None:
        """Find out which readers the film needs.

        Args:
            lines: Of the film's subtitles in order of time, which zone each stands in, what its letters may
                be, by `find_letterings`, and what was read at sight, with its confidence in [0, 1]. In
                bilingual films each zone has a script of its own.
        """
        by_zone: dict[int, list[_Sample]] = {}
        for zone, line, at_sight in lines:
            if line:
                by_zone.setdefault(zone, []).append((line, at_sight))
        if not by_zone:
            return
        if self._is_told:
            self._weigh_mirrored([line for seen in by_zone.values() for line, _ in seen])
            return
        most = max(LEAST_SAMPLED_LINES, SAMPLED_LINES // len(by_zone))
        for zone, seen in by_zone.items():
            self._scores.setdefault(zone, []).extend(self._sample(seen, most))
        of_zone = {zone: self._to_array(scores) for zone, scores in self._scores.items()}
        scores = np.concatenate(list(of_zone.values()))
        best = scores.max(axis=1, keepdims=True)
        wins = ((scores == best) & (best >= LEAST_KNOWN_SCORE)).sum(axis=0)
        votes = np.where(scores == best, scores**2, 0).sum(axis=0)
        order = [int(number) for number in np.argsort(-votes, kind="stable")]
        chosen = [number for number in order if wins[number] >= max(1, LEAST_SHARE * wins.sum())]
        self._chosen = tuple(self._readers[number] for number in chosen)
        self._is_mirrored = self._for_mirrored >= max(2, 2 * self._against_mirrored)
        for zone, own in of_zone.items() if chosen else ():
            means = own.mean(axis=0)
            means[chosen[0]] += ZONE_LEAD
            self._of_zone[zone] = self._readers[max(chosen, key=lambda number: means[number])]

    @stage("scan: words")
    def read(
        self, line: Sequence[Lettering], at_sight: tuple[str, float] = ("", 0.0), zone: int | None = None
    ) -> Words:
        """Read a line.

        Args:
            line: What its letters may be, by `find_letterings`.
            at_sight: What was read before with all that is behind the letters, and its confidence in [0, 1].
            zone: Where it stands, as in `learn`; None: not known.

        Returns:
            What it says, by the surest of the film's readers.
        """
        known = sum(map(len, self._scores.values()))
        if not self._is_told and known < (LEAST_SAMPLED_LINES if self._chosen else SAMPLED_LINES):
            # Of a film without lines that stand still, or with few.
            self.learn([(-1 if zone is None else zone, line, at_sight)])
        best = Words("", 0.0, line[0].colour if line else None)
        for reader in sorted(self._chosen, key=lambda each: each is not self._of_zone.get(zone)):
            seen = at_sight if self._can_have_read(at_sight[0], reader) else ("", 0.0)
            words = read_line(reader, line, seen, is_mirrored=self._is_mirrored)
            # Letters of two scripts can look the same: the first reader holds where it can read.
            if not best.score or words.score > max(LEAST_KNOWN_SCORE, best.score + CLEAR_LEAD):
                best = words
            if best.score >= (LEAST_SCORE if self._is_told else LEAST_KNOWN_SCORE):
                break
        return best if best.score >= LEAST_SCORE else Words("", best.score, best.colour)

    def _can_have_read(self, text: str, reader: Reader) -> bool:
        """Whether a text that was read at sight is of a script that was known then, and is a reader's."""
        script = script_of(text)
        return script in reader.scripts and (self._at_sight is None or script in self._at_sight.scripts)

    def _weigh_mirrored(self, lines: Sequence[Sequence[Lettering]]) -> None:
        """See by some lines whether those from right to left were drawn the wrong way round."""
        reader = self._readers[0]
        if any(map(is_right_to_left, reader.scripts)):
            for line in lines[:: -(-len(lines) // SAMPLED_LINES)]:
                self._try(reader, line)
            self._is_mirrored = self._for_mirrored >= max(2, 2 * self._against_mirrored)

    def _sample(self, lines: Sequence[_Sample], most: int) -> list[list[float]]:
        """How well each reader reads some of the lines, until one is clearly the best."""
        places = np.unique(np.linspace(0, len(lines) - 1, most).round().astype(int))
        # Any first few of them are spread over the film.
        places = places[np.argsort(np.arange(len(places)) * 0.618034 % 1, kind="stable")]
        scores: list[list[float]] = []
        for place in places:
            scores.append(self._score(*lines[place]))
            best = {int(np.argmax(each)) for each in scores if max(each) >= LEAST_KNOWN_SCORE}
            if len(best) == 1 and len(scores) >= LEAST_SAMPLED_LINES:
                break
        return scores

    def _score(self, line: Sequence[Lettering], at_sight: tuple[str, float]) -> list[float]:
        """How well each reader reads a line, those that know nothing of its script not at all."""
        first, others = self._readers[: self._first_count], self._readers[self._first_count :]
        text, seen = at_sight
        scores = [
            max(
                self._try(reader, line),
                seen * _share_own(text, reader, counts_signs=False) * (reader is self._at_sight),
            )
            for reader in first
        ]
        if max(scores, default=0.0) < PLAIN_SCORE:
            if not self._has_others:
                others = tuple(self._find_others())
                self._readers, self._has_others = (*self._readers, *others), True
            scores += [self._try(reader, line) for reader in others]
        return scores or [0.0]

    def _try(self, reader: Reader, line: Sequence[Lettering]) -> float:
        """How well a reader reads a line."""
        text, sure = glance(reader, line)
        score = sure * _share_own(text, reader, counts_signs=reader not in self._readers[: self._first_count])
        if score >= LEAST_SCORE and any(map(is_right_to_left, reader.scripts)):
            pro, con = weigh_mirrored(text)
            self._for_mirrored += pro
            self._against_mirrored += con
        return score

    def _to_array(self, scores: Sequence[Sequence[float]]) -> np.ndarray:
        """(lines, readers) float64; 0 where a reader was not asked."""
        padded = np.zeros((len(scores), max(1, len(self._readers))))
        for row, values in zip(padded, scores, strict=True):
            row[: len(values)] = values
        return padded


def _share_own(text: str, reader: Reader, *, counts_signs: bool) -> float:
    """The share of a text's letters that are of the scripts that a reader is there for.

    Models of all scripts know Latin letters as well, which those made for Latin read better.

    Args:
        text: What the reader has read.
        reader: It.
        counts_signs: Whether digits and signs count as other letters: Tesseract reads them in what is no
            lettering.
    """
    counts = count_letters(text)
    own = sum(count for script, count in counts.items() if script in reader.scripts)
    signs = sum(not c.isspace() and unicodedata.category(c)[0] not in "LMP" for c in text)
    return own / max(1, sum(counts.values()) + signs * counts_signs)
