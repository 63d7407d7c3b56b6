"""Measures the times in docs/runbooks: breaks an exchange in each way, mends it as its runbook says; a line of JSON each.

.venv/bin/python tests/broker/time_runbooks.py [--events 600] [--small-disk FOLDER] [--recovery-only]

``--small-disk`` is a folder on a file system of about 300 MB that may be filled up; without one, a full disk is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
from live import Live, World, clean, live

from exchange.backup import backup
from exchange.core.envelope import Attributes, to_headers
from exchange.errors import ExchangeError
from exchange.local import reached
from exchange.rebuild import rebuild
from exchange.restore import Plan, plan, restore
from exchange.settings import Settings


def say(what: str, **figures: Any) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


async def until_told(exchange: Live, number: int) -> float:
    """Publish, and wait for the result; the seconds it took."""
    started = time.monotonic()
    while True:
        try:
            async with exchange.party("timer") as timer:
                card: Any = {"release": f"timer/model@{number}", "stage": "released"}
                await timer.publish(("ModelCard", card), wait="result", timeout=20, idempotency_key=f"t{number}")
                return round(time.monotonic() - started, 1)
        except ExchangeError:
            await asyncio.sleep(0.2)


async def stuck(exchange: Live) -> None:
    """A processor that is frozen; `kill -9` of its pid."""
    process = exchange.local.workers["dossier"].process
    assert process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(10)
    exchange.local.kill("dossier")
    say("processor stuck: from the kill to the next result", seconds=await until_told(exchange, 1))


async def poison(exchange: Live) -> None:
    """A submission that is no Avro at all."""
    headers = to_headers(Attributes("poison", "ModelCard", "timer"))
    started = time.monotonic()
    await exchange.send(exchange.settings.topics.submissions, [(exchange.partition("timer"), b"timer", b"garbage", headers)])
    while not any(letter["event_id"] == "poison" for letter in (await exchange.recorded()).dead_letters):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    say("poison submission: until its dead letter is there", seconds=round(time.monotonic() - started, 1))
    say("poison submission: the next result", seconds=await until_told(exchange, 2))


async def lost_broker(exchange: Live) -> None:
    """Kafka is killed and started again on its data."""
    broker = exchange.local.broker
    assert broker and broker.pid
    psutil.Process(broker.pid).kill()
    await asyncio.sleep(5)
    started = time.monotonic()
    await asyncio.to_thread(broker.stop)
    await asyncio.to_thread(broker.start)
    say("lost broker: start", seconds=round(time.monotonic() - started, 1))
    say("lost broker: then until the next result", seconds=await until_told(exchange, 3))


async def broken_release(exchange: Live) -> None:
    """A release whose dossier worker does not start; the one before is put back."""
    local, good = exchange.local, exchange.local.settings
    local.settings = good.model_copy(update={"generation": 9})
    local.kill("dossier")
    while local.workers["dossier"].restarts < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    local.settings = good
    say("broken release: from the rollback to the next result", seconds=await until_told(exchange, 4))


async def recovery(home: Path, events: int) -> None:
    """Rebuild, backup and restore of an exchange of some size."""
    async with live(home / "a", partitions=4) as exchange:
        started = time.monotonic()
        await World(exchange, 21, events).play()
        clean(await exchange.rest(timeout=600))
        say("work: play and come to rest, audits included", events=events, seconds=round(time.monotonic() - started, 1))
        started = time.monotonic()
        manifest = await backup(exchange.settings, home / "backup")
        say("backup", records=manifest.records, seconds=round(time.monotonic() - started, 1))
    async with reached(exchange.settings.model_copy(update={"bootstrap_servers": None})) as settings:
        for found in await rebuild(settings):
            rate = round(found.records / found.seconds)
            say(f"rebuild {found.processor}", records=found.records, seconds=found.seconds, rate=rate, first=found.first)
    started = time.monotonic()
    planned = await asyncio.to_thread(plan, Settings(home=home / "b", port=exchange.settings.port), home / "backup")
    say("restore: check and fold", seconds=round(time.monotonic() - started, 1))
    async with reached(planned.settings) as settings:
        started = time.monotonic()
        await restore(Plan(planned.manifest, settings, planned.logs, planned.done))
        say("restore: write", records=planned.restored.records, seconds=round(time.monotonic() - started, 1))


async def burden(exchange: Live, number: int) -> None:
    async with exchange.party("timer") as timer:
        card: Any = {"release": f"timer/model@{number}", "stage": "released", "purpose": {"summary": "x" * 4000}}
        await timer.publish(("ModelCard", card), wait="receipt", timeout=2)


async def full_disk(folder: Path) -> None:
    """The disk fills up until the broker stops; then there is room again."""
    async with live(folder / "home", partitions=2) as exchange:
        async with exchange.party("timer", "developer"):
            pass
        say("disk full: a result before", seconds=await until_told(exchange, 1))
        ballast = folder / "ballast"
        with ballast.open("wb") as file, contextlib.suppress(OSError):
            while True:
                os.write(file.fileno(), bytes(65536))
        broker = exchange.local.broker
        assert broker
        number = 100
        while broker.pid and number < 4000:
            with contextlib.suppress(ExchangeError, TimeoutError):
                async with asyncio.timeout(5):
                    await burden(exchange, number)
            number += 1
        say("disk full: the broker stopped", stopped=broker.pid is None, cards=number - 100)
        ballast.unlink()
        started = time.monotonic()
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        say("disk full: start, with room again", seconds=round(time.monotonic() - started, 1))
        say("disk full: then until the next result", seconds=await until_told(exchange, 2))
        clean(await exchange.rest())


async def main(events: int, small: Path | None, *, broken: bool) -> None:
    home = Path(tempfile.mkdtemp(prefix="runbooks-"))
    trials: list[Callable[[Live], Awaitable[None]]] = [stuck, poison, lost_broker, broken_release]
    try:
        async with live(home / "broken", partitions=2) as exchange:
            async with exchange.party("timer", "developer"):
                pass
            say("a result, nothing broken", seconds=await until_told(exchange, 0))
            for trial in trials if broken else ():
                await trial(exchange)
                clean(await exchange.rest())
        if events:
            await recovery(home, events)
        if small is not None:
            await full_disk(small)
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=600)
    parser.add_argument("--small-disk", type=Path)
    parser.add_argument("--recovery-only", action="store_true")
    given = parser.parse_args()
    asyncio.run(main(given.events, given.small_disk, broken=not given.recovery_only))
