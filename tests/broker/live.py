"""A whole exchange for the end-to-end tests: real broker, real worker processes, supervised; and what parties do with it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from exchange import audit
from exchange.adapters.broker_config import free_port
from exchange.adapters.setup import send_tick
from exchange.client import Exchange, Published
from exchange.core.codec import Codec
from exchange.core.processors import NAMES
from exchange.events import models
from exchange.local import WORKERS, LocalExchange
from exchange.refs import partition_of
from exchange.runtime import load_codec
from exchange.settings import Settings, environment_for_child
from exchange.testing import lineages

SETTLE_S = 5.0


class Live:
    """A running exchange.

    Attributes:
        local: broker and workers.
        settings: with the broker's address.
        codec: for what is written past the client library.
        said: what the supervision had to say.
    """

    def __init__(self, local: LocalExchange, said: list[str]) -> None:
        self.local, self.said = local, said
        self.settings: Settings = local.settings
        self.codec: Codec
        _, self.codec = load_codec()
        self.chance = random.Random(11)
        self._seen: dict[str, int] = {}

    @asynccontextmanager
    async def party(self, name: str, *roles: str) -> AsyncIterator[Exchange]:
        """A party's connection; with roles, it registers first."""
        async with Exchange(name, settings=self.settings) as exchange:
            if roles:
                record: Any = {"party": name, "display_name": name.title(), "roles": list(roles)}
                await exchange.publish(("Party", record))
            yield exchange

    async def rest(self, timeout: float = 90.0) -> audit.Audit:
        """Wait until all is done; what both oracles say."""
        return await audit.until_rest(self.settings, timeout, SETTLE_S)

    async def recorded(self) -> audit.Recorded:
        """What the topics hold."""
        return await audit.record(self.settings.kafka_kwargs(), self.settings.topics, self.codec)

    async def tick(self, time: Any) -> None:
        """Tell every partition the time."""
        await send_tick(self.settings.kafka_kwargs(), self.settings.topics, self.codec, time)

    async def send(self, topic: str, rows: Iterable[tuple[int, bytes | None, bytes | None, Sequence[tuple[str, bytes]]]]) -> None:
        """Write (partition, key, value, headers) past every check of ours."""
        producer: Any = AIOKafkaProducer(**self.settings.kafka_kwargs(), acks="all", max_request_size=2**21)
        await producer.start()
        try:
            for partition, key, value, headers in rows:
                await producer.send_and_wait(topic, value, key, partition, headers=list(headers))
        finally:
            await producer.stop()

    def partition(self, key: str) -> int:
        """Where a party's submissions or a line's records lie."""
        return partition_of(key, self.settings.partitions)

    async def kill(self, worker: str) -> None:
        """Kill -9, once the worker has been given its lanes, so that the kill hits something at work."""
        log, given = self.local.workers[worker].log, "lanes assigned"
        async with asyncio.timeout(40):
            while log.read_text().count(given) <= self._seen.get(worker, 0):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep(self.chance.uniform(0.2, 1.2))
        self._seen[worker] = log.read_text().count(given)
        self.local.kill(worker)


@asynccontextmanager
async def live(home: Path, *, watched: bool = False, **settings: Any) -> AsyncIterator[Live]:
    """Run an exchange of its own, on a free port, for as long as the block lasts; without a clock tests set the time."""
    port = free_port()
    said: list[str] = []
    local = LocalExchange(Settings(home=home, port=port, **settings), workers=WORKERS if watched else NAMES, say=said.append)
    async with local:
        supervision = asyncio.create_task(_supervise(local))
        try:
            yield Live(local, said)
        finally:
            supervision.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supervision


async def _supervise(local: LocalExchange) -> None:
    while True:
        local.supervise()
        await asyncio.sleep(0.1)


def exchange_command(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ``exchange`` with these settings."""
    command = [sys.executable, "-m", "exchange.cli", *words]
    return subprocess.run(command, env=environment_for_child(settings), capture_output=True, text=True, timeout=60, check=False)


def clean(found: audit.Audit) -> None:
    """Both oracles agree with what is there."""
    assert found.clean, found
    assert found.notices


async def told(exchange: Exchange) -> list[models.Notice]:
    """All a party was told until now."""
    async with exchange.subscribe(keep=False, follow=False) as feed:
        return [notice async for notice in feed]


async def hear(exchange: Exchange, wanted: Callable[[models.Notice], bool], timeout: float = 30.0) -> models.Notice:
    """The first notice of a kind, waited for."""
    async with asyncio.timeout(timeout), exchange.subscribe(keep=False) as feed:
        async for notice in feed:
            if wanted(notice):
                return notice
    raise AssertionError("the feed ended")


def once_per_decision(notices: Iterable[models.Notice]) -> None:
    """No party is told a decision twice, and the numbers of a line have no gap."""
    notices = list(notices)
    times = Counter((notice.lane, notice.offset, notice.line, notice.release) for notice in notices)
    assert max(times.values(), default=1) == 1
    for line in {notice.line for notice in notices}:
        numbers = [notice.n for notice in notices if notice.line == line]
        assert numbers == list(range(1, len(numbers) + 1))


class World:
    """A random lineage, played through the client library: one connection a party, event ids as the library makes them.

    Attributes:
        sent: ids of the events that were published.
        parties: who takes part.
    """

    def __init__(self, exchange: Live, seed: int, events: int) -> None:
        self._live = exchange
        self._steps = lineages.lineage(random.Random(seed), parties=4, lines=2, events=events)
        self._ids: dict[str, str] = {}
        self.sent: set[str] = set()
        self.parties = sorted({step.party for step in self._steps if isinstance(step, lineages.Submission)})

    async def play(self, pause: float = 0.0) -> None:
        """All steps in order, without waiting for answers."""
        async with contextlib.AsyncExitStack() as stack:
            parties = {name: await stack.enter_async_context(self._live.party(name)) for name in self.parties}
            for step in self._steps:
                if isinstance(step, lineages.Told):
                    await self._live.tick(step.time)
                    continue
                published = await self._publish(parties[step.party], step)
                self._ids[step.event_id] = published.event_id
                self.sent.add(published.event_id)
                await asyncio.sleep(pause)

    async def _publish(self, exchange: Exchange, step: lineages.Submission) -> Published:
        record = dict(step.record)
        for name in ("considers", "supersedes", "withdraws"):
            if name in record:
                record[name] = [self._ids.get(identity, identity) for identity in record[name]]
        wait: Any = "receipt" if step.name == "Party" else None
        return await exchange.publish((step.name, record), wait=wait, idempotency_key=step.event_id, timeout=60)
