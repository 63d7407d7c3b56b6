"""A baseline: gaps and warnings that are known, so that a check tells only what is new. Faults are never known.

A key is made of release, profile and row, not of file or line: moving a card or editing it elsewhere brings nothing back. The
version of a release does not count, so that the next release of a line starts from the same baseline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from exchange.core.check import GAPS, Checked, ProfileResult, RowResult, Warned
from exchange.errors import ConfigError
from exchange.refs import line_of

FORM = 1


def dump_baseline(checked: Iterable[Checked]) -> str:
    """All that is open now, as the text of a baseline file."""
    known = sorted({key for entry in checked for key in _keys(entry)})
    return json.dumps({"baseline": FORM, "known": known}, ensure_ascii=False, indent=2) + "\n"


def read_baseline(text: str, filename: str) -> frozenset[str]:
    """The keys of a baseline file.

    Raises:
        ConfigError: not a baseline.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    known = value.get("known") if isinstance(value, dict) and value.get("baseline") == FORM else None
    if not isinstance(known, list) or not all(isinstance(key, str) for key in known):
        raise ConfigError(
            f"{filename}: not a baseline", hint="write one with `exchange check … --baseline FILE --write-baseline`"
        )
    return frozenset(known)


def without_known(checked: Checked, known: Collection[str]) -> Checked:
    """The same with known gaps marked and known warnings left out."""
    profiles = tuple(
        replace(profile, rows=tuple(_marked(row, _gap_key(checked, profile, row) in known) for row in profile.rows))
        for profile in checked.profiles
    )
    warnings = tuple(warned for warned in checked.warnings if _warning_key(checked, warned) not in known)
    return replace(checked, profiles=profiles, warnings=warnings)


def _marked(row: RowResult, known: bool) -> RowResult:
    return replace(row, known=known and row.result["status"] in GAPS)


def _keys(checked: Checked) -> Iterator[str]:
    for profile in checked.profiles:
        for row in profile.rows:
            if row.result["status"] in GAPS:
                yield _gap_key(checked, profile, row)
    for warned in checked.warnings:
        yield _warning_key(checked, warned)


def _gap_key(checked: Checked, profile: ProfileResult, row: RowResult) -> str:
    return f"{line_of(checked.release or '')} {profile.id} {row.row.id}"


def _warning_key(checked: Checked, warned: Warned) -> str:
    return f"{line_of(checked.release or '')} {warned.kind} {warned.path} {warned.what}".rstrip()
