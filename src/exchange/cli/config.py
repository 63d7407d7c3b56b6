"""``exchange config``: the settings in force, and where each comes from."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from exchange.cli.output import Home, Json, console, print_json
from exchange.settings import explained, load_settings


def show(
    source: Annotated[bool, typer.Option("--source", help="Also say where each value comes from.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Show every setting in force. Secrets are said to be set, never printed.

    What wins, first to last: arguments, EXCHANGE_* variables, the TOML file, defaults.

    Examples:

      exchange config show

      exchange config show --source --json
    """
    rows = explained(load_settings(home=home), home=home)
    if not source:
        rows = [{name: value for name, value in row.items() if name != "source"} for row in rows]
    if as_json:
        print_json(rows)
        return
    table = Table("setting", "value", *(["source"] if source else []))
    for row in rows:
        table.add_row(*(value or "" for value in row.values()))
    console.print(table)
