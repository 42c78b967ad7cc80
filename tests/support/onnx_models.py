"""Small models in ONNX, written byte by byte: recognisers of bars, and what only looks like a recogniser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Shape = Sequence[int | str]
_INT64, _FLOAT = 7, 1


def make_recogniser(
    characters: str,
    *,
    shape: Shape = (1, 3, 48, "width"),
    classes: int | None = None,
    has_list: bool = True,
    weights: bytes | None = None,
    burden: tuple[Sequence[int], int] | None = None,
) -> bytes:
    """A model that reads a black bar as its first character, and white as nothing.

    Args:
        characters: What it names, one a line in its list.
        shape: Of its input.
        classes: How many it tells apart; None: as many as it should.
        has_list: Whether the list of characters is in it.
        weights: In the place of the true ones, a tensor called `weights`.
        burden: What else it computes: an array of zeros of this shape, this often multiplied with itself.
    """
    classes = len(characters) + 2 if classes is None else classes
    weight = np.zeros((1, classes), np.float32)
    weight[0, :2] = (1, -1)  # white is 1, black is -1, padding 0
    bias = np.zeros(classes, np.float32)
    bias[0] = 0.1
    shape_of_burden, times = burden or ((1,), 0)
    nodes = [
        make_node("ConstantOfShape", ["burden"], ["b0"]),
        *(make_node("MatMul", [f"b{number}", "b0"], [f"b{number + 1}"]) for number in range(times)),
        make_node("ReduceMean", [f"b{times}"], ["nothing"], keepdims=0),
        make_node("Add", ["x", "nothing"], ["picture"]),
        make_node("ReduceMean", ["picture"], ["rows"], axes=[1, 2], keepdims=0),
        make_node("Unsqueeze", ["rows", "last"], ["columns"]),
        make_node("MatMul", ["columns", "weights"], ["products"]),
        make_node("Add", ["products", "bias"], ["y"]),
    ]
    tensors = [
        make_tensor("last", np.array([2])),
        weights or make_tensor("weights", weight),
        make_tensor("bias", bias),
        make_tensor("burden", np.array(shape_of_burden)),
    ]
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"graph"),
            *(_field(5, tensor) for tensor in tensors),
            _field(11, _describe("x", shape)),
            _field(12, _describe("y", (1, "steps", "classes"))),
        ]
    )
    listed = _field(14, _field(1, b"character") + _field(2, "\n".join(characters).encode()))
    opset = _field(8, _field(2, 17))
    return _field(1, 8) + _field(7, graph) + opset + listed * has_list


def make_node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **settings: int | list[int]) -> bytes:
    """An operation; settings are whole numbers or lists of them."""
    parts = [_field(1, name.encode()) for name in inputs] + [_field(2, name.encode()) for name in outputs]
    parts.append(_field(4, kind.encode()))
    for name, value in settings.items():
        if isinstance(value, list):
            attribute = b"".join(_field(8, number) for number in value) + _field(20, 7)
        else:
            attribute = _field(3, value) + _field(20, 2)
        parts.append(_field(5, _field(1, name.encode()) + attribute))
    return b"".join(parts)


def make_tensor(name: str, values: np.ndarray) -> bytes:
    """A constant of whole numbers or floats."""
    kind = _INT64 if values.dtype == np.int64 else _FLOAT
    return (
        b"".join(_field(1, size) for size in values.shape)
        + _field(2, kind)
        + _field(8, name.encode())
        + _field(9, values.tobytes())
    )


def make_outside_tensor(name: str, shape: Sequence[int], place: str) -> bytes:
    """A constant of floats that lies in a file of its own."""
    where = _field(13, _field(1, b"location") + _field(2, place.encode()))
    sizes = b"".join(_field(1, size) for size in shape)
    return sizes + _field(2, _FLOAT) + _field(8, name.encode()) + where + _field(14, 1)


def _describe(name: str, shape: Shape) -> bytes:
    sizes = b"".join(
        _field(1, _field(1, size) if isinstance(size, int) else _field(2, size.encode())) for size in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, sizes)))


def _field(number: int, value: int | bytes) -> bytes:
    """A field of Protocol Buffers."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
