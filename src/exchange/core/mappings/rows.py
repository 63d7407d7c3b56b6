"""A mapping as data: rows of field, place and form, and the two walks over them.

Laws: what :func:`put_rows` wrote, :func:`take_rows` reads back equal; a value that its form would change on the way is handed to
``exact`` as well, so that a format with free properties loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, is_typeddict

from exchange.core.documents.shape import hints_of
from exchange.events import records

PREFIX: Final = "exchange:"
"""Begins the names of properties that hold our fields."""


class Form(NamedTuple):
    """How a value is written there and read back.

    Attributes:
        out: our value as theirs.
        back: theirs as ours, with what is left of theirs (None: nothing); ours is None where theirs is not understood.
        told: for people, in one or two words.
    """

    out: Callable[[Any], Any]
    back: Callable[[Any], tuple[Any, Any]]
    told: str


class Row(NamedTuple):
    """One field, its dotted place in the other format, and the name of its form."""

    path: str
    there: str
    form: str = "text"


# ------------------------------------------------------------------------------------------------ our side


def leaves(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a card says, by path; sections are walked, lists and maps are one value, what is empty is left out."""
    found: dict[str, Any] = {}
    for name, value in card.items():
        inner = {f"{name}.{key}": entry for key, entry in value.items()} if _section(name, value) else {name: value}
        found |= {path: entry for path, entry in inner.items() if entry is not None and entry not in ([], {})}
    return found


def _section(name: str, value: Any) -> bool:
    return isinstance(value, Mapping) and name != "extensions"


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of :func:`leaves`."""
    card: dict[str, Any] = {}
    for path, value in values.items():
        section, _, name = path.rpartition(".")
        (card.setdefault(section, {}) if section else card)[name] = value
    return card


@cache
def leaf_types() -> Mapping[str, Any]:
    """Type of every leaf of a card, by path."""
    found: dict[str, Any] = {}
    for name, hint in hints_of(records.ModelCard).items():
        bare = _bare(hint)
        inner = {f"{name}.{key}": _bare(kind) for key, kind in hints_of(bare).items()} if is_typeddict(bare) else {name: bare}
        found |= inner
    return found


def _bare(hint: Any) -> Any:
    return next(arg for arg in get_args(hint) if arg is not NoneType) if NoneType in get_args(hint) else hint


def as_text(value: Any) -> str:
    """A leaf as the text of a property: texts and days as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def from_text(path: str, text: str) -> Any:
    """The leaf that :func:`as_text` wrote.

    Raises:
        ValueError: not JSON, or no such leaf.
    """
    kind = leaf_types().get(path)
    if kind is None:
        raise ValueError(path)
    if kind is str or kind is date or get_origin(kind) is Literal:
        return text
    return json.loads(text)


# ------------------------------------------------------------------------------------------------ their side


def put(document: dict[str, Any], there: str, value: Any) -> None:
    """Set a dotted place, sections made on the way."""
    *sections, name = there.split(".")
    for section in sections:
        document = document.setdefault(section, {})
    document[name] = value


def take(document: dict[str, Any], there: str) -> Any:
    """The value of a dotted place, taken out; None when there is none."""
    *sections, name = there.split(".")
    for section in sections:
        inner = document.get(section)
        if not isinstance(inner, dict):
            return None
        document = inner
    return document.pop(name, None)


def put_rows(rows: Iterable[Row], forms: Mapping[str, Form], values: Mapping[str, Any], document: dict[str, Any]) -> set[str]:
    """Write every value that has a row.

    Returns:
        The paths that came over whole. The rest has no row, or its form would change it.
    """
    whole = set()
    for row in rows:
        if row.path not in values:
            continue
        form = forms[row.form]
        written = form.out(values[row.path])
        if written is None:
            continue
        put(document, row.there, written)
        if form.back(written) == (values[row.path], None):
            whole.add(row.path)
    return whole


def take_rows(rows: Iterable[Row], forms: Mapping[str, Form], document: dict[str, Any]) -> dict[str, Any]:
    """Read every place that has a row, and take it out; what is not understood stays in the document."""
    values: dict[str, Any] = {}
    for row in rows:
        found = take(document, row.there)
        if found is None:
            continue
        value, rest = forms[row.form].back(found)
        if value is None or row.path in values:
            rest = found
        else:
            values[row.path] = value
        if rest is not None:
            put(document, row.there, rest)
    return values


# ------------------------------------------------------------------------------------------------ forms of many formats


def text_of(found: Any) -> tuple[Any, Any]:
    """A text that says something."""
    return (found, None) if isinstance(found, str) and found else (None, found)


def texts_of(found: Any) -> tuple[Any, Any]:
    """A list of texts."""
    sound = isinstance(found, list) and bool(found) and all(isinstance(item, str) for item in found)
    return (found, None) if sound else (None, found)


def _joined(found: Any) -> tuple[Any, Any]:
    texts, rest = texts_of(found)
    return ("\n".join(texts), None) if texts else text_of(rest)


def keyed(key: str) -> Form:
    """A list of texts as a list of objects with one key."""

    def back(found: Any) -> tuple[Any, Any]:
        sound = isinstance(found, list) and bool(found) and all(isinstance(item, dict) and set(item) == {key} for item in found)
        return texts_of([item[key] for item in found]) if sound else (None, found)

    return Form(lambda value: [{key: item} for item in value], back, f"list of `{key}`")


def _day(found: Any) -> tuple[Any, Any]:
    try:
        return date.fromisoformat(found[:10]), None
    except (TypeError, ValueError):
        return None, found


TEXT: Final = Form(lambda value: value, text_of, "text")
TEXTS: Final = Form(lambda value: value, texts_of, "list")
LISTED: Final = Form(lambda value: [value], _joined, "list of one text; several are joined by line")
DAY: Final = Form(lambda value: f"{value.isoformat()}T00:00:00Z", _day, "day")
