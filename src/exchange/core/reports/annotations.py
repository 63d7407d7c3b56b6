"""Workflow commands of GitHub: annotations on the lines of a change, without any right to upload something."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.core.check import Checked
from exchange.core.reports.findings import Finding, Language, findings_of, state_of, verdicts
from exchange.core.reports.words import WORDS


def annotations_report(checked: Sequence[Checked], language: Language) -> str:
    """A command for each finding, then the sum."""
    told = [_command(entry, found, language) for entry in checked for found in findings_of(entry, language)]
    return "\n".join([*told, _data(verdicts(checked, language))])


def _command(checked: Checked, found: Finding, language: Language) -> str:
    words = WORDS[language]
    level = {"error": "error", "warning": "warning"}.get(found.level, "notice")
    owed = f" ({words['owed'].format(role=words[found.owes.role], party=found.owes.party)})" if found.owes else ""
    title = f"{found.rule} {state_of(found, language) if found.owes else words[found.state]}{owed}"
    message = " — ".join(part for part in (found.label, found.fields or found.path, found.hint) if part)
    file = checked.filename.removeprefix("./")
    return f"::{level} file={_property(file)},line={found.line},title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped, so that no text of a card can begin a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
