"""The batch loop on a real broker, nothing going wrong (faults: test_faults.py)."""

from __future__ import annotations

import json
from typing import Any

from aiokafka.structs import TopicPartition
from counting import counting, repeats, running, texts

from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.lane_events import BatchCommitted, LaneRestored
from exchange.core.step import Output
from exchange.testing.broker import make_topics, read_until, send, unique


def event(n: int, **orders: Any) -> tuple[int, bytes, bytes]:
    return 0, f"k{n % 5}".encode(), json.dumps({"n": n, **orders}).encode()


async def test_counts_each_record_once_and_restores(kafka: EmbeddedKafka) -> None:
    """What one loop left behind, the next one goes on from."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, [event(n) for n in range(1000)])
    async with running(made.loop(kafka.bootstrap)):
        first = await read_until(kafka.bootstrap, made.output, 1000)
    await send(kafka.bootstrap, made.input, [event(n) for n in range(1000, 1500)])
    async with running(made.loop(kafka.bootstrap)):
        both = await read_until(kafka.bootstrap, made.output, 1500)
    assert len(first) == 1000
    assert len(both) == 1500
    assert not repeats(texts(both))
    assert await made.state_now(kafka.bootstrap) == {f"0/count/k{i}": 300 for i in range(5)}
    assert [event.keys for event in made.seen(LaneRestored)] == [0, 5]
    assert sum(event.records for event in made.seen(BatchCommitted)) == 1500


async def test_a_transaction_larger_than_a_batch_keeps_its_order(kafka: EmbeddedKafka) -> None:
    """The largest records there may be, among small ones, and more than one batch holds."""
    topic = unique("sizes")
    await make_topics(kafka.bootstrap, topic)
    sizes = [10, 2 * 1024 * 1024, 20, *[300_000] * 5, 2 * 1024 * 1024, 30]
    rows = [Output(topic, 0, str(number).encode(), b"x" * size) for number, size in enumerate(sizes)]
    producer = OnceProducer({"bootstrap_servers": kafka.bootstrap}, topic, max_request_size=2 * 1024 * 1024 + 65536)
    await producer.start()
    await producer.transact(rows[:2], rows[2:], {TopicPartition(topic, 0): 0}, topic)
    await producer.discard()
    found = await read_until(kafka.bootstrap, topic, len(sizes))
    assert [(int(record.key or b""), len(record.value or b"")) for record in found] == list(enumerate(sizes))
