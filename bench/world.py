"""What the benchmark publishes: parties, families of releases, and news of them. A seed makes the same bytes.

Every event is about 1 kB, as the public cards we have are. A family is a base release, tuned by two providers, each tuned release
integrated by two users; providers follow the base, users what they run. So a change of the base passes down twelve edges, and
most events are about leaves, as in life.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from exchange.core.codec import Codec
from exchange.core.documents.parse import parse_documents
from exchange.core.envelope import Attributes, to_headers
from exchange.core.step import Headers
from exchange.refs import partition_of
from exchange.topics import Topics

TIME = datetime(2026, 1, 1, tzinfo=UTC)
CARD = Path(__file__).parent.parent / "examples" / "lineage" / "02-cards" / "1-mistral-7b-v0.1.yaml"
LEVELS = ("low", "moderate", "high")
CATEGORIES = ("R01", "R04", "R07", "R11")
CAPABILITY = "Refuses less of what is harmless, by a new list of prompts that three people wrote and read."
ROLES = ["developer", "provider", "user", "assessor"]


class Submission(NamedTuple):
    """One record for the submissions topic."""

    identity: str
    party: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


class World:
    """Makes submissions.

    Args:
        codec, topics: of the exchange they are for.
        seed: of the news.
        families: how many.
    """

    def __init__(self, codec: Codec, topics: Topics, seed: int = 1, families: int = 10) -> None:
        self._codec, self._topics = codec, topics
        self._chance = random.Random(seed)
        self._count = 0
        self._said: dict[str, str] = {}
        self.families = families
        self.parties = [f"{kind}{n}" for kind, many in (("dev", 1), ("prov", 2), ("user", 4)) for n in range(families * many)]

    def opening(self) -> Iterator[Submission]:
        """Registrations, cards, subscriptions: what is there before the clock runs."""
        for party in self.parties:
            yield self.make(party, "Party", {"party": party, "display_name": party, "roles": ROLES})
        for release, parent in self.releases():
            yield self.card(release, parent)
        for release, parent in self.releases():
            if parent is not None:
                yield self.make(release.partition("/")[0], "Subscription", {"target": parent.partition("@")[0]})

    def releases(self) -> Iterator[tuple[str, str | None]]:
        """Every release with its parent."""
        for n in range(self.families):
            base = f"dev{n}/base@1"
            yield base, None
            for tuner in (2 * n, 2 * n + 1):
                tuned = f"prov{tuner}/tuned@1"
                yield tuned, base
                for user in (2 * tuner, 2 * tuner + 1):
                    yield f"user{user}/service@1", tuned

    def news(self, count: int) -> Iterator[Submission]:
        """Assessments, change notices and new cards, most of them about the ends of lineages."""
        releases = list(self.releases())
        for _ in range(count):
            release, parent = self._chance.choice(releases)
            kind = self._chance.random()
            if kind < 0.4:
                yield self.assessment(release)
            elif kind < 0.6:
                yield self.notice(release)
            else:
                yield self.card(release, parent)

    def assessment(self, release: str, level: str | None = None) -> Submission:
        """The owner's own assessment, in place of its former one."""
        party = release.partition("/")[0]
        findings = [
            {
                "category": category,
                "level": level or self._chance.choice(LEVELS),
                "conditions": "Tried with 400 prompts, by two people.",
            }
            for category in self._chance.sample(CATEGORIES, 2)
        ]
        former = self._said.get(release)
        record = {
            "release": release, "assessor": party, "independence": "self", "findings": findings,
            "method": "Red teaming by prompts of a public set and by hand; each answer read by two people. " * 4,
            "supersedes": [former] if former else [],
        }  # fmt: skip
        made = self.make(party, "RiskAssessment", record)
        self._said[release] = made.identity
        return made

    def notice(self, release: str) -> Submission:
        """A change notice."""
        record = {
            "release": release, "kind": "fine_tune", "capability_changes": [CAPABILITY] * 6,
            "affected_categories": [self._chance.choice(CATEGORIES)], "assessments_hold": "no",
        }  # fmt: skip
        return self.make(release.partition("/")[0], "ChangeNotice", record)

    def card(self, release: str, parent: str | None) -> Submission:
        """A card like a public one."""
        parents = [{"ref": parent, "relation": "fine_tune"}] if parent else []
        said = {**_public_card(), "release": release, "parents": parents, "display_name": f"{release} of {self._count}"}
        return self.make(release.partition("/")[0], "ModelCard", said)

    def make(self, party: str, name: str, record: Mapping[str, Any]) -> Submission:
        """Any submission."""
        self._count += 1
        identity = f"b{self._count:07d}"
        headers = to_headers(Attributes(identity, name, party, time=TIME, idempotency_key=identity))
        partition = partition_of(party, self._topics.partitions)
        return Submission(identity, party, partition, party.encode(), self._codec.encode(name, record), headers)


@cache
def _public_card() -> Mapping[str, Any]:
    return parse_documents(CARD.read_text("utf-8"), CARD.name)[0].record
