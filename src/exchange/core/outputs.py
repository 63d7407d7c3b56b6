"""How a step writes: derived ids, headers, dead letters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from exchange.core.codec import Codec
from exchange.core.envelope import derived_headers, from_headers, traceparent_of
from exchange.core.step import Output, Record
from exchange.errors import DocumentError
from exchange.events import records as r
from exchange.refs import is_party
from exchange.topics import Topics


class Place(NamedTuple):
    """Where a record goes."""

    topic: str
    partition: int
    key: str


def derived_id(*parts: object) -> str:
    """The id of something derived: a hash of what it was derived from, so that every run computes the same."""
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]


def write(
    codec: Codec,
    topics: Topics,
    place: Place,
    name: str,
    record: Mapping[str, Any],
    identity: str,
    *,
    optional: bool = False,
    traceparent: str | None = None,
) -> Output:
    """An output of the exchange's own: encoded, with CloudEvents headers whose source is the deployment.

    ``traceparent`` is that of the record it is made from, so that a trace goes all the way and every run writes the same.
    """
    headers = derived_headers(identity, name, topics.deployment, traceparent)
    return Output(place.topic, place.partition, place.key.encode(), codec.encode(name, record), headers, optional)


def dead_letter(
    codec: Codec, topics: Topics, processor: str, record: Record, error: Exception, field: str | None = None
) -> Output:
    """The dead letter of a record. It says where the record lies and why it was not accepted, and quotes nothing of it."""
    value = record.value or b""
    letter: r.DeadLetter = {
        "reason": error.reason if isinstance(error, DocumentError) else "step-failed",
        "field": field,
        "processor": processor,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "party": _party(record),
        "event_id": _event_id(record),
        "size": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
        "error": None if isinstance(error, DocumentError) else type(error).__name__,
    }
    place = Place(topics.dead_letters, 0, f"{record.topic}/{record.partition}/{record.offset}")
    identity = derived_id("dead-letter", record.topic, record.partition, record.offset)
    return write(codec, topics, place, "DeadLetter", letter, identity, traceparent=traceparent_of(record.headers))


def _party(record: Record) -> str | None:
    text = (record.key or b"").decode("utf-8", "replace")
    return text if is_party(text) else None


def _event_id(record: Record) -> str | None:
    try:
        return from_headers(record.headers, timeless=True).id
    except DocumentError:
        return None
