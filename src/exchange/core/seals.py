"""Records carried inside other records as bytes: encoded once, copied from then on.

A field of type ``bytes`` whose schema says ``"seals": "exchange.v1.Snapshot"`` holds a whole framed record. In memory the field
is that record; on the wire it is a run of bytes that whoever passes it on need not take apart: a snapshot goes to a hundred
thousand children, and a dossier into its decision and its state, for the price of one encoding. The frame inside names its
schema, so that what is carried evolves by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exchange.core.schemas import NAMESPACE

Open = Callable[[str, bytes], Any]
"""Reads the sealed bytes of a record of that name."""

Opener = Callable[[dict[str, Any], Open], None]
"""Opens what a decoded record holds sealed, in place."""

KEPT = 256
"""Sealed records remembered: those of the steps at hand."""


class Seals:
    """Remembers which bytes stand for which record, by identity: a record is never changed once it is written."""

    def __init__(self) -> None:
        self._raws: dict[int, tuple[Any, bytes]] = {}
        self._records: dict[tuple[str, bytes], Any] = {}

    def raw(self, record: Any) -> bytes | None:
        """The bytes of this very object, if they are remembered."""
        kept = self._raws.get(id(record))
        return kept[1] if kept else None

    def record(self, name: str, raw: bytes) -> Any | None:
        """The record of these bytes, if it is remembered."""
        return self._records.get((name, raw))

    def keep(self, name: str, record: Any, raw: bytes) -> None:
        """Remember a pair; the oldest goes."""
        if len(self._raws) >= KEPT:
            del self._raws[next(iter(self._raws))]
        if len(self._records) >= KEPT:
            del self._records[next(iter(self._records))]
        self._raws[id(record)] = (record, raw)
        self._records[(name, raw)] = record


def sealed_name(field: Mapping[str, Any]) -> str | None:
    """The record a field carries sealed."""
    return str(field["seals"]).removeprefix(f"{NAMESPACE}.") if "seals" in field else None


def meaning(field: Mapping[str, Any]) -> Any:
    """The type of a field's value in memory: the sealed record in place of its bytes."""
    if "seals" not in field:
        return field["type"]
    return field["seals"] if field["type"] == "bytes" else ["null", field["seals"]]


def compile_opener(schema: Any, named: Mapping[str, Any]) -> Opener | None:
    """The function that opens what records of a schema hold sealed; ``None`` where they hold nothing.

    Args:
        schema: of a record, as written.
        named: the schemas it names, by full name.
    """
    steps = [step for field in schema["fields"] if (step := _step(field, named))]
    if not steps:
        return None

    def open_all(record: dict[str, Any], read: Open) -> None:
        for step in steps:
            step(record, read)

    return open_all


def _step(field: Mapping[str, Any], named: Mapping[str, Any]) -> Opener | None:
    key, name = field["name"], sealed_name(field)
    if name is not None:

        def unseal(record: dict[str, Any], read: Open) -> None:
            if record[key] is not None:
                record[key] = read(name, record[key])

        return unseal
    schema = _nested(field["type"], named)
    inner = compile_opener(schema, named) if schema else None
    if inner is None:
        return None

    def descend(record: dict[str, Any], read: Open) -> None:
        value = record[key]
        for each in value if isinstance(value, list) else (value,):
            if each is not None:
                inner(each, read)

    return descend


def _nested(schema: Any, named: Mapping[str, Any]) -> Any | None:
    """The record that a field's value is, or a list of which it is."""
    if isinstance(schema, list):
        return next((found for branch in schema if (found := _nested(branch, named))), None)
    if isinstance(schema, dict):
        return _nested(schema["items"], named) if schema["type"] == "array" else None
    found = named.get(schema)
    return found if found and found["type"] == "record" else None
