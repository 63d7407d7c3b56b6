"""What breaks when one schema set follows another.

Both directions are asked (FULL), against every released version (TRANSITIVE). ``avro.compatibility`` answers for structure. It
lets two things pass that lose meaning without a word, so they are checked here: a logical type that changes (millis read as
micros), and an enum symbol that disappears (old values turn into the default).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from exchange.core.schemas import Schema, SchemaSet


def breaks(older: SchemaSet, newer: SchemaSet) -> tuple[str, ...]:
    """Every way in which ``newer`` may not follow ``older``, one sentence each, in order of name."""
    faults = [f"{name}: no longer there" for name in sorted(older.raw.keys() - newer.raw.keys())]
    for name in sorted(older.raw.keys() & newer.raw.keys()):
        faults += schema_breaks(older.alone(name), newer.alone(name))
    return tuple(dict.fromkeys(faults))


def schema_breaks(older: Schema, newer: Schema) -> tuple[str, ...]:
    """The same for one schema with all its types written out."""
    name = str(older["name"])
    faults = []
    for direction, reader, writer in (("old data", newer, older), ("old readers", older, newer)):
        checker: Any = ReaderWriterCompatibilityChecker  # the library leaves its constructor untyped
        found = checker().get_compatibility(avro.schema.make_avsc_object(reader), avro.schema.make_avsc_object(writer))
        if found.compatibility is not SchemaCompatibilityType.compatible:
            faults.append(f"{name}: breaks {direction}: {'; '.join(sorted(found.messages)) or 'incompatible'}")
    before, after = dict(_facts(older, name)), dict(_facts(newer, name))
    for where in sorted(before.keys() & after.keys()):
        faults += _lost(where, before[where], after[where])
    return tuple(faults)


def _lost(where: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, tuple) and isinstance(after, tuple):
        yield from (f"{where}: symbol {symbol} no longer there" for symbol in before if symbol not in after)
    elif before != after:
        yield f"{where}: logical type was {before or 'none'} and is {after or 'none'}"


def _facts(schema: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Place and fact of every node that has one: symbols of an enum as a tuple, logical type of a number as text."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _facts(branch, where)
    elif isinstance(schema, str):
        if schema in ("int", "long"):
            yield where, ""
    elif schema["type"] == "enum":
        yield where, tuple(schema["symbols"])
    elif schema["type"] in ("array", "map"):
        yield from _facts(schema.get("items", schema.get("values")), f"{where}[]")
    elif schema["type"] == "record":
        for field in schema["fields"]:
            yield from _facts(field["type"], f"{schema['name']}.{field['name']}")
    else:
        yield where, str(schema.get("logicalType", ""))
