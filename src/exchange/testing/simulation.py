"""The core under faults, simulated: one seed is one world, one schedule and one series of crashes, and always the same run.

The real steps run over a model of the log (:class:`exchange.testing.bus.Bus`). Partitions advance in any order, submissions are
repeated or are no records at all, workers die in the middle of a step, large fan-outs wait in their queues. At rest both oracles
judge, as ``exchange audit`` does for a live exchange; besides, every submission must have exactly one answer.

``python -m exchange.testing.simulation --seeds 1000``, or ``make simulate SEEDS=1000``.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from exchange.audit import Recorded, compare
from exchange.core import risk
from exchange.core.envelope import from_headers
from exchange.core.step import Output
from exchange.oracles.fold import fold
from exchange.runtime import collect_garbage_seldom
from exchange.testing import lineages
from exchange.testing.bus import Bus
from exchange.testing.contents import filled

REPEATED = 0.1
MALFORMED = 0.05
CRASH = 0.05
BLOCK = 20
"""Seeds a process takes at a time."""


class Run(NamedTuple):
    """One seed's run.

    Attributes:
        seed: of everything in it.
        events: submissions.
        notices: told.
        crashes: workers that died.
        problems: what is wrong; empty in a good run.
    """

    seed: int
    events: int
    notices: int
    crashes: int
    problems: tuple[str, ...]


def simulate(seed: int) -> Run:
    """Run one seed."""
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    partitions, limit = chance.choice((1, 2, 3)), chance.choice((1, 2, 5, 500))
    bus = Bus(partitions, limit, encode_state=chance.random() < 0.25, crash=CRASH)
    size = {"parties": chance.randint(2, 4), "lines": chance.randint(1, 2), "events": chance.randint(5, 30)}
    popular = random.Random(f"popular {seed}").choice((0, 0, 0, 9))  # noqa: S311
    steps = lineages.lineage(chance, **size, popular=popular, token=risk.token)
    events, malformed = _play(bus, filled(steps, chance) if chance.random() < 0.5 else steps, chance)
    found = record(bus)
    folded = fold(found.journal, bus.topics, bus.codec, bus.schemas, bus.rules_of)
    audit = compare(found, folded, bus.codec, bus.rules_of)
    problems = [] if audit.clean else [audit.first or repr(audit)]
    problems += _answers(bus, events, malformed)
    return Run(seed, events + malformed, audit.notices, bus.crashes, tuple(problems))


def _play(bus: Bus, steps: Sequence[lineages.Step], chance: random.Random) -> tuple[int, int]:
    """Give the world to the bus, now with the flow at work in between; how many submissions were records, and how many not."""
    events = malformed = 0
    for step in steps:
        if isinstance(step, lineages.Told):
            bus.run(chance.randrange(2**32))
            bus.tick(step.time)
        else:
            for _ in range(2 if chance.random() < REPEATED else 1):
                bus.submit(step.party, step.name, step.record, event_id=step.event_id)
                events += 1
            if chance.random() < MALFORMED:
                partition, value = chance.randrange(bus.topics.partitions), chance.randbytes(chance.randrange(40))
                bus.write(Output(bus.topics.submissions, partition, step.party.encode(), value))
                malformed += 1
        if chance.random() < 0.3:
            bus.run(chance.randrange(2**32))
    bus.run(chance.randrange(2**32))
    return events, malformed


def record(bus: Bus) -> Recorded:
    """What the topics of a bus hold, as :func:`exchange.audit.record` reads it from Kafka."""
    topics, found = bus.topics, Recorded()
    lanes = range(topics.partitions)
    found.submissions = {(p, each.offset) for p in lanes for each in bus.logs[(topics.submissions, p)]}
    found.journal = {p: bus.logs[(topics.journal, p)] for p in lanes}
    found.decisions = {p: [each.value or b"" for each in bus.logs[(topics.decisions, p)]] for p in lanes}
    for lane in (bus.lane("dossier", p) for p in lanes):
        for key, value in lane.state.scan("dossier/"):
            found.dossiers[key.removeprefix("dossier/")] = lane.processor.encode(key, value)
    found.dead_letters = bus.records(topics.dead_letters, "DeadLetter")
    for name in {topic for topic, _ in bus.logs}:
        party = topics.party_of(name)
        for each in bus.logs[(name, 0)] if party else ():
            if from_headers(each.headers, timeless=True).name == "Notice":
                found.notices[(str(party), (each.key or b"").decode())].append(each.value or b"")
            else:
                found.receipts[str(party)].append(bus.codec.decode_trusted(each.value or b"")[1])
    return found


def _answers(bus: Bus, events: int, malformed: int) -> Iterator[str]:
    """Every record has one receipt, everything else one dead letter; the journal holds each event once."""
    parties = {party for topic, _ in bus.logs if (party := bus.topics.party_of(topic))}
    receipts = [receipt for party in parties for receipt in bus.receipts(party)]
    letters = [letter for letter in bus.records(bus.topics.dead_letters, "DeadLetter") if letter["processor"] == "intake"]
    answered = Counter((receipt["lane"], receipt["offset"]) for receipt in receipts)
    if any(count > 1 for count in answered.values()) or len(receipts) < events:
        yield f"{events} submissions, {len(receipts)} receipts for {len(answered)} of them"
    if len(letters) != malformed:
        yield f"{malformed} malformed submissions, {len(letters)} dead letters"
    accepted = {str(receipt["event_id"]) for receipt in receipts if receipt["status"] == "accepted"}
    logs = (bus.logs[(bus.topics.journal, p)] for p in range(bus.topics.partitions))
    written = Counter(from_headers(each.headers, timeless=True).id for log in logs for each in log)
    if any(written[event] != 1 for event in accepted):
        yield "an accepted event is not in the journal once"


def _block(seeds: Sequence[int]) -> list[Run]:
    return [_safely(seed) for seed in seeds]


def _safely(seed: int) -> Run:
    try:
        return simulate(seed)
    except Exception as error:
        return Run(seed, 0, 0, 0, (f"{type(error).__name__}: {error}",))


def main() -> None:
    """Run many seeds in all cores; one JSON line at the end, exit code 1 when a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m exchange.testing.simulation", description="Simulate the core under faults.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    blocks = [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]
    began, runs = time.monotonic(), list[Run]()
    with (
        Progress(console=Console(stderr=True), transient=True) as progress,
        ProcessPoolExecutor(initializer=collect_garbage_seldom) as pool,
    ):
        task = progress.add_task("seeds", total=len(seeds))
        for block in pool.map(_block, blocks):
            runs += block
            progress.advance(task, len(block))
    failed = [run for run in runs if run.problems]
    for run in failed:
        sys.stderr.write(f"seed {run.seed}: {'; '.join(run.problems)}\n")
    total = {name: sum(getattr(run, name) for run in runs) for name in ("events", "notices", "crashes")}
    seconds = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps({"seeds": len(runs), "failed": [run.seed for run in failed], **total, "seconds": seconds}) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
