"""Conditions of rows: checked when loaded, decided by facts, and applying where a fact is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core.conditions import Condition
from exchange.core.facts import DOMAINS, Facts, facts_of
from exchange.errors import ConfigError
from exchange.events import records
from exchange.events.models import ModelCard

FAULTY = {
    "no expression": ("stage ==", r"line 1, column 9: Syntax error"),
    "unknown variable": ('kind == "model" && stge == "released"', r"line 1, column 20: undeclared reference to 'stge'"),
    "a type that does not fit": ("stage == 3", r"line 1, column 7: found no matching overload"),
    "a text": ("stage", r"must be true or false, not string"),
    "a value that cannot be": ('stage == "relesed"', r"line 1, column 10: no variable can be 'relesed'"),
    "never": ('stage == "released" && stage == "research"', r"can never hold"),
    "no answer in some world": ('derived || relations[0] == "merge"', r"cannot be worked out for every value"),
    "no end of work": (
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d,"
        " [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a > 0))))))",
        r"cannot be worked out for every value",
    ),
    "half a character": ('kind == "\ud800"', r"not an expression"),
    "never, by a list": ('relations.exists(r, r == "merge") && relations.size() == 0', r"can never hold"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_condition_names_its_place(name: str) -> None:
    """File, row, column of the table and place in the expression."""
    text, message = FAULTY[name]
    with pytest.raises(ConfigError, match=r"own\.toml: row A: key 'applies_when'.*" + message):
        Condition(text, "own.toml: row A: key 'applies_when'")


def facts(**told: Any) -> Facts:
    return Facts(**({name: values[0] for name, values in DOMAINS.items()} | {"relations": ()} | told))


def test_a_condition_is_decided_by_the_facts() -> None:
    condition = Condition('stage != "research" && (derived || relations.exists(r, r == "merge"))', "x")
    assert condition.holds(facts(stage="released", derived=True))
    assert condition.holds(facts(stage="released", relations=("adapter", "merge")))
    assert not condition.holds(facts(stage="released", relations=("adapter",)))
    assert not condition.holds(facts(stage="research", derived=True))


def test_what_is_unknown_applies_unless_no_value_would() -> None:
    """Nobody is excused by saying nothing."""
    condition = Condition('stage == "released" && !open_source', "x")
    assert condition.holds(facts(stage=None, open_source=None))
    assert condition.holds(facts(stage=None, open_source=False))
    assert not condition.holds(facts(stage=None, open_source=True))
    assert Condition('modifier == "below_third"', "x").holds(facts(modifier=None))
    assert not Condition('modifier == "none"', "x").holds(facts(modifier=None))


def card(**fields: Any) -> records.ModelCard:
    made: records.ModelCard = ModelCard.model_validate({"release": "acme/base@1", "stage": "released", **fields}).model_dump()  # type: ignore[assignment]
    return made


def tuned(flop: float | None = None, **fields: Any) -> records.ModelCard:
    parent = {
        "ref": "acme/root@1",
        "relation": "fine_tune",
        **({"compute_share": fields.pop("share")} if "share" in fields else {}),
    }
    return card(parents=[parent], training={"compute_flop": flop}, **fields)


MODIFIERS = {
    "not derived": (card(), None, "none"),
    "made from data alone": (card(parents=[{"ref": "acme/data@1", "relation": "trained_on"}]), None, "none"),
    "share above a third": (tuned(share=0.34), None, "above_third"),
    "share of a third": (tuned(share=1 / 3), None, "below_third"),
    "share wins over compute": (tuned(1e26, share=0.1), 1e20, "below_third"),
    "nothing told": (tuned(), 1e24, None),
    "the original's compute is known": (tuned(4e23), 1e24, "above_third"),
    "and is larger": (tuned(3e23), 1e24, "below_third"),
    "unknown original": (tuned(3.4e22), None, "above_third"),
    "unknown original, little": (tuned(3.3e22), None, "below_third"),
    "unknown original of systemic risk": (tuned(3.3e24, systemic_risk=True), None, "below_third"),
    "unknown original of systemic risk, much": (tuned(3.4e24, systemic_risk=True), None, "above_third"),
}


@pytest.mark.parametrize("name", MODIFIERS)
def test_the_one_third_rule(name: str) -> None:
    """mod > (original, or 10^25 with systemic risk, else 10^23) / 3."""
    one, original, expected = MODIFIERS[name]
    assert facts_of(one, "released", original).modifier == expected


def test_free_and_open_needs_licence_and_weights() -> None:
    def free(**fields: Any) -> bool | None:
        return facts_of(card(**fields), "released").open_source

    assert free(licence="Apache-2.0", weights="open") is True
    assert free(licence="apache-2.0", weights="closed") is False
    assert free(licence="Acme commercial licence", weights="open") is False
    assert free(licence="MIT") is None
    assert free(weights="open") is None


def test_systemic_risk_is_told_or_presumed_from_compute() -> None:
    def systemic(**fields: Any) -> bool | None:
        return facts_of(card(**fields), "released").systemic_risk

    assert systemic() is False
    assert systemic(training={"compute_flop": 1.1e25}) is True
    assert systemic(training={"compute_flop": 1e25}) is False
    assert systemic(systemic_risk=False, training={"compute_flop": 2e25}) is False


def test_nothing_is_known_of_an_unclaimed_release() -> None:
    found = facts_of(None, "UNKNOWN")
    assert (found.stage, found.kind, found.role, found.open_source) == (None, None, "developer", None)
