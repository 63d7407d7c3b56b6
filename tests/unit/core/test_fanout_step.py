"""Fan-out: who is told what, in which order, with which number, and what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest

from exchange.core.fanout_step import FanoutStep
from exchange.core.outputs import Place, derived_id, write
from exchange.core.processors import fanout
from exchange.core.step import Output
from exchange.events import records as r
from exchange.refs import partition_of
from exchange.testing.bus import Bus

BASE, CHILD = "acme/base@1", "corp/child@1"
PARTIES = ("acme", "beta", "corp", "user-a", "user-b")


def open_bus(limit: int = 500, partitions: int = 2) -> Bus:
    """A bus with registered parties and one released card."""
    bus = Bus(partitions=partitions, limit=limit)
    for party in PARTIES:
        register(bus, party)
    card(bus, BASE)
    return bus


@pytest.fixture
def bus() -> Bus:
    return open_bus()


def register(bus: Bus, party: str) -> None:
    """A party registers."""
    bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["user", "developer", "assessor"]})
    bus.run()


def say(bus: Bus, party: str, name: str, record: Mapping[str, Any]) -> str:
    """A party says something, and the flow comes to rest."""
    identity = bus.submit(party, name, record)
    bus.run()
    return identity


def card(bus: Bus, release: str, *parents: str, **more: Any) -> str:
    """A card."""
    links = [{"ref": ref, "relation": "fine_tune"} for ref in parents]
    return say(bus, release.partition("/")[0], "ModelCard", {"release": release, "stage": "released", "parents": links, **more})


def assess(bus: Bus, release: str, level: str, **more: Any) -> str:
    """The owner's own assessment."""
    owner = release.partition("/")[0]
    finding = {"category": "R11", "level": level}
    record = {"release": release, "assessor": owner, "independence": "self", "findings": [finding], **more}
    return say(bus, owner, "RiskAssessment", record)


def told(bus: Bus, party: str) -> list[tuple[str, int, str]]:
    """Line, number and kind of each notice."""
    return [(notice["line"], notice["n"], notice["kind"]) for notice in bus.notices(party)]


# --------------------------------------------------------------------------------------------------- who is told


def test_the_publisher_always_has_a_result(bus: Bus) -> None:
    """Even where nothing changed."""
    card(bus, BASE, purpose={"summary": "x"})
    assert told(bus, "acme") == [("acme/base", 1, "result"), ("acme/base", 2, "result")]


def test_an_owner_is_told_of_what_others_say_of_its_release(bus: Bus) -> None:
    """The assessor has the result, the owner the news; nobody else hears."""
    finding = {"category": "R11", "level": "high"}
    say(
        bus,
        "beta",
        "RiskAssessment",
        {"release": BASE, "assessor": "beta", "independence": "third_party", "findings": [finding]},
    )
    assert told(bus, "acme")[-1] == ("acme/base", 2, "profile_change")
    assert told(bus, "beta") == [("acme/base", 1, "result")]
    assert told(bus, "corp") == []


def test_a_subscriber_of_a_line_hears_of_all_its_releases_one_of_a_release_of_that_alone(bus: Bus) -> None:
    """Each from the subscription on; the subscription's own result shows the state now."""
    assess(bus, BASE, "high")
    say(bus, "user-a", "Subscription", {"target": "acme/base"})
    say(bus, "user-b", "Subscription", {"target": BASE})
    first = bus.notices("user-a")[0]
    assert (first["kind"], first["release"], first["view"]["seq"] if first["view"] else 0) == ("result", BASE, 2)
    card(bus, "acme/base@2")
    assess(bus, BASE, "low")
    assert [(notice["n"], notice["release"]) for notice in bus.notices("user-a")] == [(1, BASE), (2, "acme/base@2"), (3, BASE)]
    assert [(notice["n"], notice["release"]) for notice in bus.notices("user-b")] == [(1, BASE), (2, BASE)]


def test_two_subscriptions_of_a_party_tell_once(bus: Bus) -> None:
    """To the line and to the release: one notice a decision."""
    say(bus, "user-a", "Subscription", {"target": "acme/base"})
    say(bus, "user-a", "Subscription", {"target": BASE})
    assess(bus, BASE, "high")
    assert told(bus, "user-a")[2:] == [("acme/base", 3, "profile_change")]


def test_who_unsubscribes_hears_no_more_and_numbers_go_on_when_it_comes_back(bus: Bus) -> None:
    """No number is used twice, none is left out."""
    say(bus, "user-a", "Subscription", {"target": "acme/base"})
    say(bus, "user-a", "Unsubscribe", {"target": "acme/base"})
    assess(bus, BASE, "high")
    assert told(bus, "user-a") == [("acme/base", 1, "result"), ("acme/base", 2, "result")]
    say(bus, "user-a", "Subscription", {"target": BASE})
    assess(bus, BASE, "low")
    assert [n for _, n, _ in told(bus, "user-a")] == [1, 2, 3, 4]


def test_the_end_of_a_subscription_that_is_not_there_changes_nothing(bus: Bus) -> None:
    """Its publisher has a result all the same."""
    say(bus, "user-a", "Unsubscribe", {"target": "acme/base"})
    assert told(bus, "user-a") == [("acme/base", 1, "result")]


def test_the_owner_of_a_parent_hears_of_a_child(bus: Bus) -> None:
    """With the edge, when the child's owner does not keep it back."""
    card(bus, CHILD, BASE)
    notice = bus.notices("acme")[-1]
    assert (notice["kind"], notice["release"]) == ("downstream", BASE)
    assert notice["child"]
    assert (notice["child"]["child"], notice["child"]["relation"]) == (CHILD, "fine_tune")


def test_a_child_that_keeps_back_its_origin_is_not_named_to_the_parent(bus: Bus) -> None:
    """That there is one is said, who it is is withheld."""
    card(bus, CHILD, BASE, disclosure=[{"path": "parents", "audience": "owner", "reason": "trade secret"}])
    notice = bus.notices("acme")[-1]
    assert (notice["kind"], notice["child"], notice["cause"]) == ("downstream", None, None)
    assert "child" in [entry["path"] for entry in notice["withheld"]]
    assert CHILD.encode() not in bus.codec.encode("Notice", notice)


def test_an_owner_that_claims_a_line_has_one_snapshot(bus: Bus) -> None:
    """What was said before it spoke is in it; it is told from then on, and no earlier."""
    card(bus, CHILD, "beta/new@1")
    finding = {"category": "R11", "level": "high"}
    say(
        bus,
        "acme",
        "RiskAssessment",
        {"release": "beta/new@1", "assessor": "acme", "independence": "third_party", "findings": [finding]},
    )
    assert told(bus, "beta") == []
    card(bus, "beta/new@1")
    [notice] = bus.notices("beta")
    assert notice["view"]
    assert (notice["n"], notice["kind"], notice["capacities"]) == (1, "result", ["owner", "publisher"])
    assert len(notice["view"]["assessments"]) == 1


def test_nobody_is_told_who_is_not_registered() -> None:
    """An assessed line of an unknown party has no notice topic."""
    bus = open_bus()
    card(bus, CHILD, "ghost/x@1")
    assert not [topic for topic, _ in bus.logs if topic.endswith("notices.ghost")]


# --------------------------------------------------------------------------------------------------- children


def test_children_are_told_by_messages_to_their_lines(bus: Bus) -> None:
    """Each child of a release, pinned or by its line; a new child has one full message and the others none."""
    card(bus, CHILD, BASE)
    card(bus, "beta/other@1", "acme/base")
    before = len(bus.records(bus.topics.journal, "UpstreamMessage"))
    card(bus, "corp/third@1", BASE)
    messages = bus.records(bus.topics.journal, "UpstreamMessage")[:]
    assert len(messages) == before + 1
    assess(bus, BASE, "high")
    after = bus.records(bus.topics.journal, "UpstreamMessage")
    assert len(after) == before + 4
    carried = [next(e for e in held["profile"] if e["category"] == "R11")["level"] for held in bus.dossiers().values()]
    assert carried == ["high"] * 4


# --------------------------------------------------------------------------------------------------- queues


def waiting(bus: Bus) -> list[str]:
    """Keys of what waits, of all lanes."""
    return [key for p in range(bus.topics.partitions) for key, _ in bus.lane("fanout", p).state.scan("queue/")]


def only(bus: Bus, names: tuple[str, ...]) -> None:
    """Let some processors work until they have nothing left."""
    while ready := [lane for lane in bus.lanes if lane.processor.name in names and lane.ready()]:
        ready[0].work(None)


def step_fanout(bus: Bus, line: str) -> None:
    """One step of the fan-out lane of a line."""
    bus.lane("fanout", partition_of(line, bus.topics.partitions)).work(None)


def test_a_decision_is_told_in_parts_and_later_ones_of_its_line_queue_behind_it() -> None:
    """In the order of their parties; everybody hears both decisions in the same order."""
    bus = open_bus(limit=2, partitions=1)
    for party in PARTIES:
        say(bus, party, "Subscription", {"target": "acme/base"})
    numbers = {party: len(bus.notices(party)) for party in PARTIES}
    for level in ("high", "low"):
        record = {"release": BASE, "assessor": "acme", "independence": "self", "findings": [{"category": "R11", "level": level}]}
        bus.submit("acme", "RiskAssessment", {**record, "method": level})
    only(bus, ("intake", "dossier"))
    step_fanout(bus, "acme/base")
    assert [party for party in PARTIES if len(bus.notices(party)) > numbers[party]] == ["acme", "beta"]
    assert len(waiting(bus)) == 1
    bus.run()
    assert waiting(bus) == []
    for party in PARTIES:
        news = bus.notices(party)[numbers[party] :]
        levels = [next(c for c in notice["changes"] if c["category"] == "R11")["to_level"] for notice in news[:1]]
        assert levels == ["high"]
        assert [notice["n"] for notice in news] == [numbers[party] + 1, numbers[party] + 2]


def taken_in(bus: Bus, take: Literal["step", "queue"] = "step") -> None:
    """Decisions are made, and fan-out of the only lane took each in (or let it wait); queues had no turn yet."""
    only(bus, ("intake", "dossier"))
    lane = bus.lane("fanout", 0)
    for record in bus.logs[(bus.topics.decisions, 0)][lane.next :]:
        lane._take(getattr(lane.processor, take)(lane.state, record))
        lane.next += 1


def test_lines_take_turns() -> None:
    """A line with many to tell does not hold up another: after one part of it comes the other."""
    bus = open_bus(limit=1, partitions=1)
    card(bus, "acme/second@1")
    for party in PARTIES:
        for line in ("acme/base", "acme/second"):
            say(bus, party, "Subscription", {"target": line})
    start = len(bus.notices("user-a"))
    for release in (BASE, "acme/second@1"):
        finding = {"category": "R11", "level": "high"}
        bus.submit(
            "acme", "RiskAssessment", {"release": release, "assessor": "acme", "independence": "self", "findings": [finding]}
        )
    taken_in(bus)
    lane = bus.lane("fanout", 0)
    order = []
    while (result := lane.processor.drain(lane.state)) is not None:  # type: ignore[misc]
        lane._take(result)
        order += {key.split("/", 1)[1].rpartition("/")[0] for key in result.changes if key.startswith("queue/")}
    assert [set(order[at : at + 2]) for at in range(0, len(order), 2)] == [{"acme/base", "acme/second"}] * (len(order) // 2)
    assert len(bus.notices("user-a")) == start + 2


def turns(bus: Bus) -> list[str]:
    """Whose turn it is, line by line, when all decisions of the only lane wait in their queues first."""
    taken_in(bus, "queue")
    lane = bus.lane("fanout", 0)
    order = []
    while (result := lane.processor.drain(lane.state)) is not None:  # type: ignore[misc]
        lane._take(result)
        order += [key.split("/")[2] for key in result.changes if key.startswith("queue/")]
    return order


@pytest.mark.parametrize(("level", "place"), [("high", 1), ("low", 5)])
def test_a_raised_risk_passes_routine_news_of_other_lines(level: str, place: int) -> None:
    """It is told at the second turn, however many lines wait before it; a lowered one waits for its turn."""
    bus = open_bus(partitions=1)
    names = [f"acme/line{number}" for number in range(6)]
    for name in names:
        card(bus, f"{name}@1")
    first = assess(bus, f"{names[-1]}@1", "moderate")
    for name in names[:-1]:
        bus.submit("acme", "ModelCard", {"release": f"{name}@1", "stage": "released", "licence": "MIT"})
    told = {"release": f"{names[-1]}@1", "assessor": "acme", "independence": "self", "supersedes": [first]}
    bus.submit("acme", "RiskAssessment", {**told, "findings": [{"category": "R11", "level": level}]})
    order = turns(bus)
    assert sorted(order) == [name.removeprefix("acme/") for name in names]
    assert order.index("line5") == place


def test_a_raised_risk_behind_routine_news_of_its_own_line_has_the_turns_too() -> None:
    """The line is told in its order; its turns come out of the lines' order until the raised risk is told."""
    bus = open_bus(partitions=1)
    names = [f"acme/line{number}" for number in range(6)]
    for name in names:
        card(bus, f"{name}@1")
    for name in names:
        bus.submit("acme", "ModelCard", {"release": f"{name}@1", "stage": "released", "licence": "MIT"})
    finding = {"findings": [{"category": "R11", "level": "high"}]}
    bus.submit("acme", "RiskAssessment", {"release": "acme/line5@1", "assessor": "acme", "independence": "self", **finding})
    order = turns(bus)
    assert [number for number, line in enumerate(order) if line == "line5"] == [1, 3]


def test_a_line_whose_decision_breaks_the_step_stops_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later decisions of the line wait behind it; a dead letter tells where."""
    bus = open_bus(partitions=1)
    card(bus, "beta/other@1")
    lane = bus.lane("fanout", 0)
    good = lane.processor

    def step(state: Any, record: Any) -> Any:
        if record.key == b"acme/base":
            raise ValueError("secret")
        return good.step(state, record)

    lane.processor = replace(good, step=step)
    before = len(bus.notices("acme"))
    assess(bus, BASE, "high")
    lane.processor = good
    assess(bus, BASE, "low")
    assess(bus, "beta/other@1", "high")
    assert len(bus.notices("acme")) == before
    assert bus.notices("beta")[-1]["line"] == "beta/other"
    assert len(waiting(bus)) == 2
    [letter] = bus.records(bus.topics.dead_letters, "DeadLetter")
    assert (letter["processor"], letter["error"], letter["topic"]) == ("fanout", "ValueError", bus.topics.decisions)


def test_a_line_that_breaks_in_its_queue_stops_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told before stays told; the rest waits, and nothing else is held up."""
    bus = open_bus(limit=1, partitions=1)
    for party in ("user-a", "user-b"):
        say(bus, party, "Subscription", {"target": "acme/base"})
    start = len(bus.notices("user-b"))
    finding = {"category": "R11", "level": "high"}
    bus.submit("acme", "RiskAssessment", {"release": BASE, "assessor": "acme", "independence": "self", "findings": [finding]})
    only(bus, ("intake", "dossier"))
    step_fanout(bus, "acme/base")
    with monkeypatch.context() as patch:
        patch.setattr(FanoutStep, "_tell", _fail)
        bus.run()
    card(bus, "beta/other@1")
    assert (len(waiting(bus)), len(bus.notices("user-b")), len(bus.notices("beta"))) == (1, start, 1)


def _fail(*_args: Any) -> Any:
    raise ValueError("broken")


def test_what_a_party_is_told_does_not_depend_on_the_parts() -> None:
    """A limit of one and a limit of 500 tell the same bytes."""
    logs = []
    for limit in (1, 3, 500):
        bus = open_bus(limit=limit)
        for party in PARTIES:
            say(bus, party, "Subscription", {"target": "acme/base"})
        assess(bus, BASE, "high")
        assess(bus, BASE, "low")
        logs.append({party: [bus.codec.encode("Notice", notice) for notice in bus.notices(party)] for party in PARTIES})
    assert logs[0] == logs[1] == logs[2]


def revised(bus: Bus, levels: tuple[str, ...], made: int = 6) -> list[tuple[str, str]]:
    """Assess a release with many children several times before fan-out has a turn; child and level of each message sent then."""
    for number in range(made):
        card(bus, f"corp/child{number}@1", BASE)
    start = len(bus.logs[(bus.topics.journal, 0)])
    for level in levels:
        record = {"release": BASE, "assessor": "acme", "independence": "self", "findings": [{"category": "R11", "level": level}]}
        bus.submit("acme", "RiskAssessment", {**record, "method": level})
    taken_in(bus)
    bus.run()
    found = []
    for record in bus.logs[(bus.topics.journal, 0)][start:]:
        name, value = bus.codec.decode_trusted(record.value or b"")
        if name == "UpstreamMessage":
            [own] = [each for each in value["snapshot"]["contributions"] if each["origin"] == BASE]
            level = next(item["level"] for item in own["carried"] if item["category"] == "R11")
            found.append((value["child"], level))
    return found


def test_children_are_left_to_a_later_decision_of_the_same_release() -> None:
    """All but the last of the walk, which shows that it came to its end; parties hear everything."""
    bus = open_bus(limit=2, partitions=1)
    say(bus, "user-a", "Subscription", {"target": "acme/base"})
    before = len(bus.notices("user-a"))
    sent = revised(bus, ("moderate", "high", "critical"))
    children = [f"corp/child{number}@1" for number in range(6)]
    assert [child for child, level in sent if level == "critical"] == children
    assert [child for child, level in sent if level == "high"] == children[-1:]
    assert [child for child, level in sent if level == "moderate"] == children[-1:]
    assert len(bus.notices("user-a")) == before + 3
    for child in children:
        dossier = bus.dossier(child)
        assert dossier is not None
        assert next(entry["level"] for entry in dossier["profile"] if entry["category"] == "R11") == "critical"


@pytest.mark.parametrize(("made", "shortened"), [(1, 0), (6, 2)])
def test_a_walk_counts_as_shortened_once(made: int, shortened: int) -> None:
    """Where children are left out, however its parts fall; a walk with one child to tell leaves nobody out."""
    for limit in (1, 2, 3):
        bus = open_bus(limit=limit, partitions=1)
        lane, facts = bus.lane("fanout", 0), list[tuple[str, ...]]()
        take = lane._take
        lane._take = lambda result, take=take, facts=facts: (facts.extend(result.facts), take(result))[1]  # type: ignore[method-assign]
        revised(bus, ("moderate", "high", "critical"), made)
        assert facts.count(("walks_shortened",)) == shortened


def test_what_cannot_be_read_covers_nothing() -> None:
    """A rebuild asks it of whatever follows on the line."""
    bus = open_bus(partitions=1)
    step = bus.lane("fanout", 0).processor
    assess(bus, BASE, "high")
    assess(bus, BASE, "low")
    earlier, later = (each for each in bus.logs[(bus.topics.decisions, 0)][-2:])
    assert step.covers is not None
    assert step.covers(earlier, later)
    assert not step.covers(earlier, later._replace(value=b"garbage"))


def test_a_decision_about_another_release_leaves_nothing_out() -> None:
    """Children of a pinned parent hear of that parent; a newer release of its line says nothing about it."""
    bus = open_bus(limit=2, partitions=1)
    for number in range(4):
        card(bus, f"corp/child{number}@1", BASE)
    start = len(bus.logs[(bus.topics.journal, 0)])
    finding = {"category": "R11", "level": "high"}
    bus.submit("acme", "RiskAssessment", {"release": BASE, "assessor": "acme", "independence": "self", "findings": [finding]})
    bus.submit("acme", "ModelCard", {"release": "acme/base@2", "stage": "released", "parents": []})
    taken_in(bus)
    bus.run()
    names = [bus.codec.decode_trusted(record.value or b"")[0] for record in bus.logs[(bus.topics.journal, 0)][start:]]
    assert names.count("UpstreamMessage") == 4


def test_a_record_that_is_no_decision_breaks_the_step(bus: Bus) -> None:
    """The lane's own input holds decisions alone."""
    processor = fanout(bus.codec, bus.topics, bus.rules_of, bus.schemas)
    record = bus.logs[(bus.topics.journal, 0)][0]
    with pytest.raises(TypeError, match="on the decisions topic"):
        processor.step(bus.lane("fanout", 0).state, record)
    assert processor.broken(bus.lane("fanout", 0).state, record, ValueError()).changes == {}


def test_what_cannot_be_read_stops_the_line_its_key_names_and_keeps_its_place() -> None:
    """Told before: what came before. Waiting behind it: what came after. Other lines go on."""
    bus = open_bus(limit=1, partitions=1)
    for party in ("user-a", "user-b"):
        say(bus, party, "Subscription", {"target": "acme/base"})
    told = len(bus.notices("user-b"))
    finding = {"category": "R11", "level": "high"}
    bus.submit("acme", "RiskAssessment", {"release": BASE, "assessor": "acme", "independence": "self", "findings": [finding]})
    only(bus, ("intake", "dossier"))
    step_fanout(bus, "acme/base")
    assert len(waiting(bus)) == 1
    bus.write(Output(bus.topics.decisions, 0, b"acme/base", b"garbage"))
    bus.write(Output(bus.topics.decisions, 0, b"lane-0", b"garbage"))
    bus.run()
    assert len(bus.notices("user-b")) == told + 1
    assess(bus, BASE, "low")
    card(bus, "beta/other@1")
    assert len(bus.notices("user-b")) == told + 1
    assert bus.notices("beta")[-1]["line"] == "beta/other"
    fanout = bus.lane("fanout", 0).state
    assert [pending["stopped"] for _, pending in fanout.scan("queue/")] == ["ParseError", None]
    assert [letter["reason"] for letter in bus.records(bus.topics.dead_letters, "DeadLetter")] == ["malformed"] * 2


def stopped(bus: Bus) -> list[str | None]:
    """Why each waiting decision of the first lane stopped its line, if it did."""
    return [pending["stopped"] for _, pending in bus.lane("fanout", 0).state.scan("queue/")]


def resume(bus: Bus, line: str) -> None:
    """An operator's word to start a line again, as `exchange lines resume` writes it."""
    place = Place(bus.topics.decisions, partition_of(line, bus.topics.partitions), line)
    bus.write(write(bus.codec, bus.topics, place, "LineResumed", {"line": line}, derived_id("resume", line)))
    bus.run()


def test_a_resumed_line_tells_what_waits_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same notices, in the same order, as where nothing broke; a line that breaks again stops again."""
    whole, bus = open_bus(limit=1, partitions=1), open_bus(limit=1, partitions=1)
    for each in (whole, bus):
        say(each, "user-a", "Subscription", {"target": "acme/base"})
    with monkeypatch.context() as patch:
        patch.setattr(FanoutStep, "_tell", _fail)
        assess(bus, BASE, "high")
        resume(bus, "acme/base")
        assert stopped(bus) == ["ValueError"]
    assess(bus, BASE, "low")
    assert len(waiting(bus)) == 2
    resume(bus, "acme/base")
    assert waiting(bus) == []
    assess(whole, BASE, "high")
    assess(whole, BASE, "low")
    for party in ("acme", "user-a"):
        assert bus.records(bus.topics.notices(party), "Notice") == whole.records(whole.topics.notices(party), "Notice")


def test_resuming_what_does_not_stand_changes_nothing() -> None:
    """Neither a line that goes on, nor one whose decision could not be read: it would be left out."""
    bus = open_bus(limit=1, partitions=1)
    resume(bus, "acme/base")
    assert waiting(bus) == []
    bus.write(Output(bus.topics.decisions, 0, b"acme/base", b"garbage"))
    bus.run()
    resume(bus, "acme/base")
    assert stopped(bus) == ["ParseError"]


def test_a_number_is_remembered_for_each_party_and_line(bus: Bus) -> None:
    """State holds the last number told."""
    assess(bus, BASE, "high")
    state = bus.lane("fanout", partition_of("acme/base", 2)).state
    held: r.Told | None = state.get("told/acme/base/acme")
    assert held == {"n": 2}
