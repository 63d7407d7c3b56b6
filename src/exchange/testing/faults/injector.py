"""Makes the faults of a plan happen to a running exchange."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from exchange.adapters.broker import EmbeddedKafka
from exchange.errors import PlumbingError, TimedOutError
from exchange.local import LocalExchange
from exchange.testing.cluster import Cluster
from exchange.testing.faults import dying
from exchange.testing.faults.disk import Disk
from exchange.testing.faults.network import Way
from exchange.testing.faults.plan import Fault

UP_S = 60.0
DRAIN_S = 40.0
REACHED_S = 20.0
LATE_COMMIT_S = 30.0
FULL_S = 30.0
SCALE_BY = 3
GIVEN = b"lanes assigned"
"""What a worker logs when it has been given its lanes."""


class Injector:
    """Breaks things, and sees to it that they can mend.

    Args:
        local: the exchange; somebody else supervises it.
        cluster: its broker.
        ways: between its workers and each node.
        disk: the first node's, where it is to be filled.
        release: tree of the last release, where workers are to change between it and this one.

    Attributes:
        late_commits: what the broker answered to each commit that came late; 0: it took it.
        died_at: how often a worker killed itself at each point; ``not reached``: it was killed instead.
        refused: whether the node still ran on its full disk, for each time.
    """

    def __init__(
        self,
        local: LocalExchange,
        cluster: Cluster,
        ways: Sequence[Way],
        disk: Disk | None = None,
        release: Path | None = None,
    ) -> None:
        self._local, self._cluster, self._ways, self._disk, self._release = local, cluster, ways, disk, release
        self.late_commits: list[int] = []
        self.died_at: Counter[str] = Counter()
        self.refused: list[bool] = []
        self._seen: dict[str, int] = defaultdict(int)
        self._read: dict[str, int] = defaultdict(int)
        self._times: dict[str, int] = defaultdict(int)
        self._beside: list[subprocess.Popen[bytes]] = []
        self._kinds: dict[str, Callable[[Fault], Coroutine[Any, Any, None]]] = {
            "kill": self._kill,
            "kill_at": self._kill_at,
            "freeze": self._freeze,
            "second": self._second,
            "scale": self._scale,
            "storm": self._storm,
            "restart_loop": self._restart_loop,
            "upgrade": self._upgrade,
            "broker_kill": self._broker_kill,
            "broker_restart": self._broker_restart,
            "broker_freeze": self._broker_freeze,
            "disk_full": self._disk_full,
            "leader_kill": self._leader_kill,
            "controller_kill": self._controller_kill,
            "brokers_kill": self._brokers_kill,
            "broker_loop": self._broker_loop,
            "cut": self._cut,
            "half_open": self._half_open,
            "late": self._late,
            "slow": self._slow,
            "late_commit": self._late_commit,
        }

    async def inject(self, fault: Fault) -> None:
        """Make one happen; returns when it is over.

        Raises:
            TimedOutError: a worker did not come up to be hit, or did not end when it was asked to.
        """
        for name in fault.targets:
            await self._up(name)
        await asyncio.sleep(fault.before)
        await self._kinds[fault.kind](fault)

    def close(self) -> None:
        """End what was started beside."""
        for process in self._beside:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            _reap(process)

    async def _up(self, name: str) -> None:
        """Wait until a worker has its lanes, so that what is done to it hits something at work."""
        deadline = time.monotonic() + UP_S
        while self._given(name) <= self._seen[name] or not self._local.workers[name].alive:
            if time.monotonic() > deadline:
                raise TimedOutError(f"{name} was not given its lanes within {UP_S:.0f} s; see {self._local.workers[name].log}")
            await asyncio.sleep(0.05)

    def _given(self, name: str) -> int:
        """How often it was given its lanes: the log is read on from where it was left, for it grows without end."""
        log = self._local.workers[name].log
        with log.open("rb") as source:
            source.seek(self._read[name])
            fresh = source.read()
        whole = fresh.rfind(b"\n") + 1
        self._read[name] += whole
        self._times[name] += fresh[:whole].count(GIVEN)
        return self._times[name]

    # ------------------------------------------------------------------------------------------- processors

    async def _kill(self, fault: Fault) -> None:
        for name in fault.targets:
            self._end(name)

    def _end(self, name: str) -> None:
        self._seen[name] = self._given(name)
        self._local.kill(name)

    async def _kill_at(self, fault: Fault) -> None:
        """Each is started anew as one that kills itself at a point; who does not come by there in time is killed."""
        for name in fault.targets:
            self._local.kill(name)
            self._local.workers[name].once = (dying.__name__, name, fault.point, str(fault.passages + 1))
            self._local.start_worker(name)
        await asyncio.gather(*(self._died(name, fault.point) for name in fault.targets))

    async def _died(self, name: str, point: str) -> None:
        process = self._local.workers[name].process
        if process is None:
            raise PlumbingError(f"{name} does not run")
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, REACHED_S)
        self.died_at[point if process.poll() == -signal.SIGKILL else "not reached"] += 1
        self._seen[name] = self._given(name)
        process.kill()

    async def _freeze(self, fault: Fault) -> None:
        pids = [process.pid for name in fault.targets if (process := self._local.workers[name].process)]
        await _frozen(pids, fault.seconds)

    async def _second(self, fault: Fault) -> None:
        started = [self._launch(name) for name in fault.targets]
        await asyncio.sleep(fault.seconds)
        for process in started:
            process.kill()
            _reap(process)

    async def _scale(self, fault: Fault) -> None:
        """Three workers more for a while; then they are asked to end, and end by themselves."""
        started = [self._launch(name) for name in fault.targets for _ in range(SCALE_BY)]
        await asyncio.sleep(fault.seconds)
        await _ended(started)

    async def _storm(self, fault: Fault) -> None:
        """Workers come and go, so that lanes are given anew each time; every second one goes without a word."""
        for number, pause in enumerate(fault.pauses):
            started = [self._launch(name) for name in fault.targets]
            await asyncio.sleep(pause)
            for process in started:
                (process.kill if number % 2 else process.terminate)()
        await _ended(self._beside[-len(fault.pauses) * len(fault.targets) :])

    async def _upgrade(self, fault: Fault) -> None:
        """Worker by worker back to the last release, and after a while worker by worker to this one."""
        if self._release is None:
            raise PlumbingError("no release to upgrade from", hint="leave upgrade out with --kinds")
        for tree in (self._release, None):
            for name in fault.targets:
                self._local.workers[name].tree = tree
                self._seen[name] = self._given(name)
                process = self._local.workers[name].process
                await _ended([process] if process else [])
                self._local.start_worker(name)
                await self._up(name)
            await asyncio.sleep(fault.seconds)

    def _launch(self, name: str) -> subprocess.Popen[bytes]:
        process = self._local.launch(name, self._local.workers[name].log.with_name(f"{name}-beside.log"))
        self._beside.append(process)
        return process

    async def _restart_loop(self, fault: Fault) -> None:
        for pause in fault.pauses:
            for name in fault.targets:
                self._end(name)
                self._local.start_worker(name)
            await asyncio.sleep(pause)

    # ------------------------------------------------------------------------------------------- broker and network

    async def _broker_kill(self, fault: Fault) -> None:
        await self._kill_nodes([self._node(fault)], fault.seconds)

    async def _broker_restart(self, fault: Fault) -> None:
        node = self._node(fault)
        await asyncio.to_thread(node.stop)
        await self._back([node], fault.seconds)

    async def _broker_freeze(self, fault: Fault) -> None:
        await _frozen([_pid(self._node(fault))], fault.seconds)

    async def _leader_kill(self, fault: Fault) -> None:
        """Whoever leads a partition of the journal."""
        node = self._node(fault)
        with contextlib.suppress(KafkaError, OSError):  # nobody says who leads: any node, then
            node = await self._cluster.leader(
                self._local.settings.topics.journal, (fault.node or 0) % self._local.settings.partitions
            )
        await self._kill_nodes([node], fault.seconds)

    async def _controller_kill(self, fault: Fault) -> None:
        await self._kill_nodes([self._cluster.controller()], fault.seconds)

    async def _brokers_kill(self, fault: Fault) -> None:
        await self._kill_nodes(self._cluster.nodes, fault.seconds)

    async def _broker_loop(self, fault: Fault) -> None:
        for pause in fault.pauses:
            await self._kill_nodes([self._node(fault)], 0.0)
            await asyncio.sleep(pause)

    async def _disk_full(self, fault: Fault) -> None:
        """The first node's: until it has ended, or for a while, if it refuses and lives on."""
        if self._disk is None:
            raise PlumbingError("no disk to fill", hint="leave disk_full out with --kinds")
        node = self._cluster.nodes[0]
        await asyncio.to_thread(self._disk.fill)
        self.refused.append(not await asyncio.to_thread(node.ended, FULL_S))
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._disk.empty)
        await self._back([node], 0.0)
        for other in self._cluster.nodes[1:]:  # one may have stopped ending a transaction: docs/faults.md, "What it found"
            await asyncio.to_thread(other.stop)
            await self._back([other], 0.0)

    async def _kill_nodes(self, nodes: Sequence[EmbeddedKafka], back_after: float) -> None:
        for node in nodes:
            os.kill(_pid(node), signal.SIGKILL)
        await self._back(nodes, back_after)

    async def _back(self, nodes: Sequence[EmbeddedKafka], after: float) -> None:
        await asyncio.sleep(after)
        await asyncio.to_thread(self._cluster.stop, nodes)
        await asyncio.to_thread(self._cluster.start, nodes)

    def _node(self, fault: Fault) -> EmbeddedKafka:
        return self._cluster.nodes[(fault.node or 0) % len(self._cluster.nodes)]

    # ------------------------------------------------------------------------------------------- network

    async def _cut(self, fault: Fault) -> None:
        for way in self._hit(fault):
            way.cut()

    async def _half_open(self, fault: Fault) -> None:
        await asyncio.gather(*(way.half_open(fault.seconds) for way in self._hit(fault)))

    async def _late(self, fault: Fault) -> None:
        await asyncio.gather(*(way.late(fault.seconds) for way in self._hit(fault)))

    async def _slow(self, fault: Fault) -> None:
        await asyncio.gather(*(way.slow(fault.seconds) for way in self._hit(fault)))

    async def _late_commit(self, fault: Fault) -> None:
        answers = await asyncio.gather(*(way.late_commit(LATE_COMMIT_S) for way in self._hit(fault)))
        self.late_commits += [code for code in answers if code is not None]

    def _hit(self, fault: Fault) -> Sequence[Way]:
        return self._ways if fault.node is None else [self._ways[fault.node % len(self._ways)]]


async def _ended(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask them to end, and wait until they have."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            await asyncio.to_thread(process.wait, DRAIN_S)
        except subprocess.TimeoutExpired:
            raise TimedOutError(f"a worker (pid {process.pid}) did not end within {DRAIN_S:.0f} s of SIGTERM") from None
        _reap(process)


async def _frozen(pids: Sequence[int], seconds: float) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _pid(broker: EmbeddedKafka) -> int:
    if broker.pid is None:
        raise PlumbingError("the broker does not run", hint=broker.log_tail())
    return broker.pid


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
