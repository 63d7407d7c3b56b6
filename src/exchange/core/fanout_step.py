"""The fan-out processor's step: one decision in; notices, upstream messages and edge records out (DESIGN section 4).

State keys: ``stake/<line>/...`` (who has a stake), ``owner/<line>`` (claimed), ``told/<line>/<party>`` (last number),
``queue/<line>/<offset>.<index>`` (decisions not yet fully told), ``mark/trace/<line>/<offset>.<index>`` (the trace of such a
decision, if it has one), ``mark/turn`` (whose turn it is).

A decision's stakeholders are walked in id order, at most :data:`LIMIT` a step. What is left waits in the line's queue; later
decisions of the line queue behind it; :meth:`FanoutStep.drain` gives the lines turns. What a party is told about a line
depends on the order of the line's decisions alone, not on how turns and input interleave.

Upstream messages are the exception (DESIGN section 4, rule 3; docs/adr/0017): where a later decision that goes to the same
children waits in the queue, all but the last child of the walk are left to it. The last one is told, which puts on record that
the walk came to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import merge
from itertools import chain, groupby, islice
from typing import Any, cast

from exchange.core.codec import Codec
from exchange.core.decisions import quarantined
from exchange.core.disclosure import Projector
from exchange.core.envelope import traceparent_of
from exchange.core.lines import key_of
from exchange.core.notices import Telling, notice_for
from exchange.core.outputs import Place, dead_letter, derived_id, write
from exchange.core.risk import RANK
from exchange.core.rules import Rules
from exchange.core.step import NOTHING, Headers, News, Output, Record, Result, State
from exchange.errors import DocumentError, ValidationError
from exchange.events import records as r
from exchange.refs import LineRef, line_of, owner_of, parse_ref, partition_of
from exchange.topics import Topics

LIMIT_MAX = 500
"""As many topics as one transaction should touch."""

LIMIT = 200
"""Stakeholders told in one step. What each child makes of it is work for the dossier processor: more at once are not told sooner,
and hold up what other lines have to say (docs/bench.md)."""

TRACE = "mark/trace/"
"""State keys of the traces of decisions that wait."""

LOOK, BEHIND = 200, 5
"""Waiting lines that are looked at for urgent news, and how many decisions of each."""

AHEAD = 200
"""Decisions of a line that are looked at for one that goes to the same children."""


@dataclass(frozen=True)
class FanoutStep:
    """The step with what it needs.

    Attributes:
        codec: reads and writes records.
        topics: names and partition counts.
        rules: the rules of a digest (for the authorities); raises OSError while they cannot be had.
        projector: what a reader may see.
        limit: stakeholders told in one step.
        short: leave all children but the last of a walk to a later decision, whether there is one or not.
    """

    codec: Codec
    topics: Topics
    rules: Callable[[str], Rules]
    projector: Projector
    limit: int = LIMIT
    short: bool = False

    def __call__(self, state: State, record: Record) -> Result:
        """One decision. See :class:`exchange.core.step.Processor`."""
        name, value = self.codec.decode_for_step(record.value or b"")
        if name == "LineResumed":
            return _resumed(state, value["line"])
        decision, trace = _decision(name, value), traceparent_of(record.headers)
        if not decision["line"]:
            return NOTHING
        if _first_queued(state, decision["line"]) is not None:
            return _queued(decision, trace)
        return self._tell(state, _untold(decision), _queue_key(decision), trace)

    def queue(self, _state: State, record: Record) -> Result:
        """Let a decision wait in its line's queue; a rebuild does so with one that is not told yet."""
        name, value = self.codec.decode_for_step(record.value or b"")
        return _queued(_decision(name, value), traceparent_of(record.headers))

    def covers(self, earlier: Record, later: Record) -> bool:
        """Whether children of the earlier decision may be left to the later one; what cannot be read covers nothing."""
        try:
            decision, behind = (self.codec.decode_for_step(each.value or b"") for each in (earlier, later))
        except DocumentError:
            return False
        if behind[0] != "Decision" or decision[1]["line"] != behind[1]["line"]:
            return False
        return _goes_as_far(cast(r.Decision, behind[1]), cast(r.Decision, decision[1]))

    def drain(self, state: State) -> Result | None:
        """The next turn: one step of a waiting line. ``None`` when no queue can move.

        Lines take turns, in the order of their names. Every second turn goes, out of that order, to a line one of whose first
        decisions raises a risk, if there is one: news of a raised risk passes routine news, and routine news still moves.
        """
        turn, urgent = (cast("r.Mark | None", state.get(key)) for key in ("mark/turn", "mark/urgent"))
        line = _next_line(state, urgent["text"] or "", urgent=True) if urgent else None
        marks: dict[str, Any] = {"mark/urgent": None}
        if line is None:
            line = _next_line(state, (turn["text"] or "") if turn else "")
            marks = {"mark/turn": {"text": line, "time": None}, "mark/urgent": {"text": line, "time": None}}
        if line is None:
            return None
        key, pending = cast("tuple[str, r.Pending]", _first_queued(state, line))
        trace = _trace_of(state, key)
        try:
            result = self._tell(state, pending, key, trace)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            result = self._stop(key, pending, error, trace)
        return Result({**result.changes, **marks}, result.outputs, facts=result.facts, news=result.news)

    def _stop(self, key: str, pending: r.Pending, error: Exception, trace: str | None) -> Result:
        """A queued decision that breaks the step stops its line. The dead letter names the journal record it came from."""
        decision = pending["decision"]
        place = (self.topics.journal, decision["lane"], decision["offset"])
        headers: Headers = (("traceparent", trace.encode()),) if trace else ()
        record = Record(*place, decision["line"].encode(), None, headers, 0)
        letter = dead_letter(self.codec, self.topics, "fanout", record, error)
        facts = [("lines_stopped", "step-failed"), ("dead_letters", "step-failed")]
        return Result({key: {**pending, "stopped": type(error).__name__}}, [letter], facts=facts)

    def broken(self, state: State, record: Record, error: Exception) -> Result:
        """A decision that breaks the step stops its line: it waits in the line's queue, with a dead letter.

        What cannot be read stops the line its key names; a line goes on untold rather than with a decision left out.
        """
        letter = dead_letter(self.codec, self.topics, "fanout", record, error)
        facts = [("lines_stopped", "step-failed"), ("dead_letters", "step-failed")]
        try:
            name, value = self.codec.decode_for_step(record.value or b"")
        except Exception:
            name, value = "", None
        carried: dict[str, Any] = {}
        if name == "Decision":
            decision = cast(r.Decision, value)
            key = _queue_key(decision)
            carried = _carried(key, traceparent_of(record.headers))
        elif (line := _line_of_key(record)) is not None:
            decision = quarantined(record, line, "malformed")
            key = _behind(state, line, record.offset)
        else:
            return Result({}, [letter], facts=facts[1:])
        pending: r.Pending = {"decision": decision, "after": "", "started": False, "stopped": type(error).__name__}
        return Result({key: pending, **carried}, [letter], facts=facts)

    # ------------------------------------------------------------------------------------------- one decision

    def _tell(self, state: State, pending: r.Pending, key: str, trace: str | None) -> Result:
        """Go on telling a decision from where it stands."""
        decision = pending["decision"]
        work = _Work(self, state, decision, trace, key)
        if not pending["started"]:
            work.start()
        after = work.walk(pending["after"], self.limit)
        if after is not None:
            work.changes[key] = {"decision": decision, "after": after, "started": True, "stopped": None}
            work.changes |= _carried(key, trace)
        elif state.get(key) is not None:
            work.changes[key] = None
            if trace is not None:
                work.changes[_trace_key(key)] = None
        return Result(work.changes, work.outputs, facts=work.facts, news=work.news)


def _decision(name: str, value: Any) -> r.Decision:
    if name != "Decision":
        raise TypeError(f"{name} on the decisions topic")
    return cast(r.Decision, value)


def _queued(decision: r.Decision, trace: str | None) -> Result:
    key = _queue_key(decision)
    return Result({key: _untold(decision), **_carried(key, trace)})


def _resumed(state: State, line: str) -> Result:
    """Let a stopped line's first decision be tried again. One that could never be read stays: it would be left out."""
    found = _first_queued(state, line)
    if found is None or found[1]["stopped"] is None or not may_resume(found[0]):
        return NOTHING
    return Result({found[0]: {**found[1], "stopped": None}})


def may_resume(key: str) -> bool:
    """Whether a stopped line may start again: not where its decision could not be read, for the line would go on without it.

    Args:
        key: of what waits first in its queue; :func:`_behind` made one with a number more for what could not be read.
    """
    return key.rpartition("/")[2].count(".") == 1


def _trace_key(key: str) -> str:
    return f"{TRACE}{key.removeprefix('queue/')}"


def _trace_of(state: State, key: str) -> str | None:
    mark = cast("r.Mark | None", state.get(_trace_key(key)))
    return mark["text"] if mark else None


def _carried(key: str, trace: str | None) -> dict[str, Any]:
    """The trace of a decision that waits: what it tells later must be what it would have told at once."""
    return {} if trace is None else {_trace_key(key): {"text": trace, "time": None}}


def _untold(decision: r.Decision) -> r.Pending:
    return {"decision": decision, "after": "", "started": False, "stopped": None}


def _queue_key(decision: r.Decision) -> str:
    return f"queue/{decision['line']}/{decision['offset']:020d}.{decision['index']:06d}"


def _first_queued(state: State, line: str) -> tuple[str, Any] | None:
    return next(iter(state.scan(f"queue/{line}/")), None)


def _superseded(state: State, decision: r.Decision, key: str) -> bool:
    """Whether a decision behind it in the line's queue goes to all the children this one goes to."""
    behind = islice(state.scan(f"queue/{decision['line']}/", key), AHEAD)
    return any(_goes_as_far(pending["decision"], decision) for _, pending in behind)


def _goes_as_far(later: r.Decision, decision: r.Decision) -> bool:
    if later["only_child"] is not None or decision["only_child"] is not None:
        return False
    pinned = decision["snapshot"] is None or (later["snapshot"] is not None and later["release"] == decision["release"])
    return pinned and (decision["line_snapshot"] is None or later["line_snapshot"] is not None)


def _line_of_key(record: Record) -> str | None:
    key = (record.key or b"").decode("utf-8", "replace")
    try:
        return key if isinstance(parse_ref(key), LineRef) else None
    except ValidationError:
        return None


def _behind(state: State, line: str, offset: int) -> str:
    """A key behind all that waits in a line's queue and before all that will: for a record without a number of its own."""
    last = next(iter(reversed(list(state.scan(f"queue/{line}/")))), None)
    return f"{last[0] if last else f'queue/{line}/{0:020d}.{0:06d}'}.{offset:020d}"


def _next_line(state: State, after: str, *, urgent: bool = False) -> str | None:
    """The first line that waits behind ``after``, or else from the start; of those that are urgent, among the next few."""
    waiting = chain(_waiting_lines(state, f"queue/{after}0" if after else ""), _waiting_lines(state, ""))
    if not urgent:
        return next(waiting, None)
    return next((line for line in islice(waiting, LOOK) if _is_urgent(state, line)), None)


def _is_urgent(state: State, line: str) -> bool:
    """Whether one of the first decisions of its queue raises a risk; what is before it there is told on the way."""
    return any(raises_risk(pending["decision"]) for _, pending in islice(state.scan(f"queue/{line}/"), BEHIND))


def raises_risk(decision: r.Decision) -> bool:
    """Whether a level goes up."""
    return any(RANK[change["to_level"]] > RANK[change["from_level"]] for change in decision["changes"])


def _waiting_lines(state: State, after: str) -> Iterator[str]:
    """Lines with a queue that is not stopped, after a key, each once."""
    while True:
        found = next(iter(state.scan("queue/", after)), None)
        if found is None:
            return
        key, pending = found
        line = key.removeprefix("queue/").rpartition("/")[0]
        if pending["stopped"] is None:
            yield line
        after = f"queue/{line}0"  # "0" follows "/": past every entry of the line


class _Work:
    """What telling one decision writes. Lives for one step."""

    def __init__(self, step: FanoutStep, state: State, decision: r.Decision, trace: str | None, key: str) -> None:
        self.step, self.state, self.decision, self.trace, self.key = step, state, decision, trace, key
        self.line = decision["line"]
        self.changes: dict[str, Any] = {}
        self.outputs: list[Output] = []
        self.facts: list[tuple[str, ...]] = []
        self.news: list[News] = []
        self._telling: Telling | None = None

    def start(self) -> None:
        """Once per decision: stakes, the owner's mark, edges to the parents' lines."""
        decision = self.decision
        for change in decision["stakes"]:
            self.changes[key_of(change["stake"])] = None if change["ended"] else change["stake"]
        if decision["claims"]:
            self.changes[f"owner/{self.line}"] = {"text": owner_of(self.line), "time": None}
        for edge in decision["declared"]:
            self._journal(edge["parent"], "EdgeDeclared", edge, edge["parent"])
        for drop in decision["dropped"]:
            self._journal(drop["parent"], "EdgeDropped", drop, drop["parent"])

    def walk(self, after: str, limit: int) -> str | None:
        """Tell stakeholders in id order from ``after`` on; where to go on, or ``None`` when all are told."""
        told = 0
        for key, tell in self._stakeholders(after):
            if told >= limit:
                return after
            tell()
            told, after = told + 1, key
        return None

    def _stakeholders(self, after: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Parties, then children, each with the key of its place in the walk."""
        if not after.startswith("child/"):
            for party, capacities in self._parties(after.removeprefix("party/")):
                yield f"party/{party}|", partial(self._notice, party, capacities)
        if self.decision["snapshot"] is None and self.decision["line_snapshot"] is None:
            return
        prefix = f"stake/{self.line}/child/"
        start = prefix + after.removeprefix("child/") if after.startswith("child/") else ""
        children: Iterable[tuple[str, r.Stake]] = self._children(prefix, start)
        if self.step.short or _superseded(self.state, self.decision, self.key):
            for left_out, (key, stake) in deque(enumerate(children), maxlen=1):
                yield f"child/{key.removeprefix(prefix)}", partial(self._last, stake, left_out)
            return
        for key, stake in children:
            yield f"child/{key.removeprefix(prefix)}", partial(self._upstream, stake)

    def _children(self, prefix: str, start: str) -> Iterator[tuple[str, r.Stake]]:
        only = self.decision["only_child"]
        if only is not None:
            for change in self.decision["stakes"]:
                if not change["ended"] and change["stake"]["holder"] == only and key_of(change["stake"]) > start:
                    yield key_of(change["stake"]), change["stake"]
            return
        for key, stake in self.state.scan(prefix, start):
            snapshot = self.decision["line_snapshot" if stake["target"] == self.line else "snapshot"]
            if snapshot is not None and stake["target"] in (self.line, self.decision["release"]):
                yield key, stake

    # ------------------------------------------------------------------------------------------- parties

    def _parties(self, after: str) -> Iterator[tuple[str, set[r.Capacity]]]:
        """Who is told, with why, in the order of ``party|`` (which is that of the stakes' keys), behind ``after``."""
        named = self._named()
        places = merge(
            sorted(f"{party}|" for party in named if f"{party}|" > after), (f"{party}|" for party in self._subscribers(after))
        )
        for place, _ in groupby(places):
            party = place.removesuffix("|")
            yield party, named.get(party, set()) | self._subscribed(party)

    def _named(self) -> dict[str, set[r.Capacity]]:
        """The publisher and the owner, where the decision is for them."""
        decision = self.decision
        parties: dict[str, set[r.Capacity]] = {}
        if (
            decision["event_type"] not in (None, "Tick", "RulesActivated")
            and decision["cause"]
            and decision["cause"]["publisher"]
        ):
            parties.setdefault(decision["cause"]["publisher"], set()).add("publisher")
        edge = decision["kind"] == "stake" and any(change["stake"]["kind"] == "child" for change in decision["stakes"])
        if (self._news or edge) and (decision["claims"] or self.state.get(f"owner/{self.line}") is not None):
            parties.setdefault(owner_of(self.line), set()).add("owner")
        return parties

    @property
    def _news(self) -> bool:
        return self.decision["kind"] not in ("nothing", "stake", "quarantined")

    def _subscribers(self, after: str) -> Iterator[str]:
        """Parties with a subscription to the line or the release, in the order of the keys; one may come twice in a row."""
        prefix = f"stake/{self.line}/subscription/"
        start = f"{prefix}{after.removesuffix('|')}}}" if after else ""  # "}" follows "|": past every subscription of the party
        for _, stake in self.state.scan(prefix, start) if self._news else ():
            if self._is_about(stake):
                yield stake["holder"]

    def _subscribed(self, party: str) -> set[r.Capacity]:
        found = self.state.scan(f"stake/{self.line}/subscription/{party}|") if self._news else ()
        return {"subscriber"} if any(self._is_about(stake) for _, stake in found) else set()

    def _is_about(self, stake: r.Stake) -> bool:
        return stake["target"] in (self.line, self.decision["release"])

    def _is_subscriber(self, party: str) -> bool:
        prefix = f"stake/{self.line}/subscription/{party}|"
        ended = {key_of(change["stake"]): change["ended"] for change in self.decision["stakes"]}
        stands = any(not ended.get(key, False) for key, _ in self.state.scan(prefix))
        return stands or any(key.startswith(prefix) and not gone for key, gone in ended.items())

    def _notice(self, party: str, capacities: set[r.Capacity]) -> None:
        key = f"told/{self.line}/{party}"
        before = cast("r.Told | None", self.state.get(key))
        n = (before["n"] if before else 0) + 1
        if self._telling is None:
            grants = [stake["grant"] for _, stake in self.state.scan(f"stake/{self.line}/grant/")]
            rules = self.step.rules(self.decision["rules"]) if self.decision["rules"] else None
            authorities = rules.authorities if rules else frozenset()
            self._telling = Telling(self.decision, grants, authorities, self.step.projector, self.step.codec)
        notice = notice_for(self._telling, party, n, capacities, subscriber=self._is_subscriber(party))
        self.changes[key] = {"n": n}
        place = Place(self.step.topics.notices(party), 0, self.line)
        self.outputs.append(
            write(self.step.codec, self.step.topics, place, "Notice", notice, notice["id"], traceparent=self.trace)
        )
        self.facts.append(("notices", notice["kind"]))
        cause = self.decision["cause"]
        event_id = cause["event_id"] if cause else ""
        self.news.append(News(f"notice.{notice['kind']}", event_id, notice["release"] or self.line, notice["seq"]))

    # ------------------------------------------------------------------------------------------- children

    def _last(self, stake: r.Stake, left_out: int) -> None:
        """The last child of a walk that a later decision makes up for, and how many before it are left to that."""
        if left_out:
            self.facts.append(("walks_shortened",))
        self._upstream(stake)

    def _upstream(self, stake: r.Stake) -> None:
        unpinned = stake["target"] == self.line
        snapshot = self.decision["line_snapshot" if unpinned else "snapshot"]
        edge, cause = stake["edge"], self.decision["cause"]
        if snapshot is None or edge is None or cause is None:
            return
        hop: r.Hop = {"release": snapshot["release"] or self.line, "relation": None, "audience": "public"}
        message: r.UpstreamMessage = {
            "child": stake["holder"],
            "parent": stake["target"],
            "resolution": self.decision["resolution"] if unpinned else 0,
            "snapshot": snapshot,
            "edge": "verified" if edge["digest"] and edge["digest"] == snapshot["digest"] else "declared",
            "cause": {**cause, "path": [*cause["path"], hop]},
        }
        self._journal(stake["holder"], "UpstreamMessage", message, stake["target"])

    def _journal(self, ref: str, name: str, record: Any, other: str) -> None:
        line, decision = line_of(ref), self.decision
        identity = derived_id(name, decision["lane"], decision["offset"], decision["index"], ref, other)
        topics = self.step.topics
        place = Place(topics.journal, partition_of(line, topics.partitions), line)
        self.outputs.append(write(self.step.codec, topics, place, name, record, identity, traceparent=self.trace))
        self.facts.append(("journal_records", name))
