"""Completeness: is what must be told told, and who owes what is not (DESIGN section 6, docs/completeness.md).

Pure and quick: it runs for every decision of the dossier processor. Cards are plain dicts as fastavro gives them, all keys
present.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from exchange.core.fields import AUDIENCES, RANK
from exchange.core.profiles import Path, Row, RuleProfile, parse_profile
from exchange.events import records
from exchange.refs import owner_of

__all__ = ["Parents", "RuleProfile", "inheritable", "open_paths", "parse_profile", "report", "role_of"]

Parents = Sequence[tuple[str, Sequence[records.InheritedRow]]]
"""By parent reference, as the card writes it: the rows the parent passes down."""

VALUE_LIMIT = 4096
"""Bytes of a value that an upstream message carries at most."""

_PASSES = frozenset({"provided", "inherited", "withheld"})
_GAPS = frozenset({"missing", "placeholder", "stale"})
_INHERITS = frozenset({"always", "if_unchanged", "union"})
_BEST = ("provided", "withheld", "placeholder", "missing")
_TRIM = " \t\r\n[](){}()【】「」*_#`'\"“”.。!!::-–—"
_LONGEST_PLACEHOLDER = 200


class _Found(NamedTuple):
    """What the card itself says to one row."""

    status: str
    reason: str | None = None
    rank: int = 0
    values: Mapping[str, Any] = {}


class _Case(NamedTuple):
    """The release at hand."""

    card: records.ModelCard | None
    narrowed: Sequence[_Narrowed]
    upstream: _Upstream
    owner: str
    at: date | None


class _Narrowed(NamedTuple):
    path: str
    rank: int
    reason: str


def role_of(card: records.ModelCard | None) -> str:
    """Role in which the owner publishes: as the card says, else provider with a parent that is not a dataset, else developer."""
    if card is None:
        return "developer"
    if card["role"] not in (None, "UNKNOWN"):
        return str(card["role"])
    return "provider" if any(parent["relation"] != "trained_on" for parent in card["parents"]) else "developer"


def report(
    profile: RuleProfile,
    card: records.ModelCard | None,
    *,
    stage: str,
    parents: Parents,
    changes: Sequence[records.ChangeEntry],
    owner: str,
    at: date | None,
) -> records.Report:
    """The completeness of one release against one profile.

    Args:
        profile: the rules.
        card: the release's card; None for an unclaimed release, which has told nothing.
        stage: life-cycle stage of the release.
        parents: what each parent passes down.
        changes: change notices of this release.
        owner: party whose release it is.
        at: the day by which rows go stale; None: none does.

    Returns:
        A row for each row of the profile, in its order; ``complete`` when no must-row is missing, placeholder or stale.
    """
    role, kind, updated = role_of(card), card["kind"] if card else "UNKNOWN", _updated(card)
    case = _Case(card, _narrowings(card), _Upstream(profile, card, parents, changes), owner, at)
    rows: list[records.ReportRow] = []
    complete = True
    for row in profile.rows:
        if not row.applies.to(stage, kind, role, updated):
            rows.append(_result(row, "not_applicable", None))
            continue
        result = _judged(row, case)
        complete = complete and not (row.level == "must" and result["status"] in _GAPS)
        rows.append(result)
    return {"profile": profile.id, "complete": complete, "rows": rows}


def inheritable(
    profile: RuleProfile,
    result: records.Report,
    card: records.ModelCard | None,
    release: str,
    parents: Parents = (),
) -> list[records.InheritedRow]:
    """The rows a release passes down: what it provides, inherits or withholds and what a derived release may inherit.

    A withheld row has neither digest nor value: a digest of a short value can be guessed back. The value goes along only for
    ``union`` and ``recompute``, as JSON ``{release: {path: value}}``, and only up to :data:`VALUE_LIMIT` bytes.

    Args:
        profile: the rules.
        result: this release's report, made with the same profile, card and parents.
        card: its card.
        release: its reference.
        parents: what its parents pass down; needed to pass on what it inherits.
    """
    narrowed = _narrowings(card)
    upstream = _Upstream(profile, card, parents, ())
    rows: list[records.InheritedRow] = []
    for row, entry in zip(profile.rows, result["rows"], strict=True):
        if row.inherit == "none" or entry["status"] not in _PASSES:
            continue
        passed = upstream.rows_of(row)
        if entry["origin"] is not None:
            rows.append(_passed_on(profile, row, entry, passed))
        elif entry["status"] == "withheld":
            rows.append(_down(profile, row, status="withheld", origin=release, audience=row.audience))
        else:
            rows.append(_own_row(profile, row, _found(row, card, narrowed), release, passed))
    return rows


def open_paths(row: Row, card: records.ModelCard | None) -> list[str]:
    """The paths of a row that a gap is about: for each group without a real value, its first path."""
    return [group[0].text for group in row.groups if all(_state(row, _at(card, path))[0] != "provided" for path in group)]


def _judged(row: Row, case: _Case) -> records.ReportRow:
    found = _found(row, case.card, case.narrowed)
    if found.status == "provided":
        return _result(row, "stale" if _stale(row, case.card, case.at) else "provided", case.owner)
    if found.status == "withheld":
        return _result(row, "withheld", case.owner, reason=found.reason)
    inherited = case.upstream.inherited(row)
    if inherited is not None:
        status, origin = inherited
        reason = "withheld upstream" if status == "withheld" else None
        return _result(row, status, owner_of(origin), origin=origin, reason=reason)
    return _result(row, found.status, case.upstream.debtor(row) or case.owner)


def _result(row: Row, status: str, party: str | None, origin: str | None = None, reason: str | None = None) -> records.ReportRow:
    return {
        "id": row.id,
        "status": status,
        "owed_by": row.owed_by,
        "owed_by_party": party,
        "origin": origin,
        "reason": reason,
    }


# -- what the card says


def _found(row: Row, card: records.ModelCard | None, narrowed: Sequence[_Narrowed]) -> _Found:
    groups = [_group(row, group, card, narrowed) for group in row.groups]
    worst = max(groups, key=lambda found: _BEST.index(found.status))
    values = {path: value for found in groups for path, value in found.values.items()}
    return _Found(worst.status, worst.reason, max(found.rank for found in groups), values)


def _group(row: Row, group: Sequence[Path], card: records.ModelCard | None, narrowed: Sequence[_Narrowed]) -> _Found:
    return min((_one(row, path, card, narrowed) for path in group), key=lambda found: _BEST.index(found.status))


def _one(row: Row, path: Path, card: records.ModelCard | None, narrowed: Sequence[_Narrowed]) -> _Found:
    status, value = _state(row, _at(card, path))
    hidden = _narrowing(path, narrowed) if narrowed else None
    rank = max(path.rank, hidden.rank) if hidden else path.rank
    if hidden is None or rank <= RANK[row.audience] or status == "placeholder":
        return _Found(status, None, rank, {path.text: value} if status == "provided" else {})
    # Nothing given to the exchange at all counts as withheld only when the card says that nobody else may read it.
    if status == "provided" or hidden.rank == RANK["owner"]:
        return _Found("withheld", hidden.reason, rank)
    return _Found("missing", None, rank)


def _at(card: Mapping[str, Any] | None, path: Path) -> Any:
    value: Any = card
    for part in path.parts:
        if value is None:
            return None
        value = [item[part] for item in value] if isinstance(value, list) else value[part]
    return value


def _state(row: Row, value: Any) -> tuple[str, Any]:
    """provided, placeholder or missing, with the value."""
    if value is None:
        return "missing", None
    if isinstance(value, str):
        return _text_state(row, value), value
    if isinstance(value, list):
        return _first(row, value, ("provided", "placeholder")), value
    if isinstance(value, dict):
        # One placeholder spoils an entry: its category alone says nothing.
        return _first(row, value.values(), ("placeholder", "provided")), value
    return "provided", value


def _first(row: Row, items: Iterable[Any], order: tuple[str, str]) -> str:
    """The first status of ``order`` that an item has."""
    best = "missing"
    for item in items:
        state = _state(row, item)[0]
        if state == order[0]:
            return state
        best = state if state == order[1] else best
    return best


def _text_state(row: Row, text: str) -> str:
    if len(text) > _LONGEST_PLACEHOLDER:
        return "provided" if text.strip() else "missing"
    if not text.strip():
        return "missing"
    bare = text.strip(_TRIM)
    return "placeholder" if not bare or row.placeholder.fullmatch(bare) or row.placeholder.fullmatch(text.strip()) else "provided"


def _narrowings(card: records.ModelCard | None) -> list[_Narrowed]:
    if card is None:
        return []
    return [_Narrowed(entry["path"], RANK[entry["audience"] or "owner"], entry["reason"]) for entry in card["disclosure"]]


def _narrowing(path: Path, narrowed: Sequence[_Narrowed]) -> _Narrowed | None:
    """The narrowest entry about the path, a section it lies in, or a field inside it."""
    own = path.text + "."
    about = [
        entry for entry in narrowed if entry.path == path.text or own.startswith(entry.path + ".") or entry.path.startswith(own)
    ]
    return max(about, key=lambda entry: entry.rank, default=None)


def _updated(card: records.ModelCard | None) -> bool:
    """Whether the card says that the release was updated. What was told by change notices is not owed a second time."""
    if card is None or card["updated_on"] is None or card["released_on"] is None:
        return False
    return card["updated_on"] > card["released_on"]


def _stale(row: Row, card: records.ModelCard | None, at: date | None) -> bool:
    if row.stale_after_days is None or card is None or at is None:
        return False
    day = card["updated_on"] or card["released_on"]
    today = at.date() if isinstance(at, datetime) else at
    return day is not None and (today - day).days > row.stale_after_days


# -- what comes from upstream


class _Upstream:
    """What the parents pass down, datasets apart."""

    def __init__(
        self, profile: RuleProfile, card: records.ModelCard | None, parents: Parents, changes: Sequence[records.ChangeEntry]
    ) -> None:
        relations: dict[str, str] = {parent["ref"]: parent["relation"] for parent in card["parents"]} if card else {}
        self._parents = [
            (ref, {row["row"]: row for row in rows if row["profile"] == profile.id})
            for ref, rows in sorted(parents, key=lambda parent: parent[0])
            if relations.get(ref) != "trained_on"
        ]
        self._kinds = {change["kind"] for change in changes} | {relations.get(ref, "UNKNOWN") for ref, _ in self._parents}

    def rows_of(self, row: Row) -> list[records.InheritedRow]:
        """The rows of that id, in order of parent reference."""
        return [rows[row.id] for _, rows in self._parents if row.id in rows]

    def inherited(self, row: Row) -> tuple[str, str] | None:
        """Status and origin, if the row may be inherited and every parent passes it down."""
        passed = self.rows_of(row)
        if not passed or len(passed) < len(self._parents) or not self._may(row):
            return None
        hidden = [entry for entry in passed if entry["status"] == "withheld" or RANK[entry["audience"]] > RANK[row.audience]]
        if hidden:
            return "withheld", min(entry["origin"] for entry in hidden)
        return "inherited", min(entry["origin"] for entry in passed)

    def debtor(self, row: Row) -> str | None:
        """The owner of the first parent that should have passed a developer's row down and did not."""
        if row.owed_by != "developer" or not self._may(row):
            return None
        return next((owner_of(ref) for ref, rows in self._parents if row.id not in rows), None)

    def _may(self, row: Row) -> bool:
        return row.inherit in _INHERITS and not (row.inherit == "if_unchanged" and not row.changed_by.isdisjoint(self._kinds))


# -- what goes down


def _own_row(
    profile: RuleProfile, row: Row, found: _Found, release: str, passed: Sequence[records.InheritedRow]
) -> records.InheritedRow:
    values: dict[str, Any] = dict(_values(passed)) if row.inherit == "union" else {}
    values[release] = found.values
    down = _down(profile, row, status="provided", origin=release, audience=AUDIENCES[found.rank])
    down["digest"] = "sha256:" + hashlib.sha256(_json(found.values).encode()).hexdigest()
    down["value"] = _bounded(row, values)
    return down


def _passed_on(
    profile: RuleProfile, row: Row, entry: records.ReportRow, passed: Sequence[records.InheritedRow]
) -> records.InheritedRow:
    source = next(item for item in passed if item["origin"] == entry["origin"])
    audience = max((item["audience"] for item in passed), key=RANK.__getitem__)
    down = _down(profile, row, status=entry["status"], origin=source["origin"], audience=audience)
    if entry["status"] != "withheld":
        down["digest"] = source["digest"]
        down["value"] = _bounded(row, dict(_values(passed)))
    return down


def _down(profile: RuleProfile, row: Row, *, status: str, origin: str, audience: records.Audience) -> records.InheritedRow:
    return {
        "profile": profile.id,
        "row": row.id,
        "status": status,
        "origin": origin,
        "audience": audience,
        "digest": None,
        "value": None,
    }


def _values(passed: Sequence[records.InheritedRow]) -> Iterator[tuple[str, Any]]:
    for row in passed:
        if row["value"] is not None:
            yield from json.loads(row["value"]).items()


def _bounded(row: Row, values: Mapping[str, Any]) -> str | None:
    if row.inherit not in ("union", "recompute") or not values:
        return None
    text = _json(values)
    return text if len(text.encode()) <= VALUE_LIMIT else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
