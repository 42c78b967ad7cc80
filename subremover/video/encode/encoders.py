"""Chooses the encoder that writes changed pictures again, and its pixel format.

What it is told is in `settings`; it is run by `picture_encoder`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import av.error
from av.codec import find_best_pix_fmt_of_list
from av.video.codeccontext import VideoCodecContext

from subremover.errors import OutputError, UsageError
from subremover.options import EncodeOptions
from subremover.video.encode.priority import keeping_priority
from subremover.video.encode.settings import (
    QUALITIES,
    QUANTISED,
    describe_names,
    make_quality,
    make_settings,
    set_quality,
)
from subremover.video.film import Film
from subremover.video.pixels.formats import frame_bytes

log = logging.getLogger(__name__)

# Codecs whose encoder has another name; for a codec with several the first that takes the pixel format.
_ENCODERS = {
    "h264": ("libx264", "libx264rgb"),
    "hevc": ("libx265",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1",),
    "prores": ("prores_ks",),
    "theora": ("libtheora",),
}
_FALLBACK = "libx264"
_OTHERS = "try libx264, libx265 or libsvtav1"
# These are not in every FFmpeg, nor on every machine; PyAV's FFmpeg for Linux has not the last two.
_HARDWARE = ("_nvenc", "_qsv", "_amf", "_vaapi", "_videotoolbox")
# These know no other clock than the frame rate: they get frames by number and their packets the film's times.
_COUNTING = QUANTISED - {"mjpeg"} | {"dvvideo"}


ENCODER_FRAMES = {"libx264": 130, "libx265": 190, "libsvtav1": 310, "libvpx-vp9": 140}
"""What encoders hold of 960x544 or 1920x1080 by default, in decoded frames: they look ahead."""
OTHER_ENCODER_FRAMES = 40


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder and what it is told."""

    encoder: str
    """FFmpeg's name of it."""
    codec: str
    """FFmpeg's name of the codec that comes out."""
    pix_fmt: str
    """Pixel format of the frames that it is given."""
    options: dict[str, str]
    """By FFmpeg's names."""
    is_counting: bool
    """Whether it must be given frame numbers instead of times."""
    warnings: tuple[str, ...] = ()
    """What the user should know of the choice."""

    def with_crf(self, crf: float) -> Encoding:
        """The same encoder at another quality; it must have one (`settings.QUALITIES`)."""
        return replace(self, options=self.options | make_quality(self.encoder, crf))


def choose_encoding(film: Film, options: EncodeOptions) -> Encoding:
    """Choose the encoder asked for, else the source codec's own, else H.264.

    A hardware encoder that cannot be opened here is replaced by its codec's software. What was asked for by
    name is tried once: the same film and options get the same encoder for as long as the process lives.

    Args:
        film: The source.
        options: What was chosen.

    Returns:
        The encoder, and all that it is told.

    Raises:
        OutputError: There is no such encoder.
        UsageError: It knows no such preset, tune or pixel format, or has no quality to match a size by.
    """
    if not (options.codec or "").endswith(_HARDWARE):
        return _make_encoding(film, options)
    name = str(options.codec)
    codec = _find(name)
    if codec is None:
        reason: str | None = "this FFmpeg was built without it"
    else:
        encoding = _make_encoding(film, options)
        reason = find_refusal(encoding, film)
        if reason is None:
            return encoding
    family = codec.canonical_name if codec else name.rpartition("_")[0]
    if not any(map(_find, _ENCODERS.get(family, ()))):
        raise OutputError(f"{name} cannot be used here ({reason}); {_OTHERS}")
    # its presets and its pixel formats have other names in software
    soft = replace(options, codec=family, preset=None, tune=None, pix_fmt=None)
    instead = _make_encoding(film, soft, options.pix_fmt)
    warning = f"{name} cannot be used here ({reason}); {instead.encoder} encodes instead"
    return replace(instead, warnings=(warning, *instead.warnings))


def list_codecs() -> tuple[str, ...]:
    """Codecs that this FFmpeg can encode in software, by its names."""
    return tuple(codec for codec, encoders in _ENCODERS.items() if any(map(_find, encoders)))


def _make_encoding(film: Film, options: EncodeOptions, like: str | None = None) -> Encoding:
    """What the options name; `like` is a pixel format to come near to instead of the film's."""
    wanted = options.pix_fmt or like or film.pix_fmt
    warnings = []
    try:
        has_palette = av.VideoFormat(wanted).has_palette
    except ValueError as error:
        raise UsageError(f"no pixel format named {wanted!r}; leave it out to keep the film's") from error
    if options.codec is None:
        # nothing makes a palette for a picture that was changed
        names = () if has_palette else _ENCODERS.get(film.codec, (film.codec,))
        codec = _choose_encoder(names, wanted)
        is_lost = codec is not None and _is_loss(_nearest_format(codec, wanted), wanted)
        if codec is None or (is_lost and film.codec != "prores"):  # a 12-bit ProRes has 10 in the encoder
            codec = _find(_FALLBACK)
            assert codec is not None  # part of every PyAV wheel
            warnings.append(f"no encoder for {film.codec} {wanted}; the picture becomes H.264")
    else:
        codec = _choose_encoder(_ENCODERS.get(options.codec, (options.codec,)), wanted)
        if codec is None:
            raise OutputError(f"no encoder named '{options.codec}'; {_OTHERS}")
    pix_fmt = _nearest_format(codec, wanted)
    if options.pix_fmt not in (None, pix_fmt):
        formats = ", ".join(_formats(codec))
        raise UsageError(f"{codec.name} does not take pixel format {wanted!r}; choose from {formats}")
    # yuvj is full-range yuv, which the range tag says as well
    is_other = pix_fmt.replace("yuvj", "yuv") != film.pix_fmt.replace("yuvj", "yuv")
    if options.pix_fmt is None and is_other and _is_loss(pix_fmt, film.pix_fmt):
        warnings.append(f"{codec.name} has no {film.pix_fmt}; the picture becomes {pix_fmt}")
    if codec.name not in QUALITIES:
        if options.crf is not None:
            warnings.append(f"{codec.name} knows no crf; {options.crf:g} is ignored")
        if options.match_size:
            raise UsageError(
                f"{codec.name} has no crf that --match-size could set; leave it out, or use another --codec"
            )
    encoding = Encoding(
        codec.name,
        codec.canonical_name,
        pix_fmt,
        make_settings(codec.name, options, film.codec_tag, pix_fmt, film.width),
        codec.name in _COUNTING,
        tuple(warnings),
    )
    _check_asked(encoding, film, options)
    return encoding


def _check_asked(encoding: Encoding, film: Film, options: EncodeOptions) -> None:
    """Raise a UsageError where the encoder, in a trial, refuses the names asked for; not for hardware's."""
    asked = []
    for name, value in (("preset", options.preset), ("tune", options.tune)):
        if value is not None:
            asked.append(f"{name} {value!r} (it has: {describe_names(encoding.encoder, name)})")
    if options.pix_fmt is not None:
        asked.append(f"pixel format {options.pix_fmt}")
    if asked and not encoding.encoder.endswith(_HARDWARE) and (reason := find_refusal(encoding, film)):
        raise UsageError(f"{encoding.encoder} refuses {' with '.join(asked)}: {reason}")


def count_encoder_bytes(film: Film, encoder: str) -> int:
    """Memory that an encoder takes, by FFmpeg's name, for frames of a film."""
    return ENCODER_FRAMES.get(encoder, OTHER_ENCODER_FRAMES) * frame_bytes(film)


def find_refusal(encoding: Encoding, film: Film) -> str | None:
    """Why an encoder cannot be opened for pictures of a film's size; None: it can be."""
    shape = film.width, film.height, encoding.pix_fmt
    return _open_trial(encoding.encoder, shape, film.frame_rate, tuple(encoding.options.items()))


@functools.cache
def _open_trial(
    encoder: str, shape: tuple[int, int, str], rate: Fraction, options: tuple[tuple[str, str], ...]
) -> str | None:
    """Why it cannot be opened; tried once a process, so that a busy device changes no encoder amid a film."""
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = shape
    context.framerate, context.time_base = rate, 1 / rate
    context.options = dict(options)
    set_quality(context, encoder)
    try:
        with keeping_priority():
            context.open()
    except (ValueError, av.error.FFmpegError) as error:
        log.debug("trial of %s failed: %s", encoder, error)
        return str(getattr(error, "strerror", None) or error)
    return None


def _find(name: str) -> av.codec.Codec | None:
    """The video encoder of this name; None where this FFmpeg has none."""
    try:
        codec = av.codec.Codec(name, "w")
    except ValueError:
        return None
    return codec if codec.type == "video" else None


def _choose_encoder(names: Sequence[str], pix_fmt: str) -> av.codec.Codec | None:
    """The first that takes the pixel format, else the first that takes all of its samples, else the first."""
    found = [codec for name in names if (codec := _find(name)) is not None]
    takes = [codec for codec in found if pix_fmt in _formats(codec) or not _formats(codec)]
    near = [codec for codec in found if not _is_loss(_nearest_format(codec, pix_fmt), pix_fmt)]
    return next(iter([*takes, *near, *found]), None)


def _formats(codec: av.codec.Codec) -> list[str]:
    """Names of the pixel formats that an encoder takes; empty where it does not tell."""
    return [form.name for form in codec.video_formats or ()]


def _nearest_format(codec: av.codec.Codec, pix_fmt: str) -> str:
    """The pixel format of an encoder that loses least of another one."""
    formats = _formats(codec)
    if not formats or pix_fmt in formats:
        return pix_fmt
    plain = pix_fmt.replace("yuvj", "yuv")
    if plain in formats:
        return plain
    has_alpha = any(part.is_alpha for part in av.VideoFormat(pix_fmt).components)
    best, _ = find_best_pix_fmt_of_list(formats, pix_fmt, has_alpha)
    return best.name if best is not None else formats[0]


def _is_loss(pix_fmt: str, source: str) -> bool:
    """Whether the source's samples do not fit in: fewer bits, less chroma, another kind of colour."""
    old, new = av.VideoFormat(source, 64, 64), av.VideoFormat(pix_fmt, 64, 64)
    return (
        old.is_rgb != new.is_rgb
        or max(c.bits for c in old.components) > max(c.bits for c in new.components)
        or len(old.components) > len(new.components)
        or (len(old.components) > 2 and old.chroma_width() > new.chroma_width())
        or (len(old.components) > 2 and old.chroma_height() > new.chroma_height())
    )
