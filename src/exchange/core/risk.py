"""Effective risk of a release: its own findings joined with what comes down its lineage (DESIGN section 5, docs/risk.md).

Nothing here depends on the clock or on the order in which messages of different lines arrived. Three questions are answered:

* :func:`carried_flows`: what reaches a release from its parents?
* :func:`profile`: what is its effective risk?
* :func:`passed_down`: what does it pass to those made from it?
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, get_args

from exchange.core import fields
from exchange.core.rules import Propagation
from exchange.events import records as r

RANK: dict[str, int] = {"unknown": 0, "none": 1, "low": 2, "moderate": 3, "high": 4, "critical": 5}
RELATIONS: tuple[r.Relation, ...] = get_args(r.Relation)
CATEGORIES: tuple[r.RiskCategory, ...] = tuple(name for name in get_args(r.RiskCategory) if name != "UNKNOWN")

MAX_PATH = 64
"""Hops of a path (DESIGN section 5)."""
MAX_ORIGINS = 256
"""Origins of one category (DESIGN section 5)."""
MAX_SOURCES = 16
"""Inputs shown with a profile entry."""


class Flow(NamedTuple):
    """One category from one origin along one path. ``path`` runs from the origin to the last parent."""

    origin: str
    level: r.Level
    event_id: str | None
    path: tuple[r.Hop, ...]


Flows = Mapping[r.RiskCategory, Sequence[Flow]]
"""By category, each in the order of :func:`carried_flows`: the highest level first, the unknown ones last."""


@lru_cache(maxsize=65536)
def token(release: str, origin: str, event_id: str) -> str:
    """Stands for an upstream event in ``considers`` of ``release`` where origin and cause are withheld."""
    return hashlib.sha256(f"considers|{release}|{origin}|{event_id}".encode()).hexdigest()[:32]


# --------------------------------------------------------------------------------------------------- own findings


class Own(NamedTuple):
    """A release's own findings in one category.

    Attributes:
        level, event_id: highest current residual level and the assessment that set it; ``None`` without a current one.
        floor, floor_event: highest expired level, which stays until superseded or withdrawn.
        unknown: a current finding says "unknown".
        current: the current assessments with a known finding.
    """

    level: r.Level | None
    event_id: str | None
    floor: r.Level | None
    floor_event: str | None
    unknown: bool
    current: tuple[r.AssessmentEntry, ...]

    @property
    def considered(self) -> frozenset[str]:
        """Ids and tokens that somebody current had before them."""
        return frozenset(item for entry in self.current for item in entry["considers"])


def validity(entry: r.AssessmentEntry, now: datetime | None) -> str:
    """``waiting``, ``current`` or ``expired`` at the partition's time (``None``: no tick came yet)."""
    start, end = entry["valid_from"], entry["valid_until"]
    if start is not None and (now is None or start > now):
        return "waiting"
    if end is not None and now is not None and end <= now:
        return "expired"
    return "current"


def own_findings(assessments: Iterable[r.AssessmentEntry], now: datetime | None) -> dict[r.RiskCategory, Own]:
    """Own findings by category, for the categories that have any.

    ``assessments`` hold what was neither superseded nor withdrawn, in the order of acceptance; the earliest wins a tie.
    """
    found: dict[r.RiskCategory, Own] = {}
    for entry in assessments:
        state = validity(entry, now)
        if state == "waiting":
            continue
        for finding in entry["findings"]:
            category = finding["category"]
            before = found.get(category, Own(None, None, None, None, False, ()))
            found[category] = _join(before, entry, finding["level"], state)
    return found


def _join(own: Own, entry: r.AssessmentEntry, level: r.Level, state: str) -> Own:
    if level == "unknown":
        return own._replace(unknown=own.unknown or state == "current")
    if state == "expired":
        higher = own.floor is None or RANK[level] > RANK[own.floor]
        return own._replace(floor=level, floor_event=entry["event_id"]) if higher else own
    own = own._replace(current=(*own.current, entry))
    if own.level is None or RANK[level] > RANK[own.level]:
        return own._replace(level=level, event_id=entry["event_id"])
    return own


NO_OWN = Own(None, None, None, None, False, ())


# --------------------------------------------------------------------------------------------------- from parents


def carried_flows(release: str, parents: Iterable[r.ParentLink], propagation: Propagation) -> dict[r.RiskCategory, list[Flow]]:
    """What the parents' snapshots bring to ``release``, one flow per origin and category, best first.

    A contribution whose path holds the release itself is ignored (cycles end). A parent that has not spoken yet counts as
    unknown.
    """
    best: dict[r.RiskCategory, dict[str, tuple[_Order, Flow]]] = {}
    for link in parents:
        if link["ref"] == release:
            continue
        carries = propagation.carries(link["relation"])
        for contribution in _contributions(link):
            origin, names = contribution["origin"], [hop["release"] for hop in contribution["path"]] or [link["ref"]]
            if origin == release or release in names:
                continue
            path = extend(contribution["path"], link)
            way = (len(path), names, origin)
            for item in contribution["carried"]:
                category = item["category"]
                level = carries[category, item["level"]]
                if level is not None:
                    order = (-RANK[level], way)
                    of_category = best.setdefault(category, {})
                    rival = of_category.get(origin)
                    if rival is None or order < rival[0]:
                        of_category[origin] = (order, _make(Flow, (origin, level, item["event_id"], path)))
    return {category: _bound(release, _in_order(flows.values())) for category, flows in best.items()}


_make = tuple.__new__
"""Makes a flow in half the time of its constructor; there are a hundred a step."""

_Order = tuple[int, tuple[int, list[str], str]]
"""Highest level first, then the shortest path, then the alphabet."""


def _in_order(flows: Iterable[tuple[_Order, Flow]]) -> list[Flow]:
    return [flow for _, flow in sorted(flows, key=itemgetter(0))]


def _contributions(link: r.ParentLink) -> Sequence[r.Contribution]:
    snapshot = link["snapshot"]
    return [unknown_origin(link["ref"])] if snapshot is None else snapshot["contributions"]


def unknown_origin(ref: str) -> r.Contribution:
    """What somebody passes down of whom nothing is known."""
    return {"origin": ref, "path": [], "carried": [{"category": c, "level": "unknown", "event_id": None} for c in CATEGORIES]}


def extend(path: Sequence[r.Hop], link: r.ParentLink) -> tuple[r.Hop, ...]:
    """The path with its last hop told how this release came from it; a parent that has not spoken is a hop of its own."""
    name = path[-1]["release"] if path else link["ref"]
    last: r.Hop = {"release": name, "relation": link["relation"], "audience": link["audience"]}
    return (*path[:-1], last)


def _order(flow: Flow) -> _Order:
    return (-RANK[flow.level], (len(flow.path), [hop["release"] for hop in flow.path], flow.origin))


def _bound(release: str, flows: list[Flow]) -> list[Flow]:
    """Fold what is beyond the bounds into one ``others`` at its maximum (and one for the unknown ones)."""
    kept = [flow for flow in flows if len(flow.path) < MAX_PATH]
    if len(kept) == len(flows) <= MAX_ORIGINS:
        return flows
    kept = kept[: MAX_ORIGINS - 2]
    held = {flow.origin for flow in kept}
    rest = [flow for flow in flows if flow.origin not in held]
    known = [flow for flow in rest if flow.level != "unknown"]
    unknown = [flow for flow in rest if flow.level == "unknown"]
    folded = [_fold(f"others@{release}", known)] if known else []
    folded += [_fold(f"unknown-others@{release}", unknown)] if unknown else []
    return sorted(kept + folded, key=_order)


def _fold(origin: str, flows: Sequence[Flow]) -> Flow:
    """One flow for many. Its path names those that folded before, so that folds end in cycles too.

    They are no longer in the order of one way, so each is for the narrowest audience among them: what one hop hides, all hide.
    """
    top = max((flow.level for flow in flows), key=RANK.__getitem__)
    ids = sorted(f"{flow.origin}|{flow.event_id}|{flow.level}" for flow in flows)
    event_id = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32] if top != "unknown" else None
    folders = {hop["release"]: hop for flow in flows if "others@" in flow.origin for hop in flow.path}
    audience = max(
        (hop["audience"] for hop in folders.values()), key=lambda name: fields.RANK.get(name, len(fields.RANK)), default=""
    )
    path: list[r.Hop] = [{**folders[name], "audience": audience} for name in sorted(folders)[: MAX_PATH - 1]]  # type: ignore[typeddict-item]
    return Flow(origin, top, event_id, tuple(path))


# --------------------------------------------------------------------------------------------------- the profile


def profile(
    release: str, own: Mapping[r.RiskCategory, Own], flows: Flows, changes: Sequence[r.ChangeEntry]
) -> tuple[list[r.ProfileEntry], list[r.Way]]:
    """Effective risk in every category, in the order of :data:`CATEGORIES`, and the ways its sources come."""
    ways = _Ways()
    touching: dict[str, list[r.ChangeEntry]] = {}
    for change in changes:
        for category in change["categories"]:
            touching.setdefault(category, []).append(change)
    entries = [_entry(release, c, own.get(c, NO_OWN), flows.get(c, ()), touching.get(c, ()), ways) for c in CATEGORIES]
    return entries, ways.found


class _Ways:
    """The different ways of flows, numbered as they come."""

    def __init__(self) -> None:
        self.found: list[r.Way] = []
        self._numbers: dict[tuple[str, tuple[tuple[str, ...], ...]], int] = {}
        self._seen: dict[tuple[str, int], int] = {}

    def number(self, flow: Flow) -> int:
        """Where the flow's way stands. Flows of one contribution share their path: most need no look inside."""
        seen = (flow.origin, id(flow.path))
        number = self._seen.get(seen)
        if number is None:
            key = (flow.origin, tuple((hop["release"], hop["relation"] or "", hop["audience"]) for hop in flow.path))
            number = self._seen[seen] = self._numbers.setdefault(key, len(self.found))
            if number == len(self.found):
                self.found.append({"origin": flow.origin, "path": list(flow.path)})
        return number


def _entry(
    release: str,
    category: r.RiskCategory,
    own: Own,
    flows: Sequence[Flow],
    touching: Sequence[r.ChangeEntry],
    ways: _Ways,
) -> r.ProfileEntry:
    level, status = _effective(release, own, flows, touching)
    return {
        "category": category,
        "level": level,
        "status": status,
        "partial": own.unknown or (len(flows) > 0 and flows[-1].level == "unknown"),
        "own_level": own.level,
        "own_event": own.event_id,
        "sources": _sources(release, own, flows[:MAX_SOURCES], ways),
    }


def _effective(release: str, own: Own, flows: Sequence[Flow], touching: Sequence[r.ChangeEntry]) -> tuple[r.Level, r.Status]:
    known = _highest_known(flows)
    if own.level is not None and _covered(release, own, flows, touching):
        return own.level, "assessed"
    if own.level is not None or own.floor is not None:
        return highest(level for level in (known, own.level, own.floor) if level is not None), "reassess"
    if known is not None:
        return known, "carried_unverified" if touching else "carried"
    return "unknown", "unknown"


def _highest_known(flows: Sequence[Flow]) -> r.Level | None:
    return flows[0].level if flows and flows[0].level != "unknown" else None


def _covered(release: str, own: Own, flows: Sequence[Flow], touching: Sequence[r.ChangeEntry]) -> bool:
    """Whether the current assessments had everything before them that could raise the level."""
    assert own.level is not None  # noqa: S101 - the caller asked
    rank = RANK[own.level]
    if own.floor is not None and RANK[own.floor] > rank:
        return False
    considered = own.considered
    if any(RANK[flow.level] > rank and not is_considered(release, considered, flow) for flow in flows):
        return False
    return all(
        any(change["event_id"] in entry["considers"] or entry["order"] > change["order"] for entry in own.current)
        for change in touching
    )


def is_considered(release: str, considered: frozenset[str], flow: Flow) -> bool:
    """Whether a flow is among the considered events, by its id or by its token."""
    if flow.event_id is None or not considered:
        return False
    return flow.event_id in considered or token(release, flow.origin, flow.event_id) in considered


def highest(levels: Iterable[r.Level]) -> r.Level:
    """The highest of at least one level."""
    return max(levels, key=RANK.__getitem__)


def _sources(release: str, own: Own, flows: Sequence[Flow], ways: _Ways) -> list[r.Source]:
    considered = own.considered if own.current else frozenset()
    return [
        {
            "way": ways.number(flow),
            "level": flow.level,
            "event_id": flow.event_id,
            "token": None,
            "considered": bool(considered) and is_considered(release, considered, flow),
        }
        for flow in flows
    ]


# --------------------------------------------------------------------------------------------------- downstream


def passed_down(release: str, own: Mapping[r.RiskCategory, Own], flows: Flows) -> list[r.Contribution]:
    """What the release passes to those made from it: its own result, and what it has not considered.

    Where it knows nothing at all it passes on that it is unknown itself.
    """
    here: r.Hop = {"release": release, "relation": None, "audience": "public"}
    grouped: dict[tuple[str, tuple[str, ...]], r.Contribution] = {}
    carried: dict[tuple[str, int], list[r.Carried]] = {}  # flows of one contribution share their path
    for category in CATEGORIES:
        for origin, level, event_id, path in _passed(release, own.get(category, NO_OWN), flows.get(category, ())):
            items = carried.get((origin, id(path)))
            if items is None:
                way = (origin, tuple(hop["release"] for hop in path))
                contribution = grouped.get(way)
                if contribution is None:
                    contribution = grouped[way] = {"origin": origin, "path": [*path, here], "carried": []}
                items = carried[origin, id(path)] = contribution["carried"]
            items.append({"category": category, "level": level, "event_id": event_id})
    return [grouped[key] for key in sorted(grouped)]


def _passed(release: str, own: Own, flows: Sequence[Flow]) -> list[Flow]:
    passing = list(flows)
    if own.level is not None:
        considered = own.considered
        passing = [flow for flow in flows if not is_considered(release, considered, flow)]
    level, event_id = own.level, own.event_id
    if own.floor is not None and (level is None or RANK[own.floor] > RANK[level]):
        level, event_id = own.floor, own.floor_event
    if level is not None:
        passing.append(Flow(release, level, event_id, ()))
    elif _highest_known(flows) is None:
        passing.append(Flow(release, "unknown", None, ()))
    return passing


# --------------------------------------------------------------------------------------------------- changes

ASKS: dict[str, str] = {
    "assessed": "nothing",
    "reassess": "reassess",
    "carried": "review",
    "carried_unverified": "assess",
    "unknown": "request-information",
}
"""What the reader is asked to do, by the new status (docs/risk.md)."""


def profile_changes(before: r.Dossier, after: r.Dossier) -> list[r.ProfileChange]:
    """The categories whose level, status or flag differ. An absent entry is unknown and not partial."""
    old = {entry["category"]: entry for entry in before["profile"]}
    changes = (_change(old.get(entry["category"]), entry, after["ways"]) for entry in after["profile"])
    return [change for change in changes if change is not None]


def _change(before: r.ProfileEntry | None, after: r.ProfileEntry, ways: Sequence[r.Way]) -> r.ProfileChange | None:
    old = before or _NOT_YET
    if (old["level"], old["status"], old["partial"]) == (after["level"], after["status"], after["partial"]):
        return None
    return {
        "category": after["category"],
        "from_level": old["level"],
        "to_level": after["level"],
        "from_status": old["status"],
        "to_status": after["status"],
        "from_partial": old["partial"],
        "to_partial": after["partial"],
        "ask": ASKS[after["status"]],
        "path": _deciding_path(after, ways),
    }


_NOT_YET: r.ProfileEntry = {
    "category": "UNKNOWN",
    "level": "unknown",
    "status": "unknown",
    "partial": False,
    "own_level": None,
    "own_event": None,
    "sources": [],
}


def _deciding_path(entry: r.ProfileEntry, ways: Sequence[r.Way]) -> list[r.Hop]:
    """The way of the input that decides; empty when the release's own word does."""
    if entry["status"] == "assessed" or not entry["sources"]:
        return []
    own = RANK[entry["own_level"]] if entry["own_level"] else 0
    deciding = (source for source in entry["sources"] if not source["considered"] and RANK[source["level"]] > own)
    return next((ways[source["way"]]["path"] for source in deciding), [])
