"""At rest every profile of the processors is what the graph oracle computes from the accepted events alone."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core.envelope import from_headers
from exchange.core.risk import token
from exchange.oracles import graph as oracle
from exchange.testing.bus import Bus
from exchange.testing.lineages import Step, Submission, Told, lineage
from exchange.testing.strategies import worlds

PARTY_EVENTS = ("ModelCard", "ChangeNotice", "RiskAssessment")
RELATIONS = ("fine_tune", "adapter", "quantise", "merge", "distil", "continue_pretraining", "trained_on", "integrates")


def play(steps: list[Step], seed: int, *, partitions: int = 3, at_once: bool = False) -> Bus:
    """Run a world through the real steps; ``at_once`` submits all before any processor works."""
    bus = Bus(partitions=partitions)
    for step in steps:
        if isinstance(step, Told):
            bus.run(seed)
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        if not at_once:
            bus.run(seed)
    bus.run(seed)
    return bus


def expected(bus: Bus) -> dict[str, dict[str, oracle.Effective]]:
    """What the oracle says of the journal the bus has."""
    lines: dict[str, list[oracle.Accepted]] = defaultdict(list)
    tick: datetime | None = None
    for (topic, _), log in sorted(bus.logs.items()):
        if topic != bus.topics.journal:
            continue
        for record in log:
            name, value = bus.codec.decode_trusted(record.value or b"")
            attributes = from_headers(record.headers, timeless=True)
            if name in PARTY_EVENTS:
                line = value["release"].partition("@")[0]
                lines[line].append(oracle.Accepted(name, value, attributes.id, attributes.source))
            elif name == "Tick":
                tick = max(tick, value["time"]) if tick else value["time"]
    effect = bus.rules.propagation.effect
    table = {relation: {category: effect(relation, category) for category in oracle.CATEGORIES} for relation in RELATIONS}
    return oracle.profiles(lines.values(), table, tick, token)


def actual(bus: Bus) -> dict[str, dict[str, oracle.Effective]]:
    """The profiles in the dossiers; a category that is not in a profile is unknown."""
    found = {}
    for release, dossier in bus.dossiers().items():
        entries = {entry["category"]: entry for entry in dossier["profile"]}
        found[release] = {
            category: oracle.Effective(entries[category]["level"], entries[category]["status"], entries[category]["partial"])
            for category in oracle.CATEGORIES
            if category in entries
        }
    return found


def check(steps: list[Step], seed: int, **how: bool) -> None:
    bus = play(steps, seed, **how)
    refused = [receipt for party in ("p0", "p1", "p2") for receipt in bus.receipts(party) if receipt["status"] != "accepted"]
    assert refused == []
    wanted, found = expected(bus), actual(bus)
    unknown = oracle.Effective("unknown", "unknown", False)
    for release, profile in wanted.items():
        for category, effective in profile.items():
            assert found.get(release, {}).get(category, unknown) == effective, (release, category)


@pytest.mark.parametrize("seed", range(25))
def test_profiles_at_rest_are_the_oracles(seed: int) -> None:
    """On random lineages, whatever order the processors work in."""
    check(lineage(random.Random(seed), events=40, token=token), seed)


@pytest.mark.parametrize("seed", range(25, 35))
def test_a_burst_comes_to_the_same_rest(seed: int) -> None:
    """Everything between two ticks submitted before any processor works."""
    check(lineage(random.Random(seed), events=40, token=token), seed, at_once=True)


@settings(max_examples=15)
@given(worlds(events=12, token=token), st.integers(0, 1000))
def test_small_worlds(steps: list[Step], seed: int) -> None:
    """The same on worlds that hypothesis can make smaller."""
    check(steps, seed)


def test_the_generator_is_harsh() -> None:
    """Among a few seeds: cycles, ghosts, lines as parents, expiry, supersedes, tokens, and all kinds of status."""
    statuses = set()
    kinds = set()
    for seed in range(5):
        steps = lineage(random.Random(seed), events=40, token=token)
        assert steps == lineage(random.Random(seed), events=40, token=token)
        kinds |= {step.name for step in steps if isinstance(step, Submission)} | {type(step).__name__ for step in steps}
        statuses |= {effective.status for profile in expected(play(steps, seed)).values() for effective in profile.values()}
    assert statuses == {"unknown", "assessed", "reassess", "carried", "carried_unverified"}
    assert kinds == {"Party", "ModelCard", "ChangeNotice", "RiskAssessment", "Submission", "Told"}
