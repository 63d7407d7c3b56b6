"""The Model Documentation Form and the Hiroshima report: who gets what, how exact, and what is told of the rest."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.documents import parse_documents
from exchange.core.exporters.forms import export_haip, export_mdf
from exchange.core.exporters.people import export_markdown
from exchange.core.exporters.shown import Manner, show
from exchange.core.fields import paths_of
from exchange.core.mappings.haip import SECTIONS
from exchange.core.mappings.mdf import ITEMS
from exchange.core.ranges import has_range, range_of
from exchange.core.schemas import SchemaSet
from exchange.events import records

SCHEMAS = SchemaSet.from_texts(load_schema_texts())
CARD = """
release: acme/base@1.0
stage: released
contact: help
makeup: {architecture: "Decoder | only", parameters: 7_000_000_000, integration: API, design: Plain}
training: {compute_flop: 2e23, duration_hours: 1000, energy_mwh: 5}
risks: {limits: Invents names.}
disclosure: [{path: makeup.architecture, audience: authority, reason: trade secret}]
"""


def made(exporter: Any, audience: Any, lang: str = "en") -> Any:
    [document] = parse_documents(CARD, "card.yaml")
    return exporter(show(document.record, audience, SCHEMAS), Manner(SCHEMAS, lang, date(2026, 1, 31)))


def test_every_field_named_by_a_form_is_a_field() -> None:
    """And every item stands once."""
    paths = {path for item in ITEMS for path in item.paths} | {path for section in SECTIONS for path in section.paths}
    assert paths <= paths_of(records.ModelCard)
    assert len({item.id for item in ITEMS}) == len(ITEMS)


def test_one_fact_has_two_precisions() -> None:
    """The Office reads the number, national authorities the range; downstream providers get no compute at all."""
    authority, provider, public = (made(export_mdf, audience).text for audience in ("authority", "provider", "public"))
    assert "| MDF-25 | Total model size (exact) | 7,000,000,000 | – |" in authority
    assert "| MDF-26 | Total model size (range) | – | 5B–15B |" in authority
    assert "| MDF-72 | Training compute (FLOP) | 2e+23 | order of 10^23 |" in authority
    assert "Decoder \\| only" in authority
    assert "| MDF-26 | Total model size (range) | 5B–15B |" in provider
    assert "MDF-72" not in provider
    assert "| MDF-21 | Model architecture | *Withheld: trade secret* |" in provider
    assert "| MDF-44 | Technical means of integration | API |" in provider
    assert "API" not in public
    assert "2e+23" not in provider + public


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("makeup.parameters", 5e8, "1–500M"),
        ("makeup.parameters", 9e11, "500B–1T"),
        ("makeup.parameters", 2e12, "more than 1T"),
        ("training.duration_hours", 10, "less than 1 month"),
        ("training.duration_hours", 1e5, "more than 6 months"),
        ("training.compute_flop", 0, "less than 1"),
        ("data.points", 3e12, "order of 10^12"),
    ],
)
def test_ranges(path: str, value: float, told: str) -> None:
    """Of the form, and by order of magnitude."""
    assert range_of(path, value) == told


@pytest.mark.parametrize(
    "path",
    ["training", "training.method", "released_on", "systemic_risk", "parents.compute_share", "no.such", "makeup.parameters.x"],
)
def test_only_numbers_of_their_own_have_ranges(path: str) -> None:
    """No section, text, day or yes and no; no number of a list, of which there may be several."""
    assert has_range("makeup.parameters")
    assert not has_range(path)


def test_a_number_kept_back_by_its_owner_is_told_as_its_range() -> None:
    """To those whom the label would let read it, in the form and for people; a narrower label lets nobody look past it."""
    size = "{path: makeup.parameters, audience: authority, reason: market, rough: yes}"
    compute = "{path: training.compute_flop, reason: costs, rough: true}"
    text = CARD.replace("disclosure: [", f"disclosure: [{size}, {compute}, ")
    [document] = parse_documents(text, "card.yaml")

    def told(exporter: Any, audience: Any) -> str:
        return str(exporter(show(document.record, audience, SCHEMAS), Manner(SCHEMAS, "en", date(2026, 1, 31))).text)

    assert "| MDF-26 | Total model size (range) | 5B–15B |" in told(export_mdf, "provider")
    withheld = "| MDF-72 | Training compute (FLOP) | *Withheld: order of 10^23 (costs)* | order of 10^23 |"
    assert withheld in told(export_mdf, "authority")
    people = told(export_markdown, "public")
    assert "**Parameters:** *Withheld: 5B–15B (market)*" in people
    assert "**Compute (FLOP):** *Withheld: costs*" in people


def test_a_report_has_every_section_and_tells_what_none_asks_for() -> None:
    """Empty sections say so, in the reader's language."""
    report = made(export_haip, "public", "ja")
    assert all(f"## {section.id} {section.ja}" in report.text for section in SECTIONS)
    assert "**限界**: Invents names." in report.text or "Invents names." in report.text
    assert "*記載なし*" in report.text
    assert {note.path for note in report.notes if note.message == "not carried over"} == {"makeup.parameters"}
