"""A transaction that the coordinator takes for done without its markers: the next commit must not bring it back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from counting import counting, repeats, running, texts

from exchange.adapters.aiokafka_txn import DoubtfulTransactionError, OnceProducer
from exchange.adapters.lane import Lane
from exchange.adapters.lane_events import LaneStopped
from exchange.adapters.lane_state import Limits
from exchange.core.step import Output
from exchange.testing.broker import embedded_kafka, read_until, send

FIVE = Limits(records=5)


class ForgottenProducer(OnceProducer):
    """Its records are written and the coordinator knows nothing of them: what a broker leaves that skips the markers."""

    def __init__(self, kafka: Mapping[str, Any], transactional_id: str, **options: Any) -> None:
        super().__init__(kafka, transactional_id, **options)

        async def forget(partitions: set[TopicPartition]) -> bool:
            for partition in list(partitions):
                self._producer._txn_manager.partition_added(partition)
            return True

        self._sender._do_add_partitions_to_txn = forget

    async def transact(
        self, first: Sequence[Output], then: Sequence[Output], offsets: Mapping[TopicPartition, int], group: str
    ) -> None:
        await self._producer.begin_transaction()
        await self._enlist({TopicPartition(write.topic, write.partition) for write in (*first, *then)})
        await self._write((*first, *then))
        raise DoubtfulTransactionError("left hanging")

    async def abort_on(self, *_args: Any) -> None:
        raise DoubtfulTransactionError("left hanging")


async def stable_and_end(bootstrap: str, topic: str) -> tuple[int, int]:
    """Where committed readers stop, and where the log ends."""
    found = []
    for isolation in ("read_committed", "read_uncommitted"):
        consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation)
        await consumer.start()
        try:
            found.append((await consumer.end_offsets([TopicPartition(topic, 0)]))[TopicPartition(topic, 0)])
        finally:
            await consumer.stop()
    return found[0], found[1]


@pytest.mark.parametrize("repaired", [False, True])
async def test_a_hanging_transaction_is_aborted_and_not_committed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repaired: bool
) -> None:
    """Without the repair its outputs come back with the next commit; with it every record is counted and said once."""
    if not repaired:

        async def nothing(_lane: Lane) -> None:
            return

        monkeypatch.setattr(Lane, "_end_hanging", nothing)
    # only a broker that does not ask the coordinator lets a test leave records hanging
    with embedded_kafka(tmp_path / "kafka", extra={"transaction.partition.verification.enable": "false"}) as kafka:
        made = await counting(kafka.bootstrap)
        await send(kafka.bootstrap, made.input, [(0, b"k", b'{"n": %d}' % n) for n in range(20)])
        async with running(made.loop(kafka.bootstrap, limits=FIVE, producer=ForgottenProducer)):
            while not made.seen(LaneStopped):  # noqa: ASYNC110 - the hook only keeps a list
                await asyncio.sleep(0.02)
        stable, end = await stable_and_end(kafka.bootstrap, made.output)
        assert (stable, end > 0) == (0, True)
        async with running(made.loop(kafka.bootstrap, limits=FIVE)):
            found = texts(await read_until(kafka.bootstrap, made.output, 20))
        stable, end = await stable_and_end(kafka.bootstrap, made.output)
        assert stable == end
        assert bool(repeats(found)) is not repaired
        if repaired:
            assert found == [f"{n}:count{n + 1}" for n in range(20)]
            assert sum((await made.state_now(kafka.bootstrap)).values()) == 20
