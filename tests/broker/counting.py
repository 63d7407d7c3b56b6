"""A processor for the loop's tests: counts records by key, and says each count once. Knows nothing of the exchange.

A record's value is a JSON object; ``n`` numbers the records of the whole input. Orders a record can carry:
``break`` raises; ``parts`` answers in that many transactions (``more``); ``queue`` puts that many entries into a queue that is
worked off by ``drain``; ``fill`` writes that many state keys.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from exchange.adapters.loop import Loop
from exchange.core.step import Output, Processor, Record, Result, State
from exchange.testing.broker import COMPACTED, make_topics, read_all, unique


@dataclass(frozen=True)
class Counting:
    """Topics and processor of one test."""

    name: str
    lanes: int = 1
    events: list[Any] = field(default_factory=list)

    @property
    def input(self) -> str:
        return f"{self.name}.in"

    @property
    def state(self) -> str:
        return f"{self.name}.state"

    @property
    def output(self) -> str:
        return f"{self.name}.out"

    def processor(self, *, with_drain: bool = True) -> Processor:
        def say(state_key: str, text: str) -> Output:
            return Output(self.output, 0, state_key.encode(), text.encode())

        def step(state: State, record: Record) -> Result:
            body = json.loads(record.value or b"")
            key = (record.key or b"").decode()
            if body.get("break"):
                raise KeyError(key)
            count = (state.get(f"count/{key}") or 0) + 1
            if "parts" in body:
                part = (state.get("part") or 0) + 1
                done = part >= body["parts"]
                changes = {"part": None if done else part, **({f"count/{key}": count} if done else {})}
                return Result(changes, [say(key, f"{body['n']}:part{part}")], more=not done)
            changes = {f"count/{key}": count}
            for i in range(body.get("queue", 0)):
                changes[f"queue/{body['n']:06d}/{i:06d}"] = key
            for i in range(body.get("fill", 0)):
                changes[f"fill/{i:06d}"] = "x" * 100
            return Result(changes, [say(key, f"{body['n']}:count{count}")], facts=[("counted", "plain")])

        def broken(_state: State, record: Record, error: Exception) -> Result:
            return Result({}, [say("broken", f"{record.offset}:{type(error).__name__}")])

        def drain(state: State) -> Result | None:
            for key, value in state.scan("queue/"):
                return Result({key: None}, [say(value, key)])
            return None

        return Processor(
            "counting",
            self.input,
            self.state,
            step,
            broken,
            encode=lambda _key, value: json.dumps(value).encode(),
            decode=lambda _key, raw: json.loads(raw),
            drain=drain if with_drain else None,
        )

    def loop(self, bootstrap: str, generation: str = "g1", **options: Any) -> Loop:
        options.setdefault("hook", self.events.append)
        return Loop(self.processor(), {"bootstrap_servers": bootstrap}, self.name, generation, **options)

    def seen(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def state_now(self, bootstrap: str) -> dict[str, Any]:
        latest: dict[str, Any] = {}
        for record in await read_all(bootstrap, self.state, range(self.lanes)):
            if not (record.key or b"").startswith(b"__"):
                latest[f"{record.partition}/{(record.key or b'').decode()}"] = json.loads(record.value) if record.value else None
        return {key: value for key, value in latest.items() if value is not None}


async def counting(bootstrap: str, lanes: int = 1) -> Counting:
    """Make a fresh set of topics."""
    made = Counting(unique("counting"), lanes)
    await make_topics(bootstrap, made.input, partitions=lanes)
    await make_topics(bootstrap, made.state, partitions=lanes, configs=COMPACTED)
    await make_topics(bootstrap, made.output)
    return made


class running:  # noqa: N801
    """Async context: a loop at work in this process."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    async def __aenter__(self) -> Loop:
        self._task = asyncio.create_task(self.loop.run())
        return self.loop

    async def __aexit__(self, *_: object) -> None:
        await self.loop.stop()
        await self._task


def texts(records: list[Record]) -> list[str]:
    """Return the values as text."""
    return [(record.value or b"").decode() for record in records]


def repeats(values: list[str]) -> list[str]:
    """Return what is there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]
