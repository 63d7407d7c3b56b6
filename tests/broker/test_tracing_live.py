"""Spans and logs of real workers: one trace from the publisher to the notices, and no content anywhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from live import clean, live

from exchange.events import models
from exchange.testing.otlp import collector

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "canary-5d1f"


async def test_spans_and_log_lines_name_the_event_and_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each processor's span is in the publisher's trace; each log line is JSON with event id, release and seq."""
    with collector() as (variables, got):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with live(tmp_path, partitions=1, tracing="otlp", log_format="json", log_level="debug") as exchange:
            async with exchange.party("acme", "developer") as party:
                card = models.ModelCard(release="acme/m@1", stage="released", contact=SECRET)
                event = (await party.publish(card, wait="result", traceparent=TRACE)).event_id
            clean(await exchange.rest())
            async with asyncio.timeout(30):
                while not all(topic in _all(got) for topic in (b"process exchange.journal", b"process exchange.decisions")):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
    sent = _all(got)
    assert sent.count(bytes.fromhex(TRACE[3:35])) >= 3
    assert b"process exchange.submissions" in sent
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))
    said = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    mine = {line["event"]: line for line in said if line.get("event_id") == event}
    assert set(mine) == {"accepted", "decision.event", "notice.result"}
    assert {line["trace_id"] for line in mine.values()} == {TRACE[3:35]}
    assert mine["decision.event"]["release"] == mine["notice.result"]["release"] == "acme/m@1"
    assert mine["decision.event"]["seq"] == mine["notice.result"]["seq"] == 1
    assert SECRET.encode() not in sent
    assert SECRET not in logs


def _all(got: list[tuple[str, bytes]]) -> bytes:
    return b"".join(body for _, body in got)
