"""What the batch loop tells whoever listens: one frozen record an event. The loop itself names no metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exchange.core.step import Headers, News


@dataclass(frozen=True, slots=True)
class ProcessorEvent:
    """Something happened in a worker.

    Attributes:
        processor: the processor's name.
    """

    processor: str


@dataclass(frozen=True, slots=True)
class Polled(ProcessorEvent):
    """The worker took its turn in its group: it is alive, whether or not a broker is there."""


@dataclass(frozen=True, slots=True)
class Assigned(ProcessorEvent):
    """The group gave the worker these lanes; none, when it leaves.

    Attributes:
        lanes: the input partitions.
        member: whether it is a member of the group now.
    """

    lanes: Sequence[int]
    member: bool = True


@dataclass(frozen=True, slots=True)
class LaneEvent(ProcessorEvent):
    """Something happened in a lane.

    Attributes:
        lane: the input partition.
    """

    lane: int


@dataclass(frozen=True, slots=True)
class LaneTurn(LaneEvent):
    """The lane began another turn: it looks for input, or opens anew."""


@dataclass(frozen=True, slots=True)
class StepDone(LaneEvent):
    """One step's work is committed.

    Attributes:
        offset: the input record; None for drain work.
        seconds: how long the step took.
        facts: the step's counters: a name and its labels' values.
        published_ms: when what set it off was published, in milliseconds since the epoch by the broker's clock; None where
            nobody published it, or where that is not known any more.
        headers: of the input record; of drain work, those of the first record it made.
        news: what it did, for the log.
    """

    offset: int | None
    seconds: float
    facts: Sequence[tuple[str, ...]]
    published_ms: int | None = None
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
class TransactionFailed(LaneEvent):
    """A transaction did not end in a commit that is known.

    Attributes:
        outcome: one of: fenced, doubt, interrupted, hanging.
    """

    outcome: str


@dataclass(frozen=True, slots=True)
class Replayed(LaneEvent):
    """How far a lane has read what its state is made of.

    Attributes:
        work: one of: restore, refold, rebuild.
        done: records, or offsets passed, so far.
        whole: of how many; equal to ``done`` when it is over.
    """

    work: str
    done: int
    whole: int


@dataclass(frozen=True, slots=True)
class Counted(LaneEvent):
    """What the lane's state adds up to now.

    Attributes:
        counts: how often each name with its labels' values counts; what went to zero is there once, with 0.
    """

    counts: Mapping[tuple[str, ...], int]


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
    """How many records of the input are not yet done.

    Attributes:
        records: how many.
        oldest_ms: the broker's timestamp of the oldest of them that was fetched, in milliseconds since the epoch.
    """

    records: int
    oldest_ms: int | None = None


Hook = Callable[[ProcessorEvent], None]


def silent(_event: ProcessorEvent) -> None:
    """Listen to nothing."""


def counts(facts: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], int]:
    """Count facts, for hooks that add to a counter once a batch."""
    total: dict[tuple[str, ...], int] = {}
    for fact in facts:
        total[fact] = total.get(fact, 0) + 1
    return total
