"""What one transaction to many topics costs, counted in questions and in bytes of files: no clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.broker import METADATA, EmbeddedKafka
from exchange.core.step import Output
from exchange.testing.broker import make_topics, read_all, send, unique
from exchange.testing.proxy import KafkaProxy
from exchange.topics import Topics

MANY = 60
FRESH = 150
LOG_DEPTH = 6000
"""Bytes of a record after which the next one has entries in the indexes (one for 4 kB)."""


async def test_all_new_topics_are_asked_for_at_once(kafka: EmbeddedKafka, proxied: Any, proxy: KafkaProxy) -> None:
    """One metadata request for all topics a transaction is the first to write to; asked one by one, 500 take seconds."""
    state, given, name = unique("state"), unique("in"), unique("told")
    told = [f"{name}-{n}" for n in range(MANY)]
    await make_topics(kafka.bootstrap, state, given)
    producer = OnceProducer({"bootstrap_servers": f"127.0.0.1:{proxied.advertised}"}, unique("many"))
    try:
        await producer.start()
        await make_topics(kafka.bootstrap, *told)  # now, as a producer may learn all there are when it starts
        for turn in range(2):
            before = proxy.seen.count(METADATA)
            outputs = [Output(topic, 0, None, b"news") for topic in told]
            first = [Output(state, 0, b"k", b"v")]
            await producer.transact(first, outputs, {TopicPartition(given, 0): turn}, f"{given}-group")
            assert proxy.seen.count(METADATA) - before <= (3 if turn == 0 else 1)
    finally:
        await producer.discard()
    assert [record.value for record in await read_all(kafka.bootstrap, told[-1])] == [b"news", b"news"]


async def test_notice_topics_have_small_index_files(kafka: EmbeddedKafka) -> None:
    """What the broker maps for each party is a small part of Kafka's 20 MB, and holds what a segment needs."""
    topics = Topics(unique("few"), 2)
    specs = [topics.notice_spec(f"p{n}") for n in range(3)]
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        await admin.apply(specs)
    for spec in specs:
        await send(kafka.bootstrap, spec.name, [(0, b"line", b"n" * LOG_DEPTH)] * 2)
        assert 0 < _index_bytes(kafka.data_dir, spec.name) <= 512 * 1024


async def test_a_new_topic_takes_records_at_once(kafka: EmbeddedKafka) -> None:
    """Metadata name the leader of a topic before that broker has made its log: who was told that it is made can write to it."""
    settings, name = {"bootstrap_servers": kafka.bootstrap}, unique("fresh")
    state, given = unique("state"), unique("in")
    await make_topics(kafka.bootstrap, state, given)
    producer = OnceProducer(settings, unique("eager"))
    try:
        await producer.start()
        made = [Topics(name, 2).notice_spec(f"p{n}") for n in range(FRESH)]
        async with Admin(settings) as admin:
            assert await admin.apply(made) == [spec.name for spec in made]
            # the log of the last is made last
            outputs = [Output(spec.name, 0, None, b"welcome") for spec in reversed(made)]
            await producer.transact([Output(state, 0, b"k", b"v")], outputs, {TopicPartition(given, 0): 1}, f"{given}-group")
            await admin.delete(spec.name for spec in made)
    finally:
        await producer.discard()


def _index_bytes(data: Path, topic: str) -> int:
    """Bytes of both index files of a topic's one log, of which one segment is there."""
    (offsets,), (times,) = data.glob(f"data/{topic}-0/*.index"), data.glob(f"data/{topic}-0/*.timeindex")
    return offsets.stat().st_size + times.stat().st_size
