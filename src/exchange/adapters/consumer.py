"""aiokafka's consumer, with a stop that does not cancel whoever stops it, and batches that no reader dies of."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer

from exchange.adapters import batches

batches.guard()


class Consumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer as aiokafka's own.

    Its fetcher cancels the fetches in flight and awaits them. One whose connection broke a moment ago sleeps before the next
    try, and does not catch the cancellation there (aiokafka 0.14.0, ``Fetcher.close``): ``stop`` then raises CancelledError,
    leaves the connections open, and the task that called it ends as if it had been cancelled itself.
    """

    async def stop(self) -> None:
        """Disconnect."""
        try:
            await super().stop()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await self._client.close()  # what aiokafka did not come to
