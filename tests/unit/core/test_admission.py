"""Intake: what is accepted, what is a repeat, and each reason for which something is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.adapters.lane_state import LaneState
from exchange.core import admission
from exchange.core.admission import ABOUT, RECENT, IntakeStep
from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.envelope import Attributes, from_headers, to_headers
from exchange.core.step import Record, Result, standing_in
from exchange.refs import partition_of
from exchange.topics import Topics

TOPICS = Topics(partitions=4)
TIME = datetime(2026, 1, 1, tzinfo=UTC)
APPENDED_MS = 1_767_225_600_789
CARD = ("ModelCard", {"release": "acme/base@1", "stage": "released"})
FINDING = {"category": "R11", "level": "high"}


def assessment(release: str, assessor: str, independence: str) -> tuple[str, dict[str, Any]]:
    """An assessment with one finding."""
    return "RiskAssessment", {
        "release": release,
        "assessor": assessor,
        "independence": independence,
        "findings": [FINDING],
    }


@dataclass
class Desk:
    """An intake lane and the records it is given."""

    codec: Codec
    partition: int

    def __post_init__(self) -> None:
        self.step = IntakeStep(self.codec, TOPICS)
        self.state = LaneState()
        self.offset = 0

    def record(
        self, name: str, value: dict[str, Any], *, event_id: str = "e1", party: str = "acme", key: str | None = None, **more: Any
    ) -> Record:
        """What a party's client sends."""
        headers = to_headers(Attributes(event_id, name, party, time=TIME, idempotency_key=key, **more))
        return self.raw(self.codec.encode(name, value), headers, party)

    def raw(self, value: bytes, headers: Any = (), party: str = "acme") -> Record:
        """Any bytes in the name of a party."""
        partition = partition_of(party, TOPICS.partitions)
        return Record(TOPICS.submissions, partition, 7, party.encode(), value, headers, APPENDED_MS)

    def give(self, record: Record) -> Result:
        """One step; its changes are kept."""
        self.offset += 1
        result = self.step(self.state, record._replace(offset=self.offset))
        self.state.apply(dict(result.changes))
        return result

    def register(self, party: str = "acme", roles: tuple[str, ...] = ("developer",)) -> Result:
        """A party registers itself."""
        value = {"party": party, "display_name": party.upper(), "roles": list(roles)}
        return self.give(self.record("Party", value, event_id=f"reg-{party}-{len(roles)}", party=party))

    def answers(self, result: Result, name: str) -> list[Any]:
        """Decoded outputs of one type."""
        decoded = [self.codec.decode_trusted(output.value or b"") for output in result.outputs]
        return [value for found, value in decoded if found == name]


@pytest.fixture
def desk(codec: Codec) -> Desk:
    opened = Desk(codec, partition_of("acme", TOPICS.partitions))
    opened.register()
    return opened


def _headers(record: Record, name: str, value: bytes) -> Record:
    return record._replace(headers=tuple((key, value if key == name else old) for key, old in record.headers))


def _changed(change: Callable[[Record], Record]) -> Callable[[Desk], Record]:
    return lambda desk: change(desk.record(*CARD))


def _sent(name: str, value: dict[str, Any], **more: Any) -> Callable[[Desk], Record]:
    return lambda desk: desk.record(name, value, **more)


REFUSED: dict[str, tuple[str, str | None, Callable[[Desk], Record]]] = {
    "no key": ("bad-key", "key", _changed(lambda record: record._replace(key=None))),
    "a key that is no party id": ("bad-key", "key", _changed(lambda record: record._replace(key=b"ACME!"))),
    "a key that is not text": ("bad-key", "key", _changed(lambda record: record._replace(key=b"\xff"))),
    "the deployment's own name": ("bad-key", "key", _changed(lambda record: record._replace(key=b"exchange"))),
    "another party's partition": (
        "wrong-partition",
        "partition",
        _changed(lambda record: record._replace(partition=(record.partition + 1) % 4)),
    ),
    "more than 128 kB": ("too-large", None, lambda desk: desk.raw(b"x" * (SUBMISSION_LIMIT + 1))),
    "nothing": ("malformed", None, lambda desk: desk.raw(b"")),
    "a tombstone": ("malformed", None, _changed(lambda record: record._replace(value=None))),
    "no framing": ("malformed", None, lambda desk: desk.raw(b"hello")),
    "cut off": ("malformed", None, _changed(lambda record: record._replace(value=(record.value or b"")[:-3]))),
    "more bytes than the record": (
        "malformed",
        None,
        _changed(lambda record: record._replace(value=(record.value or b"") + b"\0")),
    ),
    "a fingerprint nobody knows": ("unknown-schema", None, lambda desk: desk.raw(b"\xc3\x01" + b"\x07" * 8 + b"rest")),
    "no headers": ("bad-attributes", "headers", _changed(lambda record: record._replace(headers=()))),
    "an ill-formed time": ("bad-attributes", "headers", _changed(lambda record: _headers(record, "ce_time", b"yesterday"))),
    "another type than the record": (
        "bad-attributes",
        "type",
        _changed(lambda record: _headers(record, "ce_type", b"exchange.v1.Party")),
    ),
    "another source than the key": ("bad-attributes", "source", _changed(lambda record: _headers(record, "ce_source", b"corp"))),
    "another subject than the record": ("bad-attributes", "subject", _sent(*CARD, subject="acme/base@2")),
    "a record of the exchange's own": ("not-a-submission", "type", _sent("Tick", {"time": TIME})),
    "somebody unknown": ("unregistered", "party", _sent("ModelCard", {"release": "corp/x@1", "stage": "released"}, party="corp")),
    "another party's card": ("wrong-owner", "release", _sent("ModelCard", {"release": "corp/x@1", "stage": "released"})),
    "another party's change notice": (
        "wrong-owner",
        "release",
        _sent("ChangeNotice", {"release": "corp/x@1", "kind": "safeguards", "affected_categories": ["R11"]}),
    ),
    "a grant on another party's line": ("wrong-owner", "target", _sent("Grant", {"target": "corp/x", "audience": "provider"})),
    "the end of a grant on another party's line": (
        "wrong-owner",
        "target",
        _sent("GrantRevocation", {"target": "corp/x", "grant": "e0"}),
    ),
    "another party's registration": (
        "wrong-owner",
        "party",
        _sent("Party", {"party": "corp", "display_name": "Corp", "roles": ["user"]}),
    ),
    "an assessment in another's name": ("wrong-owner", "assessor", _sent(*assessment("acme/base@1", "corp", "third_party"))),
    "an assessment of another's release without the role": (
        "wrong-role",
        "assessor",
        _sent(*assessment("corp/x@1", "acme", "third_party")),
    ),
    "one's own release as third party": ("invalid", "independence", _sent(*assessment("acme/base@1", "acme", "third_party"))),
    "another's release as self": ("invalid", "independence", _sent(*assessment("corp/x@1", "acme", "self"))),
    "a release without a version": ("invalid", "release", _sent("ModelCard", {"release": "acme/base", "stage": "released"})),
    "an unknown stage": ("invalid", "stage", _sent("ModelCard", {"release": "acme/base@1", "stage": "UNKNOWN"})),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_said_is_refused(name: str, desk: Desk) -> None:
    """One dead letter with reason and field; a receipt where the key names a registered party; no state changes."""
    reason, field, make = REFUSED[name]
    record = make(desk)
    before = dict(desk.state.scan(""))
    result = desk.give(record)
    [letter] = desk.answers(result, "DeadLetter")
    assert (letter["reason"], letter["field"]) == (reason, field)
    assert (letter["topic"], letter["partition"], letter["offset"]) == (TOPICS.submissions, record.partition, desk.offset)
    receipts = desk.answers(result, "Receipt")
    assert [(receipt["status"], receipt["reason"]) for receipt in receipts] == [("refused", reason)] * (record.key == b"acme")
    assert dict(desk.state.scan("")) == before
    claimed = dict(record.headers).get("ce_type", b"").decode("ascii", "replace").removeprefix("exchange.v1.")
    claimed = claimed if claimed in ABOUT else "unknown"
    assert set(result.facts) == {("submissions", "refused"), ("refusals", claimed, reason), ("dead_letters", reason)}


def test_every_reason_is_seen_in_these_tests() -> None:
    """Those of a repeat with other content, and of a broken step, have tests of their own below."""
    elsewhere = {"idempotency-conflict", "id-reused", "step-failed"}
    assert {reason for reason, _, _ in REFUSED.values()} | elsewhere == set(admission.REASONS)


def test_an_accepted_submission_goes_to_the_journal_as_it_is(desk: Desk) -> None:
    """Its own bytes and headers, by line, with the broker's time of the submission copied."""
    record = desk.record(*CARD, key="build-1")
    journal, _ = (result := desk.give(record)).outputs
    assert (journal.topic, journal.key, journal.value) == (TOPICS.journal, b"acme/base", record.value)
    assert journal.partition == partition_of("acme/base", 4)
    assert journal.headers == (*record.headers, ("accepted_at", b"2026-01-01T00:00:00.789000Z"))
    assert from_headers(journal.headers) == from_headers(record.headers)
    [receipt] = desk.answers(result, "Receipt")
    assert (receipt["status"], receipt["event_id"], receipt["submission_id"]) == ("accepted", "e1", "e1")


def test_a_publisher_cannot_set_the_time_of_acceptance(desk: Desk) -> None:
    """A header of that name is replaced."""
    record = desk.record(*CARD)
    forged = record._replace(headers=(*record.headers, ("accepted_at", b"1999-01-01T00:00:00Z")))
    journal = desk.give(forged).outputs[0]
    assert [value for name, value in journal.headers if name == "accepted_at"] == [b"2026-01-01T00:00:00.789000Z"]


def test_a_registration_makes_the_notice_topic_and_a_later_one_replaces_it(desk: Desk) -> None:
    """Roles are those of the newest registration; what was said before is remembered."""
    desk.give(desk.record(*CARD))
    result = desk.register(roles=("developer", "assessor"))
    assert desk.answers(result, "Receipt")[0]["status"] == "accepted"
    assert result.topics == [TOPICS.notices("acme")]
    held = desk.state.get("party/acme")
    assert held is not None
    assert held["party"]["roles"] == ["developer", "assessor"]
    assert desk.answers(desk.give(desk.record(*CARD, event_id="e2")), "Receipt")[0]["status"] == "repeat"
    accepted = desk.give(desk.record(*assessment("corp/x@1", "acme", "third_party"), event_id="e3"))
    assert desk.answers(accepted, "Receipt")[0]["status"] == "accepted"


def test_the_same_content_or_key_is_a_repeat(desk: Desk) -> None:
    """The receipt names the first event; nothing goes to the journal."""
    desk.give(desk.record(*CARD, event_id="e1"))
    desk.give(desk.record("ModelCard", {"release": "acme/base@2", "stage": "released"}, event_id="e2", key="k"))
    for event_id, name, value, key, first in [
        ("e3", *CARD, None, "e1"),
        ("e4", "ModelCard", {"release": "acme/base@2", "stage": "released"}, "k", "e2"),
    ]:
        result = desk.give(desk.record(name, value, event_id=event_id, key=key))
        [receipt] = desk.answers(result, "Receipt")
        assert (receipt["status"], receipt["submission_id"], receipt["event_id"]) == ("repeat", event_id, first)
        assert len(result.outputs) == 1
        assert not result.changes


def test_the_same_key_with_other_content_is_a_conflict(desk: Desk) -> None:
    """So that a mistake is not taken for a repeat."""
    desk.give(desk.record(*CARD, event_id="e1", key="k"))
    result = desk.give(desk.record("ModelCard", {"release": "acme/base@2", "stage": "released"}, event_id="e2", key="k"))
    [receipt] = desk.answers(result, "Receipt")
    assert (receipt["status"], receipt["reason"], receipt["field"]) == ("refused", "idempotency-conflict", "idempotencykey")


def test_an_id_is_used_once(desk: Desk) -> None:
    """Two events of one id could not be told apart downstream."""
    desk.give(desk.record(*CARD, event_id="e1"))
    result = desk.give(desk.record("ModelCard", {"release": "acme/base@2", "stage": "released"}, event_id="e1"))
    assert desk.answers(result, "Receipt")[0]["reason"] == "id-reused"


def test_a_repeat_is_known_among_the_last_submissions_of_its_party(desk: Desk) -> None:
    """The window is 256; what lies before it is accepted as new."""
    desk.give(desk.record(*CARD, event_id="first"))
    for number in range(RECENT - 1):
        value = {"release": f"acme/base@v{number}", "stage": "released"}
        desk.give(desk.record("ModelCard", value, event_id=f"n{number}"))
    assert desk.answers(desk.give(desk.record(*CARD, event_id="again")), "Receipt")[0]["status"] == "repeat"
    desk.give(desk.record("ModelCard", {"release": "acme/base@last", "stage": "released"}, event_id="last"))
    assert desk.answers(desk.give(desk.record(*CARD, event_id="once-more")), "Receipt")[0]["status"] == "accepted"


def test_a_broken_step_gives_a_dead_letter_and_a_receipt_that_quote_nothing(desk: Desk) -> None:
    """The kind of error is named, its text is not."""
    result = desk.step.broken(desk.state, desk.record(*CARD), ValueError("secret"))
    [letter] = desk.answers(result, "DeadLetter")
    assert (letter["reason"], letter["error"]) == ("step-failed", "ValueError")
    assert desk.answers(result, "Receipt")[0]["reason"] == "step-failed"
    assert b"secret" not in b"".join(output.value or b"" for output in result.outputs)


def test_a_receipt_for_the_wrong_partition_goes_out_if_the_party_has_a_topic(desk: Desk) -> None:
    """The lane does not know the party; the shell drops the receipt where there is no such topic."""
    record = desk.record(*CARD)
    stray = replace(desk, partition=0)
    result = stray.give(record._replace(partition=(record.partition + 1) % 4))
    assert [output.optional for output in result.outputs] == [False, True]


@pytest.mark.parametrize("reason", ["too-large", "malformed"])
def test_a_record_that_nobody_could_read_is_refused_for_what_it_stands_for(codec: Codec, reason: str) -> None:
    """One dead letter and, as nobody is named, no receipt; the party is none the worse for it."""
    desk = Desk(codec, 0)
    desk.register()
    where = Record(TOPICS.submissions, 0, 7, None, None, standing_in(reason), APPENDED_MS)
    result = desk.give(where)
    [letter] = desk.answers(result, "DeadLetter")
    assert (letter["reason"], letter["party"], letter["size"]) == (reason, None, 0)
    assert not desk.answers(result, "Receipt")
    posing = desk.give(where._replace(key=b"acme", headers=standing_in(reason)))
    assert [letter["reason"] for letter in desk.answers(posing, "DeadLetter")] != ["step-failed"]
