"""What a card itself says to one row: provided, withheld, a placeholder, or nothing; and until when it counts as fresh."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from exchange.core.fields import RANK
from exchange.core.profiles import Path, Row
from exchange.events import records

_BEST = ("provided", "withheld", "placeholder", "missing")
_TRIM = " \t\r\n[](){}()【】「」*_#`'\"“”.。!!::-–—"
LONGEST_PLACEHOLDER = 600
"""Characters of a text that may stand for nothing yet."""


class Said(NamedTuple):
    """What the card itself says to one row."""

    status: str
    reason: str | None = None
    rank: int = 0
    values: Mapping[str, Any] = {}


class Narrowed(NamedTuple):
    """One entry of a card's ``disclosure``, with the rank of the widest audience that still reads the field."""

    path: str
    rank: int
    reason: str
    rough: bool


def said(row: Row, card: records.ModelCard | None, narrowed: Sequence[Narrowed]) -> Said:
    """What the card says to a row, as far as the row's audience may read it."""
    if row.by_exchange is not None:
        return Said("provided" if card is not None else "missing")
    groups = [_group(row, group, card, narrowed) for group in row.groups]
    worst = max(groups, key=lambda found: _BEST.index(found.status))
    values = {path: value for found in groups for path, value in found.values.items()}
    return Said(worst.status, worst.reason, max(found.rank for found in groups), values)


def _group(row: Row, group: Sequence[Path], card: records.ModelCard | None, narrowed: Sequence[Narrowed]) -> Said:
    return min((_one(row, path, card, narrowed) for path in group), key=lambda found: _BEST.index(found.status))


def _one(row: Row, path: Path, card: records.ModelCard | None, narrowed: Sequence[Narrowed]) -> Said:
    status, value = _state(row, _at(card, path))
    hidden = _narrowing(path, narrowed) if narrowed else None
    rank = max(path.rank, hidden.rank) if hidden else path.rank
    in_range = hidden is not None and hidden.rough and row.precision == "rough" and path.rank <= RANK[row.audience]
    if hidden is None or in_range or rank <= RANK[row.audience] or status == "placeholder":
        return Said(status, None, rank, {path.text: value} if status == "provided" else {})
    # Nothing given to the exchange at all counts as withheld only when the card says that nobody else may read it.
    if status == "provided" or hidden.rank == RANK["owner"]:
        return Said("withheld", hidden.reason, rank)
    return Said("missing", None, rank)


def _at(card: Mapping[str, Any] | None, path: Path) -> Any:
    value: Any = card
    for part in path.parts:
        if value is None:
            return None
        value = [item[part] for item in value] if isinstance(value, list) else value[part]
    return value


def _state(row: Row, value: Any) -> tuple[str, Any]:
    """provided, placeholder or missing, with the value."""
    if value is None:
        return "missing", None
    if isinstance(value, str):
        return _text_state(row, value), value
    if isinstance(value, list):
        return _first(row, value, ("provided", "placeholder")), value
    if isinstance(value, dict):
        # One placeholder spoils an entry: its category alone says nothing.
        return _first(row, value.values(), ("placeholder", "provided")), value
    return "provided", value


def _first(row: Row, items: Iterable[Any], order: tuple[str, str]) -> str:
    """The first status of ``order`` that an item has."""
    best = "missing"
    for item in items:
        state = _state(row, item)[0]
        if state == order[0]:
            return state
        best = state if state == order[1] else best
    return best


def _text_state(row: Row, text: str) -> str:
    if len(text) > LONGEST_PLACEHOLDER:
        return "provided" if text.strip() else "missing"
    if not text.strip():
        return "missing"
    return "placeholder" if _stands_for_nothing(row.placeholder, text) else "provided"


@lru_cache(maxsize=16384)
def _stands_for_nothing(placeholder: re.Pattern[str], text: str) -> bool:
    bare = text.strip(_TRIM)
    return not bare or placeholder.fullmatch(bare) is not None or placeholder.fullmatch(text.strip()) is not None


def narrowings(card: records.ModelCard | None) -> list[Narrowed]:
    """What a card keeps from some of its readers."""
    if card is None:
        return []
    return [
        Narrowed(entry["path"], RANK[entry["audience"] or "owner"], entry["reason"], entry["rough"])
        for entry in card["disclosure"]
    ]


def _narrowing(path: Path, narrowed: Sequence[Narrowed]) -> Narrowed | None:
    """The narrowest entry about the path, a section it lies in, or a field inside it."""
    own = path.text + "."
    about = [
        entry for entry in narrowed if entry.path == path.text or own.startswith(entry.path + ".") or entry.path.startswith(own)
    ]
    return max(about, key=lambda entry: entry.rank, default=None)


def is_stale(row: Row, card: records.ModelCard | None, at: date | None) -> bool:
    """Whether what the card says to the row was said too long before the day ``at``."""
    last = last_fresh(row, card)
    return last is not None and at is not None and (at.date() if isinstance(at, datetime) else at) > last


def last_fresh(row: Row, card: records.ModelCard | None) -> date | None:
    """The last day on which what the card says to the row is not stale."""
    day = (card["updated_on"] or card["released_on"]) if card else None
    if day is None or row.stale_after_days is None or (date.max - day).days <= row.stale_after_days:
        return None
    return day + timedelta(days=row.stale_after_days)


def open_paths(row: Row, card: records.ModelCard | None) -> list[str]:
    """The paths of a row that a gap is about: for each group without a real value, its first path."""
    return [group[0].text for group in row.groups if all(_state(row, _at(card, path))[0] != "provided" for path in group)]
