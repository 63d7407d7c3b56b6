"""CycloneDX in and out: real BOMs, lineage, traffic lights, and what is told of the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.exporters.cyclonedx import export_bom
from exchange.core.exporters.shown import Manner, show
from exchange.core.fields import labels_of
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.schemas import SchemaSet
from exchange.errors import DocumentError, ParseError, ValidationError
from exchange.events import records

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "cyclonedx"
ELSEWHERE = ROOT.parent / "shared" / "real" / "cyclonedx"
FILES = [*sorted(DATA.glob("*.json")), *sorted(path for path in ELSEWHERE.glob("*.json") if ".schema." not in path.name)]
SCHEMAS = SchemaSet.from_texts(load_schema_texts())
LABELS = labels_of(SCHEMAS.raw, "ModelCard")


def bom(**fields: Any) -> str:
    component = {"type": "machine-learning-model", "group": "Acme", "name": "Base", "version": "1", **fields.pop("component", {})}
    return json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.7", "components": [component], **fields})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_real_bom_makes_cards_or_says_why_not(path: Path) -> None:
    """Only BOMs without a model are refused."""
    text = path.read_text("utf-8")
    models = [entry for entry in json.loads(text).get("components", []) if entry["type"] == "machine-learning-model"]
    if not models:
        with pytest.raises(ValidationError, match="no machine-learning-model component"):
            import_bom(text, filename=path.name, labels=LABELS)
        return
    assert len(import_bom(text, filename=path.name, labels=LABELS)) == len(models)


def test_a_bom_with_two_models_makes_two_cards() -> None:
    """Data sets are parents; what is no model is told; what has no field is kept."""
    path = DATA / "aibom-squad__AI-app-with-ml-model_1.0.json"
    first, second = import_bom(path.read_text("utf-8"), filename=path.name, labels=LABELS)
    assert first.card["release"] == "openlm-research/open_llama_3b_v2@bce5d60"
    assert [(parent["ref"], parent["relation"]) for parent in first.card["parents"]] == [
        ("tiiuae/falcon-refinedweb@c735840", "trained_on"),
        ("bigcode/starcoderdata@9fc30b5", "trained_on"),
        ("togethercomputer/redpajama-data-1t@2794082", "trained_on"),
    ]
    assert first.card["licence"] == "Apache-2.0"
    assert first.card["extensions"]["cdx: modelCard.modelParameters.task"] == "text-generation"
    assert second.card["release"] == "openai-community/gpt2@607a30d"
    assert any("framework" in fault.message for fault in first.warnings)
    with pytest.raises(ValidationError, match="2 models"):
        import_bom(path.read_text("utf-8"), filename=path.name, labels=LABELS, release="a/b@1")


def test_ancestors_hashes_and_light_are_read() -> None:
    """Pedigree is lineage, the SHA-256 the digest, and the light narrows what is wider."""
    ancestor = {"type": "machine-learning-model", "name": "Beta/Other", "version": "2.0"}
    component = {
        "pedigree": {"ancestors": [ancestor], "notes": "tuned"},
        "hashes": [{"alg": "MD5", "content": "0" * 32}, {"alg": "SHA-256", "content": "AB" * 32}],
        "description": "Small.",
    }
    text = bom(component=component, metadata={"distributionConstraints": {"tlp": "AMBER"}})
    [imported] = import_bom(text, filename="bom.json", labels=LABELS)
    [parent] = imported.card["parents"]
    assert (parent["ref"], parent["relation"], parent["note"]) == ("beta/other@2.0", "fine_tune", "Beta/Other")
    assert imported.card["digest"] == "sha256:" + "ab" * 32
    assert imported.card["display_name"] == "Acme/Base"
    assert {entry["path"]: entry["audience"] for entry in imported.card["disclosure"]} == {
        **dict.fromkeys(("digest", "display_name", "parents", "purpose"), "provider")
    }
    assert "cdx: pedigree.notes" in imported.card["extensions"]
    assert "MD5" in imported.card["extensions"]["cdx: hashes"]
    assert any("read as fine-tune" in fault.hint for fault in imported.warnings)


def test_an_export_hides_what_its_audience_may_not_read() -> None:
    """A hidden value leaves its reason; the light is that of the audience."""
    secret = [{"path": "training.compute_flop", "audience": "owner", "reason": "trade secret", "rough": False}]
    [imported] = import_bom(bom(), filename="bom.json", labels=LABELS)
    card: Any = {
        **imported.card,
        "disclosure": secret,
        "training": {**dict.fromkeys(get_type_hints(records.Training)), "compute_flop": 1.5e21},
    }
    for audience, light in (("public", "CLEAR"), ("authority", "AMBER_AND_STRICT"), ("owner", "RED")):
        made = export_bom(show(card, audience, SCHEMAS), Manner(SCHEMAS, "en", None))  # type: ignore[arg-type]
        written = json.loads(made.text)
        assert written["metadata"]["distributionConstraints"]["tlp"] == light
        properties = {entry["name"]: entry["value"] for entry in written["components"][0]["properties"]}
        assert ("exchange:training.compute_flop" in properties) == (audience == "owner")
        if audience != "owner":
            assert properties["exchange:withheld:training.compute_flop"] == "trade secret"
            assert any(note.hint == "trade secret" for note in made.notes)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}', '{"bomFormat": "SPDX"}', '{"a": "\\ud800"}', "[" * 100_000])
def test_what_is_no_bom_is_refused(text: str) -> None:
    """With an error that explains itself."""
    with pytest.raises(DocumentError) as caught:
        import_bom(text, filename="bom.json", labels=LABELS)
    assert "bom.json" in caught.value.explain()
    assert isinstance(caught.value, ParseError) or "deep" in caught.value.message
