"""Writes a record as Avro binary by functions made once from its schema.

The same bytes as fastavro's (a test compares them), in a fifth of the time: fastavro finds the branch of every union by
validating the value, and what the exchange writes is full of optional fields (docs/adr/0008). Stricter than fastavro too: what
would make bytes depend on chance is refused or put in order. Maps are sorted; a time without zone, a number that is not finite
and a key the schema does not know are errors.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any

from exchange.core.seals import sealed_name
from exchange.errors import ConfigError, ValidationError

Write = Callable[[Any, bytearray], None]
"""Appends a value; raises whatever Python does where it does not fit."""

Seal = Callable[[str, Any], bytes]
"""The framed bytes of a record, by name and value."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MILLISECOND = timedelta(milliseconds=1)
_BOUNDS = {"int": 1 << 31, "long": 1 << 63}


def varint(number: int) -> bytes:
    """A zig-zag variable-length integer (Avro 1.12, "Binary Encoding")."""
    raw, out = (number << 1) ^ (number >> 63), bytearray()
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)
    return bytes(out)


_SMALL = tuple(varint(number) for number in range(4096))


def compile_writer(schema: Any, named: Mapping[str, Any], seal: Seal, where: str = "") -> Write:
    """The function that writes values of a schema.

    Args:
        schema: schema as written.
        named: the schemas it names, by full name.
        seal: makes the bytes of a record that a field carries sealed (:mod:`exchange.core.seals`).
        where: field path, for error messages.

    Raises:
        ConfigError: the schema uses what the exchange does not: unions other than of null and one more, fixed.
    """
    if isinstance(schema, str):
        return compile_writer(named[schema], named, seal, where) if schema in named else _primitive(schema, where)
    if isinstance(schema, list):
        return _optional(schema, named, seal, where)
    kind = schema["type"]
    if kind == "record":
        return _record(schema, named, seal, where)
    if kind == "enum":
        return _table({symbol: varint(number) for number, symbol in enumerate(schema["symbols"])})
    if kind in ("array", "map"):
        item = compile_writer(schema["items" if kind == "array" else "values"], named, seal, where)
        return _array(item) if kind == "array" else _map(item)
    return {"timestamp-millis": _time(where), "date": _date}.get(schema.get("logicalType", "")) or _primitive(kind, where)


def _primitive(kind: str, where: str) -> Write:
    if kind in _BOUNDS:
        return _integer(_BOUNDS[kind])
    writers = {"string": _string, "bytes": _bytes, "boolean": _boolean, "double": _double(where), "null": _null}
    if kind not in writers:
        raise ConfigError(f"schema uses the type {kind}, which the exchange does not")
    return writers[kind]


# --------------------------------------------------------------------------------------------------- single values


def _null(value: Any, out: bytearray) -> None:
    if value is not None:
        raise TypeError("not null")


def _boolean(value: Any, out: bytearray) -> None:
    if value is not True and value is not False:
        raise TypeError("not a boolean")
    out.append(value)


def _integer(bound: int) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if 0 <= value < 4096:
            out += _SMALL[value]
        elif -bound <= value < bound:
            out += varint(value)
        else:
            raise ValueError("out of range")

    return write


def _string(value: Any, out: bytearray) -> None:
    raw = value.encode()
    size = len(raw)
    out += _SMALL[size] if size < 4096 else varint(size)
    out += raw


def _bytes(value: Any, out: bytearray) -> None:
    if not isinstance(value, bytes):
        raise TypeError("not bytes")
    out += varint(len(value))
    out += value


def _double(where: str) -> Write:
    pack = struct.Struct("<d").pack

    def write(value: Any, out: bytearray) -> None:
        if not isfinite(value):
            raise ValidationError(f"{where}: not a finite number")
        out += pack(value)

    return write


def _time(where: str) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if value.tzinfo is None:
            raise ValidationError(f"{where}: a time without zone", hint="give the time with its offset from UTC")
        out += varint((value - _EPOCH) // _MILLISECOND)

    return write


def _date(value: Any, out: bytearray) -> None:
    out += varint(value.toordinal() - _EPOCH_DAY)


def _table(encoded: Mapping[Any, bytes]) -> Write:
    def write(value: Any, out: bytearray) -> None:
        out += encoded[value]

    return write


# --------------------------------------------------------------------------------------------------- what holds others


def _optional(schema: list[Any], named: Mapping[str, Any], seal: Seal, where: str) -> Write:
    others = [branch for branch in schema if branch != "null"]
    if len(schema) != 2 or len(others) != 1:
        raise ConfigError(f"{where}: a union of other than null and one type")
    full = named.get(others[0]) if isinstance(others[0], str) else None
    if full is not None and full["type"] == "enum":
        null, head = varint(schema.index("null")), varint(schema.index(others[0]))
        symbols = {symbol: head + varint(number) for number, symbol in enumerate(full["symbols"])}
        return _table({None: null, **symbols})
    return _null_or(schema, compile_writer(others[0], named, seal, where))


def _null_or(schema: list[Any], step: Write) -> Write:
    null = varint(schema.index("null"))
    head = varint(1 - schema.index("null"))

    def write(value: Any, out: bytearray) -> None:
        if value is None:
            out += null
        else:
            out += head
            step(value, out)

    return write


def _array(item: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if not isinstance(value, list | tuple):
            raise TypeError("not a list")
        if value:
            out += varint(len(value))
            for each in value:
                item(each, out)
        out.append(0)

    return write


def _map(item: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if value:
            out += varint(len(value))
            for key in sorted(value):
                _string(key, out)
                item(value[key], out)
        out.append(0)

    return write


def _sealed(field: Mapping[str, Any], name: str, seal: Seal) -> Write:
    def write(value: Any, out: bytearray) -> None:
        _bytes(seal(name, value), out)

    return write if field["type"] == "bytes" else _null_or(field["type"], write)


def _record(schema: Mapping[str, Any], named: Mapping[str, Any], seal: Seal, where: str) -> Write:
    steps: list[tuple[str, Write]] = []
    defaults: dict[str, bytes] = {}
    for field in schema["fields"]:
        name = sealed_name(field)
        step = (
            compile_writer(field["type"], named, seal, f"{where}.{field['name']}".lstrip("."))
            if name is None
            else _sealed(field, name, seal)
        )
        steps.append((field["name"], step))
        if "default" in field:
            written = bytearray()
            step(field["default"], written)
            defaults[field["name"]] = bytes(written)

    def write(value: Any, out: bytearray) -> None:
        if len(value) != len(steps):
            fill(value, out)
            return
        for name, step in steps:
            step(value[name], out)

    def fill(value: Any, out: bytearray) -> None:
        if not set(value) <= {name for name, _ in steps}:
            raise ValueError("not the fields of the schema")
        for name, step in steps:
            if name in value:
                step(value[name], out)
            else:
                out += defaults[name]

    return write
