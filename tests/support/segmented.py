"""Writes films as a run does, segment by segment, without the rest of the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from av.video.frame import VideoFrame

from subremover.options import EncodeOptions
from subremover.video.encode.encoders import choose_encoding
from subremover.video.encode.spool import KEY_BYTES, Spool
from subremover.video.film import Film
from subremover.video.read.probe import probe
from subremover.video.read.reader import read_frames
from subremover.video.segments import Segment, by_segment
from subremover.video.text.text_track import NO_TRACK, TextTrack
from subremover.video.write.assemble import assemble
from subremover.video.write.preflight import check_target
from subremover.video.write.segment_writer import SegmentWriter, open_encoder

KEY = bytes(KEY_BYTES)


def cut_at(film: Film, *starts: int) -> list[Segment]:
    """Segments that begin at these frames, and one before."""
    ends = [0, *starts, film.frame_count]
    return [Segment(start, stop) for start, stop in pairwise(ends)]


def foresee(film: Film, target: Path, options: EncodeOptions) -> tuple[str, ...]:
    """What cannot be kept, as a run finds it out before it begins."""
    return check_target(film, target, options, choose_encoding(film, options))


def write_spools(
    film: Film,
    folder: Path,
    target: Path,
    options: EncodeOptions,
    segments: Sequence[Segment],
    *,
    change: Callable[[int, VideoFrame], None] = lambda *_: None,
) -> list[Spool]:
    """The film's frames, perhaps changed, as spool files in a folder."""
    spools = []
    encoding = choose_encoding(film, options)
    for segment, frames in by_segment(read_frames(film), segments):
        file = folder / f"{segment.start}.picture"
        with SegmentWriter(file, KEY, open_encoder(film, target, encoding), target) as writer:
            for index, frame in frames:
                change(index, frame)
                writer.write(frame)
            writer.commit({})
        spools.append(Spool.read(file, KEY))
    return spools


def write_film(
    film: Film,
    target: Path,
    options: EncodeOptions,
    text: TextTrack = NO_TRACK,
    *,
    starts: Sequence[int] = (9,),
    change: Callable[[int, VideoFrame], None] = lambda *_: None,
) -> list[str]:
    """The film again, of segments that begin at these frames and one before; what cannot be kept of it."""
    starts = [start for start in starts if start < film.frame_count]
    with TemporaryDirectory() as folder:
        spools = write_spools(film, Path(folder), target, options, cut_at(film, *starts), change=change)
        return [*assemble(film, target, choose_encoding(film, options), options, spools, text=text)]


PLAIN = EncodeOptions()


def rewrite(source: Path, target: Path, options: EncodeOptions = PLAIN) -> list[str]:
    film = probe(source)
    foresee(film, target, options)
    return write_film(film, target, options)
