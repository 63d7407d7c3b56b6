"""Folds a lane's input again and compares what its steps put out with what is on record, instead of sending it: pure, no Kafka.

Two ways to take what is not on record. A *rebuild* lets it be work not yet done where the processor has a queue (all of a step's
outputs are missing: they left in one transaction or not at all), and a difference elsewhere. A *restore* completes it: a backup
may cut through a transaction, and then exactly the missing part is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exchange.adapters.lane_state import LaneState, Limits, Stepped, run_drain, run_step
from exchange.core.ledger import Ledger
from exchange.core.step import NOTHING, Output, Processor, Record, Result, State


@dataclass
class Retelling:
    """One lane, told again.

    Attributes:
        processor: whose steps are run.
        ledger: what it put out, shared by its lanes.
        complete: what is not on record is to be written (restore), rather than left to be done (rebuild).
        state: the state at the start; then what the fold made of it.
        records: input records folded.
        outputs: outputs found on record.
        left_out: outputs that are not on record and need not be, since something later says the same and more.
        missing: outputs that are to be written, in order; only when ``complete``.
    """

    processor: Processor
    ledger: Ledger
    complete: bool = False
    state: LaneState = field(default_factory=LaneState)
    records: int = 0
    outputs: int = 0
    left_out: int = 0
    missing: list[Output] = field(default_factory=list)
    _first: str = ""
    _uncovered: list[Record] = field(default_factory=list)
    _held: set[str] = field(default_factory=set)
    _last: dict[tuple[str, int, bytes | None], int] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Fold one record, and the drain work it makes."""
        before = self.left_out
        again = partial(run_step, state=self.state, record=record, limits=Limits())
        more = True
        while more:
            step = again(self.processor)
            result, more = step.result, step.result.more
            if self._settle(result.outputs, f"offset {record.offset}", again):
                self.state.apply(step.held)
            else:
                self.state.apply(self._wait(record).changes)
                more = False
        self.records += 1
        self._drain()
        self._look_for_cover(record, before)

    def _look_for_cover(self, record: Record, before: int) -> None:
        """What was left out must be said by a later record; ``before`` counts what was left out before this one."""
        covers = self.processor.covers
        if covers is not None:
            self._uncovered = [each for each in self._uncovered if each.key != record.key or not covers(each, record)]
            self._uncovered += [record] if self.left_out > before else []

    def _wait(self, record: Record) -> Result:
        """What is not told yet waits in its queue."""
        assert self.processor.queue is not None  # noqa: S101 - nothing else is let wait
        try:
            result = self.processor.queue(self.state, record)
        except Exception:  # what cannot be read cannot wait either
            self._note(f"offset {record.offset}: its dead letter is missing or different")
            return NOTHING
        self._held |= {key.rpartition("/")[0] + "/" for key in result.changes}
        return result

    def begin(self, record: Record) -> None:
        """Fold what is on record of the record at the committed offset: a long one is worked off in several transactions."""
        again = partial(run_step, state=self.state, record=record, limits=Limits())
        while True:
            step = again(self.processor)
            result = step.result
            if not result.more or self.ledger.missing(result.outputs):
                return
            self._settle(result.outputs, f"offset {record.offset}", again)
            self.state.apply(step.held)

    def _drain(self) -> None:
        again = partial(run_drain, state=_Without(self.state, self._held), limits=Limits())
        while (step := again(self.processor)) is not None:
            result: Result = step.result
            [line] = {_line(key) for key in result.changes if key.startswith("queue/")}
            if self._settle(result.outputs, f"the queue of {line}", again):
                self.state.apply(step.held)
            else:
                self._held.add(f"queue/{line}/")

    def _settle(self, outputs: Sequence[Output], where: str, again: Callable[[Processor], Stepped | None]) -> bool:
        """Take a step's outputs off the record; say no when the step is not to be taken yet.

        Args:
            outputs: of the step.
            where: it was taken, for people.
            again: takes the same step with another processor.
        """
        missing = self.ledger.missing(outputs)
        if missing and self._may_miss(again):
            self.left_out += len(missing)
            missing = []
        if missing and not self.complete:
            if self.processor.queue is not None and len(missing) == sum(not output.optional for output in outputs):
                return False
            self._note(f"{where}: {missing[0].topic}, partition {missing[0].partition}: missing or different")
        for output, offset in self.ledger.take(outputs):
            self.outputs += 1
            self._in_order(output, offset)
        if self.complete:
            self.missing += missing
        return True

    def _may_miss(self, again: Callable[[Processor], Stepped | None]) -> bool:
        """Whether what is missing was left to something later: then all that may not be left out is on record."""
        short = again(self.processor.short) if self.processor.short is not None else None
        return short is not None and len(short.result.outputs) > 0 and not self.ledger.missing(short.result.outputs)

    def _in_order(self, output: Output, offset: int) -> None:
        """What several lines' turns write to one journal partition has no order of its own; all else has, by key."""
        place = (output.topic, output.partition, output.key)
        if self._last.get(place, -1) > offset and not (self.processor.queue and output.topic.endswith(".journal")):
            self._note(f"{output.topic}, partition {output.partition}, offset {offset}: out of order")
        self._last[place] = offset

    def _note(self, text: str) -> None:
        self._first = self._first or f"{self.processor.name}: {text}"

    # -- what came of it

    @property
    def first(self) -> str:
        """Where fold and record part first, for people; empty when they do not."""
        if self._uncovered and not self._first:
            return f"{self.processor.name}: offset {self._uncovered[0].offset}: children were not told, and no later record does"
        return self._first

    def agrees(self, found: LaneState) -> bool:
        """Whether a state is what the fold made.

        Where decisions waited, the fold may be ahead by some that tell nobody anything; numbers told are the same even there.
        """
        theirs, ours = (_encoded(self.processor, state) for state in (found, self.state))
        if self.processor.queue is None:
            return theirs == ours
        busy = {_line(key) for key in theirs if key.startswith("queue/")}
        kept = [{key: value for key, value in each.items() if _steady(key, busy)} for each in (theirs, ours)]
        return kept[0] == kept[1] and self.waiting <= set(theirs)

    @property
    def waiting(self) -> set[str]:
        """Keys of what is not told yet."""
        return {key for key, _ in self.state.scan("queue/")} if self.processor.queue else set()


def _encoded(processor: Processor, state: LaneState) -> dict[str, bytes]:
    return {key: processor.encode(key, value) for key, value in state.items()}


def _line(key: str) -> str:
    return "/".join(key.split("/")[1:3])


def _steady(key: str, busy: set[str]) -> bool:
    """Whose turn it is depends on how turns and input interleaved; so does what a busy line has, but the numbers it told."""
    return key.startswith("told/") or not (key.startswith("mark/") or _line(key) in busy)


class _Without:
    """A state in which some queues are not to be seen."""

    def __init__(self, state: State, hidden: set[str]) -> None:
        self._state, self._hidden = state, hidden

    def get(self, key: str) -> Any | None:
        return self._state.get(key)

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, Any]]:
        for key, value in self._state.scan(prefix, after):
            if key.rpartition("/")[0] + "/" not in self._hidden:
                yield key, value
