"""The rules of schemas/README.md hold for every schema."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.core.reports.words import AUDIENCES, WORDS
from exchange.core.scan import compile_shape
from exchange.core.schemas import NAMESPACE, SchemaSet, order_schemas
from exchange.errors import ConfigError
from exchange.events import records

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = SchemaSet.from_texts(load_schema_texts())
FIELDS = [
    pytest.param(schema, field, id=f"{name}.{field['name']}")
    for name, schema in SCHEMAS.raw.items()
    if schema["type"] == "record"
    for field in schema["fields"]
]


def test_every_file_is_named_for_its_schema() -> None:
    """A schema is found by its name."""
    assert {path.stem for path in (ROOT / "schemas").glob("*.avsc")} == set(SCHEMAS.raw)
    assert all(schema["namespace"] == NAMESPACE for schema in SCHEMAS.raw.values())


@pytest.mark.parametrize(("schema", "field"), FIELDS)
def test_a_field_says_what_it_is_and_who_may_read_it(schema: dict[str, Any], field: dict[str, Any]) -> None:
    """Every field has a doc, both labels and an audience that exists."""
    assert field["doc"].strip()
    assert set(field["label"]) == {"ja", "en"}
    assert all(text.strip() for text in field["label"].values())
    assert field["audience"] in set(SCHEMAS.raw["Audience"]["symbols"]) - {"UNKNOWN"}


@pytest.mark.parametrize(("schema", "field"), FIELDS)
def test_a_union_is_an_optional_field_with_default_null(schema: dict[str, Any], field: dict[str, Any]) -> None:
    """`["null", type]` with default null, and no other union anywhere."""
    kind = field["type"]
    if isinstance(kind, list):
        assert len(kind) == 2
        assert kind[0] == "null"
        assert "default" in field
        assert field["default"] is None
        kind = kind[1]
    assert not _holds_union(kind)


def _holds_union(kind: Any) -> bool:
    if isinstance(kind, dict):
        return any(_holds_union(kind[part]) for part in ("items", "values") if part in kind)
    return isinstance(kind, list)


@pytest.mark.parametrize("name", sorted(SCHEMAS.raw.keys() - SCHEMAS.records))
def test_an_enum_has_a_default(name: str) -> None:
    """A reader of an older version survives a new symbol."""
    schema = SCHEMAS.raw[name]
    assert schema["default"] in schema["symbols"]
    assert schema["doc"].strip()


@pytest.mark.parametrize("name", sorted(SCHEMAS.raw.keys() - SCHEMAS.records))
def test_every_symbol_of_an_enum_has_a_name_in_both_languages(name: str) -> None:
    """What people read is never a symbol; no two symbols of an enum share a name."""
    schema = SCHEMAS.raw[name]
    assert list(schema["labels"]) == schema["symbols"]
    for language in ("ja", "en"):
        told = [label[language].strip() for label in schema["labels"].values()]
        assert all(told)
        assert len(set(told)) == len(told)
    assert all(set(label) == {"ja", "en"} for label in schema["labels"].values())


def test_labels_of_symbols_are_no_part_of_the_contract_on_the_wire() -> None:
    """Bytes written before a label was bettered are still read: the fingerprint knows nothing of labels."""
    bare = {**SCHEMAS.raw, "Kind": {key: value for key, value in SCHEMAS.raw["Kind"].items() if key != "labels"}}
    assert SchemaSet(bare).fingerprints == SCHEMAS.fingerprints


@pytest.mark.parametrize("language", ["ja", "en"])
def test_words_of_reports_are_those_of_the_schemas(language: str) -> None:
    """What is named without the schemas at hand has the same name: audiences and risk categories, roles in the rules."""
    audiences = {name: label[language] for name, label in SCHEMAS.raw["Audience"]["labels"].items() if name != "UNKNOWN"}
    assert audiences == AUDIENCES[language]
    roles = {name: label[language] for name, label in SCHEMAS.raw["Role"]["labels"].items()}
    assert {name: WORDS[language][name] for name in get_args(records.Role) if name in WORDS[language]}.items() <= roles.items()
    categories = tomllib.loads(load_rule_texts().tables["categories"])
    told = {name: label[language] for name, label in SCHEMAS.raw["RiskCategory"]["labels"].items() if name != "UNKNOWN"}
    assert told == {name: entry[f"label_{language}"] for name, entry in categories.items()}


@pytest.mark.parametrize("name", sorted(SCHEMAS.raw))
def test_a_schema_can_be_scanned(name: str) -> None:
    """No recursion, no array of items without bytes, no type the exchange does not use."""
    compile_shape(SCHEMAS.raw[name], {f"{NAMESPACE}.{each}": schema for each, schema in SCHEMAS.raw.items()})


def test_recursive_types_and_empty_items_are_refused() -> None:
    """What would let a few bytes grow without bound does not get in."""
    loop = {"type": "record", "name": "Loop", "fields": [{"name": "next", "type": ["null", f"{NAMESPACE}.Loop"]}]}
    with pytest.raises(ConfigError, match="recursive"):
        compile_shape(loop, {f"{NAMESPACE}.Loop": loop})
    with pytest.raises(ConfigError, match="no bytes"):
        compile_shape({"type": "array", "items": "null"}, {})
    with pytest.raises(ConfigError, match="unknown or recursive"):
        order_schemas([{"type": "record", "name": "A", "fields": [{"name": "b", "type": f"{NAMESPACE}.B"}]}])


def _crc64(text: bytes) -> bytes:
    """CRC-64-AVRO as the specification prints it, little-endian."""
    empty = crc = 0xC15D213AA4D7A795
    for byte in text:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (empty & -(crc & 1))
    return crc.to_bytes(8, "little")


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
def test_fingerprints_are_those_of_the_specification(name: str) -> None:
    """fastavro's fingerprint, and the specification's own algorithm, over a schema that stands alone."""
    canonical = to_parsing_canonical_form(SCHEMAS.alone(name))
    assert bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO")) == SCHEMAS.fingerprints[name] == _crc64(canonical.encode())


def test_a_logical_type_is_not_part_of_the_canonical_form() -> None:
    """[STRIP] takes the logical type away and [PRIMITIVES] then writes the simple form."""
    expected = '{"name":"exchange.v1.Tick","type":"record","fields":[{"name":"time","type":"long"}]}'
    assert to_parsing_canonical_form(SCHEMAS.alone("Tick")) == expected


def test_fingerprints_tell_the_records_apart() -> None:
    """No two records share one."""
    assert len(SCHEMAS.by_fingerprint) == len(SCHEMAS.records)


def test_generated_types_are_fresh() -> None:
    """`make generate` would change nothing."""
    done = subprocess.run(
        [sys.executable, "schemas/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
