"""Pictures, byte by byte."""

import struct
import zlib


def draw_png_header(width: int, height: int) -> bytes:
    """The start of a grey PNG, which says what its size is and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + data + struct.pack(">I", 0x7FFFFFFF) + b"IDAT\0"
