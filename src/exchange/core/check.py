"""Checks documents offline, like a linter: what is wrong, what is missing, who owes it.

Cards given together see one another: what a parent among them provides counts as inherited, and change notices among them count
as changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from exchange.core.audience import Eyes
from exchange.core.boilerplate import boilerplate
from exchange.core.completeness import compute_of, inheritable, original_flop_of, report
from exchange.core.documents import Document, Source
from exchange.core.exposure import exposures
from exchange.core.profiles import Row, RuleProfile
from exchange.core.repeated import repeated
from exchange.core.said import open_paths
from exchange.errors import Fault
from exchange.events import records
from exchange.refs import line_of, owner_of

GAPS = frozenset({"missing", "placeholder", "stale"})


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of one profile for one card, with where it stands in the file.

    Attributes:
        paths: the fields that are still open; of an answered row, the first that answers it.
        line: of the first of them.
        known: whether the gap is in the baseline, and so not told again.
    """

    row: Row
    result: records.ReportRow
    paths: tuple[str, ...]
    line: int
    known: bool = False

    @property
    def path(self) -> str:
        """The field to begin with; empty for a row without fields."""
        return next(iter(self.paths), "")

    @property
    def open(self) -> bool:
        """Whether it is a gap that is not known yet."""
        return self.result["status"] in GAPS and not self.known


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """One profile for one card.

    Attributes:
        id: id of the profile.
        rows: a result for each row, in the profile's order.
        label_ja: the profile's name.
        label_en: its translation.
    """

    id: str
    rows: tuple[RowResult, ...]
    label_ja: str
    label_en: str

    @property
    def complete(self) -> bool:
        """Whether nothing that must be told is open."""
        return not any(row.open and row.row.level == "must" for row in self.rows)

    @property
    def gaps(self) -> list[RowResult]:
        """The open rows, those that should be told too."""
        return [row for row in self.rows if row.open]

    @property
    def by_exchange(self) -> int:
        """How many rows the exchange itself answers."""
        return sum(row.row.by_exchange is not None and row.result["status"] == "provided" for row in self.rows)


class Warned(NamedTuple):
    """Something to look at that makes no document incomplete.

    Attributes:
        kind: ``secret``, ``personal-data``, ``hidden-name``, ``repeated``, ``boilerplate`` or ``import``.
        what: the form that was found, the narrower field, or the importer's words; never a value.
        path: field path with list indexes; may be empty.
        line: line in the file.
    """

    kind: str
    what: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one document, or of a file that holds none.

    Attributes:
        release: what the document is about; None when that is not known.
        errors: faults; a document with faults has no profiles.
        profiles: completeness, of cards only.
        warnings: what should be looked at.
        source: ``exchange``, or the form of a file that was imported first.
        audience: through whose eyes the card was judged; None: through its owner's.
        withheld: fields kept from that audience, with the reason.
    """

    filename: str
    release: str | None
    errors: tuple[Fault, ...] = ()
    profiles: tuple[ProfileResult, ...] = ()
    warnings: tuple[Warned, ...] = ()
    source: Source = "exchange"
    audience: str | None = None
    withheld: tuple[records.Withheld, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong and nothing that must be told is open."""
        return not self.errors and all(profile.complete for profile in self.profiles)

    @property
    def verdict(self) -> str:
        """``complete``, ``gaps`` or ``invalid``."""
        return "invalid" if self.errors else "complete" if self.complete else "gaps"


def check(
    documents: Sequence[Document],
    profiles: Sequence[RuleProfile],
    *,
    at: date | None = None,
    labels: Mapping[str, records.Audience] | None = None,
    eyes: Eyes | None = None,
) -> list[Checked]:
    """Completeness of every card among the documents, in their order.

    Args:
        documents: sound documents (:func:`exchange.core.documents.parse_documents`).
        profiles: rule profiles to check against.
        at: the day by which rows go stale.
        labels: audience label by path of ModelCard; with it, cards are searched for what they should not show.
        eyes: judge by what this audience can read.
    """
    family = _Family(documents, at, eyes)
    return [_checked(document, family, profiles, labels, eyes) for document in documents]


def _checked(
    document: Document,
    family: _Family,
    profiles: Sequence[RuleProfile],
    labels: Mapping[str, records.Audience] | None,
    eyes: Eyes | None,
) -> Checked:
    if document.type != "ModelCard":
        return Checked(document.filename, _about(document))
    return Checked(
        document.filename,
        _about(document),
        profiles=tuple(family.profile(document, profile) for profile in profiles),
        warnings=tuple(sorted(_warnings(document, labels), key=lambda warned: warned.line)),
        source=document.source,
        audience=eyes.audience if eyes else None,
        withheld=tuple(eyes.sees(document)[1]) if eyes else (),
    )


def _warnings(document: Document, labels: Mapping[str, records.Audience] | None) -> Iterator[Warned]:
    for note in document.notes:
        yield Warned("import", f"{note.message} ({note.hint})" if note.hint else note.message, note.path, note.line)
    if labels is None:
        return
    templates = boilerplate(document.record)
    for found in (*exposures(document.record, labels), *repeated(document.record, labels)):
        if found.kind != "repeated" or found.path not in templates:
            yield Warned(found.kind, found.what, found.path, document.line_of(found.path))
    for path in templates:
        yield Warned("boilerplate", "", path, document.line_of(path))


def exit_code(checked: Sequence[Checked]) -> int:
    """0 when all is complete, 1 with gaps, 2 when a document is invalid."""
    if any(entry.errors for entry in checked):
        return 2
    return 0 if all(entry.complete for entry in checked) else 1


def as_json(checked: Checked) -> dict[str, Any]:
    """The machine-readable form, with every row."""
    told: dict[str, Any] = {
        "file": checked.filename,
        "release": checked.release,
        "source": checked.source,
        "verdict": checked.verdict,
        "errors": [fault._asdict() for fault in checked.errors],
        "warnings": [warned._asdict() for warned in checked.warnings],
        "profiles": [
            {"id": profile.id, "complete": profile.complete, "rows": [_row_json(row) for row in profile.rows]}
            for profile in checked.profiles
        ],
    }
    if checked.audience is not None:
        told |= {"audience": checked.audience, "withheld": list(checked.withheld)}
    return told


def _row_json(row: RowResult) -> dict[str, Any]:
    return {
        "id": row.row.id,
        "status": row.result["status"],
        "level": row.row.level,
        "owed_by": row.row.owed_by,
        "owed_by_party": row.result["owed_by_party"],
        "origin": row.result["origin"],
        "reason": row.result["reason"],
        "label_ja": row.row.label_ja,
        "label_en": row.row.label_en,
        "clause": row.row.clause,
        "inherit": row.row.inherit,
        "by_exchange": row.row.by_exchange,
        "precision": row.row.precision,
        "verified": row.row.verified,
        "path": row.path,
        "paths": [path for path in row.paths if path],
        "line": row.line,
        "known": row.known,
    }


def _about(document: Document) -> str | None:
    about: str | None = document.record.get("release") or document.record.get("target")
    return about


class _Told(NamedTuple):
    report: records.Report
    down: Sequence[records.InheritedRow]


_NOTHING = _Told({"profile": "", "complete": False, "rows": []}, ())


class _Family:
    """The documents given together."""

    def __init__(self, documents: Sequence[Document], at: date | None, eyes: Eyes | None) -> None:
        self._at = at
        self._eyes = eyes
        self._cards: dict[str, records.ModelCard] = {}
        self._changes: dict[str, list[records.ChangeEntry]] = {}
        self._known: dict[tuple[int, str], _Told] = {}
        for document in documents:
            if document.type == "ModelCard":
                self._cards[document.record["release"]] = document.record
            elif document.type == "ChangeNotice":
                self._changes.setdefault(document.record["release"], []).append(_entry(document.record))

    def profile(self, document: Document, profile: RuleProfile) -> ProfileResult:
        """One profile for one card."""
        card = document.record
        told: Sequence[records.ReportRow] = self._told(card, profile).report["rows"]
        if self._eyes is not None:
            told = self._eyes.judged(profile, document, told)[0]
        rows = []
        for row, result in zip(profile.rows, told, strict=True):
            first = next(iter(row.paths), "")
            paths = (first,) if result["status"] == "provided" else tuple(open_paths(row, card)) or (first,)
            rows.append(RowResult(row, result, paths, document.line_of(paths[0])))
        return ProfileResult(profile.id, tuple(rows), profile.label_ja, profile.label_en)

    def _told(self, card: records.ModelCard, profile: RuleProfile) -> _Told:
        """A card's report and what it passes down, worked out once; inside a cycle of parents, nothing is passed down."""
        key = (id(card), profile.id)  # two files may tell the same release
        if key not in self._known:
            self._known[key] = _NOTHING
            cards = {parent["ref"]: self._card(parent["ref"]) for parent in card["parents"]}
            parents = [(ref, self._told(found, profile).down if found else ()) for ref, found in cards.items()]
            made = report(
                profile,
                card,
                stage=card["stage"],
                parents=parents,
                changes=self._changes.get(card["release"], []),
                owner=owner_of(card["release"]),
                at=self._at,
                original_flop=original_flop_of(card, {ref: compute_of(found) for ref, found in cards.items()}),
            )
            self._known[key] = _Told(made, inheritable(profile, made, card, card["release"], parents))
        return self._known[key]

    def _card(self, ref: str) -> records.ModelCard | None:
        """A parent's card; None when it is not among the documents."""
        return self._cards.get(ref) if "@" in ref else self._current(ref)

    def _current(self, line: str) -> records.ModelCard | None:
        """The last released card of a line, in the order given."""
        return next(
            (card for card in reversed(self._cards.values()) if line_of(card["release"]) == line and card["stage"] == "released"),
            None,
        )


def _entry(notice: records.ChangeNotice) -> records.ChangeEntry:
    return {
        "event_id": "",
        "order": 0,
        "kind": notice["kind"],
        "categories": notice["affected_categories"],
        "holds": notice["assessments_hold"],
    }
