"""Finds the quality at which a picture that is encoded again comes out as large as it was: `--match-size`."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence

import av
import numpy as np
from av.video.stream import VideoStream

from subremover.errors import InputError
from subremover.runtime.profile import stage
from subremover.video.encode.encoders import Encoding
from subremover.video.encode.picture_encoder import PictureEncoder
from subremover.video.encode.settings import LEAST_QUALITY, QUALITIES, Quality
from subremover.video.film import Film
from subremover.video.read.packets import read_packets
from subremover.video.read.reader import read_frames, seek_packets
from subremover.video.read.source import open_input

log = logging.getLogger(__name__)

RUNS, RUN_FRAMES = 4, 48
"""Number of stretches of a film that are tried, and most frames of each."""
TRIES = 4
"""Most qualities that are tried."""
CLOSE = 0.02
"""Difference from the source's size, as a share of it, that is near enough to stop."""
FAR = 0.1
"""Difference that is worth a warning."""
COARSER = 4.0
"""How much higher than the visually lossless crf the search begins."""
HALVING = 6.0
"""Increase of the crf that halves the size, by x264's rule of thumb; used until two tries tell better."""


def match_size(film: Film, encoding: Encoding, spans: Sequence[range]) -> float:
    """The crf at which frames that are encoded again come out as large as in the source.

    A few stretches of the source are encoded as the film will be, at a few values of crf; the logarithm of
    the size is taken as linear between them.

    Args:
        film: The source.
        encoding: Of an encoder that has a crf.
        spans: The frames to be encoded again, in order; at least one.

    Returns:
        The best crf of those tried.

    Raises:
        InputError: The film cannot be read again.
        OutputError: The encoder refuses.
    """
    quality = QUALITIES[encoding.encoder]
    runs = list(choose_runs(film, spans))
    source_bytes = sum(_count_source_bytes(film, run) for run in runs)
    if not source_bytes:
        raise InputError(f"'{film.path}' cannot be read twice; leave --match-size out")

    def measure(crf: float) -> float:
        tried = encoding.with_crf(crf)
        return sum(_count_encoded_bytes(film, tried, run) for run in runs) / source_bytes

    with stage("render: encode"):
        crf, share = search(measure, quality)
    log.info("crf %g comes to %.2f of the source's size", crf, share)
    if abs(share - 1) > FAR:
        log.warning("at no crf does the picture come to the source's size; %g gives %.2f of it", crf, share)
    return crf


def choose_runs(film: Film, spans: Sequence[range]) -> Iterator[range]:
    """Choose the stretches to be tried, spread over the spans.

    Args:
        film: The source.
        spans: The frames to be encoded again, in order.

    Yields:
        Runs of frames, each from a key frame on if one is near, as encoders begin with one as well.
    """
    every = np.concatenate([np.arange(span.start, span.stop) for span in spans])
    if len(every) <= RUNS * RUN_FRAMES:
        yield from spans
        return
    parts = np.array_split(every, RUNS)
    for part in parts:
        middle = int(part[max(0, (len(part) - RUN_FRAMES) // 2)])
        keys = film.key_frames[np.isin(film.key_frames, part)]
        first = int(keys[np.abs(keys - middle).argmin()]) if len(keys) else middle
        run = part[(part >= first) & (part < first + RUN_FRAMES)]
        yield range(first, int(run[-1]) + 1)


def search(measure: Callable[[float], float], quality: Quality) -> tuple[float, float]:
    """Find the crf whose size is nearest to 1.

    Args:
        measure: Gives the size at a crf, as a share of the size that is wanted.
        quality: Of the encoder.

    Returns:
        The crf, and its size as such a share.
    """
    sizes: dict[float, float] = {}
    crf = quality.visually_lossless + COARSER
    for _ in range(TRIES):
        sizes[crf] = math.log2(max(measure(crf), 1e-6))
        nearest = sorted(sizes, key=lambda tried: abs(sizes[tried]))[:2]
        best = nearest[0]
        fall = 1 / HALVING
        if len(nearest) == 2 and sizes[nearest[0]] != sizes[nearest[1]]:
            fall = max((sizes[best] - sizes[nearest[1]]) / (nearest[1] - best), fall / 8)
        crf = min(max(best + sizes[best] / fall, LEAST_QUALITY), quality.most)
        crf = float(round(crf)) if quality.is_whole else round(crf, 2)
        if abs(sizes[best]) < math.log2(1 + CLOSE) or crf in sizes:
            break
    return best, 2 ** sizes[best]


def _count_source_bytes(film: Film, run: range) -> int:
    """Size of the packets of these frames; 0 where none are found."""
    wanted = {int(pts) for pts in film.pts[run.start : run.stop]}
    keys = film.key_frames[film.key_frames <= run.start]
    for key in (*keys[-1:], None):
        found: dict[int, int] = {}
        with open_input(film.path) as container:
            stream = container.streams[film.stream_index]
            assert isinstance(stream, VideoStream)
            if key is None:
                packets = read_packets(container, [stream], film.joins)
            else:
                packets = seek_packets(container, film, stream, int(key))
            for packet in packets:
                at = packet.pts if packet.pts is not None else packet.dts
                if packet.size and at in wanted:
                    found[at] = packet.size
                if len(found) == len(wanted):
                    break
        if len(found) == len(wanted):
            break
    return sum(found.values())


def _count_encoded_bytes(film: Film, encoding: Encoding, run: range) -> int:
    """Size of these frames' packets, encoded as the film will be."""
    encoder: PictureEncoder | None = None
    size = 0
    with open_input(film.path) as source, av.open(io.BytesIO(), "w", format="matroska") as out:
        for _, frame in read_frames(film, run.start, run.stop):
            encoder = encoder or PictureEncoder(film, source, out, encoding)
            size += sum(packet.size for packet in encoder.encode(frame))
        if encoder is not None:
            size += sum(packet.size for packet in encoder.encode(None))
    return size
