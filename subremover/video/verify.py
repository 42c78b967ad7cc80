"""Whether a film that was joined of copied and encoded packets is what it should be: found by decoding it
once, beside its source."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from subremover.errors import InputError
from subremover.video.planes import views
from subremover.video.probe import Film, probe
from subremover.video.reader import read_frames


def find_fault(film: Film, copied: Iterable[range], path: Path) -> str | None:
    """What is wrong with a film of copied and rendered frames; None if nothing is.

    Every frame must have its time, as exactly as the container can tell it, and be whole; every copied one
    must be the source's sample for sample.

    Args:
        film: The source.
        copied: Its frames that were copied.
        path: Of the film that was made of it.

    Raises:
        InputError: The source cannot be read.
    """
    is_copied = np.zeros(film.frame_count, bool)
    for run in copied:
        is_copied[run.start : run.stop] = True
    try:
        made = probe(path)
    except InputError as error:
        return str(error)
    if fault := _find_false_shape(film, made):
        return fault
    for old, new in itertools.zip_longest(read_frames(film), read_frames(made)):
        if old is None or new is None or old[0] != new[0]:
            index = min(pair[0] for pair in (old, new) if pair is not None)
            return f"only one of the two shows frame {index}"
        if new[1].is_corrupt and not old[1].is_corrupt:
            return f"frame {new[0]} is damaged"
        if is_copied[old[0]] and not _are_equal(old[1], new[1]):
            return f"frame {new[0]} was copied and is another picture"
    return None


def _find_false_shape(film: Film, made: Film) -> str | None:
    for what in ("codec", "width", "height", "rotation", "pix_fmt", "frame_count"):
        old, new = getattr(film, what), getattr(made, what)
        if old != new:
            return f"its {what.replace('_', ' ')} is {new}, not {old}"
    ratio = film.time_base / made.time_base
    # as Python's integers: the numbers of ticks multiply
    off = film.pts.astype(object) * ratio.numerator - made.pts.astype(object) * ratio.denominator
    wrong = np.flatnonzero(2 * abs(off) > (ratio.denominator if ratio.denominator > 1 else 0))
    if len(wrong):
        return f"frame {wrong[0]} is shown at another time, as are {len(wrong) - 1} others"
    return None


def _are_equal(old: VideoFrame, new: VideoFrame) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(views(old), views(new), strict=True))
