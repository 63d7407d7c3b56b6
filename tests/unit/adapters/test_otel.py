"""Spans of committed steps: real OpenTelemetry, exported over real HTTP where it says so."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from exchange.adapters.lane_events import Lag, StepDone
from exchange.adapters.otel import Spans, exporting
from exchange.adapters.step_log import StepLog
from exchange.client.trace import fresh
from exchange.core.step import News
from exchange.runtime import configure_logging
from exchange.testing.otlp import collector

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = (("ce_id", b"e1"), ("traceparent", TRACE.encode()))
STEP = StepDone("dossier", 1, 42, 0.005, (), headers=HEADERS, news=[News("decision.event", "e1", "acme/m@1", 7)])


def test_a_span_has_the_publishers_trace_and_names_no_party() -> None:
    """A child of the publisher's span, with the step's length; a record without a trace has none."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    spans = Spans({"dossier": "exchange.journal"}, provider.get_tracer("test"))
    spans(STEP)
    spans(StepDone("dossier", 1, 43, 0.005, ()))
    spans(Lag("dossier", 1, 5))
    [span] = kept.get_finished_spans()
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE[3:35], TRACE[36:52])
    assert (span.end_time or 0) - (span.start_time or 0) == 5_000_000
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": "exchange.journal",
        "messaging.destination.partition.id": "1",
        "messaging.kafka.offset": 42,
        "messaging.consumer.group.name": "dossier",
        "exchange.event_id": "e1",
        "exchange.release": "acme/m@1",
        "exchange.seq": 7,
    }


def test_spans_leave_by_otlp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenTelemetry's own variables say."""
    with collector() as (variables, got):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        tracer = exporting(trace)
        Spans({}, tracer)(STEP)
        provider: Any = trace.get_tracer_provider()
        provider.shutdown()
    assert [path for path, _ in got] == ["/v1/traces"]
    assert bytes.fromhex(TRACE[3:35]) in got[0][1]


def test_off_imports_nothing_of_it() -> None:
    """A worker and a client without tracing never load OpenTelemetry."""
    said = (
        "import sys, exchange.workers, exchange.client; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_client_within_a_span_goes_on_with_its_trace() -> None:
    """The publisher's own span becomes the parent of all that follows."""
    tracer = TracerProvider().get_tracer("publisher")
    with tracer.start_as_current_span("publish") as span:
        context = span.get_span_context()
        flags = int(context.trace_flags)
        assert fresh() == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def test_the_log_says_which_event_and_never_what(capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object a line, with event id, release, seq and trace."""
    configure_logging("json", logging.DEBUG)
    try:
        StepLog()(STEP)
        StepLog()(Lag("dossier", 1, 5))
    finally:
        structlog.reset_defaults()
    [line] = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    said.pop("timestamp")
    assert said == {
        "event": "decision.event",
        "level": "debug",
        "processor": "dossier",
        "lane": 1,
        "offset": 42,
        "event_id": "e1",
        "release": "acme/m@1",
        "seq": 7,
        "trace_id": TRACE[3:35],
    }
