"""Effective risk on small graphs: a name, edges, findings, what must come out (docs/risk.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest

from exchange.adapters.resources import load_rule_texts
from exchange.core import dossier as dossiers
from exchange.core import risk
from exchange.core.codec import Codec
from exchange.core.rules import Propagation, Rules, bundle, parse_propagation, parse_rules
from exchange.events import records as r

CONTENT = bundle(load_rule_texts(), [])
RULES = parse_rules(CONTENT)
PROPAGATION = RULES.propagation
Edges = list[tuple[str, str, str]]
Findings = dict[str, list[r.AssessmentEntry]]
T0 = datetime(2026, 1, 1, tzinfo=UTC)
BASE, LEFT, RIGHT, MERGE = "a/base@1", "b/left@1", "c/right@1", "d/merge@1"
DIAMOND = [(LEFT, "fine_tune", BASE), (RIGHT, "fine_tune", BASE), (MERGE, "merge", LEFT), (MERGE, "merge", RIGHT)]


def finding(
    event_id: str,
    level: r.Level,
    *,
    category: r.RiskCategory = "R11",
    considers: Iterable[str] = (),
    order: int = 0,
    start: datetime | None = None,
    end: datetime | None = None,
) -> r.AssessmentEntry:
    """An assessment in force with one finding."""
    return {
        "event_id": event_id,
        "assessor": "somebody",
        "independence": "self",
        "order": order,
        "valid_from": start,
        "valid_until": end,
        "findings": [{"category": category, "level": level}],
        "considers": sorted(considers),
    }


def change(event_id: str, *categories: r.RiskCategory, order: int = 0) -> r.ChangeEntry:
    """A change notice of a release."""
    return {"event_id": event_id, "order": order, "kind": "safeguards", "categories": list(categories), "holds": "unknown"}


@dataclass
class World:
    """Releases that pass down to one another until nothing moves."""

    edges: Edges
    findings: Mapping[str, list[r.AssessmentEntry]] = field(default_factory=dict)
    changes: Mapping[str, list[r.ChangeEntry]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    now: datetime | None = None
    rules: Rules = RULES
    held: dict[str, r.Dossier] = field(default_factory=dict)
    told: dict[str, r.Snapshot] = field(default_factory=dict)

    def settle(self) -> World:
        """Pass snapshots down, release by release, until a round changes nothing."""
        names = sorted({name for child, _, parent in self.edges for name in (child, parent)} | {*self.findings, *self.changes})
        for name in names:
            self.held.setdefault(name, self._fresh(name))
            facts = {"assessments": self.findings.get(name, []), "changes": self.changes.get(name, [])}
            self.held[name] = {**self.held[name], **facts}  # type: ignore[typeddict-item]
            self.told.pop(name, None)
        for _ in range(300):
            moved = [self._hear(name) for name in names]
            if not any(moved):
                return self
        raise AssertionError("the graph does not come to rest")

    def _fresh(self, name: str) -> r.Dossier:
        links: list[r.ParentLink] = [_link(parent, relation) for child, relation, parent in self.edges if child == name]
        return {**dossiers.empty(name), "parents": links}

    def _hear(self, name: str) -> bool:
        """Take over the parents' snapshots; whether that changed what the release passes down."""
        links = [{**link, "snapshot": self.told.get(link["ref"], link["snapshot"])} for link in self.held[name]["parents"]]
        if name in self.told and links == self.held[name]["parents"]:
            return False
        changed_links: r.Dossier = {**self.held[name], "parents": links}  # type: ignore[typeddict-item]
        self.held[name], told = dossiers.evaluate(changed_links, self.rules, self.now)
        assert told == self.snapshot(name)
        changed = self.told.get(name) != told
        if name not in self.silent:
            self.told[name] = told
        return changed and name not in self.silent

    def snapshot(self, name: str) -> r.Snapshot:
        """What a release passes down."""
        return dossiers.snapshot(self.held[name], self.rules, self.now)

    def entry(self, release: str, category: str = "R11") -> r.ProfileEntry:
        """One entry of a release's profile."""
        return next(entry for entry in self.held[release]["profile"] if entry["category"] == category)

    def result(self, release: str, category: str = "R11") -> str:
        """Level, status and flag in words."""
        entry = self.entry(release, category)
        return f"{entry['level']} {entry['status']}" + (" partial" if entry["partial"] else "")


def _link(parent: str, relation: str) -> r.ParentLink:
    return {
        "ref": parent,
        "relation": relation,  # type: ignore[typeddict-item]
        "digest": None,
        "audience": "public",
        "resolution": None,
        "snapshot": None,
        "edge": "declared",
    }


@dataclass(frozen=True)
class Case:
    """One graph: who is made from whom, who found what, and the results."""

    edges: Edges
    expected: dict[str | tuple[str, str], str]
    findings: Findings = field(default_factory=dict)
    changes: dict[str, list[r.ChangeEntry]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    now: datetime | None = None


CASES: dict[str, Case] = {
    "nothing known": Case([(LEFT, "fine_tune", BASE)], {BASE: "unknown unknown", LEFT: "unknown unknown partial"}),
    "own finding alone": Case([], {BASE: "high assessed"}, {BASE: [finding("e1", "high")]}),
    "a known none is not unknown": Case([], {BASE: "none assessed"}, {BASE: [finding("e1", "none")]}),
    "own finding says unknown": Case([], {BASE: "unknown unknown partial"}, {BASE: [finding("e1", "unknown")]}),
    "assessors disagree: the highest": Case(
        [], {BASE: "high assessed"}, {BASE: [finding("e1", "low"), finding("e2", "high"), finding("e3", "moderate")]}
    ),
    "carried": Case([(LEFT, "fine_tune", BASE)], {LEFT: "high carried"}, {BASE: [finding("e1", "high")]}),
    "diamond": Case(DIAMOND, {MERGE: "high carried"}, {BASE: [finding("e1", "high")]}),
    "merge takes the higher parent": Case(
        [(MERGE, "merge", LEFT), (MERGE, "merge", RIGHT)],
        {MERGE: "critical carried"},
        {LEFT: [finding("e1", "low")], RIGHT: [finding("e2", "critical")]},
    ),
    "merge with one silent parent is partial": Case(
        [(MERGE, "merge", LEFT), (MERGE, "merge", RIGHT)], {MERGE: "low carried partial"}, {LEFT: [finding("e1", "low")]}
    ),
    "parent that has not spoken": Case([(LEFT, "fine_tune", BASE)], {LEFT: "unknown unknown partial"}, silent=frozenset({BASE})),
    "reduced by its relation": Case(
        [(LEFT, "quantise", BASE)],
        {(LEFT, "R12"): "moderate carried", (LEFT, "R11"): "unknown unknown partial"},
        {BASE: [finding("e1", "high", category="R12")]},
    ),
    "reduced ends at low": Case(
        [(LEFT, "quantise", BASE), (MERGE, "quantise", LEFT), ("e/last@1", "quantise", MERGE)],
        {("e/last@1", "R12"): "low carried"},
        {BASE: [finding("e1", "high", category="R12")]},
    ),
    "dataset passes what is in the data": Case(
        [(LEFT, "trained_on", "a/data@1")],
        {(LEFT, "R04"): "high carried", (LEFT, "R05"): "unknown unknown"},
        {"a/data@1": [finding("e1", "high", category="R04"), finding("e2", "high", category="R05")]},
    ),
    "own finding considers the parent's: cut": Case(
        [(LEFT, "fine_tune", BASE), (MERGE, "fine_tune", LEFT)],
        {LEFT: "low assessed", MERGE: "low carried"},
        {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low", considers=["e1"])]},
    ),
    "own finding does not consider it: reassess": Case(
        [(LEFT, "fine_tune", BASE), (MERGE, "fine_tune", LEFT)],
        {LEFT: "high reassess", MERGE: "high carried"},
        {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low")]},
    ),
    "a lower finding upstream needs no consideration": Case(
        [(LEFT, "fine_tune", BASE)],
        {LEFT: "moderate assessed"},
        {BASE: [finding("e1", "moderate")], LEFT: [finding("e2", "moderate")]},
    ),
    "considered by its token": Case(
        [(LEFT, "fine_tune", BASE)],
        {LEFT: "low assessed"},
        {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low", considers=[risk.token(LEFT, BASE, "e1")])]},
    ),
    "a token of another release counts for nothing": Case(
        [(LEFT, "fine_tune", BASE)],
        {LEFT: "high reassess"},
        {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low", considers=[risk.token(RIGHT, BASE, "e1")])]},
    ),
    "a cut on one side of a diamond leaves the other": Case(
        DIAMOND,
        {LEFT: "low assessed", MERGE: "high carried"},
        {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low", considers=["e1"])]},
    ),
    "expired finding stays as a floor": Case(
        [(LEFT, "fine_tune", BASE)],
        {BASE: "high reassess", LEFT: "high carried"},
        {BASE: [finding("e1", "high", end=T0)]},
        now=T0,
    ),
    "expired floor above a current finding": Case(
        [], {BASE: "high reassess"}, {BASE: [finding("e1", "high", end=T0), finding("e2", "low")]}, now=T0
    ),
    "current finding at the floor's level": Case(
        [], {BASE: "high assessed"}, {BASE: [finding("e1", "high", end=T0), finding("e2", "high")]}, now=T0
    ),
    "not expired while no tick came": Case([], {BASE: "high assessed"}, {BASE: [finding("e1", "high", end=T0)]}),
    "valid from a later day waits for its tick": Case(
        [], {BASE: "unknown unknown"}, {BASE: [finding("e1", "high", start=T0 + timedelta(days=1))]}, now=T0
    ),
    "valid from now": Case([], {BASE: "high assessed"}, {BASE: [finding("e1", "high", start=T0)]}, now=T0),
    "change notice after the assessment": Case(
        [], {BASE: "low reassess"}, {BASE: [finding("e1", "low", order=1)]}, {BASE: [change("n1", "R11", order=2)]}
    ),
    "assessment after the change notice": Case(
        [], {BASE: "low assessed"}, {BASE: [finding("e1", "low", order=3)]}, {BASE: [change("n1", "R11", order=2)]}
    ),
    "assessment that considers the change notice": Case(
        [],
        {BASE: "low assessed"},
        {BASE: [finding("e1", "low", order=1, considers=["n1"])]},
        {BASE: [change("n1", "R11", order=2)]},
    ),
    "change notice of another category": Case(
        [], {BASE: "low assessed"}, {BASE: [finding("e1", "low", order=1)]}, {BASE: [change("n1", "R07", order=2)]}
    ),
    "change notice over what is carried": Case(
        [(LEFT, "fine_tune", BASE)],
        {LEFT: "high carried_unverified"},
        {BASE: [finding("e1", "high")]},
        {LEFT: [change("n1", "R11")]},
    ),
    "change notice over nothing": Case([], {BASE: "unknown unknown"}, changes={BASE: [change("n1", "R11")]}),
    "release as its own parent": Case([(BASE, "merge", BASE)], {BASE: "low assessed"}, {BASE: [finding("e1", "low")]}),
}


@pytest.mark.parametrize("name", CASES)
def test_effective_risk(name: str) -> None:
    """Each graph comes to rest at the expected level, status and flag."""
    case = CASES[name]
    world = World(case.edges, case.findings, case.changes, case.silent, case.now).settle()
    found = {key: world.result(*((key,) if isinstance(key, str) else key)) for key in case.expected}
    assert found == case.expected


# --------------------------------------------------------------------------------------------------- lineage


def test_a_diamond_counts_an_origin_once() -> None:
    """Two ways from one origin are one contribution, along the first way in the order of the alphabet."""
    world = World(DIAMOND, {BASE: [finding("e1", "high")]}).settle()
    ways = [world.held[MERGE]["ways"][source["way"]] for source in world.entry(MERGE)["sources"]]
    assert [(way["origin"], [hop["release"] for hop in way["path"]]) for way in ways] == [(BASE, [BASE, LEFT])]


def test_a_way_stands_once_for_all_categories() -> None:
    """Fifteen categories of an origin that nobody speaks for come along one way."""
    world = World(DIAMOND, {BASE: [finding("e1", "high")]}, silent=frozenset({BASE})).settle()
    held = world.held[LEFT]
    assert [way["origin"] for way in held["ways"]] == [BASE]
    assert [[source["way"] for source in entry["sources"]] for entry in held["profile"]] == [[0]] * len(risk.CATEGORIES)


CYCLE = [(LEFT, "merge", RIGHT), (RIGHT, "merge", LEFT), (LEFT, "fine_tune", BASE)]


def test_a_cycle_ends_and_a_lowered_origin_lowers_everywhere() -> None:
    """No level keeps itself alive by going round."""
    world = World([*CYCLE, (MERGE, "fine_tune", RIGHT)], {BASE: [finding("e1", "critical")]}).settle()
    assert [world.result(name) for name in (LEFT, RIGHT, MERGE)] == ["critical carried"] * 3
    world.findings = {BASE: [finding("e2", "low")]}
    world.settle()
    assert [world.result(name) for name in (LEFT, RIGHT, MERGE)] == ["low carried"] * 3


def test_a_cycle_that_nobody_assessed_knows_nothing() -> None:
    """Two releases made from one another, and nothing else."""
    world = World(CYCLE[:2]).settle()
    assert [world.result(name) for name in (LEFT, RIGHT)] == ["unknown unknown partial"] * 2


def test_a_release_does_not_hear_of_itself() -> None:
    """What comes back to its origin is ignored there."""
    world = World(CYCLE[:2], {LEFT: [finding("e1", "high")]}).settle()
    assert world.entry(LEFT)["sources"] == []
    assert world.result(RIGHT) == "high carried"


@pytest.mark.parametrize("stage", ["deprecated", "withdrawn"])
def test_a_withdrawn_or_deprecated_release_is_news_and_removes_no_risk(stage: r.Stage) -> None:
    """Downstream hears of the stage with the way it came, and the risk stays."""
    world = World([(LEFT, "fine_tune", BASE), (MERGE, "merge", LEFT)], {BASE: [finding("e1", "high")]})
    world.held[BASE] = {**dossiers.empty(BASE), "stage": stage, "card_event": "c1"}
    world.settle()
    assert world.result(MERGE) == "high carried"
    news = dossiers.stage_news(world.held[MERGE])
    assert [(n["origin"], n["stage"], [hop["release"] for hop in n["path"]]) for n in news] == [(BASE, stage, [BASE, LEFT])]


# --------------------------------------------------------------------------------------------------- the path shown


@pytest.mark.parametrize(
    ("edges", "findings", "path"),
    [
        pytest.param(
            [(MERGE, "merge", LEFT), (MERGE, "merge", RIGHT)],
            {LEFT: [finding("e1", "high")], RIGHT: [finding("e2", "critical")]},
            [RIGHT],
            id="highest level first",
        ),
        pytest.param(
            [(LEFT, "fine_tune", BASE), (MERGE, "merge", LEFT), (MERGE, "merge", BASE)],
            {BASE: [finding("e1", "high")]},
            [BASE],
            id="then the shortest",
        ),
        pytest.param(DIAMOND, {BASE: [finding("e1", "high")]}, [BASE, LEFT], id="then the alphabet"),
        pytest.param(
            [(LEFT, "fine_tune", BASE)],
            {BASE: [finding("e1", "high")], LEFT: [finding("e2", "low", considers=["e1"])]},
            [],
            id="none where the own word decides",
        ),
        pytest.param(
            [(MERGE, "merge", LEFT), (MERGE, "merge", RIGHT)],
            {
                LEFT: [finding("e1", "critical")],
                RIGHT: [finding("e2", "high")],
                MERGE: [finding("e3", "low", considers=["e1"])],
            },
            [RIGHT],
            id="not one that was considered",
        ),
    ],
)
def test_the_deciding_path(edges: Edges, findings: Findings, path: list[str]) -> None:
    """A change tells the way of the input that decides."""
    world = World(edges, findings).settle()
    last = edges[-1][0]
    changed = risk.profile_changes(dossiers.empty(last), world.held[last])
    [found] = [entry for entry in changed if entry["category"] == "R11"]
    assert [hop["release"] for hop in found["path"]] == path


def test_a_change_says_from_to_and_what_to_do() -> None:
    """Each status has its ask; equal profiles have no change."""
    before = World([(LEFT, "fine_tune", BASE)], {LEFT: [finding("e2", "low")], BASE: [finding("e0", "low")]}).settle()
    after = World([(LEFT, "fine_tune", BASE)], {LEFT: [finding("e2", "low")], BASE: [finding("e1", "high")]}).settle()
    [changed] = risk.profile_changes(before.held[LEFT], after.held[LEFT])
    assert (changed["from_level"], changed["to_level"]) == ("low", "high")
    assert (changed["from_status"], changed["to_status"], changed["ask"]) == ("assessed", "reassess", "reassess")
    assert risk.profile_changes(after.held[LEFT], after.held[LEFT]) == []
    assert set(risk.ASKS) == set(get_args(r.Status)) - {"UNKNOWN"}


# --------------------------------------------------------------------------------------------------- the bounds


def chain(length: int) -> Edges:
    """Each release made from the one before."""
    names = [f"p/n{number:03d}@1" for number in range(length)]
    return [(child, "fine_tune", parent) for parent, child in pairwise(names)]


def test_a_path_has_at_most_64_hops_and_the_risk_goes_on() -> None:
    """Beyond the bound the way is lost, the level is not."""
    edges = chain(100)
    world = World(edges, {edges[0][2]: [finding("e1", "critical")]}).settle()
    hops = [len(way["path"]) for child, _, _ in edges for way in world.held[child]["ways"]]
    assert max(hops) <= risk.MAX_PATH
    assert {world.result(child).split()[0] for child, _, _ in edges} == {"critical"}


def test_origins_beyond_256_fold_into_others_at_their_maximum() -> None:
    """One source named others, as high as the highest it stands for."""
    edges = [(MERGE, "merge", f"p/n{number:03d}@1") for number in range(400)]
    findings = {parent: [finding(f"e-{parent}", "high")] for _, _, parent in edges}
    world = World(edges, findings).settle()
    flows = risk.carried_flows(MERGE, world.held[MERGE]["parents"], PROPAGATION)["R11"]
    assert len(flows) <= risk.MAX_ORIGINS
    [others] = [flow for flow in flows if flow.origin == f"others@{MERGE}"]
    assert others.level == "high"
    assert world.result(MERGE) == "high carried"
    assert len(world.entry(MERGE)["sources"]) == risk.MAX_SOURCES


def test_a_new_finding_among_the_others_is_not_considered() -> None:
    """Whoever considered the folded origins is asked again when one of them changes."""
    edges = [(MERGE, "merge", f"p/n{number:03d}@1") for number in range(400)]
    findings = {parent: [finding(f"e-{parent}", "high")] for _, _, parent in edges}
    world = World(edges, findings).settle()
    flows = risk.carried_flows(MERGE, world.held[MERGE]["parents"], PROPAGATION)["R11"]
    known = [flow.event_id for flow in flows if flow.event_id]
    world.findings = {**findings, MERGE: [finding("own", "low", considers=known)]}
    assert world.settle().result(MERGE) == "low assessed"
    world.findings = {**world.findings, "p/n399@1": [finding("new", "high")]}
    assert world.settle().result(MERGE) == "high reassess"


def test_what_one_hop_of_a_fold_hides_all_of_them_hide() -> None:
    """The hops of folds within folds stand in the order of the alphabet, so none can be shown for its own sake."""
    hops: list[r.Hop] = [
        {"release": "p/wide@1", "relation": "merge", "audience": "public"},
        {"release": "q/mid@1", "relation": "merge", "audience": "provider"},
        {"release": "r/last@1", "relation": "merge", "audience": "public"},
    ]
    flows = [risk.Flow(f"others@p/wide{number}@1", "high", f"e{number}", tuple(hops)) for number in range(2)]
    folded = risk._fold(f"others@{MERGE}", flows)
    assert [hop["audience"] for hop in folded.path] == ["provider"] * 3


def test_a_snapshot_of_the_widest_release_fits_a_record(codec: Codec) -> None:
    """All origins in all categories: well under the 2 MiB of an internal topic."""
    parents = [f"party-number-{number:03d}/a-line-of-some-length@version-{number}" for number in range(400)]
    every: list[Any] = [{"category": category, "level": "high"} for category in risk.CATEGORIES]
    findings: Any = {parent: [{**finding("x" * 36 + parent, "high"), "findings": every}] for parent in parents}
    world = World([(MERGE, "merge", parent) for parent in parents], findings).settle()
    assert len(codec.encode("Snapshot", world.snapshot(MERGE))) < 2**20


# --------------------------------------------------------------------------------------------------- the table


@pytest.mark.parametrize("relation", get_args(r.Relation))
def test_propagation_only_keeps_or_lowers(relation: r.Relation) -> None:
    """For every relation, category and level."""
    for category in risk.CATEGORIES:
        for level in get_args(r.Level):
            carried = PROPAGATION.carry(relation, category, level)
            assert carried is None or risk.RANK[carried] <= risk.RANK[level]
            assert carried is None or (carried == "unknown") == (level == "unknown")
            assert carried is None or (carried == "none") == (level == "none")


def test_every_relation_of_the_schema_is_in_the_table() -> None:
    """None falls back on UNKNOWN by accident."""
    assert set(PROPAGATION.defaults) == set(get_args(r.Relation))


def test_a_relation_the_table_does_not_know_is_taken_at_its_worst() -> None:
    """A newer party's relation carries everything."""
    table: Propagation = parse_propagation('[relation.UNKNOWN]\ndefault = "carries"\nreason = "worst"')
    assert table.carry("of-tomorrow", "R01", "high") == "high"
