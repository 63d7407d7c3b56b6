"""Where a topic for each party ends on one broker: notice topics made until there are enough, or it can no more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.errors import BrokerError
from exchange.topics import Topics

STEP = 500


async def topics(logs: Path, many: int, heap_mb: int) -> dict[str, Any]:
    """Make so many notice topics on a broker of its own whose Java heap is so large."""
    declared, made, ended = Topics("many", 2), 0, ""
    broker = EmbeddedKafka(logs / f"topics-{heap_mb}", port=None, heap_mb=heap_mb)
    broker.start()
    try:
        process = psutil.Process(broker.pid)
        used, began, at = _used(process), time.monotonic(), 0.0
        while made < many and not ended:
            try:
                async with Admin({"bootstrap_servers": broker.bootstrap}) as admin:
                    await admin.apply([declared.notice_spec(f"p{n}") for n in range(made, made + STEP)])
            except BrokerError as error:
                ended = type(error).__name__
            else:
                made, at, used = made + STEP, time.monotonic() - began, _used(process)
    finally:
        broker.stop()
    return {"heap_mb": heap_mb, "wanted": many, "made": made, "seconds": round(at, 1), "ended": ended, **used}


def _used(process: psutil.Process) -> dict[str, int]:
    return {
        "rss_mb": round(process.memory_info().rss / 1e6),
        "maps": len(process.memory_maps(grouped=False)),
        "handles": process.num_fds(),
    }
