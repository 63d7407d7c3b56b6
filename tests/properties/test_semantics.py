"""What parties are told does not depend on which meaning of the steps is in force, and neither does what anything is at rest."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from exchange.adapters.resources import load_rule_texts
from exchange.core.rules import KNOWN_SEMANTICS, bundle
from exchange.refs import line_of
from exchange.testing.bus import Bus
from exchange.testing.contents import filled
from exchange.testing.lineages import Submission, lineage

PARTIES = ("p0", "p1", "p2", "p3")


def played(seed: int, meanings: Sequence[str], *, calm: bool = False) -> Bus:
    """A world in which each meaning is in force for a while; ``calm``: the flow comes to rest after each step."""
    chance = random.Random(seed)
    steps = filled(lineage(random.Random(seed), events=60), chance)
    bus = Bus(partitions=3)
    for part, semantics in enumerate(meanings):
        bus.activate(bundle(load_rule_texts().only(["jg-1.2"]), [], semantics))
        for step in steps[part * len(steps) // len(meanings) : (part + 1) * len(steps) // len(meanings)]:
            if isinstance(step, Submission):
                bus.submit(step.party, step.name, step.record, event_id=step.event_id)
            else:
                bus.tick(step.time)
            if calm:
                bus.run()
            elif chance.random() < 0.3:
                bus.run(chance.randrange(2**32))
        bus.run(None if calm else chance.randrange(2**32))
    return bus


def said(bus: Bus) -> dict[str, list[Any]]:
    """What each party was told, but for what numbers and names a state: a dossier's number, its place in the journal."""
    return {party: [_plain(notice) for notice in bus.notices(party)] for party in PARTIES}


def _plain(notice: Any) -> dict[str, Any]:
    view = notice["view"] and {**notice["view"], "seq": 0}
    return {**notice, "seq": 0, "lane": 0, "offset": 0, "view": view}


@pytest.mark.parametrize("seed", range(25))
def test_parties_are_told_the_same(seed: int) -> None:
    """The newest meaning leaves out work, and nothing that anybody hears."""
    former, newest = (played(seed, [semantics]) for semantics in KNOWN_SEMANTICS)
    assert said(newest) == said(former)
    assert any(each["snapshot"] is None for each in newest.records(newest.topics.decisions) if each["dossier"])


@pytest.mark.parametrize("meanings", [KNOWN_SEMANTICS, KNOWN_SEMANTICS[::-1], (*KNOWN_SEMANTICS, *KNOWN_SEMANTICS)])
@pytest.mark.parametrize("seed", range(100, 110))
def test_the_meaning_may_change_under_way(seed: int, meanings: Sequence[str]) -> None:
    """Forth, back, and forth again: each party hears what it would have heard. Calm, since what the change itself says is more
    or less, which would make other schedules.
    """
    always = played(seed, [KNOWN_SEMANTICS[0]] * len(meanings), calm=True)
    assert said(played(seed, meanings, calm=True)) == said(always)


def test_only_where_something_was_made_from_it_is_it_known_what_a_release_passes_down() -> None:
    """That is the work that is left out."""
    bus = played(3, [KNOWN_SEMANTICS[-1]])
    bus.submit("p0", "ModelCard", {"release": "p0/alone@1", "stage": "released"})
    bus.run()
    decisions = bus.records(bus.topics.decisions)
    with_children = {each["line"] for each in decisions for stake in each["stakes"] if stake["stake"]["kind"] == "child"}
    assert {each["line"] for each in decisions if each["snapshot"] or each["line_snapshot"]} <= with_children
    held = [dossier for lane in bus.lanes for key, dossier in lane.state.items() if key.startswith("dossier/")]
    childless = [dossier for dossier in held if line_of(dossier["release"]) not in with_children]
    assert childless
    assert {dossier["passed"] for dossier in childless} == {""}
