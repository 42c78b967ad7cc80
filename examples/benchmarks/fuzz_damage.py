"""Ways to damage a file, each from a seed: what fuzz.py does to films, plans, masks and SRT files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

_HUGE = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFFFF0, 0x10000000, 0x00FFFFFF, 0xFFFF, 0x7D00, 1, 0)
# Around these stand sizes, counts and shapes: boxes of mp4 and mov, elements of Matroska, chunks of RIFF,
# headers of FLV, ASF, Ogg, MPEG, PNG.
_MARKS = (
    *b"moov trak tkhd mvhd mdhd elst stsd stsz stts stsc stco ctts stss dref udta meta mdat".split(),
    *b"avc1 hvc1 av01 mp4v mp4a esds avcC hvcC colr".split(),
    *b"RIFF LIST avih strh strf idx1 movi 00dc 01wb vids onMetaData OggS IHDR IDAT".split(),
    bytes.fromhex("1a45dfa3"),  # EBML
    bytes.fromhex("18538067"),  # Segment
    bytes.fromhex("1654ae6b"),  # Tracks
    bytes.fromhex("1f43b675"),  # Cluster
    bytes.fromhex("1c53bb6b"),  # Cues
    bytes.fromhex("2ad7b1"),  # TimestampScale
    bytes.fromhex("23e383"),  # DefaultDuration
    bytes.fromhex("63a2"),  # CodecPrivate
    bytes.fromhex("b0"),  # PixelWidth
    bytes.fromhex("ba"),  # PixelHeight
    bytes.fromhex("000001b3"),  # sequence header of MPEG-2
    bytes.fromhex("000001ba"),  # pack
    bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365"),  # stream properties of ASF
)
# For plans and SRT files: what a number, a name or a text may be replaced with.
_WORDS = (
    *b"-1 0 1e999 NaN Infinity 99999999999999999999999 1.5 true null [] {} [[[[ ../../etc/passwd".split(),
    *b'"x" /dev/zero event_0001.png 99:99:99,999 -->'.split(),
)


def damage(data: bytes, others: Sequence[bytes], random: Random) -> tuple[bytes, str]:
    """One to three damages to a file's bytes, and what they were."""
    done = []
    for _ in range(random.choice((1, 1, 2, 3))):
        way = random.choice((_flip, _flip, _zero, _truncate, _insert, _drop, _inflate, _inflate, _inflate))
        if others and random.random() < 0.1:
            data, name = _splice(data, random.choice(others), random), "splice"
        else:
            data, name = way(data, random), way.__name__[1:]
        done.append(name)
    return data, " ".join(done)


def damage_text(data: bytes, random: Random) -> tuple[bytes, str]:
    """The same for a text: words and numbers are replaced, or its bytes are damaged."""
    if not data or random.random() < 0.3:
        return damage(data, (), random)
    for _ in range(random.choice((1, 1, 2, 4))):
        word = random.choice([*re.finditer(rb"[\w.\"-]+|\W", data)])
        data = data[: word.start()] + random.choice(_WORDS) + data[word.end() :]
    return data, "words"


def _place(data: bytes, random: Random) -> int:
    """Anywhere, more often near the start or the end, where headers and indices are."""
    near = min(len(data), 2000)
    chosen = random.choice((len(data), near, -near))
    return random.randrange(chosen) if chosen > 0 else len(data) + random.randrange(chosen, 0)


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 4, 20, 200)) if data else 0):
        changed[_place(data, random)] ^= random.randrange(1, 256)
    return bytes(changed)


def _zero(data: bytes, random: Random) -> bytes:
    start, count = random.randrange(len(data) + 1), random.choice((4, 64, 1000, 4000))
    return data[:start] + bytes(len(data[start : start + count])) + data[start + count :]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _insert(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + random.randbytes(random.choice((1, 16, 700))) + data[start:]


def _drop(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.choice((1, 16, 188, 700)) :]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other)) :]


def _inflate(data: bytes, random: Random) -> bytes:
    """Put huge numbers where sizes, counts and shapes stand."""
    if len(data) < 16:
        return data
    mark = random.choice([mark for mark in _MARKS if mark in data] or [b""])
    at = random.choice([found.start() for found in re.finditer(re.escape(mark), data)])
    # before it (boxes), or in what follows
    at = at - 4 if random.random() < 0.2 else at + len(mark) + random.choice((0, 0, 1, 4, 8, 12, 16, 24, 32))
    at = min(max(0, at), len(data) - 8)
    count, order = random.choice((1, 2, 4, 4, 8)), random.choice(("big", "little"))
    number = (random.choice(_HUGE) << 32 | random.choice(_HUGE)) if count == 8 else random.choice(_HUGE)
    return data[:at] + (number % 256**count).to_bytes(count, order) + data[at + count :]
