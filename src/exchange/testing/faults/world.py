"""A growing world of parties and lineages: power-law, up to thirty deep, with merges, data sets and cycles.

Unlike :mod:`exchange.testing.lineages`, which makes every case in a few releases, this makes many releases of few cases. They
belong to families of a bounded size, so that the news of one event, and with it the work, does not grow with the world.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
DEEPEST = 30
RELATIONS = ("fine_tune", "fine_tune", "adapter", "quantise", "distil", "continue_pretraining")
CATEGORIES = ("R01", "R04", "R08", "R12")
MOST_PARTIES = 400
"""Each has a topic of its own, and a long run is not to be a test of so many topics."""
FAMILIES = 4
"""So many families grow at a time."""
SMALLEST, LARGEST = 3, 40
LARGE = 0.02
"""Share of the families that are as large as may be, and a chain, until it is as deep as may be."""
LEVELS = ("none", "low", "moderate", "high", "critical")
ROLES = ("developer", "provider", "user", "assessor")


Edges = tuple[tuple[str, str], ...]
"""Reference and relation of each parent."""


@dataclass
class _Family:
    number: int
    size: int
    chain: bool
    releases: list[Release] = field(default_factory=list)

    @property
    def shallow(self) -> list[Release]:
        """Those that may be a parent."""
        return [release for release in self.releases if release.depth < DEEPEST]


@dataclass
class Release:
    """A release that has a card.

    Attributes:
        name: ``party/line@version``.
        depth: longest way up to a release without parents, as first published.
        parents: references of its newest card.
        assessments: (assessor, event id) of the assessments of it.
        children: how many were made from it.
        family: all releases it may be related to, by number.
    """

    name: str
    depth: int
    parents: Edges
    family: int
    assessments: list[tuple[str, str]] = field(default_factory=list)
    children: int = 0

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self.name.partition("/")[0]

    @property
    def line(self) -> str:
        """Its line."""
        return self.name.partition("@")[0]


Act = tuple[str, str, dict[str, Any]]
"""Party, record name, record."""

_Parents = Callable[[_Family], tuple[Edges, int]]
"""Who a new release of a family is made from, and how deep that makes it."""


class World:
    """Makes one act after the other; each is one that intake accepts.

    Args:
        chance: where every choice comes from.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = START
        self.parties: list[str] = []
        self.releases: list[Release] = []
        self.families: list[_Family] = []
        self.changes: list[str] = []
        self.subscribed: list[tuple[str, str]] = []
        self.grants: list[tuple[str, str]] = []
        self._secrets = 0

    def party(self) -> Act:
        """One party more, or a change of an old one's registration."""
        if not self.parties or (len(self.parties) < MOST_PARTIES and self.chance.random() < 0.8):
            name = f"p{len(self.parties):03d}"
            self.parties.append(name)
        else:
            name = self.chance.choice(self.parties)
        shown = f"{name.upper()} {self.chance.randrange(1000)}"
        return name, "Party", {"party": name, "display_name": shown, "roles": list(ROLES)}

    def act(self, identity: str) -> Act:
        """The next act.

        Args:
            identity: id of the event it will be.
        """
        if len(self.releases) < 3:
            return self._new_release(identity)
        makers: dict[Callable[[str], Act | None], int] = {
            self._new_release: 30,
            self._new_card: 12,
            self._assess: 28,
            self._change: 10,
            self._subscribe: 60,
            self._unsubscribe: 3,
            self._grant: 4,
            self._revoke: 2,
            lambda _identity: self.party(): 2,
        }
        while True:
            made = self.chance.choices(list(makers), list(makers.values()))[0](identity)
            if made is not None:
                return made

    def tick(self) -> datetime:
        """Some days later."""
        self.now += timedelta(days=self.chance.randint(0, 3))
        return self.now

    # ------------------------------------------------------------------------------------------- cards

    def _new_release(self, _identity: str) -> Act:
        owner = self.chance.choice(self.parties)
        family = self._growing()
        kinds: Sequence[_Parents] = (self._tuned, self._tuned, self._deeper, self._deeper, self._deeper, self._merged)
        if family.chain and family.releases[-1:] and family.releases[-1].depth < DEEPEST:
            kinds = (self._longer,)
        parents, depth = self.chance.choice(kinds)(family) if family.releases else ((), 0)
        mine = [release.line for release in family.releases if release.owner == owner]
        line = self.chance.choice(mine) if mine and self.chance.random() < 0.3 else f"{owner}/m{len(self.releases)}"
        release = Release(f"{line}@{len(self.releases)}", depth, parents, family.number)
        family.releases.append(release)
        self.releases.append(release)
        return owner, "ModelCard", self._card(release)

    def _growing(self) -> _Family:
        """One of the families that are not full; sizes are power-law, and a few are large."""
        growing = [family for family in self.families[-4 * FAMILIES :] if len(family.releases) < family.size]
        if len(growing) < FAMILIES:
            large = self.chance.random() < LARGE
            size = LARGEST if large else min(LARGEST, int(SMALLEST * self.chance.paretovariate(1.4)))
            growing.append(_Family(len(self.families), size, large))
            self.families.append(growing[-1])
        return self.chance.choice(growing)

    def _tuned(self, family: _Family) -> tuple[Edges, int]:
        """One parent; who has many children gets more."""
        shallow = family.shallow
        return self._from(self.chance.choices(shallow, [1 + each.children for each in shallow])[0])

    def _longer(self, family: _Family) -> tuple[Edges, int]:
        """One parent, the newest, and no other than that."""
        return self._from(family.releases[-1], pinned=True)

    def _deeper(self, family: _Family) -> tuple[Edges, int]:
        """One parent, among the deepest."""
        return self._from(self.chance.choice(sorted(family.shallow, key=lambda each: -each.depth)[:3]))

    def _from(self, parent: Release, *, pinned: bool = False) -> tuple[Edges, int]:
        parent.children += 1
        ref = parent.line if not pinned and self.chance.random() < 0.2 else parent.name
        made: list[tuple[str, str]] = [(ref, self.chance.choice(RELATIONS))]
        if self.chance.random() < 0.15:
            made.append((f"{self.chance.choice(self.parties)}/data{parent.family}@1", "trained_on"))
        return tuple(made), parent.depth + 1

    def _merged(self, family: _Family) -> tuple[Edges, int]:
        """Two or three parents, where there are so many."""
        shallow = family.shallow
        chosen = self.chance.sample(shallow, min(len(shallow), self.chance.choice((2, 2, 3))))
        for parent in chosen:
            parent.children += 1
        return tuple((parent.name, "merge") for parent in chosen), max(parent.depth for parent in chosen) + 1

    def _new_card(self, _identity: str) -> Act:
        """An old release's card again: withdrawn, deprecated, or with one more parent, perhaps one of its own descendants."""
        release = self.chance.choice(self.releases)
        if self.chance.random() < 0.2:
            other = self.chance.choice(self.families[release.family].releases)
            if other is not release and other.line not in {ref.partition("@")[0] for ref, _ in release.parents}:
                release.parents = (*release.parents, (other.name, "merge"))
        stage = self.chance.choice(("released", "released", "preview", "deprecated", "withdrawn"))
        return release.owner, "ModelCard", self._card(release, stage)

    def _card(self, release: Release, stage: str = "released") -> dict[str, Any]:
        card: dict[str, Any] = {
            "release": release.name,
            "stage": stage,
            "licence": self.chance.choice(("Apache-2.0", "MIT", None)),
            "contact": f"card {self.chance.randrange(10**6)}",
            "parents": [{"ref": ref, "relation": relation} for ref, relation in release.parents],
        }
        if self.chance.random() < 0.3:
            card["training"] = {"method": self.secret(release.owner)}
            card["disclosure"] = [{"path": "training.method", "audience": None, "reason": "trade secret"}]
        return card

    def secret(self, owner: str) -> str:
        """A text that nobody but its owner may ever read; it names the owner."""
        self._secrets += 1
        return f"canary-{owner}-{self._secrets}-{self.chance.getrandbits(64):016x}"

    # ------------------------------------------------------------------------------------------- news

    def _change(self, identity: str) -> Act:
        release = self.chance.choice(self.releases)
        touched = self.chance.sample(CATEGORIES, self.chance.randint(0, 2))
        self.changes = [*self.changes[-20:], identity]
        kind = self.chance.choice(("safeguards", "fine_tune", "data"))
        return release.owner, "ChangeNotice", {"release": release.name, "kind": kind, "affected_categories": touched}

    def _assess(self, identity: str) -> Act:
        release = self.chance.choice(self.releases)
        assessor = release.owner if self.chance.random() < 0.7 else self.chance.choice(self.parties)
        former = [event for who, event in release.assessments if who == assessor]
        replaced = self.chance.sample(former, min(len(former), self.chance.randint(0, 2)))
        withdraws = replaced[:1] if self.chance.random() < 0.2 else []
        timed = self.chance.random() < 0.25
        record = {
            "release": release.name,
            "assessor": assessor,
            "independence": "self" if assessor == release.owner else "third_party",
            "valid_until": self.now + timedelta(days=self.chance.randint(1, 6)) if timed else None,
            "findings": [self._finding(name) for name in self.chance.sample(CATEGORIES, self.chance.randint(1, 3))],
            "considers": [*self._known(), *self.chance.sample(self.changes, min(len(self.changes), 2))],
            "supersedes": [event for event in replaced if event not in withdraws],
            "withdraws": withdraws,
        }
        release.assessments.append((assessor, identity))
        return assessor, "RiskAssessment", record

    def _known(self) -> list[str]:
        """Some earlier assessments, as if the assessor had seen them upstream."""
        some = self.chance.sample(self.releases, min(3, len(self.releases)))
        return [release.assessments[-1][1] for release in some if release.assessments]

    def _finding(self, category: str) -> dict[str, Any]:
        level = self.chance.randrange(len(LEVELS))
        residual = self.chance.randint(0, level) if self.chance.random() < 0.3 else None
        return {
            "category": category,
            "level": LEVELS[level],
            "residual_level": None if residual is None else LEVELS[residual],
        }

    # ------------------------------------------------------------------------------------------- who is told, and what

    def _subscribe(self, _identity: str) -> Act:
        release = self.chance.choice(self.releases)
        wish = (self.chance.choice(self.parties), self.chance.choice((release.line, release.name)))
        self.subscribed.append(wish)
        return wish[0], "Subscription", {"target": wish[1]}

    def _unsubscribe(self, _identity: str) -> Act | None:
        if not self.subscribed:
            return None
        party, target = self.subscribed.pop(self.chance.randrange(len(self.subscribed)))
        return party, "Unsubscribe", {"target": target}

    def _grant(self, identity: str) -> Act:
        """To one, or to all subscribers; never a field that holds a canary."""
        release = self.chance.choice(self.releases)
        target = self.chance.choice((release.line, release.name))
        self.grants.append((target, identity))
        until = self.now + timedelta(days=5) if self.chance.random() < 0.3 else None
        widened: dict[str, Any] = {"audience": self.chance.choice(("user", "provider", "authority"))}
        if self.chance.random() < 0.3:
            widened = {"fields": ["training.compute_flop"]}
        grantee = self.chance.choice((None, *self.parties))
        return release.owner, "Grant", {"target": target, "grantee": grantee, "until": until, "purpose": "integration", **widened}

    def _revoke(self, _identity: str) -> Act | None:
        if not self.grants:
            return None
        target, grant = self.grants.pop(self.chance.randrange(len(self.grants)))
        return target.partition("/")[0], "GrantRevocation", {"target": target, "grant": grant}
