"""Answers to values, and which fields are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core.authoring.answers import choices_of, is_plain, problems_at, put, read_answer, value_at
from exchange.core.authoring.forms import HINTS, finding_paths, that_matter
from exchange.core.authoring.interview import Asked, Interview, Question
from exchange.core.documents import parse_documents
from exchange.errors import ValidationError

READ: list[tuple[str, str, list[str], Any]] = [
    ("ModelCard", "purpose.summary", ["A: model"], "A: model"),
    ("ModelCard", "stage", ["Preview"], "preview"),
    ("ModelCard", "makeup.parameters", ["1_300"], 1300),
    ("ModelCard", "purpose.intended_uses", ["a", "b"], ["a", "b"]),
    ("ModelCard", "parents.0.relation", ["fine-tune"], "fine_tune"),
    ("ChangeNotice", "affected_categories", ["r07"], ["R07"]),
    ("ChangeNotice", "safeguards", ["removed: a: b"], [{"effect": "removed", "safeguard": "a: b"}]),
    ("ChangeNotice", "safeguards", ["added\uff1aフィルター"], [{"effect": "added", "safeguard": "フィルター"}]),
    (
        "RiskAssessment",
        "findings.0.mitigations",
        ["user: look", "note: x"],
        [{"applied_by": "user", "text": "look"}, {"text": "note: x"}],
    ),
]


@pytest.mark.parametrize(("name", "path", "texts", "value"), READ)
def test_an_answer_is_read_by_its_field(name: str, path: str, texts: list[str], value: Any) -> None:
    """As in a file."""
    assert read_answer(name, path, texts) == value


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *(
            ("ModelCard", path)
            for path in ("stage", "released_on", "makeup", "parents", "parents.x", "nothing", "risks.by_category")
        ),
        *(("ChangeNotice", path) for path in ("safeguards", "kind", "release.x")),
    ],
)
def test_an_answer_that_does_not_fit_is_not_quoted(name: str, path: str) -> None:
    """The field is named."""
    with pytest.raises(ValidationError) as caught:
        read_answer(name, path, ["secret-word: x"])
    assert caught.value.message.startswith(path)
    assert "secret-word" not in caught.value.explain()


def test_values_are_put_where_they_belong() -> None:
    """Sections and entries are made on the way; what was there before stays as it was."""
    before = {"release": "a/b@1", "purpose": None}
    made = put(put(before, "purpose.summary", "x"), "parents.0.ref", "a/c")
    assert made == {"release": "a/b@1", "purpose": {"summary": "x"}, "parents": [{"ref": "a/c"}]}
    assert before == {"release": "a/b@1", "purpose": None}
    assert (value_at(made, "parents.0.ref"), value_at(made, "parents.1.ref"), value_at(made, "data.types")) == ("a/c", None, None)
    with pytest.raises(ValidationError, match="number them from 0"):
        put(made, "parents.2.ref", "a/d")


def test_one_field_is_judged_while_others_are_missing() -> None:
    """By the checks of the whole document."""
    assert problems_at("ModelCard", {"release": "a/b"}, "release")
    assert not problems_at("ModelCard", {"release": "a/b@1"}, "release")
    assert not problems_at("ModelCard", {"release": "a/b"}, "stage")


def test_what_a_line_can_answer() -> None:
    """Texts, numbers, lists and pairs, not tables."""
    plain = {
        path for path in ("risks.limits", "risks.by_category", "evaluation.metrics", "extensions") if is_plain("ModelCard", path)
    }
    assert plain == {"risks.limits"}
    assert choices_of("ChangeNotice", "assessments_hold") == ("unknown", "yes", "partly", "no")
    assert choices_of("ModelCard", "licence") == ()


def test_an_interview_asks_until_it_fits() -> None:
    """Says why, keeps each line of a list, and leaves alone what was given."""
    typed = iter(["x", "preview", "one", "two", "", ""])
    asked: list[Asked] = []
    told: list[str] = []

    def ask(each: Asked) -> str:
        asked.append(each)
        return next(typed)

    talk = Interview("ModelCard", {"release": "a/b@1", "stage": "released"}, ask, told.append, {"licence"})
    assert talk.put(Question("stage", "Stage"))
    assert told == ["not one of the allowed values (one of research, preview, released, deprecated, withdrawn)"]
    assert talk.put(Question("purpose.intended_uses", "Uses"))
    assert not talk.put(Question("purpose.summary", "Summary"))
    assert not talk.put(Question("licence", "Licence"))
    assert talk.values == {"release": "a/b@1", "stage": "preview", "purpose": {"intended_uses": ["one", "two"]}}
    assert [(each.current, each.entry) for each in asked] == [("released", 0)] * 2 + [("", 1), ("", 2), ("", 3), ("", 0)]


def test_categories_that_matter_are_those_the_cards_name() -> None:
    """In their order, each once; a finding may be named by its category."""
    texts = ("{category: R11, text: a}, {category: R07, text: b}", "{category: R07, text: c}, {category: R01, text: d}")
    cards = [
        parse_documents(f"release: a/b@{n}\nstage: released\nrisks: {{by_category: [{text}]}}\n", "c.yaml")[0].record
        for n, text in enumerate(texts)
    ]
    assert that_matter(cards) == {"R11": "a", "R07": "b", "R01": "d"}
    assert finding_paths(["R11", "method", "R07.level", "R11.residual_level"]) == {
        "R11": "findings.0.level",
        "method": "method",
        "R07.level": "findings.1.level",
        "R11.residual_level": "findings.0.residual_level",
    }


def test_every_hint_is_there_in_both_languages() -> None:
    """With a text of its own."""
    assert HINTS["ja"].keys() == HINTS["en"].keys()
    assert not set(HINTS["ja"].values()) & set(HINTS["en"].values())
