"""One event's way from its submission to the last notice, from the topics alone.

Times are the broker's append times. What belongs to the event is told by ids: the journal record has its id, decisions and
upstream messages name it as their root cause, notices name the journal record that made their decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin, translated
from exchange.adapters.topic_reader import read_all
from exchange.core.admission import ABOUT
from exchange.core.codec import Codec
from exchange.core.envelope import id_of, traceparent_of
from exchange.core.ledger import name_of
from exchange.core.step import Record
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.topics import Topics

STAGES = ("submission", "dead letter", "journal", "receipt", "decision", "edge", "upstream", "notice")
"""In the order in which they come where the broker wrote them in the same millisecond."""
SKEW_MS = 60 * 60 * 1000
"""So far may a publisher's clock be ahead of the broker's for its event to be found at once."""

_UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
_DERIVED = {"EdgeDeclared": "edge", "EdgeDropped": "edge", "UpstreamMessage": "upstream"}
Logs = Mapping[TopicPartition, Sequence[Record]]


@dataclass(frozen=True)
class Hop:
    """One record on the way.

    Attributes:
        time_ms: when the broker appended it, in milliseconds since the epoch.
        stage: of :data:`STAGES`.
        topic, partition, offset: where it lies.
        about: release, line or party it is about; of an upstream message the child.
        what: record type, receipt status, decision or notice kind, or reason of a dead letter.
        party: whom it tells; of a submission, who said it.
        number: ``n`` of a notice, ``seq`` of a decision's dossier or an upstream message's snapshot; 0 where there is none.
        made_by: lane and offset of the journal record that made it, of decisions and notices.
        traceparent: that it carries.
    """

    time_ms: int
    stage: str
    topic: str
    partition: int
    offset: int
    about: str = ""
    what: str = ""
    party: str = ""
    number: int = 0
    made_by: tuple[int, int] | None = None
    traceparent: str | None = None


async def trace(settings: Settings, event_id: str) -> list[Hop]:
    """Every record that belongs to an event, in order of time; none where the event is not known.

    Args:
        settings: with the address of the cluster; as an operator.
        event_id: ``ce_id`` of the submission.
    """
    since = _since(event_id)
    found = await _trace(settings, event_id, since)
    if since is not None and not any(hop.stage in ("submission", "journal") for hop in found):
        found = await _trace(settings, event_id, None)
    return found


async def _trace(settings: Settings, event_id: str, since: int | None) -> list[Hop]:
    kafka, topics = settings.kafka_kwargs(), settings.topics
    async with Admin(kafka) as admin:
        mine = [name for name in await admin.topics() if topics.party_of(name) is not None]
    lanes = range(topics.partitions)
    places = [TopicPartition(name, lane) for name in (topics.submissions, topics.journal, topics.decisions) for lane in lanes]
    places += [TopicPartition(name, 0) for name in (topics.dead_letters, *mine)]
    async with translated(kafka):
        logs = await read_all(kafka, places, since)
    return follow(logs, topics, load_codec(settings)[1], event_id)


def follow(logs: Logs, topics: Topics, codec: Codec, event_id: str) -> list[Hop]:
    """What of some logs belongs to an event, in order of time.

    Args:
        logs: submissions, journal, decisions, dead letters and the parties' topics.
        topics, codec: of the deployment.
        event_id: of the submission.
    """
    known = event_id.encode()
    hops = [*_said(_of(logs, topics.submissions), event_id, "submission"), *_journal(_of(logs, topics.journal), codec, event_id)]
    accepted = {(hop.partition, hop.offset) for hop in hops if hop.stage == "journal"}
    decisions = list(_decisions(_of(logs, topics.decisions), codec, known, accepted))
    made = {hop.made_by for hop in decisions} | accepted
    traces = {hop.traceparent for hop in hops} - {None}
    hops += decisions
    hops += _letters(_of(logs, topics.dead_letters), codec, event_id)
    for place, log in logs.items():
        party = topics.party_of(place.topic)
        if party is not None:
            hops += _told(log, codec, party, event_id, made, traces)
    return sorted(hops, key=lambda hop: (hop.time_ms, STAGES.index(hop.stage), hop.topic, hop.partition, hop.offset))


def _of(logs: Logs, topic: str) -> Iterator[Record]:
    return (record for place, log in logs.items() if place.topic == topic for record in log)


def _hop(record: Record, stage: str, **more: Any) -> Hop:
    place = (record.topic, record.partition, record.offset)
    return Hop(record.timestamp_ms, stage, *place, traceparent=traceparent_of(record.headers), **more)


def _said(records: Iterable[Record], event_id: str, stage: str) -> Iterator[Hop]:
    for record in records:
        if id_of(record.headers) == event_id:
            headers = dict(record.headers)
            about = (headers.get("ce_subject") or record.key or b"").decode("utf-8", "replace")
            party = (headers.get("ce_source") or b"").decode("ascii", "replace")
            yield _hop(record, stage, about=about, what=name_of(record), party=party)


def _journal(records: Iterable[Record], codec: Codec, event_id: str) -> Iterator[Hop]:
    known = event_id.encode()
    for record in records:
        name = name_of(record)
        if name in ABOUT:
            yield from _said([record], event_id, "journal")
        elif name in _DERIVED and known in (record.value or b""):
            _, value = codec.decode_trusted(record.value or b"")
            if value["cause"]["event_id"] == event_id:
                number = value["snapshot"]["seq"] if name == "UpstreamMessage" else 0
                about = value["child"] if name == "UpstreamMessage" else value["parent"]
                yield _hop(record, _DERIVED[name], about=about, what=name, number=number)


def _decisions(records: Iterable[Record], codec: Codec, known: bytes, accepted: set[tuple[int, int]]) -> Iterator[Hop]:
    """The id stands in a decision's bytes as it is, so most need not be read; the event's own decision may lack it."""
    for record in records:
        raw = record.value or b""
        if name_of(record) != "Decision" or (known not in raw and not _near(record, accepted)):
            continue
        _, value = codec.decode_for_step(raw)
        place = (value["lane"], value["offset"])
        caused = value["cause"] is not None and value["cause"]["event_id"].encode() == known
        if caused or place in accepted:
            dossier = value["dossier"]
            about = value["release"] or value["line"]
            yield _hop(
                record, "decision", about=about, what=value["kind"], number=dossier["seq"] if dossier else 0, made_by=place
            )


def _near(record: Record, accepted: set[tuple[int, int]]) -> bool:
    """Whether it may be the decision of an accepted event that does not name it: it lies in the same partition, not before it."""
    return any(partition == record.partition and record.offset >= offset for partition, offset in accepted)


def _letters(records: Iterable[Record], codec: Codec, event_id: str) -> Iterator[Hop]:
    for record in records:
        if name_of(record) == "DeadLetter" and event_id.encode() in (record.value or b""):
            _, value = codec.decode_trusted(record.value or b"")
            if value["event_id"] == event_id:
                yield _hop(record, "dead letter", about=value["processor"], what=value["reason"], party=value["party"] or "")


def _told(
    records: Iterable[Record], codec: Codec, party: str, event_id: str, made: set[Any], traces: set[str | None]
) -> Iterator[Hop]:
    """A notice may hide its cause from its reader: known by the journal record, it is looked at unless its trace is another."""
    for record in records:
        raw, carried = record.value or b"", traceparent_of(record.headers)
        if event_id.encode() not in raw and carried is not None and carried not in traces:
            continue
        name, value = codec.decode_trusted(raw)
        if name == "Receipt" and event_id in (value["submission_id"], value["event_id"]):
            yield _hop(record, "receipt", about=party, what=value["status"], party=party)
        elif name == "Notice" and (value["lane"], value["offset"]) in made:
            about, place = value["release"] or value["line"], (value["lane"], value["offset"])
            yield _hop(record, "notice", about=about, what=value["kind"], party=party, number=value["n"], made_by=place)


def _since(event_id: str) -> int | None:
    """From when to look, for an id that holds its time (UUIDv7, as the client library makes them)."""
    found = _UUID7.match(event_id)
    return None if found is None else max(0, int(found[1] + found[2], 16) - SKEW_MS)
