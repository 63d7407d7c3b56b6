"""The difference of two cards as a whole, and its forms for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from exchange.core.check import GAPS, Checked, check
from exchange.core.diff.fields import Change, compare
from exchange.core.diff.notice import Called, called_for, draft, shareable
from exchange.core.diff.pairing import Pairing
from exchange.core.documents import Document
from exchange.core.labels import Label
from exchange.core.profiles import Row, RuleProfile
from exchange.core.reports import Language
from exchange.core.reports.findings import printable
from exchange.events import records

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "added": "added",
        "removed": "removed",
        "changed": "changed",
        "unsaid": "What changed is not for the public.",
        "same": "no change of meaning",
        "better": "now told",
        "worse": "now open",
        "moved": "other",
        "no-notice": "calls for no change notice: the new card says it all",
        "notice": "calls for a change notice of kind {kind}, because of: {fields}",
        "others": "also: {kinds}",
        "draft": "`exchange diff OLD NEW --notice` drafts it",
    },
    "ja": {
        "added": "追加",
        "removed": "削除",
        "changed": "変更",
        "unsaid": "変更内容は公開されていません。",
        "same": "意味の変更なし",
        "better": "記載された",
        "worse": "未記載になった",
        "moved": "その他",
        "no-notice": "変更通知は不要です(新しいカードで足ります)",
        "notice": "変更通知が必要です(種類: {kind}、理由: {fields})",
        "others": "ほかに: {kinds}",
        "draft": "`exchange diff OLD NEW --notice` で下書きできます",
    },
}
_STATUSES_JA: Final[Mapping[str, str]] = {
    "provided": "記載あり",
    "inherited": "上流から継承",
    "withheld": "非開示",
    "not_applicable": "対象外",
    "missing": "未記載",
    "placeholder": "仮の記載",
    "stale": "記載が古い",
}
_LONGEST: Final = 120


class RowChange(NamedTuple):
    """One item of a profile that has another status now."""

    profile: str
    row: Row
    old: str
    new: str

    @property
    def effect(self) -> str:
        """``better`` when it was open, ``worse`` when it is now."""
        before, after = self.old in GAPS, self.new in GAPS
        return "moved" if before == after else "better" if before else "worse"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two cards compared."""

    old: records.ModelCard
    new: records.ModelCard
    changes: Sequence[Change]
    rows: Sequence[RowChange]
    called: Called


def difference(
    old: Document, new: Document, others: Sequence[Document], profiles: Sequence[RuleProfile], at: date | None
) -> Difference:
    """Compare two cards, each judged among the same other documents (their parents, say)."""
    changes = compare(old.record, new.record)
    before, after = (check([card, *others], profiles, at=at)[0] for card in (old, new))
    return Difference(old.record, new.record, changes, list(_rows(before, after)), called_for(new.record, changes))


def _rows(before: Checked, after: Checked) -> Iterator[RowChange]:
    for old, new in zip(before.profiles, after.profiles, strict=True):
        for was, now in zip(old.rows, new.rows, strict=True):
            if was.result["status"] != now.result["status"]:
                yield RowChange(old.id, now.row, was.result["status"], now.result["status"])


def lines(found: Difference, labels: Mapping[str, Label], language: Language) -> Iterator[str]:
    """For people: each change, what it does to completeness, the notice."""
    words = _WORDS[language]
    yield f"{found.old['release']} → {found.new['release']}"
    if not found.changes:
        yield f"  {words['same']}"
    for change in found.changes:
        yield f"  {words[change.kind]} {told(change, labels, language)}"
    for row in found.rows:
        label = row.row.label_ja if language == "ja" else row.row.label_en
        old, new = (_STATUSES_JA[status] if language == "ja" else status for status in (row.old, row.new))
        yield f"  {row.row.id} {words[row.effect]}: {old} → {new} — {label}"
    yield from (f"  {line}" for line in _called(found.called, labels, language))


def whole(found: Sequence[Difference], pairs: Pairing, labels: Mapping[str, Label], language: Language) -> Iterator[str]:
    """Every pair of two files, then the cards that only one of them holds."""
    for each in found:
        yield from lines(each, labels, language)
    yield from (f"{card.record['release']}: {_WORDS[language]['removed']}" for card in pairs.removed)
    yield from (f"{card.record['release']}: {_WORDS[language]['added']}" for card in pairs.added)


def whole_as_json(found: Sequence[Difference], pairs: Pairing, labels: Mapping[str, Label]) -> dict[str, Any]:
    """For programs: the one pair as it is; else all of them under ``cards``, with what was ``removed`` and ``added``."""
    if pairs.alone:
        return as_json(found[0], labels)
    return {
        "cards": [as_json(each, labels) for each in found],
        "removed": [card.record["release"] for card in pairs.removed],
        "added": [card.record["release"] for card in pairs.added],
    }


def told(change: Change, labels: Mapping[str, Label], language: Language) -> str:
    """A change in words: the field's name, the entry, the values, cut when long."""
    label = getattr(labels[change.path], language)
    name = f" [{printable(change.name)}]" if change.name else ""
    if change.kind == "changed":
        old, new = (_worded(value, change.path, labels, language) for value in _differing(change.old, change.new))
        return f"{label}{name}: {_short(old)} → {_short(new)}"
    value = change.old if change.new is None else change.new
    return f"{label}{name}: {_short(_worded(value, change.path, labels, language))}"


def notice(
    found: Difference, audiences: Mapping[str, records.Audience], labels: Mapping[str, Label], language: Language
) -> records.ChangeNotice:
    """The draft of the notice; it quotes nothing that one of the cards keeps from the public."""
    words = _WORDS[language]
    quoted = shareable(found.old, found.new, found.changes, audiences)
    reasons = [change for change in quoted if change in found.called.because] or quoted
    summary = "\n".join(
        f"{words[change.kind]} {told(change, labels, language)}" for change in reasons if change.path != "training.compute_flop"
    )
    return draft(found.old, found.new, found.called, quoted, summary or words["unsaid"])


def as_json(found: Difference, labels: Mapping[str, Label]) -> dict[str, Any]:
    """For programs."""
    return {
        "old": found.old["release"],
        "new": found.new["release"],
        "changes": [
            {**change._asdict(), "change": change.kind, "label_ja": labels[change.path].ja, "label_en": labels[change.path].en}
            for change in found.changes
        ],
        "completeness": [
            {
                "profile": row.profile,
                "id": row.row.id,
                "old": row.old,
                "new": row.new,
                "effect": row.effect,
                "label_ja": row.row.label_ja,
                "label_en": row.row.label_en,
            }
            for row in found.rows
        ],
        "notice": {
            "kind": found.called.kind,
            "because": list(dict.fromkeys(change.path for change in found.called.because)),
            "others": list(found.called.others),
        },
    }


def _called(called: Called, labels: Mapping[str, Label], language: Language) -> Iterator[str]:
    words = _WORDS[language]
    if called.kind is None:
        yield words["no-notice"]
        return
    fields = dict.fromkeys(getattr(labels[change.path], language) for change in called.because)
    yield words["notice"].format(kind=called.kind.replace("_", "-"), fields=", ".join(fields))
    if called.others:
        yield words["others"].format(kinds=", ".join(called.others).replace("_", "-"))
    yield words["draft"]


def _differing(old: Any, new: Any) -> tuple[Any, Any]:
    """Of two entries, only the fields that differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return old, new
    keys = [key for key in new if old.get(key) != new[key]]
    return {key: old.get(key) for key in keys}, {key: new[key] for key in keys}


def _worded(value: Any, path: str, labels: Mapping[str, Label], language: Language) -> Any:
    """The value with each symbol of an enum in words, and the fields of an entry by their names."""
    if isinstance(value, dict):
        inner = {f"{path}.{key}": entry for key, entry in value.items()}
        return {_own_name(place, labels, language): _worded(entry, place, labels, language) for place, entry in inner.items()}
    label = labels[path].symbols.get(value) if path in labels and isinstance(value, str) else None
    return getattr(label, language) if label else value


def _own_name(path: str, labels: Mapping[str, Label], language: Language) -> str:
    """A field's name without those of the sections it lies in."""
    return str(getattr(labels[path], language)).rpartition(" › ")[2]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key}: {inner}" for key, inner in value.items() if inner is not None) or "–"
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
