"""Faults, gaps and warnings as one flat list: what every form of report is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from exchange.core.check import Checked, ProfileResult, RowResult, Warned
from exchange.core.reports.words import WHAT_JA, WORDS

Language = Literal["ja", "en"]


class Owes(NamedTuple):
    """Who owes an answer, and in which role."""

    role: str
    party: str


class Finding(NamedTuple):
    """One thing to tell.

    Attributes:
        rule: id of the row, else of the kind of fault or warning.
        level: ``error`` for faults and what must be told, ``warning`` for what should be, ``note`` for the rest.
        state: missing, placeholder, stale, error or warning.
        label: what it is about.
        hint: what a good answer holds, or what to do.
        clause: official item number.
        owes: None for what nobody owes.
        profile: id of the row's profile.
        precision: ``exact`` or ``rough`` where the row says at which precision the fact is owed.
        fields: every field that is still open, with commas between; the first of them is the path.
    """

    rule: str
    level: str
    state: str
    label: str
    hint: str
    path: str
    line: int
    clause: str = ""
    owes: Owes | None = None
    profile: str = ""
    precision: str | None = None
    fields: str = ""


def faults_of(checked: Checked) -> list[Finding]:
    """What makes a document invalid."""
    return [
        Finding("invalid", "error", "error", fault.message, fault.hint, fault.path, max(fault.line, 1))
        for fault in checked.errors
    ]


def gaps_of(checked: Checked, language: Language) -> list[Finding]:
    """The open rows of all profiles."""
    return [_gap(profile.id, row, language) for profile in checked.profiles for row in profile.gaps]


def warnings_of(checked: Checked, language: Language) -> list[Finding]:
    """What should be looked at."""
    return [_warning(warned, language) for warned in checked.warnings]


def findings_of(checked: Checked, language: Language) -> list[Finding]:
    """All of them: faults, gaps, warnings."""
    return [*faults_of(checked), *gaps_of(checked, language), *warnings_of(checked, language)]


def by_owner(found: Iterable[Finding]) -> Iterator[tuple[Owes, list[Finding]]]:
    """Gaps by who owes them; parties in order of their names, gaps in that of the profile."""
    owed = [entry for entry in found if entry.owes is not None]
    for owes, entries in groupby(sorted(owed, key=_owner), key=_owner):
        yield owes, list(entries)


def by_profile(found: Iterable[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """Gaps of one owner by profile, in the order the profiles were asked for."""
    for profile, entries in groupby(found, key=lambda entry: entry.profile):
        yield profile, list(entries)


def state_of(found: Finding, language: Language) -> str:
    """The state of a gap, with whether it is only a should, and at which precision the fact is owed."""
    words = WORDS[language]
    more = [words[name] for name in ("should" if found.level == "warning" else None, found.precision) if name]
    return words[found.state] + (f" ({words['comma'].join(more)})" if more else "")


def profile_state(profile: ProfileResult, language: Language) -> str:
    """Whether a profile is complete, how much is open, and how much the exchange itself answers."""
    words, count = WORDS[language], len(profile.gaps)
    state = words["open" if not profile.complete else "done-should" if count else "done"].format(count=count)
    return state + (words["by-exchange"].format(count=profile.by_exchange) if profile.by_exchange else "")


def owed_in_all(checked: Sequence[Checked], language: Language) -> list[tuple[Owes, int, int]]:
    """Who owes how many items in how many cards; most first."""
    counts: dict[Owes, list[int]] = {}
    for entry in checked:
        for owes, found in by_owner(gaps_of(entry, language)):
            count = counts.setdefault(owes, [0, 0])
            count[0] += len(found)
            count[1] += 1
    return sorted(((owes, items, cards) for owes, (items, cards) in counts.items()), key=lambda each: (-each[1], each[0]))


def verdicts(checked: Sequence[Checked], language: Language) -> str:
    """How many are complete, have gaps, are invalid."""
    counts = dict.fromkeys(("complete", "gaps", "invalid"), 0)
    for entry in checked:
        counts[entry.verdict] += 1
    return WORDS[language]["total"].format(all=len(checked), **counts)


def known_in(checked: Checked) -> int:
    """Gaps left out because the baseline knows them."""
    return sum(row.known for profile in checked.profiles for row in profile.rows)


def printable(text: str) -> str:
    """Text of a card without what would steer a terminal."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _owner(found: Finding) -> Owes:
    return found.owes or Owes("", "")


def _gap(profile: str, gap: RowResult, language: Language) -> Finding:
    row = gap.row
    label, hint = (row.label_ja, row.hint_ja) if language == "ja" else (row.label_en, row.hint_en)
    owes = Owes(row.owed_by, gap.result["owed_by_party"] or "?")
    level = "error" if row.level == "must" else "warning"
    state = gap.result["status"]
    return Finding(
        row.id, level, state, label, hint, gap.path, gap.line, row.clause, owes, profile, row.precision, ", ".join(gap.paths)
    )


def _warning(warned: Warned, language: Language) -> Finding:
    what = WHAT_JA.get(warned.what, warned.what) if language == "ja" else warned.what
    label = WORDS[language][warned.kind].format(what=what)
    level = "note" if warned.kind == "import" else "warning"
    return Finding(warned.kind, level, "warning", printable(label), "", printable(warned.path), max(warned.line, 1))
