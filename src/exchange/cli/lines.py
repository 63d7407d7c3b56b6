"""``exchange lines``: lines that fan-out had to stop, and how they start again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.stopped import resume as resume_line
from exchange.stopped import stopped_lines


def list_(as_json: Json = False, home: Home = None) -> None:
    """List the lines that fan-out stopped because a decision broke its step. Exit code 1 when there are any.

    Example:

      exchange lines list --json
    """
    found = run(stopped_lines(connected(home)))
    if as_json:
        print_json([asdict(each) for each in found])
    elif found:
        table = Table("line", "journal record", "error", "decisions waiting", "dead letters", "can be resumed")
        for each in found:
            record, letters = f"{each.partition}/{each.offset}", ", ".join(map(str, each.letters))
            table.add_row(each.line, record, each.error, str(each.waiting), letters, "yes" if each.readable else "no: rebuild")
        console.print(table)
    else:
        console.print("no line is stopped")
    raise typer.Exit(1 if found else 0)


def resume(
    line: Annotated[str, typer.Argument(help="The line, as `list` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Start a stopped line again, once a release that mends the fault runs: what waits is told, in order, none twice.

    The word is a record on fan-out's input, so every fold reads it at the same place. The decision that stopped the line is tried
    first; if it breaks again, the line stops again, with a new dead letter. All workers of fan-out must run the new release.

    Example:

      exchange lines resume acme/base --yes
    """
    if not yes:
        typer.confirm(f"start {line} again?", abort=True, err=True)
    found = run(resume_line(connected(home), line))
    if as_json:
        print_json(asdict(found))
    else:
        console.print(f"{found.line} starts again: {found.waiting} decisions wait", markup=False)
