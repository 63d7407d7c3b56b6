"""A card as blocks of labelled lines: what the exports for people have in common. Labels come from the schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from exchange.core.exporters.shown import Manner, Shown
from exchange.core.fields import names_in
from exchange.core.labels import symbols_of
from exchange.core.schemas import NAMESPACE

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "facts": "Facts",
        "withheld": "Withheld",
        "none": "Not stated",
        "yes": "Yes",
        "no": "No",
        "for": "Shown for",
        "card": "Model card",
    },
    "ja": {
        "facts": "基本情報",
        "withheld": "非開示",
        "none": "記載なし",
        "yes": "はい",
        "no": "いいえ",
        "for": "開示先",
        "card": "モデルカード",
    },
}
_SKIPPED: Final = frozenset({"disclosure"})


class Line(NamedTuple):
    """One field: its path, its label, and what it says; a withheld one has a reason instead."""

    path: str
    label: str
    values: list[str]
    withheld: str | None = None


class Block(NamedTuple):
    """Fields that belong together, under their section's label."""

    title: str
    lines: list[Line]


def title_of(shown: Shown) -> str:
    """The name of a release as people spell it."""
    return shown.card["display_name"] or shown.card["release"]


def reader_of(shown: Shown, manner: Manner) -> str:
    """For whom it is shown, in words."""
    return str(getattr(symbols_of(manner.schemas.raw, f"{NAMESPACE}.Audience")[shown.audience], manner.lang))


def sheet(shown: Shown, manner: Manner) -> list[Block]:
    """Every block that says something, or withholds something."""
    facts = Block(WORDS[manner.lang]["facts"], [])
    blocks = [facts]
    for field in manner.schemas.raw["ModelCard"]["fields"]:
        name, nested = field["name"], _nested(field["type"], manner)
        value: Any = shown.card[name]  # type: ignore[literal-required]
        if name in _SKIPPED:
            continue
        if nested and not isinstance(value, list) and name not in shown.withheld:
            blocks.append(Block(field["label"][manner.lang], list(_section(shown, manner, name, nested))))
        else:
            facts.lines.extend(_line(shown, manner, name, field, value))
    return [block for block in blocks if block.lines]


def _section(shown: Shown, manner: Manner, section: str, record: str) -> Iterator[Line]:
    values: Any = shown.card[section] or {}  # type: ignore[literal-required]
    for field in manner.schemas.raw[record]["fields"]:
        yield from _line(shown, manner, f"{section}.{field['name']}", field, values.get(field["name"]))


def _line(shown: Shown, manner: Manner, path: str, field: Mapping[str, Any], value: Any) -> Iterator[Line]:
    label = field["label"][manner.lang]
    if path in shown.withheld:
        told = f"{shown.ranges[path]} ({shown.withheld[path]})" if path in shown.ranges else shown.withheld[path]
        yield Line(path, label, [], told)
        return
    said = said_of(field["type"], value, manner)
    if said:
        yield Line(path, label, said)


def said_of(schema: Any, value: Any, manner: Manner) -> list[str]:
    """What a value says, one text an item."""
    if value is None or value in ("", [], {}):
        return []
    if isinstance(value, list):
        nested = _nested(schema, manner)
        return [_record(nested, item, manner) if nested else _plain(schema, item, manner) for item in value]
    if isinstance(value, dict):
        return [f"{key}: {text}" for key, text in value.items()]
    return [_plain(schema, value, manner)]


def _record(name: str, value: Mapping[str, Any], manner: Manner) -> str:
    """An entry of a list on one line: its first field, then the others by label."""
    parts = []
    for number, field in enumerate(manner.schemas.raw[name]["fields"]):
        text = ", ".join(said_of(field["type"], value[field["name"]], manner))
        if text:
            parts.append(text if number == 0 else f"{field['label'][manner.lang]}: {text}")
    return " · ".join(parts)


def _plain(schema: Any, value: Any, manner: Manner) -> str:
    if isinstance(value, str):
        label = symbols_of(manner.schemas.raw, schema).get(value)
        # The number of a risk category is what people look it up by.
        number = f"{value} " if "RiskCategory" in names_in(schema) else ""
        return number + getattr(label, manner.lang) if label else value
    if isinstance(value, bool):
        return WORDS[manner.lang]["yes" if value else "no"]
    if isinstance(value, int):
        return f"{value:,}"
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def _nested(schema: Any, manner: Manner) -> str | None:
    if isinstance(schema, list):
        return next((name for branch in schema if (name := _nested(branch, manner))), None)
    if isinstance(schema, dict):
        return _nested(schema.get("items"), manner) if schema.get("type") == "array" else None
    name = str(schema).removeprefix(f"{NAMESPACE}.")
    known = manner.schemas.raw.get(name)
    return name if known and known["type"] == "record" else None
