"""For a terminal: ``file:line: …`` for each finding, grouped by who owes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    printable,
    profile_state,
    state_of,
    verdicts,
    warnings_of,
)
from exchange.core.reports.words import AUDIENCES, WORDS

_MOST_OWNERS = 20


def text_report(checked: Sequence[Checked], language: Language) -> str:
    """All documents, then the sum over all when there are several."""
    parts = ["\n".join(lines(entry, language)) for entry in checked]
    if len(checked) > 1:
        parts.append("\n".join(_sum(checked, language)))
    return "\n\n".join(parts)


def lines(checked: Checked, language: Language = "en") -> Iterator[str]:
    """One document: faults, gaps by who owes them, warnings, then one line for each profile."""
    words = WORDS[language]
    notes = [words["imported"]] if checked.source != "exchange" else []
    notes += [words["eyes"].format(audience=AUDIENCES[language][checked.audience])] if checked.audience else []
    if notes:
        yield f"{checked.filename} ({', '.join(notes)})"
    for fault in faults_of(checked):
        yield _line(checked, fault, words["error"])
    for owes, gaps in by_owner(gaps_of(checked, language)):
        yield words["owes"].format(role=words[owes.role], party=owes.party, count=len(gaps)) + ":"
        for profile, entries in by_profile(gaps):
            if len(checked.profiles) > 1:
                yield f"  {words['under'].format(profile=profile, count=len(entries))}"
            for gap in entries:
                yield f"{checked.filename}:{gap.line}: {_gap(gap, language)}"
    for warning in warnings_of(checked, language):
        yield _line(checked, warning, words["warning"])
    yield from _withheld(checked, language)
    for told in checked.profiles:
        yield f"{checked.release}: {told.id}: {profile_state(told, language)}"
    if known := known_in(checked):
        yield f"{checked.release}: {words['known'].format(count=known)}"


def _line(checked: Checked, found: Finding, state: str) -> str:
    told = ": ".join(part for part in (state, found.path, found.label) if part)
    return f"{checked.filename}:{found.line}: {told}{f' — {found.hint}' if found.hint else ''}"


def _gap(gap: Finding, language: Language) -> str:
    return f"{gap.rule} {state_of(gap, language)} {gap.label} — {gap.fields}: {gap.hint}"


def _withheld(checked: Checked, language: Language) -> Iterator[str]:
    if not checked.audience:
        return
    yield WORDS[language]["withheld"].format(audience=AUDIENCES[language][checked.audience], count=len(checked.withheld))
    for entry in checked.withheld:
        yield f"  {entry['path']}: {printable(entry['reason'])}"


def _sum(checked: Sequence[Checked], language: Language) -> Iterator[str]:
    words = WORDS[language]
    yield verdicts(checked, language)
    owed = owed_in_all(checked, language)
    for owes, count, cards in owed[:_MOST_OWNERS]:
        told = words["card"] if cards == 1 else words["cards"].format(count=cards)
        yield "  " + words["total-owed"].format(role=words[owes.role], party=owes.party, count=count, cards=told)
    if len(owed) > _MOST_OWNERS:
        yield f"  … +{len(owed) - _MOST_OWNERS}"
