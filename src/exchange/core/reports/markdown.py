"""Markdown, for a comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from exchange.core.check import Checked
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

LIMIT: Final = 60_000
"""Characters: code hosts refuse comments much above."""

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~@!])")


def markdown_report(checked: Sequence[Checked], language: Language) -> str:
    """A table of verdicts, then what is open in each document, folded; cut at :data:`LIMIT`."""
    words = WORDS[language]
    parts = ["\n".join(_head(checked, language)), *("\n".join(_document(entry, language)) for entry in checked)]
    kept, length = [], len(words["cut"]) + 4
    for part in filter(None, parts):
        length += len(part) + 2
        if length > LIMIT:
            kept.append(f"_{words['cut']}_")
            break
        kept.append(part)
    return "\n\n".join(kept)


def _head(checked: Sequence[Checked], language: Language) -> Iterator[str]:
    words = WORDS[language]
    yield f"## {words['title']}"
    yield ""
    yield verdicts(checked, language)
    yield ""
    for owes, count, cards in owed_in_all(checked, language)[:20]:
        told = words["card"] if cards == 1 else words["cards"].format(count=cards)
        yield "- " + words["total-owed"].format(role=words[owes.role], party=f"`{owes.party}`", count=count, cards=told)
    yield ""
    yield f"| {words['document']} | {words['verdict']} | {words['open-count']} |"
    yield "|---|---|---|"
    for entry in checked[:200]:
        count = len(gaps_of(entry, language)) + len(entry.errors)
        yield f"| {_escaped(entry.release or entry.filename)} | {words[entry.verdict]} | {count} |"
    if len(checked) > 200:
        yield f"| … +{len(checked) - 200} | | |"


def _document(checked: Checked, language: Language) -> Iterator[str]:
    words = WORDS[language]
    faults, gaps = faults_of(checked), gaps_of(checked, language)
    warnings = warnings_of(checked, language)
    if not (faults or gaps or warnings or checked.audience):
        return
    imported = f" ({words['imported']})" if checked.source != "exchange" else ""
    yield f"<details><summary>{_escaped(checked.release or checked.filename)}{imported}</summary>"
    yield ""
    for told in checked.profiles:
        yield f"- {_escaped(told.id)}: {_escaped(profile_state(told, language))}"
    for fault in faults:
        yield f"- **{words['error']}** {_place(checked, fault)} {_escaped(_told(fault))}"
    for owes, owed in by_owner(gaps):
        yield f"\n**{words['owes'].format(role=words[owes.role], party=_escaped(owes.party), count=len(owed))}**\n"
        for profile, entries in by_profile(owed):
            if len(checked.profiles) > 1:
                yield f"\n{_escaped(words['under'].format(profile=profile, count=len(entries)))}\n"
            yield f"| {words['item']} | {words['state']} | {words['place']} | {words['answer']} |"
            yield "|---|---|---|---|"
            for gap in entries:
                item, state = f"{gap.rule} {_escaped(gap.label)}", state_of(gap, language)
                place = f"{_place(checked, gap)} {_escaped(gap.fields)}"
                yield f"| {item} | {state} | {place} | {_escaped(gap.hint)} |"
    if warnings:
        yield f"\n**{words['warnings']}**\n"
    for warning in warnings:
        yield f"- {_place(checked, warning)} {_escaped(_told(warning))}"
    yield from _withheld(checked, language)
    if known := known_in(checked):
        yield "\n" + words["known"].format(count=known)
    yield "\n</details>"


def _withheld(checked: Checked, language: Language) -> Iterator[str]:
    if checked.audience is None:
        return
    audience = AUDIENCES[language][checked.audience]
    yield "\n**" + WORDS[language]["withheld"].format(audience=audience, count=len(checked.withheld)) + "**\n"
    for entry in checked.withheld:
        yield f"- `{entry['path']}`: {_escaped(entry['reason'])}"


def _told(found: Finding) -> str:
    return ": ".join(part for part in (found.path, found.label, found.hint) if part)


def _place(checked: Checked, found: Finding) -> str:
    return f"`{checked.filename.replace('`', '')}:{found.line}`".replace("|", "\\|")


def _escaped(text: str) -> str:
    """One line that is only text: no table, heading, mention, link or markup comes out of it."""
    return _SPECIAL.sub(lambda found: "&lt;" if found[1] == "<" else "\\" + found[1], " ".join(text.split()))
