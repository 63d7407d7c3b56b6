"""Alerts as a real Alertmanager tells them; skipped where there is none."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest

from exchange.adapters.alertmanager import Alert, firing
from exchange.adapters.broker_config import free_port, search_from
from exchange.adapters.prometheus import ALERTMANAGERS, alertmanager
from exchange.adapters.resources import bundled
from exchange.errors import PlumbingError


@pytest.mark.skipif(not any(map(shutil.which, ALERTMANAGERS)), reason="no Alertmanager: apt-get install prometheus-alertmanager")
def test_what_fires_is_told(tmp_path: Path) -> None:
    """Nothing at first; then what was posted."""
    with alertmanager(tmp_path, free_port(start=search_from(28000, 3000)), bundled("deploy")) as server:
        assert firing(server.api.url) == []
        posted = {
            "labels": {"alertname": "Stuck", "severity": "critical"},
            "annotations": {"summary": "a partition is stuck"},
            "startsAt": "2026-11-28T10:00:00.000Z",
        }
        body = json.dumps([posted]).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{server.api.url}/api/v2/alerts", body, headers)  # noqa: S310 - ours
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - ours
        assert firing(server.api.url) == [Alert("Stuck", "critical", "a partition is stuck", "2026-11-28T10:00:00.000Z")]


def test_who_does_not_answer_is_said_to() -> None:
    """With what to do."""
    with pytest.raises(PlumbingError, match="nobody answers"):
        firing("http://127.0.0.1:9")
