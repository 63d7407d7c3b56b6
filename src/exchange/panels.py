"""What a dashboard's panels ask, and whether a Prometheus has an answer. Reads the dashboards' JSON as Grafana does.

Variables are filled in here, as Grafana would with everything chosen; what is drawn from the answers is not Grafana's rendering.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from exchange.errors import PlumbingError

INTERVAL = "$__rate_interval"
_LABELS = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")
_VALUES = re.compile(r"label_values\(\s*(.+),\s*(\w+)\s*\)$")


class Source(Protocol):
    """What answers queries."""

    def query(self, expr: str, at: float) -> list[dict[str, Any]]:
        """Series at a time."""

    def query_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Series over a time."""

    def label_values(self, metric: str, label: str) -> list[str]:
        """Values of a label."""


@dataclass(frozen=True)
class Query:
    """One query of a panel; ``expr`` and ``legend`` as written, variables not filled in."""

    ref: str
    expr: str
    legend: str
    instant: bool


@dataclass(frozen=True)
class Panel:
    """One panel that asks something.

    Attributes:
        dashboard: the dashboard's uid.
        number: of the panel in it.
        title, kind, unit: as Grafana has them.
        limit: a line from which on, or under which, it is bad.
        stack: whether series add up.
        queries: what it asks.
    """

    dashboard: str
    number: int
    title: str
    kind: str
    unit: str
    limit: float | None
    stack: bool
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class Series:
    """One line of a panel: its legend, its times in seconds since the epoch, its values."""

    legend: str
    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Window:
    """What is looked at.

    Attributes:
        start, end: seconds since the epoch.
        step: seconds between two points.
        rate: what ``$__rate_interval`` stands for, in seconds: at least four scrapes.
    """

    start: float
    end: float
    step: float
    rate: float


@dataclass
class Finding:
    """What came of one panel, or of one variable.

    Attributes:
        dashboard, title: which.
        why: what is wrong; empty when nothing is.
        series: what it shows.
    """

    dashboard: str
    title: str
    why: str = ""
    panel: Panel | None = None
    series: list[Series] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it shows something."""
        return not self.why


def panels_of(board: Mapping[str, Any]) -> Iterator[Panel]:
    """The panels of a dashboard that ask something, in order."""
    for each in board["panels"]:
        queries = tuple(
            Query(target["refId"], target["expr"], target.get("legendFormat", ""), bool(target.get("instant")))
            for target in each.get("targets", ())
        )
        if queries:
            defaults = each["fieldConfig"]["defaults"]
            steps = defaults.get("thresholds", {}).get("steps", [])
            stack = defaults.get("custom", {}).get("stacking", {}).get("mode") == "normal"
            limit = steps[-1]["value"] if steps else None
            unit = defaults.get("unit", "short")
            yield Panel(board["uid"], each["id"], each["title"], each["type"], unit, limit, stack, queries)


def parameters(board: Mapping[str, Any]) -> dict[str, str]:
    """What each variable of a dashboard stands for with everything chosen."""
    found = {}
    for variable in board["templating"]["list"]:
        chosen = str((variable.get("current") or {}).get("value", ""))
        everything = chosen == "$__all"
        found[variable["name"]] = variable.get("allValue", ".*") if everything else chosen or str(variable.get("query", ""))
    return found


def filled(text: str, values: Mapping[str, str], rate: float) -> str:
    """A query with its variables filled in."""
    text = text.replace(INTERVAL, f"{rate:.0f}s")
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], found[0]), text)


def examine(source: Source, boards: Sequence[str], window: Window) -> list[Finding]:
    """Ask all that the dashboards ask.

    Args:
        source: the Prometheus.
        boards: text of the dashboards.
        window: what is looked at.

    Returns:
        A finding for each variable that asks something and for each panel; one is wrong when any of its queries has no answer, an
        answer without a number, or an error.
    """
    found = []
    for text in boards:
        board = json.loads(text)
        found += [_variable(source, board["uid"], each) for each in board["templating"]["list"] if each["type"] == "query"]
        values = parameters(board)
        found += [_panel(source, panel, values, window) for panel in panels_of(board)]
    return found


def _variable(source: Source, dashboard: str, variable: Mapping[str, Any]) -> Finding:
    finding = Finding(dashboard, f"${variable['name']}")
    asked = _VALUES.match(variable["query"])
    if asked is None:
        finding.why = f"not a query that is understood here: {variable['query']}"
        return finding
    try:
        if not source.label_values(asked[1], asked[2]):
            finding.why = f"no values: {variable['query']}"
    except PlumbingError as error:
        finding.why = error.message
    return finding


def _panel(source: Source, panel: Panel, values: Mapping[str, str], window: Window) -> Finding:
    finding = Finding(panel.dashboard, panel.title, panel=panel)
    for query in panel.queries:
        expr = filled(query.expr, values, window.rate)
        try:
            rows = source.query(expr, window.end) if query.instant else _ranged(source, expr, window)
        except PlumbingError as error:
            finding.why = f"{query.ref}: {error.message}"
            return finding
        series = [made for row in rows if (made := _series(row, query.legend)).values]
        if not series:
            finding.why = f"{query.ref}: nothing to show: {expr}"
            return finding
        finding.series += series
    return finding


def _ranged(source: Source, expr: str, window: Window) -> list[dict[str, Any]]:
    return source.query_range(expr, window.start, window.end, window.step)


def _series(row: Mapping[str, Any], legend: str) -> Series:
    """A series as it is shown; points that are no numbers are left out."""
    points = [(float(at), float(value)) for at, value in row.get("values") or [row["value"]]]
    points = [(at, value) for at, value in points if math.isfinite(value)]
    labels = row["metric"]
    shown = _LABELS.sub(lambda found: str(labels.get(found[1], "")), legend) if legend else _named(labels)
    return Series(shown, tuple(at for at, _ in points), tuple(value for _, value in points))


def _named(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "value"
