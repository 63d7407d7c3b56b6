"""The composition root: settings in, a running processor's Faust app out. `streams/*.py` call nothing else."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exchange.adapters import lane_events, metrics
from exchange.adapters.admin import Admin
from exchange.adapters.faust_app import loop_app, run_worker, timer_app
from exchange.adapters.lane_state import Limits
from exchange.adapters.resources import load_schema_texts
from exchange.adapters.rules_store import RulesStore
from exchange.adapters.setup import send_tick
from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.processors import RulesOf
from exchange.core.schemas import SchemaSet
from exchange.core.step import Processor
from exchange.settings import Settings, load_settings
from exchange.topics import Topics


def load_codec() -> tuple[SchemaSet, Codec]:
    """The package's schemas and a codec for them."""
    schemas = SchemaSet.from_texts(load_schema_texts())
    return schemas, Codec(schemas)


def make_processor(name: str, settings: Settings, rules: RulesOf) -> Processor:
    """One of :data:`exchange.core.processors.NAMES`."""
    topics = settings.topics
    schemas, codec = load_codec()
    if name == "intake":
        return processors.intake(codec, topics)
    if name == "dossier":
        return processors.dossier(codec, topics, rules)
    return processors.fanout(codec, topics, rules, schemas, settings.fanout_limit)


def processor_app(name: str, settings: Settings) -> Any:
    """The Faust app that hosts one processor's batch loop.

    Args:
        name: ``intake``, ``dossier`` or ``fanout``.
        settings: of this process; ``bootstrap_servers`` must be set.
    """
    kafka = settings.kafka_kwargs()
    rules = RulesStore(kafka, settings.topics.rules)
    return loop_app(
        make_processor(name, settings, rules),
        kafka,
        settings.deployment,
        f"g{settings.generation}",
        data_dir=_data_dir(settings, name),
        ensure_topics=_notice_topics(settings.topics, kafka),
        hook=_hook(settings),
        limits=Limits(topics=settings.fanout_limit) if name == "fanout" else Limits(),
        prepare=rules.load,
    )


def clock_app(settings: Settings) -> Any:
    """The Faust app that tells every journal partition the time, once per ``tick_seconds``. A repeated tick does nothing."""
    kafka, topics = settings.kafka_kwargs(), settings.topics
    _, codec = load_codec()
    app = timer_app("clock", kafka, settings.deployment, data_dir=_data_dir(settings, "clock"))

    async def tell() -> None:
        time = floor_time(datetime.now(UTC), settings.tick_seconds)  # noqa: TID251 - this is the clock
        await send_tick(kafka, topics, codec, time)

    app.timer(settings.tick_seconds, name="tick")(tell)
    app.task(tell)
    return app


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
    configure_logging(settings.log_format)
    run_worker(build(settings))


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would be held at interpreter shutdown
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def configure_logging(form: str, level: int = logging.INFO) -> None:
    """Structured logs on standard error: text for people, JSON for production; ours from ``level`` on, others' from warning."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _data_dir(settings: Settings, name: str) -> Path:
    """A folder Faust insists on; nothing is kept in it."""
    folder = settings.home / "faust" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _hook(settings: Settings) -> lane_events.Hook:
    if settings.metrics_port is None:
        return lane_events.silent
    registry = CollectorRegistry()
    hook = metrics.ProcessorMetrics(registry)
    metrics.serve(registry, settings.metrics_port, settings.metrics_host)
    return hook


def _notice_topics(topics: Topics, kafka: dict[str, Any]) -> Callable[[Sequence[str]], Any]:
    async def ensure(names: Sequence[str]) -> None:
        parties = [party for name in names if (party := topics.party_of(name))]
        async with Admin(kafka) as admin:
            await admin.apply([topics.notice_spec(party) for party in parties])

    return ensure
