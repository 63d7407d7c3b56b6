"""Gives a document's nodes the shape of a record: pleasant to write, strict in what comes out.

What makes it pleasant: enum values may hold hyphens and any letter case, one value may stand where a list is expected, numbers
may be grouped with ``_``, and a day may stand where a point of time is expected (midnight UTC). What makes it strict: unknown
keys are faults with a suggestion, and every fault is reported, not only the first.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

from exchange.core.documents.yamltext import Node
from exchange.errors import Fault

_BAD: Any = object()
"""Stands for a value about which a fault is already noted."""

MOST_HINTS = 50
"""Suggestions are dear: the first faults get them."""

_SECTION_HINTS = {"Parent": "write `- ref: party/name@version` and `relation: fine-tune` for each parent"}


@cache
def hints_of(record: type) -> Mapping[str, Any]:
    """Type of each field of a generated TypedDict."""
    return get_type_hints(record)


class Shaper:
    """Shapes one document and notes its faults and lines.

    Attributes:
        faults: what is wrong, in order of the text.
        lines: line of each field, by dotted path with list indexes.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.lines: dict[str, int] = {}

    def record(self, node: Node, kind: type, path: str = "") -> Any:
        """The fields of a record that are there and sound."""
        if not isinstance(node.value, dict):
            names = ", ".join(list(hints_of(kind))[:4])
            return self.bad(
                path, node.line, "must be a section with keys", _SECTION_HINTS.get(kind.__name__, f"for example {names}")
            )
        fields = hints_of(kind)
        values: dict[str, Any] = {}
        for key, child in node.value.items():
            inner = f"{path}.{key}" if path else key
            self.lines[inner] = child.line
            if key not in fields:
                self.bad(inner, child.line, "unknown key", _suggest(key, fields) if len(self.faults) < MOST_HINTS else "")
                continue
            value = self.value(child, fields[key], inner)
            if value is not _BAD:
                values[key] = value
        return values

    def value(self, node: Node, hint: Any, path: str) -> Any:
        """The value of one field, by its type."""
        choices = [choice for choice in get_args(hint) if choice is not NoneType] if _is_union(hint) else [hint]
        kind = choices[0]
        if node.value is None and get_origin(kind) in (list, dict):
            return get_origin(kind)()
        if node.value is None:
            return None if _is_union(hint) else self.bad(path, node.line, "has no value")
        if get_origin(kind) is list:
            return self._list(node, get_args(kind)[0], path)
        if get_origin(kind) is dict:
            return self._texts(node, path)
        if is_typeddict(kind):
            return self.record(node, kind, path)
        return self._scalar(node, kind, path)

    def bad(self, path: str, line: int, message: str, hint: str = "") -> Any:
        """Notes a fault; returns the mark for a value that is left out."""
        # A key may hold anything, and ends up on somebody's terminal.
        shown = "".join(char if char.isprintable() else "\ufffd" for char in path)
        self.faults.append(Fault(shown, line, message, hint))
        return _BAD

    def _list(self, node: Node, hint: Any, path: str) -> list[Any]:
        # One item without its dash is still one item.
        items = node.value if isinstance(node.value, list) else [node]
        shaped = []
        for index, item in enumerate(items):
            inner = f"{path}.{index}"
            self.lines[inner] = item.line
            shaped.append(self.value(item, hint, inner))
        return [item for item in shaped if item is not _BAD]

    def _texts(self, node: Node, path: str) -> Any:
        if not isinstance(node.value, dict):
            return self.bad(path, node.line, "must be a section of keys with texts")
        values = {}
        for key, child in node.value.items():
            self.lines[f"{path}.{key}"] = child.line
            value = self._scalar(child, str, f"{path}.{key}")
            if value is not _BAD:
                values[key] = value
        return values

    def _scalar(self, node: Node, kind: Any, path: str) -> Any:
        text = node.value
        if not isinstance(text, str):
            return self.bad(path, node.line, "must be a single value" if text is not None else "has no value")
        if kind is str:
            return text
        if get_origin(kind) is Literal:
            return self._enum(node, text, kind, path)
        reader, message = _READERS[kind]
        try:
            return reader(text)
        except ValueError:
            return self.bad(path, node.line, message)

    def _enum(self, node: Node, text: str, kind: Any, path: str) -> Any:
        allowed = [value for value in get_args(kind) if value != "UNKNOWN"]
        found = {value.casefold(): value for value in allowed}.get(text.strip().replace("-", "_").replace(" ", "_").casefold())
        if found is None:
            names = ", ".join(value.replace("_", "-") for value in allowed)
            return self.bad(path, node.line, "not one of the allowed values", f"one of {names}")
        return found


def _is_union(hint: Any) -> bool:
    return NoneType in get_args(hint)


def _suggest(key: str, fields: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key[:60].replace("-", "_").replace(" ", "_").casefold(), fields, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known keys: {', '.join(fields)}"


def _whole(text: str) -> int:
    if len(text) > 40:
        raise ValueError
    number = float(text.replace("_", "").replace(",", ""))
    if not number.is_integer() or abs(number) >= 2**63:
        raise ValueError
    return int(number) if "e" in text.casefold() else int(text.replace("_", "").replace(",", ""))


def _number(text: str) -> float:
    number = float(text.replace("_", "").replace(",", "")) if len(text) <= 40 else float("nan")
    if number - number != 0:  # NaN and infinity
        raise ValueError
    return number


def _yes(text: str) -> bool:
    word = text.strip().casefold()
    if word not in ("true", "yes", "false", "no"):
        raise ValueError
    return word in ("true", "yes")


def _moment(text: str) -> datetime:
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


_READERS: Mapping[Any, tuple[Any, str]] = {
    int: (_whole, "must be a whole number"),
    float: (_number, "must be a number"),
    bool: (_yes, "must be true or false"),
    date: (date.fromisoformat, "must be a day: YYYY-MM-DD"),
    datetime: (_moment, "must be a point of time with its zone: YYYY-MM-DDThh:mm:ssZ, or a day"),
}
