"""Records are put back at the very offsets they had, with their times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.placing import Placer
from exchange.adapters.topic_reader import TopicReader
from exchange.core.step import Output, Record
from exchange.errors import StateError
from exchange.testing.broker import read_all, send, unique
from exchange.topics import TopicSpec


def records(topic: str, *offsets: int) -> list[Record]:
    return [Record(topic, 0, n, f"k{n}".encode(), f"v{n}".encode(), (("h", b"1"),), 1_700_000_000_000 + n) for n in offsets]


@pytest.mark.parametrize("offsets", [(0, 1, 2), (0, 2, 3, 5, 9), (1,), (7, 8, 40), ()])
async def test_every_gap_is_made_up_for(kafka: EmbeddedKafka, offsets: tuple[int, ...]) -> None:
    """By one, by more, at the beginning and at the end; what comes later goes on behind, with the broker's time again."""
    client, topic = {"bootstrap_servers": kafka.bootstrap}, unique("placing")
    place, spec = TopicPartition(topic, 0), TopicSpec(topic, 1, configs={"message.timestamp.type": "LogAppendTime"})
    wanted, counted = records(topic, *offsets), 0

    def done(count: int) -> None:
        nonlocal counted
        counted += count

    async with Admin(client) as admin:
        await admin.apply([replace(spec, configs={"message.timestamp.type": "CreateTime"})])
        async with Placer(client, topic) as placer:
            await placer.place(place, wanted, 45, done)
            await admin.configure([spec])
            assert (await admin.config(topic))["message.timestamp.type"] == "LogAppendTime"
            await placer.append([Output(topic, 0, b"new", b"new")])
        *found, last = await read_all(kafka.bootstrap, topic)
        assert found == wanted
        assert (last.offset, last.key, counted) == (45, b"new", len(wanted))
        assert last.timestamp_ms > 1_750_000_000_000
        await admin.forget({place: 30})
    reader = TopicReader(client, topic)
    await reader.start()
    assert await reader.bounds() == (30, 46)
    await reader.stop()


async def test_a_partition_that_is_not_empty_is_refused(kafka: EmbeddedKafka) -> None:
    """A record would come to lie elsewhere."""
    client, topic = {"bootstrap_servers": kafka.bootstrap}, unique("placing")
    async with Admin(client) as admin:
        await admin.apply([TopicSpec(topic, 1)])
    await send(kafka.bootstrap, topic, [(0, b"k", b"v")])
    async with Placer(client, topic) as placer:
        with pytest.raises(StateError, match="offset 0 came to lie at 1"):
            await placer.place(TopicPartition(topic, 0), records(topic, 0), 1, lambda _count: None)
