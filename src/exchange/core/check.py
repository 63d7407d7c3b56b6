"""Checks documents offline, like a linter: what is wrong, what is missing, who owes it.

Cards given together see one another: what a parent among them provides counts as inherited, and change notices among them count
as changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from exchange.core.completeness import RuleProfile, inheritable, open_paths, report
from exchange.core.documents import Document
from exchange.core.profiles import Row
from exchange.errors import Fault
from exchange.events import records
from exchange.refs import line_of, owner_of

Language = Literal["ja", "en"]

GAPS = frozenset({"missing", "placeholder", "stale"})
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "missing": "missing",
        "placeholder": "placeholder",
        "stale": "stale",
        "developer": "developer",
        "provider": "provider",
        "gap": "{status} (owed by {owes}{weak})",
        "weak": "; should",
        "complete": "complete",
        "open": "not complete: {count} open",
        "unlike": "error",
    },
    "ja": {
        "missing": "未記載",
        "placeholder": "仮の記載",
        "stale": "記載が古い",
        "developer": "開発者",
        "provider": "提供者",
        "gap": "{status}(提供義務者: {owes}{weak})",
        "weak": "、推奨項目",
        "complete": "充足",
        "open": "未充足: {count}件",
        "unlike": "誤り",
    },
}


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row of one profile for one card, with where it stands in the file."""

    row: Row
    result: records.ReportRow
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """One profile for one card."""

    id: str
    complete: bool
    rows: tuple[RowResult, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one document, or of a file that holds none.

    Attributes:
        release: what the document is about; None when that is not known.
        errors: faults; a document with faults has no profiles.
        profiles: completeness, of cards only.
    """

    filename: str
    release: str | None
    errors: tuple[Fault, ...] = ()
    profiles: tuple[ProfileResult, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong and nothing that must be told is open."""
        return not self.errors and all(profile.complete for profile in self.profiles)


def check(documents: Sequence[Document], profiles: Sequence[RuleProfile], *, at: date | None = None) -> list[Checked]:
    """Completeness of every card among the documents, in their order.

    Args:
        documents: sound documents (:func:`exchange.core.documents.parse_documents`).
        profiles: rule profiles to check against.
        at: the day by which rows go stale.
    """
    family = _Family(documents, at)
    return [
        Checked(document.filename, _about(document), (), tuple(family.profile(document, profile) for profile in profiles))
        if document.type == "ModelCard"
        else Checked(document.filename, _about(document))
        for document in documents
    ]


def exit_code(checked: Sequence[Checked]) -> int:
    """0 when all is complete, 1 with gaps, 2 when a document is invalid."""
    if any(entry.errors for entry in checked):
        return 2
    return 0 if all(entry.complete for entry in checked) else 1


def lines(checked: Checked, language: Language = "en") -> Iterator[str]:
    """``file:line: …`` for every fault and every gap, then one line for each profile."""
    words = _WORDS[language]
    for fault in checked.errors:
        told = ": ".join(part for part in (words["unlike"], fault.path, fault.message) if part)
        yield f"{checked.filename}:{fault.line}: {told}{f' — {fault.hint}' if fault.hint else ''}"
    for profile in checked.profiles:
        gaps = [row for row in profile.rows if row.result["status"] in GAPS]
        for gap in gaps:
            yield f"{checked.filename}:{gap.line}: {_gap(gap, words, language)}"
        verdict = words["complete"] if profile.complete else words["open"].format(count=len(gaps))
        yield f"{checked.release}: {profile.id}: {verdict}"


def as_json(checked: Checked) -> dict[str, Any]:
    """The machine-readable form of :func:`lines`, with every row."""
    return {
        "file": checked.filename,
        "release": checked.release,
        "errors": [fault._asdict() for fault in checked.errors],
        "profiles": [
            {"id": profile.id, "complete": profile.complete, "rows": [_row_json(row) for row in profile.rows]}
            for profile in checked.profiles
        ],
    }


def _gap(gap: RowResult, words: Mapping[str, str], language: Language) -> str:
    owes = f"{words[gap.row.owed_by]} {gap.result['owed_by_party'] or ''}".strip()
    weak = words["weak"] if gap.row.level == "should" else ""
    state = words["gap"].format(status=words[gap.result["status"]], owes=owes, weak=weak)
    label, hint = (gap.row.label_ja, gap.row.hint_ja) if language == "ja" else (gap.row.label_en, gap.row.hint_en)
    return f"{gap.row.id} {state} {label} — {gap.path}: {hint}"


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
        "path": row.path,
        "line": row.line,
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

    def __init__(self, documents: Sequence[Document], at: date | None) -> None:
        self._at = at
        self._cards: dict[str, records.ModelCard] = {}
        self._changes: dict[str, list[records.ChangeEntry]] = {}
        self._known: dict[tuple[str, str], _Told] = {}
        for document in documents:
            if document.type == "ModelCard":
                self._cards[document.record["release"]] = document.record
            elif document.type == "ChangeNotice":
                self._changes.setdefault(document.record["release"], []).append(_entry(document.record))

    def profile(self, document: Document, profile: RuleProfile) -> ProfileResult:
        """One profile for one card."""
        card = document.record
        made = self._told(card, profile).report
        rows = []
        for row, result in zip(profile.rows, made["rows"], strict=True):
            path = next(iter(open_paths(row, card)), row.paths[0]) if result["status"] != "provided" else row.paths[0]
            rows.append(RowResult(row, result, path, document.line_of(path)))
        return ProfileResult(profile.id, made["complete"], tuple(rows))

    def _told(self, card: records.ModelCard, profile: RuleProfile) -> _Told:
        """A card's report and what it passes down, worked out once; inside a cycle of parents, nothing is passed down."""
        key = (card["release"], profile.id)
        if key not in self._known:
            self._known[key] = _NOTHING
            parents = [(parent["ref"], self._passed(parent["ref"], profile)) for parent in card["parents"]]
            made = report(
                profile,
                card,
                stage=card["stage"],
                parents=parents,
                changes=self._changes.get(card["release"], []),
                owner=owner_of(card["release"]),
                at=self._at,
            )
            self._known[key] = _Told(made, inheritable(profile, made, card, card["release"], parents))
        return self._known[key]

    def _passed(self, ref: str, profile: RuleProfile) -> Sequence[records.InheritedRow]:
        """What a parent passes down; nothing when it is not among the documents."""
        card = self._cards.get(ref) if "@" in ref else self._current(ref)
        return () if card is None else self._told(card, profile).down

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
