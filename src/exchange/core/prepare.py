"""Makes a record ready for fastavro: what would make its bytes depend on chance is refused or put in order.

fastavro writes maps in the order of the dict, takes a time without zone as local time, and finds the branch of a union by
validating each one down to its leaves. So maps are sorted, such times refused, and optional records named outright.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from exchange.errors import ValidationError

Prepare = Callable[[Any], Any]


def compile_prepare(schema: Any, named: Mapping[str, Any], where: str = "") -> Prepare | None:
    """The function that makes a value of ``schema`` ready, or ``None`` where there is nothing to do.

    Args:
        schema: schema as written.
        named: the schemas it names, by full name.
        where: field path, for error messages.
    """
    if isinstance(schema, str):
        return compile_prepare(named[schema], named, where) if schema in named else _finite(where) if schema == "double" else None
    if isinstance(schema, list):
        return _optional(schema, named, where)
    if schema["type"] == "record":
        return _record(schema, named, where)
    if schema["type"] == "array":
        item = compile_prepare(schema["items"], named, where)
        return (lambda value: [item(each) for each in value]) if item else None
    if schema["type"] == "map":
        return lambda value: dict(sorted(value.items()))
    return _aware(where) if schema.get("logicalType") == "timestamp-millis" else None


def _record(schema: Any, named: Mapping[str, Any], where: str) -> Prepare | None:
    steps: list[tuple[str, Prepare]] = []
    for field in schema["fields"]:
        step = compile_prepare(field["type"], named, f"{where}.{field['name']}".lstrip("."))
        if step:
            steps.append((field["name"], step))
    if not steps:
        return None

    def prepare(value: Any) -> Any:
        ready = dict(value)
        for name, step in steps:
            if name in ready:
                ready[name] = step(ready[name])
        return ready

    return prepare


def _optional(schema: Any, named: Mapping[str, Any], where: str) -> Prepare | None:
    other = next(branch for branch in schema if branch != "null")
    step = compile_prepare(other, named, where)
    if not isinstance(other, str) or named.get(other, {}).get("type") != "record":
        return (lambda value: value if value is None else step(value)) if step else None

    def prepare(value: Any) -> Any:
        return value if value is None else (other, step(value) if step else value)

    return prepare


def _finite(where: str) -> Prepare:
    def check(value: Any) -> Any:
        if isinstance(value, float) and not isfinite(value):
            raise ValidationError(f"{where}: not a finite number")
        return value

    return check


def _aware(where: str) -> Prepare:
    def check(value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValidationError(f"{where}: a time without zone", hint="give the time with its offset from UTC")
        return value

    return check
