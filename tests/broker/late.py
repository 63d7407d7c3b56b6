"""A commit that comes late, and two producers to try it on: aiokafka's own, which repeats in silence, and ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from counting import Counting, running

from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.lane_state import POSITION_KEY, Limits, Position
from exchange.adapters.loop import Loop
from exchange.core.step import Output
from exchange.testing.broker import read_all, read_until, send
from exchange.testing.proxy import ADD_OFFSETS, END_TXN, KafkaProxy

SHORT_MS = 1500


class PlainProducer(OnceProducer):
    """The same transactions with aiokafka's own sender, which repeats a lost EndTxn in silence."""

    def __init__(self, kafka: Mapping[str, Any], transactional_id: str, **options: Any) -> None:
        settings = {"transaction_timeout_ms": 10_000, "request_timeout_ms": SHORT_MS, **kafka, **options}
        self._producer = AIOKafkaProducer(transactional_id=transactional_id, acks="all", **settings)
        self._sender = self._producer._sender

    async def transact(
        self, first: Sequence[Output], then: Sequence[Output], offsets: Mapping[TopicPartition, int], group: str
    ) -> None:
        await self._producer.begin_transaction()
        await self._write((*first, *then))
        await self._producer.send_offsets_to_transaction(dict(offsets), group)
        await self._producer.commit_transaction()


def impatient(kafka: Mapping[str, Any], transactional_id: str, **options: Any) -> OnceProducer:
    """Our producer, which gives up sooner so that the test is short."""
    return OnceProducer(kafka, transactional_id, request_timeout_ms=SHORT_MS, **options)


def through(proxy: KafkaProxy, made: Counting, producer: Any = impatient) -> Loop:
    """A loop whose every connection goes through the proxy; one record a transaction."""
    kafka = {"bootstrap_servers": f"127.0.0.1:{proxy.port}"}
    return Loop(made.processor(), kafka, made.name, "g1", hook=made.events.append, limits=Limits(records=1), producer=producer)


def event(n: int) -> tuple[int, bytes, bytes]:
    return 0, b"k", json.dumps({"n": n}).encode()


async def carried(kafka: EmbeddedKafka, made: Counting) -> int:
    """The position the state topic carries."""
    found = [r for r in await read_all(kafka.bootstrap, made.state) if r.key == POSITION_KEY.encode()]
    return Position.decode(found[-1].value or b"").next


async def committed(kafka: EmbeddedKafka, made: Counting) -> int | None:
    """The position the group has committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=f"{made.name}-counting", enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition(made.input, 0))
    finally:
        await consumer.stop()


async def late_commit(kafka: EmbeddedKafka, proxy: KafkaProxy, made: Counting, loop: Loop) -> None:
    """Hold one EndTxn back, and let it arrive in the middle of the next transaction; nothing after that gets through."""
    async with running(loop):
        await send(kafka.bootstrap, made.input, [event(0)])
        await read_until(kafka.bootstrap, made.output, 1)
        proxy.hold(END_TXN)
        proxy.release_before(ADD_OFFSETS)
        await send(kafka.bootstrap, made.input, [event(1), event(2)])
        async with asyncio.timeout(30):
            await proxy.held.wait()
            await proxy.released.wait()
            await asyncio.sleep(1)
