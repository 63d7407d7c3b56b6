"""``exchange dashboards``: do the dashboards show anything?"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.prometheus import Api
from exchange.cli.output import Home, Json, console, errors, print_json
from exchange.cli.up import running
from exchange.panels import Finding
from exchange.settings import Settings, load_settings
from exchange.watching import draw, watchers
from exchange.watching import verify as verify_panels


def verify(
    prometheus: Annotated[
        str | None, typer.Option(help="Address of a Prometheus that scrapes the exchange; default: one is started here.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=20, help="How long to scrape, or to look back.")] = 60,
    plots: Annotated[Path | None, typer.Option(help="Folder to draw each dashboard's data into, as PNG.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Ask a real Prometheus, which scrapes the running exchange, what every panel of every dashboard asks.

    Without an address a Prometheus and an Alertmanager are started on loopback from the files that ship, for as long as it takes;
    they must be on the path. `exchange up` must run with EXCHANGE_METRICS_PORT, for the panels about Kafka with
    EXCHANGE_BROKER_METRICS_PORT too, and something must happen in it meanwhile: a panel without any number is an error. The
    pictures are matplotlib's, not Grafana's rendering.

    Exit code: 0 every panel shows something, 1 one does not, 3 Prometheus or Alertmanager is not installed.

    Examples:

      exchange dashboards verify --seconds 120

      exchange dashboards verify --prometheus http://prometheus:9090 --plots pictures
    """
    settings = _with_ports(load_settings(home=home))
    if prometheus is not None:
        found = verify_panels(Api(prometheus), seconds)
    else:
        with tempfile.TemporaryDirectory(prefix="exchange-watch-") as folder, watchers(settings, Path(folder)) as watching:
            errors.print(f"scraping for {seconds:.0f} s", style="dim")
            time.sleep(seconds)
            found = verify_panels(watching.prometheus, seconds)
    if plots is not None:
        for path in draw(found, plots):
            errors.print(f"drawn: {path}", style="dim")
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        _print(found)
    raise typer.Exit(0 if all(each.ok for each in found) else 1)


def _with_ports(settings: Settings) -> Settings:
    """The settings with the ports of the exchange that runs in this home, where they are not set here."""
    state = running(settings.home) or {}
    ports = {name: state.get(name) for name in ("metrics_port", "broker_metrics_port") if getattr(settings, name) is None}
    return settings.model_copy(update=ports)


def _print(found: list[Finding]) -> None:
    wrong = [each for each in found if not each.ok]
    for each in wrong:
        console.print(f"{each.dashboard}: {each.title}: {each.why}", style="red", markup=False)
    console.print(f"{len(found) - len(wrong)} of {len(found)} panels and variables show something")
