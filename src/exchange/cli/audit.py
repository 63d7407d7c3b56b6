"""``exchange audit``: is all that the topics hold what the journal makes?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from exchange.audit import until_rest
from exchange.cli.output import Home, Json, connected, console, errors, print_json, run
from exchange.runtime import collect_garbage_seldom


def audit(
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the flow to come to rest.")] = 60.0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Fold the journal again and compare: decisions, dossiers and every party's notices, and each profile with a second oracle.

    Reads all topics, so it is for operators; writes nothing. The whole journal is held in memory.

    Exit code: 0 nothing differs, 1 something does (the first place is named), 3 the flow did not come to rest in time.

    Examples:

      exchange audit

      exchange audit --wait 300 --json
    """
    collect_garbage_seldom()
    settings = connected(home)
    with errors.status("comparing", spinner="line"):  # shows on a terminal only
        found = run(until_rest(settings, wait))
    if as_json:
        print_json({"clean": found.clean, **asdict(found)})
    else:
        console.print(
            f"{found.notices} notices: {found.lost} lost, {found.duplicates} told twice, {found.reordered} out of order; "
            f"{len(found.wrong_dossiers)} dossiers and {len(found.wrong_profiles)} profiles differ"
        )
        if found.first:
            console.print(f"first difference: {found.first}", markup=False)
    raise typer.Exit(0 if found.clean else 1)
