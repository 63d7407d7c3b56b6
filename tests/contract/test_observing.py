"""Dashboards, alerts and runbooks fit each other and the code."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from exchange.adapters import prometheus
from exchange.adapters.metric_names import ALL
from exchange.cli import app
from exchange.errors import ToolMissingError
from exchange.panels import panels_of
from exchange.watching import dashboards

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOKS = ROOT / "docs" / "runbooks"
BOARDS = [json.loads(text) for text in dashboards()]
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "rules" / "exchange.alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED = [
    rule["record"]
    for group in yaml.safe_load((DEPLOY / "prometheus" / "rules" / "exchange.rules.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]


BROKER_TOTALS = {"bytesin", "bytesout", "messagesin"}
"""Names of Kafka's BrokerTopicMetrics; one rule of the exporter fits them all, and the broker test sees it at work."""


def tool(*names: str) -> str:
    """A programme, or a skipped test."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed: {prometheus.INSTALL}")


def known() -> set[str]:
    """Every name that Prometheus has of us, and of what runs beside."""
    names = {"up", "ALERTS", *RECORDED, "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
    for metric in ALL:
        names |= {f"{metric.full}_{end}" for end in ("bucket", "sum", "count")} if metric.kind == "histogram" else {metric.full}
    return names


def metrics_in(expr: str) -> set[str]:
    """Metric names of a query."""
    expr = re.sub(r'"[^"]*"|\[[^\]]*\]|by \([^)]*\)|\{[^}]*\}', " ", expr)
    return set(re.findall(r"\b(?:exchange|kafka|jvm|process)[_:][\w:]+|\bup\b|\bALERTS\b", expr))


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """deploy/grafana/generate.py."""
    folder = DEPLOY / "grafana"
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(warnings, "filters", [*warnings.filters])
    spec = importlib.util.spec_from_file_location("generate_dashboards", folder / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("panels", None)


def test_committed_dashboards_are_what_the_generator_makes(generator: Any) -> None:
    """`make generate` would change nothing, and there are no others."""
    made = {f"{board.uid}.json": generator.built(board) for board in generator.BOARDS}
    assert {path.name: path.read_text("utf-8") for path in (DEPLOY / "grafana" / "dashboards").iterdir()} == made
    assert len(made) == 4


def test_panels_have_what_grafana_needs_and_titles_in_both_languages() -> None:
    """Unique ids, a data source variable, ref ids, legends; English and Japanese."""
    for board in BOARDS:
        assert "ds" in {variable["name"] for variable in board["templating"]["list"]}
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        for panel in board["panels"]:
            english, _, japanese = panel["title"].partition(" · ")
            assert english == "Kafka" or re.search(r"[\u3040-\u30ff\u4e00-\u9fff]|CPU", japanese), panel["title"]
            for target in panel.get("targets", ()):
                assert target["refId"]
                assert target["legendFormat"]
                assert target["datasource"]["uid"] == "${ds}"


def test_every_metric_asked_for_exists() -> None:
    """In panels, variables and rules; what is the broker's is in the exporter's rules."""
    exporter = (ROOT / "src" / "exchange" / "adapters" / "broker_metrics.yaml").read_text("utf-8").lower()
    asked = {name for board in BOARDS for panel in panels_of(board) for query in panel.queries for name in metrics_in(query.expr)}
    asked |= {name for board in BOARDS for each in board["templating"]["list"] for name in metrics_in(str(each.get("query", "")))}
    asked |= {name for rule in ALERTS for name in metrics_in(rule["expr"])}
    assert len(asked) > 40
    for name in asked - known():
        assert name.startswith(("kafka_", "jvm_")), name
        stem = re.sub(r"^kafka_(broker|controller)_|_total$|_p99$", "", name)
        assert name.startswith("jvm_") or stem in exporter or stem in BROKER_TOTALS, name


def test_every_metric_of_ours_is_asked_for_somewhere() -> None:
    """Or it is one that only helps a person who looks closer."""
    asked = {name for board in BOARDS for panel in panels_of(board) for query in panel.queries for name in metrics_in(query.expr)}
    asked |= {name for rule in ALERTS for name in metrics_in(rule["expr"])}
    unasked = {metric.full for metric in ALL if not any(name.startswith(metric.full) for name in asked)}
    assert unasked == {
        "exchange_build_info",
        "exchange_dossiers_total",
        "exchange_lines_stopped_total",
        "exchange_lag_records",
        "exchange_lag_seconds",
        "exchange_refolds_total",
    }


def test_every_alert_and_every_link_leads_to_a_runbook_and_a_dashboard() -> None:
    """And the index of runbooks lists every alert."""
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    for rule in ALERTS:
        notes = rule["annotations"]
        assert set(notes) == {"summary", "description", "runbook_url", "dashboard"}
        page = notes["runbook_url"].removeprefix("{{ $externalLabels.runbooks }}/")
        assert (RUNBOOKS / page).exists()
        assert rule["alert"] in (RUNBOOKS / page).read_text("utf-8")
        assert f"`{rule['alert']}`" in index
        assert page in index
        assert notes["dashboard"] in {board["uid"] for board in BOARDS}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
    links = {link["url"] for board in BOARDS for panel in board["panels"] for link in panel.get("links", ())}
    assert len(links) > 5
    for url in links:
        assert (RUNBOOKS / url.removeprefix("${runbooks}/")).exists(), url


def test_every_alert_has_a_test_that_fires_and_one_that_does_not() -> None:
    """By the names of the tests, and by what they expect."""
    text = (DEPLOY / "prometheus" / "tests" / "alerts.test.yml").read_text("utf-8")
    names = [test["name"] for test in yaml.safe_load(text)["tests"]]
    for rule in ALERTS:
        assert any(f"{rule['alert']} fires" in name for name in names), rule["alert"]
        assert any(f"{rule['alert']} is silent" in name for name in names), rule["alert"]


def test_rules_do_what_their_tests_say() -> None:
    """promtool checks the rules and runs their unit tests."""
    promtool = tool("promtool")
    folder = DEPLOY / "prometheus"
    for command in (
        ["check", "rules", *map(str, sorted((folder / "rules").iterdir()))],
        ["check", "config", str(folder / "prometheus.yml")],
        ["test", "rules", str(folder / "tests" / "alerts.test.yml")],
    ):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", [rule["alert"] for rule in ALERTS])
def test_no_rule_could_be_left_out_unnoticed(alert: str, tmp_path: Path) -> None:
    """Without a rule its own test fails: the tests can fail."""
    promtool = tool("promtool")
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "p")
    path = tmp_path / "p" / "rules" / "exchange.alerts.yml"
    rules = yaml.safe_load(path.read_text("utf-8"))
    rules["groups"][0]["rules"] = [rule for rule in ALERTS if rule["alert"] != alert]
    path.write_text(yaml.safe_dump(rules), "utf-8")
    command = [promtool, "test", "rules", str(tmp_path / "p" / "tests" / "alerts.test.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert alert in done.stdout + done.stderr


def test_the_alertmanagers_example_is_one() -> None:
    """amtool takes it; critical alerts go to the pager."""
    config = DEPLOY / "alertmanager" / "alertmanager.yml"
    amtool = tool("amtool")
    done = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    route = [amtool, "config", "routes", "test", f"--config.file={config}", "severity=critical", "alertname=X"]
    assert subprocess.run(route, capture_output=True, text=True, timeout=60, check=False).stdout.strip() == "pager"


def test_provisioning_names_what_is_there() -> None:
    """The folder the dashboards are mounted into, and the data source."""
    folder = DEPLOY / "grafana" / "provisioning"
    [provider] = yaml.safe_load((folder / "dashboards" / "exchange.yaml").read_text("utf-8"))["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    [source] = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text("utf-8"))["datasources"]
    assert source["type"] == "prometheus"


def test_without_prometheus_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error of the exit code 3, with the line as its hint."""
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(app, ["dashboards", "verify", "--home", str(tmp_path)], env={"EXCHANGE_METRICS_PORT": "9101"})
    assert isinstance(done.exception, ToolMissingError)
    assert done.exception.hint == prometheus.INSTALL
    done = CliRunner().invoke(app, ["dashboards", "verify", "--home", str(tmp_path)])
    assert "EXCHANGE_METRICS_PORT" in getattr(done.exception, "hint", "")
