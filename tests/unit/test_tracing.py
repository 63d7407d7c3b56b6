"""A trace goes all the way, changes nothing that is said, and one event's way can be told from the topics."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from exchange.client.trace import fresh
from exchange.core.envelope import traceparent_of
from exchange.core.ledger import Ledger, name_of
from exchange.core.step import Output
from exchange.testing.bus import Bus
from exchange.tracing import STAGES, _since, follow

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BASE, CHILD = "acme/base@1", "corp/child@1"


def world(limit: int = 500) -> Bus:
    """Two lines, one made from the other, and a subscriber of each."""
    bus = Bus(partitions=2, limit=limit)
    for party in ("acme", "corp", "user"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer"]})
    bus.run()
    bus.submit("acme", "ModelCard", {"release": BASE, "stage": "released"})
    bus.submit("corp", "ModelCard", {"release": CHILD, "stage": "released", "parents": [{"ref": BASE, "relation": "fine_tune"}]})
    for target in ("acme/base", "corp/child"):
        bus.submit("user", "Subscription", {"target": target})
    bus.run()
    return bus


def assess(bus: Bus, trace: str | None) -> str:
    finding = {"category": "R11", "level": "high"}
    record = {"release": BASE, "assessor": "acme", "independence": "self", "findings": [finding]}
    event = bus.submit("acme", "RiskAssessment", record, event_id="the-event", traceparent=trace)
    bus.run()
    return event


@pytest.mark.parametrize("limit", [1, 500])
def test_every_record_that_an_event_sets_off_carries_its_trace(limit: int) -> None:
    """At once or from the queue: receipt, journal, decisions, notices, upstream messages; and nothing else does."""
    bus = world(limit)
    before = {place: len(log) for place, log in bus.logs.items()}
    assess(bus, TRACE)
    fresh_ones = [record for place, log in bus.logs.items() for record in log[before.get(place, 0) :]]
    assert {traceparent_of(record.headers) for record in fresh_ones} == {TRACE}
    names = Counter(name_of(record) for record in fresh_ones)
    assert names["Decision"] == 2
    assert names["UpstreamMessage"] == 1
    assert names["Notice"] >= 4
    assert all(
        traceparent_of(record.headers) is None for place, log in bus.logs.items() for record in log[: before.get(place, 0)]
    )
    assert not [key for lane in bus.lanes for key, _ in lane.state.scan("mark/trace/")]


def test_a_trace_changes_nothing_that_is_said() -> None:
    """Values and keys are those of a run without one, and comparisons leave it out."""
    traced, plain = world(), world()
    assess(traced, TRACE)
    assess(plain, None)
    assert traced.logs.keys() == plain.logs.keys()
    for place, log in traced.logs.items():
        assert [(each.key, each.value) for each in log] == [(each.key, each.value) for each in plain.logs[place]]
        ledger = Ledger(plain.logs[place])
        outputs = [Output(each.topic, each.partition, each.key, each.value, each.headers) for each in log]
        assert ledger.missing(outputs) == []


def test_what_is_no_trace_is_not_carried_on() -> None:
    """A refused submission may hold anything."""
    assert traceparent_of([("traceparent", b"\xff-nonsense")]) is None
    assert traceparent_of([("traceparent", TRACE.encode())]) == TRACE
    assert traceparent_of([]) is None


def test_a_dead_letter_carries_the_trace() -> None:
    """Of what was refused."""
    bus = world()
    bus.submit("acme", "ModelCard", {"release": "corp/child@2", "stage": "released"}, traceparent=TRACE)
    bus.run()
    [letter] = bus.logs[bus.topics.dead_letters, 0]
    assert traceparent_of(letter.headers) == TRACE


@pytest.mark.parametrize("trace", [TRACE, None])
def test_the_way_of_an_event_is_told_from_the_topics(trace: str | None) -> None:
    """Whether or not it carries a trace: each record once, with whom it tells; nothing of other events."""
    bus = world()
    event = assess(bus, trace)
    hops = follow(_logs(bus), bus.topics, bus.codec, event)
    assert Counter(hop.stage for hop in hops) == Counter(
        {"submission": 1, "journal": 1, "receipt": 1, "decision": 2, "upstream": 1, "notice": 4}
    )
    told = {(hop.party, hop.about, hop.what) for hop in hops if hop.stage == "notice"}
    assert told == {
        ("acme", BASE, "result"),
        ("user", BASE, "profile_change"),
        ("corp", CHILD, "profile_change"),
        ("user", CHILD, "profile_change"),
    }
    assert [hop.about for hop in hops if hop.stage == "upstream"] == [CHILD]
    assert [STAGES.index(hop.stage) for hop in hops] == sorted(STAGES.index(hop.stage) for hop in hops)
    assert follow(_logs(bus), bus.topics, bus.codec, "another") == []


def _logs(bus: Bus) -> Any:
    return {TopicPartition(*place): log for place, log in bus.logs.items()}


def test_an_id_that_holds_its_time_says_from_when_to_look() -> None:
    """UUIDv7; an hour is left for the publisher's clock."""
    assert _since("01890a5d-ac96-774b-bcce-b302099a8057") == 0x01890A5DAC96 - 3_600_000
    assert _since("the-event") is None
    assert _since("01890a5d-ac96-474b-bcce-b302099a8057") is None


def test_a_client_begins_a_trace() -> None:
    """Well-formed, a new one each time."""
    made = {fresh() for _ in range(10)}
    assert len(made) == 10
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", each) for each in made)
