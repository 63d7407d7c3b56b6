"""The compacted topic ``exchange.rules``: content by digest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.topic_reader import read_all
from exchange.core.rules import Rules, parse_rules


class RulesNotHereError(OSError):
    """The content of a digest has not been read yet. The lane that asked tries again; meanwhile the topic is read."""


class RulesStore:
    """Rules by digest, read from their topic when first asked for.

    Args:
        kafka: aiokafka's client settings.
        topic: name of the rules topic.
    """

    def __init__(self, kafka: Mapping[str, Any], topic: str) -> None:
        self._kafka, self._topic = dict(kafka), topic
        self._rules: dict[str, Rules] = {}
        self._reading: asyncio.Task[None] | None = None

    def __call__(self, digest: str) -> Rules:
        """The rules of a digest.

        Raises:
            RulesNotHereError: not read yet; reading is under way.
        """
        found = self._rules.get(digest)
        if found is not None:
            return found
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self.load())
        raise RulesNotHereError("the rules in force are being read")

    async def load(self) -> None:
        """Read the topic to its end."""
        try:
            contents = await read_rules(self._kafka, self._topic)
        except (KafkaError, OSError):
            return  # the next lane that asks tries again
        self._rules = {digest: self._rules.get(digest) or parse_rules(content) for digest, content in contents.items()}


async def read_rules(kafka: Mapping[str, Any], topic: str) -> dict[str, bytes]:
    """Content of every rule set, by digest, in the order in which they were first published."""
    place = TopicPartition(topic, 0)
    records = (await read_all(kafka, [place]))[place]
    return {(record.key or b"").decode(): record.value for record in records if record.value is not None}
