"""What each journal record does to dossiers, lines and stakes: one small function a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from exchange.core import dossier as dossiers
from exchange.core import lines
from exchange.core.turn import NOT_PASSED, Outcome, Turn, blank, conclude
from exchange.events import records as r
from exchange.refs import line_of


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
    changes = {**outcome.changes, f"line/{after['line']}": after}
    if after["current"] != before["current"] and turn.passes_down(after["line"]):
        current = after["current"]
        if current is None:
            decision["line_snapshot"] = dossiers.unresolved(after["line"])
        else:
            held = cast(r.Dossier, decision["dossier"]) if current == release else turn.dossier(current)
            decision["line_snapshot"] = _passed(turn, held, changes)
    return Outcome(changes, decision)


def _passed(turn: Turn, held: r.Dossier, changes: dict[str, Any]) -> r.Snapshot:
    """What a release passes down, and in its dossier, if it is the first time, that it did: what it says later is compared."""
    snapshot = dossiers.snapshot(held, turn.rules, turn.now)
    if held["passed"] == NOT_PASSED:
        changes[f"dossier/{held['release']}"] = {**held, "passed": turn.digest(snapshot)}
    return snapshot


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
        decision["line_snapshot"] = _passed(turn, held, changes) if held else dossiers.unresolved(decision["line"])
    else:
        held = turn.dossier(edge["parent"])
        if held["seq"] == 0:
            held = {**dossiers.evaluate(held, turn.rules, turn.now, down=False).dossier, "seq": 1}
        decision["snapshot"] = _passed(turn, held, changes)
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
