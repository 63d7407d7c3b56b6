"""Completeness: statuses, inheritance, who owes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from exchange.adapters.resources import load_profile, load_rule_texts, load_schema_texts
from exchange.core.completeness import inheritable, next_stale, report
from exchange.core.facts import role_of
from exchange.core.fields import AUDIENCES, RANK, labels_of, paths_of
from exchange.core.profiles import RuleProfile, parse_profile
from exchange.core.said import open_paths
from exchange.core.schemas import SchemaSet
from exchange.errors import ConfigError
from exchange.events import records
from exchange.events.models import ModelCard

BASE = "acme/base@1"
LABELS = labels_of(SchemaSet.from_texts(load_schema_texts()).raw, "ModelCard")
REAL = load_profile("jg-1.2", LABELS)

ROW = """
[[row]]
id = "{id}"
label_ja = "項目"
label_en = "item"
clause = "X-1)"
principle = "6)透明性"
owed_by = "{owed_by}"
audience = "{audience}"
level = "{level}"
paths = [{paths}]
inherit = "{inherit}"
hint_ja = "例"
hint_en = "say it"
source = "a test"
verified = true
{more}
"""
HEAD = """
id = "t"
framework = "a test"
version = "1"
label_ja = "試験"
label_en = "test"
placeholders = ["tbd", "more information needed", "未定"]
"""


def profile(*rows: str) -> RuleProfile:
    return parse_profile(HEAD + "".join(rows), "t.toml", LABELS)


def row(paths: str = "training.method", **changes: str) -> str:
    values = {"id": "A", "owed_by": "developer", "audience": "provider", "level": "must", "inherit": "none", "more": ""} | changes
    return ROW.format(paths=", ".join(f'"{path}"' for path in paths.split()), **values)


def card(**fields: Any) -> records.ModelCard:
    made: records.ModelCard = ModelCard.model_validate({"release": BASE, "stage": "released", **fields}).model_dump()  # type: ignore[assignment]
    return made


def child(relation: str = "fine_tune", ref: str = BASE, **fields: Any) -> records.ModelCard:
    return card(release="beta/tuned@1", parents=[{"ref": ref, "relation": relation}], **fields)


def change(kind: records.ChangeKind) -> records.ChangeEntry:
    return {"event_id": "e", "order": 0, "kind": kind, "categories": [], "holds": "unknown"}


def run(rules: RuleProfile, one: records.ModelCard | None, **more: Any) -> records.Report:
    arguments: dict[str, Any] = {
        "stage": one["stage"] if one else "UNKNOWN",
        "parents": [],
        "changes": [],
        "owner": "acme",
        "at": None,
    }
    return report(rules, one, **(arguments | more))


def status(rules: RuleProfile, one: records.ModelCard | None, **more: Any) -> str:
    return run(rules, one, **more)["rows"][0]["status"]


def passed(rules: RuleProfile, one: records.ModelCard) -> tuple[str, list[records.InheritedRow]]:
    return one["release"], inheritable(rules, run(rules, one), one, one["release"])


def test_a_real_value_is_provided() -> None:
    """A field with a real value provides its row."""
    assert status(profile(row()), card(training={"method": "supervised tuning"})) == "provided"


def test_an_empty_field_is_missing() -> None:
    """None, an empty text and an empty list are all missing."""
    rules = profile(row("training.method"), row("purpose.intended_uses", id="B"))
    result = run(rules, card(training={"method": "  "}, purpose={"intended_uses": []}))
    assert [entry["status"] for entry in result["rows"]] == ["missing", "missing"]
    assert status(rules, card()) == "missing"


@pytest.mark.parametrize("text", ["TBD", "[More Information Needed]", "**tbd.**", "未定。", "-", "..."])
def test_a_template_text_is_a_placeholder(text: str) -> None:
    """Template text and lone punctuation count as a placeholder, in whatever brackets it stands."""
    assert status(profile(row()), card(training={"method": text})) == "placeholder"


@pytest.mark.parametrize(
    "text",
    [
        "ここに説明を記入",
        "[More Information Needed]",
        "TODO",
        "{{ model_summary | default('x') }}",
        "後日追記予定",
        "記入",
        "〇〇モデル",
    ],
)
def test_the_real_profile_knows_placeholders_in_both_languages(text: str) -> None:
    """The shipped patterns catch what real cards hold."""
    pattern = REAL.by_id["JG-D6ii-6"].placeholder
    assert pattern.fullmatch(text.strip("[]"))


@pytest.mark.parametrize(
    "text",
    [
        "To do list management",
        "Describe the content of an image for blind users",
        "個人情報は入力しないこと",
        "不明な点は問い合わせる",
    ],
)
def test_ordinary_text_is_no_placeholder(text: str) -> None:
    """A use that begins like a template is still a use."""
    assert not REAL.by_id["JG-D6ii-6"].placeholder.fullmatch(text)


def test_one_placeholder_spoils_an_entry_but_not_the_list() -> None:
    """A list is real when one entry is; an entry with a placeholder is none."""
    rules = profile(row("risks.by_category"))
    spoilt, good = {"category": "R01", "text": "TBD"}, {"category": "R02", "text": "copies its training data at times"}
    assert status(rules, card(risks={"by_category": [spoilt]})) == "placeholder"
    assert status(rules, card(risks={"by_category": [spoilt, good]})) == "provided"


def test_all_paths_are_needed_unless_the_row_says_any() -> None:
    """By default each entry of `paths` is needed; `|` and `need = "any"` give alternatives."""
    one = card(training={"method": "supervised tuning"})
    assert status(profile(row("training.method data.collection")), one) == "missing"
    assert status(profile(row("training.method data.collection", more='need = "any"')), one) == "provided"
    assert status(profile(row("data.collection|training.method")), one) == "provided"


def test_a_field_closed_to_the_rows_audience_is_withheld_with_its_reason() -> None:
    """Disclosure narrower than the row's audience withholds; as wide as the audience it does not."""
    closed = [{"path": "training", "audience": "authority", "reason": "trade secret"}]
    wide = [{"path": "training.method", "audience": "provider", "reason": "for partners"}]
    told = {"training": {"method": "supervised tuning"}}
    entry = run(profile(row()), card(disclosure=closed, **told))["rows"][0]
    assert (entry["status"], entry["reason"]) == ("withheld", "trade secret")
    assert status(profile(row()), card(disclosure=wide, **told)) == "provided"


def test_a_field_closed_to_everybody_needs_no_value() -> None:
    """A secret need not be given to the exchange; one that somebody may read must be."""
    nobody = [{"path": "training.method", "reason": "trade secret"}]
    some = [{"path": "training.method", "audience": "authority", "reason": "trade secret"}]
    assert status(profile(row()), card(disclosure=nobody)) == "withheld"
    assert status(profile(row()), card(disclosure=some)) == "missing"


def test_a_row_goes_stale_by_the_day_given() -> None:
    """Staleness counts from the card's day to `at`; without `at` nothing is stale."""
    rules = profile(row(more="stale_after_days = 30"))
    day = date(2026, 1, 1)
    one = card(training={"method": "supervised tuning"}, updated_on=day)
    assert status(rules, one, at=day + timedelta(days=30)) == "provided"
    assert status(rules, one, at=day + timedelta(days=31)) == "stale"
    assert status(rules, one) == "provided"
    assert next_stale(rules, one, run(rules, one)) == day + timedelta(days=31)
    assert next_stale(rules, one, run(rules, one, at=day + timedelta(days=31))) is None
    late = card(training={"method": "supervised tuning"}, updated_on=date.max)
    assert next_stale(rules, late, run(rules, late)) is None


def test_the_envelope_answers_a_row_of_every_card() -> None:
    """`by_exchange`: provided as soon as there is a card."""
    rules = profile(row().replace('paths = ["training.method"]', 'by_exchange = "the publisher of the event"'))
    assert status(rules, card()) == "provided"
    assert status(rules, None) == "missing"


def test_a_range_answers_a_rough_row() -> None:
    """One fact at two precisions: who narrows a number and leaves its range owes the exact row's readers only."""
    exact, rough = (row("makeup.parameters", more=f'precision = "{word}"') for word in ("exact", "rough"))
    told = {"makeup": {"parameters": 7e9}}
    narrowed = {"path": "makeup.parameters", "audience": "authority", "reason": "trade secret"}
    in_range = card(**told, disclosure=[{**narrowed, "rough": True}])
    assert (status(profile(exact), in_range), status(profile(rough), in_range)) == ("withheld", "provided")
    assert status(profile(rough), card(**told, disclosure=[narrowed])) == "withheld"


def test_conditions_excuse_a_row() -> None:
    """A row whose conditions do not hold is not applicable; one that cannot be decided applies."""
    rules = profile(row(more='applies_when = \'stage == "released" && kind == "model" && role == "developer"\''))
    assert status(rules, card()) == "missing"
    assert status(rules, card(stage="research")) == "not_applicable"
    assert status(rules, card(kind="dataset")) == "not_applicable"
    assert status(rules, child()) == "not_applicable"
    assert status(rules, None) == "missing"


def test_updates_are_owed_only_after_an_update() -> None:
    """`updated` rows apply once the card's day is later than the release's."""
    rules = profile(row("updates", more="applies_when = 'updated'"))
    assert status(rules, card(released_on=date(2026, 1, 1), updated_on=date(2026, 1, 1))) == "not_applicable"
    assert status(rules, card(released_on=date(2026, 1, 1), updated_on=date(2026, 1, 2))) == "missing"


def test_the_role_follows_the_parents_unless_the_card_says() -> None:
    """Provider with a parent that is not a dataset, else developer; the card's own word wins."""
    assert role_of(card()) == role_of(child("trained_on")) == role_of(None) == "developer"
    assert role_of(child()) == "provider"
    assert role_of(child(role="developer")) == "developer"


@pytest.mark.parametrize("inherit", ["always", "union"])
def test_what_the_parent_provides_is_inherited(inherit: str) -> None:
    """An inheritable row comes from the parent, with its origin, and the origin's owner owes it."""
    rules = profile(row(inherit=inherit))
    entry = run(rules, child(), owner="beta", parents=[passed(rules, card(training={"method": "pretraining"}))])["rows"][0]
    assert (entry["status"], entry["origin"], entry["owed_by_party"]) == ("inherited", BASE, "acme")


@pytest.mark.parametrize("inherit", ["none", "recompute"])
def test_some_rows_are_never_inherited(inherit: str) -> None:
    """What must be said anew is owed by the derived release's owner."""
    rules = profile(row(inherit=inherit))
    entry = run(rules, child(), owner="beta", parents=[passed(rules, card(training={"method": "pretraining"}))])["rows"][0]
    assert (entry["status"], entry["owed_by_party"]) == ("missing", "beta")


@pytest.mark.parametrize(
    ("relation", "kinds", "expected"),
    [
        ("quantise", [], "inherited"),
        ("quantise", ["quantise"], "inherited"),
        ("quantise", ["data"], "missing"),
        ("fine_tune", [], "missing"),
        ("integrates", [], "inherited"),
        ("integrates", ["configuration"], "missing"),
    ],
)
def test_if_unchanged_ends_with_a_change_that_touches_it(relation: str, kinds: list[records.ChangeKind], expected: str) -> None:
    """A change notice ends it, and so does the relation itself; quantising does not, unless the row says so."""
    rules = profile(row(inherit="if_unchanged"))
    parents = [passed(rules, card(training={"method": "pretraining"}))]
    assert status(rules, child(relation), parents=parents, changes=[change(kind) for kind in kinds]) == expected


def test_the_row_says_which_changes_touch_it() -> None:
    """`changed_by` replaces the default list."""
    rules = profile(row(inherit="if_unchanged", more='changed_by = ["quantise"]'))
    parents = [passed(rules, card(training={"method": "pretraining"}))]
    assert status(rules, child("fine_tune"), parents=parents) == "inherited"
    assert status(rules, child("quantise"), parents=parents) == "missing"


def test_who_lost_an_inheritance_owes_the_row() -> None:
    """After its own change the derived release's owner owes; where the parent never said it, the parent's owner does."""
    rules = profile(row(inherit="if_unchanged"))
    told, silent = passed(rules, card(training={"method": "pretraining"})), passed(rules, card())
    lost = run(rules, child("fine_tune"), owner="beta", parents=[told])["rows"][0]
    never = run(rules, child("quantise"), owner="beta", parents=[silent])["rows"][0]
    assert (lost["owed_by_party"], never["owed_by_party"]) == ("beta", "acme")


def test_a_merge_inherits_only_what_every_parent_provides() -> None:
    """One silent parent leaves the row open, and its owner owes it; datasets do not count."""
    rules = profile(row(inherit="always"))
    merged = card(
        release="beta/merged@1",
        parents=[
            {"ref": BASE, "relation": "merge"},
            {"ref": "gamma/other@1", "relation": "merge"},
            {"ref": "delta/set@1", "relation": "trained_on"},
        ],
    )
    told = passed(rules, card(training={"method": "pretraining"}))
    other = passed(rules, card(release="gamma/other@1", training={"method": "pretraining"}))
    half = run(rules, merged, owner="beta", parents=[told, ("gamma/other@1", []), ("delta/set@1", [])])["rows"][0]
    assert (half["status"], half["owed_by_party"]) == ("missing", "gamma")
    assert status(rules, merged, parents=[told, other, ("delta/set@1", [])]) == "inherited"


def test_an_inherited_row_passes_on_with_its_first_origin() -> None:
    """Origin and digest survive a second generation; a withheld row stays withheld, without digest."""
    rules = profile(row(inherit="always"))
    for disclosure, expected in (([], "inherited"), ([{"path": "training", "reason": "secret"}], "withheld")):
        parents = [passed(rules, card(training={"method": "pretraining"}, disclosure=disclosure))]
        tuned = child()
        result = run(rules, tuned, parents=parents)
        down = inheritable(rules, result, tuned, tuned["release"], parents)
        assert (result["rows"][0]["status"], down[0]["status"], down[0]["origin"]) == (expected, expected, BASE)
        assert down[0]["digest"] == parents[0][1][0]["digest"]
        assert (down[0]["digest"] is None) == (expected == "withheld")


def test_only_union_and_recompute_carry_a_value_and_a_bounded_one() -> None:
    """Values go down for union and recompute, joined with the parents' for union, and never above 4 kB."""
    for inherit, carried in (("always", False), ("union", True), ("recompute", True)):
        rules = profile(row(inherit=inherit))
        parents = [passed(rules, card(training={"method": "pretraining"}))]
        assert (parents[0][1][0]["value"] is not None) == carried
        tuned = child(training={"method": "tuning"})
        value = inheritable(rules, run(rules, tuned, parents=parents), tuned, tuned["release"], parents)[0]["value"]
        assert (BASE in (value or "")) == (inherit == "union")
    assert passed(rules, card(training={"method": "x" * 5000}))[1][0]["value"] is None


def test_the_audience_of_a_row_is_the_narrowest_of_its_fields() -> None:
    """Labels and disclosure decide who may read what goes down."""
    rules = profile(row("risks.performance_variation", inherit="always"), row("training.method", id="B", inherit="always"))
    told = card(risks={"performance_variation": "drops at night"}, training={"method": "pretraining"})
    assert [entry["audience"] for entry in passed(rules, told)[1]] == ["provider", "public"]


def test_a_should_row_does_not_make_incomplete() -> None:
    """Only must-rows count for `complete`; no rows at all is an error, not completeness."""
    assert run(profile(row(level="should")), card())["complete"]
    assert not run(profile(row()), card())["complete"]
    with pytest.raises(ConfigError, match="needs rows"):
        profile()


def test_open_paths_name_what_a_gap_is_about() -> None:
    """For each group without a value, its first path."""
    rules = profile(row("training.method data.collection|data.provenance"))
    assert open_paths(rules.rows[0], card(training={"method": "tuning"})) == ["data.collection"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (row().replace("clause =", "clawse ="), "t.toml: row A: key 'clawse'"),
        (row(level="may"), "t.toml: row A: key 'level'"),
        (row("training.methods"), "t.toml: row A: key 'paths': 'training.methods'"),
        (row("makeup.design"), "which the row's audience provider cannot read"),
        (row(more="stale_after_days = 0"), "key 'stale_after_days'"),
        (row(more='changed_by = ["tuning"]'), "key 'changed_by'"),
        (row(more='placeholders = ["("]'), "key 'placeholders'"),
        (row(more='[row.applies_when]\nstage = ["x"]'), "key 'applies_when': must be a text"),
        (
            row(more="applies_when = 'phase'"),
            "row A: key 'applies_when': line 1, column 1: undeclared reference to 'phase'",
        ),
        (row(more='precision = "close"'), "key 'precision': must be exact or rough"),
        (row(more='by_exchange = "the publisher"'), "key 'by_exchange': such a row has no paths"),
        (row() + row(), "each with an id of its own"),
        ("= 1", "t.toml: not TOML"),
    ],
)
def test_a_fault_in_a_profile_names_file_row_and_key(text: str, message: str) -> None:
    """Whoever edits rules is told where."""
    with pytest.raises(ConfigError) as error:
        profile(text)
    assert message in str(error.value)


def test_the_real_profile_holds_every_item_of_its_sections() -> None:
    """D-6, D-7, P-6, P-7, U-6 and U-7 in order, all with their official number."""
    assert [entry.id for entry in REAL.rows][:3] == ["JG-D6i", "JG-D6ii-1", "JG-D6ii-2"]
    assert len(REAL.rows) == 28
    for entry in REAL.rows:
        section, item = entry.clause.split(")")
        assert entry.id.removeprefix("JG-").startswith(section.replace("-", "") + item)
        assert entry.owed_by == {"D": "developer", "P": "provider", "U": "user"}[section[0]]


def test_a_research_release_owes_nothing_that_must_be() -> None:
    """Research-stage releases owe almost nothing: that is in the rules."""
    result = run(REAL, card(stage="research"))
    assert result["complete"]
    assert [entry["id"] for entry in result["rows"] if entry["status"] != "not_applicable"] == ["JG-D6i"]


def test_an_unclaimed_release_is_not_complete() -> None:
    """Without a card the owner owes every developer row."""
    result = run(REAL, None)
    assert not result["complete"]
    assert {entry["owed_by_party"] for entry in result["rows"] if entry["status"] == "missing"} == {"acme"}


def test_categories_cover_every_risk_category() -> None:
    """Each category of the schema has its official label."""
    import tomllib
    from typing import get_args

    table = tomllib.loads(load_rule_texts().tables["categories"])
    assert set(table) == set(get_args(records.RiskCategory)) - {"UNKNOWN"}
    assert all(entry["label_ja"] and entry["label_en"] for entry in table.values())


def test_paths_and_labels_agree() -> None:
    """Paths from the types and labels from the schemas name the same fields, and order is public to owner."""
    assert paths_of(records.ModelCard) == set(LABELS)
    assert (LABELS["training.compute_flop"], LABELS["disclosure.path"]) == ("authority", "owner")
    assert [RANK[name] for name in AUDIENCES] == sorted(RANK[name] for name in AUDIENCES)
