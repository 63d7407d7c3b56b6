"""Conditions of profile rows: one expression in CEL (Common Expression Language) over the facts of a release.

The expression is type-checked when the profile is loaded, by Google's implementation; it has no loops, no calls out and no state.
A fact that nobody told is tried with every value it can have, and the row applies when it applies under one of them: nobody is
excused by saying nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from cel_expr_python import cel

from exchange.core.facts import DOMAINS, RELATIONS, Facts
from exchange.errors import ConfigError

_AT: Final = re.compile(r"<input>:(\d+):(\d+): (.*)")
_TEXT: Final = re.compile(r'"([^"\\]*)"')
_UNKNOWN_MODIFIER: Final = ("below_third", "above_third")


class Condition:
    """A checked condition.

    Args:
        text: the expression; ``true`` always holds.
        where: named in errors.

    Raises:
        ConfigError: not an expression, an unknown variable, a type that does not fit, a value no variable can take, or an
            expression that can never hold. The place in the expression is named.
    """

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self._expression = _compile(text, where)
        self._known: dict[Facts, bool] = {}
        try:
            possible = _possible(text)
        except RuntimeError:
            raise ConfigError(f"{where}: cannot be worked out for every value of its variables") from None
        if not possible:
            raise ConfigError(f"{where}: can never hold", hint="see the values each variable can take in docs/completeness.md")

    def holds(self, facts: Facts) -> bool:
        """Whether it holds under some value of what is unknown."""
        found = self._known.get(facts)
        if found is None:
            found = self._known[facts] = any(self._true(world) for world in _completed(facts))
        return found

    def _true(self, facts: dict[str, Any]) -> bool:
        return bool(self._expression.eval(data=facts).value())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


@cache
def _environment() -> Any:
    kinds: dict[str, Any] = {
        name: cel.Type.BOOL if isinstance(values[0], bool) else cel.Type.STRING for name, values in DOMAINS.items()
    }
    return cel.NewEnv(variables=kinds | {"relations": cel.Type.List(cel.Type.STRING)})


def _compile(text: str, where: str) -> Any:
    try:
        expression = _parsed(text)
    except (RuntimeError, TypeError) as error:  # TypeError: characters that are halves
        found = _AT.search(str(error))
        place = f" line {found[1]}, column {found[2]}: {found[3]}" if found else " not an expression"
        raise ConfigError(f"{where}:{place}", hint=f"variables: {', '.join([*DOMAINS, 'relations'])}") from None
    if expression.return_type() != cel.Type.BOOL:
        raise ConfigError(f"{where}: must be true or false, not {expression.return_type().name().lower()}")
    known = {value for values in (*DOMAINS.values(), RELATIONS) for value in values}
    for found in _TEXT.finditer(text):
        if found[1] not in known:
            raise ConfigError(f"{where}: line 1, column {found.start() + 1}: no variable can be '{found[1]}'")
    return expression


@cache
def _parsed(text: str) -> Any:
    return _environment().compile(text)


@cache
def _possible(text: str) -> bool:
    """Whether it can hold. Every world is tried: what cannot be worked out in one must not be found out by a release."""
    answers = [_parsed(text).eval(data=facts) for facts in _worlds(text)]
    if any(answer.type() != cel.Type.BOOL for answer in answers):  # CEL's errors are values
        raise RuntimeError("no answer")
    return any(answer.value() for answer in answers)


def _worlds(text: str) -> Iterator[dict[str, Any]]:
    """Every combination of values of the variables that an expression names; the others stand at one value."""
    named = set(re.findall(r"\w+", text))
    choices: dict[str, Any] = {name: values if name in named else values[:1] for name, values in DOMAINS.items()}
    choices["relations"] = [[], *([relation] for relation in RELATIONS)] if "relations" in named else [[]]
    for combination in itertools.product(*choices.values()):
        yield dict(zip(choices, combination, strict=True))


def _completed(facts: Facts) -> Iterator[dict[str, Any]]:
    told = facts._asdict() | {"relations": list(facts.relations)}
    unknown = [name for name, value in told.items() if value is None]
    domains = [_UNKNOWN_MODIFIER if name == "modifier" else DOMAINS[name] for name in unknown]
    for combination in itertools.product(*domains):
        yield told | dict(zip(unknown, combination, strict=True))
