"""The intake processor's step: may this party say this? One submission in; journal record and receipt, or dead letter, out.

State keys: ``party/<party>``: registration and recent submissions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from exchange.core.checks import check_record
from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.envelope import Attributes, from_headers, traceparent_of
from exchange.core.outputs import Place, dead_letter, derived_id, write
from exchange.core.schemas import NAMESPACE
from exchange.core.step import TOO_LARGE, News, Output, Record, Result, State, unreadable
from exchange.errors import DocumentError, ParseError, RefusedError, TooLargeError, ValidationError
from exchange.events import records as r
from exchange.refs import is_party, line_of, owner_of, partition_of
from exchange.topics import Topics

RECENT = 256
"""Submissions of a party that are remembered to know a repeat."""

REASONS = {
    "bad-key": "key the record by your party id",
    "wrong-partition": "write to the partition of your party id (CRC-32 modulo the partition count)",
    "too-large": "send big documents by digest and link",
    "malformed": "encode the record with its published schema",
    "unknown-schema": "use a schema of this exchange, see schemas/",
    "bad-attributes": "set the CloudEvents attributes as the schemas' README says",
    "not-a-submission": "parties publish cards, notices, assessments, subscriptions, grants and registrations",
    "unregistered": "publish a Party record first",
    "wrong-owner": "only the owner of the line may say this; a party registers and assesses in its own name",
    "wrong-role": "register with the role assessor or authority to assess others' releases",
    "invalid": "correct the field; `exchange check` finds such faults before you publish",
    "idempotency-conflict": "the key was used for other content: take another key",
    "id-reused": "the id was used for another event: take a new one",
    "step-failed": "report it: a submission must never do this",
}
"""Every reason code of a refusal, with what its publisher can do (docs/reasons.md)."""

ABOUT = {
    "ModelCard": "release",
    "ChangeNotice": "release",
    "RiskAssessment": "release",
    "Subscription": "target",
    "Unsubscribe": "target",
    "Grant": "target",
    "GrantRevocation": "target",
    "Party": "party",
}
"""What a party may publish, and the field that says what it is about."""
_OWNERS_ONLY = ("ModelCard", "ChangeNotice", "Grant", "GrantRevocation")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FieldRefusedError(RefusedError):
    """A refusal that names the field."""

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message, reason=reason)
        self.field = field


@dataclass(frozen=True)
class Submission:
    """A submission that may be said, if it was not said before."""

    party: str
    name: str
    value: dict[str, Any]
    attributes: Attributes
    registration: r.Registration | None

    @property
    def about(self) -> str:
        """Line, release or party it is about."""
        return str(self.value[ABOUT[self.name]])


@dataclass(frozen=True)
class IntakeStep:
    """The step with what it needs.

    Attributes:
        codec: reads and writes records.
        topics: names and partition counts.
    """

    codec: Codec
    topics: Topics

    def __call__(self, state: State, record: Record) -> Result:
        """One submission. See :class:`exchange.core.step.Processor`."""
        try:
            submission = self._admit(state, record)
            first = self._first(submission, record)
        except DocumentError as error:
            return self._refuse(state, record, error)
        if first is not None:
            return self._receipt_only(record, submission, "repeat", first)
        return self._accept(record, submission)

    def broken(self, state: State, record: Record, error: Exception) -> Result:
        """A submission that breaks the step: dead letter and receipt."""
        return self._refuse(state, record, error)

    # ------------------------------------------------------------------------------------------- may it be said?

    def _admit(self, state: State, record: Record) -> Submission:
        """Check everything but repetition.

        Raises:
            DocumentError: with the reason code.
        """
        _refuse_unreadable(record)
        party = self._party(record)
        value = record.value or b""
        if len(value) > SUBMISSION_LIMIT:
            raise TooLargeError(f"{len(value)} bytes, more than the {SUBMISSION_LIMIT} allowed")
        name, decoded = self.codec.decode(value)
        if name not in ABOUT:
            raise FieldRefusedError("not-a-submission", "type", "this record type is made by the exchange alone")
        attributes = _attributes(record, name, party)
        registration = cast("r.Registration | None", state.get(f"party/{party}"))
        if registration is None and name != "Party":
            raise FieldRefusedError("unregistered", "party", "the party is not registered")
        faults = check_record(name, decoded)
        if faults:
            raise FieldRefusedError("invalid", faults[0][0], "a field is wrong")
        submission = Submission(party, name, decoded, attributes, registration)
        _check_subject(submission)
        _check_rights(submission)
        return submission

    def _party(self, record: Record) -> str:
        party = (record.key or b"").decode("utf-8", "replace")
        if not is_party(party) or party == self.topics.deployment:
            raise FieldRefusedError("bad-key", "key", "the key is not a party id")
        if partition_of(party, self.topics.partitions) != record.partition:
            raise FieldRefusedError("wrong-partition", "partition", "not the party's partition")
        return party

    def _first(self, submission: Submission, record: Record) -> str | None:
        """Id of the event this submission repeats, if it does.

        Raises:
            FieldRefusedError: same key, other content; or same id, other submission.
        """
        if submission.registration is None:
            return None
        recents = submission.registration["recent"]
        found = self._same(submission, record, recents)
        if found is None and any(recent["event_id"] == submission.attributes.id for recent in recents):
            raise FieldRefusedError("id-reused", "id", "the id was used for another event")
        return found

    def _same(self, submission: Submission, record: Record, recents: Sequence[r.Recent]) -> str | None:
        key, content = _digests(self.codec, submission, record)
        switch = _switch(submission)
        if switch is not None and submission.attributes.idempotency_key is None:
            # switched off and on again is not a repeat: only the last word on the same thing can be
            recents = [recent for recent in recents if recent["switch"] == switch][-1:]
        for recent in reversed(recents):
            if recent["key"] == key:
                if recent["content"] != content:
                    raise FieldRefusedError("idempotency-conflict", "idempotencykey", "the key was used for other content")
                return recent["event_id"]
        return None

    # ------------------------------------------------------------------------------------------- answers

    def _accept(self, record: Record, submission: Submission) -> Result:
        party, attributes = submission.party, submission.attributes
        key, content = _digests(self.codec, submission, record)
        known = submission.registration
        latest: r.Recent = {"key": key, "content": content, "event_id": attributes.id, "switch": _switch(submission)}
        recent = [*(known["recent"] if known else []), latest]
        is_registration = submission.name == "Party"
        registration: r.Registration = {
            "party": cast(r.Party, submission.value) if is_registration or known is None else known["party"],
            "event_id": attributes.id if is_registration or known is None else known["event_id"],
            "recent": recent[-RECENT:],
        }
        receipt = self._receipt(record, party, attributes.id, "accepted", event_id=attributes.id)
        return Result(
            {f"party/{party}": registration},
            [self._journal(record, submission), receipt],
            topics=[self.topics.notices(party)] if is_registration else [],
            facts=[("submissions", "accepted"), ("accepted", submission.name)],
            news=[News("accepted", attributes.id, submission.about)],
        )

    def _journal(self, record: Record, submission: Submission) -> Output:
        """The submission's own bytes and headers, with the time of acceptance."""
        line = line_of(submission.about)
        accepted_at = (_EPOCH + timedelta(milliseconds=record.timestamp_ms)).isoformat().replace("+00:00", "Z")
        headers = (*(h for h in record.headers if h[0] != "accepted_at"), ("accepted_at", accepted_at.encode()))
        partition = partition_of(line, self.topics.partitions)
        return Output(self.topics.journal, partition, line.encode(), record.value, headers)

    def _receipt_only(self, record: Record, submission: Submission, status: r.ReceiptStatus, event_id: str) -> Result:
        receipt = self._receipt(record, submission.party, submission.attributes.id, status, event_id=event_id)
        news = [News(status, submission.attributes.id, submission.about)]
        return Result({}, [receipt], facts=[("submissions", status)], news=news)

    def _refuse(self, state: State, record: Record, error: Exception) -> Result:
        """One dead letter, and a receipt where the key names a registered party.

        A lane knows the registrations of its own partition only. A submission in the wrong partition gets its receipt if the
        party's notice topic exists, which is to say if the party is registered.
        """
        reason = error.reason if isinstance(error, DocumentError) else "step-failed"
        field = getattr(error, "field", None)
        outputs = [dead_letter(self.codec, self.topics, "intake", record, error, field)]
        party = (record.key or b"").decode("utf-8", "replace")
        elsewhere = reason == "wrong-partition"
        if is_party(party) and (elsewhere or state.get(f"party/{party}") is not None):
            outputs.append(
                self._receipt(record, party, _submission_id(record), "refused", reason=reason, field=field, optional=elsewhere)
            )
        facts = [("submissions", "refused"), ("refusals", _claimed_type(record), reason), ("dead_letters", reason)]
        news = [News(f"refused.{reason}", _submission_id(record))]
        return Result({}, outputs, facts=facts, news=news)

    def _receipt(
        self,
        record: Record,
        party: str,
        submission_id: str,
        status: r.ReceiptStatus,
        *,
        event_id: str | None = None,
        reason: str | None = None,
        field: str | None = None,
        optional: bool = False,
    ) -> Output:
        receipt: r.Receipt = {
            "submission_id": submission_id,
            "party": party,
            "status": status,
            "reason": reason,
            "field": field,
            "event_id": event_id,
            "lane": record.partition,
            "offset": record.offset,
        }
        identity = derived_id("receipt", record.partition, record.offset)
        place = Place(self.topics.notices(party), 0, submission_id or identity)
        trace = traceparent_of(record.headers)
        return write(self.codec, self.topics, place, "Receipt", receipt, identity, optional=optional, traceparent=trace)


def _refuse_unreadable(record: Record) -> None:
    """What the reader of the log could not read, or would not: a batch that holds too much, or not what it says."""
    reason = unreadable(record)
    if reason == TOO_LARGE:
        raise TooLargeError("the batch it came in holds more than may be read")
    if reason is not None:
        raise ParseError("the batch it came in cannot be read")


def _attributes(record: Record, name: str, party: str) -> Attributes:
    try:
        attributes = from_headers(record.headers)
    except ValidationError as error:
        raise FieldRefusedError("bad-attributes", "headers", error.message) from None
    if attributes.name != name:
        raise FieldRefusedError("bad-attributes", "type", "the type attribute and the record differ")
    if attributes.source != party:
        raise FieldRefusedError("bad-attributes", "source", "the source attribute and the key differ")
    return attributes


def _check_subject(submission: Submission) -> None:
    subject = submission.attributes.subject
    if subject is not None and subject != submission.about:
        raise FieldRefusedError("bad-attributes", "subject", "the subject attribute and the record differ")


def _check_rights(submission: Submission) -> None:
    """Who may say what: owners about their own lines, assessors in their own name (docs/reasons.md)."""
    party, name, value = submission.party, submission.name, submission.value
    if name == "Party" and value["party"] != party:
        raise FieldRefusedError("wrong-owner", "party", "a party registers itself")
    if name in _OWNERS_ONLY and owner_of(submission.about) != party:
        raise FieldRefusedError("wrong-owner", ABOUT[name], "only the line's owner may say this")
    if name == "RiskAssessment":
        _check_assessor(submission)


def _check_assessor(submission: Submission) -> None:
    party, value = submission.party, submission.value
    if value["assessor"] != party:
        raise FieldRefusedError("wrong-owner", "assessor", "an assessor speaks in its own name")
    owns = owner_of(value["release"]) == party
    if owns != (value["independence"] == "self"):
        raise FieldRefusedError("invalid", "independence", "self is for the owner, and only for the owner")
    roles = submission.registration["party"]["roles"] if submission.registration else []
    if not owns and not {"assessor", "authority"} & set(roles):
        raise FieldRefusedError("wrong-role", "assessor", "others' releases are assessed in the role assessor or authority")


_SWITCHES = {
    "Subscription": "subscription",
    "Unsubscribe": "subscription",
    "Grant": "grant",
    "GrantRevocation": "grant",
    "Party": "party",
}


def _switch(submission: Submission) -> str | None:
    """What the submission switches on or off, if it is of that kind."""
    kind = _SWITCHES.get(submission.name)
    return f"{kind} {submission.about}" if kind else None


def _digests(codec: Codec, submission: Submission, record: Record) -> tuple[str, str]:
    """Digest of the idempotency key (default: of the content, in whatever framing) and of the content, both within the party."""
    value = codec.unframed(record.value or b"")
    content = derived_id("content", submission.party, hashlib.sha256(value).hexdigest())
    given = submission.attributes.idempotency_key
    return (derived_id("key", submission.party, given) if given else content), content


def _claimed_type(record: Record) -> str:
    """What a submission says it is, if that is something a party may submit."""
    name = dict(record.headers).get("ce_type") or b""
    found = name.decode("ascii", "replace").removeprefix(f"{NAMESPACE}.")
    return found if found in ABOUT else "unknown"


def _submission_id(record: Record) -> str:
    try:
        return from_headers(record.headers, timeless=True).id
    except DocumentError:
        return ""
