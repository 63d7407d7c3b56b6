"""The Japanese and English name of each field and of each symbol of an enum, as the schemas give them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from exchange.core.fields import names_in
from exchange.core.schemas import Schema


class Label(NamedTuple):
    """A field's names; those of a field inside a section come after the section's.

    Attributes:
        symbols: names of the symbols its value, or each item of it, can be; empty where it is no enum.
    """

    ja: str
    en: str
    symbols: Mapping[str, Label] = MappingProxyType({})


def field_labels(schemas: Mapping[str, Schema], name: str) -> dict[str, Label]:
    """Label by field path of the record ``name``.

    Args:
        schemas: schema by record name (``SchemaSet.raw``).
        name: the record.
    """
    found: dict[str, Label] = {}

    def walk(record: str, prefix: str, above: Label | None) -> None:
        for field in schemas[record]["fields"]:
            own, symbols = field["label"], symbols_of(schemas, field["type"])
            ja, en = (f"{above.ja} › {own['ja']}", f"{above.en} › {own['en']}") if above else (own["ja"], own["en"])
            found[prefix + field["name"]] = label = Label(ja, en, symbols)
            for inner in names_in(field["type"]):
                if schemas[inner]["type"] == "record":
                    walk(inner, f"{prefix}{field['name']}.", label)

    walk(name, "", None)
    return found


def symbols_of(schemas: Mapping[str, Schema], kind: Any) -> dict[str, Label]:
    """Label by symbol of the enum that a field's type is, or holds; empty where it is none.

    Args:
        schemas: schema by record name (``SchemaSet.raw``).
        kind: the type, as the field's schema has it.
    """
    enums = [schemas[name] for name in names_in(kind) if schemas[name]["type"] == "enum"]
    return {symbol: Label(**words) for enum in enums for symbol, words in enum["labels"].items()}
