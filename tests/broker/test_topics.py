"""Topics a step asks for, and outputs to topics that may not be there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from counting import Counting, counting, running, texts

from exchange.adapters.admin import Admin, TopicSpec
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.lane_events import BatchCommitted
from exchange.adapters.loop import Loop
from exchange.core.step import Output, Processor, Record, Result, State
from exchange.testing.broker import read_until, send


def speaking(made: Counting) -> Processor:
    """Makes a topic for each key it sees and writes to it; also to one nobody has made."""

    def step(_state: State, record: Record) -> Result:
        mine = f"{made.name}.to-{(record.key or b'').decode()}"
        nowhere = Output(f"{made.name}.nowhere", 0, None, b"lost", optional=True)
        return Result({"seen": record.offset}, [Output(mine, 0, None, record.value), nowhere], topics=[mine])

    def broken(_state: State, _record: Record, error: Exception) -> Result:
        raise AssertionError from error

    def encode(_key: str, value: int) -> bytes:
        return json.dumps(value).encode()

    return Processor("speaking", made.input, made.state, step, broken, encode, lambda _key, raw: json.loads(raw))


async def test_new_topics_and_optional_outputs(kafka: EmbeddedKafka) -> None:
    """A topic a step asks for is there before its output; an optional output to a missing topic is dropped and counted."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, [(0, f"k{n % 3}".encode(), str(n).encode()) for n in range(9)])
    settings = {"bootstrap_servers": kafka.bootstrap}

    async def ensure(names: Sequence[str]) -> None:
        async with Admin(settings) as admin:
            await admin.apply([TopicSpec(name, 1) for name in names])

    async with running(Loop(speaking(made), settings, made.name, "g1", ensure_topics=ensure, hook=made.events.append)):
        async with Admin(settings) as admin:
            for _ in range(200):
                if f"{made.name}.to-k2" in await admin.topics():
                    break
        found = texts(await read_until(kafka.bootstrap, f"{made.name}.to-k2", 3))
    assert found == ["2", "5", "8"]
    assert sum(event.dropped for event in made.seen(BatchCommitted)) == 9
