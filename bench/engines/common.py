"""What all engines share: the processor they run, its state in memory, and records as steps want them."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

from bench.stub import stub_processor
from exchange.adapters.lane_state import LaneState
from exchange.adapters.rules_store import RulesStore
from exchange.core.step import Processor, Record, Result
from exchange.runtime import collect_garbage_seldom, make_processor
from exchange.settings import Settings


def arguments() -> argparse.Namespace:
    """What an engine's process is told: which processor, of which deployment, on which broker."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processor", required=True, help="intake, dossier, fanout or stub")
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--deployment", required=True)
    parser.add_argument("--partitions", type=int, default=4)
    collect_garbage_seldom()  # as the exchange's own workers do, for all engines alike
    return parser.parse_args()


def settings_of(given: argparse.Namespace) -> Settings:
    """Settings of the deployment."""
    return Settings(bootstrap_servers=given.bootstrap, deployment=given.deployment, partitions=given.partitions)


def processor_of(given: argparse.Namespace) -> Processor:
    """The processor, with the rules in force read."""
    if given.processor == "stub":
        return stub_processor(given.deployment)
    settings = settings_of(given)
    rules = RulesStore(settings.kafka_kwargs(), settings.topics.rules)
    asyncio.run(rules.load())
    return make_processor(given.processor, settings, rules)


class Lanes:
    """State in plain memory, a partition each, for engines that know nothing of lanes."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._states: dict[int, LaneState] = {}

    def steps(self, record: Record) -> Iterator[Result]:
        """All steps of one record, and the drain work it leaves; each is applied before the next."""
        state = self._states.setdefault(record.partition, LaneState())
        more = True
        while more:
            result = self._processor.step(state, record)
            state.apply(result.changes)
            more = result.more
            yield result
        drain = self._processor.drain
        while drain is not None and (left := drain(state)) is not None:
            state.apply(left.changes)
            yield left

    def encoded(self, result: Result) -> dict[str, bytes | None]:
        """State changes as they are written."""
        encode = self._processor.encode
        return {key: None if value is None else encode(key, value) for key, value in result.changes.items()}


def record_of(topic: str, partition: int, offset: int, key: Any, value: Any, headers: Any, time: int) -> Record:
    """A record as steps see it."""
    return Record(topic, partition, offset, key, value, tuple((name, raw) for name, raw in headers or ()), time)
