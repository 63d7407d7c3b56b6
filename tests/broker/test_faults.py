"""The batch loop when things go wrong: workers die and freeze, partitions move, the broker restarts, records break."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition
from counting import Counting, counting, repeats, running, texts
from workers import Worker

from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.lane_events import BatchCommitted, LaneStopped, RecordBroken
from exchange.adapters.lane_state import Limits
from exchange.adapters.membership import remove_ended
from exchange.testing.broker import embedded_kafka, read_until, send

PER_KEY = 5


def events(lanes: int, count: int, first: int = 0, **orders: Any) -> list[tuple[int, bytes, bytes]]:
    return [
        (n % lanes, f"k{n // lanes % PER_KEY}".encode(), json.dumps({"n": n, **orders}).encode()) for n in range(first, count)
    ]


async def exact(kafka: EmbeddedKafka, made: Counting, count: int) -> None:
    """Every record counted once, every count said once, state and outputs agree."""
    found = texts(await read_until(kafka.bootstrap, made.output, count))
    assert not repeats(found)
    assert sorted(int(text.split(":")[0]) for text in found) == list(range(count))
    state = await made.state_now(kafka.bootstrap)
    assert sum(state.values()) == count


async def test_kill_9_in_a_burst(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Two workers, killed in turn at random moments of a burst: nothing lost, nothing repeated, state right."""
    made = await counting(kafka.bootstrap, lanes=2)
    chance = random.Random(7)
    total = 6000
    with Worker(kafka, made, tmp_path, 20) as first, Worker(kafka, made, tmp_path, 20) as second:
        await first.says("LaneRestored")
        feeding = asyncio.create_task(_feed(kafka, made, total))
        for round_ in range(6):
            await asyncio.sleep(chance.uniform(0.5, 1.5))
            victim = (first, second)[round_ % 2]
            victim.kill()
            victim.start()
        await feeding
        await exact(kafka, made, total)


async def _feed(kafka: EmbeddedKafka, made: Counting, total: int) -> None:
    for start in range(0, total, 500):
        await send(kafka.bootstrap, made.input, events(made.lanes, start + 500, start))
        await asyncio.sleep(0.5)


async def test_paused_predecessor_is_fenced(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A worker frozen past its session: the successor takes over, the thawed one repeats nothing."""
    made = await counting(kafka.bootstrap)
    with Worker(kafka, made, tmp_path, 5) as frozen:
        await frozen.says("LaneRestored")
        await send(kafka.bootstrap, made.input, events(1, 2000))
        await read_until(kafka.bootstrap, made.output, 20)
        frozen.signal(signal.SIGSTOP)
        with Worker(kafka, made, tmp_path, 5) as successor:
            await successor.says("LaneRestored")
            await read_until(kafka.bootstrap, made.output, 500)
            frozen.signal(signal.SIGCONT)
            await send(kafka.bootstrap, made.input, events(1, 3000, 2000))
            await exact(kafka, made, 3000)


async def test_revocation_in_mid_batch(kafka: EmbeddedKafka) -> None:
    """Loops come and go while all lanes are busy: partitions move without loss or repeat."""
    made = await counting(kafka.bootstrap, lanes=4)
    total = 8000
    await send(kafka.bootstrap, made.input, events(4, total))
    small = Limits(records=20)
    async with running(made.loop(kafka.bootstrap, limits=small)):
        await read_until(kafka.bootstrap, made.output, 100)
        async with running(made.loop(kafka.bootstrap, limits=small)) as guest:
            async with asyncio.timeout(20):
                while not guest.lanes:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
        await exact(kafka, made, total)
    assert "revoked" in [stop.reason for stop in made.seen(LaneStopped)]


async def test_more_and_drain_across_kill_9(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A record worked off in parts and a queue worked off later go on where a killed worker left them."""
    made = await counting(kafka.bootstrap)
    rows = events(1, 1, parts=60) + events(1, 2, 1, queue=3000) + events(1, 400, 2)
    await send(kafka.bootstrap, made.input, rows)
    expected = 60 + 1 + 3000 + 398
    with Worker(kafka, made, tmp_path, 5) as worker:
        for seen in (20, 100, 1500):
            await read_until(kafka.bootstrap, made.output, seen)
            worker.kill()
            worker.start()
        found = texts(await read_until(kafka.bootstrap, made.output, expected))
    assert len(found) == expected
    assert not repeats(found)
    assert [text for text in found if ":part" in text] == [f"0:part{i}" for i in range(1, 61)]
    assert [text for text in found if text.startswith("queue/")] == [f"queue/000001/{i:06d}" for i in range(3000)]


async def test_drain_and_input_take_turns(kafka: EmbeddedKafka) -> None:
    """A long queue does not hold up input, nor input the queue."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, events(1, 1, queue=2000) + events(1, 2000, 1))
    async with running(made.loop(kafka.bootstrap, limits=Limits(records=100, writes=200))):
        found = texts(await read_until(kafka.bootstrap, made.output, 4000))
    kinds = ["q" if text.startswith("queue/") else "i" for text in found]
    assert len(found) == 4000
    assert "q" in kinds[: kinds.index("i", 300)]
    assert kinds.index("i", 300) < len(kinds) - 1 - kinds[::-1].index("q")


async def test_a_record_that_breaks_the_step(kafka: EmbeddedKafka) -> None:
    """The processor's answer stands for the record; its neighbours are not held up, its offset is passed once."""
    made = await counting(kafka.bootstrap)
    await send(
        kafka.bootstrap,
        made.input,
        events(1, 5) + events(1, 6, 5, **{"break": True}) + [(0, b"k0", b"no json")] + events(1, 9, 6),
    )
    async with running(made.loop(kafka.bootstrap)):
        found = texts(await read_until(kafka.bootstrap, made.output, 10))
    assert len(found) == 10
    assert [text for text in found if "Error" in text] == ["5:KeyError", "6:JSONDecodeError"]
    assert [(event.offset, event.error) for event in made.seen(RecordBroken)] == [(5, "KeyError"), (6, "JSONDecodeError")]


async def test_state_larger_than_a_batch(kafka: EmbeddedKafka) -> None:
    """State of many fetches, written by one step, comes back whole."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, events(1, 1, fill=30_000) + events(1, 10, 1))
    async with running(made.loop(kafka.bootstrap)):
        await read_until(kafka.bootstrap, made.output, 10)
    async with running(made.loop(kafka.bootstrap)):
        await send(kafka.bootstrap, made.input, events(1, 11, 10))
        found = texts(await read_until(kafka.bootstrap, made.output, 11))
    assert found[-1] == "10:count3"
    assert len(await made.state_now(kafka.bootstrap)) == 30_005
    assert len(made.seen(BatchCommitted)) < 20


async def test_broker_restart(tmp_path: Path) -> None:
    """The broker goes away in a burst and comes back: the loop waits, and goes on exactly."""
    with embedded_kafka(tmp_path / "kafka") as kafka:
        made = await counting(kafka.bootstrap, lanes=2)
        await send(kafka.bootstrap, made.input, events(2, 3000))
        async with running(made.loop(kafka.bootstrap, limits=Limits(records=10))):
            await read_until(kafka.bootstrap, made.output, 200)
            await asyncio.to_thread(kafka.stop)
            await asyncio.sleep(2)
            await asyncio.to_thread(kafka.start)
            await exact(kafka, made, 3000)


async def committed(kafka: EmbeddedKafka, made: Counting, *, move_to: int | None = None) -> int | None:
    """Return the group's committed offset, after moving it if asked (what an operator's tool can do)."""
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=f"{made.name}-counting", enable_auto_commit=False
    )
    await consumer.start()
    try:
        tp = TopicPartition(made.input, 0)
        if move_to is not None:
            consumer.assign([tp])
            await consumer.commit({tp: move_to})
        return await consumer.committed(tp)
    finally:
        await consumer.stop()


async def test_the_dead_leave_at_once(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Who was killed leaves the group when the next one starts on the machine; who is frozen stays in it."""
    made = await counting(kafka.bootstrap, lanes=2)
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    await client.bootstrap()
    try:
        with Worker(kafka, made, tmp_path, 20) as worker:
            await worker.says("LaneRestored")
            group = made.loop(kafka.bootstrap).plan.group
            worker.signal(signal.SIGSTOP)
            assert await remove_ended(client, group) == []
            worker.kill()
            [dead] = await remove_ended(client, group)
            assert dead.startswith(f"{group}.")
            assert await remove_ended(client, group) == []
    finally:
        await client.close()
