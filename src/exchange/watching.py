"""A running exchange under a real Prometheus: started from the files that ship, asked what every panel asks.

Used by ``exchange dashboards verify`` and ``make observe``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exchange.adapters import plots
from exchange.adapters.broker_config import free_port, search_from
from exchange.adapters.prometheus import Api, alertmanager, prometheus
from exchange.adapters.resources import bundled
from exchange.errors import ConfigError
from exchange.local import WORKERS
from exchange.panels import Finding, Window, examine
from exchange.settings import Settings

PORTS_FROM, PORTS_SPREAD = 21090, 900
SCRAPE_S = 5.0
"""As in prometheus.yml."""
RATE_S = 4 * SCRAPE_S
"""The least Grafana takes for $__rate_interval."""


@dataclass(frozen=True)
class Watchers:
    """The two that watch."""

    prometheus: Api
    alertmanager: Api


@contextmanager
def watchers(settings: Settings, folder: Path) -> Iterator[Watchers]:
    """Run a Prometheus that scrapes an exchange of this machine, and an Alertmanager, for as long as the block lasts.

    Args:
        settings: of the exchange; ``metrics_port`` must be set.
        folder: for their data and logs.

    Raises:
        ConfigError: there are no metrics to scrape.
        ToolMissingError: one of them is not installed.
    """
    if not settings.metrics_port:
        raise ConfigError("there are no metrics to scrape", hint="run `exchange up` and this with EXCHANGE_METRICS_PORT=9101")
    targets = {"exchange": [settings.metrics_port + number for number in range(len(WORKERS))]}
    if settings.broker_metrics_port:
        targets["kafka"] = [settings.broker_metrics_port]
    one = free_port(start=search_from(PORTS_FROM, PORTS_SPREAD))
    other = free_port(start=one + 1)
    deploy = bundled("deploy")
    with (
        prometheus(folder, one, deploy, targets, other) as asked,
        alertmanager(folder, other, deploy) as alerts,
    ):
        yield Watchers(asked.api, alerts.api)


def dashboards() -> list[str]:
    """Text of every dashboard that ships, by name."""
    folder = bundled("deploy") / "grafana" / "dashboards"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files]


def verify(source: Api, seconds: float, end: float | None = None) -> list[Finding]:
    """What every panel shows of the last ``seconds`` before ``end`` (now, by default)."""
    end = end or time.time()
    window = Window(end - seconds, end, max(1.0, min(SCRAPE_S, seconds / 30)), max(RATE_S, seconds / 100))
    return examine(source, dashboards(), window)


def draw(findings: Sequence[Finding], folder: Path) -> list[Path]:
    """Draw one picture a dashboard.

    Raises:
        ToolMissingError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name in dict.fromkeys(finding.dashboard for finding in findings):
        path = folder / f"{name}.png"
        plots.draw(name, [finding for finding in findings if finding.dashboard == name], path)
        made.append(path)
    return made
