"""Which form a file is in, and its documents either way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.core.importers.either import form_of, read_either
from exchange.errors import ParseError

DATA = Path(__file__).parents[2] / "data"
FORMS = {
    "cyclonedx": DATA / "cyclonedx" / "valid-machine-learning-considerations-env-1.7.json",
    "spdx": DATA / "spdx" / "dataset__example01__spdx3.0__example01.spdx3.json",
    "mct": DATA / "mct" / "full.json",
    "huggingface": DATA / "hf" / "leliuga__Metis-0.4.md",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_content_tells_the_form(form: str) -> None:
    """Each document says whose it was, and keeps what the import warned of."""
    path = FORMS[form]
    text = path.read_text("utf-8")
    assert form_of(text, str(path)) == form
    documents = read_either(text, str(path), release=None if form != "huggingface" else "acme/base")
    assert {(document.type, document.source) for document in documents} == {("ModelCard", form)}


def test_our_own_documents_may_be_json() -> None:
    """JSON is YAML too."""
    [document] = read_either(json.dumps({"release": "acme/base@1", "stage": "released"}), "card.json")
    assert (document.source, document.record["release"]) == ("exchange", "acme/base@1")


@pytest.mark.parametrize("text", ["{}", '{"name": "secret-word"}', "[]", "", "release: acme/base@1"])
def test_other_json_is_refused_without_quoting_it(text: str) -> None:
    """With what we know in its place."""
    with pytest.raises(ParseError) as caught:
        read_either(text, "x.json")
    assert "x.json:1" in caught.value.message
    assert "secret-word" not in caught.value.explain()


def test_a_traffic_light_narrows_without_labels_too() -> None:
    """Nothing becomes wider than the BOM allows."""
    bom = json.loads(FORMS["cyclonedx"].read_text("utf-8"))
    bom.setdefault("metadata", {})["distributionConstraints"] = {"tlp": "RED"}
    [document] = read_either(json.dumps(bom), "bom.json")
    assert {entry["audience"] for entry in document.record["disclosure"]} == {None}
