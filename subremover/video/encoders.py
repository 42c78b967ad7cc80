"""Which encoder writes a picture, and with which settings nobody sees that it was written again."""

from __future__ import annotations

import os
from dataclasses import dataclass

import av
import av.error
import cv2
from av.codec import find_best_pix_fmt_of_list
from av.video.codeccontext import VideoCodecContext

from subremover.errors import OutputError
from subremover.options import EncodeOptions
from subremover.video.probe import Film

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
# Visually lossless, also on grainy low-resolution film: chosen for 42 dB of luma PSNR and more between the
# decoded source and the decoded result on the two noisiest of ten short clips (240p sport, 360p water), where
# measured: x264 43.3 and 44.7 (52 on clean 1080p), x265 43.8 and 43.5, VP9 43.4 and 43.8, AV1 42.7 and 43.7.
DEFAULT_CRF = {
    "libx264": 16.0,
    "libx264rgb": 16.0,
    "libx265": 13.0,
    "libvpx": 6.0,
    "libvpx-vp9": 14.0,
    "libsvtav1": 14.0,
}
# These take a quantiser instead; 2 is the finest that the MPEG-4 and MPEG-2 rate control recommends.
_QUANTISED = {"mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "wmv1", "wmv2", "msmpeg4", "flv", "h263"}
_QUANTISER = 2
_LAMBDA_PER_QUANTISER = 118
# These know no other clock than the frame rate: they get frames by number and their packets the film's times.
_COUNTING = _QUANTISED - {"mjpeg"} | {"dvvideo"}
_AVX512 = 256  # CV_CPU_AVX512_SKX: F, CD, BW, DQ and VL, which is what x264 asks for
_PRORES_PROFILES = {"apco": "0", "apcs": "1", "apcn": "2", "apch": "3", "ap4h": "4", "ap4x": "5"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder and what it takes."""

    encoder: str
    codec: str
    """Canonical name of what comes out."""
    pix_fmt: str
    options: dict[str, str]
    is_counting: bool
    """Whether it must be given frame numbers instead of times."""
    is_quantised: bool
    warnings: tuple[str, ...] = ()


def choose_encoding(film: Film, options: EncodeOptions, codec_tag: str = "") -> Encoding:
    """The encoder asked for, else the source codec's own, else H.264.

    Args:
        film: The source.
        options: A named encoder and crf, if any.
        codec_tag: Of the source's stream; tells the ProRes profile.

    Raises:
        OutputError: There is no such encoder.
    """
    warnings: list[str] = []
    if options.codec is not None:
        codec = _find(options.codec)
        if codec is None:
            raise OutputError(f"no encoder named '{options.codec}'; try libx264, libx265 or libsvtav1")
        found, pix_fmt = codec, _nearest_format(codec, film.pix_fmt)
    else:
        found, pix_fmt = _own_encoder(film)
        if found.canonical_name != film.codec:
            warnings.append(f"no encoder for {film.codec} {film.pix_fmt}; the picture becomes H.264")
    # yuvj is full-range yuv, which the range tag says as well
    if pix_fmt.replace("yuvj", "yuv") != film.pix_fmt.replace("yuvj", "yuv") and _is_loss(pix_fmt, film):
        warnings.append(f"{found.name} has no {film.pix_fmt}; the picture becomes {pix_fmt}")
    settings = _settings(found.name, options, codec_tag)
    if found.name in ("libx264", "libx264rgb"):
        settings |= steady_x264(film.width)
    if options.crf is not None and found.name not in DEFAULT_CRF and "cq" not in settings:
        warnings.append(f"{found.name} knows no crf; {options.crf:g} is ignored")
    return Encoding(
        found.name,
        found.canonical_name,
        pix_fmt,
        settings,
        found.name in _COUNTING,
        found.name in _QUANTISED,
        tuple(warnings),
    )


def set_quality(context: VideoCodecContext, encoding: Encoding) -> None:
    """What has no option and must be set on the context."""
    if encoding.is_quantised:
        context.flags |= av.codec.context.Flags.qscale
        context.qmin, context.qmax = 1, 3
        context.global_quality = _QUANTISER * _LAMBDA_PER_QUANTISER
    if "crf" in encoding.options:
        context.bit_rate = int(20e6) if encoding.encoder == "libvpx" else 0  # VP8's crf is capped by a rate
    if encoding.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # it prints to stderr, past FFmpeg's log


def _find(name: str) -> av.codec.Codec | None:
    try:
        codec = av.codec.Codec(name, "w")
    except ValueError:
        return None
    return codec if codec.type == "video" else None


def _own_encoder(film: Film) -> tuple[av.codec.Codec, str]:
    # nothing makes a palette for a picture that was changed
    has_palette = av.VideoFormat(film.pix_fmt).has_palette
    names = () if has_palette else _ENCODERS.get(film.codec, (film.codec,))
    found = [c for n in names if (c := _find(n)) is not None]
    for codec in found:
        if film.pix_fmt in _formats(codec) or not _formats(codec):
            return codec, film.pix_fmt
    for codec in found:
        pix_fmt = _nearest_format(codec, film.pix_fmt)
        if not _is_loss(pix_fmt, film) or film.codec == "prores":  # a 12-bit ProRes has 10 in the encoder
            return codec, pix_fmt
    fallback = _find(_FALLBACK)
    assert fallback is not None  # part of every PyAV wheel
    return fallback, _nearest_format(fallback, film.pix_fmt)


def _formats(codec: av.codec.Codec) -> list[str]:
    return [form.name for form in codec.video_formats or ()]


def _nearest_format(codec: av.codec.Codec, pix_fmt: str) -> str:
    formats = _formats(codec)
    if not formats or pix_fmt in formats:
        return pix_fmt
    plain = pix_fmt.replace("yuvj", "yuv")
    if plain in formats:
        return plain
    has_alpha = any(part.is_alpha for part in av.VideoFormat(pix_fmt).components)
    best, _ = find_best_pix_fmt_of_list(formats, pix_fmt, has_alpha)
    return best.name if best is not None else formats[0]


def _is_loss(pix_fmt: str, film: Film) -> bool:
    """Whether the film's samples do not fit in: fewer bits, less chroma, another kind of colour."""
    old, new = av.VideoFormat(film.pix_fmt, 64, 64), av.VideoFormat(pix_fmt, 64, 64)
    return (
        old.is_rgb != new.is_rgb
        or max(c.bits for c in old.components) > max(c.bits for c in new.components)
        or len(old.components) > len(new.components)
        or (len(old.components) > 2 and old.chroma_width() > new.chroma_width())
        or (len(old.components) > 2 and old.chroma_height() > new.chroma_height())
    )


def steady_x264(width: int) -> dict[str, str]:
    """Options without which x264 would make other packets of the same frames in every run.

    Its AVX-512 code for macroblock trees goes by eight blocks, and uses memory that nobody has set where a
    row ends before: with glibc told by MALLOC_PERTURB_ to fill new memory in different ways, the packets of
    seven picture sizes differed, of five with a multiple of eight blocks in a row they did not, nor with AVX2
    or mbtree=0. AVX2 takes a tenth more time.
    """
    is_unsteady = -(-width // 16) % 8 != 0 and cv2.checkHardwareSupport(_AVX512)
    return {"x264-params": "asm=AVX2"} if is_unsteady else {}


def _settings(encoder: str, options: EncodeOptions, codec_tag: str) -> dict[str, str]:
    crf = f"{options.crf if options.crf is not None else DEFAULT_CRF.get(encoder, 0):g}"
    if encoder in ("libx264", "libx264rgb"):
        return {"crf": crf, "preset": "medium", "forced-idr": "1"}
    if encoder == "libx265":
        return {
            "crf": crf,
            "preset": "fast",
            "forced-idr": "1",
            "a53cc": "1",
            "x265-params": "log-level=error",
        }
    if encoder == "libvpx-vp9":
        return {"crf": crf, "b": "0", "cpu-used": "4", "row-mt": "1"}
    if encoder == "libvpx":
        return {"crf": crf, "cpu-used": "2"}
    if encoder == "libsvtav1":
        return {"crf": crf, "preset": "8"}
    if encoder == "prores_ks":
        return {"profile": _PRORES_PROFILES.get(codec_tag, "3"), "vendor": "apl0"}
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "cq": crf if options.crf is not None else "17", "b": "0", "preset": "p5"}
    return {}
