"""Questions, and the document that grows from their answers. Who asks, and how, is the caller's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange.core.authoring.answers import choices_of, is_list, problems_at, put, read_answer, value_at
from exchange.errors import ValidationError


@dataclass(frozen=True, slots=True)
class Question:
    """One field to ask for.

    Attributes:
        path: the field, with list indexes.
        label: its name in the reader's language.
        about: lines that explain: the item, what a good answer holds, who reads it.
        needed: without it there is no document.
    """

    path: str
    label: str
    about: tuple[str, ...] = ()
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is put.

    Attributes:
        current: what stands there now, in words; kept when nothing is answered.
        choices: the values there are, if they are few.
        entry: which entry of a list it is, from 1; 0 for what holds one value.
    """

    question: Question
    current: str
    choices: tuple[str, ...]
    entry: int


Ask = Callable[[Asked], str]
"""Puts a question; an empty answer keeps what is there."""


@dataclass(slots=True)
class Interview:
    """A document in the making.

    Attributes:
        name: type of document.
        values: what is known so far.
        ask: puts a question.
        tell: says why an answer does not fit.
        given: fields that were given beforehand, and so are not asked for.
    """

    name: str
    values: dict[str, Any]
    ask: Ask
    tell: Callable[[str], None]
    given: set[str] = field(default_factory=set)

    def put(self, question: Question, beside: Mapping[str, Any] | None = None) -> bool:
        """Ask until the answer fits; of a list, until an empty line.

        Args:
            question: what to ask.
            beside: values that come with an answer, by path.

        Returns:
            Whether there was an answer.
        """
        if question.path in self.given:
            return False
        before, current = self.values, self._current(question.path)
        choices, several = choices_of(self.name, question.path), is_list(self.name, question.path)
        texts: list[str] = []
        while line := self.ask(Asked(question, "" if texts else current, choices, len(texts) + 1 if several else 0)).strip():
            try:
                value = read_answer(self.name, question.path, [*texts, line])
                made = put(before, question.path, value)
                for path, other in (beside or {}).items():
                    made = put(made, path, other)
                problem = next(iter(problems_at(self.name, made, question.path)), None)
            except ValidationError as error:
                problem = error.message.removeprefix(f"{question.path}: ")
            if problem is not None:
                self.tell(problem)
                continue
            texts.append(line)
            self.values = made
            if not several:
                break
        return bool(texts)

    def _current(self, path: str) -> str:
        value = value_at(self.values, path)
        items = value if isinstance(value, list) else [] if value is None else [value]
        return "; ".join(_words(item, enum=bool(choices_of(self.name, path))) for item in items)


def _words(value: Any, *, enum: bool) -> str:
    if isinstance(value, dict):
        return ": ".join(str(part) for part in value.values() if part is not None)
    return str(value).replace("_", "-") if enum else " ".join(str(value).split())
