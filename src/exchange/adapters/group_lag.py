"""How far consumer groups are behind, measured from outside; for the command line, the clock's gauges and `exchange up`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer

READ_MS = 300
READ_BYTES = 64 * 1024
TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a group is behind in one partition.

    Attributes:
        committed: offset the group goes on from; ``None``: it never committed.
        end: offset after the last committed record.
        records: offsets from the first record not done to the end; 0 when nothing but transaction markers is left.
        seconds: age of that record, by the broker's timestamp; 0 where there is none.
    """

    committed: int | None
    end: int
    records: int = 0
    seconds: float = 0.0


class GroupLag:
    """Use as an async context manager; :meth:`behind` measures.

    Args:
        kafka: aiokafka's client settings.

    Attributes:
        admin: the client that asks about groups.
    """

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self.admin: Any = AIOKafkaAdminClient(**kafka, request_timeout_ms=TIMEOUT_MS)
        limits = {"max_partition_fetch_bytes": READ_BYTES, "fetch_max_wait_ms": 100, "request_timeout_ms": TIMEOUT_MS}
        self._consumer: Any = Consumer(**kafka, **limits, enable_auto_commit=False, isolation_level="read_committed")

    async def __aenter__(self) -> Self:
        await self.admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._consumer.stop()
        await self.admin.close()

    async def behind(self, group: str, places: Sequence[TopicPartition]) -> dict[TopicPartition, Behind]:
        """How far a group is behind in some partitions.

        Raises:
            KafkaTimeoutError: the broker does not give the records that wait.
        """
        ends = await self._consumer.end_offsets(places)
        begins = await self._consumer.beginning_offsets(places)
        done = await self.admin.list_consumer_group_offsets(group)
        committed = {place: done[place].offset for place in places if place in done and done[place].offset >= 0}
        starts = {place: max(begins[place], committed.get(place, 0)) for place in places}
        oldest = await self._oldest({place: start for place, start in starts.items() if start < ends[place]}, ends)
        now, found = time.time(), {}
        for place in places:
            offset, stamp_ms = oldest.get(place, (ends[place], now * 1000))
            seconds = round(max(0.0, now - stamp_ms / 1000), 3)
            found[place] = Behind(committed.get(place), ends[place], ends[place] - offset, seconds)
        return found

    async def _oldest(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Offset and timestamp in milliseconds of the first record at or after each offset; none where only markers follow."""
        found: dict[TopicPartition, tuple[int, int]] = {}
        open_ = set(starts)
        if open_:
            self._consumer.assign(open_)
        for place, start in starts.items():
            self._consumer.seek(place, start)
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while open_:
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"no record of {len(open_)} partitions within {TIMEOUT_MS} ms")
            for place, batch in (await self._consumer.getmany(*open_, timeout_ms=READ_MS)).items():
                if batch and batch[0].offset < ends[place]:
                    found.setdefault(place, (batch[0].offset, batch[0].timestamp))
            open_ = {place for place in open_ if place not in found and await self._consumer.position(place) < ends[place]}
        return found
