"""Reads Avro binary that the exchange itself wrote, by Python source made once from the schema (docs/adr/0008).

The counterpart of :mod:`exchange.core.writer`. What others wrote is read by fastavro, behind the scan: two readers that share no
code, which a test compares. Here damage shows as an exception or as an end that is not the value's end; nothing is allocated by a
length alone.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from exchange.errors import ConfigError

Read = Callable[[bytes, int], tuple[Any, int]]
"""Value and end, of bytes and start; raises whatever Python does where they do not fit."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DOUBLE = struct.Struct("<d").unpack_from


def compile_reader(schema: Mapping[str, Any], named: Mapping[str, Any]) -> Read:
    """The function that reads values of a record schema.

    Args:
        schema: schema as written.
        named: the schemas it names, by full name.

    Raises:
        ConfigError: the schema uses what the exchange does not: unions other than of null and one more, fixed.
    """
    return _Source(named).record(schema)[1]


def _long(raw: bytes, at: int) -> tuple[int, int]:
    """A number of more than one byte, from its first byte on."""
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            break
    if number >> 64 or byte > 0x7F:
        raise ValueError("a number of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def _count(raw: bytes, at: int) -> tuple[int, int]:
    """The items of a block; a negative count is followed by the block's size, which nobody needs."""
    count, at = _long(raw, at)
    if count < 0:
        _, at = _long(raw, at)
    return abs(count), at


def _time(number: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=number)


def _day(number: int) -> date:
    return date.fromordinal(number + _EPOCH_DAY)


def _flag(byte: int) -> bool:
    if byte > 1:
        raise ValueError("not a boolean")
    return byte == 1


class _Source:
    """Makes source: a function a record, and in it lines for each field. ``b`` is the bytes, ``i`` where it reads."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._records: dict[str, tuple[str, Read]] = {}
        self._names: dict[str, Any] = {
            "long_": _long, "count_": _count, "time_": _time, "day_": _day, "flag_": _flag, "double_": _DOUBLE,
        }  # fmt: skip

    def record(self, schema: Mapping[str, Any]) -> tuple[str, Read]:
        """The name under which source finds a record's function, and the function."""
        known = self._records.get(schema["name"])
        if known is not None:
            return known
        body, values = [], []
        for number, field in enumerate(schema["fields"]):
            if not _NAME.match(field["name"]):
                raise ConfigError("a field's name is not one of Avro's")
            body += self._lines(field["type"], f"v{number}", 1)
            values.append(f'"{field["name"]}": v{number}')
        name = f"record_{len(self._names)}"
        source = "\n".join([f"def {name}(b, i):", *body, f"  return {{{', '.join(values)}}}, i"])
        exec(compile(source, f"<reader {name}>", "exec"), self._names)  # noqa: S102 - made of checked names alone
        self._records[schema["name"]] = found = (name, self._names[name])
        return found

    def _lines(self, schema: Any, to: str, depth: int) -> list[str]:
        """Lines that read one value into a variable."""
        if isinstance(schema, list):
            return self._optional(schema, to, depth)
        full = self._named.get(schema) if isinstance(schema, str) else schema
        full = {"type": schema} if full is None else full
        kind = full["type"]
        if kind == "record":
            lines = [f"{to}, i = {self.record(full)[0]}(b, i)"]
        elif kind == "array":
            return self._array(full["items"], to, depth)
        elif kind == "map":
            return self._map(full["values"], to, depth)
        elif kind == "enum":
            table = self._symbols(full, 0)
            lines = [f"{to} = {table}[b[i]]; i += 1"]
        else:
            lines = self._single(kind, full.get("logicalType"), to)
        return ["  " * depth + line for line in lines]

    def _symbols(self, schema: Mapping[str, Any], skip: int) -> str:
        """A table by the byte that stands for a symbol."""
        if len(schema["symbols"]) > 64:
            raise ConfigError("an enum of more than 64 symbols")
        name = f"symbols_{len(self._names)}"
        self._names[name] = {2 * number: symbol for number, symbol in enumerate(schema["symbols"])}
        return name

    def _single(self, kind: str, logical: str | None, to: str) -> list[str]:
        if kind == "null":
            return [f"{to} = None"]
        if kind == "boolean":
            return [f"{to} = flag_(b[i]); i += 1"]
        if kind == "double":
            return [f"{to} = double_(b, i)[0]; i += 8"]
        number = [
            "n = b[i]",
            "if n < 128: i += 1; n = (n >> 1) ^ -(n & 1)",
            "else: n, i = long_(b, i)",
        ]
        if kind in ("int", "long"):
            shown = {"timestamp-millis": "time_(n)", "date": "day_(n)"}.get(logical or "", "n")
            return [*number, f"{to} = {shown}"]
        if kind in ("string", "bytes"):
            number[1] = "if n < 128 and not n & 1: i += 1; n >>= 1"
            decode = ".decode()" if kind == "string" else ""
            return [*number, "j = i + n", "if j < i: raise ValueError('a negative length')", f"{to} = b[i:j]{decode}; i = j"]
        raise ConfigError(f"schema uses the type {kind}, which the exchange does not")

    def _optional(self, schema: list[Any], to: str, depth: int) -> list[str]:
        others = [branch for branch in schema if branch != "null"]
        if len(schema) != 2 or len(others) != 1:
            raise ConfigError("a union of other than null and one type")
        indent = "  " * depth
        null, other = 2 * schema.index("null"), 2 * schema.index(others[0])
        return [
            f"{indent}n = b[i]; i += 1",
            f"{indent}if n == {null}: {to} = None",
            f"{indent}elif n == {other}:",
            *self._lines(others[0], to, depth + 1),
            f"{indent}else: raise ValueError('no such branch')",
        ]

    def _array(self, items: Any, to: str, depth: int) -> list[str]:
        indent, many, each = "  " * depth, f"c{depth}", f"e{depth}"
        return [
            f"{indent}{to} = []",
            f"{indent}{many}, i = (b[i] >> 1, i + 1) if b[i] < 128 and not b[i] & 1 else count_(b, i)",
            f"{indent}while {many}:",
            f"{indent}  for _{depth} in range({many}):",
            *self._lines(items, each, depth + 2),
            f"{indent}    {to}.append({each})",
            f"{indent}  {many}, i = count_(b, i)",
        ]

    def _map(self, values: Any, to: str, depth: int) -> list[str]:
        indent, many, key, each = "  " * depth, f"c{depth}", f"k{depth}", f"e{depth}"
        return [
            f"{indent}{to} = {{}}",
            f"{indent}{many}, i = count_(b, i)",
            f"{indent}while {many}:",
            f"{indent}  for _{depth} in range({many}):",
            *self._lines("string", key, depth + 2),
            *self._lines(values, each, depth + 2),
            f"{indent}    {to}[{key}] = {each}",
            f"{indent}  {many}, i = count_(b, i)",
        ]
