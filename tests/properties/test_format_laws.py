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

from exchange.core.documents.markdown import HEADINGS
from exchange.core.exporters.cyclonedx import export_bom
from exchange.core.exporters.huggingface import FRONT, export_readme
from exchange.core.exporters.shown import Manner, show
from exchange.core.exporters.spdx import export_spdx
from exchange.core.fields import AUDIENCES
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.importers.huggingface import import_card
from exchange.core.importers.spdx import import_spdx
from exchange.core.mappings.rows import leaf_types, leaves
from exchange.errors import DocumentError

_spec = importlib.util.spec_from_file_location("cards", Path(__file__).with_name("cards.py"))
assert _spec
assert _spec.loader
given_cards: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(given_cards)
SCHEMAS, LABELS, cards = given_cards.SCHEMAS, given_cards.LABELS, given_cards.cards
MANNER = Manner(SCHEMAS, "en", date(2026, 1, 31))
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
WITHHELD = "withheld from this audience"
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


PLAIN = st.from_regex(r"[A-Za-z][a-z]{0,8}( [a-z]{1,8}){0,3}", fullmatch=True)


@st.composite
def plain_cards(draw: st.DrawFn) -> Any:
    """Cards whose texts and names are plain words; parents that the hub has an id for."""
    card = draw(cards())
    lines = draw(st.sets(st.from_regex(r"p[a-z]{1,3}/[a-z]{1,3}", fullmatch=True), max_size=3)) - {
        card["release"].partition("@")[0]
    }
    relations = st.sampled_from(["fine_tune", "adapter", "distil", "trained_on"])
    card["parents"] = [
        {"ref": line, "relation": draw(relations), "digest": None, "compute_share": None, "note": None} for line in sorted(lines)
    ]
    if card["evaluation"]:
        names = st.fixed_dictionaries({"name": PLAIN, "value": PLAIN, "dataset": st.none() | PLAIN, "source": st.none() | PLAIN})
        card["evaluation"]["metrics"] = draw(st.lists(names, max_size=3))
    for path in (*HEADINGS, "licence"):
        section, _, name = path.rpartition(".")
        words = draw(st.lists(PLAIN, min_size=1, max_size=3)) if leaf_types()[path] == list[str] else draw(PLAIN)
        if not section or card[section] is not None:
            (card[section] if section else card)[name] = words
    return card


@SLOW
@given(plain_cards(), st.sampled_from(AUDIENCES), st.sampled_from(["en", "ja"]))
def test_a_readme_carries_what_the_table_says(card: Any, audience: Any, lang: str) -> None:
    """Every field with a heading, licence, results, and parents; but for relations that the hub cannot tell."""
    shown = show(card, audience, SCHEMAS)
    exported = export_readme(shown, Manner(SCHEMAS, lang, date(2026, 1, 31)))
    before, after = said(shown.card), said(import_card(exported.text, filename="README.md", release=card["release"]).card)
    carried = {*HEADINGS, *FRONT}
    for path in carried - {"parents"}:
        assert after.get(path) == before.get(path)
    assert [parent["ref"] for parent in after["parents"]] == [parent["ref"] for parent in before["parents"]]
    assert carried.isdisjoint(note.path for note in exported.notes if note.message != WITHHELD)


@SLOW
@given(cards(), st.sampled_from(AUDIENCES), st.sampled_from(["en", "ja"]))
def test_a_readme_loses_nothing_in_silence(card: Any, audience: Any, lang: str) -> None:
    """What does not come back as it was is in the report, and what the report does not name comes back."""
    shown = show(card, audience, SCHEMAS)
    exported = export_readme(shown, Manner(SCHEMAS, lang, date(2026, 1, 31)))
    told = {note.path for note in exported.notes if note.message != WITHHELD}
    imported = import_card(exported.text, filename="README.md", release=card["release"]).card
    before, after = said(shown.card), said(imported)
    for path in before.keys() - {"parents"} - told:
        assert after.get(path) == before[path]
    if "parents" not in told:
        kept = [key for key in ("ref", "relation", "digest", "compute_share", "note") if f"parents.{key}" not in told]
        lines = [{entry["ref"].partition("@")[0]: entry for entry in told_["parents"]} for told_ in (before, after)]
        assert lines[0].keys() == lines[1].keys()
        assert all(lines[0][line][key] == lines[1][line][key] for line in lines[0] for key in kept)


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
