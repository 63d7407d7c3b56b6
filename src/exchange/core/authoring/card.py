"""What to ask for a model card: what its rule profiles hold open for one role, in their order, each field once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from exchange.core.authoring.answers import is_plain
from exchange.core.authoring.interview import Question
from exchange.core.check import GAPS, RowResult, check
from exchange.core.documents import Document
from exchange.core.labels import Label
from exchange.core.profiles import Row, RuleProfile
from exchange.core.reports import Language
from exchange.core.said import open_paths
from exchange.events import records

READERS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "public": "anybody",
        "user": "users, providers and authorities",
        "provider": "providers and authorities",
        "authority": "authorities",
        "owner": "nobody but you",
    },
    "ja": {
        "public": "誰でも",
        "user": "利用者・提供者・当局",
        "provider": "提供者・当局",
        "authority": "当局",
        "owner": "自社のみ",
    },
}
"""Who may read a field of that label."""

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"should": "should be told", "read": "Read by: {readers}", "open": "Open", "or": "or"},
    "ja": {"should": "推奨", "read": "読者: {readers}", "open": "未記載", "or": "又は"},
}


class Plan(NamedTuple):
    """How a card stands.

    Attributes:
        owed: items that the role owes and that are open.
        others: open items that somebody else owes.
        inherited: items that a parent provides, so that nobody is asked.
    """

    owed: Sequence[RowResult]
    others: Sequence[RowResult]
    inherited: Sequence[RowResult]


def plan(
    card: records.ModelCard, parents: Sequence[Document], profiles: Sequence[RuleProfile], role: str, at: date | None
) -> Plan:
    """What is open, and for whom.

    Args:
        card: as far as it is known.
        parents: cards of its parents.
        profiles: rule profiles.
        role: who writes.
        at: the day by which items go stale.
    """
    checked = check([Document("ModelCard", card, {}, "", 1), *parents], profiles, at=at)[0]
    rows = [row for profile in checked.profiles for row in profile.rows]
    gaps = [row for row in rows if row.result["status"] in GAPS]
    return Plan(
        [row for row in gaps if row.row.owed_by == role],
        [row for row in gaps if row.row.owed_by != role],
        [row for row in rows if row.result["status"] == "inherited"],
    )


def questions(
    found: Plan,
    card: records.ModelCard,
    labels: Mapping[str, records.Audience],
    names: Mapping[str, Label],
    language: Language,
) -> list[Question]:
    """A question for each field that is open, in the order of the profiles; a field that two items need is asked once.

    Args:
        found: what is open.
        card: as far as it is known.
        labels: audience label by path.
        names: the fields' names.
        language: the reader's.
    """
    made: dict[str, Question] = {}
    for result in found.owed:
        for path in _paths(result, card):
            made.setdefault(path, _question(result.row, path, labels, names, language))
    return list(made.values())


def open_items(found: Plan, card: records.ModelCard, names: Mapping[str, Label], language: Language) -> Iterator[str]:
    """What the role still owes, a few lines for each item."""
    words = _WORDS[language]
    for result in found.owed:
        row = result.row
        weak = f" ({words['should']})" if row.level == "should" else ""
        yield f"{words['open']}: {row.id} ({row.clause}){weak} {_label(row, language)}"
        groups = [group for group in row.groups if result.result["status"] == "stale" or group[0].text in open_paths(row, card)]
        for group in groups:
            told = f" {words['or']} ".join(f"{path.text} ({getattr(names[path.text], language)})" for path in group)
            yield f"  {told}"
        yield f"  {row.hint_ja if language == 'ja' else row.hint_en}"


def item_line(result: RowResult, language: Language) -> str:
    """An item in a line, with the release it comes from."""
    origin = f" ← {result.result['origin']}" if result.result["origin"] else ""
    return f"{result.row.id} {_label(result.row, language)}{origin}"


def _paths(result: RowResult, card: records.ModelCard) -> Iterator[str]:
    """Of each group that is open, the first field that a line can answer."""
    still = set(open_paths(result.row, card))
    for group in result.row.groups:
        if result.result["status"] == "stale" or group[0].text in still:
            yield from [path.text for path in group if is_plain("ModelCard", path.text)][:1]


def _question(
    row: Row, path: str, labels: Mapping[str, records.Audience], names: Mapping[str, Label], language: Language
) -> Question:
    words = _WORDS[language]
    weak = f" ({words['should']})" if row.level == "should" else ""
    about = (
        f"{row.clause} {_label(row, language)}{weak}",
        row.hint_ja if language == "ja" else row.hint_en,
        words["read"].format(readers=READERS[language][labels[path]]),
    )
    return Question(path, getattr(names[path], language), about)


def _label(row: Row, language: Language) -> str:
    return row.label_ja if language == "ja" else row.label_en
