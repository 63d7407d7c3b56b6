"""The whole flow in memory, on random lineages and random schedules, against both oracles."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.core import risk
from exchange.core.envelope import from_headers
from exchange.core.processors import state_codec
from exchange.oracles import graph as graph_oracle
from exchange.oracles.fold import fold
from exchange.refs import line_of
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.strategies import worlds


def _table(bus: Bus) -> dict[str, dict[str, str]]:
    effect = bus.rules.propagation.effect
    return {relation: {c: effect(relation, c) for c in risk.CATEGORIES} for relation in lineages.RELATIONS}


def _play(bus: Bus, steps: list[lineages.Step], chance: random.Random) -> Any:
    """Give the world to the bus, now all at once, now with the flow at work in between; returns the last tick."""
    time = None
    for step in steps:
        if isinstance(step, lineages.Told):
            bus.run(chance.randrange(2**32))
            bus.tick(step.time)
            time = max(time, step.time) if time else step.time
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        if chance.random() < 0.3:
            bus.run(chance.randrange(2**32))
    bus.run(chance.randrange(2**32))
    return time


def _accepted(bus: Bus) -> list[list[graph_oracle.Accepted]]:
    lines: dict[str, list[graph_oracle.Accepted]] = defaultdict(list)
    for partition in range(bus.topics.partitions):
        for record in bus.logs[(bus.topics.journal, partition)]:
            name, value = bus.codec.decode_trusted(record.value or b"")
            if name in ("ModelCard", "RiskAssessment", "ChangeNotice"):
                attributes = from_headers(record.headers)
                lines[line_of(value["release"])].append(graph_oracle.Accepted(name, value, attributes.id, attributes.source))
    return list(lines.values())


def _found(bus: Bus) -> dict[str, dict[str, graph_oracle.Effective]]:
    return {
        release: {e["category"]: graph_oracle.Effective(e["level"], e["status"], e["partial"]) for e in dossier["profile"]}
        for release, dossier in bus.dossiers().items()
    }


@pytest.mark.parametrize("seed", range(40))
def test_every_profile_at_rest_equals_the_graph_oracle(seed: int) -> None:
    """Whatever the lineage and whatever the order between lines, profiles at rest are the fixed point."""
    _check(lineages.lineage(random.Random(seed), events=40, token=risk.token), seed)


@settings(max_examples=15, deadline=None)
@given(steps=worlds(events=12, token=risk.token), schedule=st.integers(0, 1000))
def test_small_worlds_equal_the_graph_oracle(steps: list[lineages.Step], schedule: int) -> None:
    """The same on worlds that hypothesis can make smaller."""
    _check(steps, schedule)


def _check(steps: list[lineages.Step], schedule: int) -> None:
    bus = Bus(partitions=3)
    time = _play(bus, steps, random.Random(schedule))
    assert bus.records(bus.topics.dead_letters) == []
    expected = graph_oracle.profiles(_accepted(bus), _table(bus), time, risk.token)
    found = _found(bus)
    for release, profile in expected.items():
        assert found[release] == profile, release
    nothing = graph_oracle.Effective("unknown", "unknown", partial=False)
    for release in found.keys() - expected.keys():  # named as a parent once, and no more
        assert set(found[release].values()) == {nothing}


@pytest.mark.parametrize("seed", range(12))
def test_dossiers_decisions_and_notices_equal_the_fold_of_the_journal_byte_for_byte(seed: int) -> None:
    """Chunks, queues, turns and schedules leave no trace in what is decided and told."""
    bus = Bus(partitions=3, limit=1 + seed % 5, encode_state=True)
    _play(bus, lineages.lineage(random.Random(seed)), random.Random(seed))
    for party in ("p0", "p1", "p2"):
        bus.submit(party, "Subscription", {"target": "p0/l0"})
        bus.submit(party, "Subscription", {"target": "p1/l1@0"})
    _play(bus, lineages.lineage(random.Random(seed + 1))[3:], random.Random(seed + 1))
    journal = {p: bus.logs[(bus.topics.journal, p)] for p in range(bus.topics.partitions)}
    folded = fold(journal, bus.topics, bus.codec, bus.schemas, bus.rules_of)
    encode, _ = state_codec(bus.codec)
    assert {release: encode("dossier/", held) for release, held in bus.dossiers().items()} == folded.dossiers
    for partition, decisions in folded.decisions.items():
        assert [record.value for record in bus.logs[(bus.topics.decisions, partition)]] == decisions
    assert _notices(bus) == folded.notices


def _notices(bus: Bus) -> dict[tuple[str, str], list[bytes]]:
    told: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for (topic, _), log in bus.logs.items():
        party = bus.topics.party_of(topic)
        for record in log if party else ():
            name, notice = bus.codec.decode_trusted(record.value or b"")
            if name == "Notice":
                told[(str(party), notice["line"])].append(record.value or b"")
    return dict(told)


@pytest.mark.parametrize("seed", range(8))
def test_notices_of_a_party_about_a_line_are_numbered_without_gaps(seed: int) -> None:
    """n = 1, 2, 3, … and a decision is told to a party once."""
    bus = Bus(partitions=2, limit=2)
    _play(bus, lineages.lineage(random.Random(seed)), random.Random(seed))
    for party in ("p0", "p1", "p2"):
        by_line: dict[str, list[Any]] = defaultdict(list)
        for notice in bus.notices(party):
            by_line[notice["line"]].append(notice)
        for notices in by_line.values():
            assert [notice["n"] for notice in notices] == list(range(1, len(notices) + 1))
            decisions = [(notice["lane"], notice["offset"], notice["release"]) for notice in notices]
            assert len(set(decisions)) == len(decisions)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_across_lines_leaves_no_trace_at_rest(seed: int) -> None:
    """The same events under ten schedules end in the same profiles."""
    steps = [s for s in lineages.lineage(random.Random(seed), events=40) if isinstance(s, lineages.Submission)]
    ends = []
    for schedule in range(10):
        bus = Bus(partitions=3)
        for step in steps:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
        bus.run(schedule)
        ends.append(_found(bus))
    assert all(end == ends[0] for end in ends)


def test_the_generator_is_harsh() -> None:
    """Among a few worlds: every kind of event and every status."""
    statuses, kinds = set(), set()
    for seed in range(5):
        steps = lineages.lineage(random.Random(seed), events=40, token=risk.token)
        assert steps == lineages.lineage(random.Random(seed), events=40, token=risk.token)
        kinds |= {step.name if isinstance(step, lineages.Submission) else "Tick" for step in steps}
        bus = Bus()
        _play(bus, steps, random.Random(seed))
        statuses |= {effective.status for profile in _found(bus).values() for effective in profile.values()}
    assert statuses == {"unknown", "assessed", "reassess", "carried", "carried_unverified"}
    assert kinds == {"Party", "ModelCard", "ChangeNotice", "RiskAssessment", "Tick"}
