"""What operators see of a running exchange: metrics, health, lag from outside, the broker's own metrics."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from live import World, clean, live

from exchange.adapters.broker_config import free_port, search_from
from exchange.core.processors import NAMES


def ask(port: int, path: str = "/metrics") -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def value(port: int, name: str, **labels: str) -> float:
    """Sum of a metric's samples with these labels."""
    found = re.findall(rf"^{name}(?:{{(.*?)}})? (\S+)$", ask(port)[1], re.MULTILINE)
    wanted = {f'{label}="{text}"' for label, text in labels.items()}
    return sum(float(number) for given, number in found if wanted <= set(given.split(",")))


async def until(holds: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait for something to hold."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - asks a server
            await asyncio.sleep(0.2)


@pytest.mark.timeout(180)
async def test_a_running_exchange_tells_how_it_is(tmp_path: Path) -> None:
    """Ready once restored; what is published is timed to its notice; a worker that is frozen shows from outside, and recovers."""
    first = free_port(start=search_from(24000, 3000))
    broker = free_port(start=first + 100)
    async with live(tmp_path, watched=True, metrics_port=first, broker_metrics_port=broker) as exchange:
        ports = dict(zip((*NAMES, "clock"), range(first, first + 4), strict=True))
        for port in ports.values():
            await until(lambda port=port: ask(port, "/readyz")[0] == 200)
            assert ask(port, "/healthz")[0] == 200
        await World(exchange, 3, 40).play()
        clean(await exchange.rest())
        fanout, dossier, clock = ports["fanout"], ports["dossier"], ports["clock"]
        notices = value(fanout, "exchange_notices_total")
        assert notices > 20
        assert value(fanout, "exchange_publication_seconds_count", until="notice") == notices
        assert value(ports["intake"], "exchange_publication_seconds_count", until="receipt") >= 40
        assert value(dossier, "exchange_dossiers_held") >= value(dossier, "exchange_completeness_reports") > 5
        assert value(dossier, "exchange_lane_open") == exchange.settings.partitions
        await until(lambda: value(clock, "exchange_group_members") == 3)
        assert 0 < value(clock, "exchange_broker_disk_free_bytes") < value(clock, "exchange_broker_disk_bytes")
        assert value(broker, "kafka_broker_messagesin_total") > 100
        assert not re.search("party|exchange.notices", ask(broker)[1])

        process = exchange.local.workers["dossier"].process
        assert process
        os.kill(process.pid, signal.SIGSTOP)
        try:
            await World(exchange, 4, 10).play()
            await until(lambda: max(0, value(clock, "exchange_group_lag_seconds", group="dossier")) > 6)
            assert value(clock, "exchange_group_lag_records", group="dossier") > 0
        finally:
            os.kill(process.pid, signal.SIGCONT)
        await until(lambda: value(clock, "exchange_group_lag_seconds", group="dossier") == 0)
        code, why = ask(dossier, "/readyz")
        assert (code, json.loads(why)["ok"]) in ((200, True), (503, False))
        await until(lambda: ask(dossier, "/readyz")[0] == 200)
