"""The field paths of a record and the audience each is labelled for.

A path is dotted, without list indexes: ``risks.by_category.text`` is the text of every entry. Paths come from the generated
TypedDicts, so they cannot differ from the schemas; labels come from the schemas themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from exchange.core.schemas import NAMESPACE, Schema
from exchange.events import records

AUDIENCES: tuple[records.Audience, ...] = ("public", "user", "provider", "authority", "owner")
"""From widest to narrowest: a label is the lowest audience that may read (DESIGN section 2)."""

RANK: Mapping[str, int] = {**{name: rank for rank, name in enumerate(AUDIENCES)}, "UNKNOWN": len(AUDIENCES) - 1}
"""Order of audiences; what is not understood counts as narrowest."""


@cache
def paths_of(record: type) -> frozenset[str]:
    """Every field path of a generated TypedDict, sections included."""
    return frozenset(_walk(record, ""))


def _walk(record: type, prefix: str) -> Iterator[str]:
    for name, hint in get_type_hints(record).items():
        yield prefix + name
        inner = _record_in(hint)
        if inner is not None:
            yield from _walk(inner, f"{prefix}{name}.")


def _record_in(hint: Any) -> type | None:
    if is_typeddict(hint):
        found: type = hint
        return found
    if get_origin(hint) is None or get_origin(hint) is dict:
        return None
    return next((inner for arg in get_args(hint) if arg is not NoneType and (inner := _record_in(arg))), None)


def labels_of(schemas: Mapping[str, Schema], name: str) -> dict[str, records.Audience]:
    """Audience label by field path of the record ``name``; a field inside a narrower one has the narrower label.

    Args:
        schemas: schema by record name (``SchemaSet.raw``).
        name: the record.
    """
    labels: dict[str, records.Audience] = {}

    def walk(record: str, prefix: str, floor: int) -> None:
        for field in schemas[record]["fields"]:
            rank = max(floor, RANK.get(field.get("audience", "owner"), RANK["owner"]))
            labels[prefix + field["name"]] = AUDIENCES[rank]
            for inner in names_in(field["type"]):
                if schemas[inner]["type"] == "record":
                    walk(inner, f"{prefix}{field['name']}.", rank)

    walk(name, "", 0)
    return labels


def names_in(node: Any) -> Iterator[str]:
    """Names of our records and enums in a type of a schema."""
    if isinstance(node, str):
        if node.startswith(NAMESPACE + "."):
            yield node.rsplit(".", 1)[1]
    elif isinstance(node, list):
        for branch in node:
            yield from names_in(branch)
    elif isinstance(node, dict):
        yield from names_in(node.get("items", node.get("values", "")))
