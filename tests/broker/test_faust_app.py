"""The loop as a service of a Faust app, and Faust agents beside it, on a real broker."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

from counting import counting, repeats, texts
from workers import Process, Worker

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.faust_app import loop_app
from exchange.testing.broker import make_topics, read_until, send, unique


def events(count: int) -> list[tuple[int, bytes, bytes]]:
    return [(0, f"k{n % 5}".encode(), json.dumps({"n": n}).encode()) for n in range(count)]


async def test_app_start_and_stop(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """An app started by hand works records off and leaves no topic of Faust's behind."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, events(50))
    app = loop_app(made.processor(), {"bootstrap_servers": kafka.bootstrap}, made.name, "g1", data_dir=tmp_path)
    await app.start()
    found = await read_until(kafka.bootstrap, made.output, 50)
    await app.stop()
    assert len(texts(found)) == 50
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        assert not [name for name in await admin.topics() if "assignor" in name or "reply" in name]


async def test_sigterm_drains_within_ten_seconds(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """SIGTERM in the middle of a burst: the worker ends by itself, and the next one repeats and loses nothing."""
    made = await counting(kafka.bootstrap)
    with Worker(kafka, made, tmp_path) as worker:
        await worker.says("LaneRestored")
        await send(kafka.bootstrap, made.input, events(3000))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert await worker.stopped() == 0
        assert time.monotonic() - began < 10
        worker.start()
        found = texts(await read_until(kafka.bootstrap, made.output, 3000))
    assert len(found) == 3000
    assert not repeats(found)


async def test_agents_need_no_topic_of_their_own(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A Faust agent reads its topic with the repairs in place; auto-creation stays unused."""
    topic = unique("agent-in")
    await make_topics(kafka.bootstrap, topic)
    await send(kafka.bootstrap, topic, [(0, b"k", b"1"), (0, b"k", b"2")])
    before = await _topics(kafka)
    with Process("agent_worker.py", tmp_path, kafka.bootstrap, unique("agents"), topic, str(tmp_path)) as agents:
        await agents.says("seen 2")
        agents.signal(signal.SIGTERM)
        assert await agents.stopped() == 0
        assert agents.log().count("seen") == 2
    assert await _topics(kafka) == before


async def _topics(kafka: EmbeddedKafka) -> set[str]:
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        return {name for name in await admin.topics() if not name.startswith("__consumer")}
