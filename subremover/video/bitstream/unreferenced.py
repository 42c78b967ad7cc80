"""Tells pictures that no other refers to: who only wants what comes later need not decode them.

The layouts: ITU-T H.264 and H.265 section 7.3.1, ISO/IEC 13818-2 6.2.3 and 14496-2 6.2.5. Of VP9 and AV1
nothing is told: a frame that is not kept may still leave its statistics to the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from subremover.video.bitstream.pictures import BitstreamError, Bytes, nal_type, split_nals, split_start_codes

_H264_SLICES, _H264_PARTITIONS = (1, 5), (2, 3, 4)
_HEVC_SPS, _HEVC_MOST_SLICE, _HEVC_MOST_SUBLAYER = 33, 31, 15
_BIDIRECTIONAL = 3
"""MPEG-2's picture_coding_type of B pictures; MPEG-4 has 2 for them."""


class UnreferencedFinder:
    """Tells packets of a stream whose pictures no other refers to; give it all that are decoded."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        """Prepare.

        Args:
            codec: FFmpeg's name.
            extradata: The stream's header; empty where there is none.
        """
        self._codec = codec
        at = {"h264": 4, "hevc": 21}.get(codec, 0)  # in avcC and hvcC
        is_prefixed = at and len(extradata) > at and extradata[0] == 1
        self._length_size = (extradata[at] & 3) + 1 if is_prefixed else 0
        self._sublayers: int | None = None
        """Highest temporal sub-layer of HEVC; None: not told yet."""
        if codec == "hevc" and is_prefixed:
            self._sublayers = max(0, (extradata[21] >> 3 & 7) - 1) if extradata[21] >> 3 & 7 else None
        elif codec == "hevc":
            self._note_sublayers(split_start_codes(extradata))

    def is_unreferenced(self, packet: Bytes) -> bool:
        """Whether all pictures of a packet are of that kind; False where that is not sure."""
        try:
            if self._codec == "h264":
                return self._is_h264(self._split(packet))
            if self._codec == "hevc":
                return self._is_hevc(self._split(packet))
        except (BitstreamError, IndexError):  # damaged: the decoder's business
            return False
        if self._codec in ("mpeg1video", "mpeg2video"):
            pictures = bytes(packet).split(b"\0\0\1\0")[1:]
            return bool(pictures) and all(len(p) > 1 and p[1] >> 3 & 7 == _BIDIRECTIONAL for p in pictures)
        if self._codec == "mpeg4":
            pictures = bytes(packet).split(b"\0\0\1\xb6")[1:]
            return bool(pictures) and all(p[:1] and p[0] >> 6 == _BIDIRECTIONAL - 1 for p in pictures)
        return False

    def _split(self, packet: Bytes) -> list[Bytes]:
        if self._length_size:
            return [*split_nals(packet, self._length_size)]
        return [*split_start_codes(bytes(packet))]

    def _is_h264(self, nals: list[Bytes]) -> bool:
        kinds = [nal_type("h264", nal) for nal in nals]
        slices = [nal for nal, kind in zip(nals, kinds, strict=True) if kind in _H264_SLICES]
        return bool(slices) and not {*kinds} & {*_H264_PARTITIONS} and not any(s[0] & 0x60 for s in slices)

    def _is_hevc(self, nals: list[Bytes]) -> bool:
        """A sub-layer non-reference picture may be referred to from sub-layers above its own."""
        self._note_sublayers(nals)
        slices = [nal for nal in nals if nal_type("hevc", nal) <= _HEVC_MOST_SLICE]
        return bool(slices) and all(
            nal_type("hevc", nal) <= _HEVC_MOST_SUBLAYER
            and nal_type("hevc", nal) % 2 == 0
            and (nal[1] & 7) - 1 == self._sublayers
            for nal in slices
        )

    def _note_sublayers(self, nals: Iterable[Bytes]) -> None:
        for nal in nals:
            if len(nal) > 2 and nal_type("hevc", nal) == _HEVC_SPS:
                self._sublayers = max(self._sublayers or 0, nal[2] >> 1 & 7)
