"""An exchange on this machine: broker, topics, rules, and one process per processor, watched and restarted.

Used by ``exchange up``, the demo and the tests.

>>> async with LocalExchange(Settings(home=folder)) as local:      # doctest: +SKIP
...     print(local.settings.bootstrap_servers)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol, Self

from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_jars import Progress
from exchange.adapters.setup import apply_topics
from exchange.core.processors import NAMES
from exchange.errors import PlumbingError
from exchange.runtime import put_rules_in_force
from exchange.settings import Settings, environment_for_child

WORKERS = (*NAMES, "clock")
STOP_S = 10.0
BACKOFF_S = (0.5, 1.0, 2.0, 5.0)
STEADY_S = 30.0
"""A worker that ran this long starts its back-off anew."""


class Kafka(Protocol):
    """A broker, or a cluster of them, that is started and stopped with the exchange."""

    @property
    def bootstrap(self) -> str:
        """The address clients use; known once it was started."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def stop(self) -> None:
        """Stop it."""


@dataclass
class Worker:
    """One processor's process.

    Attributes:
        name: the processor.
        log: its log file.
        tree: the source tree it is started from, when that is not this one (upgrades).
        once: module and arguments to run at the next start in place of the processor's own, for fault tests.
        process: the running or last process.
        restarts: how often it was started again.
    """

    name: str
    log: Path
    tree: Path | None = None
    once: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started: float = field(default_factory=time.monotonic)
    retry_at: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


class LocalExchange:
    """Broker (unless another cluster is set) and workers, for as long as the block lasts.

    Args:
        settings: of the exchange.
        workers: names of the processes to run.
        say: told what happens, a line each.
        progress: told about the broker's jars when they have to be fetched.
        kafka: what to run instead of an embedded broker, for fault tests.
        way: the address at which the workers reach it, for fault tests; default: everybody's.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        workers: Sequence[str] = WORKERS,
        say: Callable[[str], None] = lambda _line: None,
        progress: Progress | None = None,
        kafka: Kafka | None = None,
        way: str | None = None,
    ) -> None:
        self._given = settings
        self._say = say
        self._way = way
        self.broker = kafka
        if kafka is None and settings.bootstrap_servers is None:
            self.broker = _embedded(settings, metrics_port=settings.broker_metrics_port, progress=progress)
        self.settings = settings
        logs = settings.home / "logs"
        self.workers = {name: Worker(name, logs / f"{name}.log") for name in workers}

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start everything, in order; ready when the workers' processes run.

        Raises:
            BrokerError: no broker, or it cannot be used.
        """
        if self.broker is not None:
            self._say("starting Kafka")
            await asyncio.to_thread(self.broker.start)
            self.settings = self._given.model_copy(update={"bootstrap_servers": self.broker.bootstrap})
            self._say(f"Kafka answers at {self.broker.bootstrap}")
        kafka, topics = self.settings.kafka_kwargs(), self.settings.topics
        created = await apply_topics(kafka, topics)
        if created:
            self._say(f"created {len(created)} topics")
        if (await put_rules_in_force(self.settings, "start")).activated:
            self._say("rules put in force")
        for name in self.workers:
            self.start_worker(name)

    def start_worker(self, name: str) -> None:
        """Start one processor's process. It ends when this process is gone, even by kill -9."""
        worker = self.workers[name]
        _close(worker.process.stdin if worker.process else None)
        worker.process = self.launch(name, worker.log, worker.once)
        worker.once = ()
        worker.started, worker.retry_at = time.monotonic(), 0.0
        self._say(f"{name} started (pid {worker.process.pid})")

    def launch(self, name: str, log: Path, program: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """One process of a processor, not watched over. It ends when its standard input is closed, or this process is gone."""
        log.parent.mkdir(parents=True, exist_ok=True)
        tree = self.workers[name].tree
        with log.open("ab") as sink:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *(program or (f"streams.{name}",)), "--until-stdin-closes"],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                cwd=tree,
                env=self._environment(name) | ({"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"} if tree else {}),
                start_new_session=True,
            )

    def _environment(self, name: str) -> dict[str, str]:
        changed: dict[str, Any] = {}
        if self.settings.metrics_port:
            changed["metrics_port"] = self.settings.metrics_port + list(self.workers).index(name)
        if self._way is not None:
            changed["bootstrap_servers"] = self._way
        return environment_for_child(self.settings.model_copy(update=changed))

    def supervise(self) -> None:
        """Start again what has ended, with a growing pause. Call it now and then."""
        now = time.monotonic()
        for worker in self.workers.values():
            if worker.alive or worker.process is None:
                continue
            if not worker.retry_at:
                if now - worker.started > STEADY_S:
                    worker.restarts = 0
                pause = BACKOFF_S[min(worker.restarts, len(BACKOFF_S) - 1)]
                worker.retry_at = now + pause
                self._say(f"{worker.name} ended (exit {worker.process.returncode}); see {worker.log}; starts again in {pause} s")
            elif now >= worker.retry_at:
                worker.restarts += 1
                self.start_worker(worker.name)

    def kill(self, name: str) -> None:
        """End one worker at once, as a crash would. For fault tests."""
        process = self.workers[name].process
        if process is None:
            raise PlumbingError(f"{name} does not run")
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def stop(self) -> None:
        """Stop workers, then the broker."""
        processes = [worker.process for worker in self.workers.values() if worker.process is not None]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await asyncio.to_thread(_await_end, processes)
        for worker in self.workers.values():
            _close(worker.process.stdin if worker.process else None)
            worker.process = None
        if self.broker is not None:
            await asyncio.to_thread(self.broker.stop)


@contextlib.asynccontextmanager
async def reached(settings: Settings, say: Callable[[str], None] = lambda _line: None) -> AsyncIterator[Settings]:
    """Settings with an address: of the cluster that is set, or of this home's broker, which is started alone if it does not run.

    Args:
        settings: of the exchange.
        say: told what happens, a line each.

    Raises:
        BrokerError: no broker, or it cannot be used.
    """
    if settings.bootstrap_servers is not None:
        yield settings
        return
    broker = _embedded(settings)
    started = broker.pid is None
    if started:
        say("starting Kafka, without workers")
        await asyncio.to_thread(broker.start)
    try:
        yield settings.model_copy(update={"bootstrap_servers": broker.bootstrap})
    finally:
        if started:
            await asyncio.to_thread(broker.stop)


def _embedded(settings: Settings, **more: Any) -> EmbeddedKafka:
    """This home's own broker, as the settings want it."""
    home, java = settings.home / "kafka", settings.java_home
    return EmbeddedKafka(home, settings.cache, port=settings.port, java_home=java, heap_mb=settings.broker_heap_mb, **more)


def _await_end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STOP_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.close()
