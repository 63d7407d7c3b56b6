"""What lies in deploy/ fits the code."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from exchange.cli import app
from exchange.core.processors import NAMES
from exchange.local import STOP_S, WORKERS
from exchange.settings import Settings

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


CHART = DEPLOY / "helm" / "exchange"
NOT_OURS = {"EXCHANGE_CONFIG"}


@pytest.mark.parametrize("path", sorted(path for path in DEPLOY.rglob("*") if path.is_file()), ids=lambda path: path.name)
def test_every_variable_named_in_a_file_is_a_setting(path: Path) -> None:
    """A chart or a unit must not set what nobody reads."""
    named = set(re.findall(r"\bEXCHANGE_[A-Z_]+\b", path.read_text("utf-8")))
    assert named - {f"EXCHANGE_{name.upper()}" for name in Settings.model_fields} <= NOT_OURS


def test_the_charts_values_fit_their_schema_and_nonsense_does_not() -> None:
    """What helm checks, without helm."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    jsonschema.validate(values, schema)
    for wrong in (
        {"partitions": 0},
        {"colour": "blue"},
        {"deployment": "Prod"},
        {"kafka": {**values["kafka"], "securityProtocol": "SASL_SSL"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**values, **wrong}, schema)


def test_the_chart_has_every_file_it_shows() -> None:
    """Rules, dashboards and Strimzi's resources are those of deploy/, by links that lead somewhere."""
    for name, place in (
        ("rules", "prometheus/rules"),
        ("dashboards", "grafana/dashboards"),
        ("strimzi.yaml", "strimzi/exchange.yaml"),
    ):
        assert (CHART / "files" / name).resolve() == DEPLOY / place
        assert (DEPLOY / place).exists()


def test_compose_gives_every_worker_time_to_drain_and_mounts_what_is_there() -> None:
    """Every processor is a service; what it mounts exists; its Prometheus scrapes each of them."""
    path = DEPLOY / "compose" / "compose.yaml"
    services = yaml.safe_load(path.read_text("utf-8"))["services"]
    assert set(WORKERS) < set(services)
    for name in WORKERS:
        assert services[name]["command"] == ["worker", name]
        assert float(services[name]["stop_grace_period"].rstrip("s")) > STOP_S
        assert services[name]["read_only"]
    for service in services.values():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            assert not source.startswith(".") or (path.parent / source).exists(), source
    scraped = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text("utf-8"))["scrape_configs"][0]["static_configs"][0]
    assert scraped["targets"] == [f"{name}:9101" for name in WORKERS]


def test_the_image_copies_what_it_needs_and_runs_as_nobody() -> None:
    """Every file it copies is there; it does not run as root."""
    lines = (DEPLOY / "container" / "Containerfile").read_text("utf-8").splitlines()
    sources = [word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]]
    assert all((DEPLOY.parent / source).exists() for source in sources)
    assert lines.index("USER 10001:10001") < next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))


def test_helm_waits_as_long_as_a_drain_takes() -> None:
    """terminationGracePeriodSeconds."""
    text = (CHART / "templates" / "workers.yaml").read_text("utf-8")
    [seconds] = re.findall(r"terminationGracePeriodSeconds: (\d+)", text)
    assert int(seconds) > STOP_S
