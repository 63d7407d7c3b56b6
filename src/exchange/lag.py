"""How far each processor is behind, by group and partition: in offsets, and in seconds since what waits first was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import translated
from exchange.adapters.group_lag import GroupLag
from exchange.core.processors import inputs
from exchange.settings import Settings


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

    async def __aenter__(self) -> Self:
        async with translated(self._kafka):
            self._lag = GroupLag(self._kafka)
            await self._lag.__aenter__()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._lag.__aexit__()

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
        for group, *_ in sorted(await self._lag.admin.list_consumer_groups()):
            if group in self._inputs():
                continue
            done = await self._lag.admin.list_consumer_group_offsets(group)
            mine = [place for place in done if self._settings.topics.party_of(place.topic) is not None]
            found += await self._group(group, sorted(mine))
        return found

    async def _group(self, group: str, places: list[TopicPartition]) -> list[PartitionLag]:
        return [
            PartitionLag(group, place.topic, place.partition, behind.committed, behind.end, behind.records, behind.seconds)
            for place, behind in (await self._lag.behind(group, places)).items()
        ]


async def measure(settings: Settings, *, readers: bool = False) -> list[PartitionLag]:
    """One look."""
    async with LagMeter(settings, readers=readers) as meter:
        return await meter.look()
