"""The composition root: settings in, a running processor's Faust app out. `streams/*.py` call nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from exchange.adapters import lane_events, metrics
from exchange.adapters.admin import Admin
from exchange.adapters.faust_app import agent_app, loop_app, run_worker
from exchange.adapters.resources import load_schema_texts
from exchange.adapters.rules_store import RulesStore
from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.schemas import SchemaSet
from exchange.core.step import Processor
from exchange.settings import Settings
from exchange.topics import Topics


def load_codec() -> tuple[SchemaSet, Codec]:
    """The package's schemas and a codec for them."""
    schemas = SchemaSet.from_texts(load_schema_texts())
    return schemas, Codec(schemas)


def make_processor(name: str, settings: Settings, kafka: dict[str, Any]) -> Processor:
    """One of :data:`exchange.core.processors.NAMES`."""
    schemas, codec = load_codec()
    rules = RulesStore(kafka, settings.topics.rules)
    if name == "intake":
        return processors.intake(codec, settings.topics)
    if name == "dossier":
        return processors.dossier(codec, settings.topics, rules)
    return processors.fanout(codec, settings.topics, rules, schemas)


def processor_app(name: str, settings: Settings) -> Any:
    """The Faust app that hosts one processor's batch loop.

    Args:
        name: ``intake``, ``dossier`` or ``fanout``.
        settings: of this process; ``bootstrap_servers`` must be set.
    """
    kafka = settings.kafka_kwargs()
    return loop_app(
        make_processor(name, settings, kafka),
        kafka,
        settings.deployment,
        f"g{settings.generation}",
        data_dir=settings.home / "faust" / name,
        ensure_topics=_notice_topics(settings.topics, kafka),
        hook=_hook(settings),
    )


def clock_app(settings: Settings) -> Any:
    """The Faust app that tells every journal partition the time, once per ``tick_seconds``. A repeated tick does nothing."""
    _, codec = load_codec()
    topics = settings.topics
    app = agent_app("clock", settings.kafka_kwargs(), settings.deployment, data_dir=settings.home / "faust" / "clock")
    journal = app.topic(topics.journal, key_type=bytes, value_type=bytes)

    async def tell() -> None:
        time = floor_time(datetime.now(UTC), settings.tick_seconds)  # noqa: TID251 - this is the clock
        headers = list(to_headers(Attributes(f"tick:{time:%Y%m%dT%H%M%SZ}", "Tick", topics.deployment)))
        for partition in range(topics.partitions):
            key = f"lane-{partition}".encode()
            await journal.send(key=key, value=codec.encode("Tick", {"time": time}), partition=partition, headers=headers)

    app.task(tell)
    app.timer(settings.tick_seconds, name="tick")(tell)
    return app


def floor_time(time: datetime, seconds: float) -> datetime:
    """The latest multiple of ``seconds`` since the epoch that is not after ``time``."""
    return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


def run(build: Callable[[Settings], Any]) -> None:
    """Run one processor until SIGTERM or Ctrl-C, with metrics when a port is set. Does not return."""
    settings = Settings()
    configure_logging(settings.log_format)
    run_worker(build(settings))


def configure_logging(form: str) -> None:
    """Structured logs on standard error: text for people, JSON for production."""
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _hook(settings: Settings) -> lane_events.Hook:
    if settings.metrics_port is None:
        return lane_events.silent
    registry = CollectorRegistry()
    hook = metrics.ProcessorMetrics(registry)
    metrics.serve(registry, settings.metrics_port)
    return hook


def _notice_topics(topics: Topics, kafka: dict[str, Any]) -> Callable[[Sequence[str]], Any]:
    async def ensure(names: Sequence[str]) -> None:
        parties = [party for name in names if (party := topics.party_of(name))]
        async with Admin(kafka) as admin:
            await admin.apply([topics.notice_spec(party) for party in parties])  # type: ignore[misc]

    return ensure
