"""The one door to Faust: apps that host a batch loop, and apps that run agents and timers.

What carries the promise does not run on Faust's streams; Faust gives such an app its life cycle: start, signals, timers,
supervision. So its own consumer, producer, tables and web server stay off, and it needs no topic of its own.

>>> app = loop_app(processor, {"bootstrap_servers": "127.0.0.1:9092"}, "prod", "g1", data_dir=Path("data"))  # doctest: +SKIP
>>> run_worker(app)                                                                                          # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.worker import Worker
from mode import Service

from exchange.adapters import faust_fixes
from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.lane import EnsureTopics, ProducerFactory
from exchange.adapters.lane_events import Hook, silent
from exchange.adapters.lane_state import Limits
from exchange.adapters.loop import Loop
from exchange.adapters.room import HasRoom
from exchange.core.step import Processor

STOP_TIMEOUT_S = 9.0  # below the ten seconds a supervisor gives after SIGTERM


class _NoKafka(BootStrategy):
    """Faust without a Kafka connection of its own: the loop has them all."""

    enable_kafka = False
    enable_web = False


class _LoopApp(faust.App):
    BootStrategy = _NoKafka

    async def on_start(self) -> None:
        """Finalise the settings; Faust's own version also makes a consumer, with a thread's event loop nobody would close."""
        self.finalize()


class LoopService(Service):
    """Runs a batch loop for as long as its app runs; an error of the loop that no waiting cures crashes the app.

    Args:
        loop: the batch loop.
        prepare: awaited before the loop starts.
    """

    def __init__(self, loop: Loop, prepare: Callable[[], Awaitable[None]] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_loop = loop
        self._prepare = prepare
        self._work: asyncio.Task[None] | None = None

    async def on_start(self) -> None:
        """Start the loop in the background."""
        if self._prepare is not None:
            await self._prepare()
        self._work = asyncio.create_task(self.batch_loop.run(), name="batch-loop")
        self.add_future(self._watch(self._work))

    async def on_stop(self) -> None:
        """Let the batches in flight finish, within the time a supervisor gives."""
        await self.batch_loop.stop()
        if self._work is not None:
            with contextlib.suppress(TimeoutError, Exception):
                await asyncio.wait_for(self._work, STOP_TIMEOUT_S)

    async def _watch(self, work: asyncio.Task[None]) -> None:
        await asyncio.wait({work})
        if not work.cancelled() and (error := work.exception()) is not None:
            await self.crash(error)


def loop_app(
    processor: Processor,
    kafka: Mapping[str, Any],
    deployment: str,
    generation: str,
    *,
    data_dir: Path,
    ensure_topics: EnsureTopics | None = None,
    hook: Hook = silent,
    limits: Limits | None = None,
    prepare: Callable[[], Awaitable[None]] | None = None,
    producer: ProducerFactory = OnceProducer,
    room: HasRoom | None = None,
) -> faust.App:
    """Return a Faust app that hosts one processor's batch loop.

    Args:
        processor: what it runs.
        kafka: aiokafka's client settings.
        deployment: first part of every name in Kafka.
        generation: of the journal.
        data_dir: where Faust may keep files (it keeps none, but wants a place).
        ensure_topics: makes topics a step asks for.
        hook: told what happens in the lanes.
        limits: bounds of a batch and a transaction.
        prepare: awaited before the loop starts (reading the rules).
        producer: makes producers; only fault tests give another one.
        room: says whether the processor behind has room for drain work.
    """
    app = _LoopApp(f"{deployment}-{processor.name}", **_floor(kafka, data_dir))
    loop = Loop(
        processor,
        kafka,
        deployment,
        generation,
        ensure_topics=ensure_topics,
        hook=hook,
        limits=limits,
        producer=producer,
        room=room,
    )
    app.service(LoopService(loop, prepare))  # type: ignore[arg-type]
    return app


def timer_app(name: str, kafka: Mapping[str, Any], deployment: str, *, data_dir: Path) -> faust.App:
    """Return a Faust app for timers and tasks that talk to Kafka by themselves, if at all.

    Args:
        name: second part of the app's id.
        kafka: aiokafka's client settings.
        deployment: first part of every name in Kafka.
        data_dir: where Faust may keep files (it keeps none, but wants a place).
    """
    return _LoopApp(f"{deployment}-{name}", **_floor(kafka, data_dir))


def agent_app(name: str, kafka: Mapping[str, Any], deployment: str, *, data_dir: Path, **options: Any) -> faust.App:
    """Return a Faust app for agents and timers, with both repairs: only for work in which a repeat is harmless.

    Args:
        name: second part of the app's id and group.
        kafka: aiokafka's client settings.
        deployment: first part of every name in Kafka.
        data_dir: where Faust may keep files.
        options: more of Faust's settings.
    """
    faust_fixes.apply()
    settings = {**_floor(kafka, data_dir), "broker_session_timeout": 6.0, "broker_heartbeat_interval": 1.5, **options}
    return faust.App(f"{deployment}-{name}", **settings)


def run_worker(app: faust.App, *, loglevel: str = "warning") -> None:
    """Run an app until SIGTERM or Ctrl-C; does not return."""
    Worker(app, loglevel=loglevel, quiet=True, redirect_stdouts=False, override_logging=False).execute_from_commandline()


def _floor(kafka: Mapping[str, Any], data_dir: Path) -> dict[str, Any]:
    """Faust's settings for every app: nothing served, nothing created, nothing kept."""
    servers = kafka.get("bootstrap_servers", "localhost:9092")
    names = servers.split(",") if isinstance(servers, str) else list(servers)
    floor = {
        "broker": ";".join(f"kafka://{name}" for name in names),
        "web_enabled": False,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "store": "memory://",
        "datadir": str(data_dir),
    }
    credentials = _credentials(kafka)
    return floor if credentials is None else {**floor, "broker_credentials": credentials}


def _credentials(kafka: Mapping[str, Any]) -> Any:
    """Translate aiokafka's security settings into Faust's."""
    protocol = kafka.get("security_protocol", "PLAINTEXT")
    if protocol == "SSL":
        return faust.SSLCredentials(context=kafka["ssl_context"])
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka.get("sasl_plain_username"),
            password=kafka.get("sasl_plain_password"),
            ssl_context=kafka.get("ssl_context"),
            mechanism=kafka.get("sasl_mechanism", "PLAIN"),
        )
    return None
