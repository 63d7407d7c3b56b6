"""What a record must fulfil beyond its schema: the same checks for a file on disk and for a submission on the bus.

Each check is a small function that yields ``(field, message)``; fields are dotted paths with list indexes, messages never quote
a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints, is_typeddict

from exchange.core.fields import RANK, paths_of
from exchange.core.ranges import has_range
from exchange.errors import ValidationError
from exchange.events import records
from exchange.refs import is_party, owner_of, parse_ref, parse_release

Problem = tuple[str, str]

LIMITS: Final[Mapping[str, int]] = {
    "parents": 64,
    "disclosure": 256,
    "extensions": 128,
    "metrics": 512,
    "findings": 15,
    "considers": 4096,
    "supersedes": 256,
    "withdraws": 256,
    "evidence": 64,
    "mitigations": 64,
    "roles": 5,
    "fields": 256,
    "affected_categories": 15,
}
"""Most items of a list, by its name; :data:`OTHER_LIMIT` for the rest."""

OTHER_LIMIT = 256
ID_LIMIT = 128
LEVELS: Final = ("none", "low", "moderate", "high", "critical")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def check_record(
    type_name: str, record: Mapping[str, Any], labels: Mapping[str, records.Audience] | None = None
) -> list[Problem]:
    """Every problem of a record that its schema cannot rule out.

    Args:
        type_name: name of the record, one of those a party may publish.
        record: the record, all keys present.
        labels: audience label by path of ModelCard; with it, a disclosure that does not narrow its field is a problem.

    Returns:
        ``(field, message)`` for each problem; none when the record is sound.
    """
    problems = [*_generic(record, getattr(records, type_name), ""), *_CHECKS[type_name](record)]
    if type_name == "ModelCard":
        problems += _disclosure(record, labels)
    return problems


def _generic(value: Any, hint: Any, path: str) -> Iterator[Problem]:
    """Unknown enum values, numbers that are none, lists without end: wherever they stand."""
    if value is None:
        return
    if is_typeddict(hint):
        for name, inner in _hints(hint):
            yield from _generic(value[name], inner, f"{path}.{name}" if path else name)
    elif get_origin(hint) is list:
        limit = LIMITS.get(path.rpartition(".")[2], OTHER_LIMIT)
        if len(value) > limit:
            yield path, f"more than {limit} items"
        for index, item in enumerate(value[:limit]):
            yield from _generic(item, get_args(hint)[0], f"{path}.{index}")
    elif get_origin(hint) is dict:
        if len(value) > LIMITS["extensions"]:
            yield path, f"more than {LIMITS['extensions']} items"
    elif get_origin(hint) is Literal:
        if value == "UNKNOWN":
            yield path, "not one of the allowed values"
    elif isinstance(value, (int, float)) and not 0 <= value < float("inf"):
        yield path, "must be a number, zero or more"


@cache
def _hints(record: type) -> tuple[tuple[str, Any], ...]:
    """Fields by name, without the ``| None`` of their types."""
    return tuple((name, _bare(hint)) for name, hint in get_type_hints(record).items())


def _bare(hint: Any) -> Any:
    return next(arg for arg in get_args(hint) if arg is not NoneType) if NoneType in get_args(hint) else hint


def _reference(field: str, text: str | None, parse: Callable[[str, str], object] = parse_ref) -> Iterator[Problem]:
    if text is None:
        return
    try:
        parse(text, field)
    except ValidationError as error:
        yield field, error.message.partition(": ")[2] + (f": {error.hint}" if error.hint else "")


def _party_id(field: str, text: str | None) -> Iterator[Problem]:
    if text is not None and not is_party(text):
        yield field, "not a party id: lower-case letters and digits with inner . and -, at most 63"


def _digest(field: str, text: str | None) -> Iterator[Problem]:
    if text is not None and not _DIGEST.match(text):
        yield field, "not a digest: sha256: and 64 hexadecimal digits"


def _unique(field: str, values: Iterable[Any]) -> Iterator[Problem]:
    seen: set[Any] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield field.format(index), "stands here twice"
        seen.add(value)


def _ids(field: str, values: Iterable[str]) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if not 0 < len(value) <= ID_LIMIT:
            yield f"{field}.{index}", f"not an event id: 1 to {ID_LIMIT} characters"


def _filled(field: str, text: str) -> Iterator[Problem]:
    if not text.strip():
        yield field, "has no value"


def _card(card: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _reference("release", card["release"], parse_release)
    yield from _digest("digest", card["digest"])
    if card["released_on"] and card["updated_on"] and card["updated_on"] < card["released_on"]:
        yield "updated_on", "before released_on"
    for index, parent in enumerate(card["parents"]):
        at = f"parents.{index}"
        yield from _reference(f"{at}.ref", parent["ref"])
        yield from _digest(f"{at}.digest", parent["digest"])
        if parent["ref"] == card["release"]:
            yield f"{at}.ref", "a release cannot be its own parent"
        if parent["compute_share"] is not None and parent["compute_share"] > 1:
            yield f"{at}.compute_share", "a share is at most 1"
    yield from _unique("parents.{}.ref", [parent["ref"] for parent in card["parents"]])


def _disclosure(card: Mapping[str, Any], labels: Mapping[str, records.Audience] | None) -> Iterator[Problem]:
    for index, entry in enumerate(card["disclosure"]):
        at = f"disclosure.{index}"
        yield from _filled(f"{at}.reason", entry["reason"])
        if entry["path"] not in paths_of(records.ModelCard):
            yield f"{at}.path", "not a field of a card"
        elif entry["path"] in ("release", "stage", "disclosure") or entry["path"].startswith("disclosure."):
            yield f"{at}.path", "cannot be withheld: nothing can be told without it"
        elif labels and entry["audience"] and RANK[entry["audience"]] <= RANK[labels[entry["path"]]]:
            yield f"{at}.audience", "not narrower than the field's own label"
        elif entry["rough"] and not has_range(entry["path"]):
            yield f"{at}.rough", "only a number of its own has a range: leave rough out, or name one, such as makeup.parameters"


def _notice(notice: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _reference("release", notice["release"], parse_release)
    yield from _reference("parent", notice["parent"])
    yield from _unique("affected_categories.{}", notice["affected_categories"])


def _assessment(assessment: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _reference("release", assessment["release"], parse_release)
    yield from _party_id("assessor", assessment["assessor"])
    own = owner_of(assessment["release"]) == assessment["assessor"]
    if own != (assessment["independence"] == "self") and assessment["independence"] != "UNKNOWN":
        yield "independence", "self means that the assessor owns the release, and only then"
    start, end = assessment["valid_from"], assessment["valid_until"]
    if start and end and end <= start:
        yield "valid_until", "not after valid_from"
    if not assessment["findings"] and not assessment["withdraws"]:
        yield "findings", "an assessment needs findings, unless it withdraws earlier ones"
    for index, entry in enumerate(assessment["findings"]):
        yield from _finding(f"findings.{index}", entry)
    yield from _unique("findings.{}.category", [entry["category"] for entry in assessment["findings"]])
    for index, evidence in enumerate(assessment["evidence"]):
        yield from _filled(f"evidence.{index}.link", evidence["link"])
        yield from _digest(f"evidence.{index}.digest", evidence["digest"])
    for field in ("considers", "supersedes", "withdraws"):
        yield from _ids(field, assessment[field])


def _finding(at: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    if entry["level"] not in LEVELS:
        yield f"{at}.level", f"must be one of {', '.join(LEVELS)}"
    residual = entry["residual_level"]
    if residual is not None and residual not in LEVELS:
        yield f"{at}.residual_level", f"must be one of {', '.join(LEVELS)}"
    elif residual is not None and entry["level"] in LEVELS and LEVELS.index(residual) > LEVELS.index(entry["level"]):
        yield f"{at}.residual_level", "higher than the level before mitigation"


def _party(party: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _party_id("party", party["party"])
    yield from _filled("display_name", party["display_name"])
    if not party["roles"]:
        yield "roles", "a party needs a role"
    yield from _unique("roles.{}", party["roles"])
    if party["jurisdiction"] is not None and not _COUNTRY.match(party["jurisdiction"]):
        yield "jurisdiction", "not a country code of two capital letters"


def _target(record: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _reference("target", record["target"])


def _grant(grant: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _target(grant)
    yield from _party_id("grantee", grant["grantee"])
    if not grant["fields"] and grant["audience"] is None:
        yield "audience", "a grant needs an audience or fields"
    if grant["audience"] in ("public", "owner"):
        yield "audience", "must be user, provider or authority"
    for index, path in enumerate(grant["fields"]):
        if path not in paths_of(records.ModelCard):
            yield f"fields.{index}", "not a field of a card"


def _revocation(revocation: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _target(revocation)
    for _, message in _ids("grant", [revocation["grant"]]):
        yield "grant", message


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterable[Problem]]]] = {
    "ModelCard": _card,
    "ChangeNotice": _notice,
    "RiskAssessment": _assessment,
    "Party": _party,
    "Subscription": _target,
    "Unsubscribe": _target,
    "Grant": _grant,
    "GrantRevocation": _revocation,
}
