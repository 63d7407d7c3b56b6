"""The dossier processor's step, seen through the whole flow in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exchange.adapters.resources import load_rule_texts
from exchange.core import dossier_step
from exchange.core.dossier import MAX_SEEN
from exchange.core.rules import bundle
from exchange.core.step import Output
from exchange.events import records as r
from exchange.refs import partition_of
from exchange.testing.bus import EPOCH, Bus

BASE, CHILD = "acme/base@1", "corp/child@1"


@pytest.fixture
def bus() -> Bus:
    opened = Bus(partitions=2)
    for party in ("acme", "beta", "corp", "lab"):
        opened.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer", "assessor"]})
    opened.run()
    return opened


def card(bus: Bus, release: str, *parents: str, stage: str = "released", relation: str = "fine_tune", **more: Any) -> str:
    """A party publishes a card, and the flow comes to rest."""
    links = [{"ref": ref, "relation": relation} for ref in parents]
    record = {"release": release, "stage": stage, "parents": links, **more}
    identity = bus.submit(release.partition("/")[0], "ModelCard", record)
    bus.run()
    return identity


def assess(bus: Bus, release: str, level: str, *, assessor: str | None = None, category: str = "R11", **more: Any) -> str:
    """Somebody publishes an assessment, and the flow comes to rest."""
    owner = release.partition("/")[0]
    who = assessor or owner
    record = {
        "release": release,
        "assessor": who,
        "independence": "self" if who == owner else "third_party",
        "findings": [{"category": category, "level": level}] if level else [],
        **more,
    }
    identity = bus.submit(who, "RiskAssessment", record)
    bus.run()
    return identity


def held(bus: Bus, release: str) -> r.Dossier:
    """A dossier that must be there."""
    found = bus.dossier(release)
    assert found is not None
    return found


def result(bus: Bus, release: str, category: str = "R11") -> str:
    """Level and status."""
    entry = next(entry for entry in held(bus, release)["profile"] if entry["category"] == category)
    return f"{entry['level']} {entry['status']}"


def decisions(bus: Bus, release: str | None = None) -> list[r.Decision]:
    """Decisions, about one release if it is named."""
    return [each for each in bus.records(bus.topics.decisions, "Decision") if release in (None, each["release"])]


# --------------------------------------------------------------------------------------------------- lineage


def test_the_first_card_claims_its_line_once(bus: Bus) -> None:
    """Later cards of any release of the line claim nothing."""
    card(bus, BASE)
    card(bus, BASE, stage="deprecated")
    card(bus, "acme/base@2")
    assert [each["claims"] for each in decisions(bus) if each["line"] == "acme/base"] == [True, False, False]


def test_a_parent_nobody_speaks_for_is_a_release_all_the_same_and_can_be_claimed_later(bus: Bus) -> None:
    """The child is partial at first, and hears of it when the owner speaks."""
    card(bus, CHILD, BASE)
    assert not held(bus, BASE)["claimed"]
    assert held(bus, CHILD)["parents"][0]["snapshot"] is not None
    assert next(e for e in held(bus, CHILD)["profile"] if e["category"] == "R11")["partial"]
    card(bus, BASE)
    assess(bus, BASE, "high")
    assert held(bus, BASE)["claimed"]
    assert result(bus, CHILD) == "high carried"


def test_a_third_party_may_assess_what_nobody_has_claimed(bus: Bus) -> None:
    """The public record does not wait for the owner."""
    card(bus, CHILD, BASE)
    assess(bus, BASE, "critical", assessor="lab")
    assert (held(bus, BASE)["claimed"], result(bus, CHILD)) == (False, "critical carried")


def test_an_unpinned_parent_follows_its_line(bus: Bus) -> None:
    """None at first; then the newest released one; an older release's news does not count any more."""
    card(bus, CHILD, "acme/base")
    assert result(bus, CHILD) == "unknown unknown"
    card(bus, BASE)
    assess(bus, BASE, "high")
    assert result(bus, CHILD) == "high carried"
    card(bus, "acme/base@2", stage="preview")
    assess(bus, "acme/base@2", "low")
    assert result(bus, CHILD) == "high carried"
    card(bus, "acme/base@2")
    assert result(bus, CHILD) == "low carried"
    assess(bus, BASE, "critical")
    assert result(bus, CHILD) == "low carried"


def test_an_unpinned_parent_falls_back_when_the_current_release_is_withdrawn(bus: Bus) -> None:
    """To the one released before it; to unknown when there is none."""
    card(bus, CHILD, "acme/base")
    for release, level in ((BASE, "high"), ("acme/base@2", "low")):
        card(bus, release)
        assess(bus, release, level)
    assert result(bus, CHILD) == "low carried"
    card(bus, "acme/base@2", stage="withdrawn")
    assert result(bus, CHILD) == "high carried"
    card(bus, BASE, stage="withdrawn")
    assert result(bus, CHILD) == "unknown unknown"


@pytest.mark.parametrize("way", ["of the line", "of the line, which means another release now", "of the release"])
def test_what_was_passed_down_once_is_no_news_when_nothing_changed(bus: Bus, way: str) -> None:
    """Rules that are activated anew tell nobody: what a child has heard is remembered in whatever way it heard it."""
    for release in (BASE, "acme/base@2"):
        card(bus, release)
        assess(bus, release, "low")
    card(bus, CHILD, "acme/base@2" if way == "of the release" else "acme/base")
    if "another" in way:
        card(bus, "acme/base@2", stage="withdrawn")
    told = len(bus.notices("corp"))
    bus.activate(bundle(load_rule_texts().only(["jg-1.2"])))
    bus.run()
    assert bus.notices("corp")[told:] == []
    assess(bus, BASE if "another" in way else "acme/base@2", "high")
    assert [notice["kind"] for notice in bus.notices("corp")[told:]] == ["profile_change"]


def test_a_release_without_children_says_nothing_to_them_and_starts_with_the_first(bus: Bus) -> None:
    """Half of the work of most releases; the first child hears all there is, and after the last one it is left out again."""
    card(bus, BASE)
    assess(bus, BASE, "high")
    assert {each["snapshot"] is None for each in decisions(bus, BASE)} == {True}
    assert held(bus, BASE)["passed"] == ""
    card(bus, CHILD, BASE)
    assert result(bus, CHILD) == "high carried"
    assert held(bus, BASE)["passed"]
    card(bus, CHILD)
    assess(bus, BASE, "low")
    assert (held(bus, BASE)["passed"], decisions(bus, BASE)[-1]["snapshot"]) == ("", None)


def test_a_pinned_parent_that_is_withdrawn_keeps_its_risk_and_is_news(bus: Bus) -> None:
    """The child's decision says upstream news; the level stays."""
    card(bus, BASE)
    assess(bus, BASE, "high")
    card(bus, CHILD, BASE)
    card(bus, BASE, stage="withdrawn")
    last = decisions(bus, CHILD)[-1]
    assert (last["kind"], last["changes"], result(bus, CHILD)) == ("upstream_news", [], "high carried")
    assert held(bus, CHILD)["parents"][0]["snapshot"]["stage_news"][0]["stage"] == "withdrawn"  # type: ignore[index]


def test_a_dropped_parent_is_forgotten(bus: Bus) -> None:
    """And what it says later does not reach the child."""
    card(bus, BASE)
    assess(bus, BASE, "high")
    card(bus, CHILD, BASE)
    card(bus, CHILD)
    assert result(bus, CHILD) == "unknown unknown"
    before = held(bus, CHILD)
    assess(bus, BASE, "critical")
    assert held(bus, CHILD) == before


def test_an_edge_is_verified_by_the_digest_its_owner_published(bus: Bus) -> None:
    """Another digest, or none: declared."""
    digest = "sha256:" + "ab" * 32
    card(bus, BASE, digest=digest)
    states = []
    for number, named in enumerate((digest, "sha256:" + "cd" * 32, None)):
        release = f"corp/child@{number}"
        parent = {"ref": BASE, "relation": "quantise", "digest": named}
        bus.submit("corp", "ModelCard", {"release": release, "stage": "released", "parents": [parent]})
        bus.run()
        states.append(held(bus, release)["parents"][0]["edge"])
    assert states == ["verified", "declared", "declared"]


def test_a_diamond_tells_one_cause_once(bus: Bus) -> None:
    """One decision with news for one root cause, whichever way it comes first; the second way brings nothing new."""
    card(bus, BASE)
    for release in ("beta/left@1", "lab/right@1"):
        card(bus, release, BASE)
    card(bus, "corp/merge@1", "beta/left@1", "lab/right@1", relation="merge")
    before = len([each for each in decisions(bus, "corp/merge@1") if each["kind"] == "upstream_news"])
    cause = bus.submit(
        "acme", "ChangeNotice", {"release": BASE, "kind": "configuration", "affected_categories": [], "summary": "other prompts"}
    )
    bus.run()
    told = [each for each in decisions(bus, "corp/merge@1") if each["kind"] == "upstream_news"][before:]
    assert [each["cause"]["event_id"] for each in told if each["cause"]] == [cause]
    assert cause in held(bus, "corp/merge@1")["seen"]


def test_a_dossier_remembers_a_bounded_number_of_causes(bus: Bus) -> None:
    """The oldest go."""
    card(bus, BASE)
    for number in range(MAX_SEEN + 5):
        bus.submit("acme", "ChangeNotice", {"release": BASE, "kind": "use", "affected_categories": [], "summary": str(number)})
    bus.run()
    assert len(held(bus, BASE)["seen"]) == MAX_SEEN


# --------------------------------------------------------------------------------------------------- assessments


def test_only_the_same_assessor_supersedes_or_withdraws(bus: Bus) -> None:
    """Another's id in `supersedes` or `withdraws` ends nothing."""
    card(bus, BASE)
    first = assess(bus, BASE, "high")
    assess(bus, BASE, "low", assessor="lab", supersedes=[first], withdraws=[])
    assess(bus, BASE, "low", assessor="beta", withdraws=[first])
    assert result(bus, BASE) == "high assessed"
    assess(bus, BASE, "moderate", supersedes=[first])
    assert result(bus, BASE) == "moderate assessed"


def test_an_assessment_without_findings_only_withdraws(bus: Bus) -> None:
    """Nothing of it stays."""
    card(bus, BASE)
    first = assess(bus, BASE, "high")
    assess(bus, BASE, "", withdraws=[first])
    assert (held(bus, BASE)["assessments"], result(bus, BASE)) == ([], "unknown unknown")


# --------------------------------------------------------------------------------------------------- time and rules


def test_a_tick_works_off_more_dossiers_than_a_chunk_and_reaches_the_children() -> None:
    """Each due dossier has one decision, numbered within the tick; children of another partition hear of it."""
    bus, number = Bus(partitions=1), dossier_step.CHUNK * 2 + 7
    for party in ("acme", "corp"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer"]})
    end = EPOCH + timedelta(days=1)
    for index in range(number):
        bus.submit("acme", "ModelCard", {"release": f"acme/base@{index}", "stage": "released"})
        finding = {"category": "R11", "level": "high"}
        bus.submit(
            "acme",
            "RiskAssessment",
            {
                "release": f"acme/base@{index}",
                "assessor": "acme",
                "independence": "self",
                "valid_until": end,
                "findings": [finding],
            },
        )
    bus.submit(
        "corp", "ModelCard", {"release": CHILD, "stage": "released", "parents": [{"ref": "acme/base@3", "relation": "merge"}]}
    )
    bus.run()
    bus.tick(end)
    bus.run()
    told = [each for each in decisions(bus) if each["changes"] and each["cause"]["event_type"] == "Tick"]  # type: ignore[index]
    assert {each["index"] for each in told if each["line"] == "acme/base"} == set(range(number))
    assert {result(bus, f"acme/base@{index}") for index in range(number)} == {"high reassess"}
    assert result(bus, CHILD) == "high carried"
    dossiers = bus.lane("dossier", 0)
    assert (dossiers.state.get("mark/cursor"), dossiers.state.get("mark/time")["time"]) == (None, end)  # type: ignore[index]


def test_a_tick_that_is_not_later_does_nothing(bus: Bus) -> None:
    """Repeated or late ticks are harmless."""
    card(bus, BASE)
    assess(bus, BASE, "high", valid_until=EPOCH + timedelta(days=2))
    for days in (1, 1, 0):
        bus.tick(EPOCH + timedelta(days=days))
    bus.run()
    assert result(bus, BASE) == "high assessed"
    state = bus.lane("dossier", partition_of("acme/base", 2)).state
    assert state.get("mark/time")["time"] == EPOCH + timedelta(days=1)  # type: ignore[index]


def test_a_finding_of_tomorrow_waits_for_its_tick(bus: Bus) -> None:
    """Until then it is due, and counts for nothing."""
    card(bus, BASE)
    start = EPOCH + timedelta(days=1)
    bus.tick(EPOCH)
    assess(bus, BASE, "high", valid_from=start)
    assert (result(bus, BASE), held(bus, BASE)["due"]) == ("unknown unknown", start)
    bus.tick(start)
    bus.run()
    assert (result(bus, BASE), held(bus, BASE)["due"]) == ("high assessed", None)


def test_new_rules_look_at_every_dossier_once_chunk_by_chunk(bus: Bus) -> None:
    """Rules that change nothing leave every dossier as it is, and say so in one empty decision a partition."""
    for index in range(dossier_step.CHUNK + 5):
        bus.submit("acme", "ModelCard", {"release": f"acme/base@{index}", "stage": "released"})
    bus.run()
    before, known = bus.dossiers(), len(decisions(bus))
    bus.activate(bundle(load_rule_texts().only(["jg-1.2"]), ["someone"]))
    bus.run()
    assert bus.dossiers() == before
    assert len(decisions(bus)) == known + 2
    empty = [each for each in decisions(bus) if each["kind"] == "nothing" and not each["line"]]
    assert {each["lane"] for each in empty} == {0, 1}


# --------------------------------------------------------------------------------------------------- what breaks


def test_a_record_that_breaks_the_step_is_quarantined_and_changes_nothing(bus: Bus) -> None:
    """One decision that says so, one dead letter; what follows goes on."""
    card(bus, BASE)
    assess(bus, BASE, "high")
    before = held(bus, BASE)
    partition = partition_of("acme/base", 2)
    bus.write(Output(bus.topics.journal, partition, b"acme/base", b"\xc3\x01not a record"))
    bus.run()
    assert held(bus, BASE) == before
    last = next(each for each in reversed(decisions(bus)) if each["kind"] == "quarantined")
    assert (last["line"], last["dossier"], last["lane"]) == ("acme/base", None, partition)
    letters = bus.records(bus.topics.dead_letters, "DeadLetter")
    assert [(letter["processor"], letter["topic"]) for letter in letters] == [("dossier", bus.topics.journal)]
    assess(bus, BASE, "critical")
    assert result(bus, BASE) == "critical assessed"


def test_the_publisher_of_a_quarantined_event_is_told_so(bus: Bus) -> None:
    """So that whoever waits for one is not left waiting: here for one assessment more than a release can hold."""
    card(bus, BASE)
    for number in range(257):
        bus.submit(
            "lab",
            "RiskAssessment",
            {
                "release": BASE,
                "assessor": "lab",
                "independence": "third_party",
                "method": str(number),
                "findings": [{"category": "R11", "level": "low"}],
            },
            event_id=f"a{number}",
        )
    bus.run()
    assert len(held(bus, BASE)["assessments"]) == 256
    last = bus.notices("lab")[-1]
    assert (last["kind"], last["cause"]["event_id"] if last["cause"] else None) == ("quarantined", "a256")


def test_every_journal_record_has_a_decision(bus: Bus) -> None:
    """Empty ones too: loss shows as a missing offset."""
    card(bus, BASE)
    card(bus, CHILD, BASE)
    assess(bus, BASE, "high")
    bus.tick(EPOCH)
    bus.run()
    made = {(each["lane"], each["offset"]) for each in decisions(bus)}
    for partition in range(2):
        log = bus.logs[(bus.topics.journal, partition)]
        assert {(partition, offset) for offset in range(len(log))} <= made


def test_the_number_of_a_dossier_counts_its_changes(bus: Bus) -> None:
    """One more for each decision that holds it, so that the highest is the newest."""
    card(bus, BASE)
    assess(bus, BASE, "high")
    assess(bus, BASE, "low", assessor="lab")
    numbers = [each["dossier"]["seq"] for each in decisions(bus, BASE) if each["dossier"]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert held(bus, BASE)["seq"] == numbers[-1]


# --------------------------------------------------------------------------------------------------- what goes round


def test_a_circle_of_parents_comes_to_rest_and_keeps_nothing_alive() -> None:
    """Releases that name each other have only what they say themselves, in the circle and as long as it stands."""
    bus, source, one, two = Bus(), "acme/source@1", "acme/one@1", "acme/two@1"
    bus.submit("acme", "Party", {"party": "acme", "display_name": "Acme", "roles": ["developer"]})

    def publish(release: str, *parents: str, **told: Any) -> None:
        named = [{"ref": ref, "relation": "adapter"} for ref in parents]
        bus.submit("acme", "ModelCard", {"release": release, "stage": "released", "parents": named, **told})
        bus.run()

    def origin(release: str) -> tuple[str, str | None]:
        report = held(bus, release)["reports"][0]
        entry = next(row for row in report["rows"] if row["id"] == "JG-D6i")
        return entry["status"], entry["origin"]

    publish(source, governance={"records": "Logs of training are kept for ten years."})
    publish(one, source)
    publish(two, one)
    assert origin(one) == origin(two) == ("inherited", source)
    publish(one, source, two)
    assert origin(one) == origin(two) == ("missing", None)
    publish(one, two)
    assert origin(one) == origin(two) == ("missing", None)
    publish(one, source)
    assert origin(one) == origin(two) == ("inherited", source)
