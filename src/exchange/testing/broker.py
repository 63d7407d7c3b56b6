"""A real Kafka for tests: started once, with topics of its own for every test.

In a ``conftest.py``::

    @pytest.fixture(scope="session")
    def kafka(tmp_path_factory):
        with embedded_kafka(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import Listener
from exchange.adapters.lane_restore import read
from exchange.core.step import Record
from exchange.topics import TopicSpec

COMPACTED = {"cleanup.policy": "compact"}
TEST_HEAP_MB = 256

_numbers = itertools.count(1)


@contextmanager
def embedded_kafka(
    data_dir: Path,
    *,
    cache_dir: Path | None = None,
    listeners: tuple[Listener, ...] = (),
    extra: Mapping[str, str] | None = None,
    heap_mb: int = TEST_HEAP_MB,
) -> Iterator[EmbeddedKafka]:
    """Run a broker in ``data_dir`` on a free port for as long as the block lasts.

    Args:
        data_dir: everything of the broker; left as it is afterwards.
        cache_dir: where the jars are; the user's cache by default.
        listeners: more ways in.
        extra: more broker settings.
        heap_mb: Java heap.
    """
    broker = EmbeddedKafka(data_dir, cache_dir, port=None, heap_mb=heap_mb, listeners=listeners, extra=extra)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def unique(prefix: str) -> str:
    """Return a name no other test of this process used."""
    return f"{prefix}-{next(_numbers)}"


async def make_topics(bootstrap: str, *names: str, partitions: int = 1, configs: Mapping[str, str] | None = None) -> None:
    """Create topics."""
    async with Admin({"bootstrap_servers": bootstrap}) as admin:
        await admin.apply([TopicSpec(name, partitions, configs=configs or {}) for name in names])


async def send(bootstrap: str, topic: str, rows: Iterable[tuple[int, bytes | None, bytes | None]]) -> None:
    """Write ``(partition, key, value)`` rows in order."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, value, key, partition) for partition, key, value in rows])
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str, partitions: Sequence[int] = (0,)) -> list[Record]:
    """Return the committed records of a topic, partition by partition."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="none")
    await consumer.start()
    try:
        found = []
        for partition in partitions:
            tp = TopicPartition(topic, partition)
            start, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            found.extend([record async for record in read(consumer, tp, start, end)])
        return found
    finally:
        await consumer.stop()


async def read_until(
    bootstrap: str, topic: str, count: int, partitions: Sequence[int] = (0,), timeout: float = 60.0
) -> list[Record]:
    """Read a topic until it holds ``count`` committed records; return what is there when ``timeout`` seconds are over."""
    deadline = time.monotonic() + timeout
    while True:
        found = await read_all(bootstrap, topic, partitions)
        if len(found) >= count or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.2)
