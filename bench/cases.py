"""What is measured. Each case returns plain numbers; :mod:`bench.__main__` puts them together."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

from bench.deployment import STAGES, Deployment
from bench.world import World

_numbers = count(1)
Say = Callable[[str], None]


def _name(case: str, engine: str) -> str:
    return f"b{next(_numbers)}-{case}-{engine}"


async def _opened(deployment: Deployment, world: World) -> None:
    """Registrations, cards and subscriptions, worked off."""
    await deployment.party_topics(world.parties)
    deployment.start()
    await deployment.publish(world.opening())
    await deployment.at_rest(len(world.parties), quiet_s=3.0)


async def throughput(bootstrap: str, engine: str, logs: Path, events: int, *, workers: int = 1, seed: int = 1) -> dict[str, Any]:
    """So many events at once, through all three stages: events a second of the clock and of the workers' CPU."""
    async with Deployment(bootstrap, _name("flow", engine), engine, logs, workers) as deployment:
        world = World(deployment.codec, deployment.topics, seed)
        await _opened(deployment, world)
        before, used, held, began = await deployment.ends(), deployment.cpu(), _on_disk(logs), time.time()
        await deployment.publish(world.news(events))
        await deployment.at_rest(before[deployment.topics.journal] + events - 1)
        spent = {stage: deployment.cpu()[stage] - used[stage] for stage in STAGES}
        memory, grown = deployment.memory(), _on_disk(logs) - held
        notices = await deployment.notices()
        news = [record.timestamp_ms / 1000 for record, _ in notices if record.timestamp_ms / 1000 >= began]
        seconds = max(news) - began
        identities = [(notice["party"], notice["line"], notice["n"]) for _, notice in notices]
        return {
            "events": events, "workers": workers, "seconds": round(seconds, 2), "events_s": round(events / seconds, 1),
            "cpu_s": {stage: round(value, 2) for stage, value in spent.items()},
            "events_per_cpu_s": round(events / sum(spent.values()), 1),
            "slowest_stage_events_per_cpu_s": round(events / max(spent.values()), 1),
            "notices": len(news), "repeated_notices": len(identities) - len(set(identities)),
            "disk_kb_an_event": round(grown / events / 1e3, 1),
            "rss_mb": {stage: round(value / 1e6) for stage, value in memory.items()},
        }  # fmt: skip


def _on_disk(logs: Path) -> int:
    """Bytes that the broker's files take; sparse ones what is written of them."""
    return sum(each.stat().st_blocks * 512 for each in (logs / "kafka").rglob("*") if each.is_file())


async def latency(bootstrap: str, engine: str, logs: Path, rates: Sequence[float], seconds: float) -> dict[str, Any]:
    """From the submission's append to the publisher's own notice, by the broker's timestamps."""
    found: dict[str, Any] = {}
    async with Deployment(bootstrap, _name("wait", engine), engine, logs) as deployment:
        world = World(deployment.codec, deployment.topics, seed=2)
        await _opened(deployment, world)
        for rate in rates:
            events = list(islice(world.news(10**9), min(3000, max(30, int(rate * seconds)))))
            before = (await deployment.ends())[deployment.topics.journal]
            began = time.monotonic()
            await deployment.publish(events, rate)
            took = time.monotonic() - began
            await deployment.at_rest(before + len(events) - 1)
            identities = {event.identity for event in events}
            sent = await _appended(deployment, identities)
            waits = []
            for record, notice in await deployment.notices():
                cause = notice["cause"]
                if notice["kind"] == "result" and cause and cause["event_id"] in identities:
                    waits.append(record.timestamp_ms - sent[cause["event_id"]])
            found[f"{rate:g}"] = {
                "offered_s": rate,
                "published_s": round(len(events) / took, 1),
                "events": len(waits),
                **_spread(waits),
            }
    return found


async def _appended(deployment: Deployment, identities: set[str]) -> dict[str, int]:
    """Append time in milliseconds by event id."""
    appended = {}
    for record in await deployment.read([deployment.topics.submissions]):
        identity = next(value.decode() for name, value in record.headers if name == "ce_id")
        if identity in identities:
            appended[identity] = record.timestamp_ms
    return appended


def _spread(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"p50_ms": -1, "p99_ms": -1, "max_ms": -1}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50_ms": round(cuts[49], 1), "p99_ms": round(cuts[98], 1), "max_ms": max(values)}


async def start_up(bootstrap: str, engine: str, logs: Path) -> dict[str, float]:
    """From starting the processes to the first notice of an event that waits for them."""
    async with Deployment(bootstrap, _name("start", engine), engine, logs) as deployment:
        world = World(deployment.codec, deployment.topics, seed=3, families=1)
        await deployment.party_topics(world.parties)
        await deployment.publish(world.opening())
        began = time.time()
        deployment.start()
        await deployment.at_rest(len(world.parties) + 2, quiet_s=5.0)
        first = min(record.timestamp_ms for record, _ in await deployment.notices()) / 1000
        return {"seconds": round(first - began, 2)}


async def main_case(say: Say, what: str, run: Any) -> Any:
    """Run one case and say what it found; a case that fails says so in the results instead of ending the others."""
    say(f"{what} …")
    try:
        async with asyncio.timeout(1800):
            found = await run
    except Exception as error:  # one contender that cannot do it is a result
        found = {"failed": f"{type(error).__name__}: {error}"}
    say(f"{what}: {found}")
    return found


async def rebuild(bootstrap: str, logs: Path, events: int) -> dict[str, Any]:
    """`exchange rebuild` of each processor over what so many events made: input records a second, on one core."""
    async with Deployment(bootstrap, _name("rebuild", "ours"), "ours", logs) as deployment:
        world = World(deployment.codec, deployment.topics, seed=6)
        await _opened(deployment, world)
        await deployment.publish(world.news(events))
        await deployment.at_rest(events)
        deployment.stop()
        found = {}
        for name in ("dossier", "fanout"):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "exchange.cli", "rebuild", "--processor", name, "--json",
                env=deployment.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            out, said = await process.communicate()
            if process.returncode:
                raise RuntimeError(f"exchange rebuild ended with {process.returncode}: {said.decode()[-300:]}")
            [told] = json.loads(out)
            found[name] = {
                "records": told["records"],
                "seconds": round(told["seconds"], 1),
                "records_s": round(told["records"] / told["seconds"]),
            }
        return found
