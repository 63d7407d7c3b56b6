"""Official forms filled from a card: the Model Documentation Form, and a report of the Hiroshima Process' shape, as Markdown.

Items without an answer are shown as such, fields without an item are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from exchange.core.exporters.people import one_line
from exchange.core.exporters.sheet import WORDS, Line, reader_of, sheet, title_of
from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of
from exchange.core.mappings.haip import SECTIONS
from exchange.core.mappings.mdf import ITEMS, READERS, Item
from exchange.core.ranges import range_of

_NAMED = frozenset({"release", "display_name", "kind", "stage", "role", "disclosure"})


def export_mdf(shown: Shown, manner: Manner) -> Exported:
    """The form with the columns that the audience gets; one fact is exact for the Office and a range for others."""
    lines = {line.path: line for block in sheet(shown, manner) for line in block.lines}
    columns = READERS[shown.audience]
    items = [item for item in ITEMS if set(item.columns) & set(columns)]
    parts = [f"# Model Documentation Form: {one_line(title_of(shown))}", f"{WORDS[manner.lang]['for']}: {', '.join(columns)}"]
    for section in dict.fromkeys(item.section for item in items):
        head = f"| | | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}\n"
        rows = [_row(item, columns, lines, shown, manner) for item in items if item.section == section]
        parts.append(f"## {section}\n\n{head}" + "\n".join(rows))
    return _told(shown, parts, {path for item in items for path in item.paths}, "the form has no item for it for this audience")


def _row(item: Item, columns: str, lines: Mapping[str, Line], shown: Shown, manner: Manner) -> str:
    cells = [_cell(item, column, lines, shown, manner) if column in item.columns else "–" for column in columns]
    return f"| {item.id} | {item.name} | {' | '.join(cells)} |"


def _cell(item: Item, column: str, lines: Mapping[str, Line], shown: Shown, manner: Manner) -> str:
    path, values = item.paths[0] if item.paths else "", shown.leaves
    if column in item.rough and (path in values or path in shown.ranges):
        return shown.ranges.get(path) or range_of(path, values[path])
    told = [_said(lines[path], manner) for path in item.paths if path in lines]
    return "; ".join(told).replace("|", "\\|") or f"*{WORDS[manner.lang]['none']}*"


def export_haip(shown: Shown, manner: Manner) -> Exported:
    """A report in the order of the reporting framework's sections."""
    lines = {line.path: line for block in sheet(shown, manner) for line in block.lines}
    parts = [
        f"# {one_line(title_of(shown))}",
        f"`{shown.card['release']}` · {WORDS[manner.lang]['for']}: {reader_of(shown, manner)}",
    ]
    for section in SECTIONS:
        parts.append(f"## {section.id} {section.ja if manner.lang == 'ja' else section.en}")
        told = [f"- **{lines[path].label}**: {_said(lines[path], manner)}" for path in section.paths if path in lines]
        parts.append("\n".join(told) or f"*{WORDS[manner.lang]['none']}*")
    return _told(shown, parts, {path for section in SECTIONS for path in section.paths}, "no section asks for it")


def _said(line: Line, manner: Manner) -> str:
    if line.withheld is not None:
        return f"*{WORDS[manner.lang]['withheld']}: {one_line(line.withheld)}*"
    return one_line("; ".join(line.values))


def _told(shown: Shown, parts: Iterable[str], carried: set[str], why: str) -> Exported:
    values: Mapping[str, Any] = shown.leaves
    return Exported("\n\n".join(parts) + "\n", notes_of(shown, lost=values.keys() - carried - _NAMED, why=why))
