"""The attributes of an event as Kafka headers: CloudEvents 1.0.2, Kafka protocol binding, binary content mode.

Law: ``from_headers(to_headers(attributes)) == attributes``. Headers that are not listed here are other people's and are let be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from exchange.core.schemas import NAMESPACE
from exchange.core.step import Headers
from exchange.errors import ValidationError
from exchange.refs import is_party, parse_ref

CONTENT_TYPE = "application/avro"

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_TYPE = re.compile(re.escape(NAMESPACE) + r"\.[A-Z][A-Za-z]{0,63}\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_HEADERS = {
    "ce_specversion": "specversion",
    "ce_id": "id",
    "ce_type": "type",
    "ce_source": "source",
    "ce_subject": "subject",
    "ce_time": "time",
    "ce_idempotencykey": "idempotencykey",
    "traceparent": "traceparent",
    "content-type": "content-type",
}
_REQUIRED = ("specversion", "id", "type", "source", "time", "content-type")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is said about an event beside the event.

    Attributes:
        id: unique per source; a UUIDv7 from the client library.
        name: record name; ``ce_type`` is ``exchange.v1.`` and this.
        source: party id of who states it.
        subject: release, line or party it is about.
        time: when it was stated, by its publisher's clock: a claim, nothing is decided by it. ``None`` on what a step derives.
        idempotency_key: two submissions of a party with the same key are one.
        traceparent: W3C Trace Context.
    """

    id: str
    name: str
    source: str
    subject: str | None = None
    time: datetime | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The W3C trace context among a record's headers; ``None`` where there is none, or none that is well-formed."""
    for header, value in headers:
        if header == "traceparent":
            text = (value or b"").decode("ascii", "replace")
            return text if _TRACE.match(text) else None
    return None


def id_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The event id among a record's headers, for logs; ``None`` where there is none, or none that is well-formed."""
    for header, value in headers:
        if header == "ce_id":
            text = (value or b"").decode("ascii", "replace")
            return text if is_id(text) else None
    return None


def is_id(text: str) -> bool:
    """Whether the text may be an event id or an idempotency key."""
    return _ID.match(text) is not None


def to_headers(attributes: Attributes) -> Headers:
    """The headers of a record.

    Raises:
        ValidationError: an attribute is ill-formed, and named.
    """
    values = {
        "specversion": "1.0",
        "id": attributes.id,
        "type": f"{NAMESPACE}.{attributes.name}",
        "source": attributes.source,
        "subject": attributes.subject,
        "time": _time_text(attributes.time) if attributes.time else None,
        "idempotencykey": attributes.idempotency_key,
        "traceparent": attributes.traceparent,
        "content-type": CONTENT_TYPE,
    }
    given = {name: value for name, value in values.items() if value is not None}
    _parse(given, timeless=True)
    return tuple((header, given[name].encode()) for header, name in _HEADERS.items() if name in given)


def derived_headers(identity: str, name: str, source: str, traceparent: str | None = None) -> Headers:
    """What :func:`to_headers` makes of these attributes, for records that steps derive: ten a step, of few names.

    Raises:
        ValidationError: as there.
    """
    _need("id", is_id(identity))
    specversion, _, kind, by, content = _same_for_all(name, source)
    headers = (specversion, ("ce_id", identity.encode()), kind, by)
    if traceparent is None:
        return (*headers, content)
    _need("traceparent", _TRACE.match(traceparent))
    return (*headers, ("traceparent", traceparent.encode()), content)


@lru_cache(maxsize=1024)
def _same_for_all(name: str, source: str) -> Headers:
    return to_headers(Attributes("any", name, source))


def from_headers(headers: Iterable[tuple[str, bytes | None]], *, timeless: bool = False) -> Attributes:
    """The attributes of a record.

    Args:
        headers: as Kafka gives them.
        timeless: whether the time may be missing (records that a step derived).

    Raises:
        ValidationError: an attribute is missing, ill-formed, or there twice; it is named, its value is not quoted.
    """
    given: dict[str, str] = {}
    for header, value in headers:
        name = _HEADERS.get(header)
        if name is None:
            continue
        if name in given:
            raise ValidationError(f"attribute {name}: given twice")
        given[name] = _text(name, value)
    return _parse(given, timeless=timeless)


def _text(name: str, value: bytes | None) -> str:
    try:
        return (value or b"").decode("ascii")
    except UnicodeDecodeError:
        raise ValidationError(f"attribute {name}: ill-formed") from None


def _parse(given: dict[str, str], *, timeless: bool) -> Attributes:
    for name in _REQUIRED:
        if name not in given and not (timeless and name == "time"):
            raise ValidationError(f"attribute {name}: missing")
    _need("specversion", given["specversion"] == "1.0")
    _need("content-type", given["content-type"] == CONTENT_TYPE)
    _need("id", is_id(given["id"]))
    _need("type", _TYPE.match(given["type"]))
    _need("source", is_party(given["source"]))
    _need("subject", "subject" not in given or _is_subject(given["subject"]))
    _need("idempotencykey", "idempotencykey" not in given or is_id(given["idempotencykey"]))
    _need("traceparent", "traceparent" not in given or _TRACE.match(given["traceparent"]))
    return Attributes(
        id=given["id"],
        name=given["type"].removeprefix(f"{NAMESPACE}."),
        source=given["source"],
        subject=given.get("subject"),
        time=_time(given["time"]) if "time" in given else None,
        idempotency_key=given.get("idempotencykey"),
        traceparent=given.get("traceparent"),
    )


def _need(name: str, holds: object) -> None:
    if not holds:
        raise ValidationError(f"attribute {name}: ill-formed")


def _is_subject(text: str) -> bool:
    if is_party(text):
        return True
    try:
        parse_ref(text)
    except ValidationError:
        return False
    return True


def _time(text: str) -> datetime:
    try:
        if _TIME.match(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValidationError("attribute time: ill-formed", hint="write RFC 3339, for example 2026-01-31T09:00:00Z")


def _time_text(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValidationError("attribute time: without zone")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
