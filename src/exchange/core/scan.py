"""A strict look at an Avro body before anything is built from it: does it hold exactly one value of the schema?

fastavro allocates what a length claims, wraps a negative index round to the last symbol, reads ``7`` as true and ignores what
follows the value. :func:`check_body` walks the bytes once, builds nothing and calls nothing recursively, so that its cost is
bounded by the size of the body. What it lets through decodes, and (maps apart) encodes to the same bytes again.

Rules checked, by the Avro 1.12 specification, "Binary Encoding": variable-length integers in at most 5 or 10 bytes, without
padding; lengths, item counts, enum and union indices in range; booleans 0 or 1; UTF-8; dates and times that exist; doubles that
are finite; map keys once; nothing left over. A block written with its size in bytes (negative count) must end where it says.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from exchange.errors import ConfigError, ParseError

MAX_DEPTH = 32
"""Deepest nesting a schema may have; the schemas of this release reach 14."""

_INT = (-(1 << 31), (1 << 31) - 1)
_LONG = (-(1 << 63), (1 << 63) - 1)
_LOGICAL = {"date": (-719162, 2932896), "timestamp-millis": (-62135596800000, 253402300799999)}
"""Year 1 to year 9999, which is what Python's types hold."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the scan needs to know of one node of a schema.

    Attributes:
        kind: Avro type.
        least: fewest bytes a value takes; what an item count is measured against.
        parts: shapes of fields, branches, or the items.
        low: smallest integer.
        high: largest integer; for an enum, how many symbols there are.
    """

    kind: str
    least: int = 1
    parts: tuple[Shape, ...] = ()
    low: int = 0
    high: int = 0


def compile_shape(schema: Any, named: Mapping[str, Any], depth: int = 0) -> Shape:
    """The shape of a schema; ``named`` holds the schemas it names, by full name.

    Raises:
        ConfigError: deeper than :data:`MAX_DEPTH` (which is how a recursive schema ends), an item that takes no bytes, or a type
            that the exchange does not use.
    """
    if depth > MAX_DEPTH:
        raise ConfigError("schema is nested too deeply, or recursive")
    if isinstance(schema, list):
        branches = tuple(compile_shape(branch, named, depth + 1) for branch in schema)
        return Shape("union", 1 + min(branch.least for branch in branches), branches)
    if isinstance(schema, str):
        return compile_shape(named[schema], named, depth) if schema in named else _primitive(schema, "")
    kind = schema["type"]
    if kind == "record":
        fields = tuple(compile_shape(field["type"], named, depth + 1) for field in schema["fields"])
        return Shape("record", sum(field.least for field in fields), fields)
    if kind in ("array", "map"):
        item = compile_shape(schema["items" if kind == "array" else "values"], named, depth + 1)
        if not item.least and kind == "array":
            raise ConfigError("schema has an array of items that take no bytes")
        return Shape(kind, 1, (item,))
    return Shape("enum", 1, (), 0, len(schema["symbols"])) if kind == "enum" else _primitive(kind, schema.get("logicalType", ""))


def _primitive(kind: str, logical: str) -> Shape:
    if kind in ("int", "long"):
        low, high = _LOGICAL.get(logical, _INT if kind == "int" else _LONG)
        return Shape(kind, 1, (), low, high)
    least = {"null": 0, "boolean": 1, "double": 8, "string": 1, "bytes": 1}.get(kind)
    if least is None:
        raise ConfigError(f"schema uses the type {kind}, which the exchange does not")
    return Shape(kind, least)


def check_body(data: bytes, shape: Shape, start: int = 0) -> None:
    """Checks that ``data`` from ``start`` on is one value of the shape and nothing else.

    Raises:
        ParseError: it is not.
    """
    scan = _Scan(data, start, [shape])
    while scan.todo:
        node = scan.todo.pop()
        if isinstance(node, _Items):
            scan.items(node)
        else:
            _VISIT[node.kind](scan, node)
    if scan.at != len(data):
        raise ParseError("bytes are left over after the value")


@dataclass(slots=True)
class _Items:
    """An array or map that is being walked: items left in the block, and where the block must end if it said so."""

    shape: Shape
    left: int = 0
    end: int | None = None
    keys: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class _Scan:
    data: bytes
    at: int
    todo: list[Shape | _Items]

    def items(self, walk: _Items) -> None:
        if not walk.left and not self._next_block(walk):
            return
        walk.left -= 1
        if walk.shape.kind == "map":
            key = self.blob()
            _utf8(key)
            if key in walk.keys:
                raise ParseError("a map holds a key twice")
            walk.keys.add(key)
        self.todo += (walk, walk.shape.parts[0])

    def _next_block(self, walk: _Items) -> bool:
        if walk.end is not None and walk.end != self.at:
            raise ParseError("a block does not end where it says")
        walk.left, walk.end = self.integer(*_LONG), None
        if walk.left < 0:
            walk.left, size = -walk.left, self.integer(*_LONG)
            if not 0 <= size <= len(self.data) - self.at:
                raise ParseError("a block is longer than the value")
            walk.end = self.at + size
        least = walk.shape.parts[0].least + (walk.shape.kind == "map")
        if walk.left * least > len(self.data) - self.at:
            raise ParseError("an item count is larger than the value has room for")
        return walk.left > 0

    def integer(self, low: int, high: int) -> int:
        """One zig-zag variable-length integer within bounds."""
        data, at, shift, raw = self.data, self.at, 0, 0
        size = len(data)
        while True:
            if at >= size or shift > 63:
                raise ParseError("an integer is cut off or too long")
            byte = data[at]
            at += 1
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        if shift and not byte:
            raise ParseError("an integer is padded")
        self.at, value = at, (raw >> 1) ^ -(raw & 1)
        if not low <= value <= high:
            raise ParseError("an integer is out of range")
        return value

    def blob(self) -> bytes:
        """One run of bytes with its length before it."""
        size = self.integer(*_LONG)
        begin = self.at
        if not 0 <= size <= len(self.data) - begin:
            raise ParseError("a length is larger than the value")
        self.at = begin + size
        return self.data[begin : self.at]

    def fixed(self, size: int) -> bytes:
        """Exactly so many bytes."""
        begin, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise ParseError("the value is cut off")
        return self.data[begin : self.at]


def _utf8(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        raise ParseError("text is not UTF-8") from None


def _boolean(scan: _Scan, _: Shape) -> None:
    if scan.fixed(1) not in (b"\0", b"\1"):
        raise ParseError("a boolean is neither 0 nor 1")


def _double(scan: _Scan, _: Shape) -> None:
    if not isfinite(struct.unpack("<d", scan.fixed(8))[0]):
        raise ParseError("a number is not finite")


def _union(scan: _Scan, node: Shape) -> None:
    scan.todo.append(node.parts[scan.integer(0, len(node.parts) - 1)])


_VISIT: dict[str, Any] = {
    "record": lambda scan, node: scan.todo.extend(reversed(node.parts)),
    "array": lambda scan, node: scan.todo.append(_Items(node)),
    "map": lambda scan, node: scan.todo.append(_Items(node)),
    "union": _union,
    "enum": lambda scan, node: scan.integer(0, node.high - 1),
    "int": lambda scan, node: scan.integer(node.low, node.high),
    "long": lambda scan, node: scan.integer(node.low, node.high),
    "string": lambda scan, _: _utf8(scan.blob()),
    "bytes": lambda scan, _: scan.blob(),
    "boolean": _boolean,
    "double": _double,
    "null": lambda scan, _: None,
}
