"""Writes all frames around a moment as three small films: before, after, and where the pixels came from.

What a whole run would make of these frames is `Run.fill_frames`'s part; a few frames as PNGs are `pictures`'.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from types import TracebackType

import av.error
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from subremover.errors import OutputError, UsageError
from subremover.parsing import Position
from subremover.pipeline import Run
from subremover.plan.model import Plan
from subremover.progress import Progress, ProgressCallback
from subremover.runtime.atomic_file import PartFile, check_file, check_folder
from subremover.runtime.paths import tell
from subremover.runtime.profile import stage, timed
from subremover.video.container.output import closing_output, mux_errors
from subremover.video.encode.settings import QUALITIES
from subremover.video.film import Film
from subremover.video.pixels.formats import to_playable
from subremover.video.read.reader import read_frames
from subremover.video.write.provenance_film import draw_frame
from subremover.video.write.silent_film import Coding, open_silent_film

REACH_SECONDS = 1.5
"""Seconds shown on either side of the moment."""
NAMES = ("before.mp4", "after.mp4", "provenance.mp4")
"""Of the films, in their folder."""
Pictures = tuple[VideoFrame, VideoFrame, VideoFrame]
"""What the films show at one time."""
_OPTIONS = {
    "crf": f"{QUALITIES['libx264'].visually_lossless:g}",
    "preset": "veryfast",
    "g": "12",  # whoever wants a single frame decodes a dozen at the most
    "tune": "zerolatency",  # packets in the order of showing, and no frames held back in memory
}
"""Of x264."""


def find_stretch(film: Film, moment: Position) -> range:
    """The frames that are shown within `REACH_SECONDS` of a moment; at least one.

    Args:
        film: The source.
        moment: The first frame at or after it is in the middle.

    Raises:
        UsageError: The film ends before.
    """
    middle = film.index_of(moment)
    if middle >= film.frame_count:
        raise UsageError(
            f"--around lies behind the end of '{film.path}' ({film.frame_count} frames, "
            f"{film.duration_seconds:.3f} s); give a time in the film"
        )
    reach = REACH_SECONDS / float(film.time_base)
    sides = film.pts[middle] - reach, film.pts[middle] + reach
    first, stop = (int(np.searchsorted(film.pts, side, "left")) for side in sides)
    return range(first, stop)


def check_preview_films(film: Film, folder: Path) -> None:
    """Find out before the long work whether the films can be written; those of an earlier preview may go.

    Raises:
        OutputError: They cannot, or the source is one of them.
    """
    if check_folder(folder):
        for name in NAMES:
            check_file(film.path, folder / name, overwrite=True)


def write_preview_films(
    run: Run, plan: Plan, folder: Path, stretch: range, progress: ProgressCallback
) -> list[Path]:
    """Write before, after and origins of all frames of a stretch, as films without sound.

    They have a packet for each frame of the stretch, in order, at its time since the first. A frame that
    cannot be decoded shows what the one before shows, as in a player. "After" is what a run would make that
    writes the same container, but for the encoder.

    Args:
        run: Of the film; without a target.
        plan: Of its film.
        folder: Made if need be; films of an earlier preview are replaced when all of the new ones are whole.
        stretch: Of `find_stretch`.
        progress: Called for every frame; what it raises ends the work, and no half film stays.

    Returns:
        The files written, in the order of `NAMES`.

    Raises:
        OutputError: The films cannot be written, or none of the frames can be decoded.
        InputError: The film cannot be read.
        DeviceError: The device asked for is absent, or its memory does not suffice for a single crop.
        WorkerError: A GPU failed.
        UsageError: The memory does not suffice for holes of that size.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to '{folder}': {tell(error)}; choose another folder") from error
    with ExitStack() as stack:
        films = [stack.enter_context(_NewFilm(run.film, folder / name)) for name in NAMES]
        drawn = stack.enter_context(closing(_draw_all(run, plan, stretch)))
        for done, (index, pictures) in enumerate(drawn, 1):
            with stage("report"):
                for new, picture in zip(films, pictures, strict=True):
                    new.write(index, picture)
            progress(Progress("preview", done, len(stretch)))
        for new in films:
            new.close()
        for new in films:
            new.part.commit()
    return [folder / name for name in NAMES]


def _draw_all(run: Run, plan: Plan, stretch: range) -> Generator[tuple[int, Pictures], None, None]:
    """The index of every frame of the stretch, and what the three films show there."""
    following, shown = stretch.start, None
    with closing(_draw(run, plan, stretch)) as drawn:
        for index, pictures in drawn:
            for lost in range(following, index):
                yield lost, shown or pictures
            yield index, pictures
            following, shown = index + 1, pictures
    if shown is None:
        raise OutputError(
            f"no frame from {stretch.start} to {stretch.stop - 1} of '{run.film.path}' can be decoded, "
            "so there is no preview of them; choose another moment"
        )
    for lost in range(following, stretch.stop):
        yield lost, shown


def _draw(run: Run, plan: Plan, stretch: range) -> Generator[tuple[int, Pictures], None, None]:
    """The same for those that can be decoded."""
    film, far = run.film, run.options.borrow.max_distance
    with (
        closing(timed("render: decode", read_frames(film, stretch.start, stretch.stop))) as source,
        closing(run.fill_frames(plan, stretch)) as filled,
    ):
        index, before = -1, None
        for number, after, origins in filled:
            while index < number:
                index, before = next(source, (film.frame_count, None))
            if before is not None and index == number:
                with stage("report"):
                    origin = draw_frame(film, after, origins, far)
                    yield index, (to_playable(before), to_playable(after), origin)


def _duration(film: Film, index: int) -> int:
    """How long a frame is shown, in ticks."""
    if index + 1 < film.frame_count:
        return int(film.pts[index + 1] - film.pts[index])
    return round(1 / film.frame_rate / film.time_base)


class _NewFilm(AbstractContextManager["_NewFilm"]):
    """A film that is written under a temporary name; left without a commit, nothing of it stays."""

    def __init__(self, film: Film, target: Path) -> None:
        """Note what is wanted; the file is made with the first frame, which tells the pixel format."""
        self.part = PartFile(target)
        self._film, self._target = film, target
        self._out: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._first = 0

    def write(self, index: int, frame: VideoFrame) -> None:
        """Encode the frame that is shown at a frame's time in the source.

        Args:
            index: Of that frame; the first one's time is 0 here.
            frame: Like all others in format and tags.

        Raises:
            OutputError: The encoder fails, or the disk is full.
        """
        film = self._film
        with mux_errors(self._target):
            if self._out is None or self._stream is None:
                self._first = index
                self._out, self._stream = open_silent_film(
                    film, str(self.part.path), self._target, Coding.of(frame), _OPTIONS
                )
            frame.pts = int(film.pts[index] - film.pts[self._first])
            frame.time_base, frame.duration = film.time_base, _duration(film, index)
            frame.pict_type = PictureType.NONE  # else the source's key frames would become key frames here
            self._out.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what the encoder holds back, and end the file.

        Raises:
            OutputError: The encoder fails, or the disk is full.
        """
        assert self._out is not None
        assert self._stream is not None
        out, self._out = self._out, None
        with mux_errors(self._target), closing_output(out):
            out.mux(self._stream.encode(None))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
                self._out.close()
        with contextlib.suppress(OSError):
            self.part.discard()
