"""What an export shows: the card as its audience may read it, and what could not be carried over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast

from exchange.core.disclosure import Projector, Reader
from exchange.core.mappings.rows import leaves
from exchange.core.schemas import SchemaSet
from exchange.errors import Fault
from exchange.events import records


@dataclass(frozen=True)
class Shown:
    """A card for one audience.

    Attributes:
        card: the card as projected; entries whose name is hidden are gone.
        audience: for whom.
        withheld: reason by path.
        ranges: by path, the range of a number that is withheld.
    """

    card: records.ModelCard
    audience: records.Audience
    withheld: Mapping[str, str]
    ranges: Mapping[str, str] = field(default_factory=dict)

    @property
    def leaves(self) -> dict[str, Any]:
        """What it says, by path."""
        return leaves(self.card)


@dataclass(frozen=True)
class Exported:
    """A document in another format.

    Attributes:
        text: the document.
        notes: what was withheld, changed on the way, or has no place there.
    """

    text: str
    notes: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Manner:
    """How a document is to be written.

    Attributes:
        schemas: the schemas, for labels.
        lang: ``ja`` or ``en``.
        at: the reader's day, where a format asks when the document was made.
    """

    schemas: SchemaSet
    lang: str
    at: date


def show(card: records.ModelCard, audience: records.Audience, schemas: SchemaSet) -> Shown:
    """The card as any reader of that audience may see it."""
    reader = Reader("", audience)
    projected, withheld = Projector(schemas).project("ModelCard", card, reader, card["disclosure"])
    projected["parents"] = [parent for parent in projected["parents"] if parent["ref"]]
    _named(projected.get("evaluation"), "metrics", "name")
    _named(projected.get("risks"), "by_category", "category")
    if projected["kind"] == "UNKNOWN":
        projected["kind"] = "model"
    reasons = {entry["path"]: entry["reason"] for entry in withheld if entry["path"] != "disclosure"}
    ranges = {entry["path"]: entry["rough"] for entry in withheld if entry["rough"] is not None}
    return Shown(cast(records.ModelCard, projected), audience, reasons, ranges)


def _named(section: Any, name: str, key: str) -> None:
    """Entries of a list whose key is hidden say nothing."""
    if section:
        section[name] = [entry for entry in section[name] if entry[key] not in ("", "UNKNOWN")]


def notes_of(shown: Shown, lost: Iterable[str] = (), changed: Iterable[str] = (), why: str = "") -> list[Fault]:
    """A note for everything withheld, without a place there, or carried in another shape."""
    return [
        *[Fault(path, 0, "withheld from this audience", reason) for path, reason in sorted(shown.withheld.items())],
        *[Fault(path, 0, "not carried over", why) for path in sorted(lost)],
        *[Fault(path, 0, "carried in another shape", why) for path in sorted(changed)],
    ]
