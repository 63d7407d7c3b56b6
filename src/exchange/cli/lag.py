"""``exchange lag``: how far each processor is behind."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.lag import PartitionLag, measure


def lag(
    readers: Annotated[bool, typer.Option("--readers", help="Also parties' programs that subscribe with a group.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Show how far each processor is behind, by group and partition.

    Offsets count from where the group goes on to the end of its input; seconds are the age of the first record that waits. Where
    nothing but transaction markers lies in between, both are 0.

    Examples:

      exchange lag

      exchange lag --readers --json
    """
    rows = run(measure(connected(home), readers=readers))
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        console.print(lag_table(rows))


def lag_table(rows: list[PartitionLag]) -> Table:
    """The rows for people."""
    table = Table("group", "topic", "partition", "committed", "end", "lag (offsets)", "lag (s)")
    for row in rows:
        committed = "-" if row.committed is None else str(row.committed)
        numbers = (committed, str(row.end), str(row.offsets), f"{row.seconds:.1f}")
        table.add_row(row.group, row.topic, str(row.partition), *numbers)
    return table
