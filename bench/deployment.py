"""One deployment under measurement: its topics, its engine's processes, and what the broker's timestamps say of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from bench.world import Submission
from exchange.adapters.admin import Admin
from exchange.adapters.setup import apply_topics
from exchange.adapters.topic_reader import read_all
from exchange.core.step import Record
from exchange.runtime import load_codec, put_rules_in_force
from exchange.settings import Settings

HERE = Path(__file__).parent.parent
STAGES = ("intake", "dossier", "fanout")
ENGINES: dict[str, tuple[str, ...]] = {
    "ours": ("bench.engines.ours",),
    "faust": ("bench.engines.plain_faust",),
    "quix": ("bench.engines.quix",),
    "quix-exactly-once": ("bench.engines.quix", "--exactly-once"),
    "bare": ("bench.engines.bare",),
    "confluent-transactional": ("bench.engines.bare", "--transactional"),
}
PARTITIONS = max(2, os.cpu_count() or 2)
"""As many as cores, for all contenders: more lanes than cores only make more and smaller transactions (docs/sizing.md)."""
QUIET_S = 2.0
LIMIT_S = 900.0


class Deployment:
    """Use as an async context manager.

    Args:
        bootstrap: address of the broker.
        name: of the deployment; new for each measurement.
        engine: key of :data:`ENGINES`.
        logs: folder for what its processes say.
        workers: processes of each stage.
        partitions: of the deployment.
    """

    def __init__(
        self, bootstrap: str, name: str, engine: str, logs: Path, workers: int = 1, partitions: int = PARTITIONS
    ) -> None:
        self.settings = Settings(home=logs / name, bootstrap_servers=bootstrap, deployment=name, partitions=partitions)
        self.schemas, self.codec = load_codec()
        self.topics = self.settings.topics
        self.engine, self._logs, self._workers = engine, logs, workers
        self.processes: list[tuple[str, psutil.Popen]] = []
        self._producer: Any = None
        self._asker: Any = None

    @property
    def kafka(self) -> dict[str, Any]:
        """Client settings."""
        return self.settings.kafka_kwargs()

    async def __aenter__(self) -> Self:
        await apply_topics(self.kafka, self.topics)
        await put_rules_in_force(self.settings, "bench")
        self._producer = AIOKafkaProducer(**self.kafka, acks="all", enable_idempotence=True, linger_ms=1, max_batch_size=1 << 18)
        self._asker = AIOKafkaConsumer(**self.kafka)
        await self._producer.start()
        await self._asker.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.stop()
        await self._producer.stop()
        await self._asker.stop()

    async def party_topics(self, parties: Sequence[str]) -> float:
        """Make the notice topics beforehand; returns the seconds."""
        began = time.monotonic()
        async with Admin(self.kafka) as admin:
            for at in range(0, len(parties), 500):
                await admin.apply([self.topics.notice_spec(party) for party in parties[at : at + 500]])
        return time.monotonic() - began

    # -- processes

    def environment(self) -> dict[str, str]:
        """Variables of a process that works on this deployment."""
        return {
            **os.environ,
            "PYTHONPATH": f"{HERE}:{HERE / 'src'}",
            "EXCHANGE_HOME": str(self.settings.home),
            "EXCHANGE_BOOTSTRAP_SERVERS": str(self.settings.bootstrap_servers),
            "EXCHANGE_DEPLOYMENT": self.topics.deployment,
            "EXCHANGE_PARTITIONS": str(self.topics.partitions),
        }

    def start(self, stages: Sequence[str] = STAGES) -> None:
        """Start the engine's processes."""
        module, *more = ENGINES[self.engine]
        environment = self.environment()
        for stage in stages:
            for number in range(self._workers):
                given = [
                    "--processor",
                    stage,
                    "--bootstrap",
                    str(self.settings.bootstrap_servers),
                    "--deployment",
                    self.topics.deployment,
                ]
                log = (self._logs / f"{self.topics.deployment}-{stage}-{number}.log").open("wb")
                command = [sys.executable, "-m", module, *more, *given, "--partitions", str(self.topics.partitions)]
                process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=HERE)
                self.processes.append((stage, process))

    def stop(self) -> None:
        """End them."""
        for _, process in self.processes:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs([process for _, process in self.processes], timeout=20)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self.processes = []

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by stage."""
        used: dict[str, float] = {}
        for stage, process in self.processes:
            times = process.cpu_times()
            used[stage] = used.get(stage, 0.0) + times.user + times.system
        return used

    def memory(self) -> dict[str, int]:
        """Resident bytes of the largest process of each stage."""
        found: dict[str, int] = {}
        for stage, process in self.processes:
            found[stage] = max(found.get(stage, 0), process.memory_info().rss)
        return found

    def alive(self) -> bool:
        """Whether all of them run."""
        return all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for _, process in self.processes)

    # -- records

    async def publish(self, submissions: Iterable[Submission], rate: float | None = None) -> int:
        """Send to the submissions topic, as fast as it goes or at a rate a second; returns how many."""
        began, waiting, count = time.monotonic(), [], 0
        for one in submissions:
            if rate is not None and (ahead := count / rate - (time.monotonic() - began)) > 0:
                await asyncio.sleep(ahead)
            headers = list(one.headers)
            waiting.append(await self._producer.send(self.topics.submissions, one.value, one.key, one.partition, headers=headers))
            count += 1
        await asyncio.gather(*waiting)
        return count

    async def ends(self) -> dict[str, int]:
        """End offsets summed by topic, those of notices together."""
        await self._asker._client.force_metadata_update()
        places = []
        wanted = {self.topics.journal, self.topics.decisions, self.topics.dead_letters}
        for topic in await self._asker.topics():
            if topic in wanted or self.topics.party_of(topic):
                places += [TopicPartition(topic, each) for each in self._asker.partitions_for_topic(topic) or ()]
        ends = await self._asker.end_offsets(places)
        found: dict[str, int] = {}
        for place, end in ends.items():
            name = "notices" if self.topics.party_of(place.topic) else place.topic
            found[name] = found.get(name, 0) + end
        return found

    async def at_rest(self, more_than: int = 0, quiet_s: float = QUIET_S, limit_s: float = LIMIT_S) -> None:
        """Wait until nothing is written any more, and the journal holds more than so many records.

        Raises:
            TimeoutError: it goes on for too long, or a process ended.
        """
        began = changed = time.monotonic()
        last: dict[str, int] = {}
        while True:
            now = await self.ends()
            if now != last:
                last, changed = now, time.monotonic()
            elif time.monotonic() - changed > quiet_s and now.get(self.topics.journal, 0) > more_than:
                return
            if time.monotonic() - began > limit_s or not self.alive():
                raise TimeoutError("not at rest in time, or a process ended")
            await asyncio.sleep(0.25)

    async def read(self, topics: Iterable[str]) -> list[Record]:
        """All committed records of some topics."""
        await self._asker._client.force_metadata_update()
        places = [TopicPartition(topic, each) for topic in topics for each in self._asker.partitions_for_topic(topic) or ()]
        return [record for records in (await read_all(self.kafka, places)).values() for record in records]

    async def notices(self) -> list[tuple[Record, Any]]:
        """Every notice (receipts apart), with its record."""
        names = [topic for topic in await self._asker.topics() if self.topics.party_of(topic)]
        found = ((record, self.codec.decode_trusted(record.value or b"")) for record in await self.read(names))
        return [(record, value) for record, (name, value) in found if name == "Notice"]
