"""What the batch loop tells becomes metrics; names, labels and sums are what they say."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exchange.adapters import lane_events as events
from exchange.adapters.lane_state import LaneState, Stepped
from exchange.adapters.lane_tally import Publications, Tally
from exchange.adapters.metric_names import ALL, FACTS, SUMS, WORKER
from exchange.adapters.metrics import ProcessorMetrics, about
from exchange.core import census
from exchange.core.seals import Sealed
from exchange.core.step import Record, Result
from exchange.core.timing import published_ms
from exchange.testing import lineages
from exchange.testing.bus import Bus


def told(*happened: events.ProcessorEvent, processor: str | None = None) -> CollectorRegistry:
    """A registry after some events."""
    registry = CollectorRegistry()
    hook = ProcessorMetrics(registry, processor)
    for event in happened:
        hook(event)
    return registry


def test_names_follow_prometheus_and_no_label_is_open() -> None:
    """Snake case, base units, `_total` on counters alone; every label has a set, and none of them is a party's or a model's."""
    assert len({metric.full for metric in ALL}) == len(ALL)
    for metric in ALL:
        assert re.fullmatch(r"exchange(_[a-z]+)+", metric.full)
        assert metric.full.endswith("_total") == (metric.kind == "counter")
        assert not re.search(r"milli|_ms\b|minutes|percent", metric.full)
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert not {"party", "line", "release", "model", "event_id", "le"} & set(metric.label_names)
        assert all(values for values in metric.labels.values())


def test_a_series_is_there_before_its_first_event() -> None:
    """A counter that begins at 1 has no increase; those of other processors are not there."""
    registry = told(processor="dossier")
    assert registry.get_sample_value("exchange_dead_letters_total", {"processor": "dossier", "reason": "step-failed"}) == 0
    labels = {"processor": "dossier", "category": "R15", "direction": "raised"}
    assert registry.get_sample_value("exchange_profile_changes_total", labels) == 0
    assert registry.get_sample_value("exchange_submissions_total", {"processor": "dossier", "result": "accepted"}) is None


def test_the_time_since_publication_is_observed_for_each_notice() -> None:
    """Three notices of one decision are three observations, what nobody published is none."""
    facts = (("notices", "result"), ("notices", "event"), ("notices", "event"), ("journal_records", "UpstreamMessage"))
    two_seconds_ago = int(time.time() * 1000) - 2000
    registry = told(events.StepDone("fanout", 0, 1, 0.01, facts, two_seconds_ago), events.StepDone("fanout", 0, 2, 0.01, facts))
    labels = {"processor": "fanout", "until": "notice"}
    assert registry.get_sample_value("exchange_publication_seconds_count", labels) == 3
    assert 6 <= (registry.get_sample_value("exchange_publication_seconds_sum", labels) or 0) < 60
    nothing, news = (("decisions", "nothing"),), (("decisions", "profile_change"), ("dossiers", "updated"))
    registry_of_dossier = told(
        events.StepDone("dossier", 0, 1, 0.01, nothing, two_seconds_ago),
        events.StepDone("dossier", 0, 2, 0.01, news, two_seconds_ago),
    )
    labels = {"processor": "dossier", "until": "dossier"}
    assert registry_of_dossier.get_sample_value("exchange_publication_seconds_count", labels) == 1
    assert registry.get_sample_value("exchange_fanout_told_sum", {"processor": "fanout"}) == 8
    assert registry.get_sample_value("exchange_notices_total", {"processor": "fanout", "kind": "event"}) == 4


def test_a_closed_lane_leaves_no_gauge_behind() -> None:
    """Whoever opens it next tells them; counted here too, they would be counted twice."""
    lane: list[events.ProcessorEvent] = [
        events.LaneRestored("dossier", 3, 10, 7, 0.5),
        events.Counted("dossier", 3, {("dossiers_held", "released", "assessed"): 4}),
        events.Lag("dossier", 3, 5, int(time.time() * 1000) - 9000),
        events.Replayed("dossier", 3, "restore", 5, 10),
    ]
    labels = {"processor": "dossier", "partition": "3"}
    registry = told(*lane)
    held = {**labels, "stage": "released", "status": "assessed"}
    assert registry.get_sample_value("exchange_dossiers_held", held) == 4
    assert 9 <= (registry.get_sample_value("exchange_lag_seconds", labels) or 0) < 30
    assert registry.get_sample_value("exchange_replay_records_done", {**labels, "work": "restore"}) == 5
    registry = told(*lane, events.LaneStopped("dossier", 3, "revoked"))
    left = [sample.name for family in registry.collect() for sample in family.samples if sample.labels.get("partition")]
    assert left == []
    assert registry.get_sample_value("exchange_lane_stops_total", {"processor": "dossier", "reason": "revoked"}) == 1


@pytest.mark.parametrize("outcome", ["fenced", "doubt", "interrupted", "hanging"])
def test_transactions_that_failed_are_counted_by_how(outcome: str) -> None:
    """And those that were committed apart."""
    done = events.BatchCommitted("intake", 0, 1, 2, 3, 0, 0.1, 0.05, 9)
    registry = told(done, events.TransactionFailed("intake", 0, outcome))
    assert registry.get_sample_value("exchange_transactions_total", {"processor": "intake"}) == 1
    assert registry.get_sample_value("exchange_transactions_failed_total", {"processor": "intake", "outcome": outcome}) == 1


def test_every_event_is_counted_somewhere() -> None:
    """But for turns, which only health listens to."""
    for event in (events.Polled("intake"), events.LaneTurn("intake", 0), events.Assigned("intake", (), member=False)):
        before = told(processor="intake")
        assert _values(told(event, processor="intake")) == _values(before)
    for event in (
        events.Assigned("intake", (0,)),
        events.RecordBroken("intake", 0, 1, "KeyError"),
        events.Refolded("intake", 0, 1, 2, 3, 4, same=True),
    ):
        assert _values(told(event, processor="intake")) != _values(told(processor="intake"))


def _values(registry: CollectorRegistry) -> dict[Any, float]:
    return {(s.name, *sorted(s.labels.items())): s.value for family in registry.collect() for s in family.samples}


def test_build_and_process_are_told() -> None:
    """With the release, and whose process it is, in labels."""
    registry = CollectorRegistry()
    about(registry, "clock", "1.2.3")
    assert registry.get_sample_value("exchange_build_info", {"processor": "clock", "version": "1.2.3"}) == 1
    assert (registry.get_sample_value("process_resident_memory_bytes", {"processor": "clock"}) or 0) > 1e6


def test_what_parties_read_does_not_say_when_its_cause_was_published() -> None:
    """The header goes on with decisions and the journal, which only the exchange reads."""
    bus = Bus()
    timed = {topic for processor in bus.processors() for topic in processor.timed}
    assert timed == {bus.topics.decisions, bus.topics.journal}


async def test_sums_kept_up_to_date_are_the_sums_made_anew() -> None:
    """Over a random world, step by step: what a tally says it counts is what counting the whole state gives."""
    bus = Bus(partitions=1, profiles=("jg-1.2", "hf-card"))
    for step in lineages.lineage(random.Random(9), events=80):
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
    told: dict[str, dict[tuple[str, ...], int]] = {}
    tallies = {lane.processor.name: Tally(lane.processor) for lane in bus.lanes}
    for lane in bus.lanes:
        await tallies[lane.processor.name].begin(lane.state, lambda: None)
        name, take = lane.processor.name, lane._take
        told[name] = {}

        def spy(result: Result, lane: Any = lane, name: str = name, take: Any = take) -> None:
            tallies[name].move(lane.state, result.changes)
            told[name].update(tallies[name].news())
            take(result)

        lane._take = spy  # type: ignore[method-assign]
    bus.run()
    for lane in bus.lanes:
        whole = Counter(each for key, value in lane.state.items() for each in (lane.processor.census or _none)(key, value))
        assert {count: number for count, number in told[lane.processor.name].items() if number} == dict(whole)
        anew = Tally(lane.processor)
        await anew.begin(lane.state, lambda: None)
        assert anew.news() == dict(whole)
        for name, *labels in whole:
            sets = [values for label, values in SUMS[name].labels.items() if label != "partition"]
            assert len(labels) == len(sets)
            assert all(isinstance(known, str) or label in known for label, known in zip(labels, sets, strict=True))
    assert sum(number for (name, *_), number in told["dossier"].items() if name == "dossiers_held") == len(bus.dossiers())


def test_a_sum_that_is_still_being_made_counts_what_changes_meanwhile_once() -> None:
    """Keys it has been at are kept up to date, keys it has not come to yet are counted as they are then."""
    processor: Any = SimpleNamespace(census=lambda key, value: [("x", value)])
    state = LaneState({f"k{number}": "old" for number in range(4)})
    tally = Tally(processor)
    tally._go_on(state, 0.0)  # no time: one key
    assert tally.news() == {("x", "old"): 1}
    changes = {"k0": "new", "k2": "new", "k3": None, "k5": "new"}
    tally.move(state, changes)
    state.apply(changes)
    tally._go_on(state, float("inf"))
    tally.move(state, {"k1": None})
    state.apply({"k1": None})
    assert tally.news() == {("x", "old"): 0, ("x", "new"): 3}
    assert [value for _, value in state.items()] == ["new"] * 3


def test_counting_leaves_what_was_closed_closed() -> None:
    """And what was open open."""
    read: list[bytes] = []

    def reading(raw: bytes) -> dict[str, Any]:
        read.append(raw)
        return {"a": raw}

    open_, closed = Sealed(b"1", reading).open(), Sealed(b"2", reading)
    processor: Any = SimpleNamespace(census=lambda key, value: [("x", value["a"].decode())])
    tally = Tally(processor)
    tally._go_on(LaneState({"a": open_, "b": closed}), float("inf"))
    assert tally.news() == {("x", "1"): 1, ("x", "2"): 1}
    assert (open_.closed, closed.closed) == (False, True)
    assert read == [b"1", b"2"]


def _none(_key: str, _value: Any) -> tuple[()]:
    return ()


def test_what_waits_keeps_its_time_of_publication() -> None:
    """Queued with a record, told by drain work; a second decision in the queue has a time of its own."""
    known = Publications("queue/")
    queued = Stepped(5, Result({"queue/a/m/1": {"x": 1}, "told/a/m/p": {"n": 1}}), {}, {}, 0.1, published_ms=1000)
    assert known.stamp(queued).published_ms == 1000
    known.stamp(Stepped(6, Result({"queue/a/m/2": {"x": 1}}), {}, {}, 0.1, published_ms=2000))
    assert known.stamp(Stepped(None, Result({"queue/a/m/1": {"x": 2}}), {}, {}, 0.1)).published_ms == 1000
    assert known.stamp(Stepped(None, Result({"queue/a/m/1": None}), {}, {}, 0.1)).published_ms == 1000
    assert known.stamp(Stepped(None, Result({"queue/a/m/2": None}), {}, {}, 0.1)).published_ms == 2000
    assert known.stamp(Stepped(None, Result({"queue/a/m/2": None}), {}, {}, 0.1)).published_ms is None


def test_the_time_of_publication_is_the_brokers_not_a_partys() -> None:
    """A submission's own time-stamp counts, then what intake wrote; a header a party made up does not."""

    def record(topic: str, *headers: tuple[str, bytes]) -> Record:
        return Record(topic, 0, 0, None, None, headers, 77)

    forged = ("published_at", b"1")
    accepted = ("accepted_at", b"1970-01-01T00:00:05Z")
    assert published_ms(record("x.submissions", forged, accepted), "x.submissions") == 77
    assert published_ms(record("x.journal", forged, accepted), "x.submissions") == 5000
    assert published_ms(record("x.decisions", ("published_at", b"42")), "x.submissions") == 42
    assert published_ms(record("x.decisions", ("published_at", b"soon")), "x.submissions") is None
    assert published_ms(record("x.journal"), "x.submissions") is None


def test_what_the_core_counts_has_a_metric() -> None:
    """Every name of a census, and none of the three tables shares a name with another."""
    assert not set(FACTS) & set(SUMS) | set(SUMS) & set(WORKER) | set(FACTS) & set(WORKER)
    assert {name for name, *_ in census.of_queue("queue/a/m/1", {"stopped": None})} <= set(SUMS)
