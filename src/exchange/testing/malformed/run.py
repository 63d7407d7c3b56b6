"""Sends malformed submissions beside valid ones through a real exchange, and judges what became of both."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka.structs import TopicPartition

from exchange.adapters.broker_config import free_port
from exchange.adapters.producer import Producer
from exchange.adapters.topic_reader import read_all
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.processors import NAMES
from exchange.local import LocalExchange
from exchange.refs import partition_of
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.testing.faults.flow import Flow
from exchange.testing.faults.world import START
from exchange.testing.malformed.attacks import CODECS, Attack, Attacks

SENDERS = 8
TURN_S = 0.05
RELEASES_A_LINE = 50
BOMB_RECORDS, BOMB_RECORD = 48, 900 * 1024
"""A bomb is one batch of so many records, each of so many zeros: 42 MiB in a few kilobytes."""
BOMB_EVERY = 5000
REST_S = 300.0

Place = tuple[int, int]
"""Partition and offset of a submission."""


class Valid(NamedTuple):
    """A valid submission on record: its event id, and when the broker appended it, in milliseconds."""

    event_id: str
    party: str
    at_ms: int


@dataclass
class Sent:
    """What was sent.

    Attributes:
        reasons: expected reason of each malformed submission, by place.
        kinds: how many of each kind.
        alone: valid submissions while nothing else was sent.
        beside: valid submissions beside the malformed ones.
        seconds: how long the malformed ones took to send.
    """

    reasons: dict[Place, str] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    alone: list[Valid] = field(default_factory=list)
    beside: list[Valid] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Outcome:
    """What became of it.

    Attributes:
        missing: malformed submissions without a dead letter.
        repeated: dead letters beyond the first of a record.
        stray: dead letters of records that were not malformed.
        wrong: places whose reason is another than expected.
        untold: valid submissions without their one notice.
        exits: workers that ended.
        reopened: times a lane closed and opened anew.
        alone_ms, beside_ms: publish to notice, by the broker's clock.
        peak_mb: most memory of each worker.
    """

    sent: Sent
    missing: int
    repeated: int
    stray: int
    wrong: Sequence[tuple[Place, str, str]]
    untold: int
    exits: int
    reopened: int
    alone_ms: Sequence[int]
    beside_ms: Sequence[int]
    peak_mb: dict[str, int]

    @property
    def clean(self) -> bool:
        """Whether everything is as it must be, the delay apart."""
        return not (self.missing or self.repeated or self.stray or self.wrong or self.untold or self.exits)

    @property
    def attributable_ms(self) -> int:
        """How much longer the slowest valid submission beside malformed ones took than the median one alone."""
        return max(self.beside_ms, default=0) - quantile(self.alone_ms, 0.5)


def quantile(values: Sequence[int], share: float) -> int:
    """The smallest value that is not below ``share`` of all; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


class Plan(NamedTuple):
    """How much, and how fast.

    Attributes:
        malformed: malformed submissions, those in bombs among them.
        rate: of them a second.
        valid_rate: valid ones a second.
        alone_s: seconds of valid ones alone, before.
    """

    seed: int
    malformed: int
    rate: float = 500.0
    valid_rate: float = 10.0
    alone_s: float = 20.0


async def run(home: Path, plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Run it in an exchange of its own under ``home``."""
    local = LocalExchange(Settings(home=home, port=free_port()), workers=NAMES, say=say)
    async with local, AsyncExitStack() as stack:
        programme = Programme(local.settings, plan, say)
        await programme.connect(stack)
        pids = {name: worker.process.pid for name, worker in local.workers.items() if worker.process}
        await programme.register()
        before = _reopened(local)
        await programme.publish()
        say(f"{len(programme.sent.reasons)} malformed submissions are sent; waiting until all is worked off")
        await programme.rest()
        exits = sum(not worker.alive for worker in local.workers.values())
        peak = {name: _peak_mb(pid) for name, pid in pids.items()}
        return await programme.judge(exits, _reopened(local) - before, peak)


class Programme:
    """One run against an exchange that is up."""

    def __init__(self, settings: Settings, plan: Plan, say: Callable[[str], None]) -> None:
        self.settings, self.plan, self.say = settings, plan, say
        self.sent = Sent()
        self.codec: Codec
        _, self.codec = load_codec()
        topics = settings.topics
        self.honest, self.hostile = _parties("honest", topics.partitions), _parties("mallory", topics.partitions)
        self.attacks = Attacks(plan.seed, self.codec, topics, self.hostile)
        self._producers: dict[str | None, Any] = {}
        self._bombs: Any = None
        self._flow: Flow | None = None

    async def connect(self, stack: AsyncExitStack) -> None:
        """A producer for each compression, one for bombs, and one who watches the flow."""
        kafka = {**self.settings.kafka_kwargs(), "acks": "all", "max_request_size": 2**21}
        for compression in set(CODECS):
            self._producers[compression] = Producer(**kafka, compression_type=compression, linger_ms=5)
        self._bombs = Producer(**kafka, compression_type="zstd", max_batch_size=BOMB_RECORDS * (BOMB_RECORD + 1024))
        for producer in (*self._producers.values(), self._bombs):
            await producer.start()
            stack.push_async_callback(producer.stop)
        self._flow = await stack.enter_async_context(Flow(self.settings))

    async def register(self) -> None:
        """All parties that send anything register first."""
        for party in (*self.honest, *self.hostile):
            record = {"party": party, "display_name": party, "roles": ["developer"]}
            identity = f"registration-{party}"
            attributes = Attributes(identity, "Party", party, time=START, idempotency_key=identity)
            await (await self._send(party, self.codec.encode("Party", record), attributes))
        await self.rest()

    async def publish(self) -> None:
        """Valid submissions alone, then beside malformed ones."""
        await self._valid(self.sent.alone, until=_after(self.plan.alone_s))
        self.say(f"{len(self.sent.alone)} valid submissions alone; now beside {self.plan.malformed} malformed ones")
        done = asyncio.Event()
        steady = asyncio.create_task(self._valid(self.sent.beside, until=done.is_set))
        started = time.monotonic()
        await self._malformed()
        self.sent.seconds = time.monotonic() - started
        done.set()
        await steady

    async def rest(self) -> None:
        """Wait until all that was sent is worked off."""
        assert self._flow is not None  # noqa: S101 - connect() came first
        await self._flow.until_rest(REST_S)

    # ------------------------------------------------------------------------------------------- sending

    async def _valid(self, sent: list[Valid], until: Callable[[], bool]) -> None:
        numbers = iter(range(len(self.sent.alone), 1 << 30))
        due = time.monotonic()
        waiting = []
        while not until():
            number = next(numbers)
            party = self.honest[number % len(self.honest)]
            release = f"{party}/line-{number // (RELEASES_A_LINE * len(self.honest))}@{number}"
            attributes = Attributes(f"v{number:07d}", "ModelCard", party, time=START)
            value = self.codec.encode("ModelCard", {"release": release, "stage": "released", "licence": "MIT"})
            waiting.append((attributes.id, party, await self._send(party, value, attributes)))
            due += 1 / self.plan.valid_rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        for identity, party, future in waiting:
            sent.append(Valid(identity, party, (await future).timestamp))

    async def _send(self, party: str, value: bytes, attributes: Attributes) -> Any:
        topics = self.settings.topics
        partition, headers = partition_of(party, topics.partitions), list(to_headers(attributes))
        return await self._producers[None].send(topics.submissions, value, party.encode(), partition, headers=headers)

    async def _malformed(self) -> None:
        waiting: list[tuple[Attack, Any]] = []
        due = time.monotonic()
        bombs = max(1, self.plan.malformed // BOMB_EVERY) if self.plan.malformed > 4 * BOMB_RECORDS else 0
        each = max(1, self.plan.malformed // (bombs + 1))
        number = sent = 0
        while sent < self.plan.malformed:
            for _ in range(min(max(1, int(self.plan.rate * TURN_S)), self.plan.malformed - sent)):
                if (
                    bombs
                    and sent >= each * (self.sent.kinds["bomb"] // BOMB_RECORDS + 1)
                    and self.plan.malformed - sent >= BOMB_RECORDS
                ):
                    bombs -= 1
                    sent += BOMB_RECORDS
                    due += BOMB_RECORDS / self.plan.rate
                    await self._bomb()
                    continue
                if sent == self.plan.malformed:
                    break
                attack = self.attacks.make(number)
                waiting.append((attack, await self._throw(attack)))
                number, sent, due = number + 1, sent + 1, due + 1 / self.plan.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        for attack, future in waiting:
            done = await future
            self.sent.reasons[(done.partition, done.offset)] = attack.reason
            self.sent.kinds[attack.kind] += 1

    async def _throw(self, attack: Attack) -> Any:
        producer, topic = self._producers[attack.compression], self.settings.topics.submissions
        return await producer.send(topic, attack.value, attack.key, attack.partition, headers=list(attack.headers))

    async def _bomb(self) -> None:
        """One batch that expands to more than a reader takes: each of its records is a dead letter."""
        topics = self.settings.topics
        partition = self.sent.kinds["bomb"] // BOMB_RECORDS % topics.partitions
        batch = self._bombs.create_batch()
        for _ in range(BOMB_RECORDS):
            assert batch.append(key=b"mallory", value=b"\0" * BOMB_RECORD, timestamp=None)  # noqa: S101 - it has the room
        batch.close()
        done = await (await self._bombs.send_batch(batch, topics.submissions, partition=partition))
        for offset in range(done.offset, done.offset + BOMB_RECORDS):
            self.sent.reasons[(partition, offset)] = "too-large"
        self.sent.kinds["bomb"] += BOMB_RECORDS

    # ------------------------------------------------------------------------------------------- judging

    async def judge(self, exits: int, reopened: int, peak_mb: dict[str, int]) -> Outcome:
        """Compare dead letters and notices with what was sent."""
        letters = await self._dead_letters()
        found = dict(letters)
        expected = self.sent.reasons
        delays = await self._delays()
        valid = (*self.sent.alone, *self.sent.beside)
        return Outcome(
            self.sent,
            missing=len(expected.keys() - found.keys()),
            repeated=len(letters) - len(found),
            stray=len(found.keys() - expected.keys()),
            wrong=[
                (place, expected[place], found[place])
                for place in expected
                if found.get(place, expected[place]) != expected[place]
            ],
            untold=sum(each.event_id not in delays for each in valid),
            exits=exits,
            reopened=reopened,
            alone_ms=[delays[each.event_id] for each in self.sent.alone if each.event_id in delays],
            beside_ms=[delays[each.event_id] for each in self.sent.beside if each.event_id in delays],
            peak_mb=peak_mb,
        )

    async def _dead_letters(self) -> list[tuple[Place, str]]:
        place = TopicPartition(self.settings.topics.dead_letters, 0)
        records = (await read_all(self.settings.kafka_kwargs(), [place]))[place]
        letters = [self.codec.decode_trusted(record.value or b"")[1] for record in records]
        return [((letter["partition"], letter["offset"]), letter["reason"]) for letter in letters]

    async def _delays(self) -> dict[str, int]:
        """Milliseconds from the append of each valid submission to that of its notice; of none that has not exactly one."""
        topics = self.settings.topics
        places = {TopicPartition(topics.notices(party), 0): party for party in self.honest}
        at = {each.event_id: each.at_ms for each in (*self.sent.alone, *self.sent.beside)}
        told: dict[str, list[int]] = {}
        for records in (await read_all(self.settings.kafka_kwargs(), list(places))).values():
            for record in records:
                name, notice = self.codec.decode_trusted(record.value or b"")
                cause = notice["cause"]["event_id"] if name == "Notice" and notice["cause"] else ""
                if cause in at:
                    told.setdefault(cause, []).append(record.timestamp_ms)
        return {cause: times[0] - at[cause] for cause, times in told.items() if len(times) == 1}


def _parties(prefix: str, partitions: int) -> list[str]:
    """Names of parties, as many of each partition as of any other."""
    names: dict[int, list[str]] = {partition: [] for partition in range(partitions)}
    number = 0
    while any(len(found) < SENDERS // partitions for found in names.values()):
        name = f"{prefix}-{number}"
        found = names[partition_of(name, partitions)]
        if len(found) < SENDERS // partitions:
            found.append(name)
        number += 1
    return [name for row in zip(*names.values(), strict=True) for name in row]


def _reopened(local: LocalExchange) -> int:
    return sum(worker.log.read_text().count("lane closes") for worker in local.workers.values())


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _peak_mb(pid: int) -> int:
    """Most memory a process ever had, in MB; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0
