"""A producer whose broker is away asks again calmly, and sends when it is back."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from exchange.adapters.producer import Producer
from exchange.testing.broker import embedded_kafka, make_topics, read_all


async def test_it_does_not_spin_while_nobody_answers(tmp_path: Path) -> None:
    asked = 0
    with embedded_kafka(tmp_path) as kafka:
        await make_topics(kafka.bootstrap, "t")
        producer: Any = Producer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True, metadata_max_age_ms=1000)
        await producer.start()
        try:
            await producer.send_and_wait("t", b"before")
            connect = producer.client._get_conn

            async def counted(*arguments: Any, **options: Any) -> Any:
                nonlocal asked
                asked += 1
                return await connect(*arguments, **options)

            producer.client._get_conn = counted
            os.kill(kafka.pid or 0, signal.SIGKILL)
            partitions = producer.client.cluster._partitions["t"]  # a broker whose disk fails says so before it ends: no leader
            partitions[0] = partitions[0]._replace(leader=-1)
            sent = await producer.send("t", b"meanwhile")
            await asyncio.sleep(3)
            assert 3 < asked < 100
            await asyncio.to_thread(kafka.stop)
            await asyncio.to_thread(kafka.start)
            await asyncio.wait_for(sent, 30)
        finally:
            await producer.stop()
        assert [record.value for record in await read_all(kafka.bootstrap, "t")] == [b"before", b"meanwhile"]
