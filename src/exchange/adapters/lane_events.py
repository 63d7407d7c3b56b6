"""What the batch loop tells whoever listens: one frozen record an event. The loop itself names no metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exchange.core.step import Headers, News


@dataclass(frozen=True, slots=True)
class LaneEvent:
    """Something happened in a lane.

    Attributes:
        processor: the processor's name.
        lane: the input partition.
    """

    processor: str
    lane: int


@dataclass(frozen=True, slots=True)
class StepDone(LaneEvent):
    """One step's work is committed.

    Attributes:
        offset: the input record; None for drain work.
        seconds: how long the step took.
        facts: the step's counters, (name, label).
        headers: of the input record; of drain work, those of the first record it made.
        news: what it did, for the log.
    """

    offset: int | None
    seconds: float
    facts: Sequence[tuple[str, str]]
    headers: Headers = ()
    news: Sequence[News] = ()


@dataclass(frozen=True, slots=True)
class BatchCommitted(LaneEvent):
    """One transaction is committed.

    Attributes:
        records: input records finished by it.
        outputs: records written, state and position not counted.
        changes: state keys written.
        dropped: optional outputs whose topic does not exist.
        seconds: from the first step to the commit's answer.
        commit_seconds: of these, the transaction.
        next_offset: the lane's position now.
    """

    records: int
    outputs: int
    changes: int
    dropped: int
    seconds: float
    commit_seconds: float
    next_offset: int


@dataclass(frozen=True, slots=True)
class LaneRestored(LaneEvent):
    """The lane is open.

    Attributes:
        keys: state keys restored.
        next_offset: where it goes on.
        seconds: from the start of its producer.
    """

    keys: int
    next_offset: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LaneStopped(LaneEvent):
    """The lane closed; ``reason`` is one of: revoked, fenced, doubt, environment, state."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordBroken(LaneEvent):
    """A step raised; the processor's ``broken`` stands for the record. ``offset`` is None when drain work raised."""

    offset: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Refolded(LaneEvent):
    """State and committed offset disagreed: the lane was folded again from its input log (or its own state was kept).

    Attributes:
        committed: the group's offset, None if there was none.
        position: the offset the state carried, None if there was none.
        next_offset: where the lane goes on now.
        records: input records folded again; 0 when the state was kept because the log no longer reaches back.
        same: the fold gave the state that was found.
    """

    committed: int | None
    position: int | None
    next_offset: int
    records: int
    same: bool


@dataclass(frozen=True, slots=True)
class Lag(LaneEvent):
    """How many records of the input are not yet done."""

    records: int


Hook = Callable[[LaneEvent], None]


def all_of(hooks: Sequence[Hook]) -> Hook:
    """One hook that tells several; none costs nothing."""
    if not hooks:
        return silent
    if len(hooks) == 1:
        return hooks[0]

    def tell(event: LaneEvent) -> None:
        for hook in hooks:
            hook(event)

    return tell


def silent(_event: LaneEvent) -> None:
    """Listen to nothing."""


def counts(facts: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """Count facts, for hooks that add to a counter once a batch."""
    total: dict[tuple[str, str], int] = {}
    for fact in facts:
        total[fact] = total.get(fact, 0) + 1
    return total
