"""Random small worlds: parties, lines, cards with parents of every kind, assessments, change notices, the passing of time.

The same seed makes the same world. For the oracles' tests and for showing the exchange at work. The world is harsh (cycles,
parents nobody speaks for, withdrawn releases, expired and superseded assessments), but intake accepts every submission in it.

>>> import random
>>> steps = lineage(random.Random(7))
>>> isinstance(steps[0], Submission) and steps[0].name
'Party'
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

START = datetime(2026, 1, 1, tzinfo=UTC)
RELATIONS = ("fine_tune", "adapter", "quantise", "merge", "distil", "continue_pretraining", "trained_on", "integrates")
CATEGORIES = ("R01", "R04", "R08", "R12")
"""Few, so that findings meet; among them such as carry, are reduced, and do not carry."""
LEVELS = ("none", "low", "moderate", "high", "critical")


class Submission(NamedTuple):
    """What a party sends; fields that are not there take their defaults."""

    party: str
    name: str
    record: Mapping[str, Any]
    event_id: str


class Told(NamedTuple):
    """Every partition is told this time."""

    time: datetime


Step = Submission | Told


@dataclass
class _World:
    chance: random.Random
    parties: list[str]
    releases: list[str]
    ghosts: list[str]
    token: Callable[[str, str, str], str] | None
    steps: list[Step] = field(default_factory=list)
    findings: list[tuple[str, str]] = field(default_factory=list)
    assessments: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    now: datetime = START

    def submit(self, party: str, name: str, record: dict[str, Any]) -> str:
        identity = f"e{len(self.steps):04d}"
        self.steps.append(Submission(party, name, record, identity))
        return identity

    def some(self, among: list[Any] | tuple[Any, ...], most: int) -> list[Any]:
        """Up to so many different ones."""
        return self.chance.sample(among, min(len(among), self.chance.randint(0, most)))

    def soon(self) -> datetime:
        """A day near now, so that ticks and validity meet."""
        return self.now + timedelta(days=self.chance.randint(-2, 4))


def lineage(
    chance: random.Random,
    *,
    parties: int = 3,
    lines: int = 2,
    versions: int = 2,
    events: int = 24,
    popular: int = 0,
    token: Callable[[str, str, str], str] | None = None,
) -> list[Step]:
    """A world as the list of what happens in it; registrations come first.

    Args:
        chance: where every choice comes from.
        parties: how many.
        lines: of each party.
        versions: releases of each line.
        events: how many submissions and ticks follow the registrations.
        popular: so many releases more, made from the first one; a third of the events is then about that one.
        token: of (release, origin, event id); given, assessments sometimes name tokens in place of ids.
    """
    names = [f"p{number}" for number in range(parties)]
    owned = [f"{party}/l{line}@{version}" for party in names for line in range(lines) for version in range(versions)]
    world = _World(chance, names, owned, ["ghost/g0@0", "ghost/g1@0", "p0/silent@0"], token)
    for party in names:
        roles = ["developer", "provider", "assessor"]
        world.submit(party, "Party", {"party": party, "display_name": party.upper(), "roles": roles})
    for number in range(popular):
        _child(world, number)
    kinds = [_card] * 4 + [_assessment] * 4 + [_change] + [_tick] + ([_revision] * 5 if popular else [])
    for _ in range(events):
        chance.choice(kinds)(world)
    return world.steps


def _parent(ref: str, relation: str) -> dict[str, Any]:
    return {"ref": ref, "relation": relation, "digest": None, "compute_share": None, "note": None}


def _card(world: _World) -> None:
    release = world.chance.choice(world.releases)
    targets = world.chance.sample([*world.releases, *world.ghosts], world.chance.choice((0, 1, 1, 2, 3)))
    refs = dict.fromkeys(ref.partition("@")[0] if world.chance.random() < 0.25 else ref for ref in targets)
    parents = [_parent(ref, world.chance.choice(RELATIONS)) for ref in refs if ref != release]
    stage = world.chance.choice(("released", "released", "released", "preview", "research", "deprecated", "withdrawn"))
    world.submit(release.partition("/")[0], "ModelCard", {"release": release, "stage": stage, "parents": parents})


def _child(world: _World, number: int) -> None:
    """One of many that are made from the first release, or from whatever its line offers."""
    base = world.releases[0]
    ref = base.partition("@")[0] if number % 4 == 3 else base
    party = world.parties[number % len(world.parties)]
    card = {"release": f"{party}/c{number}@0", "stage": "released", "parents": [_parent(ref, "fine_tune")]}
    world.submit(party, "ModelCard", card)


def _revision(world: _World) -> None:
    """The owner of the first release assesses it anew."""
    release = world.releases[0]
    findings = [_finding(world, world.chance.choice(CATEGORIES))]
    record = {"release": release, "assessor": world.parties[0], "independence": "self", "findings": findings, "considers": []}
    times = {"valid_from": None, "valid_until": None}
    world.submit(world.parties[0], "RiskAssessment", {**record, **times, "supersedes": [], "withdraws": []})


def _assessment(world: _World) -> None:
    release = world.chance.choice([*world.releases, *world.releases, *world.ghosts])
    owner = release.partition("/")[0]
    assessor = owner if owner in world.parties and world.chance.random() < 0.7 else world.chance.choice(world.parties)
    earlier = world.assessments.setdefault((assessor, release), [])
    replaced = world.some(earlier, 2)
    cut = world.chance.randint(0, len(replaced))
    categories = world.some(CATEGORIES, 3) or ([] if replaced[cut:] else [CATEGORIES[0]])
    findings = [_finding(world, category) for category in categories]
    timed = world.chance.random() < 0.3
    start = world.soon() if timed and world.chance.random() < 0.5 else None
    identity = world.submit(
        assessor,
        "RiskAssessment",
        {
            "release": release,
            "assessor": assessor,
            "independence": "self" if assessor == owner else "third_party",
            "valid_from": start,
            "valid_until": max(start or START, world.soon()) + timedelta(days=1) if timed else None,
            "findings": findings,
            "considers": _considers(world, release),
            "supersedes": replaced[:cut],
            "withdraws": replaced[cut:],
        },
    )
    earlier.append(identity)
    world.findings.append((release, identity))


def _finding(world: _World, category: str) -> dict[str, Any]:
    level = world.chance.choice(LEVELS)
    residual = world.chance.choice(LEVELS[: LEVELS.index(level) + 1]) if world.chance.random() < 0.3 else None
    return {
        "category": category,
        "level": level,
        "residual_level": residual,
        "likelihood": None,
        "severity": None,
        "mitigations": [],
        "conditions": None,
        "carries": None,
    }


def _considers(world: _World, release: str) -> list[str]:
    known = world.some(world.findings, 6)
    ids = [
        world.token(release, origin, identity) if world.token and world.chance.random() < 0.3 else identity
        for origin, identity in known
    ]
    return [*ids, *world.some(world.changes, 3)]


def _change(world: _World) -> None:
    release = world.chance.choice(world.releases)
    record = {"release": release, "kind": "safeguards", "affected_categories": world.some(CATEGORIES, 2)}
    world.changes.append(world.submit(release.partition("/")[0], "ChangeNotice", record))


def _tick(world: _World) -> None:
    world.now += timedelta(days=world.chance.randint(0, 3))
    world.steps.append(Told(world.now))
