"""Rules: tables with reasons, and one digest that names all that is in force."""

from __future__ import annotations

import json

import pytest

from exchange.adapters.resources import load_rule_texts
from exchange.core.rules import (
    KNOWN_SEMANTICS,
    MAX_BYTES,
    MAX_CARRYING,
    MAX_ROWS,
    SEMANTICS,
    RuleTexts,
    at_start,
    bundle,
    digest_of,
    ensure_small,
    parse_propagation,
    parse_rules,
    unbundle,
)
from exchange.errors import ConfigError

TEXTS = load_rule_texts()
GOOD = '[relation.UNKNOWN]\ndefault = "carries"\nreason = "worst"\n'

FAULTY = {
    "not TOML": ("[relation", "not TOML"),
    "unknown relation": (GOOD + '[relation.grafted]\ndefault = "none"\nreason = "x"', "relation.grafted: unknown relation"),
    "unknown category": (GOOD + 'R99 = { rule = "none", reason = "x" }', "R99: unknown risk category"),
    "unknown effect": ('[relation.UNKNOWN]\ndefault = "doubles"\nreason = "x"', "must be one of carries, reduced, none"),
    "no reason": ('[relation.UNKNOWN]\ndefault = "carries"', "needs a reason"),
    "category without a reason": (GOOD + 'R01 = { rule = "none" }', "needs a reason"),
    "no default for what is unknown": ('[relation.merge]\ndefault = "carries"\nreason = "x"', "relation.UNKNOWN is missing"),
    "empty": ("", "relation.UNKNOWN is missing"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_table_is_refused_by_name(name: str) -> None:
    """The message names file and entry."""
    text, message = FAULTY[name]
    with pytest.raises(ConfigError, match=message):
        parse_propagation(text, "mine.toml")


def test_the_digest_names_exactly_these_rules() -> None:
    """Same content in another order: same digest; one letter or one authority more: another."""
    content = bundle(TEXTS, ["b", "a"])
    turned = RuleTexts(*(dict(reversed(texts.items())) for texts in TEXTS))
    again = bundle(turned, ["a", "b"])
    assert content == again
    assert parse_rules(content).digest == digest_of(content)
    assert digest_of(bundle(TEXTS, ["a"])) != digest_of(content)
    noted = {**TEXTS.tables, "propagation": TEXTS.tables["propagation"] + "# note\n"}
    assert digest_of(bundle(TEXTS._replace(tables=noted), ["a", "b"])) != digest_of(content)
    assert digest_of(bundle(TEXTS.only(["jg-1.2"]), ["a", "b"])) != digest_of(content)


def test_what_is_bundled_is_what_is_read() -> None:
    """Propagation, every completeness profile by id order, and the authorities."""
    rules = parse_rules(bundle(TEXTS, ["meti.example"]))
    assert rules.authorities == {"meti.example"}
    assert rules.propagation.id == "propagation-1"
    assert [profile.id for profile in rules.profiles] == sorted(rules.profiles_by_id)
    assert set(rules.profiles_by_id) == set(TEXTS.profiles)
    assert unbundle(bundle(TEXTS, ["meti.example"])) == (TEXTS, ["meti.example"], SEMANTICS)


def test_a_start_keeps_what_the_operator_put_in_force() -> None:
    """The first start takes the profiles of the settings; later ones keep those in force, with what ships as it ships now."""
    first = at_start(None, TEXTS, ["jg-1.2"], [])
    assert list(parse_rules(first).profiles_by_id) == ["jg-1.2"]
    own = TEXTS.profiles["jg-1.2"].replace('id = "jg-1.2"', 'id = "own"')
    former = bundle(RuleTexts(TEXTS.tables, {"hcoc-1": "an older text", "own": own}), ["a"])
    content = at_start(former, TEXTS, ["jg-1.2"], ["b"])
    assert unbundle(content) == (RuleTexts(TEXTS.tables, {"hcoc-1": TEXTS.profiles["hcoc-1"], "own": own}), ["b"], SEMANTICS)
    with pytest.raises(ConfigError, match="no rule profile nothing"):
        at_start(None, TEXTS, ["nothing"], [])


ROW = """
[[row]]
id = "R{n}"
label_ja = "項目"
label_en = "item"
clause = "1"
principle = "7)"
owed_by = "provider"
audience = "public"
level = "should"
paths = ["contact"]
inherit = "{inherit}"
hint_ja = "{hint}"
hint_en = "x"
source = "own"
verified = true
"""


def own_profile(rows: int, inherit: str = "none", hint: str = "x") -> bytes:
    """Rules of one profile with so many rows."""
    head = 'id = "own"\nframework = "own"\nversion = "1"\nlabel_ja = "x"\nlabel_en = "x"\nsource = "x"\n'
    text = head + "".join(ROW.format(n=n, inherit=inherit, hint=hint) for n in range(rows))
    return bundle(TEXTS._replace(profiles={"own": text}))


def test_rules_leave_room_for_what_is_said_under_them() -> None:
    """All that ships is small enough; an operator's profile that no dossier could hold is refused with the limit."""
    ensure_small(bundle(TEXTS))
    ensure_small(own_profile(MAX_CARRYING, "union"))
    for content, told in (
        (own_profile(MAX_CARRYING + 1, "union"), f"{MAX_CARRYING + 1} rows of union or recompute, {MAX_CARRYING} at most"),
        (own_profile(MAX_ROWS + 1), f"{MAX_ROWS + 1} rows, {MAX_ROWS} at most"),
        (own_profile(MAX_ROWS, hint="x" * 700), f"bytes, {MAX_BYTES} at most"),
    ):
        with pytest.raises(ConfigError, match=told):
            ensure_small(content)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"semantics": "1"}'])
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    """Whatever lies in the rules topic."""
    with pytest.raises(ConfigError, match="not a rules bundle"):
        parse_rules(content)


def test_the_meaning_of_the_steps_stays_until_told_otherwise() -> None:
    """A release that is started beside a former one, or in its place, must not take away what that one can run."""
    former = bundle(TEXTS, [], KNOWN_SEMANTICS[0])
    assert parse_rules(at_start(former, TEXTS, [], [])).semantics == KNOWN_SEMANTICS[0]
    assert parse_rules(at_start(former, TEXTS, [], [], SEMANTICS)).semantics == SEMANTICS
    assert parse_rules(at_start(None, TEXTS, ["jg-1.2"], [])).semantics == SEMANTICS
    assert parse_rules(at_start(None, TEXTS, ["jg-1.2"], [], KNOWN_SEMANTICS[0])).semantics == KNOWN_SEMANTICS[0]
    assert digest_of(former) != digest_of(bundle(TEXTS, []))


def test_rules_of_other_semantics_are_refused() -> None:
    """A release that would understand them differently does not start on them."""
    document = json.loads(bundle(TEXTS)) | {"semantics": SEMANTICS + "0"}
    with pytest.raises(ConfigError, match="semantics"):
        parse_rules(json.dumps(document).encode())
