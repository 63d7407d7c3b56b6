"""The profiles of law ask what the forms show: their fields exist and can be read, their items are the forms' items."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.documents import parse_documents
from exchange.core.documents.yamltext import read_yaml
from exchange.core.fields import RANK, labels_of
from exchange.core.mappings.haip import SECTIONS
from exchange.core.mappings.mdf import ITEMS
from exchange.core.schemas import SchemaSet

PROFILES = Path(__file__).parents[2] / "src" / "exchange" / "core" / "rules" / "profiles"
LAWS = ["eu-annex-xi", "eu-annex-xii", "eu-mdf", "hcoc-1", "haip-2"]
LABELS = labels_of(SchemaSet.from_texts(load_schema_texts()).raw, "ModelCard")


def rows(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((PROFILES / f"{name}.toml").read_text("utf-8"))["row"]
    return found


@pytest.mark.parametrize("name", LAWS)
def test_every_row_names_fields_its_audience_can_read(name: str) -> None:
    """Or says what of the exchange's own envelope answers it; and no two rows share an id."""
    for row in rows(name):
        paths = [path for text in row.get("paths", []) for path in text.split("|")]
        assert bool(paths) != ("by_exchange" in row), row["id"]
        assert all(RANK[LABELS[path]] <= RANK[row["audience"]] for path in paths), row["id"]
    assert len({row["id"] for row in rows(name)}) == len(rows(name))


@pytest.mark.parametrize("name", LAWS)
def test_every_case_is_of_sound_documents_and_rows_there_are(name: str) -> None:
    """Each expects something."""
    known = {row["id"] for row in rows(name)}
    cases = [
        node for document in read_yaml((PROFILES / f"{name}.cases.yaml").read_text("utf-8"), name) for node in document.value
    ]
    assert len(cases) > 5
    for case in cases:
        assert parse_documents(case.value["documents"].value, "case.yaml")
        assert case.value["expect"].value.keys() <= known
        assert case.value["expect"].value


def test_every_item_of_the_forms_has_its_row() -> None:
    """Of the Model Documentation Form, asking at least one field that the form shows there, and of the report's sections."""
    for item in ITEMS:
        asked = [row for row in rows("eu-mdf") if row["id"].removesuffix("-O").removesuffix("-N") == item.id]
        assert asked, item.id
        fields = {path for row in asked for text in row.get("paths", []) for path in text.split("|")}
        assert fields & set(item.paths) or all("by_exchange" in row for row in asked), item.id
    assert [section.id for section in SECTIONS] == list(dict.fromkeys(row["id"].split("-")[1] for row in rows("haip-2")))
    assert [row["id"] for row in rows("hcoc-1")] == [f"HCOC-{number:02d}" for number in range(1, 12)]
