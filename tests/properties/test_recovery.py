"""Rebuild and restore in memory, on random lineages, schedules and cuts."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from exchange.adapters.completing import Completed, complete
from exchange.adapters.lane_state import LaneState
from exchange.adapters.retelling import Retelling
from exchange.core.fanout_step import FanoutStep
from exchange.core.ledger import BY_OPERATORS, by_processor, name_of
from exchange.core.outputs import Place, derived_id, write
from exchange.core.step import Record
from exchange.errors import StateError
from exchange.oracles.fold import fold
from exchange.refs import partition_of
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.topics import Topics

SEEDS = range(8)
LIMIT = 1
FINDING = {"assessor": "p0", "independence": "self", "findings": [{"category": "R04", "level": "critical"}]}


def say(bus: Bus, steps: list[lineages.Step]) -> None:
    for step in steps:
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)


def work(bus: Bus, chance: random.Random, steps: int) -> None:
    """Some turns, in any order."""
    for _ in range(steps):
        ready = [lane for lane in bus.lanes if lane.ready()]
        if not ready:
            return
        chance.choice(ready).work(chance)


def begun(seed: int, share: float = 0.5, popular: int = 0) -> tuple[Bus, random.Random, list[lineages.Step]]:
    """An exchange in the middle of its work, and what is still to be said."""
    chance = random.Random(seed)
    steps = lineages.lineage(random.Random(seed), parties=3, lines=2, events=60, popular=popular)
    bus = Bus(partitions=2, limit=LIMIT)
    part = int(len(steps) * share)
    for step in steps[:part]:
        say(bus, [step])
        work(bus, chance, chance.randrange(12))
    return bus, chance, steps[part:]


def popular(seed: int) -> tuple[Bus, random.Random, list[lineages.Step]]:
    """As :func:`begun`; a release with many children has news faster than they are told."""
    return begun(seed, 0.7, popular=9)


def resumed(seed: int) -> tuple[Bus, random.Random, list[lineages.Step]]:
    """An exchange in the middle of its work, some of whose lines a broken release of fan-out stopped, and an operator resumed."""
    tell, broken = FanoutStep._tell, set[str]()

    def breaks(self: FanoutStep, state: Any, pending: Any, *rest: Any) -> Any:
        if pending["decision"]["line"] in broken:
            raise ValueError("broken")
        return tell(self, state, pending, *rest)

    bus, chance, rest = begun(seed, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FanoutStep, "_tell", breaks)
        broken |= {"p0/l0", "p1/l1"}
        say(bus, rest[:15])
        work(bus, chance, 60)
    for line in sorted(broken):
        place = Place(bus.topics.decisions, partition_of(line, bus.topics.partitions), line)
        bus.write(write(bus.codec, bus.topics, place, "LineResumed", {"line": line}, derived_id("resume", line)))
    say(bus, rest[15:25])
    work(bus, chance, 40)
    return bus, chance, rest[25:]


def retold(bus: Bus, name: str) -> list[Retelling]:
    records = (record for log in bus.logs.values() for record in log)
    ledger = by_processor(records, bus.topics, bus.codec)[name]
    found = []
    for partition in range(bus.topics.partitions):
        lane = bus.lane(name, partition)
        told = Retelling(lane.processor, ledger)
        log = bus.logs[(lane.processor.input_topic, partition)]
        for record in log[: lane.next]:
            told.take(record)
        for record in log[lane.next : lane.next + 1]:
            told.begin(record)
        found.append(told)
    assert not ledger.left()
    return found


@pytest.mark.parametrize("begin", [begun, popular])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["intake", "dossier", "fanout"])
def test_a_rebuild_gives_the_state_that_was_there(seed: int, name: str, begin: Any) -> None:
    """In the middle of the work too: what is told is told, what waits still waits."""
    bus, *_ = begin(seed)
    for partition, told in enumerate(retold(bus, name)):
        assert told.first == ""
        state = bus.lane(name, partition).state
        assert told.agrees(state)
        if name == "dossier" and len(state):
            state.apply({next(key for key, _ in state.items()): None})
            assert not told.agrees(state)


def test_children_were_left_to_later_decisions() -> None:
    """Else the tests before and after would not show that a rebuild and a restore know them."""
    assert sum(told.left_out for seed in SEEDS for told in retold(popular(seed)[0], "fanout")) > 20


def test_a_message_that_no_later_one_makes_up_for_is_missed() -> None:
    """The last of a decision's messages is there, another is not, and no later decision goes to that child."""
    bus, _, rest = popular(1)
    say(bus, rest)
    bus.run()
    say(bus, [lineages.Submission("p0", "RiskAssessment", {**FINDING, "release": "p0/l0@0"}, "last")])
    marks = {partition: len(bus.logs[(bus.topics.journal, partition)]) for partition in range(bus.topics.partitions)}
    bus.run()
    partition = partition_of("p1/c1", bus.topics.partitions)
    log = bus.logs[(bus.topics.journal, partition)]
    number = next(n for n in range(marks[partition], len(log)) if log[n].key == b"p1/c1")
    del log[number]
    told = retold(bus, "fanout")
    assert [each.first for each in told if each.first] == [each.first for each in told if "children were not told" in each.first]
    assert any(each.first for each in told)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rebuild_knows_a_line_that_was_stopped_and_resumed(seed: int) -> None:
    """Folded by the release that mends the fault: what was told late is found where it was told."""
    bus, *_ = resumed(seed)
    for partition, told in enumerate(retold(bus, "fanout")):
        assert told.first == ""
        assert told.agrees(bus.lane("fanout", partition).state)


def test_lines_were_stopped() -> None:
    """Else the test before, and half of the next, would say nothing."""
    letters = [letter for seed in SEEDS for letter in resumed(seed)[0].records(Topics().dead_letters, "DeadLetter")]
    assert {letter["processor"] for letter in letters} >= {"fanout"}


@pytest.mark.parametrize("name", ["intake", "dossier", "fanout"])
def test_a_changed_output_is_named(name: str) -> None:
    """By topic, partition and offset."""
    bus, _, rest = begun(3)
    say(bus, rest)
    bus.run()
    place = {"intake": bus.topics.journal, "dossier": bus.topics.decisions, "fanout": bus.topics.notices("p0")}[name]
    log = next(log for (topic, _), log in sorted(bus.logs.items()) if topic == place)
    kinds = {"intake": b"ModelCard", "dossier": b"Decision", "fanout": b"Notice"}
    number = next(n for n, record in enumerate(log) if dict(record.headers)["ce_type"].endswith(kinds[name]) and n > 2)
    log[number] = log[number]._replace(value=(log[number].value or b"") + b"x")
    records = (record for each in bus.logs.values() for record in each)
    ledger = by_processor(records, bus.topics, bus.codec)[name]
    firsts = []
    for partition in range(bus.topics.partitions):
        lane = bus.lane(name, partition)
        told = Retelling(lane.processor, ledger)
        for record in bus.logs[(lane.processor.input_topic, partition)][: lane.next]:
            told.take(record)
        firsts.append(told.first)
    assert any(firsts) or name == "fanout"  # a notice is missing: fan-out would tell it, were it not for what is left over
    assert (place, log[number].partition, log[number].offset) in ledger.left()


# --------------------------------------------------------------------------------------------------- backup and restore


def cut(bus: Bus, chance: random.Random, rest: list[lineages.Step]) -> tuple[dict[Any, list[Record]], dict[int, Any], set[str]]:
    """Cut the topics one after the other, with the exchange at work in between; also what was receipted before."""
    receipted = {
        receipt["submission_id"]
        for topic, _ in list(bus.logs)
        if (party := bus.topics.party_of(topic)) is not None
        for receipt in bus.receipts(party)
    }
    taken: dict[Any, list[Record]] = {}

    def take(place: tuple[str, int]) -> None:
        taken[place] = list(bus.logs[place])
        if place[0] == bus.topics.journal or chance.random() < 0.5:
            say(bus, rest[:3])
            del rest[:3]
        work(bus, chance, chance.randrange(60 if place[0] == bus.topics.journal else 8))

    states: dict[int, Any] = {}
    for partition in range(bus.topics.partitions):
        lane = bus.lane("intake", partition)
        states[partition] = (LaneState(dict(lane.state.items())), lane.next)
        work(bus, chance, chance.randrange(8))
    mine = [place for place in bus.logs if bus.topics.party_of(place[0]) or place[0] == bus.topics.dead_letters]
    for place in mine:
        take(place)
    for topic in (bus.topics.decisions, bus.topics.journal, bus.topics.submissions):
        for partition in range(bus.topics.partitions):
            take((topic, partition))
    return taken, states, receipted


def restored(bus: Bus, taken: dict[Any, list[Record]], done: Completed) -> Bus:
    """A new exchange with what the backup held and what completes it."""
    new = Bus(partitions=bus.topics.partitions, limit=LIMIT)
    new._known = dict(bus._known)
    new.logs.clear()
    for place, log in taken.items():
        new.logs[place] = list(done.journal[place[1]] if place[0] == bus.topics.journal else log)
    for output in done.missing:
        if output.optional and (output.topic, 0) not in taken:
            continue
        new.write(output)
    for (name, partition), (state, next_) in done.states.items():
        lane = new.lane(name, partition)
        lane.state, lane.next = state, next_
    return new


def told(bus: Bus) -> dict[tuple[str, str], list[bytes]]:
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for (topic, _), log in bus.logs.items():
        party = bus.topics.party_of(topic)
        for record in log if party else ():
            if dict(record.headers)["ce_type"].endswith(b"Notice"):
                found[party, (record.key or b"").decode()].append(record.value or b"")
    return found


@pytest.mark.parametrize("begin", [begun, resumed, popular])
@pytest.mark.parametrize("seed", range(24))
def test_a_restored_exchange_goes_on_as_if_nothing_had_been(seed: int, begin: Any) -> None:
    """Cut in the middle of a burst: all that was receipted is there, numbers go on, and both halves are the fold's own."""
    bus, chance, rest = begin(seed)
    taken, states, receipted = cut(bus, chance, rest)
    make = {processor.name: processor for processor in bus.processors(LIMIT)}
    done = complete(taken, bus.topics, bus.codec, make.__getitem__, states)
    new = restored(bus, taken, done)
    seen = told_in(taken, bus)
    say(new, rest)
    new.run(seed)
    found = told(new)
    for key, values in seen.items():
        assert found[key][: len(values)] == values, key
    for (_, line), values in found.items():
        numbers = [new.codec.decode_trusted(value)[1]["n"] for value in values]
        assert numbers == list(range(1, len(values) + 1)), line
    journal = {partition: new.logs[(new.topics.journal, partition)] for partition in range(new.topics.partitions)}
    folded = fold(journal, new.topics, new.codec, new.schemas, new.rules_of)
    assert {key: values for key, values in found.items() if values} == folded.notices
    for partition in journal:
        decisions = [record for record in new.logs[(new.topics.decisions, partition)] if name_of(record) not in BY_OPERATORS]
        assert [record.value for record in decisions] == folded.decisions[partition]
    answered = [r["submission_id"] for p in parties(new) for r in new.receipts(p)]
    assert receipted <= set(answered)
    ids = [
        dict(record.headers)["ce_id"] for log in journal.values() for record in log if b"Card" in dict(record.headers)["ce_type"]
    ]
    assert len(ids) == len(set(ids))


def parties(bus: Bus) -> list[str]:
    return [party for topic, _ in list(bus.logs) if (party := bus.topics.party_of(topic)) is not None]


def told_in(taken: dict[Any, list[Record]], bus: Bus) -> dict[tuple[str, str], list[bytes]]:
    shadow = Bus(partitions=bus.topics.partitions)
    shadow.logs.clear()
    shadow.logs.update(taken)
    return told(shadow)


def test_what_the_journal_does_not_make_is_not_restored() -> None:
    """The place is named, its value is not quoted."""
    bus, _, rest = begun(4)
    say(bus, rest)
    bus.run()
    place = next(place for place in bus.logs if bus.topics.party_of(place[0]))
    record = bus.logs[place][-1]
    bus.logs[place].append(record._replace(offset=record.offset + 1, value=b"secret", headers=()))
    lanes = {n: bus.lane("intake", n) for n in range(bus.topics.partitions)}
    make = {processor.name: processor for processor in bus.processors(LIMIT)}
    states = {n: (lane.state, lane.next) for n, lane in lanes.items()}
    with pytest.raises(StateError, match=f"{place[0]}, partition 0, offset {record.offset + 1}") as refused:
        complete(bus.logs, bus.topics, bus.codec, make.__getitem__, states)
    assert "secret" not in str(refused.value)
