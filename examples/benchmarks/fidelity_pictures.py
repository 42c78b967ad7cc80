"""The films of `fidelity_items` whose pictures are special: in shape, colour, samples, or what goes with frames."""

from __future__ import annotations

from fidelity_films import Item, caption_film, hdr10_plus_film, recode, turn

_QUIET265 = "-x265-params log-level=none"
_MKV = ("mkv", "webm")
_REPAIR = "ffmpeg -aspect"
_X264 = "libx264 -bf 2"


def _ratio(codec: str, *extensions: str, work: str = "", quick: bool = False) -> list[Item]:
    name = codec.split(maxsplit=1)[0]
    return [
        Item(f"samples of 4:3, {name}", e, f"{{v}} -vf setsar=4/3 -c:v {codec}", work=work if e in _MKV else "",
             is_quick=quick)
        for e in extensions
    ]  # fmt: skip


SHAPE = [
    *_ratio(_X264, "mp4", "mov", "ts"), *_ratio(_X264, "mkv", work=_REPAIR),
    *_ratio(f"libx265 {_QUIET265}", "mp4", "mkv", work=_REPAIR),
    *_ratio("libvpx", "webm", work=_REPAIR, quick=True),
    *_ratio("libvpx-vp9", "webm", "mkv", "mp4", work=_REPAIR),
    *_ratio("libsvtav1", "mp4", "mkv", work=_REPAIR),
    *_ratio("mpeg2video", "mpg", "mkv", work=_REPAIR), *_ratio("mpeg4", "avi", "mp4"),
    *_ratio("prores_ks", "mov", "mkv", work=_REPAIR), *_ratio("mjpeg", "mov", "mkv", work=_REPAIR),
    *_ratio("ffv1", "mkv", work=_REPAIR),
    Item("samples of 4:3 beside all else", "mkv",
         "{v} -itsoffset 0.3 {a} -i {words__srt} -i {tags__txt} -map 0 -map 1 -map 1 -map 2 -map_metadata 3 "
         "-vf setsar=4/3 -c:v libvpx-vp9 -c:a libopus -c:s subrip -attach {font__ttf} "
         "-metadata:s:t:0 mimetype=application/x-truetype-font -metadata:s:a:1 language=jpn "
         "-metadata:s:a:1 title=Other -disposition:a:0 0 -disposition:a:1 default+original -disposition:s:0 forced",
         work=_REPAIR),
    Item("samples of 4:3 beside cover art", "mkv", "{v} -vf setsar=4/3 -c:v libvpx-vp9 -attach {cover__jpg} "
         "-metadata:s:t:0 mimetype=image/jpeg", loses=("shape", "shape of samples", "display size"),
         warning="the shape of the samples"),
    *(Item(f"turned by {degrees} degrees", e, turn(degrees))
      for e in ("mp4", "mov", "mkv") for degrees in (90, 180, 270)),
    Item("fields, top first", "mkv", "{v} -c:v libx264 -flags +ildct+ilme -x264-params tff=1", is_quick=True),
    Item("fields, bottom first", "mp4", "{v} -c:v libx264 -flags +ildct+ilme -x264-params bff=1"),
    Item("fields, top first, mpeg2", "mpg", "{v} -vf setfield=tff -c:v mpeg2video -flags +ildct+ilme -field_order tt"),
    Item("fields, h264 to hevc", "mkv", "{v} -c:v libx264 -flags +ildct+ilme -x264-params tff=1", codec="libx265",
         loses=("fields", "codec", "colours of the container"), warning="cannot be marked as interlaced"),
    Item("fields, bottom first, mpeg2", "ts", "{v} -vf setfield=bff -c:v mpeg2video -flags +ildct+ilme -field_order bb"),
    Item("fields, top first, prores", "mov", "{v} -vf setfield=tff -c:v prores_ks -flags +ildct -field_order tt"),
    Item("dv", "avi", "-f lavfi -i testsrc2=s=720x576:r=25:d=0.2 -c:v dvvideo -pix_fmt yuv420p -vf setfield=bff,setsar=16/15"),
]  # fmt: skip


def _colours(name: str, tags: str, *codecs: str) -> list[Item]:
    """One set of colour tags, in each of some codecs with their containers (`EXTENSION ARGUMENTS`)."""
    return [
        Item(
            f"{name}, {arguments.split()[0].removeprefix('lib')}", extension, f"{{v}} {tags} -c:v {arguments}"
        )
        for extension, _, arguments in (codec.partition(" ") for codec in codecs)
    ]


def _tags(primaries: str, transfer: str, matrix: str) -> str:
    return (
        f"-vf setparams=color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        f" -color_primaries {primaries} -color_trc {transfer} -colorspace {matrix}"
    )


_SDR = ("mp4 libx264", "mkv libx264", f"mp4 libx265 {_QUIET265}", "webm libvpx-vp9", "mp4 libsvtav1",
        "mpg mpeg2video", "mov prores_ks", "mkv ffv1", "mov libx264")  # fmt: skip
_DEEP = ("mp4 libx264 -pix_fmt yuv420p10le", f"mp4 libx265 {_QUIET265} -pix_fmt yuv420p10le",
         f"mkv libx265 {_QUIET265} -pix_fmt yuv420p10le", "mkv libsvtav1 -pix_fmt yuv420p10le",
         "mov prores_ks")  # fmt: skip
_DISPLAY = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
_HDR10 = f"-x265-params log-level=none:{_DISPLAY}:max-cll=1000,400:hdr-opt=1:repeat-headers=1"
_SVT_HDR = "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.0001):content-light=1000,400"

COLOUR = [
    *_colours("BT.601", _tags("smpte170m", "smpte170m", "smpte170m"), *_SDR),
    *_colours("BT.601 (PAL)", _tags("bt470bg", "smpte170m", "bt470bg"), *_SDR[:3]),
    *_colours("BT.709", _tags("bt709", "bt709", "bt709"), *_SDR),
    *_colours("BT.2020", _tags("bt2020", "bt2020-10", "bt2020nc"), *_DEEP),
    *_colours("PQ", _tags("bt2020", "smpte2084", "bt2020nc"), *_DEEP),
    *_colours("HLG", _tags("bt2020", "arib-std-b67", "bt2020nc"), *_DEEP),
    *(Item(f"full range, {codec.split()[0].removeprefix('lib')}", e,
           f"{{v}} -vf scale=out_range=full -color_range pc -pix_fmt {form} -c:v {codec}")
      for e, codec, form in (("mp4", "libx264", "yuvj420p"), ("mkv", f"libx265 {_QUIET265}", "yuvj420p"),
                             ("webm", "libvpx-vp9", "yuv420p"), ("avi", "mjpeg", "yuvj420p"),
                             ("mp4", "libsvtav1", "yuv420p"))),
    Item("HDR10: mastering display, light level, hevc", "mp4",
         "{v} " + _tags("bt2020", "smpte2084", "bt2020nc") + f" -pix_fmt yuv420p10le -c:v libx265 {_HDR10}",
         work="SEI written anew"),
    Item("HDR10: mastering display, light level, hevc", "mkv",
         "{v} " + _tags("bt2020", "smpte2084", "bt2020nc") + f" -pix_fmt yuv420p10le -c:v libx265 {_HDR10}",
         work="SEI written anew"),
    Item("HDR10, hevc to h264", "mkv",
         "{v} " + _tags("bt2020", "smpte2084", "bt2020nc") + f" -pix_fmt yuv420p10le -c:v libx265 {_HDR10}",
         codec="libx264", work="SEI written anew"),
    Item("HDR10, hevc to prores", "mov",
         "{v} " + _tags("bt2020", "smpte2084", "bt2020nc") + f" -pix_fmt yuv420p10le -c:v libx265 {_HDR10}",
         codec="prores_ks", loses=("side data", "frame side data", "pixels", "pixel formats", "chroma location",
         "colours of the container", "tag of the codec"), warning="mastering display and light level"),
    Item("HDR10: mastering display, light level, h264", "mp4", "{v} " + _tags("bt2020", "smpte2084", "bt2020nc")
         + " -pix_fmt yuv420p10le -c:v libx264 -x264-params "
         "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):cll=1000,400",
         work="SEI written anew"),
    Item("HDR10: mastering display, light level, av1", "mkv", "{v} " + _tags("bt2020", "smpte2084", "bt2020nc")
         + f" -pix_fmt yuv420p10le -c:v libsvtav1 -svtav1-params {_SVT_HDR}", work="OBUs written anew"),
    *(Item(f"chroma sited {name}, {codec.split()[0].removeprefix('lib')}", e, f"{{v}} -c:v {codec}", work="chromaloc",
           is_quick=name == "top left" and e == "mp4" and "264" in codec)
      for name, number in (("centre", 1), ("top left", 2))
      for e, codec in (("mp4", f"libx264 -x264-params chromaloc={number}"),
                       ("mkv", f"libx264 -x264-params chromaloc={number}"),
                       ("mp4", f"libx265 -x265-params log-level=none:chromaloc={number}"),
                       ("mkv", f"libx265 -x265-params log-level=none:chromaloc={number}"))),
    Item("chroma sited top left, av1", "mp4", "{v} -vf setparams=chroma_location=topleft "
         "-chroma_sample_location topleft -c:v libsvtav1", work="chromaloc"),
    Item("HDR10+, hevc", "mp4", hdr10_plus_film, loses=("frame side data",), warning=r"HDR10\+ metadata"),
    Item("A53 captions, h264", "mp4", caption_film, is_quick=True),
    Item("A53 captions, hevc", "mp4", recode(f"-c:v libx265 -a53cc 1 {_QUIET265}", caption_film, "mp4")),
    Item("A53 captions, mpeg2", "ts", recode("-c:v mpeg2video", caption_film, "mp4")),
    Item("A53 captions, h264 to av1", "mp4", caption_film, codec="libsvtav1", loses=("captions", "frame side data", "tag of the codec", "chroma location", "colours of the container"),
         warning="captions", is_quick=True),
    Item("A53 captions, h264 to vp9", "mkv", caption_film, codec="libvpx-vp9", loses=("captions", "frame side data", "tag of the codec", "chroma location", "colours of the container"),
         warning="captions"),
]  # fmt: skip


def _depth(*rows: str) -> list[Item]:
    """One pixel format of a codec each: `EXTENSION FORMAT ENCODER`."""
    split = [row.split(maxsplit=2) for row in rows]
    return [
        Item(f"{form}, {codec.split()[0].removeprefix('lib')}", e, f"{{v}} -pix_fmt {form} -c:v {codec}")
        for e, form, codec in split
    ]


PIXELS = [
    *_depth("mp4 yuv420p10le libx264", "mkv yuv422p libx264", "mkv yuv422p10le libx264", "mp4 yuv444p libx264",
            "mkv yuv444p10le libx264", "mkv gray libx264", "mkv gbrp libx264", "mkv rgb24 libx264rgb",
            *(f"mkv {form} libx265 {_QUIET265}" for form in (
                "yuv420p10le", "yuv420p12le", "yuv422p", "yuv422p10le", "yuv422p12le", "yuv444p", "yuv444p10le",
                "yuv444p12le", "gbrp", "gray")),
            "webm yuv422p libvpx-vp9", "webm yuv444p libvpx-vp9", "mkv gbrp libvpx-vp9", "mkv yuv420p10le libsvtav1",
            "mov yuv422p10le prores_ks", "mov yuv422p dnxhd -profile:v dnxhr_hq -vf scale=256:128,setsar=1",
            "mkv yuv420p ffv1", "mkv yuv444p16le ffv1", "mkv bgr0 ffv1", "avi yuv420p utvideo", "avi gbrp utvideo",
            "avi yuv422p huffyuv", "avi yuvj422p mjpeg", "mpg yuv422p mpeg2video", "avi bgr24 rawvideo",
            "mov rgb24 qtrle", "mov rgb24 png"),
    Item("yuv420p10le, vp9", "mkv", "{v} -pix_fmt yuv420p10le -c:v libvpx-vp9 -profile:v 2",
         loses=("codec", "chroma location", "colours of the container"), warning="no encoder for vp9 yuv420p10le; the picture becomes H.264"),
    Item("prores of 12 bits", "mov", "{v} -pix_fmt yuv444p10le -c:v prores_ks -profile:v 4444", loses=("pixels",),
         warning="prores_ks has no yuv444p12le"),
    Item("alpha, prores of 12 bits", "mov", "{v} -pix_fmt yuva444p10le -c:v prores_ks -profile:v 4444",
         loses=("pixels",), warning="prores_ks has no yuva444p12le"),
    *(Item(f"alpha, {codec.split()[0].removeprefix('lib')} {form}", e,
           f"{{v}} -vf format=yuva444p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='X*255/W',format={form} -c:v {codec}",
           work="decoded by libvpx" if "vpx" in codec else "", is_quick=codec == "libvpx-vp9" and e == "webm")
      for e, form, codec in (
          ("webm", "yuva420p", "libvpx-vp9"), ("mkv", "yuva420p", "libvpx-vp9"), ("webm", "yuva420p", "libvpx -auto-alt-ref 0"),
          ("mov", "argb", "qtrle"),
          ("mkv", "yuva420p", "ffv1"), ("mkv", "bgra", "ffv1"), ("mov", "rgba", "png"), ("avi", "gbrap", "utvideo"))),
]  # fmt: skip
