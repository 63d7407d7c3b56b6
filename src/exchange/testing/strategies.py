"""Hypothesis strategies made from the schemas: any record that the wire can carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.core.seals import meaning
from exchange.testing.lineages import Step, lineage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8),
    "bytes": st.binary(max_size=8),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
}
_LOGICAL: dict[str, st.SearchStrategy[Any]] = {
    "date": st.dates(),
    "timestamp-millis": st.integers(-62135596800000, 253402300799999).map(lambda ms: _EPOCH + timedelta(milliseconds=ms)),
}


def records(schemas: SchemaSet, name: str, *, depth: int = 5) -> st.SearchStrategy[dict[str, Any]]:
    """Records of one schema, all keys there; below ``depth`` what may be absent or empty is."""
    fields = schemas.raw[name]["fields"]
    return st.fixed_dictionaries({field["name"]: _values(schemas, meaning(field), depth) for field in fields})


def any_record(schemas: SchemaSet, *, depth: int = 5) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Name and record of any schema."""
    return st.sampled_from(sorted(schemas.records)).flatmap(
        lambda name: st.tuples(st.just(name), records(schemas, name, depth=depth))
    )


def _values(schemas: SchemaSet, schema: Any, depth: int) -> st.SearchStrategy[Any]:
    if isinstance(schema, list):
        other = next(branch for branch in schema if branch != "null")
        return st.none() | _values(schemas, other, depth - 1) if depth > 0 else st.none()
    if isinstance(schema, str):
        if schema in _PRIMITIVES:
            return _PRIMITIVES[schema]
        named = schemas.raw[schema.removeprefix(f"{NAMESPACE}.")]
        return st.sampled_from(named["symbols"]) if named["type"] == "enum" else records(schemas, named["name"], depth=depth - 1)
    if schema["type"] == "array":
        return st.lists(_values(schemas, schema["items"], depth - 1), max_size=2) if depth > 0 else st.just([])
    if schema["type"] == "map":
        return st.dictionaries(st.text(max_size=4), _values(schemas, schema["values"], depth - 1), max_size=2)
    return _LOGICAL.get(schema.get("logicalType", ""), _PRIMITIVES[schema["type"]])


def worlds(**sizes: Any) -> st.SearchStrategy[list[Step]]:
    """Random lineages (:mod:`exchange.testing.lineages`) that hypothesis can make smaller."""
    return st.randoms(use_true_random=False).map(lambda chance: lineage(chance, **sizes))
