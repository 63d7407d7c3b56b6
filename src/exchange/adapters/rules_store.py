"""The compacted topic ``exchange.rules``: content by digest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.topic_reader import read_all
from exchange.core.rules import Rules, parse_rules
from exchange.errors import ConfigError


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
        self._contents: dict[str, bytes] = {}
        self._rules: dict[str, Rules] = {}
        self._reading: asyncio.Task[None] | None = None

    def __call__(self, digest: str) -> Rules:
        """The rules of a digest.

        Raises:
            RulesNotHereError: not read yet, and reading is under way; or this release cannot run them.
        """
        found = self._rules.get(digest)
        if found is not None:
            return found
        if digest in self._contents:
            return self._parsed(digest)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self.load())
        raise RulesNotHereError("the rules in force are being read")

    async def load(self) -> None:
        """Read the topic to its end."""
        try:
            contents = await read_rules(self._kafka, self._topic)
        except (KafkaError, OSError):
            return  # the next lane that asks tries again
        self._contents = contents

    def _parsed(self, digest: str) -> Rules:
        try:
            found = self._rules[digest] = parse_rules(self._contents[digest])
        except ConfigError as error:
            raise RulesNotHereError(f"rules {digest[:12]} cannot be used: {error}") from None
        return found


async def read_rules(kafka: Mapping[str, Any], topic: str) -> dict[str, bytes]:
    """Content of every rule set that was ever in force, by digest."""
    place = TopicPartition(topic, 0)
    records = (await read_all(kafka, [place]))[place]
    return {(record.key or b"").decode(): record.value for record in records if record.value is not None}


async def read_rules_in_force(kafka: Mapping[str, Any], topic: str) -> bytes | None:
    """Content of the rules last put in force; None before the first."""
    place = TopicPartition(topic, 0)
    contents = [record.value for record in (await read_all(kafka, [place]))[place] if record.value is not None]
    return contents[-1] if contents else None
