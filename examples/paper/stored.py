"""Pictures as the paper's (G, C): small files of a deep decoder's weights.

G is a seed and an architecture: the network's input, and the weights that its fit began with, are drawn from
the seed and never stored. C is what the fit has added to each weight, in whole steps of 2^-fineness; to store
these and not the weights themselves took half a bit a weight less (128 px, K 16, L 4). How a fit comes to
them: see `rounding`.

A file is a header, the whole steps packed by LZMA, and a checksum of both. It is read with nothing taken on
trust: what it asks for is bounded before anything is allocated.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from subremover.errors import SubremoverError
from subremover.untrained.deep_decoder import DecoderWeights, DeepDecoder, cover, decode

MAGIC, VERSION = b"DDec", 1
HEADER = struct.Struct("<4sBBBHHHI")
"""Magic, version, fineness, L, K, height, width, seed; little-endian."""
CHECKSUM = struct.Struct("<I")
MOST_STEPS = 2**15 - 1
"""That a weight may lie from where it began."""
MOST_VALUES = 2**25
"""K times pixels, and 16 times the weights; such a picture takes 0.6 GB on its way."""
MOST_BYTES = 2**23
"""Of a file: four bytes for each of the most weights."""
LZMA = [{"id": lzma.FILTER_LZMA1, "preset": 9, "dict_size": 2**16, "lc": 0, "lp": 0, "pb": 0}]
"""Bytes that tell nothing of each other: what is left of LZMA is its adaptive range coder. The weights of
four files were 1 to 3 % smaller than by Huffman's code alone (zlib); ideal coding of bits with contexts of
each level's own would have taken between 2 % less and 1 % more."""


class StoredError(SubremoverError):
    """A file that holds no picture, or a picture that no file holds."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a picture and the decoder that paints it."""

    height: int
    width: int
    channels: int
    """K"""
    levels: int
    """L"""

    def __post_init__(self) -> None:
        sides = self.height, self.width
        if not 1 <= self.levels <= 9 or not 2**self.levels <= min(sides) <= max(sides) < 2**16:
            raise StoredError(f"no decoder paints {self.width}x{self.height} px by {self.levels} levels")
        height, width = self.decoder.size
        values = max(self.channels, 3) * height * width
        if not self.channels or max(values, 16 * self.weights) > MOST_VALUES:
            raise StoredError(
                f"no decoder of {self.channels} channels paints {self.width}x{self.height} px here; "
                "give a smaller image or fewer channels"
            )

    @property
    def decoder(self) -> DeepDecoder:
        """Its picture has whole cells of 2^L px; what lies beyond the height and the width is cut off."""
        return DeepDecoder(cover((self.height, self.width), self.levels), self.levels, self.channels)

    @property
    def weights(self) -> int:
        """How many are fitted."""
        K, L = self.channels, self.levels
        return L * K * (K + 2) + 3 * K

    def begin(self, seed: int) -> DecoderWeights:
        """Weights and input before the first step, one row."""
        nothing = torch.empty(0)
        return self.decoder.start(nothing, nothing, [seed])


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """What a file holds."""

    shape: Shape
    seed: int
    """Below 2^32."""
    fineness: int
    """A step is 2^-fineness, 0 to 20."""
    steps: np.ndarray
    """(weights,) int64, in the order of `Weights.flatten`: how far each lies from where it began."""

    def __post_init__(self) -> None:
        if not 0 <= self.fineness <= 20:
            raise StoredError(f"steps may be as fine as 2^-20, not 2^-{self.fineness}")
        if self.steps.shape != (self.shape.weights,):
            raise StoredError(f"expected {self.shape.weights} weights, got {self.steps.shape}")
        if np.abs(self.steps).max() > MOST_STEPS:
            raise StoredError(f"a weight lies more than {MOST_STEPS} steps from where it began")

    def paint(self) -> np.ndarray:
        """(height, width, 3) uint8.

        In float64, where what machines round otherwise is far below a level: so all of them come to the same
        picture. In float32 one value of 20,000 was another by one level.
        """
        begin = self.shape.begin(self.seed)
        added = torch.from_numpy(self.steps * 2.0**-self.fineness)[None]
        weights = begin.with_parameters(begin.flatten() + added.float()).map(lambda tensor: tensor.double())
        picture = decode(weights, "relu")[0, :, : self.shape.height, : self.shape.width]
        return np.uint8(np.rint(picture.permute(1, 2, 0).numpy() * 255))


def pack(stored: Stored) -> bytes:
    """The file's content."""
    shape = stored.shape
    header = HEADER.pack(
        *(MAGIC, VERSION, stored.fineness, shape.levels),
        *(shape.channels, shape.height, shape.width, stored.seed),
    )
    zigzag = np.where(stored.steps < 0, -2 * stored.steps - 1, 2 * stored.steps).astype(">u2")
    planes = zigzag.view(np.uint8).reshape(-1, 2).T.tobytes()  # high bytes are nearly all 0
    content = header + lzma.compress(planes, lzma.FORMAT_RAW, filters=LZMA)
    return content + CHECKSUM.pack(zlib.crc32(content))


def unpack(data: bytes) -> Stored:
    """What `pack` was given.

    Raises:
        StoredError: It is no such file, is damaged, or asks for too much.
    """
    if not data.startswith(MAGIC):
        raise StoredError("this is no stored picture: it does not begin with 'DDec'")
    content, checksum = data[: -CHECKSUM.size], data[-CHECKSUM.size :]
    if len(content) < HEADER.size or CHECKSUM.pack(zlib.crc32(content)) != checksum:
        raise StoredError("the stored picture is damaged: its checksum is wrong; store it anew")
    _, version, fineness, levels, channels, height, width, seed = HEADER.unpack_from(content)
    if version != VERSION:
        raise StoredError(f"the picture was stored by version {version}, only {VERSION} can be read")
    shape = Shape(height, width, channels, levels)
    planes = _unpack_lzma(content[HEADER.size :], 2 * shape.weights)
    zigzag = np.frombuffer(planes, np.uint8).reshape(2, -1).T.copy().view(">u2")[:, 0].astype(np.int64)
    return Stored(shape, seed, fineness, np.where(zigzag % 2, -(zigzag + 1) // 2, zigzag // 2))


def read_stored(path: Path) -> Stored:
    """What a file holds.

    Raises:
        StoredError: It cannot be read, or see `unpack`.
    """
    try:
        with path.open("rb") as file:
            return unpack(file.read(MOST_BYTES))
    except OSError as error:
        raise StoredError(f"'{path}' cannot be read: {error.strerror}") from error


def _unpack_lzma(packed: bytes, count: int) -> bytes:
    """So many bytes; no more are ever unpacked than one above."""
    try:
        planes = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA).decompress(packed, count + 1)
    except lzma.LZMAError as error:
        raise StoredError("the stored picture is damaged: its weights cannot be unpacked") from error
    if len(planes) != count:
        raise StoredError(f"the stored picture is damaged: it does not hold {count // 2} weights")
    return planes
