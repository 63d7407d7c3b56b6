"""Exports for people and for the hub, and the import of model-card-toolkit."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.documents import parse_documents
from exchange.core.exporters.huggingface import export_readme
from exchange.core.exporters.people import export_html, export_markdown
from exchange.core.exporters.shown import Manner, show
from exchange.core.importers.huggingface import import_card
from exchange.core.importers.mct import import_mct
from exchange.core.mappings.rows import leaves
from exchange.core.schemas import SchemaSet
from exchange.errors import ParseError

SCHEMAS = SchemaSet.from_texts(load_schema_texts())
MCT = Path(__file__).parents[2] / "data" / "mct" / "full.json"
CARD = """
release: acme/base@1.0
stage: released
licence: Apache-2.0
parents:
  - {ref: beta/other, relation: merge, note: Beta/Other}
  - {ref: beta/more, relation: merge}
  - {ref: gamma/dialogues, relation: trained-on}
purpose: {summary: "A <b>small</b> model.", intended_uses: [Drafts, Mails]}
training: {method: "Tuned.\\n\\n## Inner heading\\n\\ntext", compute_flop: 2e20}
evaluation: {metrics: [{name: accuracy, value: "0.9", dataset: dialogues}]}
risks: {by_category: [{category: R11, text: Invents facts.}]}
disclosure: [{path: training.compute_flop, reason: trade secret}]
"""


def manner(lang: str = "en") -> Manner:
    return Manner(SCHEMAS, lang, date(2026, 1, 31))


def card() -> Any:
    [document] = parse_documents(CARD, "card.yaml")
    return document.record


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ["Licence", "Withheld: trade secret", "released", "Relation: merged from", "R11 Hallucination"]),
        ("ja", ["ライセンス", "非開示: trade secret", "公開", "関係: マージ", "R11 ハルシネーション"]),
    ],
)
def test_a_card_for_people_speaks_their_language_and_hides_nothing_silently(lang: str, words: list[str]) -> None:
    """Labels from the schemas; withheld fields with their reason; text is escaped in HTML."""
    shown = show(card(), "public", SCHEMAS)
    page = export_html(shown, manner(lang))
    text = export_markdown(shown, manner(lang))
    for word in [*words, "acme/base@1.0"]:
        assert word in page.text
        assert word in text.text.replace("**", "").replace("*", "")
    assert "<b>" not in page.text
    assert "2e+20" not in page.text + text.text
    assert "###### Inner heading" in text.text
    assert [(note.path, note.hint) for note in page.notes] == [("training.compute_flop", "trade secret")]
    HTMLParser().feed(page.text)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_readme_comes_back_as_the_same_card(lang: str) -> None:
    """Parents, licence, results and sections; what became plain text is told."""
    exported = export_readme(show(card(), "public", SCHEMAS), manner(lang))
    imported = import_card(exported.text, filename="README.md", release="acme/base@1.0").card
    before, after = leaves(card()), leaves(imported)
    for path in ("purpose.intended_uses", "evaluation.metrics", "purpose.summary"):
        assert str(before[path]) in str(after[path])
    assert [(parent["ref"], parent["relation"]) for parent in imported["parents"]] == [
        (parent["ref"], parent["relation"]) for parent in before["parents"]
    ]
    assert str(after["licence"]).casefold() == before["licence"].casefold()
    assert {note.path for note in exported.notes} == {"training.compute_flop", "training.method", "risks.by_category"}


def test_model_card_toolkit_comes_in_whole() -> None:
    """Fields by the table, all else among the extensions."""
    [imported] = import_mct(MCT.read_text("utf-8"), filename="full.json")
    told = leaves(imported.card)
    assert told["release"] == "acme/smile-detector@1.0"
    assert told["licence"] == "Apache-2.0"
    assert told["contact"] == "Acme, model-cards@example.com"
    assert told["risks.limits"] == "Fails in the dark.\nFails on drawings."
    assert told["evaluation.metrics"][0]["value"] == "0.91 [0.90, 0.92]"
    assert told["updated_on"] == date(2025, 6, 1)
    assert set(told["extensions"]) == {
        *("mct: model_details.references", "mct: model_details.path", "mct: model_parameters.data", "mct: considerations.users"),
        "mct: considerations.ethical_considerations",
    }
    with pytest.raises(ParseError, match="model_details"):
        import_mct("{}", filename="x.json")
