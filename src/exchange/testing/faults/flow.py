"""How far the flow is, by offsets alone: cheap enough to ask again and again, however long the journal is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer
from exchange.core.processors import inputs
from exchange.errors import TimedOutError
from exchange.settings import Settings

READ_MS = 100
LOOK_AGAIN_S = 0.1
AWAY = (KafkaError, OSError, asyncio.TimeoutError)
"""What is raised while the broker is away."""


class Flow:
    """Use as an async context manager.

    Offsets alone do not tell what waits: a log may end with transaction markers, and fan-out's queues stand in its state. So the
    inputs and that state are read along, each record once.

    Args:
        settings: with the broker's own address.
    """

    def __init__(self, settings: Settings) -> None:
        topics = settings.topics
        kafka: dict[str, Any] = {**settings.kafka_kwargs(), "isolation_level": "read_committed", "enable_auto_commit": False}
        self._groups = {
            f"{settings.deployment}-{name}": [TopicPartition(topic, lane) for lane in range(topics.partitions)]
            for name, topic in inputs(topics).items()
        }
        self._stakes = topics.stakes
        state = [TopicPartition(topics.stakes, lane) for lane in range(topics.partitions)]
        self._places = [*(place for places in self._groups.values() for place in places), *state]
        self._reader: Any = Consumer(**kafka)
        self._asker: Any = Consumer(**kafka)  # its own connection: a fetch that waits for news holds up questions
        self._admin: Any = AIOKafkaAdminClient(**settings.kafka_kwargs())
        self._done: dict[TopicPartition, int] = dict.fromkeys(self._places, 0)  # behind the last record
        self._queued: set[bytes] = set()

    async def __aenter__(self) -> Self:
        for part in (self._reader, self._asker, self._admin):
            await part.start()
        self._reader.assign(self._places)
        await self._reader.seek_to_beginning(*self._places)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._reader.stop()
        await self._asker.stop()
        await self._admin.close()

    async def until_worked_off(self, timeout: float) -> float:
        """Wait until what lies in the inputs now is worked off; the seconds it took.

        Raises:
            TimedOutError: it took longer.
        """
        started = time.monotonic()
        wanted: dict[TopicPartition, int] = {}

        async def reached() -> bool:
            if not wanted:
                wanted.update(await self._read())
            done = await self._worked_off()
            return all(done[place] >= wanted[place] for place in done)

        await _until(reached, timeout, "what lay in the inputs was not worked off")
        return time.monotonic() - started

    async def until_rest(self, timeout: float) -> float:
        """Wait until nothing waits anywhere and nothing comes; the seconds it took.

        Raises:
            TimedOutError: it took longer.
        """
        started = time.monotonic()
        before: dict[TopicPartition, int] = {}

        async def still() -> bool:
            nonlocal before
            done = await self._worked_off()  # first: what is committed in between shows in what is read then, not in nothing
            found = await self._read()
            quiet = found == before and not self._queued and all(done[place] >= found[place] for place in done)
            before = found
            return quiet

        await _until(still, timeout, "the flow did not come to rest")
        return time.monotonic() - started

    async def _read(self) -> dict[TopicPartition, int]:
        """Read what is new; the offset behind the last record of each partition."""
        ends = await self._asker.end_offsets(self._places)
        open_ = set(self._places)
        while open_ := {place for place in open_ if await self._reader.position(place) < ends[place]}:
            for place, batch in (await self._reader.getmany(timeout_ms=READ_MS)).items():
                self._done[place] = batch[-1].offset + 1
                if place.topic == self._stakes:
                    self._note(batch)
        return dict(self._done)

    def _note(self, batch: Iterable[Any]) -> None:
        for record in batch:
            if record.key.startswith(b"queue/"):
                (self._queued.discard if record.value is None else self._queued.add)(record.key)

    async def _worked_off(self) -> dict[TopicPartition, int]:
        """Committed offsets of the processors' groups."""
        found: dict[TopicPartition, int] = {}
        for group, places in self._groups.items():
            committed = await self._admin.list_consumer_group_offsets(group)
            found |= {place: committed[place].offset if place in committed else 0 for place in places}
        return found


async def _until(holds: Callable[[], Any], timeout: float, what: str) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            async with asyncio.timeout(30):
                if await holds():
                    return
        except AWAY:
            pass  # the broker is away: ask again
        if time.monotonic() > deadline:
            raise TimedOutError(f"{what} within {timeout:.0f} s")
        await asyncio.sleep(LOOK_AGAIN_S)
