"""Completeness: is what must be told told, and who owes what is not (DESIGN section 6, docs/completeness.md).

Pure and quick: it runs for every decision of the dossier processor. Cards are plain dicts as fastavro gives them, all keys
present.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from exchange.core.facts import facts_of
from exchange.core.fields import AUDIENCES, RANK
from exchange.core.profiles import Row, RuleProfile
from exchange.core.said import Narrowed, Said, is_stale, last_fresh, narrowings, said
from exchange.events import records
from exchange.refs import owner_of

Parents = Sequence[tuple[str, Sequence[records.InheritedRow]]]
"""By parent reference, as the card writes it: the rows the parent passes down."""

MAX_HOPS = 64
"""Releases a row or value comes down through at most.

In a circle of parents each round makes the way longer, so that what lives on itself alone ends, in whatever order messages come.
"""

VALUE_LIMIT = 4096
"""Bytes of a value that an upstream message carries at most."""

_PASSES = frozenset({"provided", "inherited", "withheld"})
_GAPS = frozenset({"missing", "placeholder", "stale"})
_INHERITS = frozenset({"always", "if_unchanged", "union"})


class _Case(NamedTuple):
    """The release at hand."""

    card: records.ModelCard | None
    narrowed: Sequence[Narrowed]
    upstream: _Upstream
    owner: str
    at: date | None


def report(
    profile: RuleProfile,
    card: records.ModelCard | None,
    *,
    stage: str,
    parents: Parents,
    changes: Sequence[records.ChangeEntry],
    owner: str,
    at: date | None,
    original_flop: float | None = None,
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
        original_flop: training compute of what it was made from, in FLOP (:func:`original_flop_of`).

    Returns:
        A row for each row of the profile, in its order; ``complete`` when no must-row is missing, placeholder or stale.
    """
    upstream = _Upstream(profile, card, parents, changes)
    facts = facts_of(card, stage, original_flop)
    case = _Case(card, narrowings(card), upstream, owner, at)
    rows: list[records.ReportRow] = []
    complete = True
    for row in profile.rows:
        if not row.applies.holds(facts):
            rows.append(_result(row, "not_applicable", None))
            continue
        result = _judged(row, case)
        complete = complete and not (row.level == "must" and result["status"] in _GAPS)
        rows.append(result)
    return {"profile": profile.id, "complete": complete, "rows": rows}


def compute_of(card: records.ModelCard | None) -> float | None:
    """Training compute, in FLOP, that those made from a release may be measured by: none when its card narrows it."""
    if card is None or card["training"] is None:
        return None
    narrowed = any(entry["path"] in ("training", "training.compute_flop") for entry in card["disclosure"])
    return None if narrowed else card["training"]["compute_flop"]


def original_flop_of(card: records.ModelCard | None, compute: Mapping[str, float | None]) -> float | None:
    """The largest training compute among what a release was made from, data sets apart; None where none is known.

    Args:
        card: the release's card.
        compute: by parent reference, as :func:`compute_of` tells it of the parent.
    """
    parents = [parent for parent in card["parents"] if parent["relation"] != "trained_on"] if card else []
    known = (compute.get(parent["ref"]) for parent in parents)
    return max((flop for flop in known if flop is not None), default=None)


def inheritable(
    profile: RuleProfile,
    result: records.Report,
    card: records.ModelCard | None,
    release: str,
    parents: Parents = (),
) -> list[records.InheritedRow]:
    """The rows a release passes down: what it provides, inherits or withholds and what a derived release may inherit.

    A withheld row has neither digest nor value: a digest of a short value can be guessed back. The value goes along only for
    ``union`` and ``recompute``, as JSON ``{release: {"hops": number, "told": {path: value}}}``, and only up to
    :data:`VALUE_LIMIT` bytes.

    Args:
        profile: the rules.
        result: this release's report, made with the same profile, card and parents.
        card: its card.
        release: its reference.
        parents: what its parents pass down; needed to pass on what it inherits.
    """
    narrowed = narrowings(card)
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
            rows.append(_own_row(profile, row, said(row, card, narrowed), release, passed))
    return rows


def _judged(row: Row, case: _Case) -> records.ReportRow:
    found = said(row, case.card, case.narrowed)
    if found.status == "provided":
        return _result(row, "stale" if is_stale(row, case.card, case.at) else "provided", case.owner)
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


def next_stale(profile: RuleProfile, card: records.ModelCard | None, result: records.Report) -> date | None:
    """The first day on which a row that is provided now will be stale, so that a tick of that day looks again."""
    days = [
        last_fresh(row, card)
        for row, entry in zip(profile.rows, result["rows"], strict=True)
        if row.stale_after_days and entry["status"] == "provided"
    ]
    first = min((day for day in days if day is not None), default=None)
    return first + timedelta(days=1) if first else None


# -- what comes from upstream


class _Upstream:
    """What the parents pass down, datasets apart."""

    def __init__(
        self, profile: RuleProfile, card: records.ModelCard | None, parents: Parents, changes: Sequence[records.ChangeEntry]
    ) -> None:
        relations: dict[str, str] = {parent["ref"]: parent["relation"] for parent in card["parents"]} if card else {}
        models = [
            (ref, rows) for ref, rows in sorted(parents, key=lambda parent: parent[0]) if relations.get(ref) != "trained_on"
        ]
        self._parents = [(ref, {row["row"]: row for row in rows if row["profile"] == profile.id}) for ref, rows in models]
        self._kinds = {change["kind"] for change in changes} | {relations.get(ref, "UNKNOWN") for ref, _ in self._parents}

    def rows_of(self, row: Row) -> list[records.InheritedRow]:
        """The rows of that id, in order of parent reference."""
        found = (rows.get(row.id) for _, rows in self._parents)
        return [entry for entry in found if entry is not None and entry["hops"] < MAX_HOPS]

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
    profile: RuleProfile, row: Row, found: Said, release: str, passed: Sequence[records.InheritedRow]
) -> records.InheritedRow:
    values = _joined(passed) if row.inherit == "union" else {}
    values[release] = {"hops": 0, "told": found.values}
    down = _down(profile, row, status="provided", origin=release, audience=AUDIENCES[found.rank])
    down["digest"] = "sha256:" + hashlib.sha256(_json(found.values).encode()).hexdigest()
    down["value"] = _bounded(row, values)
    return down


def _passed_on(
    profile: RuleProfile, row: Row, entry: records.ReportRow, passed: Sequence[records.InheritedRow]
) -> records.InheritedRow:
    source = next(item for item in passed if item["origin"] == entry["origin"])
    audience = max((item["audience"] for item in passed), key=RANK.__getitem__)
    hops = 1 + max(item["hops"] for item in passed)  # all parents must pass it down: the longest way counts
    down = _down(profile, row, status=entry["status"], origin=source["origin"], audience=audience, hops=hops)
    if entry["status"] != "withheld":
        down["digest"] = source["digest"]
        down["value"] = _bounded(row, _joined(passed))
    return down


def _down(
    profile: RuleProfile, row: Row, *, status: str, origin: str, audience: records.Audience, hops: int = 0
) -> records.InheritedRow:
    return {
        "profile": profile.id,
        "row": row.id,
        "status": status,
        "origin": origin,
        "hops": hops,
        "audience": audience,
        "digest": None,
        "value": None,
    }


def _joined(passed: Sequence[records.InheritedRow]) -> dict[str, dict[str, Any]]:
    """The values that parents pass down, one hop on; of two about one release, that which came the shorter way."""
    joined: dict[str, dict[str, Any]] = {}
    for row in passed:
        for release, entry in json.loads(row["value"] or "{}").items():
            hops = entry["hops"] + 1
            if hops < MAX_HOPS and (release not in joined or hops < joined[release]["hops"]):
                joined[release] = {"hops": hops, "told": entry["told"]}
    return joined


def _bounded(row: Row, values: Mapping[str, Any]) -> str | None:
    if row.inherit not in ("union", "recompute") or not values:
        return None
    text = _json(values)
    return text if len(text.encode()) <= VALUE_LIMIT else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
