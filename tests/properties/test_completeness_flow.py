"""Completeness through the whole flow in memory: random cards, several profiles, rules that change, against a small oracle."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from exchange.adapters.resources import load_profile, load_rule_texts
from exchange.core import completeness
from exchange.core.check import check
from exchange.core.documents import parse_documents
from exchange.core.rules import RuleTexts, bundle
from exchange.refs import line_of, owner_of
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.contents import filled

SHIPPED = load_rule_texts()
PROFILES = ("jg-1.2", "eu-annex-xi", "eu-annex-xii", "eu-mdf")


def _rule_sets() -> list[bytes]:
    """One profile; four; four in which rows are inherited otherwise, which no report of the origin shows."""
    four = SHIPPED.only(PROFILES)
    swapped = {'inherit = "none"': 'inherit = "always"', 'inherit = "if_unchanged"': 'inherit = "none"'}
    return [bundle(SHIPPED.only(["jg-1.2"]), []), bundle(four, []), bundle(_rewritten(four, swapped), [])]


def _rewritten(texts: RuleTexts, words: Mapping[str, str]) -> RuleTexts:
    profiles = dict(texts.profiles)
    for name in profiles.keys() - {"eu-mdf"}:  # that one has rows that can inherit nothing
        for old, new in words.items():
            profiles[name] = profiles[name].replace(old, new)
    return texts._replace(profiles=profiles)


RULE_SETS = _rule_sets()


def _play(bus: Bus, steps: list[lineages.Step], chance: random.Random, schedule: random.Random) -> datetime | None:
    """The world with rules that change in between; ``schedule`` says when the flow gets to work."""
    time = None
    for step in steps:
        if chance.random() < 0.1:
            bus.activate(chance.choice(RULE_SETS))
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
            time = max(time, step.time) if time else step.time
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        if schedule.random() < 0.4:
            bus.run(schedule.randrange(2**32))
    bus.run(schedule.randrange(2**32))
    return time


@dataclass
class _Told:
    """What parties have said of one release."""

    card: Any = None
    changes: list[Any] = field(default_factory=list)


def _accepted(bus: Bus) -> tuple[dict[str, _Told], dict[str, list[str]]]:
    """The newest card and the change notices by release; per line the releases in the order they first reached released."""
    nodes: dict[str, _Told] = defaultdict(_Told)
    released: dict[str, list[str]] = defaultdict(list)
    for partition in range(bus.topics.partitions):
        for record in bus.logs[(bus.topics.journal, partition)]:
            name, value = bus.codec.decode_trusted(record.value or b"")
            if name == "ModelCard":
                nodes[value["release"]].card = value
                first = released[line_of(value["release"])]
                if value["stage"] == "released" and value["release"] not in first:
                    first.append(value["release"])
            elif name == "ChangeNotice":
                nodes[value["release"]].changes.append(value)
    return nodes, released


class _Oracle:
    """Reports by recursion over the parents, from the accepted events alone; None for what stands on a cycle."""

    def __init__(self, bus: Bus, time: datetime | None) -> None:
        self._nodes, self._released = _accepted(bus)
        self._profiles, self._day = bus.rules.profiles, time.date() if time else None
        self._known: dict[str, tuple[list[Any], list[Any]] | None] = {}

    def reports(self, release: str) -> list[Any] | None:
        """All reports of a release."""
        told = self._told(release)
        return told[0] if told else None

    def _told(self, release: str) -> tuple[list[Any], list[Any]] | None:
        """Reports, and what is passed down."""
        if release not in self._known:
            self._known[release] = None
            self._known[release] = self._worked_out(release, self._nodes.get(release, _Told()))
        return self._known[release]

    def _worked_out(self, release: str, node: _Told) -> tuple[list[Any], list[Any]] | None:
        if node.card is None:
            return [], []
        parents: list[tuple[str, list[Any]]] = []
        compute: dict[str, float | None] = {}
        for parent in node.card["parents"]:
            ref = parent["ref"] if "@" in parent["ref"] else self._current(parent["ref"])
            told = self._told(ref) if ref else ([], [])
            if told is None:
                return None
            parents.append((parent["ref"], told[1]))
            compute[parent["ref"]] = completeness.compute_of(self._nodes[ref].card) if ref else None
        reports, down = [], []
        for profile in self._profiles:
            about: Any = {"stage": node.card["stage"], "owner": owner_of(release), "changes": node.changes, "at": self._day}
            about["original_flop"] = completeness.original_flop_of(node.card, compute)
            reports.append(completeness.report(profile, node.card, parents=parents, **about))
            down += completeness.inheritable(profile, reports[-1], node.card, release, parents)
        return reports, down

    def _current(self, line: str) -> str | None:
        standing = [release for release in self._released.get(line, ()) if self._nodes[release].card["stage"] != "withdrawn"]
        return standing[-1] if standing else None


def _check(seed: int, schedule: int, *, forward: bool) -> Counter[str]:
    """Every report at rest is the oracle's; how often each status came up."""
    chance = random.Random(seed)
    steps = filled(lineages.lineage(random.Random(seed), events=40), chance, forward=forward)
    bus = Bus(partitions=3)
    time = _play(bus, steps, chance, random.Random(schedule))
    assert bus.records(bus.topics.dead_letters) == []
    oracle = _Oracle(bus, time)
    statuses: Counter[str] = Counter()
    for release, dossier in bus.dossiers().items():
        expected = oracle.reports(release)
        if expected is None:
            statuses["cycle"] += 1
            continue
        assert dossier["reports"] == expected, release
        statuses.update(row["status"] for report in expected for row in report["rows"])
    return statuses


@pytest.mark.parametrize("seed", range(16))
def test_every_report_at_rest_equals_the_oracle(seed: int) -> None:
    """Whatever the lineage, the rules that came and went, and the order of processing."""
    _check(seed, seed, forward=seed % 3 > 0)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_processing_leaves_no_trace_in_reports(seed: int) -> None:
    """The same events under six schedules end in the same reports, on cycles too."""
    chance = random.Random(seed)
    steps = filled([s for s in lineages.lineage(chance, events=40) if isinstance(s, lineages.Submission)], chance)
    ends = []
    for schedule in range(6):
        bus = Bus(partitions=3)
        bus.activate(RULE_SETS[1])
        for step in steps:
            if isinstance(step, lineages.Submission):
                bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        bus.run(schedule)
        ends.append({release: dossier["reports"] for release, dossier in bus.dossiers().items()})
    assert all(end == ends[0] for end in ends)


def test_the_worlds_are_rich() -> None:
    """Among a few worlds every status comes up, and most releases stand on no cycle."""
    statuses: Counter[str] = Counter()
    for seed in (4, 5, 6):
        statuses += _check(seed, seed + 100, forward=True)
    wanted = {"provided", "inherited", "withheld", "not_applicable", "missing", "placeholder", "stale"}
    assert set(statuses) == wanted


@pytest.mark.parametrize("chunk", [1, 100])
def test_new_ways_of_inheriting_reach_the_children(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    """Rules under which a release passes down more change no report of its own, and its child's all the same; and back again."""
    monkeypatch.setattr("exchange.core.dossier_step.CHUNK", chunk)
    bus = Bus(partitions=3, profiles=["jg-1.2"])
    for party in ("acme", "beta"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer"]})
    texts: Any = {"stage": "released", "governance": {"terms_of_service": "https://acme.example/terms"}, "role": "provider"}
    for number in range(3):
        bus.submit("acme", "ModelCard", {"release": f"acme/base@{number}", **texts})
    parent = {"ref": "acme/base@1", "relation": "fine_tune"}
    bus.submit("beta", "ModelCard", {"release": "beta/chat@1", "stage": "released", "parents": [parent]})
    bus.run()
    former = bundle(SHIPPED.only(["jg-1.2"]), [])
    newer = bundle(_rewritten(SHIPPED.only(["jg-1.2"]), {'inherit = "none"': 'inherit = "always"'}), [])
    seen = []
    for content in (former, newer, former):
        bus.activate(content)
        bus.run()
        dossiers = bus.dossiers()
        seen.append([_status(dossiers[release], "JG-P7ii-1") for release in ("acme/base@1", "beta/chat@1")])
    assert seen == [["provided", "missing"], ["provided", "inherited"], ["provided", "missing"]]


def test_a_release_inherits_nothing_from_itself() -> None:
    """A card that names its own line stands on itself; what it no longer says does not come back that way."""
    bus = Bus(partitions=2)
    bus.submit("acme", "Party", {"party": "acme", "display_name": "Acme", "roles": ["developer"]})
    card: Any = {"release": "acme/base@2", "stage": "released", "parents": [{"ref": "acme/base", "relation": "fine_tune"}]}
    statuses = []
    for status in ("Runs since 2026.", None):
        bus.submit("acme", "ModelCard", {**card, "risks": {"operating_status": status}})
        bus.run()
        statuses.append(_status(bus.dossiers()["acme/base@2"], "JG-D6ii-4"))
    assert statuses == ["provided", "missing"]


TUNED = """
release: acme/base@1
stage: released
training: {compute_flop: 1.0e+24, duration_hours: 500}
---
type: ModelCard
release: beta/chat@1
stage: released
parents:
  - {ref: acme/base@1, relation: fine-tune}
training: {compute_flop: 1.0e+23}
"""


def test_a_fact_does_not_differ_between_reports() -> None:
    """The parent's compute counts in every report, whichever profile asks for it."""
    profiles = [load_profile(name) for name in ("eu-annex-xi", "eu-annex-xii")]
    child = check(parse_documents(TUNED, "cards.yaml"), profiles)[1]
    rows = {row.row.id: row.result["status"] for profile in child.profiles for row in profile.rows}
    assert (rows["A11-1b"], rows["A12-1b"]) == ("not_applicable", "not_applicable")
    alone = check(parse_documents(TUNED, "cards.yaml"), profiles[1:])[1]
    assert {row.row.id: row.result["status"] for row in alone.profiles[0].rows}["A12-1b"] == "not_applicable"


def _status(dossier: Any, row: str) -> str:
    return next(str(entry["status"]) for report in dossier["reports"] for entry in report["rows"] if entry["id"] == row)
