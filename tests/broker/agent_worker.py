"""A Faust app with one agent: ``python agent_worker.py BOOTSTRAP ID TOPIC DATADIR``; prints what it reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from exchange.adapters.faust_app import agent_app, run_worker

if __name__ == "__main__":
    bootstrap, deployment, topic, folder = sys.argv[1:]
    app = agent_app("agents", {"bootstrap_servers": bootstrap}, deployment, data_dir=Path(folder))

    async def collect(stream: Any) -> None:
        async for value in stream:
            print("seen", value.decode(), flush=True)

    app.agent(app.topic(topic, value_serializer="raw"))(collect)
    run_worker(app)
