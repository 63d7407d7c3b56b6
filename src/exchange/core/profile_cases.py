"""Cases of a rule profile, as data (``<profile>.cases.yaml``): documents in, the rows that must come out.

The cases run through the same code as ``exchange check``. What a case may hold is told in docs/completeness.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from exchange.core.check import ProfileResult, check
from exchange.core.documents import parse_documents
from exchange.core.documents.parse import Labels
from exchange.core.documents.yamltext import Node, parse_error, read_yaml
from exchange.core.profiles import RuleProfile

SIZE_LIMIT = 1024 * 1024
"""Bytes of a file of cases at most."""

_KEYS = frozenset({"case", "documents", "subject", "at", "expect", "complete"})
_ASKED = frozenset({"status", "owed_by_party", "origin", "reason"})


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: what it shows.
        line: where it stands in its file.
        documents: cards and change notices, as people write them.
        subject: release whose report is looked at; None: the last card's.
        at: the day by which rows go stale.
        expect: by row id, the values that its result must have.
        complete: what the report must say, where that is asked.
    """

    name: str
    line: int
    documents: str
    subject: str | None
    at: date | None
    expect: dict[str, dict[str, str | None]]
    complete: bool | None


class CaseResult(NamedTuple):
    """What came of a case; it holds when there are no differences."""

    name: str
    line: int
    differences: tuple[str, ...]


def parse_cases(text: str, filename: str) -> list[Case]:
    """The cases of a file.

    Raises:
        ParseError: not strict YAML, or not a list of cases; file and line are named.
    """
    nodes = read_yaml(text, filename, limit=SIZE_LIMIT)
    if len(nodes) != 1 or not isinstance(nodes[0].value, list):
        raise parse_error(filename, 1, "must be one list of cases")
    return [_case(node, filename) for node in nodes[0].value]


def run_cases(profile: RuleProfile, cases: Sequence[Case], filename: str, labels: Labels = None) -> Iterator[CaseResult]:
    """Run cases against a profile.

    Args:
        profile: the profile.
        cases: its cases.
        filename: named in errors of documents.
        labels: as :func:`exchange.core.documents.parse_documents` takes them.

    Raises:
        DocumentError: a case's document is wrong.
    """
    for case in cases:
        documents = parse_documents(case.documents, f"{filename}, {case.name}", labels)
        told = {entry.release: entry.profiles[0] for entry in check(documents, [profile], at=case.at) if entry.profiles}
        subject = case.subject or next(reversed(told), None)
        found = told.get(subject)
        missing = f"no card of {subject or 'any release'} among the documents"
        yield CaseResult(case.name, case.line, tuple(_differences(case, profile, found)) if found else (missing,))


def _differences(case: Case, profile: RuleProfile, found: ProfileResult) -> Iterator[str]:
    results: dict[str, dict[str, Any]] = {row.row.id: dict(row.result) for row in found.rows}
    for row, wanted in case.expect.items():
        if row not in results:
            yield f"{row}: the profile {profile.id} has no such row"
            continue
        for key, value in wanted.items():
            if results[row][key] != value:
                yield f"{row}: {key} is {results[row][key]}, not {value}"
    if case.complete is not None and found.complete != case.complete:
        gaps = ", ".join(row.row.id for row in found.gaps if row.row.level == "must")
        yield f"complete is {str(found.complete).lower()}" + (f"; open: {gaps}" if gaps else "")


def _case(node: Node, filename: str) -> Case:
    if not isinstance(node.value, dict):
        raise parse_error(filename, node.line, "a case must be a mapping")
    values = node.value
    for key, value in values.items():
        if key not in _KEYS:
            raise parse_error(filename, value.line, f"unknown key '{key}'", f"known keys: {', '.join(sorted(_KEYS))}")
    for key in ("case", "documents", "expect"):
        if key not in values:
            raise parse_error(filename, node.line, f"a case needs '{key}'")
    expect = values["expect"]
    if not isinstance(expect.value, dict):
        raise parse_error(filename, expect.line, "'expect' must hold row ids")
    complete = values["complete"].value if "complete" in values else None
    if complete not in (None, "true", "false"):
        raise parse_error(filename, values["complete"].line, "'complete' must be true or false")
    return Case(
        _text(values["case"], filename),
        node.line,
        _text(values["documents"], filename),
        _text(values["subject"], filename) if "subject" in values else None,
        _day(values["at"], filename) if "at" in values else None,
        {row: _wanted(value, filename) for row, value in expect.value.items()},
        None if complete is None else complete == "true",
    )


def _wanted(node: Node, filename: str) -> dict[str, str | None]:
    if isinstance(node.value, str):
        return {"status": node.value}
    if not isinstance(node.value, dict) or not node.value.keys() <= _ASKED:
        raise parse_error(filename, node.line, f"must be a status, or a mapping of {', '.join(sorted(_ASKED))}")
    return {key: None if value.value is None else _text(value, filename) for key, value in node.value.items()}


def _day(node: Node, filename: str) -> date:
    try:
        return date.fromisoformat(_text(node, filename))
    except ValueError:
        raise parse_error(filename, node.line, "must be a date like 2026-11-01") from None


def _text(node: Node, filename: str) -> str:
    if not isinstance(node.value, str):
        raise parse_error(filename, node.line, "must be a text")
    return node.value
