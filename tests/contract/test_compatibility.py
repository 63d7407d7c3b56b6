"""Bytes of every released version are read for ever, and old readers read new bytes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from exchange.adapters.resources import load_released_texts
from exchange.core.codec import Codec
from exchange.core.compat import breaks
from exchange.core.schemas import SchemaSet
from exchange.testing.samples import sample

RELEASED = {version: SchemaSet.from_texts(texts) for version, texts in load_released_texts().items()}
OPTIONAL = {"name": "extra", "type": ["null", "string"], "default": None}


def test_there_is_a_baseline() -> None:
    """An empty folder would make the next test say nothing."""
    assert RELEASED


@pytest.mark.parametrize("version", sorted(RELEASED))
def test_nothing_breaks_what_was_released(schemas: SchemaSet, version: str) -> None:
    """FULL_TRANSITIVE, logical types and symbols included."""
    assert breaks(RELEASED[version], schemas) == ()


@pytest.mark.parametrize("version", sorted(RELEASED))
def test_bytes_of_a_released_version_are_read(schemas: SchemaSet, version: str) -> None:
    """Every record of that version, through today's codec."""
    old, new = Codec(RELEASED[version]), Codec(schemas, past=list(RELEASED.values()))
    for name in sorted(RELEASED[version].records):
        assert new.decode(old.encode(name, sample(RELEASED[version], name, full=True)))[0] == name


def _changed(schemas: SchemaSet, name: str, change: Callable[[dict[str, Any]], Any]) -> SchemaSet:
    raw = copy.deepcopy(dict(schemas.raw))
    change(raw[name])
    return SchemaSet(raw)


def _field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return next(field for field in schema["fields"] if field["name"] == name)


FAULTS: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "required field added": ("Tick", lambda s: s["fields"].append({"name": "extra", "type": "string"}), "breaks old data"),
    "required field dropped": ("Party", lambda s: s["fields"].remove(_field(s, "display_name")), "breaks old readers"),
    "retyped": ("Dossier", lambda s: _field(s, "seq").update(type="string"), "breaks"),
    "widened": ("EdgeDeclared", lambda s: _field(s, "parent").update(type=["null", "string"]), "breaks old readers"),
    "renamed": ("Parent", lambda s: _field(s, "ref").update(name="reference"), "breaks"),
    "logical type lost": ("Tick", lambda s: _field(s, "time").update(type="long"), "was timestamp-millis and is none"),
    "micros for millis": (
        "RiskAssessment",
        lambda s: _field(s, "valid_until").update(type=["null", {"type": "long", "logicalType": "timestamp-micros"}]),
        "was timestamp-millis and is timestamp-micros",
    ),
    "symbol dropped": ("Stage", lambda s: s["symbols"].remove("withdrawn"), "symbol withdrawn no longer there"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(schemas: SchemaSet, fault: str) -> None:
    """The check is able to fail: one fault, named with its place."""
    name, change, expected = FAULTS[fault]
    assert any(expected in found for found in breaks(schemas, _changed(schemas, name, change)))


def test_a_new_symbol_breaks_readers_without_a_default(schemas: SchemaSet) -> None:
    """Which is why every enum has one from the start."""
    older = _changed(schemas, "Level", lambda s: s.pop("default"))
    newer = _changed(schemas, "Level", lambda s: s["symbols"].append("extreme"))
    assert any("breaks old readers" in found for found in breaks(older, newer))


def test_a_record_that_vanished_is_found(schemas: SchemaSet) -> None:
    """A name that was released stays."""
    raw = {name: schema for name, schema in schemas.raw.items() if name != "Tick"}
    assert "Tick: no longer there" in breaks(schemas, SchemaSet(raw))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ModelCard", lambda s: s["fields"].append(OPTIONAL)),
        ("Stage", lambda s: s["symbols"].append("archived")),
        ("Tick", lambda s: s.update(doc="Other words.")),
    ],
)
def test_what_is_allowed_passes(schemas: SchemaSet, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """An optional field, a new symbol at the end, better words."""
    assert breaks(schemas, _changed(schemas, name, change)) == ()


def test_an_older_writer_is_resolved(schemas: SchemaSet) -> None:
    """Bytes without a field that came later get its default; bytes with one that a release dropped lose it."""
    later = _changed(schemas, "Subscription", lambda s: s["fields"].append(OPTIONAL))
    old, new = Codec(schemas), Codec(later, past=[schemas])
    assert new.decode(old.encode("Subscription", {"target": "a/b"})) == ("Subscription", {"target": "a/b", "extra": None})
