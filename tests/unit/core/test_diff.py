"""Two cards compared: what counts as a change, what it does to completeness, which notice it calls for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange.adapters.resources import load_profile, load_schema_texts
from exchange.core.diff.fields import Change, compare
from exchange.core.diff.notice import called_for
from exchange.core.diff.report import Difference, as_json, difference, lines, notice
from exchange.core.documents import Document, dump_record, parse_documents
from exchange.core.fields import labels_of, paths_of
from exchange.core.labels import field_labels
from exchange.events import records

SCHEMAS = {name: json.loads(text) for name, text in load_schema_texts().items()}
LABELS, NAMES = labels_of(SCHEMAS, "ModelCard"), field_labels(SCHEMAS, "ModelCard")
PROFILE = load_profile("jg-1.2", LABELS)
TUNE = {"ref": "acme/base@1", "relation": "fine-tune"}
OLD: dict[str, Any] = {
    "release": "beta/tuned@1",
    "stage": "released",
    "parents": [TUNE],
    "purpose": {"summary": "Drafts mails."},
    "risks": {"safeguards": ["filter of prompts"]},
    "evaluation": {"metrics": [{"name": "acc", "value": "0.5", "dataset": "x"}, {"name": "acc", "value": "0.7"}]},
}


def document(fields: dict[str, Any]) -> Document:
    return parse_documents(json.dumps(fields), "c.yaml", LABELS)[0]


def diff(old: dict[str, Any], **new: Any) -> Difference:
    return difference(document(old), document({**old, **new}), [], [PROFILE], None)


def test_every_field_of_a_card_has_its_names() -> None:
    """A change can be told in both languages, whatever it is."""
    assert paths_of(records.ModelCard) <= NAMES.keys()
    assert NAMES["training.method"][:2] == ("学習 › 学習方法", "Training › Training method")


def test_order_and_layout_are_no_change() -> None:
    """Lists of entries by name, texts by their words."""
    metrics = OLD["evaluation"]["metrics"][::-1]
    found = diff(OLD, purpose={"summary": "Drafts\n  mails. "}, evaluation={"metrics": metrics})
    assert found.changes == []
    assert list(lines(found, NAMES, "en"))[1] == "  no change of meaning"
    assert found.called.kind is None


def test_entries_are_matched_by_what_names_them() -> None:
    """A metric by name and data set, a parent by reference, an item of a list by itself."""
    metrics = [{"name": "acc", "value": "0.6", "dataset": "x"}, {"name": "f1", "value": "0.4"}]
    found = diff(OLD, evaluation={"metrics": metrics}, risks={"safeguards": ["filter of answers"]}, parents=[])
    told = {(change.path, change.name, change.kind) for change in found.changes}
    assert told == {
        ("parents", "acme/base@1", "removed"),
        ("evaluation.metrics", "acc (x)", "changed"),
        ("evaluation.metrics", "acc", "removed"),
        ("evaluation.metrics", "f1", "added"),
        ("risks.safeguards", "", "removed"),
        ("risks.safeguards", "", "added"),
    }


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        ({"licence": "MIT"}, None),
        ({"stage": "deprecated"}, None),
        ({"evaluation": {}}, None),
        ({"makeup": {"required_software": "x"}}, None),
        ({"parents": [{**TUNE, "note": "said so"}]}, None),
        ({"parents": [{**TUNE, "relation": "merge"}]}, "merge"),
        ({"parents": [TUNE, {"ref": "gamma/data", "relation": "trained-on"}]}, "data"),
        ({"digest": "sha256:" + "a" * 64}, "fine_tune"),
        ({"digest": "sha256:" + "a" * 64, "parents": []}, "fine_tune"),
        ({"training": {"method": "DPO"}}, "fine_tune"),
        ({"data": {"collection": "mails"}}, "data"),
        ({"risks": {"safeguards": []}}, "safeguards"),
        ({"makeup": {"context_length": 4096}}, "configuration"),
        ({"purpose": {"summary": "Drafts mails.", "intended_uses": ["letters"]}}, "use"),
    ],
)
def test_what_changed_says_which_notice_is_called_for(new: dict[str, Any], kind: str | None) -> None:
    """Abilities, data, safeguards, configuration, use; not what only the card's text says better."""
    found = diff(OLD, **new)
    assert found.changes
    assert found.called.kind == kind


@pytest.mark.parametrize(
    ("language", "stage", "relation", "status"),
    [
        ("en", "released → deprecated", "Relation: fine-tuned from → Relation: merged from", "provided → missing"),
        ("ja", "公開 → 非推奨", "関係: ファインチューニング → 関係: マージ", "記載あり → 未記載"),
    ],
)
def test_symbols_are_told_in_words(language: Any, stage: str, relation: str, status: str) -> None:
    """Those of a field, those inside an entry, and statuses of items."""
    old = {**OLD, "governance": {"privacy_policy": "none kept"}}
    found = diff(old, stage="deprecated", parents=[{**TUNE, "relation": "merge"}], governance={})
    told = "\n".join(lines(found, NAMES, language))
    assert stage in told
    assert relation in told
    assert status in told


def test_completeness_before_and_after_is_told() -> None:
    """An item that is now told, and one that is now open."""
    found = diff({**OLD, "governance": {"privacy_policy": "none kept"}}, governance={}, data={"personal_data": "enter none"})
    effects = {row.row.id: row.effect for row in found.rows}
    assert effects["JG-P7ii-2"] == "worse"
    assert effects["JG-P7i-3"] == "better"
    assert any(line.startswith("  JG-P7ii-2 now open: provided → missing") for line in lines(found, NAMES, "en"))
    assert any("未記載になった" in line for line in lines(found, NAMES, "ja"))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_draft_is_a_document_our_own_parser_reads(language: Any) -> None:
    """Release, parent, kind, safeguards, categories and day come from the cards; whether assessments hold does not."""
    risk = {"category": "R11", "text": "invents names"}
    found = diff(
        OLD,
        release="beta/tuned@2",
        updated_on="2026-02-01",
        risks={"safeguards": ["filter of answers"], "by_category": [risk]},
        parents=[TUNE, {"ref": "gamma/data", "relation": "trained-on"}],
    )
    made = notice(found, LABELS, NAMES, language)
    [read] = parse_documents(dump_record("ChangeNotice", made), "n.yaml")
    assert (read.type, read.record) == ("ChangeNotice", made)
    assert (made["release"], made["parent"], made["kind"]) == ("beta/tuned@2", "beta/tuned@1", "data")
    assert {(entry["safeguard"], entry["effect"]) for entry in made["safeguards"]} == {
        ("filter of prompts", "removed"),
        ("filter of answers", "added"),
    }
    assert (made["affected_categories"], made["assessments_hold"], made["data_used"]) == (["R11"], "unknown", "gamma/data")
    assert str(made["effective_on"]) == "2026-02-01"


def test_the_draft_tells_nothing_that_a_card_keeps_narrow() -> None:
    """Neither the former nor the new card's hidden fields, nor hidden parents; compute only where the label alone guards it."""
    secret = {
        "training": {"method": "SECRET method", "compute_flop": 1e20},
        "data": {"collection": "SECRET data"},
        "parents": [{"ref": "secret/base", "relation": "fine-tune"}],
        "risks": {"performance_variation": "SECRET variation"},
    }
    hides = [{"path": path, "reason": "r", "audience": "provider"} for path in ("training.method", "data", "parents")]
    for old, new in (({}, {"disclosure": hides}), ({"disclosure": hides}, {"disclosure": []})):
        found = diff({**OLD, "parents": [], **old}, **secret, **new)
        assert found.called.kind == "fine_tune"
        text = dump_record("ChangeNotice", notice(found, LABELS, NAMES, "en"))
        assert "SECRET" not in text
        assert ("secret/base" in text) is False or new["disclosure"] == []
        assert "compute_flop: 1.0e+20" in text
    owner = [{"path": "training", "reason": "r"}]
    found = diff(OLD, **secret, disclosure=owner)
    assert notice(found, LABELS, NAMES, "en")["compute_flop"] is None


def test_json_names_each_change_in_both_languages() -> None:
    """The keys that scripts rely on."""
    told = as_json(diff(OLD, licence="MIT", digest="sha256:" + "a" * 64), NAMES)
    assert told["notice"] == {"kind": "fine_tune", "because": ["digest"], "others": []}
    assert {"path": "licence", "change": "added", "label_ja": "ライセンス", "new": "MIT"}.items() <= told["changes"][0].items()
    json.dumps(told)


def test_a_card_against_itself_differs_in_nothing() -> None:
    """And every addition is a removal the other way round."""
    old, new = document(OLD).record, document({**OLD, "licence": "MIT", "parents": []}).record
    assert compare(old, old) == []
    assert [(c.path, c.old, c.new) for c in compare(old, new)] == [(c.path, c.new, c.old) for c in compare(new, old)]
    assert called_for(new, [Change("licence", "", None, "MIT")]).kind is None
