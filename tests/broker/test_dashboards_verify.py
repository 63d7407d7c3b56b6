"""`exchange dashboards verify` on a running exchange: a real Prometheus, every panel. Skipped where there is none."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from live import World, live

from exchange.adapters.broker_config import free_port, search_from
from exchange.adapters.prometheus import ALERTMANAGERS, INSTALL
from exchange.settings import environment_for_child

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None or not any(map(shutil.which, ALERTMANAGERS)),
    reason=f"Prometheus and Alertmanager are not installed: {INSTALL}",
)


@pytest.mark.timeout(240)
async def test_every_panel_shows_something_and_one_that_does_not_is_named(tmp_path: Path) -> None:
    """Under load all do, and are drawn; without the broker's own metrics those about Kafka are empty, and it says which."""
    first = free_port(start=search_from(24000, 3000))
    told = {"metrics_port": first, "broker_metrics_port": free_port(start=first + 100)}
    async with live(tmp_path / "home", watched=True, profiles="jg-1.2", **told) as exchange:
        load = asyncio.create_task(_load(exchange))
        try:
            full, bare = await asyncio.gather(
                _verify(environment_for_child(exchange.settings), "--plots", str(tmp_path / "plots")),
                _verify(environment_for_child(exchange.settings) | {"EXCHANGE_BROKER_METRICS_PORT": ""}),
            )
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
    code, found = full
    assert [(each["title"], each["why"]) for each in found if each["why"]] == []
    assert code == 0
    assert len(found) > 50
    assert len(list((tmp_path / "plots").iterdir())) == 4
    code, found = bare
    assert code == 1
    wrong = {each["title"].split(" · ")[0] for each in found if each["why"]}
    assert "Bytes in and out" in wrong
    assert "Lag in seconds by partition" not in wrong


async def _load(exchange: object) -> None:
    for seed in range(100):
        await World(exchange, seed, 60).play(pause=0.1)  # type: ignore[arg-type]


async def _verify(environment: dict[str, str], *options: str) -> tuple[int, list[dict[str, str]]]:
    command = [sys.executable, "-m", "exchange.cli", "dashboards", "verify", "--seconds", "40", "--json", *options]
    environment = {name: value for name, value in environment.items() if value}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await process.communicate()
    assert out, err
    return process.returncode or 0, json.loads(out)
