"""SPDX 3.0.1 in: the real example."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.fields import labels_of
from exchange.core.importers.spdx import import_spdx
from exchange.core.mappings.rows import leaves
from exchange.core.schemas import SchemaSet
from exchange.errors import DocumentError

LABELS = labels_of(SchemaSet.from_texts(load_schema_texts()).raw, "ModelCard")
[PATH] = (Path(__file__).parents[2] / "data" / "spdx").glob("*.json")


def test_a_real_data_set_becomes_a_card() -> None:
    """Fields by the table; what has none is kept; what is left out is told."""
    [imported] = import_spdx(PATH.read_text("utf-8"), filename=PATH.name, labels=LABELS)
    told = leaves(imported.card)
    assert told["kind"] == "dataset"
    assert told["release"].startswith("our-world-in-data/our-world-in-data-co2")
    assert told["release"].endswith("@2024-04-15")
    assert told["licence"] == "CC-BY-4.0"
    assert told["digest"].startswith("sha256:434d75c8")
    assert told["released_on"] == date(2024, 4, 15)
    assert told["data.types"] == ["structured", "timestamp"]
    assert told["risks.limits"].startswith("Data in some geographical areas")
    assert "sha1" in told["extensions"]["spdx: verifiedUsing"]
    assert any("2 of type software_File" in fault.message for fault in imported.warnings)
    assert not told.get("disclosure")


def test_a_confidential_data_set_stays_so() -> None:
    """Its level narrows who may read the card."""
    text = PATH.read_text("utf-8").replace('"dataset_confidentialityLevel": "clear"', '"dataset_confidentialityLevel": "amber"')
    [imported] = import_spdx(text, filename=PATH.name, labels=LABELS)
    assert {entry["audience"] for entry in imported.card["disclosure"]} == {"provider"}
    assert "purpose" in {entry["path"] for entry in imported.card["disclosure"]}


@pytest.mark.parametrize("text", ["{}", '{"@context": "spdx", "@graph": []}', '{"spdxVersion": "SPDX-2.3"}'])
def test_what_is_no_spdx_3_is_refused(text: str) -> None:
    """With an error that explains itself."""
    with pytest.raises(DocumentError):
        import_spdx(text, filename="x.json", labels=LABELS)
