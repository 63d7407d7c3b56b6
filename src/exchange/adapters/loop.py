"""The batch loop: one processor's share of a consumer group, each assigned partition worked by its own lane.

>>> loop = Loop(processor, {"bootstrap_servers": "127.0.0.1:9092"}, "prod", "g1")     # doctest: +SKIP
>>> await loop.run()                                                                  # doctest: +SKIP

The group's own consumer fetches nothing: it only takes part in the group. Each lane reads with a consumer of its own, so a lane
that waits, restores or fails holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.structs import TopicPartition

from exchange.adapters import aiokafka_txn, membership
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane import BACKOFF_MAX_S, BACKOFF_S, EnsureTopics, Lane, LanePlan, ProducerFactory
from exchange.adapters.lane_events import Assigned, Hook, Polled, silent
from exchange.adapters.lane_state import Limits
from exchange.adapters.lane_topics import TopicBook
from exchange.adapters.room import HasRoom
from exchange.core.step import Processor
from exchange.errors import ConfigError, StateError, TopicMissingError

SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 1_500
REBALANCE_TIMEOUT_MS = 15_000  # longer than a lane's polite stop
WATCH_MS = 250


class Loop:
    """Runs a processor over the partitions its group assigns to this process.

    Args:
        processor: the steps and topics.
        kafka: aiokafka's client settings (``bootstrap_servers``, security).
        deployment: first part of the group id and of every transactional id; two deployments must never share one.
        generation: of the journal this deployment folds.
        ensure_topics: async callable that makes topics a step asks for.
        hook: told what happens (:mod:`exchange.adapters.lane_events`); must not raise.
        limits: bounds of a batch and a transaction.
        producer: makes producers; only tests give another one.
        room: says whether the processor behind has room for drain work (:mod:`exchange.adapters.room`).
    """

    def __init__(
        self,
        processor: Processor,
        kafka: Mapping[str, Any],
        deployment: str,
        generation: str,
        *,
        ensure_topics: EnsureTopics | None = None,
        hook: Hook = silent,
        limits: Limits | None = None,
        producer: ProducerFactory = aiokafka_txn.OnceProducer,
        room: HasRoom | None = None,
    ) -> None:
        self.plan = LanePlan(
            processor, dict(kafka), deployment, generation, limits or Limits(), hook, ensure_topics, producer, room
        )
        self._topics = TopicBook()
        self._lanes: dict[int, Lane] = {}
        self._consumer: Any = None
        self._stopping = asyncio.Event()
        self._fatal: StateError | None = None
        self._log = structlog.get_logger(__name__).bind(processor=processor.name)

    @property
    def lanes(self) -> list[int]:
        """The partitions this process works on now."""
        return sorted(self._lanes)

    async def run(self) -> None:
        """Take part in the group until :meth:`stop`; outages are waited out.

        Raises:
            TopicMissingError: input or state topic does not exist.
            ConfigError: they differ in partition count.
            StateError: the state belongs to another generation.
        """
        backoff = BACKOFF_S
        while not self._stopping.is_set():
            self.plan.hook(Polled(self.plan.processor.name))
            try:
                await self._look_around()
                await self._take_part()
                backoff = BACKOFF_S
            except (kafka_errors.KafkaError, OSError) as error:
                self._log.warning("group not reachable", error=type(error).__name__, wait_s=backoff)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), backoff)
                backoff = min(backoff * 2, BACKOFF_MAX_S)
            finally:
                await self._leave()
        if self._fatal is not None:
            raise self._fatal

    async def stop(self) -> None:
        """Ask :meth:`run` to finish the batches in flight and leave the group."""
        self._stopping.set()

    async def _look_around(self) -> None:
        """Are the topics as they must be? Who died here before leaves the group."""
        processor = self.plan.processor
        client = AIOKafkaClient(**self.plan.kafka)
        try:
            await client.bootstrap()
            cluster = await client.fetch_all_metadata()
            await membership.tidy(client, self.plan.group)
        finally:
            await client.close()
        counts = {name: len(cluster.partitions_for_topic(name) or ()) for name in (processor.input_topic, processor.state_topic)}
        for name, count in counts.items():
            if not count:
                raise TopicMissingError(f"topic {name} does not exist", hint="Run `exchange topics apply`.")
        if len(set(counts.values())) > 1:
            raise ConfigError(f"input and state topic of {processor.name} differ in partitions: {counts}")

    async def _take_part(self) -> None:
        settings = {
            "enable_auto_commit": False,
            "isolation_level": "read_committed",
            "session_timeout_ms": SESSION_TIMEOUT_MS,
            "heartbeat_interval_ms": HEARTBEAT_MS,
            "rebalance_timeout_ms": REBALANCE_TIMEOUT_MS,
            "request_timeout_ms": REBALANCE_TIMEOUT_MS + 5_000,  # a JoinGroup is answered when all members have joined
        }
        group = self.plan.group
        self._consumer = consumer = Consumer(
            **{**self.plan.kafka, **settings}, group_id=group, client_id=membership.client_id(group)
        )
        consumer.subscribe([self.plan.processor.input_topic], listener=_Assignment(self))
        await consumer.start()
        while not self._stopping.is_set():
            # every partition is paused: the call only raises the group's errors and shows that this member is alive
            self.plan.hook(Polled(self.plan.processor.name))
            await consumer.getmany(timeout_ms=WATCH_MS)

    async def _leave(self) -> None:
        self.plan.hook(Assigned(self.plan.processor.name, lanes=(), member=False))
        await self._stop_lanes()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(TimeoutError, kafka_errors.KafkaError, OSError):
                async with asyncio.timeout(aiokafka_txn.CLOSE_TIMEOUT_S):
                    await consumer.stop()

    async def _stop_lanes(self) -> None:
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.stop() for lane in lanes.values()))

    async def _revoked(self) -> None:
        await self._stop_lanes()

    async def _assigned(self, partitions: set[TopicPartition]) -> None:
        await self._stop_lanes()
        consumer = self._consumer
        if consumer is None or self._stopping.is_set():
            return
        consumer.pause(*partitions)
        self.plan.hook(Assigned(self.plan.processor.name, lanes=sorted(tp.partition for tp in partitions)))
        for tp in sorted(partitions):
            self._lanes[tp.partition] = lane = Lane(self.plan, tp.partition, consumer.committed, self._topics)
            lane.start(self._on_fatal)
        self._log.info("lanes assigned", lanes=self.lanes)

    def _on_fatal(self, error: StateError) -> None:
        self._fatal = error
        self._stopping.set()


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks, handed on to the loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """The group is about to hand the partitions out anew: stop all lanes."""
        await self._loop._revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """These partitions are ours now: start a lane for each."""
        await self._loop._assigned(assigned)
