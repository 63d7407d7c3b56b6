"""The Japanese and English name of each field, as the schemas give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exchange.core.fields import names_in
from exchange.core.schemas import Schema


class Label(NamedTuple):
    """A field's names; those of a field inside a section come after the section's."""

    ja: str
    en: str


def field_labels(schemas: Mapping[str, Schema], name: str) -> dict[str, Label]:
    """Label by field path of the record ``name``.

    Args:
        schemas: schema by record name (``SchemaSet.raw``).
        name: the record.
    """
    found: dict[str, Label] = {}

    def walk(record: str, prefix: str, above: Label | None) -> None:
        for field in schemas[record]["fields"]:
            own = field["label"]
            label = Label(f"{above.ja} › {own['ja']}", f"{above.en} › {own['en']}") if above else Label(own["ja"], own["en"])
            found[prefix + field["name"]] = label
            for inner in names_in(field["type"]):
                if schemas[inner]["type"] == "record":
                    walk(inner, f"{prefix}{field['name']}.", label)

    walk(name, "", None)
    return found
