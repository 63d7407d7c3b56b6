"""Metrics of a processor: listens to the batch loop's events. Which metrics there are: :mod:`exchange.adapters.metric_names`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client import Metric as PrometheusMetric

from exchange.adapters import lane_events as events
from exchange.adapters.metric_names import BUILD, FACTS, SUMS, WORKER, Metric

_UNTIL = {"intake": "receipt", "dossier": "dossier", "fanout": "notice"}
_TOLD = ("notices", "journal_records")


class ProcessorMetrics:
    """A hook for :class:`exchange.adapters.loop.Loop` that counts.

    Args:
        registry: where the metrics live; passed in, so that tests and several processors in one process do not meet.
        processor: whose series are there from the start, at 0: what a counter does first is then seen too.
    """

    def __init__(self, registry: CollectorRegistry, processor: str | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._all = {name: metric.collector(registry) for name, metric in {**FACTS, **SUMS, **WORKER}.items()}
        self._lanes: defaultdict[int, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
        if processor is not None:
            for metric in (*FACTS.values(), *WORKER.values()):
                self._begin(metric, processor)

    def __call__(self, event: events.ProcessorEvent) -> None:
        """Count one event."""
        match event:
            case events.StepDone():
                self._step(event)
            case events.BatchCommitted():
                self._add("records_in", event, by=event.records)
                self._add("records_out", event, by=event.outputs)
                self._add("transactions", event)
                self._all["commit_seconds"].labels(event.processor).observe(event.commit_seconds)
            case events.TransactionFailed():
                self._add("transactions_failed", event, event.outcome)
            case events.RecordBroken():
                self._add("records_broken", event)
            case events.Refolded():
                self._add("refolds", event)
            case events.Assigned():
                if event.member:
                    self._add("rebalances", event)
            case _:
                self._lane(event)

    def _lane(self, event: events.ProcessorEvent) -> None:
        match event:
            case events.LaneRestored():
                self._set("lane_open", event, 1)
                self._set("state_keys", event, event.keys)
                self._set("restore_seconds", event, event.seconds)
                self._nothing_yet(event)
            case events.LaneStopped():
                self._add("lane_stops", event, event.reason)
                self._forget(event.lane)
            case events.Replayed():
                self._set("replay_records", event, event.whole, event.work)
                self._set("replay_records_done", event, event.done, event.work)
            case events.Counted():
                for (name, *labels), number in event.counts.items():
                    self._set(name, event, number, *labels)
            case events.Lag():
                self._set("lag_records", event, event.records)
                self._set("lag_seconds", event, _age(event.oldest_ms) if event.records and event.oldest_ms else 0)

    def _step(self, event: events.StepDone) -> None:
        name = event.processor
        self._all["step_seconds"].labels(name).observe(event.seconds)
        counts = events.counts(event.facts)
        for (fact, *labels), number in counts.items():
            self._all[fact].labels(name, *labels).inc(number)
        told = sum(number for (fact, *_), number in counts.items() if fact in _TOLD)
        if name == "fanout":
            self._all["fanout_told"].labels(name).observe(told)
        if event.published_ms is not None and name in _UNTIL:
            since = self._all["publication_seconds"].labels(name, _UNTIL[name])
            age = _age(event.published_ms)
            for _ in range(_caused(name, counts)):
                since.observe(age)

    def loop_delay(self, processor: str, seconds: float) -> None:
        """Note how late the event loop ran a timer."""
        self._all["loop_delay_seconds"].labels(processor).observe(seconds)

    def _begin(self, metric: Metric, processor: str) -> None:
        sets = [values for values in metric.labels.values() if not isinstance(values, str)]
        own = _UNTIL[processor] if metric.name == "publication_seconds" else None
        if metric.kind != "gauge" and processor in metric.of:
            for labels in product(*sets):
                if own is None or own in labels:
                    self._all[metric.name].labels(processor, *labels)

    def _nothing_yet(self, event: events.LaneRestored) -> None:
        """The sums of a lane begin at 0, where all their labels are known; what is there is told right after."""
        for metric in SUMS.values():
            sets = [values for label, values in metric.labels.items() if label != "partition"]
            if event.processor in metric.of and not any(isinstance(values, str) for values in sets):
                for labels in product(*sets):
                    self._set(metric.name, event, 0, *labels)

    def _add(self, name: str, event: events.ProcessorEvent, *labels: str, by: int = 1) -> None:
        self._all[name].labels(event.processor, *labels).inc(by)

    def _set(self, name: str, event: Any, value: float, *labels: str) -> None:
        values = (event.processor, str(event.lane), *labels)
        self._all[name].labels(*values).set(value)
        self._lanes[event.lane].add((name, values))

    def _forget(self, lane: int) -> None:
        """A lane that is closed here may be open elsewhere: its gauges must not be counted twice."""
        for name, values in self._lanes.pop(lane, ()):
            self._all[name].remove(*values)


class _Process:
    """What the system says of this process (``process_*``), with the processor it is."""

    def __init__(self, processor: str) -> None:
        self._processor, self._system = processor, ProcessCollector(registry=None)

    def collect(self) -> Iterator[PrometheusMetric]:
        """As the registry asks."""
        for family in self._system.collect():
            family.samples = [each._replace(labels={**each.labels, "processor": self._processor}) for each in family.samples]
            yield family


def about(registry: CollectorRegistry, processor: str, version: str) -> None:
    """Put what every process tells into a registry: the release it runs, and what the system says of the process."""
    BUILD.collector(registry).labels(processor, version).set(1)
    registry.register(_Process(processor))


def _caused(processor: str, counts: Mapping[tuple[str, ...], int]) -> int:
    """How many things of the processor's own kind a step made: its receipt, decisions with news of a dossier, notices."""
    if processor == "fanout":
        return sum(number for (fact, *_), number in counts.items() if fact == "notices")
    if processor == "dossier":
        return sum(number for fact, number in counts.items() if fact[0] == "decisions" and fact[1] != "nothing")
    return 1


def _age(timestamp_ms: int) -> float:
    """Seconds since a broker's timestamp; clocks that differ a little do not make it negative."""
    return max(0.0, time.time() - timestamp_ms / 1000)
