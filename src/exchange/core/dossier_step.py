"""The dossier processor's step: one journal record in, new state and one decision out (DESIGN section 4).

State keys: ``dossier/<release>``, ``line/<line>``, ``stake/<line>/<kind>/...``, ``mark/time``, ``mark/rules``, ``mark/cursor``.
A tick or a rule activation touches many releases: it is worked off in chunks, with a cursor in the state, before the next record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from exchange.core.codec import Codec
from exchange.core.decisions import quarantined
from exchange.core.dossier_events import HANDLERS
from exchange.core.envelope import Attributes, from_headers, traceparent_of
from exchange.core.outputs import Place, dead_letter, derived_id, write
from exchange.core.risk import RANK
from exchange.core.rules import Rules
from exchange.core.step import News, Record, Result, State
from exchange.core.turn import EVENTS, Turn, blank, conclude
from exchange.errors import DocumentError
from exchange.events import records as r
from exchange.topics import Topics

CHUNK = 100
"""Dossiers a tick or rule activation re-evaluates in one transaction."""


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
        name, value = self.codec.decode_for_step(record.value or b"")
        if name == "RulesActivated":
            return self._sweep(state, record, name, value, digest=value["digest"])
        if name == "Tick":
            return self._tick(state, record, name, cast(r.Tick, value))
        turn = self._turn(state, record, name, value)
        outcome = HANDLERS[name](turn)
        if name not in ("EdgeDeclared", "EdgeDropped", "UpstreamMessage"):
            outcome.decision["event_type"] = name
            outcome.decision["event"] = record.value if name in EVENTS else None
        return self._result(record, outcome.changes, [outcome.decision])

    def _turn(self, state: State, record: Record, name: str, value: Any) -> Turn:
        mark = cast("r.Mark | None", state.get("mark/rules"))
        time = cast("r.Mark | None", state.get("mark/time"))
        rules = self.rules(mark["text"] or "" if mark else "")
        return Turn(
            state,
            record,
            name,
            value,
            from_headers(record.headers, timeless=True),
            rules,
            time["time"] if time else None,
            self.codec,
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
        index, after = _cursor(state)
        if digest is not None:
            changes["mark/rules"] = {"text": digest, "time": None}
        if time is not None:
            changes["mark/time"] = {"text": None, "time": time}
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
        trace = traceparent_of(record.headers)
        for decision in decisions:
            identity = derived_id("decision", decision["lane"], decision["offset"], decision["index"])
            key = decision["line"] or f"lane-{record.partition}"
            place = Place(self.topics.decisions, record.partition, key)
            outputs.append(write(self.codec, self.topics, place, "Decision", decision, identity, traceparent=trace))
        facts: list[tuple[str, ...]] = [("decisions", decision["kind"]) for decision in decisions]
        facts += [("profile_changes", change["category"], _direction(change)) for each in decisions for change in each["changes"]]
        held = [value for key, value in changes.items() if key.startswith("dossier/")]
        facts += [("dossiers", "new" if dossier["seq"] == 1 else "updated") for dossier in held]
        return Result(changes, outputs, more=more, facts=facts, news=[_news(decision) for decision in decisions])

    def broken(self, state: State, record: Record, error: Exception) -> Result:
        """A quarantined decision and a dead letter stand for a record that breaks the step; no state changes."""
        line = (record.key or b"").decode("utf-8", "replace")
        letter = dead_letter(self.codec, self.topics, "dossier", record, error)
        try:
            attributes: Attributes | None = from_headers(record.headers, timeless=True)
        except DocumentError:
            attributes = None
        reason = error.reason if isinstance(error, DocumentError) else "step-failed"
        decision = quarantined(record, line, reason)
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
        facts = [*result.facts, ("dead_letters", "step-failed")]
        return Result({}, [*result.outputs, letter], facts=facts, news=result.news)


def _news(decision: r.Decision) -> News:
    cause, dossier = decision["cause"], decision["dossier"]
    event_id = cause["event_id"] if cause else ""
    return News(
        f"decision.{decision['kind']}", event_id, decision["release"] or decision["line"], dossier["seq"] if dossier else 0
    )


def _direction(change: r.ProfileChange) -> str:
    """Where a level went; ``same``: only the status or a flag changed."""
    before, after = RANK[change["from_level"]], RANK[change["to_level"]]
    return "raised" if after > before else "lowered" if after < before else "same"


def _cursor(state: State) -> tuple[int, str]:
    """Where a sweep goes on: decisions so far, the last dossier's key."""
    cursor = cast("r.Mark | None", state.get("mark/cursor"))
    number, _, after = (cursor["text"] or "").partition(" ") if cursor is not None else ("", "", "")
    return int(number or 0), after


class _Ahead:
    """The state as it will be once the given changes are in."""

    def __init__(self, state: State, changes: dict[str, Any]) -> None:
        self._state, self._changes = state, changes

    def get(self, key: str) -> Any | None:
        return self._changes[key] if key in self._changes else self._state.get(key)

    def scan(self, prefix: str, after: str = "") -> Any:
        return self._state.scan(prefix, after)
