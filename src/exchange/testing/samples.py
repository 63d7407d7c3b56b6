"""One small and one full record of every schema, always the same: for wire vectors and as a start for a test's own record."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.core.seals import meaning

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sample(schemas: SchemaSet, name: str, *, full: bool = False, **fields: Any) -> dict[str, Any]:
    """A valid record (of the schema; its references are made up).

    Args:
        schemas: the schemas.
        name: which record.
        full: every optional field filled and two items in every list; else defaults only, and the least where there is none.
        fields: values to use instead.
    """
    return {field["name"]: _field(schemas, field, full) for field in schemas.raw[name]["fields"]} | fields


def _field(schemas: SchemaSet, field: dict[str, Any], full: bool) -> Any:
    if not full and "default" in field:
        return field["default"]
    return _value(schemas, meaning(field), full, field["name"])


def _value(schemas: SchemaSet, schema: Any, full: bool, word: str) -> Any:
    if isinstance(schema, list):
        other = next(branch for branch in schema if branch != "null")
        return _value(schemas, other, full, word) if full else None
    if isinstance(schema, str) and schema.startswith(NAMESPACE):
        name = schema.rsplit(".", 1)[1]
        raw = schemas.raw[name]
        return sample(schemas, name, full=full) if raw["type"] == "record" else raw["symbols"][-1 if full else 1]
    if isinstance(schema, dict) and schema["type"] in ("array", "map"):
        items = schema.get("items", schema.get("values"))
        values = [_value(schemas, items, full, f"{word} {number}") for number in (1, 2)] if full else []
        return values if schema["type"] == "array" else {f"key {number}": value for number, value in enumerate(values)}
    return _leaf(schema, full, word)


def _leaf(schema: Any, full: bool, word: str) -> Any:
    logical = schema.get("logicalType") if isinstance(schema, dict) else None
    if logical == "date":
        return date(2026, 1, 31) if full else date(1970, 1, 1)
    if logical == "timestamp-millis":
        return _EPOCH + timedelta(days=20_000, milliseconds=789) if full else _EPOCH
    kind = schema["type"] if isinstance(schema, dict) else schema
    small = {"string": "", "bytes": b"", "int": 0, "long": 0, "double": 0.0, "boolean": False}
    large = {
        "string": f"{word} 日本語",
        "bytes": b"\x00\xff",
        "int": -(2**31),
        "long": 2**63 - 1,
        "double": 1.5e24,
        "boolean": True,
    }
    return (large if full else small)[kind]
