"""JUnit XML: a suite for each document, a case for each row that applies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from exchange.core.check import GAPS, Checked, RowResult
from exchange.core.reports.findings import Finding, Language, faults_of, warnings_of
from exchange.core.reports.words import WORDS

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold at all."""


def junit_report(checked: Sequence[Checked], language: Language) -> str:
    """A gap in what must be told is a failure, in what should be told a skipped case, a fault an error."""
    suites = [_suite(entry, language) for entry in checked]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="exchange check">', *suites, "</testsuites>"])


def _suite(checked: Checked, language: Language) -> str:
    cases: list[str] = []
    failures = skipped = 0
    for profile in checked.profiles:
        for row in profile.rows:
            if row.result["status"] == "not_applicable":
                continue
            must, is_open = row.row.level == "must", row.result["status"] in GAPS
            failures += must and row.open
            skipped += is_open and not (must and row.open)
            cases.append(_case(checked, profile.id, row, language))
    cases += [_fault(checked, fault) for fault in faults_of(checked)]
    cases = cases or [f"<testcase classname={_attribute(checked.filename)} name={_attribute(checked.release or 'document')}/>"]
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{len(checked.errors)}" skipped="{skipped}"'
    body = "\n".join([*cases, *_notes(checked, language)])
    return f"<testsuite name={_attribute(checked.filename)} {counts}>\n{body}\n</testsuite>"


def _case(checked: Checked, profile: str, row: RowResult, language: Language) -> str:
    words, ja = WORDS[language], language == "ja"
    label, hint = (row.row.label_ja, row.row.hint_ja) if ja else (row.row.label_en, row.row.hint_en)
    head = f"<testcase classname={_attribute(f'{checked.release}.{profile}')} name={_attribute(f'{row.row.id} {label}')}"
    head += f' file={_attribute(checked.filename)} line="{row.line}"'
    status = row.result["status"]
    if status not in GAPS:
        return f"{head}/>"
    owed = words["owed"].format(role=words[row.row.owed_by], party=row.result["owed_by_party"] or "?")
    message = _attribute(f"{words[status]} ({owed})")
    if row.row.level != "must" or row.known:
        return f"{head}><skipped message={message}/></testcase>"
    told = escape(_clean(f"{checked.filename}:{row.line}: {', '.join(row.paths)}: {hint}"))
    return f'{head}><failure type="{status}" message={message}>{told}</failure></testcase>'


def _fault(checked: Checked, fault: Finding) -> str:
    name = f"{fault.path or 'document'}:{fault.line}"
    head = f"<testcase classname={_attribute(checked.filename)} name={_attribute(name)}"
    told = escape(_clean(f"{checked.filename}:{fault.line}: {fault.hint}"))
    return f'{head}><error type="invalid" message={_attribute(fault.label)}>{told}</error></testcase>'


def _notes(checked: Checked, language: Language) -> Iterator[str]:
    told = [f"{checked.filename}:{found.line}: {found.path}: {found.label}" for found in warnings_of(checked, language)]
    if told:
        yield f"<system-out>{escape(_clean(chr(10).join(told)))}</system-out>"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
