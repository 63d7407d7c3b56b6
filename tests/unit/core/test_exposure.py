"""What a card shows that it should not: each form found where it counts, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.boilerplate import boilerplate
from exchange.core.documents import parse_documents
from exchange.core.exposure import PERSONAL, SECRETS, exposures
from exchange.core.fields import labels_of
from exchange.core.repeated import repeated

LABELS = labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
TOKENS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AWS access key": "AKIA" + "A1B2C3D4E5F6G7H8",
    "GitHub token": "ghp_" + "a1" * 18,
    "GitLab token": "glpat-" + "a1" * 10,
    "Hugging Face token": "hf_" + "aB" * 17,
    "API key": "sk-" + "a1" * 20,
    "Slack token": "xoxb-" + "1" * 12,
    "Google API key": "AIza" + "a" * 35,
    "GitHub fine-grained token": "github_pat_" + "a1" * 40,
    "npm token": "npm_" + "a1" * 18,
    "PyPI token": "pypi-AgE" + "a1" * 25,
    "signed web token": "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + "." + "c" * 12,
}
HARMLESS = (
    "acme/base@1.0 is 0.12-0.34 better, see git@code.example:acme/base and arXiv:2310.06825; 2024-05-05, 1,300,000,000",
    "released 2026-01-31 12:00:00+09:00, sk-learn, hf_hub, name@example.com, 192.168.0.1, 10-20-3000",
)


def card(**fields: Any) -> Any:
    text = json.dumps({"release": "acme/base@1", "stage": "released", **fields})
    return parse_documents(text, "c.yaml", LABELS)[0].record


def found(**fields: Any) -> list[tuple[str, str, str]]:
    return [tuple(entry) for entry in exposures(card(**fields), LABELS)]  # type: ignore[misc]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_found_in_every_field_but_the_owners(name: str) -> None:
    """Each form; a field that nobody but the owner reads is not looked at."""
    text = f"use {TOKENS[name]} for it"
    assert found(purpose={"summary": text}) == [("secret", name, "purpose.summary")]
    assert found(governance={"development_process": text}) == [("secret", name, "governance.development_process")]
    hidden = [{"path": "governance", "reason": "trade secret"}]
    assert found(governance={"development_process": text}, disclosure=hidden) == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to taro.yamada@acme.co.jp, please", "e-mail address"),
        ("+81 3 1234 5678", "phone number"),
        ("電話 03-1234-5678 まで", "phone number"),
    ],
)
def test_personal_data_is_found_in_public_fields_that_are_no_contact(text: str, what: str) -> None:
    """Contacts may hold an address; a narrowed field is not public."""
    assert set(PERSONAL) == {"e-mail address", "phone number"}
    assert found(risks={"safeguards": ["none", text]}) == [("personal-data", what, "risks.safeguards.1")]
    assert found(contact=text, governance={"incident_contact": text}) == []
    assert found(purpose={"summary": text}, disclosure=[{"path": "purpose", "audience": "user", "reason": "r"}]) == []


@pytest.mark.parametrize("name", sorted(set(TOKENS) - {"private key"}))
def test_a_token_begins_a_word(name: str) -> None:
    """In the middle of another word it is none."""
    assert found(purpose={"summary": f"x{TOKENS[name]}"}) == []


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    """References, dates, numbers, addresses of examples."""
    assert found(purpose={"summary": text}) == []


def test_a_hidden_parent_named_in_public_is_found() -> None:
    """Only when the card hides its parents."""
    fields: Any = {"parents": [{"ref": "beta/other@2", "relation": "fine-tune"}], "purpose": {"summary": "Made from Beta/Other."}}
    hides = [{"path": "parents", "audience": "provider", "reason": "contract"}]
    assert found(**fields) == []
    assert found(**fields, disclosure=hides) == [("hidden-name", "", "purpose.summary")]


@pytest.mark.parametrize(
    "text",
    [
        "This model card has been generated automatically according to the information the Trainer had access to.",
        "This model is a fine-tuned version of acme/base on an unknown dataset.",
        "Good.\n\nMore information needed",
        "ここにモデルの概要を記入してください。",
    ],
)
def test_template_sentences_are_found(text: str) -> None:
    """In either language, also inside a longer text."""
    assert boilerplate(card(purpose={"summary": text})) == ["purpose.summary"]
    assert boilerplate(card(purpose={"summary": "A model for drafts of mails."})) == []


SENTENCE = "Behind our gateway; a client library does the rest."


def again(**fields: Any) -> list[tuple[str, str, str]]:
    return [tuple(entry) for entry in repeated(card(**fields), LABELS)]  # type: ignore[misc]


def test_what_a_narrower_field_says_is_found_in_a_wider_one() -> None:
    """By its label, whatever the case and the line breaks; every place is told, the field is named."""
    makeup = {"integration": SENTENCE}
    assert again(makeup=makeup, purpose={"summary": "A small model."}) == []
    assert again(makeup=makeup, purpose={"summary": f"Small.\n{SENTENCE.upper()}", "intended_uses": ["Mails", SENTENCE]}) == [
        ("repeated", "makeup.integration", "purpose.summary"),
        ("repeated", "makeup.integration", "purpose.intended_uses.1"),
    ]
    assert again(makeup=makeup, risks={"performance_variation": SENTENCE}) == []
    assert again(makeup={"integration": "HTTP"}, purpose={"summary": "HTTP"}) == []
    assert SENTENCE not in str(again(makeup=makeup, purpose={"summary": SENTENCE}))


@pytest.mark.parametrize("written", ["1300000000", "1,300,000,000", "1_300_000_000"])
def test_a_number_the_card_keeps_is_found_in_its_texts(written: str) -> None:
    """Only while it is kept, only as the whole number."""
    kept = [{"path": "makeup.parameters", "audience": "authority", "reason": "not announced"}]
    makeup = {"parameters": 1_300_000_000}
    summary = {"summary": f"It has {written} parameters."}
    assert again(makeup=makeup, purpose=summary, disclosure=kept) == [("repeated", "makeup.parameters", "purpose.summary")]
    assert again(makeup=makeup, purpose=summary) == []
    assert again(makeup=makeup, purpose={"summary": f"It has {written}1 parameters."}, disclosure=kept) == []
    flop = [{"path": "training.compute_flop", "reason": "trade secret"}]
    assert again(training={"compute_flop": 2.1e20}, purpose={"summary": "2.1e+20 FLOP"}, disclosure=flop)
