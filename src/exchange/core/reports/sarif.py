"""SARIF 2.1.0: what code hosts show as annotations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from exchange.core.check import Checked
from exchange.core.reports.findings import Finding, Language, findings_of, state_of
from exchange.core.reports.words import WORDS

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_report(checked: Sequence[Checked], language: Language) -> str:
    """One run; a rule for each row, kind of fault and kind of warning that was found."""
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for entry in checked:
        for found in findings_of(entry, language):
            rules.setdefault(found.rule, _rule(found, language))
            results.append(_result(entry, found, list(rules).index(found.rule), language))
    driver = {"name": "exchange check", "rules": list(rules.values())}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _rule(found: Finding, language: Language) -> dict[str, Any]:
    words = WORDS[language]
    general = {"invalid": words["document-fault"], "import": words["imported"]}.get(found.rule, found.label)
    told: dict[str, Any] = {
        "id": found.rule,
        "shortDescription": {"text": general},
        "defaultConfiguration": {"level": found.level},
    }
    if found.owes:
        told |= {"help": {"text": found.hint or found.label}, "properties": {"clause": found.clause, "profile": found.profile}}
    return told


def _result(checked: Checked, found: Finding, index: int, language: Language) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": _uri(checked.filename)},
        "region": {"startLine": found.line},
    }
    return {
        "ruleId": found.rule,
        "ruleIndex": index,
        "level": found.level,
        "message": {"text": _message(found, language)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"exchangeFinding/v1": _fingerprint(checked, found)},
    }


def _message(found: Finding, language: Language) -> str:
    words = WORDS[language]
    if found.owes is None:
        return ": ".join(part for part in (found.path, found.label, found.hint) if part)
    owed = words["owed"].format(role=words[found.owes.role], party=found.owes.party)
    return f"{state_of(found, language)}: {found.label} ({found.clause}; {owed}) — {found.fields}: {found.hint}"


def _uri(filename: str) -> str:
    """A relative reference, or for a full path a file address."""
    path = quote(filename.replace("\\", "/").removeprefix("./"))
    return f"file://{path}" if path.startswith("/") else path


def _fingerprint(checked: Checked, found: Finding) -> str:
    """The same while release, rule and field stay, whatever the line."""
    return hashlib.sha256(f"{checked.release}\n{found.rule}\n{found.path}\n{found.label}".encode()).hexdigest()
