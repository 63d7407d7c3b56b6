"""HTML: one file without scripts or anything from elsewhere; reads well on a phone and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from exchange.core.check import Checked, ProfileResult
from exchange.core.reports.findings import (
    Finding,
    Language,
    by_owner,
    by_profile,
    faults_of,
    gaps_of,
    known_in,
    owed_in_all,
    profile_state,
    state_of,
    verdicts,
    warnings_of,
)
from exchange.core.reports.words import AUDIENCES, WORDS

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
details details { border-width: 0 0 1px; border-radius: 0; margin: 0; padding: 0; }
details details summary { padding: .5rem 0; }
.states { font-size: .85rem; }
:lang(ja) { word-break: auto-phrase; }
.card { border-left: .25rem solid var(--bad); background: var(--soft); border-radius: 0 .4rem .4rem 0; margin: .5rem 0;
  padding: .5rem .8rem; break-inside: avoid; }
.card.warning { border-color: var(--weak); } .card.note { border-color: var(--line); }
.card p { margin: .2rem 0; }
.where { font-size: .85rem; opacity: .8; font-family: ui-monospace, monospace; }
.tag { font-size: .85rem; font-weight: 600; color: var(--bad); }
.warning .tag, .gaps { color: var(--weak); } .invalid { color: var(--bad); } .complete { color: var(--good); }
details > :last-child { margin-bottom: 1rem; }
@page { size: A4; margin: 15mm; }
@media print { :root { font-size: 9pt; } body { max-width: none; padding: 0; line-height: 1.4; }
  details { border: 0; padding: 0; break-inside: auto; }
  details:not([open])::details-content { content-visibility: visible; display: block; }
  summary { list-style: none; } summary, h3 { break-after: avoid; }
  .cards { columns: 2; column-gap: 6mm; } .card { margin: 0 0 2mm; padding: 1mm 2.5mm; } }
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
    notes = [checked.filename] + ([words["imported"]] if checked.source != "exchange" else [])
    notes += [words["eyes"].format(audience=AUDIENCES[language][checked.audience])] if checked.audience else []
    verdict = f'<span class="{checked.verdict}">{escape(words[checked.verdict])}</span>'
    count = f" ({len(gaps)})" if gaps else ""
    yield f"<details{' open' if opened else ''}><summary>{escape(checked.release or checked.filename)}: {verdict}{count}"
    yield f"<small>{escape(' · '.join(notes))}</small></summary>"
    yield from _states(checked, language)
    for fault in faults:
        yield _card(fault, words["error"], language)
    for owes, owed in by_owner(gaps):
        yield f"<h3>{escape(words['owes'].format(role=words[owes.role], party=owes.party, count=len(owed)))}</h3>"
        yield from _owed(checked, owed, language)
    warnings = warnings_of(checked, language)
    if warnings:
        yield f"<h3>{escape(words['warnings'])}</h3>"
    for warning in warnings:
        yield _card(warning, words["warning"], language)
    yield from _withheld(checked, language)
    if known := known_in(checked):
        yield f"<p>{escape(words['known'].format(count=known))}</p>"
    if not (faults or gaps or warnings):
        yield f"<p>{escape(words['nothing'])}</p>"
    yield "</details>"


def _states(checked: Checked, language: Language) -> Iterator[str]:
    """How each profile stands."""
    if not checked.profiles:
        return
    yield '<ul class="states">'
    for profile in checked.profiles:
        colour = "complete" if profile.complete else "gaps"
        told = f'<span class="{colour}">{escape(profile_state(profile, language))}</span>'
        yield f"<li>{escape(_name(profile, language))}: {told}</li>"
    yield "</ul>"


def _owed(checked: Checked, owed: Sequence[Finding], language: Language) -> Iterator[str]:
    """What one party owes; with several profiles, each is folded."""
    names = {profile.id: _name(profile, language) for profile in checked.profiles}
    for profile, gaps in by_profile(owed):
        cards = "\n".join(_card(gap, state_of(gap, language), language) for gap in gaps)
        folded = f'<div class="cards">\n{cards}\n</div>'
        if len(names) > 1:
            told = WORDS[language]["under"].format(profile=names[profile], count=len(gaps))
            folded = f"<details><summary>{escape(told)}</summary>{folded}</details>"
        yield folded


def _name(profile: ProfileResult, language: Language) -> str:
    return profile.label_ja if language == "ja" else profile.label_en


def _withheld(checked: Checked, language: Language) -> Iterator[str]:
    if checked.audience is None:
        return
    told = WORDS[language]["withheld"].format(audience=AUDIENCES[language][checked.audience], count=len(checked.withheld))
    yield f"<h3>{escape(told)}</h3><ul>"
    for entry in checked.withheld:
        yield f'<li><span class="where">{escape(entry["path"])}</span>: {escape(entry["reason"])}</li>'
    yield "</ul>"


def _card(found: Finding, state: str, language: Language) -> str:
    item = f" · {found.rule}" + (f" · {found.clause}" if found.clause else "") if found.owes else ""
    hint = f"<p>{escape(found.hint)}</p>" if found.hint else ""
    where = WORDS[language]["line"].format(line=found.line) + (f" · {found.fields or found.path}" if found.path else "")
    return (
        f'<div class="card {found.level}"><p class="tag">{escape(state + item)}</p><p><strong>{escape(found.label)}</strong></p>'
        f'{hint}<p class="where">{escape(where)}</p></div>'
    )
