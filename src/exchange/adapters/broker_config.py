"""What the embedded broker is told: the floor of the design as a properties file."""

from __future__ import annotations

import itertools
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from exchange.errors import BrokerError

HOST = "127.0.0.1"
DEFAULT_PORT = 9092
PORT_CEILING = 32768  # above it the kernel gives ports to outgoing connections
SEARCH_FROM, SEARCH_SPREAD = 19092, 4096
APART = 61  # more ports than one process wants; a prime, so that no two of many processes begin at the same one


@dataclass(frozen=True, slots=True)
class Places:
    """What a data directory remembers between runs: its cluster and its ports."""

    cluster_id: str
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Listener:
    """A second way in: the broker listens at ``port`` and tells clients ``advertised`` (a proxy's port, say)."""

    name: str
    port: int
    advertised: int
    protocol: str = "PLAINTEXT"


FLOOR: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    # a group's offset is half of what a lane restores: it must never expire because nobody was up for a week
    "offsets.retention.minutes": str(10 * 365 * 24 * 60),
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.max.timeout.ms": "60000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # after a kill -9 the controller takes no registration before the former session has ended; with Kafka's own 9 s it answered
    # again after 13.8 s in the mean of four, with these after 6.8 s
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # bounds one record, not a batch: readers keep their own limits too
    "max.decompressed.message.bytes": str(4 * 1024 * 1024),
    "message.max.bytes": str(2 * 1024 * 1024 + 64 * 1024),
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Everything that goes into the properties file."""

    places: Places
    log_dir: Path
    listeners: tuple[Listener, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    def properties(self) -> str:
        """Return the properties file's text."""
        main = Listener("EXCHANGE", self.places.port, self.places.port)
        ways = (main, *self.listeners)
        controller = f"CONTROLLER://{HOST}:{self.places.controller_port}"
        protocols = [f"{way.name}:{way.protocol}" for way in ways]
        own = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{self.places.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": main.name,
            "listeners": ",".join([*(f"{way.name}://{HOST}:{way.port}" for way in ways), controller]),
            "advertised.listeners": ",".join(f"{way.name}://{HOST}:{way.advertised}" for way in ways),
            "listener.security.protocol.map": ",".join([*protocols, "CONTROLLER:PLAINTEXT"]),
            "log.dirs": str(self.log_dir),
        }
        return "".join(f"{name}={value}\n" for name, value in {**FLOOR, **own, **self.extra}.items())


def is_free(port: int) -> bool:
    """Say whether a server could listen at a loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def search_from(start: int = SEARCH_FROM, spread: int = SEARCH_SPREAD) -> int:
    """Where this process begins to look for a free port, ``start`` to ``start + spread``: another one looks somewhere else.

    A port is free until somebody listens, which a broker does seconds after its port was chosen.
    """
    return start + os.getpid() * APART % spread


def free_port(preferred: int | None = None, *, avoid: tuple[int, ...] = (), start: int | None = None) -> int:
    """Return ``preferred`` if it is free, else the next free port below the kernel's own range.

    Args:
        preferred: a port, if a certain one is wanted.
        avoid: ports that are spoken for.
        start: where to look from; by default where :func:`search_from` says.

    Raises:
        BrokerError: none is free.
    """
    wanted = range(0) if preferred is None else range(preferred, preferred + 1)
    start = search_from() if start is None else start
    for port in itertools.chain(wanted, range(start, PORT_CEILING)):
        if port not in avoid and is_free(port):
            return port
    raise BrokerError(f"no free port from {start} to {PORT_CEILING}", hint="Name one with EXCHANGE_PORT.")


def load_places(path: Path) -> Places | None:
    """Return what the data directory remembers, or None if it is new."""
    if not path.exists():
        return None
    return Places(**json.loads(path.read_text("utf-8")))


def save_places(path: Path, places: Places) -> None:
    """Write what the data directory remembers, whole or not at all."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(places)) + "\n", "utf-8")
    scratch.replace(path)
