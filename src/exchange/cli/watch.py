"""Watches a running exchange: lag by processor, stopped lines, quarantined records."""

from __future__ import annotations

import contextlib
from typing import Any, Self

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer
from exchange.adapters.group_lag import GroupLag
from exchange.core.processors import inputs
from exchange.runtime import load_codec
from exchange.settings import Settings

_READ_MS = 200


class Watch:
    """Use as an async context manager; :meth:`look` brings it up to date.

    Args:
        settings: with the address of the cluster.
        from_start: tell of all dead letters there are, not only of new ones.

    Attributes:
        lag: how many offsets behind, by processor.
        trouble: a line for each dead letter of dossier or fan-out, oldest first.
    """

    def __init__(self, settings: Settings, *, from_start: bool = False) -> None:
        self._settings, self._from_start = settings, from_start
        self._letters = TopicPartition(settings.topics.dead_letters, 0)
        _, self._codec = load_codec(settings)
        self._consumer: Any = None
        self._told = 0
        self.lag: dict[str, int] = {}
        self.trouble: list[str] = []

    async def __aenter__(self) -> Self:
        kafka = self._settings.kafka_kwargs()
        self._consumer = Consumer(**kafka, isolation_level="read_committed", enable_auto_commit=False)
        self._lag = GroupLag(kafka)
        await self._consumer.start()
        await self._lag.__aenter__()
        self._consumer.assign([self._letters])
        seek = self._consumer.seek_to_beginning if self._from_start else self._consumer.seek_to_end
        await seek(self._letters)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        with contextlib.suppress(KafkaError, OSError):
            await self._consumer.stop()
            await self._lag.__aexit__()

    async def look(self) -> None:
        """Read what is new. While the broker cannot be reached nothing changes."""
        with contextlib.suppress(KafkaError, OSError):
            await self._read_letters()
            await self._read_lag()

    def news(self) -> list[str]:
        """Lines of trouble not given yet."""
        fresh, self._told = self.trouble[self._told :], len(self.trouble)
        return fresh

    async def _read_letters(self) -> None:
        end = (await self._consumer.end_offsets([self._letters]))[self._letters]
        while await self._consumer.position(self._letters) < end:
            batch = await self._consumer.getmany(self._letters, timeout_ms=_READ_MS)
            for record in batch.get(self._letters, []):
                name, letter = self._codec.decode_trusted(record.value)
                if name == "DeadLetter" and letter["processor"] != "intake":
                    self.trouble.append(_line(letter))

    async def _read_lag(self) -> None:
        topics = self._settings.topics
        for name, topic in inputs(topics).items():
            places = [TopicPartition(topic, partition) for partition in range(topics.partitions)]
            behind = await self._lag.behind(f"{self._settings.deployment}-{name}", places)
            self.lag[name] = sum(each.records for each in behind.values())


def _line(letter: dict[str, Any]) -> str:
    where = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
    what = "a line stopped at" if letter["processor"] == "fanout" else "quarantined"
    look = "exchange lines list" if letter["processor"] == "fanout" else "exchange dead-letters list"
    return f"{letter['processor']}: {what} {where} ({letter['reason']}, {letter['error'] or '-'}); {look}"
