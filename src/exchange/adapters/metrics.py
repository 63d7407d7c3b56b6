"""Metrics of a processor: listens to the batch loop's events. Labels come from closed sets only; never a party or a model."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, start_http_server

from exchange.adapters import lane_events as events

_STEP_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
_COMMIT_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


FACTS = {
    "submissions": ("result", "Submissions answered: accepted, refused or repeat"),
    "accepted": ("type", "Submissions accepted, by record type"),
    "dossiers": ("change", "Dossiers changed: new or updated"),
    "decisions": ("kind", "Decisions made, by kind"),
    "notices": ("kind", "Notices written, by kind"),
    "journal_records": ("type", "Edges and upstream messages written to the journal, by record type"),
    "dead_letters": ("reason", "Dead letters written, by reason code"),
    "lines_stopped": ("reason", "Fan-out lines stopped by a decision that broke the step"),
}
"""What the steps count (`Result.facts`): label and help text of each counter, by name without prefix and `_total`."""


class ProcessorMetrics:
    """A hook for :class:`exchange.adapters.loop.Loop` that counts.

    Args:
        registry: where the metrics live; passed in, so that tests and several processors in one process do not meet.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        who = ("processor",)
        self.records_in = Counter("exchange_records_in", "Input records done", who, registry=registry)
        self.records_out = Counter("exchange_records_out", "Records written, state not counted", who, registry=registry)
        self.facts = {
            fact: Counter(f"exchange_{fact}", text, (*who, label), registry=registry) for fact, (label, text) in FACTS.items()
        }
        self.broken = Counter("exchange_records_broken", "Records that broke the step", who, registry=registry)
        self.transactions = Counter("exchange_transactions", "Transactions committed", who, registry=registry)
        self.lanes_stopped = Counter("exchange_lane_stops", "Lanes closed, by reason", (*who, "reason"), registry=registry)
        self.refolds = Counter("exchange_refolds", "Lanes folded again from the log", who, registry=registry)
        self.step_seconds = Histogram(
            "exchange_step_seconds", "Duration of a step in seconds", who, buckets=_STEP_BUCKETS, registry=registry
        )
        self.commit_seconds = Histogram(
            "exchange_commit_seconds", "Duration of a transaction in seconds", who, buckets=_COMMIT_BUCKETS, registry=registry
        )
        self.lag = Gauge("exchange_lag_records", "Input records not yet done", (*who, "partition"), registry=registry)
        self.keys = Gauge("exchange_state_keys", "State keys at the last restore", (*who, "partition"), registry=registry)

    def __call__(self, event: events.LaneEvent) -> None:
        """Count one event."""
        name = event.processor
        match event:
            case events.StepDone(seconds=seconds, facts=facts):
                self.step_seconds.labels(name).observe(seconds)
                for (fact, value), number in events.counts(facts).items():
                    self.facts[fact].labels(name, value).inc(number)
            case events.BatchCommitted():
                self.records_in.labels(name).inc(event.records)
                self.records_out.labels(name).inc(event.outputs)
                self.transactions.labels(name).inc()
                self.commit_seconds.labels(name).observe(event.commit_seconds)
            case events.LaneRestored():
                self.keys.labels(name, str(event.lane)).set(event.keys)
            case events.LaneStopped():
                self.lanes_stopped.labels(name, event.reason).inc()
            case events.RecordBroken():
                self.broken.labels(name).inc()
            case events.Refolded():
                self.refolds.labels(name).inc()
            case events.Lag():
                self.lag.labels(name, str(event.lane)).set(event.records)


def serve(registry: CollectorRegistry, port: int, host: str = "127.0.0.1") -> None:
    """Serve ``/metrics`` from a thread of its own for the rest of the process."""
    start_http_server(port, addr=host, registry=registry)
