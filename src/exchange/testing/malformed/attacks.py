"""Submissions that cannot be accepted, each with the reason it must be refused for: out of a seed, before anything runs."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.step import Headers, standing_in
from exchange.refs import partition_of
from exchange.testing.faults.world import START
from exchange.topics import Topics

CODECS: Final = (None, None, "gzip", "snappy", "lz4", "zstd")
LARGE_EVERY: Final = 100
"""Of so many attacks one is larger than a submission may be: they fill the disk."""
STRANGER: Final = "stranger"
"""A party that never registers."""
_HUGE = 1 << 40


class Attack(NamedTuple):
    """One malformed submission.

    Attributes:
        kind: what is wrong with it.
        reason: reason code it must be refused with.
        compression: of the batch it travels in.
    """

    kind: str
    reason: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    compression: str | None


class _Made(NamedTuple):
    """What a kind changes in an otherwise sound submission."""

    reason: str
    value: bytes | None
    name: str = "ModelCard"
    key: bytes | None = b""
    headers: Headers | None = None
    fields: Mapping[str, Any] = {}
    astray: int = 0
    sender: str | None = None


def varint(number: int) -> bytes:
    """A number as Avro writes it."""
    rest, out = (number << 1) ^ (number >> 63), bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((*out, rest))


class Attacks:
    """Makes them.

    Args:
        seed: the same seed makes the same bytes.
        codec, topics: of the exchange they are for.
        parties: registered parties that send them; their registration has the event id ``registration-<party>``.
    """

    def __init__(self, seed: int, codec: Codec, topics: Topics, parties: list[str]) -> None:
        self._chance = random.Random(f"malformed {seed}")  # noqa: S311 - a workload, not a secret
        self._codec, self._topics, self._parties = codec, topics, parties
        self._kinds: dict[str, Callable[[str, int], _Made]] = {
            name.removeprefix("_is_"): getattr(self, name) for name in sorted(dir(self)) if name.startswith("_is_")
        }

    @property
    def kinds(self) -> list[str]:
        """Every way of being wrong."""
        return list(self._kinds)

    def make(self, number: int) -> Attack:
        """One of them; every kind comes in turn, in an order of the seed."""
        if number % LARGE_EVERY == 0:
            kind = "too_large"
        else:
            usual = [name for name in self._kinds if name != "too_large"]
            kind = usual[number % len(usual)] if number < 2 * len(usual) else self._chance.choice(usual)
        party = self._chance.choice(self._parties)
        made = self._kinds[kind](party, number)
        party = made.sender or party
        attributes: dict[str, Any] = {"id": f"x{number:07d}", "name": made.name, "source": party, "time": START, **made.fields}
        headers = to_headers(Attributes(**attributes)) if made.headers is None else made.headers
        partition = (partition_of(party, self._topics.partitions) + made.astray) % self._topics.partitions
        key = party.encode() if made.key == b"" else made.key
        return Attack(kind, made.reason, partition, key, made.value, headers, self._chance.choice(CODECS))

    # ------------------------------------------------------------------------------------------- bytes

    def _card(self, party: str, number: int, **fields: Any) -> bytes:
        card = {"release": f"{party}/bad@{number}", "stage": "released", **fields}
        return self._codec.encode("ModelCard", card)

    def _spliced(self, party: str, number: int, one: Mapping[str, Any], other: Mapping[str, Any], put: bytes) -> bytes:
        """A card with other bytes where two cards begin to differ."""
        first, second = self._card(party, number, **one), self._card(party, number, **other)
        at = next(place for place, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1])
        return first[:at] + put + first[at + 1 :]

    def _is_empty(self, _party: str, _number: int) -> _Made:
        return _Made("malformed", b"")

    def _is_null(self, _party: str, _number: int) -> _Made:
        return _Made("malformed", None)

    def _is_noise(self, _party: str, _number: int) -> _Made:
        return _Made("malformed", b"\x7f" + self._chance.randbytes(self._chance.randrange(2000)))

    def _is_json(self, party: str, number: int) -> _Made:
        return _Made("malformed", f'{{"release": "{party}/bad@{number}", "stage": "released"}}'.encode())

    def _is_container(self, party: str, number: int) -> _Made:
        return _Made("malformed", b"Obj\x01" + self._card(party, number))

    def _is_pickle(self, _party: str, _number: int) -> _Made:
        return _Made("malformed", b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")

    def _is_cut(self, party: str, number: int) -> _Made:
        card = self._card(party, number)
        return _Made("malformed", card[: self._chance.randrange(10, len(card))])

    def _is_left_over(self, party: str, number: int) -> _Made:
        return _Made("malformed", self._card(party, number) + self._chance.randbytes(self._chance.randrange(1, 99)))

    def _is_other_schema(self, party: str, number: int) -> _Made:
        return _Made("unknown-schema", b"\xc3\x01" + b"\x11" * 8 + self._card(party, number)[10:])

    def _is_confluent(self, party: str, number: int) -> _Made:
        return _Made("unknown-schema", b"\x00" + struct.pack(">I", number) + self._card(party, number)[10:])

    def _is_short_frame(self, _party: str, number: int) -> _Made:
        return _Made("malformed", (b"\x00\x01", b"\xc3\x01\x00", b"\xc3", b"\x00")[number % 4])

    def _is_too_large(self, party: str, number: int) -> _Made:
        return _Made("too-large", self._card(party, number) + b"\0" * (SUBMISSION_LIMIT + self._chance.randrange(9999)))

    def _is_list_bomb(self, party: str, number: int) -> _Made:
        parent = [{"ref": "somebody/base@1", "relation": "merge"}]
        return _Made("malformed", self._spliced(party, number, {"parents": parent}, {"parents": parent * 2}, varint(50_000_000)))

    def _is_map_bomb(self, party: str, number: int) -> _Made:
        one, two = {"extensions": {"a": "b"}}, {"extensions": {"a": "b", "c": "d"}}
        return _Made("malformed", self._spliced(party, number, one, two, varint(-_HUGE) + varint(_HUGE)))

    def _is_long_text(self, party: str, number: int) -> _Made:
        one, two = {"contact": "desk"}, {"contact": "desks"}
        return _Made("malformed", self._spliced(party, number, one, two, varint(self._chance.choice((_HUGE, -1, 1 << 31)))))

    def _is_enum_index(self, party: str, number: int) -> _Made:
        one, two = {"stage": "released"}, {"stage": "preview"}
        return _Made("malformed", self._spliced(party, number, one, two, varint(self._chance.choice((-1, 99, -(1 << 31))))))

    def _is_union_index(self, party: str, number: int) -> _Made:
        one, two = {"licence": "MIT"}, {"licence": None}
        return _Made("malformed", self._spliced(party, number, one, two, varint(self._chance.choice((-1, 2, 1 << 20)))))

    def _is_boolean(self, party: str, number: int) -> _Made:
        return _Made("malformed", self._spliced(party, number, {"systemic_risk": True}, {"systemic_risk": False}, b"\x07"))

    def _is_endless_number(self, party: str, number: int) -> _Made:
        one, two = {"stage": "released"}, {"stage": "preview"}
        return _Made("malformed", self._spliced(party, number, one, two, b"\xff" * self._chance.choice((11, 5000))))

    def _is_no_utf8(self, party: str, number: int) -> _Made:
        return _Made("malformed", self._spliced(party, number, {"contact": "desk"}, {"contact": "fesk"}, b"\xff"))

    def _is_no_number(self, party: str, number: int) -> _Made:
        card = self._card(party, number, training={"energy_mwh": 123.25})
        odd = self._chance.choice((float("nan"), float("inf"), float("-inf")))
        return _Made("malformed", card.replace(struct.pack("<d", 123.25), struct.pack("<d", odd)))

    # ------------------------------------------------------------------------------------------- what it says

    def _is_no_release(self, party: str, number: int) -> _Made:
        ref = self._chance.choice(("no release", f"{party}/bad", f"{party}/@1", f"{party}/bad@", "", "\0", "../../etc@1"))
        return _Made("invalid", self._codec.encode("ModelCard", {"release": ref, "stage": "released"}))

    def _is_no_digest(self, party: str, number: int) -> _Made:
        return _Made("invalid", self._card(party, number, digest="sha256:" + "g" * 64))

    def _is_of_another(self, _party: str, number: int) -> _Made:
        return _Made("wrong-owner", self._card("somebody-else", number))

    def _is_anothers_registration(self, _party: str, _number: int) -> _Made:
        party = {"party": "somebody-else", "display_name": "x", "roles": ["authority"]}
        return _Made("wrong-owner", self._codec.encode("Party", party), "Party")

    def _is_without_role(self, party: str, number: int) -> _Made:
        return _Made("wrong-role", self._assessment(party, "somebody-else/base@1", "third_party"), "RiskAssessment")

    def _is_not_independent(self, party: str, number: int) -> _Made:
        return _Made("invalid", self._assessment(party, f"{party}/bad@{number}", "third_party"), "RiskAssessment")

    def _assessment(self, party: str, release: str, independence: str) -> bytes:
        findings = [{"category": "R11", "level": "high"}]
        record = {"release": release, "assessor": party, "independence": independence, "findings": findings}
        return self._codec.encode("RiskAssessment", record)

    def _is_tick(self, _party: str, _number: int) -> _Made:
        return _Made("not-a-submission", self._codec.encode("Tick", {"time": START}), "Tick")

    def _is_other_content(self, party: str, number: int) -> _Made:
        return _Made("idempotency-conflict", self._card(party, number), fields={"idempotency_key": f"registration-{party}"})

    def _is_used_id(self, party: str, number: int) -> _Made:
        return _Made("id-reused", self._card(party, number), fields={"id": f"registration-{party}"})

    # ------------------------------------------------------------------------------------------- where, and whose

    def _is_astray(self, party: str, number: int) -> _Made:
        return _Made("wrong-partition", self._card(party, number), astray=self._chance.randrange(1, self._topics.partitions))

    def _is_of_nobody(self, _party: str, number: int) -> _Made:
        return _Made("unregistered", self._card(STRANGER, number), sender=STRANGER)

    def _is_keyless(self, party: str, number: int) -> _Made:
        key = self._chance.choice((None, b"No Party", b"\xff\xfe", b"a" * 10_000, self._topics.deployment.encode()))
        return _Made("bad-key", self._card(party, number), key=key)

    def _is_posing(self, _party: str, number: int) -> _Made:
        """As what stands for a record that nobody could read."""
        return _Made("bad-key", b"", key=None, headers=standing_in(("too-large", "malformed")[number % 2]))

    def _is_other_type(self, party: str, number: int) -> _Made:
        return _Made("bad-attributes", self._card(party, number), "ChangeNotice")

    def _is_in_another_name(self, party: str, number: int) -> _Made:
        return _Made("bad-attributes", self._card(party, number), fields={"source": "somebody-else"})

    def _is_about_another(self, party: str, number: int) -> _Made:
        return _Made("bad-attributes", self._card(party, number), fields={"subject": "somebody-else/m@1"})

    def _is_headers(self, party: str, number: int) -> _Made:
        """Attributes missing, twice, of other letters, or without sense, and among them many that mean nothing."""
        sound = dict(to_headers(Attributes(f"x{number:07d}", "ModelCard", party, time=START)))
        wrong = self._chance.choice(("none", "twice", "letters", "time", "id", "many"))
        changed = {"letters": ("ce_id", b"\xe6\x97\xa5"), "time": ("ce_time", b"2026-99-99T00:00:00Z"), "id": ("ce_id", b"a b")}
        headers: list[tuple[str, bytes]] = (
            [] if wrong == "none" else list((sound | dict([changed.get(wrong, ("x", b""))])).items())
        )
        if wrong == "twice":
            headers.append(("ce_id", sound["ce_id"]))
        if wrong == "many":
            headers = [(name, value) for name, value in headers if name != "ce_type"] + [
                (f"x-{n}", b"y" * 50) for n in range(200)
            ]
        return _Made("bad-attributes", self._card(party, number), headers=tuple(headers))
