"""Which topics the cluster has, remembered between batches."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.core.step import Output
from exchange.errors import TopicMissingError

ASK_AGAIN_S = 1.0


class TopicBook:
    """Topic names and partition counts of a cluster; asks again when something is missing.

    For what may be missing it asks at most once a second. What must be there was perhaps made a moment ago: it always asks.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()  # lanes share the book: one asks, the others wait for its answer

    def knows(self, topic: str) -> bool:
        """Say whether the topic was there when last looked."""
        return topic in self._counts

    async def refresh(self, client: Any) -> None:
        """Ask the cluster."""
        cluster = await client.fetch_all_metadata()
        self._asked = monotonic()
        self._counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}

    async def has(self, place: TopicPartition, client: Any) -> bool:
        """Say whether a partition exists, asking the cluster if it is not known."""
        if place.partition >= self._counts.get(place.topic, 0):
            await self.refresh(client)
        return bool(place.partition < self._counts.get(place.topic, 0))

    async def wanted(self, output: Output, client: Any) -> bool:
        """Say whether an output is to be written: an optional one to a missing topic is not.

        Raises:
            TopicMissingError: a topic or partition that must be there is not.
        """
        if output.partition < self._counts.get(output.topic, 0):
            return True
        async with self._asking:
            known = output.partition < self._counts.get(output.topic, 0)  # another lane may have asked meanwhile
            if not known and (not output.optional or monotonic() - self._asked >= ASK_AGAIN_S):
                await self.refresh(client)
        if output.partition < self._counts.get(output.topic, 0):
            return True
        if output.optional:
            return False
        raise TopicMissingError(
            f"partition {output.partition} of topic {output.topic} does not exist", hint="Run `exchange topics apply`."
        )
