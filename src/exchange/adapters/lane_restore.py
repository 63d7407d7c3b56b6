"""Bring a lane's state back: from its state topic, and if that disagrees with the committed offset, from its input log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.lane_state import POSITION_KEY, LaneState, Limits, Position, run_step
from exchange.core.step import Processor, Record
from exchange.errors import StateError, TimedOutError

STALL_S = 20.0
TELL_EVERY = 500
READ_MS = 500
READ_RECORDS = 100  # of the largest kind they are 200 MiB


Progress = Callable[[int, int], None]


def _nobody(_done: int, _whole: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Restored:
    """What the state topic holds for a lane."""

    state: LaneState
    position: Position | None


@dataclass(frozen=True, slots=True)
class Refold:
    """What a lane's input log makes of itself."""

    state: LaneState
    records: int
    same: bool


async def restore(consumer: Any, processor: Processor, partition: int, tell: Progress = _nobody) -> Restored:
    """Read the lane's state partition to its end.

    The caller has fenced the lane's predecessor before, so every transaction on the partition is decided and its end is final.

    Args:
        consumer: read_committed, without a group.
        processor: whose state it is.
        partition: the lane.
        tell: told of offsets passed and of how many there are.
    """
    tp = TopicPartition(processor.state_topic, partition)
    raw: dict[str, bytes] = {}
    end = (await consumer.end_offsets([tp]))[tp]
    first = await first_offset(consumer, tp)
    async for record in read(consumer, tp, first, end):
        if not record.offset % TELL_EVERY:
            tell(record.offset - first, end - first)
        key = (record.key or b"").decode()
        if record.value is None:
            raw.pop(key, None)
        else:
            raw[key] = record.value
    tell(end - first, end - first)
    position = raw.pop(POSITION_KEY, None)
    state = LaneState({key: processor.decode(key, value) for key, value in raw.items()})
    return Restored(state, None if position is None else Position.decode(position))


async def refold(
    consumer: Any, processor: Processor, partition: int, target: int, found: LaneState, tell: Progress = _nobody
) -> Refold:
    """Fold the lane's input from its first record up to ``target``, outputs left out.

    Drain work is not done: a queue comes back whole, and what it tells a second time carries the numbers of the first time.

    Args:
        consumer: read_committed, without a group.
        processor: whose step is run.
        partition: the lane.
        target: the first input offset that is not folded.
        found: the state the state topic held, to compare with.
        tell: told of records folded and of how many there are.
    """
    tp = TopicPartition(processor.input_topic, partition)
    state, records = LaneState(), 0
    async for record in read(consumer, tp, await first_offset(consumer, tp), target):
        more = True
        while more:
            step = run_step(processor, state, record, Limits())
            state.apply(step.held)
            more = step.result.more
        records += 1
        if not records % TELL_EVERY:
            tell(record.offset, target)
    tell(target, target)
    return Refold(state, records, same=encoded(processor, state) == encoded(processor, found))


def encoded(processor: Processor, state: LaneState) -> dict[str, bytes]:
    """Return a state as its topic would hold it."""
    return {key: processor.encode(key, value) for key, value in state.items()}


async def bounds(consumer: Any, tp: TopicPartition) -> tuple[int, int]:
    """Return the offset of the oldest record still there, and the offset after the newest."""
    return await first_offset(consumer, tp), int((await consumer.end_offsets([tp]))[tp])


async def first_offset(consumer: Any, tp: TopicPartition) -> int:
    """Return the offset of the oldest record still there."""
    return int((await consumer.beginning_offsets([tp]))[tp])


async def read(consumer: Any, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Record]:
    """Yield the records of a partition from ``start`` until the consumer's *position* reaches ``end``.

    The position counts, not the last record: the log may end with transaction markers, aborted records or compacted holes.

    Raises:
        TimedOutError: nothing moved for a while.
    """
    consumer.assign([tp])
    consumer.seek(tp, start)
    position, idle_s = start, 0.0
    while position < end:
        for record in (await consumer.getmany(tp, timeout_ms=READ_MS, max_records=READ_RECORDS)).get(tp, ()):
            if record.offset < end:
                yield as_record(record)
        before, position = position, await consumer.position(tp)
        idle_s = 0.0 if position > before else idle_s + READ_MS / 1000
        if idle_s >= STALL_S:
            raise TimedOutError(f"{tp.topic}/{tp.partition} cannot be read from offset {position} to {end}")
        await asyncio.sleep(0)


def as_record(record: Any) -> Record:
    """Turn aiokafka's record into the one steps see."""
    headers = tuple((name, value) for name, value in record.headers)
    return Record(record.topic, record.partition, record.offset, record.key, record.value, headers, record.timestamp)


async def hanging(uncommitted: Any, make_consumer: Callable[[], Any], state: TopicPartition) -> set[TopicPartition]:
    """Return the partitions of a transaction left hanging on a lane's state partition; none if there is no such transaction.

    The lane's predecessor is fenced and its transaction decided, so the partition's last stable offset must be its end. Every
    transaction of a lane writes its state first, with the names of the partitions it goes on to.

    Args:
        uncommitted: a read_uncommitted consumer, started.
        make_consumer: makes a read_committed one.
        state: the lane's state partition.
    """
    committed = make_consumer()
    try:
        await committed.start()
        stable = int((await committed.end_offsets([state]))[state])
    finally:
        await committed.stop()
    end = int((await uncommitted.end_offsets([state]))[state])
    if stable >= end:
        return set()
    found = {state}
    async for record in read(uncommitted, state, stable, end):
        if record.key == POSITION_KEY.encode() and record.value is not None:
            found |= {TopicPartition(*place) for place in Position.decode(record.value).touched}
    return found


def check_generation(position: Position | None, generation: str, lane: str) -> None:
    """Refuse state that was folded from another generation of the journal.

    Raises:
        StateError: it was.
    """
    if position is not None and position.generation != generation:
        raise StateError(
            f"the state of {lane} is of generation {position.generation}, this deployment runs {generation}",
            hint="Restore into new topics, or start with the generation the state belongs to.",
        )
