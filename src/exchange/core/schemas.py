"""The schemas as a set: in order of dependency, parsed, and known by their fingerprints.

Fingerprints are CRC-64-AVRO of the Parsing Canonical Form (Avro 1.12 specification, "Schema Fingerprints") of the schema with
every named type written out, computed by fastavro. The ``avro`` library would give other ones for schemas with logical types: it
leaves ``{"type": "long"}`` where the specification's rule [PRIMITIVES], and Java, write ``"long"``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastavro import parse_schema
from fastavro.schema import UnknownType, fingerprint, to_parsing_canonical_form

from exchange.errors import ConfigError

NAMESPACE = "exchange.v1"
Schema = dict[str, Any]


def order_schemas(schemas: Sequence[Schema]) -> list[Schema]:
    """The same schemas, each after all that it names.

    Raises:
        ConfigError: a schema names a type that is not among them, or itself (no recursive types: docs/adr/0004).
    """
    known: dict[str, Any] = {}
    ordered: list[Schema] = []
    waiting = sorted(schemas, key=lambda schema: str(schema["name"]))
    while waiting:
        left = [schema for schema in waiting if not _parses(schema, known, ordered)]
        if len(left) == len(waiting):
            raise ConfigError(f"schemas name unknown or recursive types: {', '.join(str(s['name']) for s in left)}")
        waiting = left
    return ordered


def _parses(schema: Schema, known: dict[str, Any], ordered: list[Schema]) -> bool:
    trial = dict(known)
    try:
        parse_schema(copy.deepcopy(schema), named_schemas=trial)
    except UnknownType:
        return False
    known.update(trial)
    ordered.append(schema)
    return True


def expand(schema: Schema, by_name: Mapping[str, Schema]) -> Schema:
    """The schema with every named type written out where it is first used, so that it stands alone."""
    done: set[str] = set()

    def walk(node: Any) -> Any:
        if isinstance(node, str) and node.startswith(NAMESPACE + "."):
            name = node.rsplit(".", 1)[1]
            return node if name in done else walk(by_name[name])
        if isinstance(node, list):
            return [walk(branch) for branch in node]
        if not isinstance(node, dict):
            return node
        if node.get("type") in ("record", "enum"):
            done.add(node["name"])
        return {key: walk(value) if key in ("type", "items", "values", "fields") else value for key, value in node.items()}

    expanded: Schema = walk(schema)
    return expanded


@dataclass(frozen=True)
class SchemaSet:
    """All schemas of one release of the exchange.

    Attributes:
        raw: schema as written, by record name, in order of dependency.
    """

    raw: Mapping[str, Schema]

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> SchemaSet:
        """From the text of each ``.avsc`` file.

        Raises:
            ConfigError: the schemas do not fit together.
        """
        ordered = order_schemas([json.loads(text) for text in texts.values()])
        return cls({str(schema["name"]): schema for schema in ordered})

    @cached_property
    def parsed(self) -> dict[str, Any]:
        """fastavro's parsed form, by record name."""
        known: dict[str, Any] = {}
        return {name: parse_schema(copy.deepcopy(schema), named_schemas=known) for name, schema in self.raw.items()}

    @cached_property
    def records(self) -> frozenset[str]:
        """Names of the records (not the enums)."""
        return frozenset(name for name, schema in self.raw.items() if schema["type"] == "record")

    def alone(self, name: str) -> Schema:
        """The schema of ``name`` with all it uses written out: for registries and other languages."""
        return expand(self.raw[name], self.raw)

    @cached_property
    def fingerprints(self) -> dict[str, bytes]:
        """CRC-64-AVRO fingerprint, 8 bytes little-endian, by record name."""
        return {
            name: bytes.fromhex(fingerprint(to_parsing_canonical_form(self.alone(name)), "CRC-64-AVRO"))
            for name in self.raw
            if name in self.records
        }

    @cached_property
    def by_fingerprint(self) -> dict[bytes, str]:
        """Record name by fingerprint."""
        return {known: name for name, known in self.fingerprints.items()}
