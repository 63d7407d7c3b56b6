"""The composition root: settings in, a running processor's Faust app out. `streams/*.py` call nothing else.

Apart from :mod:`exchange.runtime`, so that commands need not load Faust.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from exchange.adapters import health, lane_events, metrics
from exchange.adapters.admin import Admin
from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.cluster_watch import ClusterGauges, ClusterWatch
from exchange.adapters.faust_app import loop_app, run_worker, timer_app
from exchange.adapters.lane import ProducerFactory
from exchange.adapters.lane_state import Limits
from exchange.adapters.otel import Spans
from exchange.adapters.room import Room
from exchange.adapters.rules_store import RulesStore
from exchange.adapters.setup import send_tick
from exchange.adapters.step_log import StepLog
from exchange.core.processors import inputs
from exchange.runtime import collect_garbage_seldom, configure_logging, load_codec, make_processor
from exchange.settings import Settings, load_settings
from exchange.topics import Topics

PACKAGE = "ai-transparency-exchange"
WATCH_S = 5.0
"""So often the clock looks at groups and brokers."""
WATCH_SILENT_S = 60.0
DELAY_S = 0.25
"""So often a worker asks its event loop how late it is."""


def processor_app(name: str, settings: Settings, producer: ProducerFactory = OnceProducer) -> Any:
    """The Faust app that hosts one processor's batch loop.

    Args:
        name: ``intake``, ``dossier`` or ``fanout``.
        settings: of this process; ``bootstrap_servers`` must be set.
        producer: makes the lanes' producers; only fault tests give another one.
    """
    kafka = settings.kafka_kwargs()
    rules = RulesStore(kafka, settings.topics.rules)
    watched = _watched(name, settings)
    app = loop_app(
        make_processor(name, settings, rules),
        kafka,
        settings.deployment,
        f"g{settings.generation}",
        data_dir=_data_dir(settings, name),
        ensure_topics=_notice_topics(settings.topics, kafka),
        hook=_hook(settings, watched),
        limits=Limits(topics=settings.fanout_limit) if name == "fanout" else Limits(),
        prepare=rules.load,
        producer=producer,
        room=_room(settings, kafka) if name == "fanout" else None,
    )
    if watched is not None:
        app.task(partial(_measure_delay, app, name, watched[0]))
    return app


def _room(settings: Settings, kafka: dict[str, Any]) -> Room:
    """What fan-out tells releases downstream waits in the journal, before the dossier processor."""
    topics = settings.topics
    return Room(kafka, topics.journal, topics.partitions, f"{settings.deployment}-dossier")


def clock_app(settings: Settings) -> Any:
    """The Faust app that tells every journal partition the time, once per ``tick_seconds``. A repeated tick does nothing."""
    kafka, topics = settings.kafka_kwargs(), settings.topics
    _, codec = load_codec(settings)
    app = timer_app("clock", kafka, settings.deployment, data_dir=_data_dir(settings, "clock"))

    async def tell() -> None:
        time = floor_time(datetime.now(UTC), settings.tick_seconds)  # noqa: TID251 - this is the clock
        await send_tick(kafka, topics, codec, time)

    app.timer(settings.tick_seconds, name="tick")(tell)
    app.task(tell)
    if settings.metrics_port is not None:
        app.task(partial(_watch, app, settings))
    return app


async def _watch(app: Any, settings: Settings) -> None:
    """Look at groups and brokers for as long as the app runs; while no broker answers, try again."""
    registry, beat = CollectorRegistry(), health.Beat(WATCH_SILENT_S)
    _serve("clock", settings, registry, beat.live, beat.ready)
    kafka = settings.kafka_kwargs()
    groups = {name: (f"{settings.deployment}-{name}", topic) for name, topic in inputs(settings.topics).items()}
    gauges = ClusterGauges(registry)
    while not app.should_stop:
        with contextlib.suppress(KafkaError, OSError):
            async with ClusterWatch(kafka, groups, settings.partitions, gauges) as watch:
                while not app.should_stop:
                    await watch.look()
                    beat(worked=True)
                    await asyncio.sleep(WATCH_S)
        beat(worked=False)
        await asyncio.sleep(WATCH_S)


async def _measure_delay(app: Any, name: str, told: metrics.ProcessorMetrics) -> None:
    loop = asyncio.get_running_loop()
    while not app.should_stop:
        due = loop.time() + DELAY_S
        await asyncio.sleep(DELAY_S)
        told.loop_delay(name, max(0.0, loop.time() - due))


def floor_time(time: datetime, seconds: float) -> datetime:
    """The latest multiple of ``seconds`` since the epoch that is not after ``time``."""
    return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


def run(build: Callable[[Settings], Any]) -> None:
    """Run one processor until SIGTERM or Ctrl-C, with metrics when a port is set. Does not return.

    With ``--until-stdin-closes`` it also ends when standard input does: a process started with a pipe then ends with the one
    that started it, even after a kill -9.
    """
    settings = load_settings()
    if "--until-stdin-closes" in sys.argv:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    configure_logging(settings.log_format, getattr(logging, settings.log_level.upper()))
    app = build(settings)
    collect_garbage_seldom()
    run_worker(app)


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would be held at interpreter shutdown
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _data_dir(settings: Settings, name: str) -> Path:
    """A folder Faust insists on; nothing is kept in it."""
    folder = settings.home / "faust" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _watched(name: str, settings: Settings) -> tuple[metrics.ProcessorMetrics, health.Health] | None:
    """Metrics and health of this process, served; None when no port is set."""
    if settings.metrics_port is None:
        return None
    registry, well = CollectorRegistry(), health.Health()
    told = metrics.ProcessorMetrics(registry, name)
    _serve(name, settings, registry, well.live, well.ready)
    return told, well


def _serve(name: str, settings: Settings, registry: CollectorRegistry, live: health.Answer, ready: health.Answer) -> None:
    metrics.about(registry, name, version(PACKAGE))
    health.serve(registry, {"/healthz": live, "/readyz": ready}, settings.metrics_port or 0, settings.metrics_host)


def _hook(settings: Settings, watched: Sequence[lane_events.Hook] | None) -> lane_events.Hook:
    hooks = (*(watched or ()), *_told(settings))
    if not hooks:
        return lane_events.silent

    def all_of_them(event: lane_events.ProcessorEvent) -> None:
        for hook in hooks:
            try:
                hook(event)
            except Exception as error:  # what only counts must not stop a lane
                structlog.get_logger(__name__).error("not counted", event_type=type(event).__name__, error=repr(error))

    return all_of_them


def _told(settings: Settings) -> Sequence[lane_events.Hook]:
    """Who else hears what happens: a log line for each record, and spans; none by default."""
    hooks: list[lane_events.Hook] = [StepLog()] if settings.log_level == "debug" else []
    if settings.tracing == "otlp":
        hooks.append(Spans(inputs(settings.topics)))
    return hooks


def _notice_topics(topics: Topics, kafka: dict[str, Any]) -> Callable[[Sequence[str]], Any]:
    async def ensure(names: Sequence[str]) -> None:
        parties = [party for name in names if (party := topics.party_of(name))]
        async with Admin(kafka) as admin:
            await admin.apply([topics.notice_spec(party) for party in parties])

    return ensure
