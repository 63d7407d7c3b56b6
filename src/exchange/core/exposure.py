"""What a card shows that its author may not have meant to show: secrets, personal data, names of hidden parents.

Only forms that are nearly never anything else are looked for. No warning quotes what was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from exchange.core.fields import RANK
from exchange.events import records
from exchange.refs import line_of


def _token(start: str, rest: str) -> re.Pattern[str]:
    """A token that begins a word. The look behind stands after the start: so the search can leap from start to start."""
    return re.compile(rf"{start}(?<!\w{start}){rest}")


SECRETS: Final[Mapping[str, re.Pattern[str]]] = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    "AWS access key": _token("A[KS]IA", r"[0-9A-Z]{16}\b"),
    "GitHub token": _token("gh[opusr]_", r"[A-Za-z0-9]{36,255}\b"),
    "GitHub fine-grained token": _token("github_pat_", r"[A-Za-z0-9_]{60,255}\b"),
    "GitLab token": _token("glpat-", r"[A-Za-z0-9_-]{20,64}"),
    "Hugging Face token": _token("hf_", r"[A-Za-z0-9]{34,64}\b"),
    "API key": _token("sk-", r"(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,200}"),
    "Slack token": _token("xox[abeoprs]-", r"[A-Za-z0-9-]{10,200}"),
    "Google API key": _token("AIza", r"[0-9A-Za-z_-]{35}"),
    "npm token": _token("npm_", r"[A-Za-z0-9]{36}\b"),
    "PyPI token": _token("pypi-AgE", r"[A-Za-z0-9_-]{40,}"),
    "signed web token": _token("eyJ", r"[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,}"),
}
"""Secrets of well-known form."""

PERSONAL: Final[Mapping[str, re.Pattern[str]]] = {
    "e-mail address": re.compile(
        r"(?<![\w.+-])(?!git@)[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w/@])"
    ),
    "phone number": re.compile(
        r"(?<![\w.+-])"
        r"(?:\+\d{1,3}[ -]\(?\d{1,4}\)?(?:[ -]\d{2,4}){2,4}|0\d{1,3}-\d{2,4}-\d{4}|0\d{1,3}\(\d{2,4}\)\d{4})"
        r"(?![\w.-])"
    ),
}
"""Personal data of well-known form: phone numbers with their country code, or as Japan writes them."""

CONTACTS: Final = frozenset({"contact", "governance.incident_contact"})
"""Fields that are there to hold an address."""

_NO_PERSON: Final = re.compile(
    r"@(?:[a-z0-9-]+\.)*example(?:\.[a-z]+)*$|@(?:[a-z0-9-]+\.)+(?:test|invalid|local)$", re.IGNORECASE
)


class Exposure(NamedTuple):
    """One thing a card shows.

    Attributes:
        kind: ``secret``, ``personal-data``, ``hidden-name`` or ``repeated``.
        what: the name of the form that was found; of what is repeated, the narrower field.
        path: field path with list indexes.
    """

    kind: str
    what: str
    path: str


def exposures(card: records.ModelCard, labels: Mapping[str, records.Audience]) -> list[Exposure]:
    """Secrets in fields that anybody but the owner may read; personal data and names of hidden parents in public fields.

    Args:
        card: the card.
        labels: audience label by field path (:func:`exchange.core.fields.labels_of`).
    """
    hidden = _hidden_names(card)
    found: list[Exposure] = []
    for path, field, text in texts_of(card):
        rank = rank_of(field, labels, card["disclosure"])
        if rank < RANK["owner"] and (secret := _first(SECRETS, text)):
            found.append(Exposure("secret", secret, path))
        if rank == 0 and field not in CONTACTS and (person := _person(text)):
            found.append(Exposure("personal-data", person, path))
        if rank == 0 and any(name.search(text) for name in hidden):
            found.append(Exposure("hidden-name", "", path))
    return found


def texts_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every text of a record: its path with list indexes, its field, the text."""
    return ((path, field, value) for path, field, value in values_of(record) if isinstance(value, str))


def values_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str, str | int | float]]:
    """Every text and number of a record: its path with list indexes, its field, the value."""
    yield from _walk(record, "", "")


def _walk(value: Any, path: str, field: str) -> Iterator[tuple[str, str, str | int | float]]:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield path, field, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            # Keys of extensions are not fields: what is labelled is the whole.
            below = field if field == "extensions" else f"{field}.{key}".lstrip(".")
            yield from _walk(inner, f"{path}.{key}".lstrip("."), below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{path}.{index}", field)


def rank_of(field: str, labels: Mapping[str, records.Audience], disclosure: list[records.Disclosure]) -> int:
    """Rank of the lowest audience that may read a field: its label, narrowed by the card."""
    narrowed = [
        RANK[entry["audience"] or "owner"]
        for entry in disclosure
        if field == entry["path"] or field.startswith(entry["path"] + ".")
    ]
    return max(RANK[labels.get(field, "owner")], *narrowed, 0)


def _first(patterns: Mapping[str, re.Pattern[str]], text: str) -> str | None:
    return next((name for name, pattern in patterns.items() if pattern.search(text)), None)


def _person(text: str) -> str | None:
    for name, pattern in PERSONAL.items():
        if (name != "e-mail address" or "@" in text) and any(not _NO_PERSON.search(match[0]) for match in pattern.finditer(text)):
            return name
    return None


def _hidden_names(card: records.ModelCard) -> list[re.Pattern[str]]:
    """The lines of the parents, when the card keeps them from the public."""
    if not any(entry["path"] in ("parents", "parents.ref") for entry in card["disclosure"]):
        return []
    names = {line_of(parent["ref"]) for parent in card["parents"]}
    return [re.compile(rf"(?<![\w/.-]){re.escape(name)}(?![\w-])", re.IGNORECASE) for name in sorted(names)]
