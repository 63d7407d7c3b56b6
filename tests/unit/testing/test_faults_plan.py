"""The plan of the fault programme, and its workload: one seed, one of each; every kind appears; intake says what was foreseen."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from exchange.core.processors import NAMES
from exchange.core.step import Output
from exchange.runtime import load_codec
from exchange.testing.bus import Bus
from exchange.testing.faults.dying import POINTS
from exchange.testing.faults.plan import BROKER_RESTARTS, KINDS, NETWORK_FAULTS, PROCESS_FAULTS, RESTARTS, Fault, make_plan
from exchange.testing.faults.workload import Sent, Step, Told, make_workload
from exchange.topics import Topics

_, CODEC = load_codec()
TOPICS = Topics()


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return make_workload(3, 3000, CODEC, TOPICS)


def sent(steps: list[Step]) -> list[Sent]:
    return [step for step in steps if isinstance(step, Sent)]


@pytest.mark.parametrize("seed", range(5))
def test_one_seed_makes_one_plan(seed: int) -> None:
    assert make_plan(seed, 60) == make_plan(seed, 60)
    assert make_plan(seed, 60) != make_plan(seed + 1, 60)


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_appears_in_a_short_plan_and_every_target_in_a_long_one(seed: int) -> None:
    assert {fault.kind for fault in make_plan(seed, len(KINDS))} == set(KINDS)
    plan = make_plan(seed, 200)
    hit = {(fault.kind, name) for fault in plan for name in fault.targets}
    assert hit == {(kind, name) for kind in PROCESS_FAULTS for name in NAMES}
    assert any(len(fault.targets) == len(NAMES) for fault in plan if fault.kind == "kill")


def test_workers_die_at_every_point_before_they_do_at_any_again() -> None:
    points = [fault.point for fault in make_plan(5, 22, ["kill_at"])]
    assert points == [*POINTS, *POINTS]


@pytest.mark.parametrize("seed", range(5))
def test_plans_keep_within_their_bounds(seed: int) -> None:
    plan = make_plan(seed, 400)
    assert len(plan) == 400
    assert sum(fault.rest for fault in plan) == 80
    assert 150 < sum(fault.alone for fault in plan) < 300
    frozen = [fault.seconds for fault in plan if fault.kind == "freeze"]
    assert all(1 <= seconds <= 60 for seconds in frozen)
    assert sum(seconds > 6 for seconds in frozen) > len(frozen) / 3  # past the session of a worker
    assert any(seconds > 10 for seconds in frozen)
    assert {len(fault.pauses) for fault in plan} == {0, RESTARTS, BROKER_RESTARTS}
    nodes = [fault.node for fault in plan if fault.kind in NETWORK_FAULTS]
    assert {node % 3 for node in nodes if node is not None} == {0, 1, 2}
    assert None in nodes
    assert all(fault.node is not None for fault in plan if fault.kind not in NETWORK_FAULTS)
    assert all(bool(fault.targets) == (fault.kind in PROCESS_FAULTS) for fault in plan)


def test_a_plan_of_some_kinds_has_no_other() -> None:
    assert {fault.kind for fault in make_plan(1, 30, ("kill", "cut"))} == {"kill", "cut"}
    assert make_plan(1, 0) == list[Fault]()
    for kinds in ((), ("kill", "flood")):
        with pytest.raises(ValueError, match="kinds"):
            make_plan(1, 3, kinds)


def test_one_seed_makes_one_workload(steps: list[Step]) -> None:
    assert make_workload(3, 3000, CODEC, TOPICS) == steps
    assert make_workload(3, 500, CODEC, TOPICS) == steps[:500]
    assert make_workload(4, 500, CODEC, TOPICS) != steps[:500]


def test_a_workload_holds_everything(steps: list[Step]) -> None:
    good = [step for step in sent(steps) if step.reason is None]
    assert {step.name for step in good} == {
        "Party", "ModelCard", "ChangeNotice", "RiskAssessment", "Subscription", "Unsubscribe", "Grant", "GrantRevocation"
    }  # fmt: skip
    refused = Counter(step.reason for step in sent(steps) if step.reason)
    assert len(refused) == 11
    assert 0.03 < refused.total() / len(steps) < 0.07
    repeats = len(good) - len({step.event_id for step in good})
    assert 0.07 < repeats / len(steps) < 0.13
    assert any(isinstance(step, Told) for step in steps)
    assert any(step.client for step in good)
    assert len({step.event_id for step in good if step.client} & {step.event_id for step in good if not step.client}) > 3
    cards = [step.record for step in good if step.name == "ModelCard" and step.record]
    assert max(len(card["parents"]) for card in cards) >= 3
    assert sum(bool(card.get("disclosure")) for card in cards) > 50


def test_lineages_are_deep_and_some_are_cycles(steps: list[Step]) -> None:
    parents: dict[str, list[str]] = {}
    for step in sent(steps):
        if step.name == "ModelCard" and step.reason is None and step.record:
            parents[step.record["release"]] = [parent["ref"] for parent in step.record["parents"]]
    assert max(map(len, (_above(parents, release) for release in parents))) > 25
    assert any(release in _above(parents, release) for release in parents)
    children = Counter(ref for refs in parents.values() for ref in refs)
    assert children.most_common(1)[0][1] >= 5


def _above(parents: dict[str, list[str]], release: str) -> set[str]:
    """All that a release was made from, by pinned references."""
    found: set[str] = set()
    open_ = list(parents[release])
    while open_:
        ref = open_.pop()
        if ref not in found:
            found.add(ref)
            open_ += parents.get(ref, [])
    return found


def test_intake_says_what_the_workload_foresees(steps: list[Step]) -> None:
    """The whole flow in memory: what is foreseen as refused is refused for that reason, and nothing else is."""
    bus = Bus(partitions=TOPICS.partitions, profiles=())
    few = steps[:400]
    for step in few:
        if isinstance(step, Told):
            bus.tick(step.time)
        else:
            bus.write(Output(bus.topics.submissions, step.partition, step.key, step.value, step.headers))
    bus.run()
    letters: list[dict[str, Any]] = bus.records(bus.topics.dead_letters)
    assert {letter["processor"] for letter in letters} == {"intake"}
    assert Counter(letter["reason"] for letter in letters) == Counter(step.reason for step in sent(few) if step.reason)
    statuses = Counter(receipt["status"] for step in {each.party for each in sent(few)} for receipt in bus.receipts(step))
    good = [step.event_id for step in sent(few) if step.reason is None]
    assert statuses["accepted"] == len(set(good))
    assert statuses["repeat"] == len(good) - len(set(good))
