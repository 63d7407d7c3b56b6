"""The dossier processor's step: one journal record in, new state and one decision out (DESIGN section 4).

State keys: ``dossier/<release>``, ``line/<line>``, ``stake/<line>/<kind>/...``, ``mark/time``, ``mark/rules``, ``mark/cursor``.
A tick or a rule activation touches many releases: it is worked off in chunks, with a cursor in the state, before the next record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from exchange.core import dossier as dossiers
from exchange.core import lines, risk
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, from_headers
from exchange.core.outputs import Place, dead_letter, derived_id, write
from exchange.core.rules import Rules
from exchange.core.step import Record, Result, State
from exchange.errors import DocumentError
from exchange.events import records as r
from exchange.refs import line_of
from exchange.topics import Topics

CHUNK = 100
"""Dossiers a tick or rule activation re-evaluates in one transaction."""

_EVENTS = ("ModelCard", "ChangeNotice", "RiskAssessment")


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
    """A decision that says nothing yet."""
    return {
        "lane": turn.record.partition,
        "offset": turn.record.offset,
        "index": index,
        "kind": "nothing",
        "line": line,
        "release": release,
        "rules": turn.rules.digest,
        "time": turn.now,
        "cause": None,
        "event_type": None,
        "event": None,
        "claims": False,
        "dossier": None,
        "changes": [],
        "stakes": [],
        "declared": [],
        "dropped": [],
        "snapshot": None,
        "line_snapshot": None,
        "resolution": turn.line(line)["resolution"] if line else 0,
        "only_child": None,
        "reason": None,
    }


@dataclass(frozen=True)
class Outcome:
    """State changes and the decision that tells of them."""

    changes: dict[str, Any]
    decision: r.Decision


# --------------------------------------------------------------------------------------------------- one release


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
    after = dossiers.evaluate(new, turn.rules, turn.now)
    decision = blank(turn, line_of(release), release, index or 0)
    decision["cause"] = cause
    decision["changes"] = risk.profile_changes(old["profile"], after["profile"])
    decision["kind"] = _kind(turn, old, after, decision["changes"], news=news)
    if decision["kind"] == "nothing" and after == old:
        return Outcome({}, decision)
    if decision["kind"] != "nothing":
        after = dossiers.remember(after, cause["event_id"])
    after = {**after, "seq": old["seq"] + 1}
    decision["dossier"] = after
    # what a tick or new rules do to the former snapshot cannot be told from what they do to the new one: tell it anyway
    return _with_snapshot(turn, decision, old, after, news=news or index is not None)


def _kind(turn: Turn, old: r.Dossier, after: r.Dossier, changes: list[r.ProfileChange], *, news: bool) -> r.DecisionKind:
    if changes:
        return "profile_change"
    if news:
        return "event" if turn.name in _EVENTS else "upstream_news"
    return "completeness_change" if after["reports"] != old["reports"] else "nothing"


def _with_snapshot(turn: Turn, decision: r.Decision, old: r.Dossier, after: r.Dossier, *, news: bool) -> Outcome:
    """Tell the children when there is something new for them."""
    release, line = after["release"], turn.line(decision["line"])
    before = dossiers.snapshot(old, turn.rules, turn.now)
    now = dossiers.snapshot(after, turn.rules, turn.now)
    if news or {**before, "seq": 0} != {**now, "seq": 0}:
        decision["snapshot"] = now
        if line["current"] == release:
            decision["line_snapshot"] = now
    return Outcome({f"dossier/{release}": after}, decision)


# --------------------------------------------------------------------------------------------------- the records


def on_card(turn: Turn) -> Outcome:
    """A card: claims the line the first time, moves edges, may change what the line's current release is."""
    card = cast(r.ModelCard, turn.value)
    release = card["release"]
    old = turn.dossier(release)
    new = dossiers.with_card(old, card, turn.event)
    outcome = conclude(turn, new, turn.cause(release), news=True)
    decision = outcome.decision
    decision["declared"], decision["dropped"] = lines.edges(old["parents"], new["parents"], release, turn.cause(release))
    return _with_line(turn, outcome, card)


def _with_line(turn: Turn, outcome: Outcome, card: r.ModelCard) -> Outcome:
    decision, before = outcome.decision, turn.line(outcome.decision["line"])
    release = card["release"]

    def stage(name: str) -> r.Stage:
        return card["stage"] if name == release else turn.dossier(name)["stage"]

    after = lines.with_card(before, card, stage)
    decision["claims"] = after["claimed"] and not before["claimed"]
    decision["resolution"] = after["resolution"]
    if after["current"] != before["current"]:
        current = after["current"]
        if current is None:
            decision["line_snapshot"] = dossiers.unresolved(after["line"])
        else:
            held = cast(r.Dossier, decision["dossier"]) if current == release else turn.dossier(current)
            decision["line_snapshot"] = dossiers.snapshot(held, turn.rules, turn.now)
    return Outcome({**outcome.changes, f"line/{after['line']}": after}, decision)


def on_assessment(turn: Turn) -> Outcome:
    """A risk assessment."""
    release = turn.value["release"]
    new = dossiers.with_assessment(turn.dossier(release), turn.value, turn.event)
    return conclude(turn, new, turn.cause(release), news=True)


def on_change_notice(turn: Turn) -> Outcome:
    """A change notice."""
    release = turn.value["release"]
    new = dossiers.with_change(turn.dossier(release), turn.value, turn.event)
    return conclude(turn, new, turn.cause(release), news=True)


def on_upstream(turn: Turn) -> Outcome:
    """A parent's snapshot. News once per root cause, so that a diamond tells once."""
    message = cast(r.UpstreamMessage, turn.value)
    old = turn.dossier(message["child"])
    link = next((link for link in old["parents"] if link["ref"] == message["parent"]), None)
    if link is None:
        return Outcome({}, blank(turn, line_of(message["child"]), message["child"]))
    new = dossiers.with_upstream(old, message)
    fresh = message["cause"]["event_id"] not in old["seen"]
    return conclude(turn, new, dossiers.cause_at(message["cause"], link), news=fresh)


def on_edge_declared(turn: Turn) -> Outcome:
    """A child of this line's release: it gets one full upstream message. This is where unclaimed releases arise."""
    edge = cast(r.EdgeDeclared, turn.value)
    changes, decision = _stake(turn, lines.child_stake(edge), ended=False)
    decision["only_child"] = edge["child"]
    if edge["parent"] == decision["line"]:
        current = turn.line(decision["line"])["current"]
        held = turn.dossier(current) if current else None
        decision["line_snapshot"] = (
            dossiers.snapshot(held, turn.rules, turn.now) if held else dossiers.unresolved(decision["line"])
        )
    else:
        held = turn.dossier(edge["parent"])
        if held["seq"] == 0:
            held = {**dossiers.evaluate(held, turn.rules, turn.now), "seq": 1}
            changes[f"dossier/{edge['parent']}"] = held
        decision["snapshot"] = dossiers.snapshot(held, turn.rules, turn.now)
    decision["cause"] = edge["cause"]
    return Outcome(changes, decision)


def on_edge_dropped(turn: Turn) -> Outcome:
    """A child of this line's release no longer names it."""
    edge = cast(r.EdgeDropped, turn.value)
    key = lines.stake_key("child", edge["parent"], edge["child"])
    stake = cast("r.Stake | None", turn.state.get(key))
    if stake is None:
        return Outcome({}, blank(turn, line_of(edge["parent"]), ""))
    changes, decision = _stake(turn, stake, ended=True)
    decision["cause"] = edge["cause"]
    return Outcome(changes, decision)


def on_subscription(turn: Turn) -> Outcome:
    """A subscription; the subscriber's result shows the current state."""
    return _stake_event(turn, lines.subscription_stake(turn.value["target"], turn.attributes), ended=False)


def on_unsubscribe(turn: Turn) -> Outcome:
    """The end of a subscription; ending what is not there changes nothing."""
    return _stake_event(turn, lines.subscription_stake(turn.value["target"], turn.attributes), ended=True)


def on_grant(turn: Turn) -> Outcome:
    """A grant of the line's owner."""
    return _stake_event(turn, lines.grant_stake(turn.value, turn.attributes.id), ended=False)


def on_grant_revocation(turn: Turn) -> Outcome:
    """The end of a grant."""
    line = line_of(turn.value["target"])
    stake = cast("r.Stake | None", turn.state.get(f"stake/{line}/grant/{turn.value['grant']}"))
    if stake is None:
        decision = blank(turn, line, "")
        return Outcome({}, {**decision, "kind": "stake", "cause": turn.cause(turn.value["target"])})
    return _stake_event(turn, stake, ended=True)


def _stake_event(turn: Turn, stake: r.Stake, *, ended: bool) -> Outcome:
    changes, decision = _stake(turn, stake, ended=ended)
    target = turn.value["target"]
    decision["cause"] = turn.cause(target)
    shown = target if "@" in target else turn.line(decision["line"])["current"]
    held = turn.state.get(f"dossier/{shown}") if shown else None
    if held is not None:
        decision["release"], decision["dossier"] = cast(str, shown), held
    return Outcome(changes, decision)


def _stake(turn: Turn, stake: r.Stake, *, ended: bool) -> tuple[dict[str, Any], r.Decision]:
    key = lines.key_of(stake)
    decision = blank(turn, stake["line"], stake["target"] if "@" in stake["target"] else "")
    decision["kind"] = "stake"
    decision["stakes"] = [{"stake": stake, "ended": ended}]
    line = turn.line(stake["line"])
    return {key: None if ended else stake, f"line/{line['line']}": line}, decision


def on_party(turn: Turn) -> Outcome:
    """A registration is intake's business; the journal holds it for the record."""
    return Outcome({}, blank(turn, "", ""))


HANDLERS: dict[str, Callable[[Turn], Outcome]] = {
    "Party": on_party,
    "ModelCard": on_card,
    "RiskAssessment": on_assessment,
    "ChangeNotice": on_change_notice,
    "Subscription": on_subscription,
    "Unsubscribe": on_unsubscribe,
    "Grant": on_grant,
    "GrantRevocation": on_grant_revocation,
    "EdgeDeclared": on_edge_declared,
    "EdgeDropped": on_edge_dropped,
    "UpstreamMessage": on_upstream,
}


# --------------------------------------------------------------------------------------------------- the step


@dataclass(frozen=True)
class DossierStep:
    """The step with what it needs to read and write records.

    Attributes:
        codec: reads and writes records.
        topics: names and partition counts.
        rules: the rules of a digest; raises OSError while they cannot be had, which makes the lane try again.
    """

    codec: Codec
    topics: Topics
    rules: Callable[[str], Rules]

    def __call__(self, state: State, record: Record) -> Result:
        """One journal record. See :class:`exchange.core.step.Processor`."""
        name, value = self.codec.decode_trusted(record.value or b"")
        if name == "RulesActivated":
            return self._sweep(state, record, name, value, digest=value["digest"])
        if name == "Tick":
            return self._tick(state, record, name, cast(r.Tick, value))
        turn = self._turn(state, record, name, value)
        outcome = HANDLERS[name](turn)
        if name not in ("EdgeDeclared", "EdgeDropped", "UpstreamMessage"):
            outcome.decision["event_type"] = name
            outcome.decision["event"] = record.value if name in _EVENTS else None
        return self._result(record, outcome.changes, [outcome.decision])

    def _turn(self, state: State, record: Record, name: str, value: Any) -> Turn:
        mark = cast("r.Mark | None", state.get("mark/rules"))
        time = cast("r.Mark | None", state.get("mark/time"))
        rules = self.rules(mark["text"] or "" if mark else "")
        return Turn(
            state, record, name, value, from_headers(record.headers, timeless=True), rules, time["time"] if time else None
        )

    def _tick(self, state: State, record: Record, name: str, value: r.Tick) -> Result:
        mark = cast("r.Mark | None", state.get("mark/time"))
        later = mark is None or mark["time"] is None or value["time"] > mark["time"]
        if not later and state.get("mark/cursor") is None:
            turn = self._turn(state, record, name, value)
            return self._result(record, {}, [blank(turn, "", "")])
        return self._sweep(state, record, name, value, time=value["time"])

    def _sweep(
        self, state: State, record: Record, name: str, value: Any, *, digest: str | None = None, time: datetime | None = None
    ) -> Result:
        """Re-evaluate, chunk by chunk, all dossiers (new rules) or those that are due (time)."""
        changes: dict[str, Any] = {}
        if digest is not None:
            changes["mark/rules"] = {"text": digest, "time": None}
        if time is not None:
            changes["mark/time"] = {"text": None, "time": time}
        cursor = cast("r.Mark | None", state.get("mark/cursor"))
        number, _, after = ((cursor["text"] or "0 ") if cursor else "0 ").partition(" ")
        index = int(number)
        turn = self._turn(_Ahead(state, changes), record, name, value)
        decisions: list[r.Decision] = []
        seen = 0
        for key, held in state.scan("dossier/", after):
            if time is not None and (held["due"] is None or held["due"] > time):
                continue
            seen, after = seen + 1, key
            outcome = conclude(turn, held, turn.cause(held["release"]), index=index)
            if outcome.changes:
                changes.update(outcome.changes)
                decisions.append(outcome.decision)
                index += 1
            if seen >= CHUNK:
                changes["mark/cursor"] = {"text": f"{index} {after}", "time": None}
                return self._result(record, changes, decisions, more=True)
        changes["mark/cursor"] = None
        decisions.append(blank(turn, "", "", index))
        return self._result(record, changes, decisions)

    def _result(self, record: Record, changes: dict[str, Any], decisions: list[r.Decision], *, more: bool = False) -> Result:
        outputs = []
        for decision in decisions:
            identity = derived_id("decision", decision["lane"], decision["offset"], decision["index"])
            key = decision["line"] or f"lane-{record.partition}"
            place = Place(self.topics.decisions, record.partition, key)
            outputs.append(write(self.codec, self.topics, place, "Decision", decision, identity))
        facts: list[tuple[str, str]] = [("decisions", decision["kind"]) for decision in decisions]
        held = [value for key, value in changes.items() if key.startswith("dossier/")]
        facts += [("dossiers", "new" if dossier["seq"] == 1 else "updated") for dossier in held]
        return Result(changes, outputs, more=more, facts=facts)

    def broken(self, state: State, record: Record, error: Exception) -> Result:
        """A quarantined decision and a dead letter stand for a record that breaks the step; no state changes."""
        line = (record.key or b"").decode("utf-8", "replace")
        letter = dead_letter(self.codec, self.topics, "dossier", record, error)
        try:
            attributes: Attributes | None = from_headers(record.headers, timeless=True)
        except DocumentError:
            attributes = None
        decision: r.Decision = {
            **_QUARANTINED,
            "lane": record.partition,
            "offset": record.offset,
            "line": line,
            "reason": error.reason if isinstance(error, DocumentError) else "step-failed",
        }
        if attributes is not None:
            decision["event_type"] = attributes.name
            decision["cause"] = {
                "event_id": attributes.id,
                "event_type": attributes.name,
                "publisher": attributes.source,
                "release": attributes.subject or line,
                "path": [],
            }
        result = self._result(record, {}, [decision])
        return Result({}, [*result.outputs, letter], facts=[*result.facts, ("dead_letters", "step-failed")])


_QUARANTINED: r.Decision = {
    "lane": 0,
    "offset": 0,
    "index": 0,
    "kind": "quarantined",
    "line": "",
    "release": "",
    "rules": "",
    "time": None,
    "cause": None,
    "event_type": None,
    "event": None,
    "claims": False,
    "dossier": None,
    "changes": [],
    "stakes": [],
    "declared": [],
    "dropped": [],
    "snapshot": None,
    "line_snapshot": None,
    "resolution": 0,
    "only_child": None,
    "reason": None,
}


class _Ahead:
    """The state as it will be once the given changes are in."""

    def __init__(self, state: State, changes: dict[str, Any]) -> None:
        self._state, self._changes = state, changes

    def get(self, key: str) -> Any | None:
        return self._changes[key] if key in self._changes else self._state.get(key)

    def scan(self, prefix: str, after: str = "") -> Any:
        return self._state.scan(prefix, after)
