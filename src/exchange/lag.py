"""How far each processor is behind, by group and partition: in offsets, and in seconds since what waits first was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from exchange.adapters.admin import translated
from exchange.adapters.consumer import Consumer
from exchange.core.processors import inputs
from exchange.settings import Settings

READ_MS = 500


@dataclass(frozen=True)
class PartitionLag:
    """One lane's input.

    Attributes:
        group: consumer group.
        topic: its input.
        partition: the lane.
        committed: offset the group goes on from; ``None``: it never committed.
        end: offset after the last committed record.
        offsets: how far behind; 0 where all that lies between are transaction markers.
        seconds: age of the first record that waits, by the broker's clock; 0 where none does.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    offsets: int
    seconds: float


class LagMeter:
    """Use as an async context manager; :meth:`look` measures.

    Args:
        settings: with the address of the cluster; as an operator.
        readers: also the groups of parties that subscribe.
    """

    def __init__(self, settings: Settings, *, readers: bool = False) -> None:
        self._settings, self._with_readers = settings, readers
        self._kafka = settings.kafka_kwargs()
        self._admin: Any = None
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        async with translated(self._kafka):
            self._admin = AIOKafkaAdminClient(**self._kafka)
            self._consumer = Consumer(**self._kafka, isolation_level="read_committed", enable_auto_commit=False)
            await self._admin.start()
            await self._consumer.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def look(self) -> list[PartitionLag]:
        """Where every group stands now, by group and partition."""
        async with translated(self._kafka):
            found = [row for group, topic in self._inputs().items() for row in await self._group(group, self._places(topic))]
            if self._with_readers:
                found += await self._readers()
        return found

    def _inputs(self) -> dict[str, str]:
        return {f"{self._settings.deployment}-{name}": topic for name, topic in inputs(self._settings.topics).items()}

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in range(self._settings.topics.partitions)]

    async def _readers(self) -> list[PartitionLag]:
        found = []
        for group, *_ in sorted(await self._admin.list_consumer_groups()):
            if group in self._inputs():
                continue
            done = await self._admin.list_consumer_group_offsets(group)
            mine = [place for place in done if self._settings.topics.party_of(place.topic) is not None]
            found += await self._group(group, sorted(mine))
        return found

    async def _group(self, group: str, places: list[TopicPartition]) -> list[PartitionLag]:
        ends = await self._consumer.end_offsets(places)
        starts = await self._consumer.beginning_offsets(places)
        done = await self._admin.list_consumer_group_offsets(group)
        committed = {place: done[place].offset if place in done and done[place].offset >= 0 else None for place in places}
        stands = {place: starts[place] if (at := committed[place]) is None else at for place in places}
        oldest = await self._oldest({place: offset for place, offset in stands.items() if offset < ends[place]}, ends)
        now_ms = datetime.now(UTC).timestamp() * 1000  # noqa: TID251 - how old something is
        return [
            PartitionLag(
                group,
                place.topic,
                place.partition,
                committed[place],
                ends[place],
                ends[place] - stands[place] if place in oldest else 0,
                round(max(0.0, now_ms - oldest[place]) / 1000, 3) if place in oldest else 0.0,
            )
            for place in places
        ]

    async def _oldest(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Append time, in milliseconds, of the first record that waits; no entry where only transaction markers do."""
        if not starts:
            return {}
        self._consumer.assign(list(starts))
        for place, offset in starts.items():
            self._consumer.seek(place, offset)
        found: dict[TopicPartition, int] = {}
        open_ = set(starts)
        while open_:
            for place, batch in (await self._consumer.getmany(*open_, timeout_ms=READ_MS, max_records=len(open_))).items():
                if batch and batch[0].offset < ends[place]:
                    found.setdefault(place, batch[0].timestamp)
            open_ = {place for place in open_ if place not in found and await self._consumer.position(place) < ends[place]}
        return found


async def measure(settings: Settings, *, readers: bool = False) -> list[PartitionLag]:
    """One look."""
    async with LagMeter(settings, readers=readers) as meter:
        return await meter.look()
