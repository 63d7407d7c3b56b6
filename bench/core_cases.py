"""What the steps alone cost, in memory: how cost grows with events, with edges touched and with the size of the graph."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from bench.world import Submission, World
from exchange.core.step import Output
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
