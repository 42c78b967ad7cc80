"""Pixel formats: which are planar, which planar one holds the same samples, and what colour tags mean.

Samples are read and written in `planes`.
"""

from __future__ import annotations

import re

import av.error
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from subremover.errors import InputError
from subremover.video.film import Film

_PLANAR = re.compile(r"(yuvj?|yuva|gbra?)4?\d*p(9|1[0246])?(le)?|gray(9|1[0246])?(le)?")
_REMEDY = "convert the film first, e.g. to yuv444p"
# AVColorSpace (ITU-T H.273)
_BT709, _BT2020 = 1, (9, 10)
_BT601 = (4, 5, 6)
_MATRIX_TAGS = {Colorspace.ITU601: 6, Colorspace.ITU709: _BT709, Colorspace.BT2020: 9}
# Untagged pictures of this height and more are taken as BT.709, smaller ones as BT.601.
HD_LINES = 720


def is_planar(form: VideoFormat) -> bool:
    """Whether samples lie in planes of their own, as little-endian integers of 8 to 16 bits, aligned low."""
    return _PLANAR.fullmatch(form.name) is not None


def to_planar(frame: VideoFrame) -> VideoFrame:
    """A frame with the same samples in planes.

    Packed and semi-planar formats (nv12, yuyv422, rgb24, ...) go to the planar format of the same depth
    and subsampling; times, picture type and colour tags stay.

    Args:
        frame: Of any format; stays as it is.

    Returns:
        A new frame, or the same one where it is planar.

    Raises:
        InputError: There is no lossless way (Bayer, XYZ, floating point, ...).
    """
    name = frame.format.name
    if is_planar(frame.format):
        return frame
    target = _planar_name(frame.format)
    try:
        if target is not None:
            return convert(frame, target)
    except av.error.FFmpegError as error:
        raise InputError(f"swscale cannot convert {name} to {target}; {_REMEDY}") from error
    raise InputError(f"pixel format {name} is not supported; {_REMEDY}")


def convert(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """A frame in another pixel format, with its range, matrix and times, and no sample rescaled in value.

    Args:
        frame: Stays as it is.
        pix_fmt: FFmpeg's name of the format.

    Returns:
        A new frame, or the same one where it has that format.

    Raises:
        av.error.FFmpegError: swscale cannot convert it.
    """
    if frame.format.name == pix_fmt:
        return frame
    # Given on both sides, for swscale would otherwise guess a range from the format's name (yuvj, gray).
    color_range = ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG
    matrix = swscale_matrix(frame)
    planar = frame.reformat(
        format=pix_fmt,
        src_color_range=color_range,
        dst_color_range=color_range,
        src_colorspace=matrix,
        dst_colorspace=matrix,
    )
    planar.colorspace, planar.color_range = frame.colorspace, frame.color_range
    planar.color_primaries, planar.color_trc = frame.color_primaries, frame.color_trc
    return planar


def to_playable(frame: VideoFrame) -> VideoFrame:
    """A frame for looking at, as players show it: 8 bits, limited range, 4:2:0 (4:4:4 of an odd size).

    Matrix, primaries and transfer stay the source's own, so that it looks as the source does there.

    Args:
        frame: Of any format; stays as it is.

    Returns:
        A frame with the same time and the tags that hold for it.
    """
    pix_fmt = "yuv444p" if frame.width % 2 or frame.height % 2 else "yuv420p"
    matrix = swscale_matrix(frame)
    playable = frame.reformat(
        format=pix_fmt,
        src_color_range=ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        src_colorspace=matrix,
        dst_colorspace=matrix,
    )
    playable.color_primaries, playable.color_trc = frame.color_primaries, frame.color_trc
    playable.color_range = ColorRange.MPEG
    playable.colorspace = _MATRIX_TAGS[matrix] if frame.format.is_rgb else frame.colorspace
    return playable


def _planar_name(form: VideoFormat) -> str | None:
    """The planar format of the same depth and subsampling; None where there is none."""
    parts = form.components
    depth = max(part.bits for part in parts)
    if form.is_bayer or form.is_bit_stream or depth not in (8, 10, 12, 14, 16) or form.name.startswith("xyz"):
        return None
    suffix = "" if depth == 8 else f"{depth}le"
    has_alpha = any(part.is_alpha for part in parts)
    if form.is_rgb or form.has_palette:
        return f"gbr{'ap' if has_alpha or form.has_palette else 'p'}{suffix}"
    if len(parts) < 3:
        return f"gray{suffix}" if not has_alpha else None
    ratio = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (1, 2): "440", (4, 4): "410"}
    name = ratio.get(steps(form))
    return f"yuv{'a' if has_alpha else ''}{name}p{suffix}" if name else None


def steps(form: VideoFormat) -> tuple[int, int]:
    """How many luma samples share a chroma sample: across and down."""
    return 64 // form.chroma_width(64), 64 // form.chroma_height(64)


def is_full_range(frame: VideoFrame) -> bool:
    """Whether black is 0 and white the greatest number; untagged RGB is taken to be so, untagged YUV not."""
    name = frame.format.name
    if frame.format.is_rgb or frame.format.has_palette:
        return frame.color_range != ColorRange.MPEG
    return frame.color_range == ColorRange.JPEG or name.startswith("yuvj")


def swscale_matrix(frame: VideoFrame) -> Colorspace:
    """The frame's matrix by swscale's name; untagged: BT.709 from `HD_LINES` lines on, BT.601 below."""
    if frame.colorspace in _BT2020:
        return Colorspace.BT2020
    is_hd = frame.colorspace == _BT709 or (frame.colorspace not in _BT601 and frame.height >= HD_LINES)
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def frame_bytes(film: Film) -> int:
    """Memory that one decoded frame takes."""
    return int(film.width * film.height * VideoFormat(film.pix_fmt).padded_bits_per_pixel // 8)
