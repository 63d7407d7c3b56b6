"""HTML: one file without scripts or anything from elsewhere; reads well on a phone and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from exchange.core.check import Checked
from exchange.core.reports.findings import (
    Finding,
    Language,
    by_owner,
    faults_of,
    gaps_of,
    known_in,
    owed_in_all,
    verdicts,
    warnings_of,
)
from exchange.core.reports.words import WORDS

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #b3261e; --weak: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --weak: #ffca6b; --good: #7bd89b; } }
* { box-sizing: border-box; }
body { font: 1rem/1.6 system-ui, "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", Meiryo, sans-serif;
  max-width: 52rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: .5rem 0; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
ul { margin: 0; padding: 0; list-style: none; }
.sum { font-size: 1.1rem; }
.owners li { padding: .3rem 0; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: .6rem; margin: .8rem 0; padding: 0 1rem; }
summary { cursor: pointer; padding: .8rem 0; font-weight: 600; }
summary small { font-weight: 400; display: block; opacity: .75; }
.card { border-left: .25rem solid var(--bad); background: var(--soft); border-radius: 0 .4rem .4rem 0; margin: .5rem 0;
  padding: .5rem .8rem; break-inside: avoid; }
.card.warning { border-color: var(--weak); } .card.note { border-color: var(--line); }
.card p { margin: .2rem 0; }
.where { font-size: .85rem; opacity: .8; font-family: ui-monospace, monospace; }
.tag { font-size: .85rem; font-weight: 600; color: var(--bad); }
.warning .tag, .gaps { color: var(--weak); } .invalid { color: var(--bad); } .complete { color: var(--good); }
details > :last-child { margin-bottom: 1rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } details { border: 0; padding: 0; break-inside: auto; }
  details:not([open])::details-content { content-visibility: visible; display: block; } summary { break-after: avoid; } }
"""


def html_report(checked: Sequence[Checked], language: Language) -> str:
    """A page: the sum, who owes how much, then each document; one alone stands open."""
    words = WORDS[language]
    title = escape(words["title"])
    body = "\n".join(
        [
            f"<h1>{title}</h1>",
            f'<p class="sum">{escape(verdicts(checked, language))}</p>',
            *_owners(checked, language),
            *("\n".join(_document(entry, language, len(checked) == 1)) for entry in checked),
        ]
    )
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>"
    )


def _owners(checked: Sequence[Checked], language: Language) -> Iterator[str]:
    words, owed = WORDS[language], owed_in_all(checked, language)
    if not owed:
        return
    yield '<ul class="owners">'
    for owes, count, cards in owed:
        told = words["card"] if cards == 1 else words["cards"].format(count=cards)
        line = words["total-owed"].format(role=words[owes.role], party=owes.party, count=count, cards=told)
        yield f"<li>{escape(line)}</li>"
    yield "</ul>"


def _document(checked: Checked, language: Language, opened: bool) -> Iterator[str]:
    words = WORDS[language]
    faults, gaps = faults_of(checked), gaps_of(checked, language)
    notes = [checked.filename] + ([words["imported"]] if checked.source == "huggingface" else [])
    notes += [words["eyes"].format(audience=checked.audience)] if checked.audience else []
    verdict = f'<span class="{checked.verdict}">{escape(words[checked.verdict])}</span>'
    count = f" ({len(gaps)})" if gaps else ""
    yield f"<details{' open' if opened else ''}><summary>{escape(checked.release or checked.filename)}: {verdict}{count}"
    yield f"<small>{escape(' · '.join(notes))}</small></summary>"
    for fault in faults:
        yield _card(checked, fault, words["error"])
    for owes, owed in by_owner(gaps):
        yield f"<h3>{escape(words['owes'].format(role=words[owes.role], party=owes.party, count=len(owed)))}</h3>"
        for gap in owed:
            state = words[gap.state] + (f" ({words['should']})" if gap.level == "warning" else "")
            yield _card(checked, gap, state)
    warnings = warnings_of(checked, language)
    if warnings:
        yield f"<h3>{escape(words['warnings'])}</h3>"
    for warning in warnings:
        yield _card(checked, warning, words["warning"])
    yield from _withheld(checked, language)
    if known := known_in(checked):
        yield f"<p>{escape(words['known'].format(count=known))}</p>"
    if not (faults or gaps or warnings):
        yield f"<p>{escape(words['nothing'])}</p>"
    yield "</details>"


def _withheld(checked: Checked, language: Language) -> Iterator[str]:
    if checked.audience is None:
        return
    yield f"<h3>{escape(WORDS[language]['withheld'].format(audience=checked.audience, count=len(checked.withheld)))}</h3><ul>"
    for entry in checked.withheld:
        yield f'<li><span class="where">{escape(entry["path"])}</span>: {escape(entry["reason"])}</li>'
    yield "</ul>"


def _card(checked: Checked, found: Finding, state: str) -> str:
    item = f" · {found.rule}" + (f" · {found.clause}" if found.clause else "") if found.owes else ""
    hint = f"<p>{escape(found.hint)}</p>" if found.hint else ""
    where = f"{checked.filename}:{found.line}" + (f" · {found.path}" if found.path else "")
    return (
        f'<div class="card {found.level}"><p class="tag">{escape(state + item)}</p><p><strong>{escape(found.label)}</strong></p>'
        f'{hint}<p class="where">{escape(where)}</p></div>'
    )
