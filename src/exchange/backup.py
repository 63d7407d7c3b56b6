"""A consistent copy of what cannot be computed again, taken from a running exchange. Used by ``exchange backup``.

What is copied ends where it ended at one moment of the backup, and the moments follow the flow upwards: intake's state first,
then what parties were told, then decisions, then the journal, then rules and submissions. So the copy holds the cause of all it
holds (:mod:`exchange.adapters.completing` says what is done about the one exception), and every submission that was answered
before the backup began.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin, translated
from exchange.adapters.backup_files import Manifest, Part, PartWriter, make_folder
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane_restore import STALL_S, as_record, bounds
from exchange.adapters.resources import load_schema_texts
from exchange.errors import TimedOutError
from exchange.settings import Settings

Tell = Callable[[int, int], None]
"""Told of progress: offsets copied since last time, offsets in all."""
Spans = Mapping[TopicPartition, tuple[int, int]]
AT_ONCE = 100
"""Partitions copied side by side, each with an open file."""
READ_MS = 200


async def backup(settings: Settings, folder: Path, tell: Tell = lambda *_: None) -> Manifest:
    """Take a backup.

    Args:
        settings: with the address of the cluster; as an operator, who may read all topics.
        folder: new or empty.
        tell: told of progress.

    Raises:
        ConfigError: there is something in the folder.
    """
    await asyncio.to_thread(make_folder, folder)
    kafka = settings.kafka_kwargs()
    begun = _now()
    consumer: Any = Consumer(**kafka, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none")
    async with translated(kafka):
        await consumer.start()
        try:
            parts = await _copy(consumer, settings, folder, tell)
        finally:
            await consumer.stop()
    schemas = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in load_schema_texts().items()}
    release = version("ai-transparency-exchange")
    manifest = Manifest(
        settings.deployment, settings.generation, settings.partitions, release, schemas, begun, _now(), tuple(parts)
    )
    await asyncio.to_thread(manifest.write, folder)
    return manifest


async def _copy(consumer: Any, settings: Settings, folder: Path, tell: Tell) -> list[Part]:
    topics = settings.topics
    lanes = range(settings.partitions)
    # a state is read when its end is taken: what is overwritten meanwhile may be compacted away
    first = [TopicPartition(topics.parties, lane) for lane in lanes]
    parts = await _write(consumer, folder, {place: await bounds(consumer, place) for place in first}, lambda *_: None, 0)
    async with Admin(settings.kafka_kwargs()) as admin:
        there = sorted(await admin.topics())  # asked now: the topic of every party that intake's state knows is among them
    notices = [TopicPartition(name, 0) for name in there if topics.party_of(name) is not None]
    groups = [
        [*notices, TopicPartition(topics.dead_letters, 0)],
        [TopicPartition(topics.decisions, lane) for lane in lanes],
        [TopicPartition(topics.journal, lane) for lane in lanes],
        [TopicPartition(topics.rules, 0), *(TopicPartition(topics.submissions, lane) for lane in lanes)],
    ]
    ends: dict[TopicPartition, int] = {}
    for group in groups:  # one after the other: this order is what makes the copy consistent
        ends |= await consumer.end_offsets(group)
    firsts = await consumer.beginning_offsets(list(ends))
    whole = sum(ends[place] - firsts[place] for place in ends)
    spans = [(place, (firsts[place], end)) for place, end in ends.items()]
    for start in range(0, len(spans), AT_ONCE):
        parts += await _write(consumer, folder, dict(spans[start : start + AT_ONCE]), tell, whole)
    return parts


async def _write(consumer: Any, folder: Path, spans: Spans, tell: Tell, whole: int) -> list[Part]:
    """Copy some partitions, side by side, each from its first offset to its end."""
    with contextlib.ExitStack() as stack:
        writers = {place: stack.enter_context(PartWriter(folder, *place)) for place in spans}
        consumer.assign(list(spans))
        for place, (first, _) in spans.items():
            consumer.seek(place, first)
        at = {place: first for place, (first, end) in spans.items() if first < end}
        moved = time.monotonic()
        while at:
            for place, found in (await consumer.getmany(*at, timeout_ms=READ_MS)).items():
                for each in found:
                    if each.offset < spans[place][1]:
                        writers[place].add(as_record(each))
            for place in list(at):  # the position counts: a log may end with transaction markers
                position = min(await consumer.position(place), spans[place][1])
                if position > at[place]:
                    tell(position - at[place], whole)
                    moved, at[place] = time.monotonic(), position
                if position == spans[place][1]:
                    del at[place]
            if time.monotonic() - moved > STALL_S:
                raise TimedOutError(f"{next(iter(at)).topic} cannot be read to its end")
    return [await asyncio.to_thread(writers[place].part, first, end) for place, (first, end) in spans.items()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - for people: when the backup was taken
