"""A consumer that is stopped just after its connection broke: whoever stops it goes on, and nothing stays open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from exchange.adapters.consumer import Consumer


class Client:
    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


class Fetcher:
    """Closes as aiokafka's: cancels a fetch that waits for its next try, and awaits it."""

    def __init__(self, pending: float) -> None:
        self._pending = pending

    async def close(self) -> None:
        fetch = asyncio.create_task(asyncio.sleep(self._pending))
        await asyncio.sleep(0)
        fetch.cancel()
        await fetch


async def stopped(kind: Any, pending: float = 9.0) -> tuple[asyncio.Task[None], Client]:
    """A task that stops a consumer, when it is done."""
    consumer = kind(bootstrap_servers="127.0.0.1:1")
    consumer._client = client = Client()
    consumer._fetcher, consumer._coordinator = Fetcher(pending), None
    task = asyncio.create_task(consumer.stop())
    await asyncio.wait({task})
    return task, client


async def test_a_stop_is_no_cancellation() -> None:
    task, client = await stopped(Consumer)
    assert not task.cancelled()
    assert client.closed == 1


async def test_aiokafkas_own_still_is_one() -> None:
    """When this fails, aiokafka was mended: our own class can go."""
    task, client = await stopped(AIOKafkaConsumer)
    assert task.cancelled()
    assert not client.closed


async def test_who_is_cancelled_himself_is_told_so() -> None:
    consumer = Consumer(bootstrap_servers="127.0.0.1:1")
    waiting = asyncio.Event()

    class Slow:
        async def close(self) -> None:
            waiting.set()
            await asyncio.sleep(9)

    consumer._client, consumer._fetcher, consumer._coordinator = Client(), Slow(), None
    task = asyncio.create_task(consumer.stop())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
