"""One journal record with all that is in force where it stands, and what it makes of one release."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from exchange.core import dossier as dossiers
from exchange.core import lines, risk
from exchange.core.codec import Codec
from exchange.core.decisions import nothing
from exchange.core.envelope import Attributes
from exchange.core.rules import Rules
from exchange.core.step import Record, State
from exchange.events import records as r
from exchange.refs import line_of

NOT_PASSED = ""
"""In place of the digest of what a dossier passes down, while nothing was made from its line."""

EVENTS = ("ModelCard", "ChangeNotice", "RiskAssessment")
"""The events that are news by themselves, and that a notice carries."""


@dataclass(frozen=True)
class Turn:
    """One journal record with all that is in force where it stands."""

    state: State
    record: Record
    name: str
    value: Any
    attributes: Attributes
    rules: Rules
    now: datetime | None
    codec: Codec

    @property
    def event(self) -> dossiers.Event:
        """The party's event, for a dossier."""
        return dossiers.Event(self.attributes.id, self.attributes.source, self.record.offset)

    def dossier(self, release: str) -> r.Dossier:
        """The dossier of a release, an empty one where there is none."""
        return cast("r.Dossier | None", self.state.get(f"dossier/{release}")) or dossiers.empty(release)

    def line(self, line: str) -> r.LineState:
        """The state of a line, a new one where there is none."""
        return cast("r.LineState | None", self.state.get(f"line/{line}")) or lines.new(line)

    def digest(self, snapshot: r.Snapshot) -> str:
        """Stands for what a release passes down, whatever the snapshot's number."""
        return hashlib.sha256(self.codec.plain("Snapshot", {**snapshot, "seq": 0})).hexdigest()[:32]

    def passes_down(self, line: str) -> bool:
        """Whether there is anybody for whom to work out what a line's releases pass down: releases made from one of them."""
        if self.rules.semantics == "1":
            return True
        return next(iter(self.state.scan(f"stake/{line}/child/")), None) is not None

    def cause(self, release: str) -> r.Cause:
        """This record as the cause of what it changes."""
        attributes = self.attributes
        return {
            "event_id": attributes.id,
            "event_type": self.name,
            "publisher": None if self.name in ("Tick", "RulesActivated") else attributes.source,
            "release": release,
            "path": [],
        }


def blank(turn: Turn, line: str, release: str, index: int = 0) -> r.Decision:
    """A decision about a line or release that says nothing yet."""
    return {
        **nothing(turn.record, index),
        "line": line,
        "release": release,
        "rules": turn.rules.digest,
        "time": turn.now,
        "resolution": turn.line(line)["resolution"] if line else 0,
    }


@dataclass(frozen=True)
class Outcome:
    """State changes and the decision that tells of them."""

    changes: dict[str, Any]
    decision: r.Decision


def conclude(turn: Turn, new: r.Dossier, cause: r.Cause, *, news: bool = False, index: int | None = None) -> Outcome:
    """Re-evaluate a release and say what changed.

    Args:
        turn: the record at hand.
        new: the dossier with its facts changed, not yet evaluated.
        cause: what set it off.
        news: whether the record is news by itself, even where no level moves.
        index: number of the decision within a tick or rule activation, ``None`` for other records.
    """
    release = new["release"]
    old = turn.dossier(release)
    line = line_of(release)
    former = old if index is None else None
    after, snapshot = dossiers.evaluate(new, turn.rules, turn.now, former, down=turn.passes_down(line))
    after["passed"] = turn.digest(snapshot) if snapshot else NOT_PASSED
    decision = blank(turn, line, release, index or 0)
    decision["cause"] = cause
    decision["changes"] = risk.profile_changes(old, after)
    decision["kind"] = _kind(turn, old, after, decision["changes"], news=news)
    if decision["kind"] == "nothing" and after == old:
        return Outcome({}, decision)
    if decision["kind"] != "nothing":
        after = dossiers.remember(after, cause["event_id"])
    decision["dossier"] = after = {**after, "seq": old["seq"] + 1}
    if snapshot and (news or after["passed"] != old["passed"]):  # there is something new for the children
        decision["snapshot"] = {**snapshot, "seq": after["seq"]}
        if turn.line(line)["current"] == release:
            decision["line_snapshot"] = decision["snapshot"]
    return Outcome({f"dossier/{release}": after}, decision)


def _kind(turn: Turn, old: r.Dossier, after: r.Dossier, changes: list[r.ProfileChange], *, news: bool) -> r.DecisionKind:
    if changes:
        return "profile_change"
    if news and turn.name in EVENTS:
        return "event"
    if after["reports"] != old["reports"]:
        return "completeness_change"
    return "upstream_news" if news else "nothing"
