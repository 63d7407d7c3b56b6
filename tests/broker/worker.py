"""A worker of the fault tests: ``python worker.py BOOTSTRAP NAME LANES RECORDS DATADIR``; prints a line for every lane event."""

from __future__ import annotations

import sys
from pathlib import Path

from counting import Counting

from exchange.adapters.faust_app import loop_app, run_worker
from exchange.adapters.lane_events import LaneEvent, LaneRestored, LaneStopped
from exchange.adapters.lane_state import Limits


def tell(event: LaneEvent) -> None:
    if isinstance(event, LaneRestored | LaneStopped):
        print(event, flush=True)


if __name__ == "__main__":
    bootstrap, name, lanes, records, folder = sys.argv[1:]
    app = loop_app(
        Counting(name, int(lanes)).processor(),
        {"bootstrap_servers": bootstrap},
        name,
        "g1",
        data_dir=Path(folder),
        hook=tell,
        limits=Limits(records=int(records)),
    )
    run_worker(app)
