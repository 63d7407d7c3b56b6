"""What lies in deploy/ fits the code."""

from __future__ import annotations

import configparser
from pathlib import Path

import yaml
from typer.testing import CliRunner

from exchange.cli import app
from exchange.core.processors import NAMES
from exchange.local import STOP_S, WORKERS

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_unit_starts_a_command_that_exists_and_gives_it_time_to_drain() -> None:
    """ExecStart names `exchange worker`, for any of the processors, and the stop time-out is longer than a drain."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / "exchange-worker@.service")
    command = unit["Service"]["ExecStart"].split()
    assert command[1:] == ["worker", "%i"]
    assert float(unit["Service"]["TimeoutStopSec"]) > STOP_S
    assert CliRunner().invoke(app, ["worker", "--help"]).exit_code == 0
    assert set(NAMES) < set(WORKERS)


def test_prometheus_scrapes_each_processor() -> None:
    """One target a worker, on the ports `exchange up` gives them."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = config["scrape_configs"][0]["static_configs"][0]["targets"]
    ports = [int(target.rpartition(":")[2]) for target in targets]
    assert ports == list(range(ports[0], ports[0] + len(WORKERS)))
