"""What a caller wants to publish, as name and record; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from exchange.core.admission import ABOUT
from exchange.core.checks import check_record
from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.documents import Document
from exchange.errors import TooLargeError, ValidationError
from exchange.events import models

Publishable = BaseModel | Document | tuple[str, Mapping[str, Any]]
"""A model of :mod:`exchange.events.models`, a parsed document, or name and record."""


class Outgoing(NamedTuple):
    """A record to publish; ``open_considers``: the caller left it to the library what an assessment considers."""

    name: str
    record: dict[str, Any]
    open_considers: bool

    @property
    def subject(self) -> str:
        """What it is about."""
        return str(self.record[ABOUT[self.name]])


def outgoing(document: Publishable) -> Outgoing:
    """Name and record of whatever the caller has.

    ``considers`` counts as left open when it is absent, ``None``, or (in a document, which cannot tell) empty.

    Raises:
        ValidationError: not something a party publishes.
    """
    name, record, given = _parts(document)
    if name not in ABOUT:
        raise ValidationError("not a record that a party publishes", hint=f"one of {', '.join(ABOUT)}")
    if record.get(ABOUT[name]) is None:
        raise ValidationError(f"{ABOUT[name]}: missing")
    left_open = name == "RiskAssessment" and not given
    if left_open:
        record["considers"] = []
    return Outgoing(name, record, left_open)


def _parts(document: Publishable) -> tuple[str, dict[str, Any], bool]:
    if isinstance(document, BaseModel):
        return type(document).__name__, document.model_dump(), "considers" in document.model_fields_set
    if isinstance(document, Document):
        return document.type, dict(document.record), bool(document.record.get("considers"))
    name, record = document
    return name, dict(record), record.get("considers") is not None


def seal(codec: Codec, name: str, record: Mapping[str, Any]) -> bytes:
    """The bytes of a submission, after the checks that intake will make too.

    Raises:
        TooLargeError: more than a submission may have.
        ValidationError: a field is wrong; it is named, its value is not quoted.
    """
    value = codec.encode(name, record)
    if len(value) > SUBMISSION_LIMIT:
        raise TooLargeError(
            f"{len(value)} bytes, more than the {SUBMISSION_LIMIT} allowed", hint="send big documents by digest and link"
        )
    problems = check_record(name, codec.decode_as(name, value))
    if problems:
        raise ValidationError("; ".join(f"{field}: {message}" for field, message in problems[:20]))
    return value


def considered(view: models.View | None) -> list[str]:
    """All an assessor has before it: upstream events, or the tokens shown in their place, and change notices."""
    if view is None:
        return []
    sources: Iterable[models.Source] = (source for entry in view.profile for source in entry.sources)
    found = (source.event_id or source.token for source in sources if source.level != "unknown")
    return list(dict.fromkeys([*(each for each in found if each), *view.change_notices]))
