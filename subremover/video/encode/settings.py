"""What each encoder is told: its quality, its preset, and what else makes a film come out as it went in.

Which encoder writes a film is chosen in `encoders`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import av
import cv2
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from subremover.errors import UsageError
from subremover.options import EncodeOptions


@dataclass(frozen=True, slots=True)
class Quality:
    """The number that sets an encoder's quality (`--crf`); lower is better."""

    visually_lossless: float
    """The default: nobody should see a difference from the source."""
    most: float
    """The worst quality that the encoder has."""
    names: tuple[str, ...] = ("crf",)
    """Options of the encoder that take it."""
    is_whole: bool = False
    """Whether it takes no fractions."""


_AMF, _QSV = ("qp_i", "qp_p", "qp_b"), ("global_quality",)
QUALITIES = {
    "libx264": Quality(16, 51),
    "libx264rgb": Quality(16, 51),
    "libx265": Quality(13, 51),
    "libvpx": Quality(6, 63, is_whole=True),
    "libvpx-vp9": Quality(14, 63, is_whole=True),
    "libsvtav1": Quality(14, 63, is_whole=True),
    "h264_nvenc": Quality(15, 51, ("cq",)),
    "hevc_nvenc": Quality(13, 51, ("cq",)),
    "av1_nvenc": Quality(14, 63, ("cq",)),
    "h264_qsv": Quality(15, 51, _QSV, is_whole=True),
    "hevc_qsv": Quality(13, 51, _QSV, is_whole=True),
    "av1_qsv": Quality(13, 51, _QSV, is_whole=True),
    "vp9_qsv": Quality(13, 51, _QSV, is_whole=True),
    "h264_amf": Quality(15, 51, _AMF, is_whole=True),
    "hevc_amf": Quality(13, 51, _AMF[:2], is_whole=True),
    "av1_amf": Quality(56, 255, _AMF, is_whole=True),  # its scale has four steps to one of SVT-AV1's
}
"""By FFmpeg's name of the encoder, for all that have such a number. The defaults are visually lossless, also
on grainy low-resolution film; those of hardware encoders were not measured, as none was at hand, but set a
little finer than on a like scale. See docs/measurements.md, "video/encode/settings: qualities"."""
LEAST_QUALITY = 1.0
"""The finest quality that is ever asked for; below it is lossless, which in H.264 is a profile of its own."""

QUANTISED = {"mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "wmv1", "wmv2", "msmpeg4", "flv", "h263"}
"""Encoders that take a quantiser instead of a quality."""
_QUANTISER = 2  # the finest that the MPEG-4 and MPEG-2 rate control recommends
_AVX512 = 256  # OpenCV's CV_CPU_AVX512_SKX: F, CD, BW, DQ and VL, which is what x264 asks for
_LAMBDA_PER_QUANTISER = 118  # FFmpeg's FF_QP2LAMBDA
_VIDEOTOOLBOX_QUALITY = 80  # of 100, higher is better; not measured, as no Mac was at hand
_DNXHR_PROFILES = {"yuv422p": "dnxhr_hq", "yuv444p10le": "dnxhr_444", "gbrp10le": "dnxhr_444"}
_PRORES_PROFILES = {"apco": "0", "apcs": "1", "apcn": "2", "apch": "3", "ap4h": "4", "ap4x": "5"}

# Names that encoders know which take any text and complain only in a log.
_X26_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
)
_NAMED: dict[tuple[str, str], tuple[str, ...]] = {
    ("libx264", "preset"): (*_X26_PRESETS, "placebo"),
    ("libx265", "preset"): (*_X26_PRESETS, "placebo"),
    ("libx264", "tune"): (
        *("film", "animation", "grain", "stillimage", "psnr", "ssim", "fastdecode", "zerolatency"),
    ),
    ("libx265", "tune"): ("animation", "grain", "psnr", "ssim", "fastdecode", "zerolatency"),
}


def make_settings(
    encoder: str, options: EncodeOptions, codec_tag: str, pix_fmt: str, width: int
) -> dict[str, str]:
    """The options of an encoder.

    Args:
        encoder: FFmpeg's name of it.
        options: Quality, preset and tune, if chosen.
        codec_tag: Of the source's stream; tells the ProRes profile.
        pix_fmt: Pixel format of the frames that it is given.
        width: Of the picture, in px.

    Returns:
        Values by FFmpeg's names of the options.

    Raises:
        UsageError: The encoder does not know such a preset or tune.
    """
    settings = _own_settings(encoder, codec_tag, pix_fmt)
    if encoder in ("libx264", "libx264rgb"):
        settings |= reproducible_x264(width)
    if quality := QUALITIES.get(encoder):
        settings |= make_quality(
            encoder, options.crf if options.crf is not None else quality.visually_lossless
        )
    for name, asked in (("preset", options.preset), ("tune", options.tune)):
        if asked is not None:
            _check_name(encoder, name, asked)
            settings[name] = asked
    return settings


def make_quality(encoder: str, crf: float) -> dict[str, str]:
    """The options that set an encoder's quality, which it must have (see `QUALITIES`)."""
    quality = QUALITIES[encoder]
    return dict.fromkeys(quality.names, f"{round(crf) if quality.is_whole else crf:g}")


def reproducible_x264(width: int) -> dict[str, str]:
    """Options without which x264 would make other packets of the same frames in every run.

    Its AVX-512 code for macroblock trees goes by eight blocks, and uses memory that nobody has set where a
    row ends before; so AVX2 code is taken for such sizes instead.
    See docs/measurements.md, "video/encode/settings: x264 and AVX-512".

    Args:
        width: Of the picture, in px.

    Returns:
        The options, empty where none are needed.
    """
    is_unsteady = -(-width // 16) % 8 != 0 and cv2.checkHardwareSupport(_AVX512)
    return {"x264-params": "asm=AVX2"} if is_unsteady else {}


def add_options(options: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """An encoder's options and more of them; of lists of parameters (`x264-params`) both."""
    joined = {
        key: f"{options[key]}:{value}"
        for key, value in more.items()
        if key.endswith("-params") and options.get(key)
    }
    return options | more | joined


def describe_names(encoder: str, name: str) -> str:
    """What an encoder takes as its preset or tune, for messages.

    Args:
        encoder: FFmpeg's name of it.
        name: "preset" or "tune".

    Returns:
        The names, joined by commas, or a range of numbers; empty where there is no such option.
    """
    found = _find_option(encoder, name)
    if found is None:
        return ""
    if found.choices:
        return ", ".join(choice.name for choice in found.choices)
    known = _NAMED.get((encoder.removesuffix("rgb"), name))
    return ", ".join(known) if known else f"{found.min:.0f} to {found.max:.0f}"


def set_quality(context: VideoCodecContext, encoder: str) -> None:
    """Set the quality, as far as it is no option but a field of the context.

    Args:
        context: Not yet opened.
        encoder: FFmpeg's name of its encoder.
    """
    if encoder in QUANTISED:
        context.flags |= Flags.qscale
        context.qmin, context.qmax = 1, 3
        context.global_quality = _QUANTISER * _LAMBDA_PER_QUANTISER
    if encoder.endswith("_videotoolbox"):
        context.flags |= Flags.qscale
        context.global_quality = _VIDEOTOOLBOX_QUALITY * _LAMBDA_PER_QUANTISER
    if encoder in QUALITIES:
        context.bit_rate = int(20e6) if encoder == "libvpx" else 0  # VP8's crf is capped by a rate
    if encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # it prints to stderr, past FFmpeg's log


def _own_settings(encoder: str, codec_tag: str, pix_fmt: str) -> dict[str, str]:
    """What an encoder is told whatever the user has chosen."""
    if encoder in ("libx264", "libx264rgb"):
        return {"preset": "medium", "forced-idr": "1"}
    if encoder == "libx265":
        return {"preset": "fast", "forced-idr": "1", "a53cc": "1", "x265-params": "log-level=error"}
    if encoder == "libvpx-vp9":
        return {"b": "0", "cpu-used": "4", "row-mt": "1"}
    if encoder == "libvpx":  # which refuses an alpha channel beside alternate reference frames
        return {"cpu-used": "2", "auto-alt-ref": "0" if "yuva" in pix_fmt else "1"}
    if encoder == "libsvtav1":
        return {"preset": "8"}
    if encoder == "prores_ks":
        return {"profile": _PRORES_PROFILES.get(codec_tag, "3"), "vendor": "apl0"}
    if encoder == "dnxhd":  # DNxHR, which knows every size
        return {"profile": _DNXHR_PROFILES.get(pix_fmt, "dnxhr_hqx")}
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "b": "0", "preset": "p5", "forced-idr": "1"}
    if encoder.endswith("_qsv"):
        return {"b": "0", "preset": "medium", "forced_idr": "1"}
    if encoder.endswith("_amf"):
        return {"rc": "cqp", "preset": "quality", "forced_idr": "1"}
    return {}


def _find_option(encoder: str, name: str) -> av.codec.context.CodecOption | None:
    """An encoder's own option of this name; None where it has none."""
    options = av.CodecContext.create(encoder, "w").supported_options.private
    return next((option for option in options if option.name == name), None)


def _check_name(encoder: str, name: str, asked: str) -> None:
    """Raise a UsageError where the encoder does not know a preset or tune of that name."""
    found = _find_option(encoder, name)
    if found is None:
        raise UsageError(f"{encoder} has no {name}s; leave it out, or choose another --codec")
    if found.choices:
        is_known = asked in {choice.name for choice in found.choices}
    elif (encoder.removesuffix("rgb"), name) in _NAMED:
        is_known = asked != ""  # that would be their default
    else:
        is_number = re.fullmatch(r"-?[0-9]{1,9}", asked) is not None
        is_known = is_number and found.min <= int(asked) <= found.max
    if not is_known:
        raise UsageError(f"{encoder} has no {name} {asked!r}; choose from {describe_names(encoder, name)}")
