"""A span for each committed step whose record carries a trace: the ``otel`` extra, when ``EXCHANGE_TRACING=otlp``.

The exchange's records carry their ``traceparent`` on without any of this, and `exchange trace` needs none of it. Spans are for
those who look at traces elsewhere. Where they go is said by OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ...).
"""

from __future__ import annotations

import time
from typing import Any

from exchange.adapters.lane_events import ProcessorEvent, StepDone
from exchange.core.envelope import traceparent_of
from exchange.errors import ConfigError

NS = 1_000_000_000


class Spans:
    """A hook for the batch loop.

    Args:
        topics: input topic by processor, for the spans' attributes.
        tracer: of OpenTelemetry; default: one that exports by OTLP over HTTP.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, topics: dict[str, str], tracer: Any = None) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415 - an extra
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
        except ImportError:
            raise ConfigError("tracing needs the extra `otel`", hint="pip install 'ai-transparency-exchange[otel]'") from None
        self._topics = topics
        self._kind = trace.SpanKind.CONSUMER
        self._propagator = TraceContextTextMapPropagator()
        self._tracer = tracer or exporting(trace)

    def __call__(self, event: ProcessorEvent) -> None:
        """Tell a step that is committed; its span ends now and has the step's own length."""
        if not isinstance(event, StepDone):
            return
        trace = traceparent_of(event.headers)
        if trace is None:
            return
        ended = time.time_ns()
        topic = self._topics.get(event.processor, "")
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(event.lane),
            "messaging.kafka.offset": event.offset if event.offset is not None else -1,
            "messaging.consumer.group.name": event.processor,
        }
        for news in event.news[:1]:
            attributes |= {"exchange.event_id": news.event_id, "exchange.release": news.release, "exchange.seq": news.seq}
        span = self._tracer.start_span(
            f"process {topic}",
            context=self._propagator.extract({"traceparent": trace}),
            kind=self._kind,
            start_time=ended - int(event.seconds * NS),
            attributes=attributes,
        )
        span.end(ended)


def exporting(trace: Any) -> Any:
    """A tracer whose spans leave in batches, from a thread of its own."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise ConfigError("tracing needs the extra `otel`", hint="pip install 'ai-transparency-exchange[otel]'") from None
    provider = TracerProvider(resource=Resource.create({"service.name": "ai-transparency-exchange"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("exchange")
