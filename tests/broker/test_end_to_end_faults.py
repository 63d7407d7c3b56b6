"""The whole exchange when processes die: nothing lost, nobody told twice, by both oracles."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from live import Live, World, clean, live, once_per_decision, told

from exchange.core.envelope import from_headers
from exchange.core.processors import NAMES
from exchange.errors import RefusedError
from exchange.events import models
from exchange.settings import environment_for_child
from exchange.testing import lineages
from exchange.testing.broker import unique

FEW = 7
"""Stakeholders a transaction tells here, so that a fan-out of forty waits in its line's queue."""


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path, fanout_limit=FEW) as exchange:
        yield exchange


def world(running: Live, seed: int, events: int) -> World:
    """A random lineage."""
    return World(running, lineages.lineage(random.Random(seed), parties=4, lines=3, events=events))


async def exact(running: Live, played: World) -> None:
    """Both oracles agree; what was sent is in the journal once, and nothing of it was refused; readers see no gap."""
    clean(await running.rest())
    recorded = await running.recorded()
    journal = Counter(from_headers(each.headers, timeless=True).id for log in recorded.journal.values() for each in log)
    assert {event: journal[event] for event in played.sent} == dict.fromkeys(played.sent, 1)
    answers = Counter((each["submission_id"], each["status"]) for told in recorded.receipts.values() for each in told)
    assert {event: answers[event, "accepted"] for event in played.sent} == dict.fromkeys(played.sent, 1)
    for name in played.parties:
        async with running.party(name) as party:
            once_per_decision(await told(party))


async def test_kill_9_of_each_processor_in_a_burst(running: Live) -> None:
    """Each processor is killed several times, alone and together, while parties publish as fast as they can."""
    chance = random.Random(11)
    played = world(running, seed=3, events=250)
    publishing = asyncio.create_task(played.play(lambda: 0.01 if chance.random() < 0.9 else 0.9))
    victims: list[tuple[str, ...]] = [("intake",), ("dossier",), ("fanout",), NAMES, NAMES[::-1]]
    for names in victims:
        await asyncio.sleep(chance.uniform(0.5, 2.5))
        for name in names:
            await at_work(running, name)
            running.local.kill(name)
    await publishing
    await exact(running, played)
    for name in NAMES:
        assert sum(line.startswith(f"{name} ended (exit -9)") for line in running.said) >= 3


async def at_work(running: Live, name: str) -> None:
    """Wait until the worker is running, so that a kill hits something."""
    async with asyncio.timeout(30):
        while not running.local.workers[name].alive:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_receipts_hold_across_a_kill(running: Live) -> None:
    """A party that waits for its receipt is right to believe it: accepted is in the journal, refused is not."""
    name = unique("firm")
    accepted: list[str] = []
    refused = 0
    async with running.party(name, "developer") as party:
        killing = asyncio.create_task(_kill_soon(running, "intake", 0.5))
        for number in range(40):
            release = f"{name}/m{number % 3}@{number}" if number % 4 else f"other-firm/m@{number}"
            try:
                published = await party.publish(models.ModelCard(release=release, stage="released"), timeout=60)
                accepted.append(published.event_id)
            except RefusedError as error:
                assert error.reason == "wrong-owner"
                refused += 1
        await killing
    clean(await running.rest())
    recorded = await running.recorded()
    sources = [from_headers(each.headers, timeless=True) for log in recorded.journal.values() for each in log]
    mine = Counter(each.id for each in sources if each.source == name)
    assert refused == 10
    assert {event: mine[event] for event in accepted} == dict.fromkeys(accepted, 1)
    assert mine.total() == len(accepted) + 1
    letters = [letter for letter in recorded.dead_letters if letter["party"] == name]
    assert [letter["reason"] for letter in letters] == ["wrong-owner"] * refused


async def _kill_soon(running: Live, name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    running.local.kill(name)


async def test_two_workers_of_a_processor_by_mistake(running: Live) -> None:
    """Somebody starts each processor a second time, freezes the first ones past their session, and ends the second ones."""
    played = world(running, seed=5, events=200)
    seconds = [_second(running, name) for name in NAMES]
    try:
        publishing = asyncio.create_task(played.play(lambda: 0.06))
        await asyncio.sleep(4)
        for name in NAMES:
            _process(running, name).suspend()
        await asyncio.sleep(8)
        for name in NAMES:
            _process(running, name).resume()
        await publishing
        for process in seconds:
            assert process.poll() is None
        seconds[0].kill()
        for process in seconds[1:]:
            process.send_signal(signal.SIGTERM)
        await exact(running, played)
    finally:
        for process in seconds:
            process.kill()
            process.wait()


def _second(running: Live, name: str) -> subprocess.Popen[bytes]:
    log = running.settings.home / "logs" / f"second-{name}.log"
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", f"streams.{name}"], stdout=sink, stderr=sink, env=environment_for_child(running.settings)
        )


def _process(running: Live, name: str) -> psutil.Process:
    process = running.local.workers[name].process
    assert process is not None
    return psutil.Process(process.pid)


async def test_a_large_fan_out_across_kill_9(running: Live) -> None:
    """Forty subscribers and forty children of a line are told through its queue, while fan-out is killed again and again."""
    owner, tuner = unique("hub"), unique("spokes")
    line = f"{owner}/base"
    readers = [f"{unique('reader')}-{number:02d}" for number in range(40)]
    async with running.party(owner, "developer") as hub, running.party(tuner, "provider") as spokes:
        await hub.publish(models.ModelCard(release=f"{line}@1", stage="released"), wait="result")
        async with asyncio.TaskGroup() as group:
            for name in readers:
                group.create_task(_register_and_subscribe(running, name, line))
        edge: Any = models.Parent(ref=f"{line}@1", relation="fine_tune")
        for number in range(40):
            child = models.ModelCard(release=f"{tuner}/m{number:02d}@1", stage="released", parents=[edge])
            await spokes.publish(child, wait=None)
        clean(await running.rest())
        events = []
        for level in ("high", "low", "critical"):
            finding = models.Finding(category="R01", level=level)
            given = models.RiskAssessment(release=f"{line}@1", assessor=owner, independence="self", findings=[finding])
            events.append((await hub.publish(given, wait=None)).event_id)
        for pause in (0.2, 0.4, 0.8):
            await at_work(running, "fanout")
            await asyncio.sleep(pause)
            running.local.kill("fanout")
        clean(await running.rest())
        for name in readers:
            async with running.party(name) as reader:
                notices = await told(reader)
            once_per_decision(notices)
            causes = [notice.cause.event_id for notice in notices if notice.cause]
            assert [cause for cause in causes if cause in events] == events
        assert len({notice.release for notice in await told(spokes) if _caused_by(notice, events[-1])}) == 40


def _caused_by(notice: models.Notice, event: str) -> bool:
    return notice.cause is not None and notice.cause.event_id == event


async def _register_and_subscribe(running: Live, name: str, line: str) -> None:
    async with running.party(name, "user") as party:
        await party.publish(models.Subscription(target=line))


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_the_broker_goes_away_in_a_burst(running: Live, how: str) -> None:
    """Kafka is stopped, or killed, and comes back at its address: clients and workers go on; nothing is lost or told twice."""
    broker = running.local.broker
    assert broker
    played = world(running, seed=8, events=150)
    publishing = asyncio.create_task(played.play(lambda: 0.03))
    await asyncio.sleep(2)
    if how == "killed":
        assert broker.pid
        os.kill(broker.pid, signal.SIGKILL)
        await asyncio.sleep(0.5)
    await asyncio.to_thread(broker.stop)
    await asyncio.sleep(1)
    await asyncio.to_thread(broker.start)
    await publishing
    await exact(running, played)
