"""The composition root: settings in, a running processor's Faust app out. `streams/*.py` call nothing else.

Apart from :mod:`exchange.runtime`, so that commands need not load Faust.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from exchange.adapters import lane_events, metrics
from exchange.adapters.admin import Admin
from exchange.adapters.faust_app import loop_app, run_worker, timer_app
from exchange.adapters.lane_state import Limits
from exchange.adapters.otel import Spans
from exchange.adapters.rules_store import RulesStore
from exchange.adapters.setup import send_tick
from exchange.adapters.step_log import StepLog
from exchange.core.processors import NAMES
from exchange.runtime import configure_logging, load_codec, make_processor
from exchange.settings import Settings, load_settings
from exchange.topics import Topics


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
    _, codec = load_codec(settings)
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
    configure_logging(settings.log_format, getattr(logging, settings.log_level.upper()))
    app = build(settings)
    _collect_garbage_seldom()
    run_worker(app)


def _collect_garbage_seldom() -> None:
    """Steps make many dicts and no circles: Python's defaults look through all of a lane's state again and again, for nothing.

    A fifth of the steps' time, with a small state (docs/bench.md); what libraries leave in circles is still collected.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _end_with_stdin() -> None:
    while os.read(0, 1):  # not sys.stdin: its lock would be held at interpreter shutdown
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _data_dir(settings: Settings, name: str) -> Path:
    """A folder Faust insists on; nothing is kept in it."""
    folder = settings.home / "faust" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _hook(settings: Settings) -> lane_events.Hook:
    hooks: list[lane_events.Hook] = []
    if settings.metrics_port is not None:
        registry = CollectorRegistry()
        hooks.append(metrics.ProcessorMetrics(registry))
        metrics.serve(registry, settings.metrics_port, settings.metrics_host)
    if settings.log_level == "debug":
        hooks.append(StepLog())
    if settings.tracing == "otlp":
        topics = settings.topics
        inputs = (topics.submissions, topics.journal, topics.decisions)
        hooks.append(Spans(dict(zip(NAMES, inputs, strict=True))))
    return lane_events.all_of(hooks)


def _notice_topics(topics: Topics, kafka: dict[str, Any]) -> Callable[[Sequence[str]], Any]:
    async def ensure(names: Sequence[str]) -> None:
        parties = [party for name in names if (party := topics.party_of(name))]
        async with Admin(kafka) as admin:
            await admin.apply([topics.notice_spec(party) for party in parties])

    return ensure
