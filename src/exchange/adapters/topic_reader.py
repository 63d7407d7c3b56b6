"""Reads one partition of one topic from an offset on. Knows records, not what is in them; its errors are aiokafka's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer
from exchange.core.step import Record

WAIT_MS = 500
MOST = 100
LOOK_AGAIN_S = 0.2


class TopicReader:
    """A read_committed reader of one partition.

    Args:
        kafka: aiokafka's client settings.
        topic: its name.
        partition: which one.
        group_id: consumer group that :meth:`commit` writes to; the group is never joined.
    """

    def __init__(self, kafka: Mapping[str, Any], topic: str, partition: int = 0, group_id: str | None = None) -> None:
        self._tp = TopicPartition(topic, partition)
        self._group_id = group_id
        self._consumer: Any = Consumer(
            **kafka, group_id=group_id, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none"
        )

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def exists(self) -> bool:
        """Whether the topic is there."""
        try:
            return self._tp.topic in await self._consumer.topics()
        except KafkaError as error:
            if type(error) is KafkaError:  # aiokafka's word for: no broker answered
                raise KafkaConnectionError(*error.args) from error
            raise

    async def await_topic(self) -> None:
        """Return when the topic is there; while no broker answers, wait on."""
        while True:
            with contextlib.suppress(KafkaConnectionError):
                if await self.exists():
                    return
            await asyncio.sleep(LOOK_AGAIN_S)  # the topic is made by another process

    async def bounds(self) -> tuple[int, int]:
        """Offset of the oldest record still there, and the offset after the newest."""
        first = await self._consumer.beginning_offsets([self._tp])
        end = await self._consumer.end_offsets([self._tp])
        return int(first[self._tp]), int(end[self._tp])

    def seek(self, offset: int) -> None:
        """Read on from ``offset``."""
        if self._tp not in self._consumer.assignment():
            self._consumer.assign([self._tp])
        self._consumer.seek(self._tp, offset)

    async def batch(self, wait_ms: int = WAIT_MS) -> list[Record]:
        """The next records; none if there were none in the time."""
        found = (await self._consumer.getmany(self._tp, timeout_ms=wait_ms, max_records=MOST)).get(self._tp, ())
        return [
            Record(each.topic, each.partition, each.offset, each.key, each.value, tuple(each.headers), each.timestamp)
            for each in found
        ]

    async def position(self) -> int:
        """The next offset to be read."""
        return int(await self._consumer.position(self._tp))

    async def until(self, start: int, end: int) -> AsyncIterator[Record]:
        """The records from ``start`` to before ``end``. The position counts: the log may end with transaction markers."""
        if start >= end:
            return
        self.seek(start)
        while await self.position() < end:
            for record in await self.batch():
                if record.offset < end:
                    yield record

    async def committed(self) -> int | None:
        """Committed offset of the group."""
        if self._group_id is None:
            return None
        offset = await self._consumer.committed(self._tp)
        return None if offset is None else int(offset)

    async def commit(self, offset: int) -> None:
        """Commit an offset for the group, where those who watch lag see it."""
        if self._group_id is not None:
            await self._consumer.commit({self._tp: offset})


async def read_all(
    kafka: Mapping[str, Any], places: Sequence[TopicPartition], since_ms: int | None = None
) -> dict[TopicPartition, list[Record]]:
    """Every committed record of some partitions, up to where they end now: what :func:`read_batches` gives, all at once."""
    found: dict[TopicPartition, list[Record]] = {place: [] for place in places}
    async for place, records in read_batches(kafka, places, since_ms):
        found[place] += records
    return found


async def read_batches(
    kafka: Mapping[str, Any], places: Sequence[TopicPartition], since_ms: int | None = None
) -> AsyncGenerator[tuple[TopicPartition, list[Record]]]:
    """Every committed record of some partitions, up to where they end now; each partition's in order, partitions as they come.

    Args:
        kafka: aiokafka's client settings.
        places: the partitions.
        since_ms: leave out what was written before, by the broker's clock, in milliseconds since the epoch.
    """
    consumer: Any = Consumer(**kafka, isolation_level="read_committed", enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        open_ = {place for place in places if ends[place]}
        if since_ms is not None:
            for place, found_at in (await consumer.offsets_for_times(dict.fromkeys(places, since_ms))).items():
                consumer.seek(place, ends[place] if found_at is None else found_at.offset)
        while open_:
            for place, batch in (await consumer.getmany(*open_, timeout_ms=200, max_records=MOST)).items():
                yield (
                    place,
                    [
                        Record(each.topic, each.partition, each.offset, each.key, each.value, tuple(each.headers), each.timestamp)
                        for each in batch
                        if each.offset < ends[place]
                    ],
                )
            open_ = {place for place in open_ if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()
