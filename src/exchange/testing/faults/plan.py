"""What goes wrong, in which order, and beside which part of the workload: all of it out of a seed, before anything runs.

>>> [fault.kind for fault in make_plan(7, 3)] == [fault.kind for fault in make_plan(7, 3)]
True
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from exchange.core.processors import NAMES
from exchange.testing.faults.dying import POINTS

PROCESS_FAULTS = ("kill", "kill_at", "freeze", "second", "scale", "storm", "restart_loop", "upgrade")
BROKER_FAULTS = ("broker_kill", "broker_restart", "broker_freeze", "disk_full")
CLUSTER_FAULTS = ("leader_kill", "controller_kill", "brokers_kill", "broker_loop")
"""What one node alone cannot show."""
NETWORK_FAULTS = ("cut", "half_open", "late", "slow", "late_commit")
KINDS = (*PROCESS_FAULTS, *BROKER_FAULTS, *CLUSTER_FAULTS, *NETWORK_FAULTS)
WEIGHTS = {
    "kill": 8, "kill_at": 6, "freeze": 3, "broker_kill": 2, "cut": 4, "half_open": 4, "late": 3, "slow": 2, "late_commit": 2,
}  # fmt: skip
"""How often a kind comes, against once for the others."""
RESTARTS = 5
BROKER_RESTARTS = 3
NODES_DRAWN = 12
"""Nodes are drawn from so many, and counted round: fair for clusters of up to four."""
LONGEST_S = {
    "freeze": 10.0,
    "second": 8.0,
    "scale": 8.0,
    "upgrade": 8.0,
    "broker_freeze": 8.0,
    "disk_full": 8.0,
    "half_open": 8.0,
    "late": 8.0,
    "slow": 5.0,
}
FROZEN_LONG_S = 60.0
REST_AFTER = 5
"""Faults between two rest periods."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: one of :data:`KINDS`.
        targets: the processors it hits; empty where it hits all of them (broker, network).
        before: seconds until it begins, once what it hits is up.
        seconds: how long it lasts, where it lasts.
        point: where a worker kills itself (:data:`exchange.testing.faults.dying.POINTS`).
        passages: how often it comes by there before.
        pauses: seconds from each start to the next kill of a restart loop, and between comings and goings of a storm.
        node: which node of the broker it hits, counted round; ``None`` of a fault of the network: the ways to all of them.
        after: seconds until the next fault.
        alone: the next one waits until what lay in the inputs at this one's end is worked off.
        rest: nothing is published afterwards until the flow came to rest.
    """

    kind: str
    targets: tuple[str, ...] = ()
    before: float = 0.0
    seconds: float = 0.0
    point: str = ""
    passages: int = 0
    pauses: tuple[float, ...] = ()
    node: int | None = None
    after: float = 0.0
    alone: bool = False
    rest: bool = False


def make_plan(seed: int, faults: int, kinds: Sequence[str] = KINDS) -> list[Fault]:
    """The faults of a seed.

    Each kind comes once before any comes again, then by weight; each process fault takes its targets in turn.

    Args:
        seed: the same seed and arguments make the same plan.
        faults: how many.
        kinds: which may come.

    Raises:
        ValueError: a kind that there is not, or none.
    """
    if not kinds or set(kinds) - set(KINDS):
        raise ValueError(f"kinds: some of {', '.join(KINDS)}")
    chance = random.Random(f"plan {seed}")  # noqa: S311 - a plan, not a secret
    plan: list[Fault] = []
    turns = dict.fromkeys(kinds, 0)
    while len(plan) < faults:
        deck = [kind for kind in kinds for _ in range(WEIGHTS.get(kind, 1))]
        chance.shuffle(deck)
        first = list(dict.fromkeys(deck)) if not plan else []  # a short run sees every kind, too
        for kind in [*first, *deck][: faults - len(plan)]:
            plan.append(_fault(chance, kind, turns[kind], len(plan)))
            turns[kind] += 1
    return plan


def _fault(chance: random.Random, kind: str, turn: int, number: int) -> Fault:
    return Fault(
        kind=kind,
        targets=_targets(chance, kind, turn) if kind in PROCESS_FAULTS else (),
        before=round(chance.uniform(0.1, 1.5), 2),
        seconds=_seconds(chance, kind),
        point=POINTS[turn % len(POINTS)] if kind == "kill_at" else "",
        passages=chance.randrange(4) if kind == "kill_at" else 0,
        pauses=tuple(round(chance.uniform(0.0, 3.0), 2) for _ in range(_times(kind))),
        node=None if kind in NETWORK_FAULTS and chance.random() < 0.5 else chance.randrange(NODES_DRAWN),
        after=round(chance.uniform(0.2, 3.0), 2),
        alone=chance.random() < 0.5 or kind in ("disk_full", "kill", "kill_at"),
        rest=number % REST_AFTER == REST_AFTER - 1,
    )


def _times(kind: str) -> int:
    return {"restart_loop": RESTARTS, "storm": RESTARTS, "broker_loop": BROKER_RESTARTS}.get(kind, 0)


def _targets(chance: random.Random, kind: str, turn: int) -> tuple[str, ...]:
    """Each processor in turn; every fourth time, and for an upgrade, all at once, in any order."""
    if turn % 4 == 3 or kind == "upgrade":
        return tuple(chance.sample(NAMES, len(NAMES)))
    return (NAMES[turn % len(NAMES)],)


def _seconds(chance: random.Random, kind: str) -> float:
    """Half of the freezes are past the session, so that its lanes are given away meanwhile; one in ten is long."""
    drawn = chance.random()
    if kind == "freeze" and drawn < 0.6:
        return round(chance.uniform(7.0, FROZEN_LONG_S if drawn < 0.1 else LONGEST_S[kind]), 2)
    return round(chance.uniform(1.0, LONGEST_S.get(kind, 1.0)), 2)
