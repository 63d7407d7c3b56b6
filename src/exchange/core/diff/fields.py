"""What changed between two cards, field by field.

Entries of lists are matched by what names them (a parent by its reference, a metric by name and data set), not by their place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from exchange.events import records

_NAMES: Final[Mapping[str, Callable[[Any], str]]] = {
    "parents": lambda entry: entry["ref"],
    "evaluation.metrics": lambda entry: entry["name"] + (f" ({entry['dataset']})" if entry["dataset"] else ""),
    "risks.by_category": lambda entry: entry["category"],
    "disclosure": lambda entry: entry["path"],
}
"""What names an entry of a list of records, by field."""


class Change(NamedTuple):
    """One field, or one entry of a list, that differs.

    Attributes:
        path: field path, without list indexes.
        name: which entry of a list or extension; empty for a field.
        old: None for what was added.
        new: None for what was removed.
    """

    path: str
    name: str
    old: Any
    new: Any

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"


def compare(old: records.ModelCard, new: records.ModelCard) -> list[Change]:
    """Every change, in the order of the schema; none when the cards say the same."""
    return list(_section(old, new, ""))


def _section(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, prefix: str) -> Iterator[Change]:
    for key in old or new or {}:
        before, after = (old or {}).get(key), (new or {}).get(key)
        path = prefix + key
        if path == "extensions":
            yield from _entries(path, before or {}, after or {})
        elif isinstance(before, Mapping) or isinstance(after, Mapping):
            yield from _section(before, after, f"{path}.")
        elif isinstance(before, list) or isinstance(after, list):
            yield from _list(path, before or [], after or [])
        elif _plain(before) != _plain(after):
            yield Change(path, "", _plain(before), _plain(after))


def _list(path: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    if path in _NAMES:
        yield from _entries(path, _named(path, old), _named(path, new))
        return
    known = {_plain(item): item for item in old}
    given = {_plain(item): item for item in new}
    yield from (Change(path, "", item, None) for key, item in known.items() if key not in given)
    yield from (Change(path, "", None, item) for key, item in given.items() if key not in known)


def _named(path: str, items: list[Any]) -> dict[str, Any]:
    """Entries by name; a name that stands twice is counted on."""
    named: dict[str, Any] = {}
    for item in items:
        name, number = _NAMES[path](item), 2
        while name in named:
            name, number = f"{_NAMES[path](item)} #{number}", number + 1
        named[name] = item
    return named


def _entries(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        if old.get(name) != new.get(name):
            yield Change(path, name, old.get(name), new.get(name))


def _plain(value: Any) -> Any:
    """A text without differences of spaces and line ends; no text is no value."""
    return (" ".join(value.split()) or None) if isinstance(value, str) else value
