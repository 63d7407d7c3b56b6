"""Spans and logs of real workers: one trace from the publisher to the notices, and no content anywhere."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from live import clean, live

from exchange.events import models

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "canary-5d1f"


@contextmanager
def collector() -> Iterator[tuple[int, list[bytes]]]:
    """An OTLP receiver that keeps what it is sent."""
    got: list[bytes] = []

    class Take(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Be quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


async def test_spans_and_log_lines_name_the_event_and_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each processor's span is in the publisher's trace; each log line is JSON with event id, release and seq."""
    with collector() as (port, got):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        async with live(tmp_path, partitions=1, tracing="otlp", log_format="json", log_level="debug") as exchange:
            async with exchange.party("acme", "developer") as party:
                card = models.ModelCard(release="acme/m@1", stage="released", contact=SECRET)
                event = (await party.publish(card, wait="result", traceparent=TRACE)).event_id
            clean(await exchange.rest())
            async with asyncio.timeout(30):
                while not all(topic in b"".join(got) for topic in (b"process exchange.journal", b"process exchange.decisions")):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
    sent = b"".join(got)
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
