"""The whole exchange when processes die: nothing lost, nobody told twice, by both oracles."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from live import Live, World, clean, live, once_per_decision, told

from exchange.core.envelope import from_headers
from exchange.core.processors import NAMES
from exchange.errors import RefusedError
from exchange.events import models
from exchange.settings import environment_for_child
from exchange.testing.broker import unique


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Live]:
    async with live(tmp_path, fanout_limit=7) as exchange:
        yield exchange


async def mill(running: Live, name: str, stop: asyncio.Event) -> set[str]:
    """A party that publishes card after card, in bursts of twenty, until it is stopped; the ids of its events."""
    sent: set[str] = set()
    async with running.party(name, "developer") as party:
        while not stop.is_set():
            for _ in range(20):
                release = f"{name}/m{len(sent) % 7}@{len(sent)}"
                card = models.ModelCard(release=release, stage="released")
                sent.add((await party.publish(card, wait=None)).event_id)
            await asyncio.sleep(1)
    return sent


async def exact(running: Live, sent: set[str], parties: Iterable[str]) -> None:
    """Both oracles agree; what was sent is in the journal once, and has one receipt; readers see no gap and no repeat."""
    clean(await running.rest())
    recorded = await running.recorded()
    journal = Counter(from_headers(each.headers, timeless=True).id for log in recorded.journal.values() for each in log)
    assert {event: journal[event] for event in sent} == dict.fromkeys(sent, 1)
    answers = Counter((each["submission_id"], each["status"]) for told in recorded.receipts.values() for each in told)
    assert {event: answers[event, "accepted"] for event in sent} == dict.fromkeys(sent, 1)
    assert not recorded.dead_letters
    for name in parties:
        async with running.party(name) as party:
            once_per_decision(await told(party))


async def test_kill_9_of_each_processor_in_a_burst(running: Live) -> None:
    """Each processor is killed several times while parties publish."""
    stop = asyncio.Event()
    milling = asyncio.create_task(mill(running, "mill", stop))
    played = World(running, seed=3, events=100)
    playing = asyncio.create_task(played.play(0.1))
    for _ in range(3):
        await asyncio.gather(*(running.kill(name) for name in NAMES))
    stop.set()
    await playing
    await exact(running, played.sent | await milling, [*played.parties, "mill"])
    for name in NAMES:
        assert sum(line.startswith(f"{name} ended (exit -9)") for line in running.said) == 3


async def test_receipts_hold_across_a_kill(running: Live) -> None:
    """A party that waits for its receipt is right to believe it: accepted is in the journal, refused is not."""
    name = unique("firm")
    accepted: list[str] = []
    refused = 0
    async with running.party(name, "developer") as party:
        killing = asyncio.create_task(running.kill("intake"))
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


async def test_two_workers_of_a_processor_by_mistake(running: Live) -> None:
    """Somebody starts each processor a second time; the first ones freeze past their session; a second one dies."""
    stop = asyncio.Event()
    milling = asyncio.create_task(mill(running, "mill", stop))
    played = World(running, seed=5, events=80)
    playing = asyncio.create_task(played.play(0.1))
    seconds = {name: _second(running, name) for name in NAMES}
    try:
        await asyncio.sleep(4)
        for name in NAMES:
            _process(running, name).suspend()
        await asyncio.sleep(8)
        for name in NAMES:
            _process(running, name).resume()
        await asyncio.sleep(2)
        assert [process.poll() for process in seconds.values()] == [None] * 3
        seconds["dossier"].kill()
        stop.set()
        await playing
        await exact(running, played.sent | await milling, [*played.parties, "mill"])
    finally:
        for process in seconds.values():
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


async def test_a_large_fan_out_across_kill_9(tmp_path: Path) -> None:
    """Forty subscribers and twenty children of a line are told one a transaction; fan-out is killed midway."""
    owner, tuner = "hub", "spokes"
    line = f"{owner}/base"
    readers = [f"reader-{number:02d}" for number in range(40)]
    async with live(tmp_path, fanout_limit=1) as running, running.party(owner, "developer") as hub:
        await hub.publish(models.ModelCard(release=f"{line}@1", stage="released"), wait="result")
        async with asyncio.TaskGroup() as group:
            for name in readers:
                group.create_task(_register_and_subscribe(running, name, line))
        async with running.party(tuner, "provider") as spokes:
            edge: Any = models.Parent(ref=f"{line}@1", relation="fine_tune")
            for number in range(20):
                child = models.ModelCard(release=f"{tuner}/m{number:02d}@1", stage="released", parents=[edge])
                await spokes.publish(child, wait=None)
        clean(await running.rest())
        events, midway = [], 0
        for level in ("high", "low", "critical", "none", "moderate"):  # the kill is a race; once midway is what is wanted
            if midway:
                break
            before = await _heard(running, readers)
            finding = models.Finding(category="R01", level=level)
            given = models.RiskAssessment(release=f"{line}@1", assessor=owner, independence="self", findings=[finding])
            events.append((await hub.publish(given, wait=None)).event_id)
            while await _heard(running, readers[:1]) == before[:1]:
                pass
            running.local.kill("fanout")
            midway += 0 < len(set(await _heard(running, readers)) - set(before)) < len(readers)
            events.append((await hub.publish(given.model_copy(update={"method": "again"}), wait=None)).event_id)
        clean(await running.rest())
        assert midway
        for name in readers:
            async with running.party(name) as reader:
                notices = await told(reader)
            once_per_decision(notices)
            causes = [notice.cause.event_id for notice in notices if notice.cause]
            assert [cause for cause in causes if cause in events] == events
        async with running.party(tuner) as spokes:
            notices = await told(spokes)
        assert len({notice.release for notice in notices if _caused_by(notice, events[-1])}) == 20


async def _heard(running: Live, parties: Sequence[str]) -> list[tuple[str, int]]:
    """How much is in the parties' topics."""
    places = {TopicPartition(running.settings.topics.notices(party), 0): party for party in parties}
    consumer: Any = AIOKafkaConsumer(**running.settings.kafka_kwargs(), isolation_level="read_committed")
    await consumer.start()
    try:
        return sorted((places[place], end) for place, end in (await consumer.end_offsets(list(places))).items())
    finally:
        await consumer.stop()


def _caused_by(notice: models.Notice, event: str) -> bool:
    return notice.cause is not None and notice.cause.event_id == event


async def _register_and_subscribe(running: Live, name: str, line: str) -> None:
    async with running.party(name, "user") as party:
        await party.publish(models.Subscription(target=line))


async def test_the_broker_goes_away_in_a_burst(running: Live) -> None:
    """Kafka is stopped, and killed, and comes back at its address: clients and workers go on; nothing is lost or told twice."""
    broker = running.local.broker
    assert broker
    stop = asyncio.Event()
    milling = asyncio.create_task(mill(running, "mill", stop))
    played = World(running, seed=8, events=80)
    playing = asyncio.create_task(played.play(0.1))
    for how in (signal.SIGTERM, signal.SIGKILL):
        await asyncio.sleep(3)
        assert broker.pid
        os.kill(broker.pid, how)
        await asyncio.sleep(1)
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
    stop.set()
    await playing
    await exact(running, played.sent | await milling, [*played.parties, "mill"])
