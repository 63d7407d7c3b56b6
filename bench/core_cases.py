"""What the steps alone cost, in memory: how cost grows with events, with edges touched and with the size of the graph."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.world import Submission, World
from exchange.core.step import Output, Record
from exchange.testing.bus import Bus


def _send(bus: Bus, events: Sequence[Submission]) -> None:
    for one in events:
        bus.write(Output(bus.topics.submissions, one.partition, one.key, one.value, one.headers))


def _cost(bus: Bus, events: Sequence[Submission]) -> float:
    began = time.process_time()
    _send(bus, events)
    bus.run()
    return time.process_time() - began


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of a line through the logarithms: 1 is linear growth, 0 is none."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (sum(each[at] for each in logs) / len(logs) for at in (0, 1))
    above = sum((x - mean_x) * (y - mean_y) for x, y in logs)
    return round(above / sum((x - mean_x) ** 2 for x, _ in logs), 2)


def growth(largest: int) -> dict[str, Any]:
    """CPU seconds of the three steps against events, children told, and releases that are not concerned."""
    events, edges, graph = [], [], []
    sizes = [largest // 8, largest // 4, largest // 2, largest]
    for size in sizes:
        bus = Bus(4, limit=10**9)
        world = World(bus.codec, bus.topics)
        _cost(bus, list(world.opening()))
        events.append((size, round(_cost(bus, list(world.news(size))), 3)))
        bus = Bus(4, limit=10**9)
        world = World(bus.codec, bus.topics, families=2)
        _cost(bus, list(world.opening()))
        made = [world.card(f"prov0/made{n}@1", "dev0/base@1") for n in range(size)]
        _cost(bus, made)
        edges.append((size, round(_cost(bus, [world.assessment("dev0/base@1", "high")]), 3)))
        bus = Bus(4, limit=10**9)
        world = World(bus.codec, bus.topics, families=max(1, size // 14))
        _cost(bus, list(world.opening()))
        few = World(bus.codec, bus.topics, seed=9, families=1)
        few._count = 10**6
        graph.append((size, round(_cost(bus, list(few.news(200))), 3)))
    found = {"events": events, "children": edges, "graph": graph}
    return {name: {"points": points, "slope": slope(points)} for name, points in found.items()}


def store(events: int, families: int, folder: Path) -> dict[str, Any]:
    """The three steps with their state in memory and on disk: CPU and seconds of as many events, bytes of both."""
    found = {}
    for kind in ("memory", "disk"):
        bus = Bus(2, limit=10**9)
        if kind == "disk":
            from bench.disk_state import DiskState  # noqa: PLC0415 - a dependency of the benchmark alone

            for lane in bus.lanes:
                lane.state = DiskState(lane.processor, folder / f"{lane.processor.name}-{lane.partition}")  # type: ignore[assignment]
        world = World(bus.codec, bus.topics, families=families)
        before = psutil.Process().memory_info().rss
        _cost(bus, list(world.opening()))
        for log in bus.logs.values():  # what was said so far is not state
            log[:] = [Record(each.topic, each.partition, each.offset, None, None, (), 0) for each in log]
        grown = psutil.Process().memory_info().rss - before
        began, used = time.monotonic(), time.process_time()
        _cost(bus, list(world.news(events)))
        spent, seconds = time.process_time() - used, time.monotonic() - began
        found[kind] = {
            "cpu_ms_an_event": round(spent / events * 1e3, 2),
            "ms_an_event": round(seconds / events * 1e3, 2),
            "grown_mb": round(grown / 1e6),
        }
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return {"releases": 7 * families, "events": events, **found, "disk_mb": round(size / 1e6, 1)}
