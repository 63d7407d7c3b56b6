"""Laws of the formats in and out: what an audience may not read is in no export, and what an export carries comes back."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import spdx_python_model
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange.core.exporters.cyclonedx import export_bom
from exchange.core.exporters.shown import Manner, show
from exchange.core.exporters.spdx import export_spdx
from exchange.core.fields import AUDIENCES
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.importers.spdx import import_spdx
from exchange.core.mappings.rows import leaves
from exchange.errors import DocumentError

_spec = importlib.util.spec_from_file_location("cards", Path(__file__).with_name("cards.py"))
assert _spec
assert _spec.loader
given_cards: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(given_cards)
SCHEMAS, LABELS, cards = given_cards.SCHEMAS, given_cards.LABELS, given_cards.cards
MANNER = Manner(SCHEMAS, "en", {f"R{number:02}": f"category {number}" for number in range(1, 16)}, date(2026, 1, 31))
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
BOM = JsonStrictValidator(SchemaVersion.V1_7)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def said(card: Any) -> dict[str, Any]:
    """What a card says, order of parents aside, without what an import adds."""
    told = leaves(card)
    told.pop("disclosure", None)
    told["parents"] = sorted(told.get("parents", []), key=lambda parent: parent["ref"])
    kept = {key: text for key, text in told.pop("extensions", {}).items() if not key.startswith("withheld: ")}
    return told | ({"extensions": kept} if kept else {})


@SLOW
@given(cards(), st.sampled_from(AUDIENCES))
def test_a_bom_carries_everything_its_audience_may_read(card: Any, audience: Any) -> None:
    """Valid by the strict validator; our importer reads the same card back."""
    shown = show(card, audience, SCHEMAS)
    text = export_bom(shown, MANNER).text
    assert BOM.validate_str(text) is None
    [imported] = import_bom(text, filename="bom.json", labels=LABELS)
    assert said(imported.card) == said(shown.card)


@SLOW
@given(cards(), st.sampled_from(AUDIENCES))
def test_an_spdx_document_carries_everything_its_audience_may_read(card: Any, audience: Any) -> None:
    """Read by SPDX's own model; our importer reads the same card back."""
    shown = show(card, audience, SCHEMAS)
    text = export_spdx(shown, MANNER).text
    spdx_python_model.load_data(json.loads(text))
    [imported] = import_spdx(text, filename="model.json", labels=LABELS)
    assert said(imported.card) == said(shown.card)


def mutate(draw: Any, value: Any) -> Any:
    """The same JSON with something else in some places."""
    if draw(st.integers(0, 12)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {key: mutate(draw, inner) for key, inner in value.items()}
    return [mutate(draw, inner) for inner in value] if isinstance(value, list) else value


@SLOW
@given(st.data())
def test_a_broken_spdx_document_is_a_card_or_a_document_error(data: Any) -> None:
    """Whatever stands in its places, an import ends in cards or in an error that explains itself."""
    [path] = (Path(__file__).parents[1] / "data" / "spdx").glob("*.json")
    document = json.loads(path.read_text("utf-8"))
    broken = {"@context": document["@context"], "@graph": [mutate(data.draw, element) for element in document["@graph"]]}
    try:
        import_spdx(json.dumps(broken), filename="model.json", labels=LABELS)
    except DocumentError as error:
        assert error.explain()


@SLOW
@given(st.data())
@pytest.mark.parametrize("name", ["aibom-squad__AI-app-with-ml-model_1.0", "valid-machine-learning-considerations-env-1.7"])
def test_a_broken_bom_is_a_card_or_a_document_error(name: str, data: Any) -> None:
    """Whatever stands in its places, an import ends in cards or in an error that explains itself."""
    bom = json.loads((Path(__file__).parents[1] / "data" / "cyclonedx" / f"{name}.json").read_text("utf-8"))
    broken = {key: mutate(data.draw, value) for key, value in bom.items()} | {"bomFormat": "CycloneDX"}
    try:
        import_bom(json.dumps(broken), filename="bom.json", labels=LABELS)
    except DocumentError as error:
        assert error.explain()
