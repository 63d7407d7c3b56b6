"""Cards for people: Markdown, and HTML in one file that prints well and fits a phone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from exchange.core.exporters.sheet import WORDS, Block, Line, reader_of, sheet, title_of
from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 16px/1.6 system-ui, "Hiragino Sans", "Noto Sans JP", sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .4rem; border-bottom: 2px solid var(--line); }
.sub { margin: 0; opacity: .75; overflow-wrap: anywhere; }
dl { margin: 0; display: grid; grid-template-columns: 11rem 1fr; }
dt, dd { margin: 0; padding: .4rem 0; border-bottom: 1px solid var(--line); }
dt { font-weight: 600; padding-right: 1rem; }
dd { white-space: pre-wrap; overflow-wrap: anywhere; }
dd ul { white-space: normal; margin: 0; padding-left: 1.1rem; }
dd li { white-space: pre-wrap; }
.hidden { background: var(--soft); border-radius: .3rem; padding: 0 .4rem; }
@media (max-width: 34rem) { dl { display: block; } dt { border: 0; padding-bottom: 0; } dd { padding-top: 0; } }
@media print { body { max-width: none; font-size: 10pt; } h2 { break-after: avoid; } dt, dd { break-inside: avoid; } }
"""


def export_html(shown: Shown, manner: Manner) -> Exported:
    """One HTML file without scripts, fonts or links to anywhere; all text is escaped."""
    words, name = WORDS[manner.lang], html.escape(title_of(shown))
    parts = [
        "<!doctype html>",
        f'<html lang="{manner.lang}">',
        f'<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title>',
        f"<style>{_STYLE}</style></head>",
        f'<body><main><h1>{name}</h1><p class="sub">{words["card"]} · {html.escape(shown.card["release"])} · '
        f"{words['for']}: {reader_of(shown, manner)}</p>",
        *(text for block in sheet(shown, manner) for text in _html_block(block, words["withheld"])),
        "</main></body></html>",
    ]
    return Exported("\n".join(parts) + "\n", notes_of(shown))


def _html_block(block: Block, withheld: str) -> Iterator[str]:
    yield f"<section><h2>{html.escape(block.title)}</h2><dl>"
    for line in block.lines:
        yield f"<dt>{html.escape(line.label)}</dt><dd>{_html_value(line, withheld)}</dd>"
    yield "</dl></section>"


def _html_value(line: Line, withheld: str) -> str:
    if line.withheld is not None:
        return f'<span class="hidden">{withheld}: {html.escape(line.withheld)}</span>'
    if len(line.values) == 1:
        return html.escape(line.values[0])
    return "<ul>" + "".join(f"<li>{html.escape(value)}</li>" for value in line.values) + "</ul>"


def export_markdown(shown: Shown, manner: Manner) -> Exported:
    """Markdown with the labels of one language; headings inside texts are made lower ones."""
    words = WORDS[manner.lang]
    told = f"{words['card']} `{shown.card['release']}` · {words['for']}: {reader_of(shown, manner)}"
    parts = [f"# {one_line(title_of(shown))}", told]
    for block in sheet(shown, manner):
        parts.append(f"## {block.title}")
        parts += [_markdown_line(line, words["withheld"]) for line in block.lines]
    return Exported("\n\n".join(parts) + "\n", notes_of(shown))


def _markdown_line(line: Line, withheld: str) -> str:
    if line.withheld is not None:
        return f"**{line.label}:** *{withheld}: {one_line(line.withheld)}*"
    if len(line.values) == 1 and "\n" not in line.values[0]:
        return f"**{line.label}:** {line.values[0]}"
    text = lower_headings(line.values[0]) if len(line.values) == 1 else bullets(line.values)
    return f"### {line.label}\n\n{text}"


def lower_headings(text: str) -> str:
    """The text with its headings below any of ours."""
    return re.sub(r"^#{1,6}(?=[ \t])", "######", text, flags=re.MULTILINE)


def bullets(values: list[str]) -> str:
    """A list, one line an item."""
    return "\n".join(f"- {one_line(value)}" for value in values)


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())
