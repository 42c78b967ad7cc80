import random

import numpy as np
import pytest

from subremover.video.bitstream.pictures import join_nals
from subremover.video.bitstream.recovery import RecoveryReader

IDR, INTRA, INTER = b"\x65\x88", b"\x41\x88", b"\x41\xe0"
"""First bytes of slices of type 7, 7 and 0."""
STAMP = b"\x06\x05\xff\x01" + bytes(range(1, 128)) * 2 + b"\x01\x02"
"""A message of 256 bytes, without the end of its unit."""


def find(*packets: tuple[bytes, ...], annex_b: bool = False) -> tuple[list[int], list[list[int]]]:
    """Key frames and refreshes of packets of NAL units, of which those of more than one are key frames."""
    reader = RecoveryReader("h264", b"" if annex_b else b"\1\x64\0\x0a\xff")
    for time, nals in enumerate(packets):
        packet = b"".join(b"\0\0\1" + nal for nal in nals) if annex_b else join_nals(nals)
        reader.note(packet, time, is_key=len(nals) > 1 or nals[0] == IDR)
    starts, refreshes = reader.find_key_frames(np.arange(len(packets)))
    return starts.tolist(), refreshes.tolist()


def recovery(bits: str) -> bytes:
    """An SEI of a recovery point, whose first bits are given."""
    return b"\x06\x06\x01" + bytes([int(bits.ljust(8, "0"), 2)]) + b"\x80"


@pytest.mark.parametrize("annex_b", [False, True])
@pytest.mark.parametrize(
    ("key", "is_start"),
    [
        ((IDR,), True),
        ((recovery("11000"), INTRA), True),
        ((b"\x09\x10", STAMP + recovery("11000")[1:], INTRA), True),  # behind another message
        ((recovery("10000"), INTRA), False),  # not exactly right
        ((recovery("11000"), INTER), False),
        ((b"\x09\x10", INTRA), False),  # MPEG-TS has it for a key frame
        ((recovery("0101"), INTER), False),
    ],
)
def test_where_decoding_can_start(key: tuple[bytes, ...], is_start: bool, annex_b: bool) -> None:
    starts, _ = find((IDR,), (INTER,), key, (INTER,), annex_b=annex_b)
    assert starts == ([0, 2] if is_start else [0])


def test_a_refresh_counts_pictures_that_are_referred_to() -> None:
    begin, aside = (recovery("0111"), INTER), (b"\x01\xe0",)
    assert find(*[begin, (INTER,), (INTER,), (INTER,)] * 6)[1] == [[0, 18], [4, 22]]
    assert find(*[begin, aside, (INTER,), aside] * 10)[1] == [[0, 36]]  # every other is none
    assert find(*[begin, (INTER,), (INTER,), (INTER,)] * 4)[1] == []


def test_broken_packets_are_no_place_to_start() -> None:
    chance = random.Random(1)
    whole = join_nals([STAMP + recovery("11000")[1:], INTRA])
    for _ in range(500):
        broken = bytearray(whole[: chance.randrange(1, len(whole) + 1)])
        for _ in range(3):
            broken[chance.randrange(len(broken))] = chance.choice([0, 1, 255, chance.randrange(256)])
        for header in (b"", b"\1\x64\0\x0a\xff", b"\1\x64\0\x0a\xfc"):
            reader = RecoveryReader("h264", header)
            reader.note(bytes(broken), 0, is_key=True)
            reader.note(bytes(broken), 1, is_key=False)
            reader.find_key_frames(np.arange(2))
    reader = RecoveryReader("h264", b"")
    reader.note(b"\0\0\1\x06" + b"\xff" * 10_000_000 + b"\0\0\1" + INTRA, 0, is_key=True)
    assert len(reader.find_key_frames(np.arange(1))[0]) == 0
