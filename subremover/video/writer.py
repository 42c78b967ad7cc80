"""Writes a film's picture again, and everything else of the film as it was.

The picture keeps its codec, times, colour tags, shape and rotation; frames are encoded as they are handed
over, in their own pixel format. `mux` carries the rest.
"""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from types import TracebackType

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from subremover.cues import Cue
from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.profile import stage
from subremover.video.encoders import choose_encoding
from subremover.video.mux import CarriedStreams, needs_picture, open_output
from subremover.video.probe import Film, open_input
from subremover.video.shape import foresee_shape, keep_shape
from subremover.video.target import PartFile, check_file, find_format, output_errors
from subremover.video.text_track import TextTrack, check_text_track
from subremover.video.track import Track

log = logging.getLogger(__name__)


class MovieWriter(contextlib.AbstractContextManager["MovieWriter"]):
    """Takes all frames of a film, in order, and makes the target of them.

    The target appears when the `with` block ends without an exception, whole and on disk; otherwise
    nothing is left.
    """

    def __init__(self, film: Film, target: Path, options: EncodeOptions, cues: tuple[Cue, ...] = ()) -> None:
        """The cues, in the film's own seconds, become a text track."""
        self.warnings: list[str] = []
        """What of the film cannot be kept, one line a thing; complete when the block has ended."""
        self._film, self._target, self._options = film, target, options
        self._text = TextTrack(cues, options.subtitle_language)
        self._part = PartFile(target)
        self._stack = contextlib.ExitStack()
        self._out: OutputContainer | None = None

    def __enter__(self) -> MovieWriter:
        check_file(self._film.path, self._target, self._options.overwrite)
        self._stack.callback(self._part.discard)
        self._source = self._stack.enter_context(open_input(self._film.path))
        return self

    def write(self, frame: VideoFrame) -> None:
        """Encode the next frame, planar or not, with its `pts` as decoded.

        Raises:
            OutputError: The disk is full, the encoder fails, ...
        """
        with output_errors(self._target):
            if self._out is None:
                self._open()
            self._mux(self._track.encode(frame))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:  # whatever happens here, containers are closed and the part file goes
            if kind is not None:
                if self._out is not None:
                    with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):
                        self._out.close()
                return
            if self._out is None:
                raise OutputError(f"no frame was written to '{self._target}'; check --start and --end")
            with output_errors(self._target), stage("render: encode"):
                try:
                    self._mux(self._track.encode(None))
                    self._carried.mux_until(None)
                finally:
                    self._out.close()
                self.warnings += keep_shape(
                    self._film, self._source, self._part.path, find_format(self._target)
                )
            self._part.commit()

    def _open(self) -> None:
        self._out = open_output(self._source, str(self._part.path), self._target)
        self._track = Track(self._film, self._source, self._out, self._options)
        self._carried = CarriedStreams(self._source, self._out, self._film, False, self._text)
        self.warnings += [*self._track.warnings, *self._carried.warnings]

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        assert self._out is not None
        for packet in packets:
            # Other streams go as far as the picture has come, not ahead: the muxer would wait for the
            # encoder's held-back frames for 10 s only and then give up interleaving.
            at = packet.dts if packet.dts is not None else packet.pts
            if at is not None:
                self._carried.mux_until(at * packet.time_base)
            self._out.mux(packet)


def check_target(film: Film, target: Path, options: EncodeOptions) -> tuple[str, ...]:
    """Find out before the long run whether the film can be written there like that.

    Returns:
        What cannot be kept, one line a thing.

    Raises:
        OutputError: The target is the film, exists, cannot be created, has an unknown extension, or its
            container cannot hold the picture; or there is no such encoder.
        UsageError: Its container cannot hold the text track asked for.
    """
    if options.subtitle_track:
        check_text_track(find_format(target), target)
    with open_input(film.path) as source:
        out = open_output(source, io.BytesIO(), target)
        check_file(film.path, target, options.overwrite)
        try:
            track = Track(film, source, out, options)
            carried = CarriedStreams(source, out, film, False, TextTrack())
            out.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            codec = choose_encoding(film, options).codec
            log.debug("trial of %s failed: %s", target, error)
            raise needs_picture(target, codec) from error
        finally:
            with contextlib.suppress(ValueError, av.error.FFmpegError):
                out.close()
        shape = foresee_shape(film, source, find_format(target))
    return (*track.warnings, *carried.warnings, *shape)
