"""Writes records back at the very offsets they had, into topics that are empty.

What lay between them, transaction markers and aborted records, is made up for by aborted transactions: readers see neither. So a
position, a receipt, a dead letter and every id derived from an offset mean the same as before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.consumer import Consumer
from exchange.core.step import Output, Record
from exchange.errors import StateError

MOST_FILLED = 50_000
"""Offsets used up in one transaction, which must end within its time-out."""
AT_ONCE = 4
SENT_AHEAD = 1000
FILL_TIMEOUT_S = 15.0
LOOK_AGAIN_S = 0.001
MESSAGE_BYTES = 2 * 1024 * 1024 + 65536


class Placer:
    """Puts records where they were; use it as an async context manager.

    Args:
        kafka: aiokafka's client settings.
        name: first part of the transactional ids.
    """

    def __init__(self, kafka: Mapping[str, Any], name: str) -> None:
        self._producer: Any = AIOKafkaProducer(
            **kafka, acks="all", enable_idempotence=True, max_request_size=MESSAGE_BYTES, max_batch_size=512 * 1024
        )
        self._watcher: Any = Consumer(**kafka, enable_auto_commit=False)
        self._fillers = [OnceProducer(kafka, f"{name}-{number}") for number in range(AT_ONCE)]
        self._free: asyncio.Queue[OnceProducer] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        await self._producer.start()
        await self._watcher.start()
        for filler in self._fillers:
            await filler.start()
            self._free.put_nowait(filler)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for filler in self._fillers:
            await filler.discard()
        await self._watcher.stop()
        await self._producer.stop()

    async def place(self, place: TopicPartition, records: Sequence[Record], end: int, done: Callable[[int], None]) -> None:
        """Write one partition.

        Args:
            place: an empty partition whose topic takes time stamps from us.
            records: in the order of their offsets.
            end: the next offset must not be smaller.
            done: told the number of records written since it was told last.

        Raises:
            StateError: the partition was not empty, or somebody else writes to it.
        """
        filler = await self._free.get()
        try:
            at = 0
            for run in _runs(records):
                await self._fill(filler, place, at, run[0].offset)
                await self._write(run)
                at = run[-1].offset + 1
                done(len(run))
            await self._fill(filler, place, at, end)
        finally:
            self._free.put_nowait(filler)

    async def _fill(self, filler: OnceProducer, place: TopicPartition, at: int, until: int) -> None:
        """Use up the offsets from ``at`` to before ``until``."""
        while at < until:
            count = min(until - at, MOST_FILLED)
            await filler.fill(place, count)
            at += count
            async with asyncio.timeout(FILL_TIMEOUT_S):
                # the coordinator answers before its marker is in the log
                while (await self._watcher.end_offsets([place]))[place] < at:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_AGAIN_S)

    async def append(self, outputs: Sequence[Output]) -> None:
        """Write records behind what is there, each partition's in order."""
        answers = [
            await self._producer.send(each.topic, each.value, each.key, each.partition, headers=list(each.headers))
            for each in outputs
        ]
        await asyncio.gather(*answers)

    async def _write(self, run: Sequence[Record]) -> None:
        answers = [
            await self._producer.send(
                each.topic, each.value, each.key, each.partition, timestamp_ms=each.timestamp_ms, headers=list(each.headers)
            )
            for each in run
        ]
        for record, answer in zip(run, await asyncio.gather(*answers), strict=True):
            if answer.offset != record.offset:
                place = f"{record.topic}, partition {record.partition}"
                raise StateError(
                    f"{place}: a record of offset {record.offset} came to lie at {answer.offset}",
                    hint="restore into an empty cluster that nobody else writes to",
                )


def _runs(records: Sequence[Record]) -> list[list[Record]]:
    """Records whose offsets follow each other, in pieces."""
    runs: list[list[Record]] = []
    for record in records:
        if runs and runs[-1][-1].offset + 1 == record.offset and len(runs[-1]) < SENT_AHEAD:
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs
