"""aiokafka's producer, which does not spin while nobody answers."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

PAUSE_S = 0.1


class Producer(AIOKafkaProducer):  # type: ignore[misc]
    """A producer as aiokafka's own.

    While something is to be sent to a partition whose leader is not known, its sender asks for metadata "and waits backoff
    time", as a comment says there; it does not (aiokafka 0.14.0, ``Sender._sender_routine``). When no broker answers, the asking
    fails at once, and a core is busy with it and its lines in the log until a broker is back. So a failed asking takes a while.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        ask = self.client._metadata_update

        async def ask_calmly(*arguments: Any) -> Any:
            answered = await ask(*arguments)
            if not answered:
                await asyncio.sleep(PAUSE_S)
            return answered

        self.client._metadata_update = ask_calmly
