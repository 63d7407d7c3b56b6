"""Every metric of the exchange as data: name, labels with the closed sets they come from, what it says.

Names follow Prometheus: one prefix, base units, ``_total`` on counters. No label ever holds a party, a line or a model.
docs/metrics.md is rendered from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exchange.core import census
from exchange.core.admission import ABOUT, REASONS
from exchange.core.processors import NAMES
from exchange.events import records as r

Kind = Literal["counter", "gauge", "histogram"]
Values = tuple[str, ...] | str
"""A closed set, or words that say which."""

PARTITIONS = "input partitions, from 0"
PROFILES = "ids of the rule profiles in force"
STOPS = ("revoked", "fenced", "doubt", "environment", "state")
FAILURES = ("fenced", "doubt", "interrupted", "hanging")
WORK = ("restore", "refold", "rebuild")
OWED_BY = ("developer", "provider", "user")
DERIVED = ("EdgeDeclared", "EdgeDropped", "UpstreamMessage")

_STEP = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0)
_COMMIT = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SINCE = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_TOLD = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
_DELAY = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def _known(literal: Any) -> tuple[str, ...]:
    return tuple(value for value in get_args(literal) if value != "UNKNOWN")


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: without prefix, and without ``_total``.
        kind: counter, gauge or histogram.
        text: what it says.
        labels: name of each label but ``processor``, and the set its values come from.
        of: processors that have it.
        buckets: of a histogram, in its unit.
    """

    name: str
    kind: Kind
    text: str
    labels: Mapping[str, Values] = field(default_factory=dict)
    of: tuple[str, ...] = NAMES
    buckets: tuple[float, ...] = ()

    @property
    def full(self) -> str:
        """The name as Prometheus knows it."""
        return f"exchange_{self.name}_total" if self.kind == "counter" else f"exchange_{self.name}"

    @property
    def label_names(self) -> tuple[str, ...]:
        """All labels, ``processor`` first where there is one."""
        return (*(("processor",) if self.of else ()), *self.labels)

    def collector(self, registry: CollectorRegistry) -> Any:
        """The metric in a registry."""
        name = f"exchange_{self.name}"
        if self.kind == "counter":
            return Counter(name, self.text, self.label_names, registry=registry)
        if self.kind == "gauge":
            return Gauge(name, self.text, self.label_names, registry=registry)
        return Histogram(name, self.text, self.label_names, buckets=self.buckets, registry=registry)


_PART: Mapping[str, Values] = {"partition": PARTITIONS}
_INTAKE, _DOSSIER, _FANOUT = ("intake",), ("dossier",), ("fanout",)

FACTS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "submissions",
            "counter",
            "Submissions answered: accepted, refused or repeat",
            {"result": _known(r.ReceiptStatus)},
            _INTAKE,
        ),
        Metric("accepted", "counter", "Submissions accepted, by record type", {"type": tuple(ABOUT)}, _INTAKE),
        Metric(
            "refusals",
            "counter",
            "Submissions refused, by the type they claimed and reason code",
            {"type": (*ABOUT, "unknown"), "reason": tuple(REASONS)},
            _INTAKE,
        ),
        Metric("dossiers", "counter", "Dossiers changed: new or updated", {"change": ("new", "updated")}, _DOSSIER),
        Metric("decisions", "counter", "Decisions made, by kind", {"kind": _known(r.DecisionKind)}, _DOSSIER),
        Metric(
            "profile_changes",
            "counter",
            "Changes of an effective risk, by category and where its level went (same: status or flag only)",
            {"category": _known(r.RiskCategory), "direction": ("raised", "lowered", "same")},
            _DOSSIER,
        ),
        Metric("notices", "counter", "Notices written, by kind", {"kind": _known(r.NoticeKind)}, _FANOUT),
        Metric(
            "journal_records",
            "counter",
            "Edges and upstream messages written to the journal, by record type",
            {"type": DERIVED},
            _FANOUT,
        ),
        Metric("dead_letters", "counter", "Dead letters written, by reason code", {"reason": tuple(REASONS)}),
        Metric(
            "lines_stopped",
            "counter",
            "Fan-out lines stopped by a decision that broke the step",
            {"reason": ("step-failed",)},
            _FANOUT,
        ),
        Metric(
            "walks_shortened",
            "counter",
            "Decisions whose remaining children were left to a later decision of the same release",
            {},
            _FANOUT,
        ),
    )
}
"""What the steps count (`Result.facts`), by the fact's name."""

SUMS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "dossiers_held",
            "gauge",
            "Dossiers, by stage and by the most pressing status of their profile",
            {**_PART, "stage": get_args(r.Stage), "status": census.STATUSES},
            _DOSSIER,
        ),
        Metric(
            "dossiers_by_level",
            "gauge",
            "Dossiers, by the highest effective risk of any category",
            {**_PART, "level": census.LEVELS},
            _DOSSIER,
        ),
        Metric(
            "completeness_reports",
            "gauge",
            "Completeness reports, by rule profile and whether all that must be told is told",
            {**_PART, "profile": PROFILES, "state": ("complete", "open")},
            _DOSSIER,
        ),
        Metric(
            "completeness_open_gaps",
            "gauge",
            "Items that are missing, placeholders or stale, by rule profile and who owes them: the role, and whether it is the "
            "release's owner or somebody upstream",
            {**_PART, "profile": PROFILES, "owed_by": OWED_BY, "whose": ("own", "upstream")},
            _DOSSIER,
        ),
        Metric(
            "decisions_waiting",
            "gauge",
            "Decisions in fan-out's queues, not yet fully told",
            {**_PART, "state": ("waiting", "stopped")},
            _FANOUT,
        ),
    )
}
"""Sums over state (`exchange.core.census`), kept up to date by what changes."""

WORKER: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("records_in", "counter", "Input records done"),
        Metric("records_out", "counter", "Records written, state not counted"),
        Metric("records_broken", "counter", "Records that broke the step"),
        Metric("step_seconds", "histogram", "Duration of a step in seconds", buckets=_STEP),
        Metric(
            "publication_seconds",
            "histogram",
            "Seconds from the append of a submission, by the broker's clock, to what it caused, by the worker's: its receipt, "
            "each decision with news of a dossier, each notice",
            {"until": ("receipt", "dossier", "notice")},
            buckets=_SINCE,
        ),
        Metric("fanout_told", "histogram", "Notices and upstream messages of one fan-out step", of=_FANOUT, buckets=_TOLD),
        Metric("lag_records", "gauge", "Input records not yet done, as the worker sees it", _PART),
        Metric("lag_seconds", "gauge", "Age of the oldest input record not yet done, as the worker sees it", _PART),
        Metric("transactions", "counter", "Transactions committed"),
        Metric(
            "transactions_failed",
            "counter",
            "Transactions that did not end in a known commit: fenced by another worker; in doubt, so thrown away; interrupted by "
            "a stop; left hanging by a broker, and aborted",
            {"outcome": FAILURES},
        ),
        Metric("commit_seconds", "histogram", "Duration of a committed transaction in seconds", buckets=_COMMIT),
        Metric("lane_open", "gauge", "1 for each lane this worker has restored and works on", _PART),
        Metric("lane_stops", "counter", "Lanes closed, by reason", {"reason": STOPS}),
        Metric("rebalances", "counter", "Times the group gave this worker lanes"),
        Metric("refolds", "counter", "Lanes folded again from the log"),
        Metric("state_keys", "gauge", "State keys at the last restore", _PART),
        Metric("restore_seconds", "gauge", "Seconds the last restore of a lane took", _PART),
        Metric(
            "replay_records",
            "gauge",
            "Records or offsets that the last replay of a lane reads: its state topic (restore), its input (refold, rebuild)",
            {**_PART, "work": WORK},
        ),
        Metric("replay_records_done", "gauge", "How many of these are read", {**_PART, "work": WORK}),
        Metric(
            "loop_delay_seconds",
            "histogram",
            "How late the worker's event loop runs a timer: what steps keep from heartbeats and fetches",
            buckets=_DELAY,
        ),
    )
}
"""What the batch loop tells."""

_GROUPS: Mapping[str, Values] = {"group": NAMES, "partition": PARTITIONS}
CLUSTER: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("group_lag_records", "gauge", "Input records a group has not done, as the broker sees it", _GROUPS, ()),
        Metric(
            "group_lag_seconds",
            "gauge",
            "Age of the oldest input record a group has not done, as the broker sees it: goes on when the worker does not",
            _GROUPS,
            (),
        ),
        Metric("group_members", "gauge", "Workers in a group", {"group": NAMES}, ()),
        Metric("broker_disk_bytes", "gauge", "Size of a broker's log directory's disk", {"broker": "broker ids"}, ()),
        Metric("broker_disk_free_bytes", "gauge", "Bytes free on it", {"broker": "broker ids"}, ()),
        Metric("watch_timestamp_seconds", "gauge", "When the cluster was last looked at; what stops moving says nothing", {}, ()),
    )
}
"""What the clock's worker sees of groups and brokers from outside."""

BUILD = Metric("build_info", "gauge", "The release that runs; always 1", {"version": "the release's number"}, (*NAMES, "clock"))

ALL: tuple[Metric, ...] = (*FACTS.values(), *SUMS.values(), *WORKER.values(), *CLUSTER.values(), BUILD)
