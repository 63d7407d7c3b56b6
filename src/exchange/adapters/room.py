"""Whether the processor behind has room for more: so that one large fan-out does not stand before everybody else's news.

Records for one partition are worked off in their order. A fan-out to a hundred thousand releases put into the journal at once
would hold up whatever comes after it until the last of them is done; put there in the measure in which they are worked off, other
news finds its place between them. When is asked, never whether: what is written does not depend on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer

MOST = 100
"""Records that may wait in one partition before drain work pauses."""
FRESH_S = 0.02
"""For so long an answer holds."""
PATIENCE_S = 2.0
TIMEOUT_MS = 2000

HasRoom = Callable[[], Awaitable[bool]]


class Room:
    """Asks how many records of a topic its reader has before it.

    Args:
        kafka: aiokafka's client settings.
        topic: the reader's input.
        partitions: of the topic.
        group: the reader's consumer group.
        most: records that may wait in the fullest partition.
    """

    def __init__(self, kafka: Mapping[str, Any], topic: str, partitions: int, group: str, most: int = MOST) -> None:
        self._settings = {**kafka, "group_id": group, "enable_auto_commit": False, "request_timeout_ms": TIMEOUT_MS}
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._most = most
        self._consumer: Any = None
        self._asking = asyncio.Lock()  # lanes share it: one asks, the others take its answer
        self._asked, self._answer = float("-inf"), True

    async def __call__(self) -> bool:
        """Say whether there is room; where nobody can tell, there is."""
        async with self._asking:
            if monotonic() - self._asked > FRESH_S:
                try:
                    self._answer = await self._ask()
                except (TimeoutError, KafkaError, OSError):
                    await self.close()
                    self._answer = True
                self._asked = monotonic()
            return self._answer

    async def _ask(self) -> bool:
        if self._consumer is None:
            self._consumer = await self._connected()
        ends = await self._consumer.end_offsets(self._places)
        for place in self._places:
            if ends[place] - (await self._consumer.committed(place) or 0) > self._most:
                return False
        return True

    async def _connected(self) -> Any:
        """A consumer, started: the lane that asks may be cancelled meanwhile, and the next must not find half a connection."""
        consumer: Any = Consumer(**self._settings)
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def close(self) -> None:
        """Let the connection go; it is made again when asked."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                async with asyncio.timeout(TIMEOUT_MS / 1000):
                    await consumer.stop()
            except (TimeoutError, KafkaError, OSError):
                pass


class Pace:
    """When the drain work of one lane may go on: in the measure in which it is worked off behind, and always after a while.

    Args:
        room: says whether there is room behind; ``None``: always.
    """

    def __init__(self, room: HasRoom | None) -> None:
        self._room = room
        self._waits_since: float | None = None

    async def may_go_on(self, behind: int) -> bool:
        """Say whether to go on now.

        Args:
            behind: input records that wait in the lane itself.
        """
        if self._room is None or (behind <= MOST and await self._room()):
            self._waits_since = None
            return True
        now = monotonic()
        self._waits_since = self._waits_since or now
        if now - self._waits_since < PATIENCE_S:
            return False
        self._waits_since = None  # what is behind may have stopped: a queue is never held up for good
        return True
