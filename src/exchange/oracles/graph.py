"""What every profile must be at rest, computed from nothing but the accepted events of the parties.

An oracle for the processors: it knows no Kafka, no decisions, no messages between releases and no paths. It states DESIGN
section 5 as two fixed points per category, over levels by (release, origin): what is known, then what is unknown. Propagation
only keeps or lowers a level, so what comes back round a cycle is never higher than what went in, and walking no path loses
nothing. The bounds on paths (64 hops) and origins (256) are not modelled.

It must stay apart from :mod:`exchange.core`: a mistake made in one place only is a mistake that is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

CATEGORIES = tuple(f"R{number:02d}" for number in range(1, 16))
LEVELS = ("none", "low", "moderate", "high", "critical")

Table = Mapping[str, Mapping[str, str]]
"""Relation, then category, to ``carries``, ``reduced`` or ``none``."""
Token = Callable[[str, str, str], str]
"""Of (release that is told, origin, event id): what stands for the event id where that is not disclosed."""


class Accepted(NamedTuple):
    """A party's event as it stands in the journal."""

    type: str
    record: Mapping[str, Any]
    event_id: str
    publisher: str


class Effective(NamedTuple):
    """The effective risk of a release in one category."""

    level: str
    status: str
    partial: bool


class Known(NamedTuple):
    """A known level and the event that set it."""

    level: str
    event_id: str

    @property
    def rank(self) -> int:
        return LEVELS.index(self.level)


class Edge(NamedTuple):
    """Child and parent; ``resolved``: the parent is a release, not a line that has none to offer."""

    child: str
    parent: str
    relation: str
    resolved: bool


@dataclass
class Node:
    """What parties have said of one release. ``order`` is the position in the line's journal."""

    card: Mapping[str, Any] | None = None
    assessments: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    changes: list[tuple[int, str, frozenset[str]]] = field(default_factory=list)


@dataclass
class Own:
    """A release's own findings in one category, and what those who made them had before them."""

    current: Known | None = None
    expired: Known | None = None
    unknown: bool = False
    considers: set[str] = field(default_factory=set)
    by: list[tuple[int, frozenset[str]]] = field(default_factory=list)

    def count(self, found: Known, order: int, considers: frozenset[str], expired: bool) -> None:
        """A finding that says unknown is no level, and considers nothing on behalf of those that say one."""
        if found.level == "unknown":
            self.unknown |= not expired
        elif expired:
            self.expired = _higher(self.expired, found)
        else:
            self.current = _higher(self.current, found)
            self.considers |= considers
            self.by.append((order, considers))

    def covers(self, release: str, origin: str, known: Known, token: Token) -> bool:
        """Whether those who made the current findings had this one before them."""
        return known.event_id in self.considers or token(release, origin, known.event_id) in self.considers

    @property
    def highest(self) -> Known | None:
        """Current, or the expired floor where that is higher."""
        return _higher(self.current, self.expired)


def profiles(
    lines: Iterable[Sequence[Accepted]],
    table: Table,
    tick: datetime | None = None,
    token: Token = lambda release, origin, event_id: event_id,
) -> dict[str, dict[str, Effective]]:
    """Effective risk by release (also one that is only named as a parent) and category.

    ``lines`` holds each line's events in journal order; ``tick`` is the time all partitions were last told, if any.
    """
    nodes, released = _gather(lines)
    edges = _edges(nodes, released)
    found: dict[str, dict[str, Effective]] = {release: {} for release in nodes}
    for category in CATEGORIES:
        owns = {release: _own(node, category, tick) for release, node in nodes.items()}
        effects = [(edge, table[edge.relation][category]) for edge in edges]
        known = _known(owns, effects, token)
        unknown = _unknown(owns, effects, known)
        for release, node in nodes.items():
            touched = [(order, identity) for order, identity, categories in node.changes if category in categories]
            level, status = _effective(release, owns[release], known[release], touched, token)
            partial = bool(unknown[release]) or owns[release].unknown
            found[release][category] = Effective(level, status, partial)
    return found


def _gather(lines: Iterable[Sequence[Accepted]]) -> tuple[dict[str, Node], dict[str, list[str]]]:
    """The releases, and per line those that reached stage released, in the order in which they first did."""
    nodes: dict[str, Node] = defaultdict(Node)
    released: dict[str, list[str]] = defaultdict(list)
    for events in lines:
        for order, (kind, record, identity, _) in enumerate(events):
            if kind == "ModelCard":
                nodes[record["release"]].card = record
                first = released[record["release"].partition("@")[0]]
                if record["stage"] == "released" and record["release"] not in first:
                    first.append(record["release"])
            elif kind == "ChangeNotice":
                touched = frozenset(record["affected_categories"])
                nodes[record["release"]].changes.append((order, identity, touched))
            elif kind == "RiskAssessment":
                _assess(nodes[record["release"]], order, record, identity)
    return nodes, released


def _assess(node: Node, order: int, record: Mapping[str, Any], identity: str) -> None:
    """Keep an assessment, and drop those of the same assessor that it replaces or withdraws."""
    for earlier in (*record["supersedes"], *record["withdraws"]):
        if earlier in node.assessments and node.assessments[earlier][1]["assessor"] == record["assessor"]:
            del node.assessments[earlier]
    node.assessments[identity] = (order, record)


def _edges(nodes: dict[str, Node], released: Mapping[str, Sequence[str]]) -> list[Edge]:
    """The edges of the current cards; parents that nobody has spoken for become nodes."""
    edges = []
    for child in list(nodes):
        for parent in (nodes[child].card or {}).get("parents", ()):
            ref = parent["ref"] if "@" in parent["ref"] else _newest(parent["ref"], nodes, released)
            if ref != child:
                edges.append(Edge(child, ref or parent["ref"], parent["relation"], ref is not None))
            if ref is not None:
                nodes[ref]  # makes the node
    return edges


def _newest(line: str, nodes: Mapping[str, Node], released: Mapping[str, Sequence[str]]) -> str | None:
    """The release of a line that last first reached stage released and is not withdrawn."""
    standing = [release for release in released.get(line, ()) if (nodes[release].card or {})["stage"] != "withdrawn"]
    return standing[-1] if standing else None


def _own(node: Node, category: str, tick: datetime | None) -> Own:
    """Own findings as of ``tick``, earliest first, so that the earliest of equals stays."""
    own = Own()
    for identity, (order, record) in node.assessments.items():
        start, end = record["valid_from"], record["valid_until"]
        if start is not None and (tick is None or start > tick):
            continue
        expired = end is not None and tick is not None and end <= tick
        for finding in record["findings"]:
            if finding["category"] == category:
                found = Known(finding["residual_level"] or finding["level"], identity)
                own.count(found, order, frozenset(record["considers"]), expired)
    return own


Reached = dict[str, dict[str, Known]]
"""What reaches a release: by release, then origin."""


def _known(owns: Mapping[str, Own], effects: Sequence[tuple[Edge, str]], token: Token) -> Reached:
    """Least fixed point of the known contributions: start from nothing, pass down until nothing grows."""
    reached: Reached = {release: {} for release in owns}
    grew = True
    while grew:
        grew = False
        for edge, effect in effects:
            if not edge.resolved or effect == "none":
                continue
            for origin, known in _passed(edge.parent, owns[edge.parent], reached[edge.parent], token).items():
                lowered = Known(_reduce(known.level), known.event_id) if effect == "reduced" else known
                before = reached[edge.child].get(origin)
                if origin != edge.child and (before is None or lowered.rank > before.rank):
                    reached[edge.child][origin] = lowered
                    grew = True
    return reached


def _passed(release: str, own: Own, carried: Mapping[str, Known], token: Token) -> dict[str, Known]:
    """What a release passes down: its own, and what reached it and was not taken into account by a current assessment."""
    passed = {origin: known for origin, known in carried.items() if not own.covers(release, origin, known, token)}
    return passed | ({release: own.highest} if own.highest else {})


def _unknown(owns: Mapping[str, Own], effects: Sequence[tuple[Edge, str]], known: Reached) -> dict[str, set[str]]:
    """Least fixed point of the origins of which nothing is known."""
    silent = {release for release, own in owns.items() if own.highest is None and not known[release]}
    reached: dict[str, set[str]] = {release: set() for release in owns}
    grew = True
    while grew:
        grew = False
        for edge, effect in effects:
            if effect == "none":
                continue
            origins = {edge.parent} if not edge.resolved or edge.parent in silent else set()
            new = (origins | reached.get(edge.parent, set())) - {edge.child} - reached[edge.child]
            reached[edge.child] |= new
            grew |= bool(new)
    return reached


def _effective(
    release: str, own: Own, carried: Mapping[str, Known], touched: Sequence[tuple[int, str]], token: Token
) -> tuple[str, str]:
    if own.current is None:
        if own.expired is not None:
            return _top(own.expired, *carried.values()), "reassess"
        if carried:
            return _top(*carried.values()), "carried_unverified" if touched else "carried"
        return "unknown", "unknown"
    floor = own.expired is not None and own.expired.rank > own.current.rank
    open_risks = [o for o, known in carried.items() if known.rank > own.current.rank and not own.covers(release, o, known, token)]
    open_changes = [at for at, change in touched if not any(change in considers or order > at for order, considers in own.by)]
    if floor or open_risks or open_changes:
        return _top(own.current, own.expired, *carried.values()), "reassess"
    return own.current.level, "assessed"


def _higher(first: Known | None, second: Known | None) -> Known | None:
    """The higher of two; the first of equals."""
    if first is None or second is None:
        return first or second
    return second if second.rank > first.rank else first


def _top(*known: Known | None) -> str:
    return max((each for each in known if each), key=lambda each: each.rank).level


def _reduce(level: str) -> str:
    return {"critical": "high", "high": "moderate", "moderate": "low"}.get(level, level)
