"""One run of the fault programme: plan, workload, exchange, and at the end the verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.broker_config import search_from
from exchange.adapters.topic_reader import read_all
from exchange.audit import examine
from exchange.client import Exchange
from exchange.core.codec import Codec
from exchange.core.processors import NAMES
from exchange.errors import BrokerError, TimedOutError
from exchange.local import LocalExchange
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.testing.cluster import REPLICAS, Cluster
from exchange.testing.faults.disk import small_disk
from exchange.testing.faults.flow import Flow
from exchange.testing.faults.folding import fold_apart
from exchange.testing.faults.injector import Injector
from exchange.testing.faults.network import Way
from exchange.testing.faults.plan import Fault
from exchange.testing.faults.publisher import Publisher
from exchange.testing.faults.releases import HERE, semantics_of, unpack_release
from exchange.testing.faults.verdict import Verdict, by_oracles, judge_notices, judge_submissions
from exchange.testing.faults.witness import Witness
from exchange.testing.faults.workload import CLIENTS, FIRST_PARTIES, Step, make_workload

FANOUT_LIMIT = 20
"""Small, so that fan-out has queues to lose."""
CAUGHT_UP_S = 600.0
PUBLISHED_S = 600.0
PORTS_FROM, PORTS_SPREAD = 20096, 8000

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a run found and measured.

    Attributes:
        verdict: what is wrong.
        faults: how often each kind happened.
        events: steps published.
        notices: notices on record.
        catch_up_s: seconds from the last fault and the last step to rest, of each rest period.
        resume_s: seconds from the end of a fault that the next one waited for until what lay in the inputs was worked off.
        kill_resume_s: those of them that came after a worker's kill -9.
        died_at: how often a worker killed itself at each point of a transaction.
        late_commits: error codes the broker answered late commits with; 0: it took one.
        full: how often a full disk ended the node, and how often it refused and lived on.
        audit_s: seconds the final comparison took.
    """

    verdict: Verdict = field(default_factory=Verdict)
    faults: Counter[str] = field(default_factory=Counter)
    events: int = 0
    notices: int = 0
    catch_up_s: list[float] = field(default_factory=list)
    resume_s: list[float] = field(default_factory=list)
    kill_resume_s: list[float] = field(default_factory=list)
    died_at: Counter[str] = field(default_factory=Counter)
    late_commits: Counter[int] = field(default_factory=Counter)
    full: Counter[str] = field(default_factory=Counter)
    audit_s: float = 0.0


@dataclass
class _Stage:
    injector: Injector
    publisher: Publisher
    flow: Flow
    witness: Witness
    settings: Settings


async def run(
    home: Path,
    plan: Sequence[Fault],
    seed: int,
    events: int,
    rate: float,
    say: Say,
    *,
    nodes: int = 1,
    repository: Path = HERE,
) -> Outcome:
    """Run a plan against the workload of a seed.

    Args:
        home: an empty folder; the evidence lies in it afterwards.
        plan: what goes wrong.
        seed: of the workload.
        events: steps of the workload.
        rate: most steps a second.
        say: told what happens, a line each.
        nodes: of the broker: 1, or at least three.
        repository: where the last release is, for upgrades.
    """
    _, codec = load_codec()
    kinds = {fault.kind for fault in plan}
    release = unpack_release(home / "release", repository) if "upgrade" in kinds else None
    settings = Settings(
        home=home,
        fanout_limit=FANOUT_LIMIT,
        replication=REPLICAS if nodes > 1 else 1,
        semantics=semantics_of(release) if release else None,
    )
    cluster = Cluster(home / "kafka", nodes, search_from(PORTS_FROM, PORTS_SPREAD), settings)
    steps = make_workload(seed, events, codec, settings.topics)
    outcome = Outcome(events=len(steps))
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(cluster.nodes[0].data_dir / "data")) if "disk_full" in kinds else None
        ways = [await stack.enter_async_context(Way(way.advertised, way.port)) for way in cluster.ways]
        local = LocalExchange(settings, workers=NAMES, say=say, kafka=cluster, way=cluster.way)
        await stack.enter_async_context(local)
        injector = Injector(local, cluster, ways, disk, release)
        stage = await stack.enter_async_context(_stage(local, injector, codec, steps, rate))
        try:
            await _play(stage, plan, len(steps), outcome, say)
        except TimedOutError as error:
            outcome.verdict.wrong.append(error.message)
            say(error.message)
        outcome.late_commits = Counter(injector.late_commits)
        outcome.died_at = injector.died_at
        outcome.full = Counter("refused" if lived else "ended" for lived in injector.refused)
        await _judge(stage, steps, codec, outcome, say)
    return outcome


@asynccontextmanager
async def _stage(
    local: LocalExchange, injector: Injector, codec: Codec, steps: Sequence[Step], rate: float
) -> AsyncIterator[_Stage]:
    settings = local.settings
    beside = [asyncio.create_task(_supervise(local))]
    try:
        async with (
            Flow(settings) as flow,
            Witness(settings, codec) as witness,
            Publisher(settings, codec, steps, rate) as publisher,
        ):
            yield _Stage(injector, publisher, flow, witness, settings)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        injector.close()


async def _supervise(local: LocalExchange) -> None:
    while True:
        local.supervise()
        await asyncio.sleep(0.1)


async def _play(stage: _Stage, plan: Sequence[Fault], steps: int, outcome: Outcome, say: Say) -> None:
    """Each fault beside its part of the workload."""
    stage.publisher.allow(min(steps, FIRST_PARTIES))
    await stage.publisher.until_done(PUBLISHED_S)
    await stage.flow.until_worked_off(CAUGHT_UP_S)  # a receipt for a party whose topic is not there yet is not written
    for number, fault in enumerate(plan, 1):
        stage.publisher.allow(steps * number // len(plan))
        began = time.monotonic()
        await stage.injector.inject(fault)
        outcome.faults[fault.kind] += 1
        what = f"{number}/{len(plan)} {fault.kind} {' '.join((*fault.targets, fault.point))} ({time.monotonic() - began:.1f} s)"
        if fault.alone:
            outcome.resume_s.append(await stage.flow.until_worked_off(CAUGHT_UP_S))
            if fault.kind in ("kill", "kill_at"):
                outcome.kill_resume_s.append(outcome.resume_s[-1])
            what += f", resumed after {outcome.resume_s[-1]:.1f} s"
        if fault.rest:
            await _rest(stage, outcome)
            what += f", at rest after {outcome.catch_up_s[-1]:.1f} s"
        say(f"{what}; {stage.publisher.done} events, {stage.witness.notices} notices seen")
        await asyncio.sleep(fault.after)
    stage.publisher.allow(steps)
    if not (plan and plan[-1].rest):
        await _rest(stage, outcome)


async def _rest(stage: _Stage, outcome: Outcome) -> None:
    await stage.publisher.until_done(PUBLISHED_S)
    outcome.catch_up_s.append(await stage.flow.until_rest(CAUGHT_UP_S))


async def _judge(stage: _Stage, steps: Sequence[Step], codec: Codec, outcome: Outcome, say: Say) -> None:
    settings, began = stage.settings, time.monotonic()
    recorded, found = await examine(settings, fold_apart)
    verdict = by_oracles(found)
    verdict.wrong += outcome.verdict.wrong
    verdict.wrong += ["a commit that came late was taken"] * outcome.late_commits[0]
    lanes = [TopicPartition(settings.topics.submissions, lane) for lane in range(settings.partitions)]
    logs = await read_all(settings.kafka_kwargs(), lanes)
    submissions = {place.partition: log for place, log in logs.items()}
    judge_submissions(verdict, steps, submissions, recorded, stage.publisher.answers)
    judge_notices(verdict, recorded, codec)
    outcome.notices = sum(map(len, recorded.notices.values()))
    await stage.witness.until(outcome.notices, 30.0)
    _testify(verdict, stage.witness, outcome.notices)
    for party in CLIENTS:
        verdict.wrong += await _read_by_client(settings, party, recorded.notices)
    outcome.verdict, outcome.audit_s = verdict, time.monotonic() - began
    say(f"compared in {outcome.audit_s:.1f} s")


def _testify(verdict: Verdict, witness: Witness, notices: int) -> None:
    verdict.repeated += [f"a reader saw {each}" for each in witness.repeated]
    verdict.lost += [f"a reader saw {each}" for each in witness.missing]
    verdict.leaked += witness.leaked
    if witness.notices != notices:
        verdict.wrong.append(f"a reader saw {witness.notices} notices, on record are {notices}")


async def _read_by_client(settings: Settings, party: str, notices: Any) -> list[str]:
    """The client library reads all its party was told; it raises on a gap."""
    wanted = sum(len(values) for (reader, _), values in notices.items() if reader == party)
    async with Exchange(party, settings=settings) as exchange:
        try:
            async with exchange.subscribe(keep=False, follow=False) as feed:
                read = [notice async for notice in feed]
        except BrokerError as error:
            return [f"{party}'s client: {error.message}"]
    return [] if len(read) == wanted else [f"{party}'s client read {len(read)} of {wanted} notices"]
