"""What state counts towards in the gauges of what there is: dossiers, their completeness, who owes what; decisions not yet told.

Labels come from closed sets, and from the ids of the profiles in force, which operators choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast, get_args

from exchange.events import records as r
from exchange.refs import owner_of

STATUSES: tuple[str, ...] = ("reassess", "carried_unverified", "carried", "assessed", "unknown")
"""Of a profile's entries the most pressing one is the dossier's: what a person should do next."""

LEVELS: tuple[str, ...] = get_args(r.Level)
"""Least first."""

GAPS = frozenset({"missing", "placeholder", "stale"})

Count = tuple[str, ...]


def of_state(key: str, value: Any) -> Sequence[Count]:
    """What one state value of the dossier processor counts towards: nothing, unless it is a dossier.

    Args:
        key: state key.
        value: state value.

    Returns:
        Names of gauges with their labels' values, the same one once for each time it counts.
    """
    return list(_of_dossier(cast(r.Dossier, value))) if key.startswith("dossier/") else ()


def of_queue(key: str, value: Any) -> Sequence[Count]:
    """What one state value of fan-out counts towards: a decision in its line's queue, waiting or stopped."""
    if not key.startswith("queue/"):
        return ()
    return [("decisions_waiting", "waiting" if cast(r.Pending, value)["stopped"] is None else "stopped")]


def _of_dossier(dossier: r.Dossier) -> Iterator[Count]:
    held = {entry["status"] for entry in dossier["profile"]}
    status = next((status for status in STATUSES if status in held), "unknown")
    level = max((entry["level"] for entry in dossier["profile"]), key=LEVELS.index, default="unknown")
    yield "dossiers_held", dossier["stage"], status
    yield "dossiers_by_level", level
    owner = owner_of(dossier["release"])
    for report in dossier["reports"]:
        yield "completeness_reports", report["profile"], "complete" if report["complete"] else "open"
        for row in report["rows"]:
            if row["status"] in GAPS:
                yield (
                    "completeness_open_gaps",
                    report["profile"],
                    row["owed_by"],
                    "own" if row["owed_by_party"] == owner else "upstream",
                )
