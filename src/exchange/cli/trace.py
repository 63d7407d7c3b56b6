"""``exchange trace``: one event's way through the exchange."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.tracing import Hop
from exchange.tracing import trace as trace_event


def trace(
    event_id: Annotated[str, typer.Argument(help="Id of the event: `ce_id`, as receipts, notices and logs name it.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Show one event's way end to end, with times from the topics alone.

    Submission, receipt, journal, decision, notices, upstream messages to the releases downstream, and what those set off in turn.
    No content is shown.

    Exit code 1 when no record of the event is found.

    Examples:

      exchange trace 0198f2c4-5b1e-7c3a-9d2e-1f4a5b6c7d8e

      exchange trace 0198f2c4-5b1e-7c3a-9d2e-1f4a5b6c7d8e --json
    """
    hops = run(trace_event(connected(home), event_id))
    if as_json:
        print_json({"event_id": event_id, "trace_id": _trace_id(hops), "hops": [_row(hop, hops[0]) for hop in hops]})
    elif hops:
        _print(hops)
    else:
        console.print("no record of that event")
    raise typer.Exit(0 if hops else 1)


def _row(hop: Hop, first: Hop) -> dict[str, object]:
    return {**asdict(hop), "time": _time(hop), "after_ms": hop.time_ms - first.time_ms}


def _print(hops: list[Hop]) -> None:
    table = Table("after (ms)", "stage", "what", "about", "party", "n / seq", "where")
    for hop in hops:
        where = f"{hop.topic}/{hop.partition}/{hop.offset}"
        number = str(hop.number) if hop.number else ""
        table.add_row(str(hop.time_ms - hops[0].time_ms), hop.stage, hop.what, hop.about, hop.party, number, where)
    console.print(table)
    console.print(f"from {_time(hops[0])}, {len(hops)} records, trace {_trace_id(hops) or 'none'}")


def _trace_id(hops: list[Hop]) -> str | None:
    return next((hop.traceparent[3:35] for hop in hops if hop.traceparent), None)


def _time(hop: Hop) -> str:
    return datetime.fromtimestamp(hop.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
