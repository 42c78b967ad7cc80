"""What of a film another one has lost: every stream, packet, tag and frame, looked at from outside.

Packets, tags and samples are read with PyAV; what containers and frames say of the picture (shape, colours,
fields, mastering display, captions) with FFmpeg's own program, of another version than PyAV's.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.frame import VideoFrame
from fidelity_words import Difference, compare_words, describe

LEAST_PSNR = 30.0
"""dB of every plane of every frame outside of the mask, for a picture that was only encoded again."""
_STALE = re.compile(
    r"encoder|major_brand|minor_version|compatible_brands|duration|bps|number_of_.*|_statistics_.*|vendor_id"
    r"|handler_name|creation_time|alpha_mode|software|.*-eng"
)
_VPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def compare(source: Path, target: Path, keep: np.ndarray) -> list[Difference]:
    """Everything that differs between two films but the encoded picture's bytes.

    Args:
        source: Before.
        target: After.
        keep: (H, W) bool, coded; where samples must be alike.
    """
    with _open(source) as old, _open(target) as new:
        is_other = source.suffix != target.suffix
        found = [*_compare_containers(old, new), *_compare_streams(old, new, is_other)]
    found += _compare_pictures(source, target, keep)
    return [*found, *compare_words(*(describe(path, is_other) for path in (source, target)))]


def _open(path: Path) -> InputContainer:
    return av.open(str(path), metadata_errors="surrogateescape")


def _compare_containers(old: InputContainer, new: InputContainer) -> Iterator[Difference]:
    yield from _compare_dicts("tags", _tags(old.metadata), _tags(new.metadata))
    chapters = [
        [
            (round(float(c["start"] * c["time_base"]), 3), round(float(c["end"] * c["time_base"]), 3),
             c["metadata"].get("title"))
            for c in container.chapters()
        ]
        for container in (old, new)
    ]  # fmt: skip
    if chapters[0] != chapters[1]:
        yield Difference("chapters", f"{chapters[0]} became {chapters[1]}")


def _tags(metadata: dict[str, str]) -> dict[str, str]:
    return {k.lower(): v for k, v in metadata.items() if not _STALE.fullmatch(k.lower())}


def _compare_dicts(kind: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield Difference(kind, f"{key} {old.get(key)!r} became {new.get(key)!r}")


def _compare_streams(old: InputContainer, new: InputContainer, is_other: bool) -> Iterator[Difference]:
    """All but the picture, kind by kind and in order; `is_other` in another container."""
    picture = [next(s.index for s in c.streams.video if not _is_cover(s)) for c in (old, new)]
    packets = [_read_packets(container) for container in (old, new)]
    kinds = [_by_kind(container) for container in (old, new)]
    for kind in sorted(kinds[0].keys() | kinds[1].keys()):
        pairs = itertools.zip_longest(kinds[0].get(kind, []), kinds[1].get(kind, []))
        for number, (was, now) in enumerate(pairs):
            name = f"{kind} {number}"
            if was is None and kind == "data" and is_other and new.chapters():
                continue  # the text track that chapters of mp4 need
            if was is None or now is None:
                yield Difference(kind, f"{name} {'appeared' if was is None else 'is lost'}")
                continue
            if kind != "cover":  # of which the file's name and type are the container's
                yield from _compare_dicts("tags of streams", _stream_tags(was), _stream_tags(now))
            # mp4 has no track that is not on; where there is but one, that is no choice
            free = Disposition.default if is_other and len(kinds[0][kind]) == 1 else Disposition(0)
            if was.disposition | free != now.disposition | free:
                yield Difference("disposition", f"{name}: {was.disposition!r} became {now.disposition!r}")
            if isinstance(was, AttachmentStream) and isinstance(now, AttachmentStream):
                if (was.name, was.mimetype, was.data) != (now.name, now.mimetype, now.data):
                    yield Difference(kind, f"{was.name} {was.mimetype} became {now.name} {now.mimetype}")
            elif (was.index, now.index) != (picture[0], picture[1]):
                rows = [packets[i].get(s.index, []) for i, s in enumerate((was, now))]
                if is_other:  # both from the first frame on, and without what only MPEG-TS repeats
                    rows = [_relate(r, packets[i][picture[i]]) for i, r in enumerate(rows)]
                yield from _compare_packets(name, kind, (was, now), rows, is_other)


def _by_kind(container: InputContainer) -> dict[str, list[Stream]]:
    kinds: dict[str, list[Stream]] = {}
    for stream in container.streams:
        kinds.setdefault("cover" if _is_cover(stream) else stream.type, []).append(stream)
    return kinds


def _is_cover(stream: Stream) -> bool:
    return stream.type == "video" and bool(stream.disposition & Disposition.attached_pic)


def _stream_tags(stream: Stream) -> dict[str, str]:
    """Of the tags that carry a track's name only one counts; mp4 has another word for it."""
    tags = _tags(stream.metadata)
    if name := tags.pop("name", None):
        tags.setdefault("title", name)
    if tags.get("language") == "und":
        del tags["language"]
    return tags


_Rows = list[tuple[Fraction | None, Fraction | None, int, bytes]]


def _read_packets(container: InputContainer) -> dict[int, _Rows]:
    """By stream: seconds of presentation and decoding, length in ticks, and bytes of each packet."""
    rows: dict[int, _Rows] = {}
    for packet in container.demux():
        if packet.size:
            at = [None if t is None else t * packet.time_base for t in (packet.pts, packet.dts)]
            rows.setdefault(packet.stream.index, []).append((*at, packet.duration or 0, bytes(packet)))
    return rows


def _compare_packets(
    name: str, kind: str, streams: tuple[Stream, Stream], rows: list[_Rows], is_other: bool
) -> Iterator[Difference]:
    names = [getattr(s.codec_context, "name", None) or s.name for s in streams]
    if kind == "subtitle" and names[0] != names[1]:
        texts = [_read_texts(s) for s in streams]
        if texts[0] != texts[1]:
            yield Difference("text", f"{name}: {texts[0][:3]} became {texts[1][:3]}")
        return
    if names[0] != names[1]:
        yield Difference("codec", f"{name}: {names[0]} became {names[1]}")
    if [r[3] for r in rows[0]] != [r[3] for r in rows[1]]:
        yield Difference("packets", f"{name}: {len(rows[0])} packets became {len(rows[1])} or others")
        return
    if kind == "cover":
        return
    moved = max((_distance(a, b) for a, b in zip(*rows, strict=True)), default=Fraction(0))
    # clocks of containers differ: Matroska rounds to milliseconds
    if moved > (Fraction(1, 1000) if is_other else 0):
        yield Difference("times", f"{name} moved by {float(moved) * 1000:.3f} ms")
    elif kind == "subtitle" and not is_other and [r[2] for r in rows[0]] != [r[2] for r in rows[1]]:
        yield Difference("times", f"{name}: lengths of packets")


def _relate(rows: _Rows, picture: _Rows) -> _Rows:
    """Times from the picture's first on, and AAC without the header (ADTS) that MPEG-TS repeats."""
    first = min(row[0] for row in picture if row[0] is not None)
    return [
        (*(None if t is None else t - first for t in row[:2]), row[2], _strip_adts(row[3]))  # type: ignore[misc]
        for row in rows
    ]


def _strip_adts(data: bytes) -> bytes:
    is_adts = len(data) > 9 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
    return data[7 if data[1] & 1 else 9 :] if is_adts else data


def _distance(a: tuple, b: tuple) -> Fraction:  # type: ignore[type-arg]
    pairs = [(x, y) for x, y in zip(a[:2], b[:2], strict=True) if x is not None and y is not None]
    return max((abs(x - y) for x, y in pairs), default=Fraction(0))


def _read_texts(stream: Stream) -> list[tuple[float, float, str]]:
    """Start and end to 1/100 s and text of what a text track shows, without markup."""
    shown = []
    with _open(Path(stream.container.name)) as container:
        for packet in container.demux(container.streams[stream.index]):
            for part in packet.decode() if packet.size else ():
                text = re.sub(r"\{[^}]*\}|<[^>]*>", "", part.dialogue.decode(errors="replace"))
                start = packet.pts * packet.time_base
                end = start + packet.duration * packet.time_base
                shown.append(
                    (round(float(start), 2), round(float(end), 2), text.replace("\\N", "\n").strip())
                )
    return [row for row in shown if row[2]]


def _compare_pictures(source: Path, target: Path, keep: np.ndarray) -> Iterator[Difference]:
    old, new = _read_frames(source), _read_frames(target)
    names = [next(iter(frames)).format.name.replace("yuvj", "yuv") for frames in (old, new)]
    if names[0] != names[1]:
        yield Difference("pixels", f"{names[0]} became {names[1]}")
        return
    if len(old) != len(new):
        yield Difference("frames", f"{len(old)} became {len(new)}")
        return
    worst = min(
        (_psnr(a, b, keep) for was, now in zip(old, new, strict=True) for a, b in _planes(was, now)),
        default=99.0,
    )
    if worst < LEAST_PSNR:
        yield Difference("picture", f"a plane of a frame has {worst:.1f} dB")
    captions = [[_caption(frame) for frame in frames] for frames in (old, new)]
    if captions[0] != captions[1]:
        count = [sum(c is not None for c in row) for row in captions]
        yield Difference("captions", f"on {count[0]} frames became others on {count[1]}")


def _read_frames(path: Path) -> list[VideoFrame]:
    """The frames of the picture, with the alpha that FFmpeg's own decoders of VP8 and VP9 leave out."""
    frames = []
    with _open(path) as container:
        stream = next(s for s in container.streams.video if not _is_cover(s))
        decoder = stream.codec_context
        if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
            decoder = av.CodecContext.create(_VPX[decoder.name], "r")
        for packet in container.demux(stream):
            frames += decoder.decode(packet if packet.size else None)
    return frames


def _planes(was: VideoFrame, now: VideoFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both frames' planes, (h, w) float64 in [0, 1]; packed RGB by its channels."""
    form = was.format
    if form.is_planar and not form.has_palette:
        deep = max(c.bits for c in form.components)
        dtype = np.dtype(np.uint8 if deep <= 8 else np.uint16)
        for pair in zip(was.planes, now.planes, strict=True):
            yield tuple(  # type: ignore[misc]
                np.frombuffer(p, dtype).reshape(-1, p.line_size // dtype.itemsize)[: p.height, : p.width]
                / ((1 << deep) - 1)
                for p in pair
            )
        return
    packed = [np.moveaxis(frame.to_ndarray(format="rgba"), -1, 0) / 255 for frame in (was, now)]
    yield from zip(*packed, strict=True)


def _psnr(was: np.ndarray, now: np.ndarray, keep: np.ndarray) -> float:
    height, width = was.shape
    rows = np.arange(height) * keep.shape[0] // height
    columns = np.arange(width) * keep.shape[1] // width
    error = ((was - now) ** 2)[keep[rows][:, columns]]
    return float(-10 * np.log10(max(error.mean(), 1e-10))) if error.size else 99.0


def _caption(frame: VideoFrame) -> bytes | None:
    for data in iter(frame.side_data):  # type: ignore[call-overload]
        try:
            if data.type.name == "A53_CC":
                return bytes(data)
        except ValueError:  # a kind that PyAV has no name for
            continue
    return None
