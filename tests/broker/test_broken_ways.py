"""Connections that break off in a burst, again and again: every lane goes on."""

from __future__ import annotations

import asyncio
import json

from counting import Counting, counting, repeats, running, texts

from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import Listener
from exchange.testing.broker import read_until, send
from exchange.testing.faults.network import Way

LANES, RECORDS, PART, BREAKS = 4, 2000, 20, 6


async def _trickle(kafka: EmbeddedKafka, made: Counting) -> None:
    """A few records at a time, so that each lane's fetch waits for news while its last batch is being committed."""
    for first in range(0, RECORDS, PART):
        rows = [(n % LANES, b"k", json.dumps({"n": n}).encode()) for n in range(first, first + PART)]
        await send(kafka.bootstrap, made.input, rows)
        await asyncio.sleep(0.05)


async def test_lanes_outlive_their_connections(kafka: EmbeddedKafka, proxied: Listener) -> None:
    """A transaction is in doubt while the same lane's fetch waits for its next try."""
    made = await counting(kafka.bootstrap, lanes=LANES)
    async with Way(proxied.advertised, proxied.port) as way:
        loop = made.loop(f"127.0.0.1:{proxied.advertised}")
        async with running(loop):
            feeding = asyncio.create_task(_trickle(kafka, made))
            for _ in range(BREAKS):
                await asyncio.sleep(1.2)
                await way.half_open(0.5)
            await feeding
            found = texts(await read_until(kafka.bootstrap, made.output, RECORDS))
    assert not repeats(found)
    assert sorted(int(text.split(":")[0]) for text in found) == list(range(RECORDS))
