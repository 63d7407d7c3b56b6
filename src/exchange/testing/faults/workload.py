"""What is published while things go wrong, byte for byte, and what must become of it: out of a seed, before anything runs.

A tenth repeats what was published before, a twentieth cannot be accepted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.step import Headers
from exchange.refs import partition_of
from exchange.testing.faults.world import START, Act, World
from exchange.topics import Topics

REPEATS, MALFORMED, TICKS = 0.10, 0.05, 0.006
FIRST_PARTIES = 8
LATELY = 20
"""Of so many submissions of a party one is repeated: intake remembers more."""
CLIENTS = ("p000", "p001")
"""Parties that publish, in part, through the client library."""
BY_CLIENT = ("ModelCard", "ChangeNotice", "Subscription", "Unsubscribe")
"""What they publish through it: nothing whose id is named by others, and not the registration that comes first."""
STEP = "step"
"""Header that says which step a record in the submissions is; the exchange lets other people's headers be."""


class Sent(NamedTuple):
    """A submission as a raw producer writes it, and what intake must make of it.

    Attributes:
        number: of the step, from 0.
        party: who sends it.
        name: what it is, or pretends to be.
        record: what it says, where it is well-formed.
        event_id: its id; that of the first one where it repeats.
        partition, key, value, headers: for a raw producer.
        reason: why it must be refused; ``None``: it is accepted the first time, and a repeat from then on.
        client: the client library is to publish it, with its own id and ours as idempotency key.
    """

    number: int
    party: str
    name: str
    record: Mapping[str, Any] | None
    event_id: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str | None = None
    client: bool = False


class Told(NamedTuple):
    """Every journal partition is told this time."""

    number: int
    time: datetime


Step = Sent | Told


def make_workload(seed: int, events: int, codec: Codec, topics: Topics) -> list[Step]:
    """The steps of a seed.

    Args:
        seed: the same seed and count make the same bytes.
        events: how many steps, registrations included.
        codec, topics: of the exchange they are for.
    """
    maker = _Maker(random.Random(f"workload {seed}"), codec, topics)  # noqa: S311 - a workload, not a secret
    return [maker.step(number) for number in range(events)]


class _Maker:
    def __init__(self, chance: random.Random, codec: Codec, topics: Topics) -> None:
        self.chance, self.codec, self.topics = chance, codec, topics
        self.world = World(chance)
        self.sent: dict[str, list[Sent]] = {}

    def step(self, number: int) -> Step:
        if number < FIRST_PARTIES:
            return self._submit(number, self.world.party())
        drawn = self.chance.random()
        if drawn < TICKS:
            return Told(number, self.world.tick())
        if drawn < TICKS + REPEATS:
            party = self.chance.choice(sorted(self.sent))
            return self._numbered(self.chance.choice(self.sent[party][-LATELY:]), number)
        if drawn < TICKS + REPEATS + MALFORMED:
            return self._malformed(number)
        return self._submit(number, self.world.act(_identity(number)))

    def _submit(self, number: int, act: Act) -> Sent:
        party, name, record = act
        made = self._sealed(number, party, name, record)._replace(client=party in CLIENTS and name in BY_CLIENT)
        self.sent.setdefault(party, []).append(made)
        return made

    def _sealed(self, number: int, party: str, name: str, record: Mapping[str, Any], **fields: Any) -> Sent:
        """A well-formed submission; ``fields`` change its attributes."""
        identity = _identity(number)
        given: dict[str, Any] = {"source": party, "time": START, "idempotency_key": identity, **fields}
        return Sent(
            number=number,
            party=party,
            name=name,
            record=record,
            event_id=identity,
            partition=partition_of(party, self.topics.partitions),
            key=party.encode(),
            value=self.codec.encode(name, record),
            headers=(*to_headers(Attributes(identity, name, **given)), _numbering(number)),
        )

    def _numbered(self, sent: Sent, number: int) -> Sent:
        """The same once more, as another step."""
        headers = (*(header for header in sent.headers if header[0] != STEP), _numbering(number))
        return sent._replace(number=number, headers=headers, client=False)

    # ------------------------------------------------------------------------------------------- what is refused

    def _malformed(self, number: int) -> Sent:
        kinds: list[Callable[[int, str], Sent]] = [
            self._cut,
            self._other_schema,
            self._too_large,
            self._of_another,
            self._in_another_name,
            self._not_a_submission,
            self._invalid,
            self._elsewhere,
            self._keyless,
            self._of_nobody,
            self._key_used,
        ]
        return self.chance.choice(kinds)(number, self.chance.choice(sorted(self.sent)))

    def _some_card(self, number: int, party: str, **fields: Any) -> Sent:
        """A card with a canary: what is refused must not be quoted anywhere, not to its owner either."""
        card = {
            "release": f"{party}/bad@{number}",
            "stage": "released",
            "training": {"method": self.world.secret("nobody")},
        }
        return self._sealed(number, party, "ModelCard", {**card, **fields})._replace(record=None)

    def _cut(self, number: int, party: str) -> Sent:
        card = self._some_card(number, party)
        return card._replace(value=(card.value or b"")[:-3], reason="malformed")

    def _other_schema(self, number: int, party: str) -> Sent:
        card = self._some_card(number, party)
        return card._replace(value=b"\xc3\x01" + b"\x11" * 8 + (card.value or b"")[10:], reason="unknown-schema")

    def _too_large(self, number: int, party: str) -> Sent:
        card = self._some_card(number, party)
        return card._replace(value=(card.value or b"") + b"\0" * SUBMISSION_LIMIT, reason="too-large")

    def _of_another(self, number: int, party: str) -> Sent:
        return self._some_card(number, party, release="somebody-else/m@1")._replace(reason="wrong-owner")

    def _in_another_name(self, number: int, party: str) -> Sent:
        card = self._some_card(number, party)
        attributes = Attributes(card.event_id, "ModelCard", "somebody-else", time=START)
        return card._replace(headers=(*to_headers(attributes), _numbering(number)), reason="bad-attributes")

    def _not_a_submission(self, number: int, party: str) -> Sent:
        return self._sealed(number, party, "Tick", {"time": START})._replace(record=None, reason="not-a-submission")

    def _invalid(self, number: int, party: str) -> Sent:
        return self._some_card(number, party, release="no release")._replace(reason="invalid")

    def _elsewhere(self, number: int, _party: str) -> Sent:
        """Of one of the first parties: another lane may meet this before a new one's registration, and has no topic to tell."""
        first = [name for name, sent in self.sent.items() if sent[0].number < FIRST_PARTIES]
        card = self._some_card(number, first[number % len(first)])
        return card._replace(partition=(card.partition + 1) % self.topics.partitions, reason="wrong-partition")

    def _keyless(self, number: int, party: str) -> Sent:
        return self._some_card(number, party)._replace(key=self.chance.choice((None, b"No Party", b"\xff\xfe")), reason="bad-key")

    def _of_nobody(self, number: int, _party: str) -> Sent:
        return self._some_card(number, "stranger")._replace(reason="unregistered")

    def _key_used(self, number: int, party: str) -> Sent:
        """Other content under the key of what the party published lately, and in this order."""
        key = next(sent.event_id for sent in reversed(self.sent[party]) if not sent.client)
        card = {"release": f"{party}/bad@{number}", "stage": "released"}
        made = self._sealed(number, party, "ModelCard", card, idempotency_key=key)
        return made._replace(record=None, reason="idempotency-conflict")


def _identity(number: int) -> str:
    return f"s{number:06d}"


def _numbering(number: int) -> tuple[str, bytes]:
    return STEP, str(number).encode()
