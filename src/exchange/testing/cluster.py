"""A real Kafka of one or several nodes on loopback, each with a second way in that leads through the harness.

Several nodes are one KRaft cluster in which every node is broker and controller, everything is written to three of them, and two
must have it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from exchange.adapters.broker import START_TIMEOUT_S, EmbeddedKafka, new_cluster_id
from exchange.adapters.broker_config import HOST, Listener, Places, free_port, save_places
from exchange.errors import BrokerError
from exchange.settings import Settings

REPLICAS, IN_SYNC = 3, 2
REPLICATED = {
    "default.replication.factor": str(REPLICAS),
    "min.insync.replicas": str(IN_SYNC),
    "offsets.topic.replication.factor": str(REPLICAS),
    "transaction.state.log.replication.factor": str(REPLICAS),
    "transaction.state.log.min.isr": str(IN_SYNC),
    "share.coordinator.state.topic.replication.factor": str(REPLICAS),
    "share.coordinator.state.topic.min.isr": str(IN_SYNC),
    # Kafka's own: nodes that share few cores must not miss one another for being slow
    "broker.session.timeout.ms": "9000",
    "broker.heartbeat.interval.ms": "2000",
}
HEAP_MB = 256
LOOK_AGAIN_S = 0.2
_LED = re.compile(r"Completed transition to Leader\(.*?epoch=(\d+)")


class Cluster:
    """One node, or several that are one cluster.

    Args:
        home: everything of node n is in ``home/n``.
        nodes: how many; 1, or at least three.
        ports_from: where to look for free ports.
        settings: whose Java and jars to use.

    Attributes:
        nodes: each node, to be broken alone.
        ways: each node's second way in: the node listens at ``port`` and tells clients ``advertised``.
    """

    def __init__(self, home: Path, nodes: int, ports_from: int, settings: Settings) -> None:
        ports = _ports(4 * nodes, ports_from)
        self.ways = [Listener("WORKERS", ports[4 * n], ports[4 * n + 1]) for n in range(nodes)]
        identity = new_cluster_id()
        places = [Places(identity, ports[4 * n + 2], ports[4 * n + 3]) for n in range(nodes)]
        self.nodes = [self._node(home, n, places, settings) for n in range(nodes)]

    def _node(self, home: Path, number: int, places: Sequence[Places], settings: Settings) -> EmbeddedKafka:
        folder = home / str(number + 1)
        folder.mkdir(parents=True)
        save_places(folder / "broker.json", places[number])  # the others must know its ports before it runs
        voters = ",".join(f"{n}@{HOST}:{place.controller_port}" for n, place in enumerate(places, 1))
        several = {"node.id": str(number + 1), "controller.quorum.voters": voters, **REPLICATED} if len(places) > 1 else {}
        java = settings.java_home
        return EmbeddedKafka(
            folder, settings.cache, java_home=java, heap_mb=HEAP_MB, listeners=(self.ways[number],), extra=several
        )

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes."""
        return ",".join(node.bootstrap for node in self.nodes)

    @property
    def way(self) -> str:
        """Addresses of all nodes, through the harness."""
        return ",".join(f"{HOST}:{way.advertised}" for way in self.ways)

    def start(self, nodes: Sequence[EmbeddedKafka] | None = None) -> None:
        """Start some nodes at once (one alone would wait for the others), and wait until topics can be made on all.

        Args:
            nodes: some of them; default: all.

        Raises:
            BrokerError: one did not come up.
        """
        some = self.nodes if nodes is None else nodes
        with ThreadPoolExecutor(len(some)) as pool:
            list(pool.map(EmbeddedKafka.start, some))
        asyncio.run(self._registered())

    def stop(self, nodes: Sequence[EmbeddedKafka] | None = None) -> None:
        """Stop some nodes, or all."""
        some = self.nodes if nodes is None else nodes
        with ThreadPoolExecutor(len(some)) as pool:
            list(pool.map(EmbeddedKafka.stop, some))

    async def leader(self, topic: str, partition: int) -> EmbeddedKafka:
        """The node that leads a partition; the first, if nobody says."""
        async with _asking(self.bootstrap) as admin:
            (row,) = await admin.describe_topics([topic])
        leaders: dict[int, int] = {each["partition"]: each["leader"] for each in row["partitions"]}
        return self.nodes[max(0, leaders.get(partition, 0) - 1)]

    def controller(self) -> EmbeddedKafka:
        """The node that became leader of the quorum last; Kafka's metadata names any broker instead."""
        return max(self.nodes, key=_led)

    async def _registered(self) -> None:
        """Every node takes replicas: those that were killed register only when their former session has ended."""
        wanted = sum(node.pid is not None for node in self.nodes)
        there = 0
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while there < wanted:
                    try:
                        async with _asking(self.bootstrap) as admin:
                            there = len((await admin.describe_cluster())["brokers"])
                    except (KafkaError, OSError):
                        pass  # not one of them answers yet
                    await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            hint = "\n".join(f"{node.log_file}" for node in self.nodes)
            raise BrokerError(f"{there} of {wanted} nodes registered within {START_TIMEOUT_S:.0f} s", hint=hint) from None


class _asking:  # noqa: N801  (reads as a statement: async with _asking(…) as admin)
    def __init__(self, bootstrap: str) -> None:
        self._admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Any:
        try:
            await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self._admin

    async def __aexit__(self, *_exc: object) -> None:
        await self._admin.close()


def _ports(count: int, start: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found.append(free_port(start=start, avoid=tuple(found)))
    return found


def _led(node: EmbeddedKafka) -> int:
    """The last epoch in which a node led the quorum."""
    epochs = _LED.findall(node.log_file.read_text("utf-8", "replace")) if node.pid is not None else []
    return int(epochs[-1]) if epochs else 0
