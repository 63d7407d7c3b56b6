"""What one change costs when many are concerned: parties with topics of their own, and child releases; and what state costs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.cases import _name, _spread
from bench.deployment import Deployment
from bench.world import ROLES, Submission, World

BASE = "dev0/base@1"
OTHER = "dev1/base@1"
OTHER_RATE = 10.0


async def parties(bootstrap: str, logs: Path, many: int) -> dict[str, Any]:
    """One change of a release that so many parties follow, each with a topic of its own; and what another line's news waits."""
    async with Deployment(bootstrap, _name("parties", "ours"), "ours", logs) as deployment:
        world = World(deployment.codec, deployment.topics, seed=4, families=2)
        names = [f"follower{n}" for n in range(many)]
        made = await deployment.party_topics([*world.parties, *names])
        deployment.start()
        await deployment.publish(world.opening())
        registrations = [world.make(each, "Party", {"party": each, "display_name": each, "roles": ROLES}) for each in names]
        await deployment.publish(registrations)
        await deployment.at_rest(len(world.parties) + many, quiet_s=4.0)
        await deployment.publish(world.make(each, "Subscription", {"target": "dev0/base"}) for each in names)
        await deployment.at_rest(len(world.parties) + 2 * many, quiet_s=4.0)
        alone = await _others(deployment, world, 5.0)
        change = world.assessment(BASE, "high")
        busy = asyncio.create_task(_others(deployment, world, 10.0))
        await asyncio.sleep(1)
        began = time.time()
        await deployment.publish([change])
        during = await busy
        await deployment.at_rest(quiet_s=3.0)
        times = [
            record.timestamp_ms / 1000
            for record in await deployment.read([deployment.topics.notices(each) for each in names])
            if record.timestamp_ms / 1000 > began and (record.key or b"") == b"dev0/base"
        ]
        return {
            "parties": many, "told": len(times), "seconds": round(max(times) - began, 2), "topics_made_s": round(made, 1),
            "others_alone": alone, "others_during": during, "rss_mb": _mb(deployment),
        }  # fmt: skip


async def children(bootstrap: str, logs: Path, many: int, holders: int) -> dict[str, Any]:
    """One change of a release of which so many were made, held by some parties; memory of that many dossiers."""
    async with Deployment(bootstrap, _name("children", "ours"), "ours", logs) as deployment:
        world = World(deployment.codec, deployment.topics, seed=5, families=2)
        names = [f"holder{n}" for n in range(holders)]
        await deployment.party_topics([*world.parties, *names])
        deployment.start()
        await deployment.publish(world.opening())
        await deployment.publish(
            world.make(each, "Party", {"party": each, "display_name": each, "roles": ROLES}) for each in names
        )
        await deployment.at_rest(len(world.parties) + holders, quiet_s=4.0)
        empty, began = deployment.memory(), time.monotonic()
        await deployment.publish(_made_from(world, BASE, many, names))
        await deployment.at_rest(len(world.parties) + holders + 3 * many - 1, quiet_s=6.0, limit_s=1700.0)
        built = time.monotonic() - began - 6.0
        full = deployment.memory()
        alone = await _others(deployment, world, 5.0)
        before, change = await deployment.ends(), world.assessment(BASE, "high")
        busy = asyncio.create_task(_others(deployment, world, 40.0))
        await asyncio.sleep(1)
        sent = time.time()
        await deployment.publish([change])
        during = await busy
        await deployment.at_rest(before[deployment.topics.journal] + many, quiet_s=5.0)
        times = [
            record.timestamp_ms / 1000
            for record in await deployment.read([deployment.topics.notices(each) for each in names])
            if record.timestamp_ms / 1000 > sent
        ]
        return {
            "children": many, "holders": holders, "told": len(times), "seconds": round(max(times) - sent, 2),
            "built_s": round(built, 1), "rss_mb_empty": {k: round(v / 1e6) for k, v in empty.items()},
            "rss_mb_full": {k: round(v / 1e6) for k, v in full.items()}, "rss_mb_after": _mb(deployment),
            "others_alone": alone, "others_during": during,
        }  # fmt: skip


def _made_from(world: World, base: str, many: int, holders: list[str]) -> Iterator[Submission]:
    for n in range(many):
        release = f"{holders[n % len(holders)]}/made{n // len(holders)}@1"
        parents = [{"ref": base, "relation": "fine_tune"}]
        yield world.make(release.partition("/")[0], "ModelCard", {"release": release, "stage": "released", "parents": parents})


async def _others(deployment: Deployment, world: World, seconds: float) -> dict[str, float]:
    """News of another line at a low rate: how long its publisher waits for the result."""
    events = [world.notice(OTHER) for _ in range(int(seconds * OTHER_RATE))]
    await deployment.publish(events, OTHER_RATE)
    await asyncio.sleep(2)
    identities = {event.identity for event in events}
    found = {}
    for topic, key in ((deployment.topics.submissions, "sent"), (deployment.topics.notices("dev1"), "told")):
        for record in await deployment.read([topic]):
            name, value = deployment.codec.decode_trusted(record.value or b"")
            if key == "sent":
                identity = next(raw.decode() for header, raw in record.headers if header == "ce_id")
            elif name == "Notice" and value["cause"]:
                identity = value["cause"]["event_id"]
            else:
                continue
            if identity in identities:
                found.setdefault(identity, {})[key] = record.timestamp_ms
    waits = [each["told"] - each["sent"] for each in found.values() if len(each) == 2]
    return {"told": len(waits), "of": len(events), **_spread(waits)}


def _mb(deployment: Deployment) -> dict[str, int]:
    return {stage: round(value / 1e6) for stage, value in deployment.memory().items()}
