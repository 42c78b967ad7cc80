"""Finds out before the long run whether a film can be written as asked for, and what would do instead."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer

from subremover.errors import OutputError, SubremoverError
from subremover.options import EncodeOptions
from subremover.runtime.atomic_file import check_file
from subremover.video.container.carry import is_read_again
from subremover.video.container.mux import CarriedStreams
from subremover.video.container.output import find_format, open_output
from subremover.video.container.shape import foresee_shape
from subremover.video.encode.encoders import Encoding, choose_encoding, find_refusal
from subremover.video.encode.picture_encoder import PictureEncoder
from subremover.video.film import Film
from subremover.video.read.limits import check_memory
from subremover.video.read.source import open_input
from subremover.video.splice.packet_index import PacketIndex, read_packet_index
from subremover.video.splice.splice import Splice, SpliceError, plan_splice
from subremover.video.text.text_track import TextTrack, check_text_track
from subremover.video.write.segment_writer import open_encoder

log = logging.getLogger(__name__)

# What is proposed where something else cannot be written: the first that can.
_SUFFIXES = (".mkv", ".mov", ".avi")
_CODECS = ("libx264", "libvpx-vp9", "ffv1")


def check_target(
    film: Film,
    target: Path,
    options: EncodeOptions,
    encoding: Encoding,
    *,
    read_index: Callable[[Film], PacketIndex] = read_packet_index,
) -> tuple[str, ...]:
    """Find out before the long run whether the target can be written as asked for, by trying it in memory.

    Args:
        film: The source.
        target: The film to be made; its extension names the container.
        options: Whether the target may be replaced, what is added to it, whether packets must be copied.
        encoding: Of the picture.
        read_index: Reads all of the picture's packets; called only where packets must be copied.

    Returns:
        What cannot be kept, one line a thing.

    Raises:
        InputError: The film cannot be read.
        OutputError: The target is the film, exists, cannot be created, has an unknown extension, or its
            container cannot hold the picture; or the encoder refuses it.
        SpliceError: Packets must be copied and cannot be.
        UsageError: Its container cannot hold the text track asked for.
    """
    check_file(film.path, target, options.overwrite)  # first: a folder's name has no extension
    format_name = find_format(target)
    if options.subtitle_track:
        check_text_track(format_name, target)
    with open_input(film.path) as source:
        try:
            losses = _try_container(film, source, target, encoding)
        except (ValueError, av.error.FFmpegError) as error:
            check_memory(error)
            log.debug("trial of %s failed: %s", target, error)
            refusal = find_refusal(encoding, film)
            what = f"'{target.name}' cannot hold {encoding.codec}"
            if refusal is not None:
                size = f"{film.width}x{film.height} px"
                what = f"{encoding.encoder} does not take {encoding.pix_fmt} of {size} ({refusal})"
            raise OutputError(f"{what}; {_propose_other(film, source, target, options)}") from error
        losses = (*losses, *foresee_shape(film, source, format_name))
    if options.splice == "on":  # what cannot be copied even where nothing is masked never can
        nothing = np.zeros(film.frame_count, bool)
        splice = plan_splice(film, nothing, encoding, format_name, read_index=read_index, least_share=0)
        check_splice(splice, target, encoding)
    return losses


def _try_container(film: Film, source: InputContainer, target: Path, encoding: Encoding) -> tuple[str, ...]:
    """What cannot be kept in the container; it raises ValueError or FFmpeg's error if that is the picture."""
    name = find_format(target)
    if not is_read_again(name, encoding.codec):
        raise ValueError(f"{encoding.codec} cannot be read out of {name}")
    out = open_output(source, io.BytesIO(), target)
    try:
        encoder = PictureEncoder(film, source, out, encoding)
        carried = CarriedStreams(source, out, film, False, TextTrack())
        out.start_encoding()
    finally:
        with contextlib.suppress(ValueError, av.error.FFmpegError):
            out.close()
    return (*encoder.warnings, *carried.warnings)


def _propose_other(film: Film, source: InputContainer, target: Path, options: EncodeOptions) -> str:
    """The end of a message: another container or codec that would do; each is tried before it is named."""

    def is_open(suffix: str, codec: str | None) -> bool:
        other = target.with_suffix(suffix)
        try:
            if options.subtitle_track:
                check_text_track(find_format(other), other)
            _try_container(film, source, other, choose_encoding(film, replace(options, codec=codec)))
        except (SubremoverError, ValueError, av.error.FFmpegError):
            return False
        return True

    suffixes = (suffix for suffix in _SUFFIXES if is_open(suffix, options.codec))
    codecs = (f"--codec {codec}" for codec in _CODECS if is_open(target.suffix, codec))
    ways = [way for way in (next(suffixes, None), next(codecs, None)) if way]
    return f"use {' or '.join(ways) or 'another container and another --codec'}"


def check_splice(splice: Splice, target: Path, encoding: Encoding) -> None:
    """Find out before the long run whether the encoder can make packets that go with the source's.

    Args:
        splice: How the film's packets and the encoder's are to be joined.
        target: The film to be made.
        encoding: Of the frames that are not copied.

    Raises:
        InputError: The film cannot be read.
        SpliceError: It cannot.
    """
    try:
        open_encoder(splice.film, target, encoding, splice)
    except SpliceError:
        raise
    except OutputError as error:
        raise SpliceError(f"the encoder cannot go on with the film's own packets: {error}") from error
