"""Publishes the workload while things go wrong: by a raw producer, and for some parties through the client library."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Self

from exchange.adapters.producer import Producer
from exchange.adapters.setup import send_tick
from exchange.client import Exchange
from exchange.core.codec import Codec
from exchange.errors import BrokerError, RefusedError, TimedOutError
from exchange.settings import Settings
from exchange.testing.faults.flow import AWAY
from exchange.testing.faults.workload import Sent, Step, Told

PAUSE_S = 0.2
SEND_S = 20.0
ANSWER_S = 30.0


class Publisher:
    """Use as an async context manager: publishes in the background, never further than it is allowed to.

    What is not acknowledged is sent again, with the same id, as a careful client does.

    Args:
        settings: with the broker's own address.
        codec: writes the ticks.
        steps: the workload.
        rate: most steps a second.

    Attributes:
        done: steps that are on record, ticks included.
        answers: event id that the exchange answered with, by the number of each step a client published.
    """

    def __init__(self, settings: Settings, codec: Codec, steps: Sequence[Step], rate: float) -> None:
        self._settings, self._codec, self._steps, self._rate = settings, codec, steps, rate
        self._allowed = 0
        self._more = asyncio.Event()
        self._producer: Any = None
        self._queues: dict[str, asyncio.Queue[Sent]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.done = 0
        self.answers: dict[int, str] = {}

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._run(), name="publisher"))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave()

    def allow(self, steps: int) -> None:
        """Publish so many steps, counted from the first."""
        self._allowed = steps
        self._more.set()

    async def until_done(self, timeout: float) -> None:
        """Wait until all that is allowed is published.

        Raises:
            TimedOutError: it was not within the time.
        """
        deadline = time.monotonic() + timeout
        while self.done < self._allowed:
            for task in self._tasks:
                if task.done():
                    await task
            if time.monotonic() > deadline:
                raise TimedOutError(f"{self._allowed - self.done} steps were not published within {timeout:.0f} s")
            await asyncio.sleep(0.05)

    async def _run(self) -> None:
        for number, step in enumerate(self._steps):
            while number >= self._allowed:
                self._more.clear()
                await self._more.wait()
            next_at = time.monotonic() + 1 / self._rate
            if isinstance(step, Sent) and step.client:
                self._queue(step.party).put_nowait(step)
            else:
                await self._raw(step)
                self.done += 1
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))

    # ------------------------------------------------------------------------------------------- raw

    async def _raw(self, step: Step) -> None:
        while True:
            try:
                async with asyncio.timeout(SEND_S):
                    await (self._tell(step) if isinstance(step, Told) else self._send(step))
                    return
            except (*AWAY, BrokerError):
                await self._leave()
                await asyncio.sleep(PAUSE_S)

    async def _tell(self, step: Told) -> None:
        await send_tick(self._settings.kafka_kwargs(), self._settings.topics, self._codec, step.time)

    async def _send(self, step: Sent) -> None:
        if self._producer is None:
            kafka = self._settings.kafka_kwargs()
            self._producer = Producer(**kafka, acks="all", enable_idempotence=True, max_request_size=2**21)
            await self._producer.start()
        topic = self._settings.topics.submissions
        await self._producer.send_and_wait(topic, step.value, step.key, step.partition, headers=list(step.headers))

    async def _leave(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(*AWAY):
                async with asyncio.timeout(SEND_S):
                    await producer.stop()

    # ------------------------------------------------------------------------------------------- through the client library

    def _queue(self, party: str) -> asyncio.Queue[Sent]:
        if party not in self._queues:
            self._queues[party] = asyncio.Queue()
            self._tasks.append(asyncio.create_task(self._client(party, self._queues[party]), name=f"client {party}"))
        return self._queues[party]

    async def _client(self, party: str, queue: asyncio.Queue[Sent]) -> None:
        step: Sent | None = None
        while True:
            try:
                async with Exchange(party, settings=self._settings) as exchange:
                    while True:
                        step = step or await queue.get()
                        await self._publish(exchange, step)
                        step = None
            except (BrokerError, TimedOutError):
                await asyncio.sleep(PAUSE_S)
            except RefusedError as error:
                if error.reason != "unregistered":  # its topic may not be there yet
                    raise
                await asyncio.sleep(PAUSE_S)

    async def _publish(self, exchange: Exchange, step: Sent) -> None:
        document: Any = (step.name, step.record)
        published = await exchange.publish(document, idempotency_key=step.event_id, timeout=ANSWER_S)
        self.answers[step.number] = published.event_id
        self.done += 1
