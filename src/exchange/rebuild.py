"""State from the log: folds what a processor has read, compares what its steps put out with the topics, rewrites its state.

Used by ``exchange rebuild``. Workers of the processor must not run. Nothing is sent, and nothing written before all is compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane import LanePlan
from exchange.adapters.lane_events import Hook, Replayed, silent
from exchange.adapters.lane_rebuild import LaneRebuild
from exchange.adapters.lane_restore import TELL_EVERY
from exchange.adapters.lane_topics import TopicBook
from exchange.adapters.rules_store import read_rules
from exchange.adapters.topic_reader import read_all
from exchange.core.ledger import Ledger, by_processor
from exchange.core.processors import NAMES
from exchange.core.rules import Rules, parse_rules
from exchange.core.step import Processor
from exchange.errors import ConfigError
from exchange.runtime import load_codec, make_processor
from exchange.settings import Settings

Tell = Callable[[str, int, int], None]
"""Told of progress: processor, records folded since last time, records in all."""


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild found for one processor.

    Attributes:
        processor: its name.
        records: input records folded.
        outputs: outputs found on record, byte for byte.
        keys: state keys written.
        waiting: decisions not told yet, still in fan-out's queues.
        same: lanes whose state was already what the fold made.
        lanes: all lanes.
        seconds: time taken to fold and compare.
        first: where fold and record part first, for people; empty when they do not. Then nothing was written.
    """

    processor: str
    records: int
    outputs: int
    keys: int
    waiting: int
    same: int
    lanes: int
    seconds: float
    first: str = ""


async def rebuild(
    settings: Settings, names: Sequence[str] = NAMES, tell: Tell = lambda *_: None, hook: Hook = silent
) -> list[Rebuilt]:
    """Rebuild the state of some processors, one after the other.

    Args:
        settings: with the address of the cluster; as an operator.
        names: processors, out of :data:`exchange.core.processors.NAMES`.
        tell: told of progress.
        hook: told of progress too, lane by lane.

    Raises:
        ConfigError: a worker of the processor runs.
        StateError: the input log no longer reaches back to its first record, or belongs to another generation.
    """
    await refuse_while_at_work(settings, names)
    kafka, topics = settings.kafka_kwargs(), settings.topics
    contents = await read_rules(kafka, topics.rules)
    make = maker(settings, contents)
    ledgers = await _ledgers(settings)
    return [await _Rebuild(settings, make(name), ledgers[name], tell, hook).run() for name in names]


async def refuse_while_at_work(settings: Settings, names: Sequence[str]) -> None:
    """Refuse while workers of some processors run.

    Raises:
        ConfigError: they do.
    """
    async with Admin(settings.kafka_kwargs()) as admin:
        for name in names:
            if await admin.members(f"{settings.deployment}-{name}"):
                raise ConfigError(
                    f"{name} is at work",
                    hint="stop it first: `exchange down`, or whatever runs `exchange worker`; then wait 10 s",
                )


def maker(settings: Settings, contents: Mapping[str, bytes]) -> Callable[[str], Processor]:
    """Makes processors by name, for folding; ``contents`` are all rules by digest."""
    known: dict[str, Rules] = {}

    def rules(digest: str) -> Rules:
        if digest not in known:
            if digest not in contents:
                raise OSError(f"the rules {digest[:12]} are not in their topic")
            known[digest] = parse_rules(contents[digest])
        return known[digest]

    return lambda name: make_processor(name, settings, rules)


async def _ledgers(settings: Settings) -> Mapping[str, Ledger]:
    kafka, topics = settings.kafka_kwargs(), settings.topics
    async with Admin(kafka) as admin:
        there = await admin.topics()
    mine = [name for name in there if topics.party_of(name) is not None]
    places = [TopicPartition(name, 0) for name in (*mine, topics.dead_letters)]
    places += [TopicPartition(name, n) for name in (topics.journal, topics.decisions) for n in range(topics.partitions)]
    logs = await read_all(kafka, places)
    letters = logs[TopicPartition(topics.dead_letters, 0)]
    forgetful = [topics.dead_letters] if letters and letters[0].offset else []
    return by_processor((each for log in logs.values() for each in log), topics, load_codec(settings)[1], forgetful)


class _Rebuild:
    def __init__(self, settings: Settings, processor: Processor, ledger: Ledger, tell: Tell, hook: Hook) -> None:
        self.processor, self.ledger, self.tell = processor, ledger, tell
        kafka = settings.kafka_kwargs()
        self.plan = LanePlan(processor, kafka, settings.deployment, f"g{settings.generation}", hook=hook)
        self.group: Any = Consumer(**kafka, group_id=self.plan.group, enable_auto_commit=False)
        book = TopicBook()
        self.lanes = [LaneRebuild(self.plan, n, self.group.committed, book) for n in range(settings.partitions)]

    async def run(self) -> Rebuilt:
        await self.group.start()
        try:
            for lane in self.lanes:
                await lane.open()
            started = time.monotonic()
            whole = sum(lane.target for lane in self.lanes)
            for lane in self.lanes:
                await lane.compare(self.ledger, self._teller(lane, whole))
                self._tell_lane(lane, lane.target)
            found = self._found(time.monotonic() - started)
            if not found.first:
                for lane in self.lanes:
                    await lane.write()
            return found
        finally:
            for lane in self.lanes:
                await lane.aclose()
            await self.group.stop()

    def _teller(self, lane: LaneRebuild, whole: int) -> Callable[[int], None]:
        done = 0

        def tell(count: int) -> None:
            nonlocal done
            done += count
            self.tell(self.processor.name, count, whole)
            if not done % TELL_EVERY:
                self._tell_lane(lane, done)

        return tell

    def _tell_lane(self, lane: LaneRebuild, done: int) -> None:
        """``whole`` counts offsets, of which transaction markers take some: the end is told apart."""
        self.plan.hook(Replayed(self.processor.name, lane.partition, "rebuild", done, lane.target))

    def _found(self, seconds: float) -> Rebuilt:
        retold = [lane.retold for lane in self.lanes]
        return Rebuilt(
            self.processor.name,
            records=sum(each.records for each in retold),
            outputs=sum(each.outputs for each in retold),
            keys=sum(len(each.state) for each in retold),
            waiting=sum(len(each.waiting) for each in retold),
            same=sum(lane.same for lane in self.lanes),
            lanes=len(self.lanes),
            seconds=round(seconds, 3),
            first=self._first(),
        )

    def _first(self) -> str:
        """The first difference. Offsets are those of the processor's input, unless a topic is named with them."""
        for lane in self.lanes:
            if lane.retold.first:
                return f"lane {lane.partition}, {lane.retold.first}"
        for topic, partition, offset in self.ledger.left():
            return f"{self.processor.name}: {topic}, partition {partition}, offset {offset}: should not be there, or differs"
        for lane in self.lanes:
            if lane.usable and (lost := lane.lost):
                return f"lane {lane.partition}, {self.processor.name}: told, by the state, but not on record: {lost}"
        return ""
