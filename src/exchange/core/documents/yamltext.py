"""Strict YAML: text in, nodes with their lines out.

Nothing that makes YAML dangerous or surprising gets through: size and depth are capped before anything is built, and anchors,
aliases, merge keys, tags and duplicate keys are errors (alias bombs, merge-key doubling, last-key-wins). Scalars stay as they
were written: what ``no``, ``1.0`` or ``2024-05-05`` means is decided by the field it stands in, not by YAML's guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from exchange.errors import Fault, ParseError, TooLargeError

SIZE_LIMIT = 128 * 1024
"""Bytes of a document at most; the limit of a submission."""

DEPTH_LIMIT = 12
"""Levels of nesting at most; a card needs four."""

KEY_LIMIT = 200
"""Characters of a key at most; keys are named in errors."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document.

    Attributes:
        line: where its key stands, or, in a list, where it begins; from 1.
        value: text of a scalar (None for null), items of a list, or values by key.
    """

    line: int
    value: str | list[Node] | dict[str, Node] | None

    def plain(self) -> Any:
        """The value without lines: texts, None, lists and dicts."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return self.value


def read_yaml(text: str, filename: str, *, skipped: int = 0, limit: int = SIZE_LIMIT) -> list[Node]:
    """The documents of a YAML text, as nodes; empty documents are left out.

    Args:
        text: the text.
        filename: named in errors.
        skipped: lines of the file that stand before the text.
        limit: bytes at most.

    Raises:
        TooLargeError: too many bytes.
        ParseError: not YAML, or not strict YAML; file and line are named, the text is not quoted.
    """
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        raise TooLargeError(f"{filename}: larger than {limit // 1024} kB", hint="give long texts by link and digest")
    try:
        reader = _Reader(text, filename, skipped)
        return list(reader.documents())
    except yaml.MarkedYAMLError as error:
        line = skipped + 1 + (error.problem_mark.line if error.problem_mark else 0)
        raise parse_error(filename, line, f"not YAML: {_bare(error.problem or 'not understood')}") from None
    except yaml.reader.ReaderError as error:
        line = skipped + 1 + text.count("\n", 0, error.position if isinstance(error.position, int) else 0)
        raise parse_error(filename, line, "a character that YAML does not allow") from None


def parse_error(filename: str, line: int, message: str, hint: str = "") -> ParseError:
    """An error with its one fault, in the form all errors of documents have."""
    return ParseError(f"{filename}:{line}: {message}", hint=hint, faults=[Fault("", line, message, hint)])


def _bare(problem: str) -> str:
    """PyYAML's message without what it quotes of the text; single characters may stay."""
    return re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"", "…", problem)


class _Reader:
    def __init__(self, text: str, filename: str, skipped: int) -> None:
        self._loader = yaml.SafeLoader(text)
        self._filename = filename
        self._skipped = skipped

    def documents(self) -> Iterator[Node]:
        self._next()
        while not isinstance(self._loader.peek_event(), yaml.StreamEndEvent):  # type: ignore[no-untyped-call]
            self._next()
            node = self._node(self._next(), 0)
            self._next()
            if node.value is not None:
                yield node

    def _next(self) -> Any:
        return self._loader.get_event()  # type: ignore[no-untyped-call]

    def _node(self, event: Any, depth: int) -> Node:
        self._refuse(event, depth)
        line = self._line(event)
        if isinstance(event, yaml.ScalarEvent):
            return Node(line, None if event.implicit[0] and event.value in _NULLS else event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(following := self._next(), yaml.SequenceEndEvent):
                items.append(self._node(following, depth + 1))
            return Node(line, items)
        return Node(line, self._mapping(depth))

    def _mapping(self, depth: int) -> dict[str, Node]:
        values: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._refuse(event, depth)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(event, "a key must be a text", "quote texts that begin with { or [")
            if len(event.value) > KEY_LIMIT:
                raise self._error(event, f"a key longer than {KEY_LIMIT} characters")
            if event.value in values:
                raise self._error(event, "a key that stands here twice")
            if event.value == "<<":
                raise self._error(event, "merge keys are not allowed", "write the fields out")
            values[event.value] = Node(self._line(event), self._node(self._next(), depth + 1).value)
        return values

    def _refuse(self, event: Any, depth: int) -> None:
        if depth > DEPTH_LIMIT:
            raise self._error(event, f"nested more than {DEPTH_LIMIT} levels deep")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self._error(
                event, "anchors and aliases are not allowed", "write the value out; quote texts that begin with & or *"
            )
        if event.tag is not None and event.tag != "!":
            raise self._error(event, "tags are not allowed", "quote texts that begin with !")

    def _line(self, event: Any) -> int:
        return self._skipped + 1 + int(event.start_mark.line)

    def _error(self, event: Any, message: str, hint: str = "") -> ParseError:
        return parse_error(self._filename, self._line(event), message, hint)
