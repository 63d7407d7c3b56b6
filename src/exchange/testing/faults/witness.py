"""Reads every party's topic the whole time, as a party would: no number twice, none left out, nobody else's secrets."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Self

from aiokafka.structs import TopicPartition

from exchange.adapters.consumer import Consumer
from exchange.core.codec import Codec
from exchange.settings import Settings
from exchange.testing.faults.flow import AWAY

WAIT_MS = 500
LOOK_EVERY_S = 0.5
_CANARY = re.compile(rb"canary-([a-z0-9]+)-\d+-[0-9a-f]{16}")


class Witness:
    """Use as an async context manager; it reads in the background.

    Args:
        settings: with the broker's own address.
        codec: reads the notices.

    Attributes:
        notices: how many it saw.
        repeated: notices whose number was not new to their party and line.
        missing: notices whose number was not the next one.
        leaked: where somebody could read what another party keeps for itself, or a dead letter quotes it.
    """

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._topics, self._codec = settings.topics, codec
        kafka = settings.kafka_kwargs()
        self._reader: Any = Consumer(**kafka, isolation_level="read_committed", enable_auto_commit=False)
        self._last: dict[tuple[str, str], int] = defaultdict(int)
        self._known: set[TopicPartition] = set()
        self._look_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self.notices = 0
        self.repeated: list[str] = []
        self.missing: list[str] = []
        self.leaked: list[str] = []

    async def __aenter__(self) -> Self:
        await self._reader.start()
        self._task = asyncio.create_task(self._read(), name="witness")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._reader.stop()

    async def until(self, notices: int, timeout: float) -> None:
        """Wait until it saw so many; a reader that sees fewer in the time says so by :attr:`notices`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.notices < notices:
                    if self._task is not None and self._task.done():
                        await self._task
                    await asyncio.sleep(0.2)

    async def _read(self) -> None:
        while True:
            try:
                await self._discover()
                batches = (await self._reader.getmany(timeout_ms=WAIT_MS)) if self._known else {}
            except AWAY:
                await asyncio.sleep(0.2)
                continue
            for place, batch in batches.items():
                self._see(place.topic, batch)
            if not batches:
                await asyncio.sleep(0.1)

    async def _discover(self) -> None:
        """Read new parties' topics, too; the old ones from where it stands."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        names = await self._reader.topics()
        wanted = sorted(name for name in names if self._topics.party_of(name) or name == self._topics.dead_letters)
        fresh = [place for name in wanted if (place := TopicPartition(name, 0)) not in self._known]
        if not fresh:
            return
        stands = {place: await self._reader.position(place) for place in self._known}
        self._known.update(fresh)
        self._reader.assign(list(self._known))
        for place in self._known:
            self._reader.seek(place, stands.get(place, 0))

    def _see(self, topic: str, batch: Iterable[Any]) -> None:
        party = self._topics.party_of(topic)
        for record in batch:
            where = f"{topic} {record.offset}"
            for piece in (record.key, record.value, *(value for _, value in record.headers)):
                owners = {found.decode() for found in _CANARY.findall(piece or b"")}
                self.leaked += [f"{where}: kept by {owner}" for owner in owners - {party}]
            if party is not None:
                self._number(party, record.value, where)

    def _number(self, party: str, value: bytes, where: str) -> None:
        name, notice = self._codec.decode_trusted(value)
        if name != "Notice":
            return
        self.notices += 1
        line, n = notice["line"], notice["n"]
        last = self._last[(party, line)]
        if n <= last:
            self.repeated.append(f"{where}: {line} {n} after {last}")
        elif n != last + 1:
            self.missing.append(f"{where}: {line} {n} after {last}")
        self._last[(party, line)] = max(n, last)
