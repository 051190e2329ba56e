"""Writes small ONNX files without the package onnx: the protocol buffer's fields by their numbers in onnx.proto3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float": 1, "int32": 6, "int64": 7}
_IR_VERSION, _OPSET = 8, 13


@dataclass(frozen=True)
class Node:
    """An operator with one output; attributes are whole numbers."""

    operator: str
    inputs: Sequence[str]
    output: str
    attributes: Mapping[str, int] = field(default_factory=dict)


def write_onnx(
    path: Path,
    nodes: Sequence[Node],
    constants: Mapping[str, NDArray[np.generic]],
    *,
    inputs: Mapping[str, tuple[str, Sequence[str | int]]],
    outputs: Mapping[str, tuple[str, Sequence[str | int]]],
    description: Mapping[str, object],
) -> None:
    """Write a model. inputs and outputs: name -> (type, shape with names for free sizes); description: its metadata."""
    graph = b"".join(_part(1, _node(node)) for node in nodes) + _part(2, b"graph")
    graph += b"".join(_part(5, _tensor(name, values)) for name, values in constants.items())
    graph += b"".join(_part(11, _value(name, *facts)) for name, facts in inputs.items())
    graph += b"".join(_part(12, _value(name, *facts)) for name, facts in outputs.items())
    model = _number(1, _IR_VERSION) + _part(7, graph) + _part(8, _part(1, b"") + _number(2, _OPSET))
    model += b"".join(_part(14, _text(1, key) + _text(2, str(value))) for key, value in description.items())
    path.write_bytes(model)


def _node(node: Node) -> bytes:
    parts = b"".join(_text(1, name) for name in node.inputs) + _text(2, node.output) + _text(4, node.operator)
    return parts + b"".join(
        _part(5, _text(1, name) + _number(3, value) + _number(20, 2)) for name, value in node.attributes.items()
    )


def _tensor(name: str, values: NDArray[np.generic]) -> bytes:
    kind = "float" if values.dtype == np.float32 else str(values.dtype)
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, _TYPES[kind]) + _text(8, name) + _part(9, values.tobytes())


def _value(name: str, kind: str, shape: Sequence[str | int]) -> bytes:
    sizes = b"".join(_part(1, _number(1, size) if isinstance(size, int) else _text(2, size)) for size in shape)
    return _text(1, name) + _part(2, _part(1, _number(1, _TYPES[kind]) + _part(2, sizes)))


def _text(number: int, text: str) -> bytes:
    return _part(number, text.encode())


def _part(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
