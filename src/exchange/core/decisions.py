"""Decisions that say nothing yet, and decisions that stand for what nobody could decide."""

from __future__ import annotations

from exchange.core.step import Record
from exchange.events import records as r


def nothing(record: Record, index: int = 0) -> r.Decision:
    """The decision of a record that changes nothing; all keys are there."""
    return {
        "lane": record.partition,
        "offset": record.offset,
        "index": index,
        "kind": "nothing",
        "line": "",
        "release": "",
        "rules": "",
        "time": None,
        "cause": None,
        "event_type": None,
        "event": None,
        "claims": False,
        "dossier": None,
        "changes": [],
        "stakes": [],
        "declared": [],
        "dropped": [],
        "snapshot": None,
        "line_snapshot": None,
        "resolution": 0,
        "only_child": None,
        "reason": None,
    }


def quarantined(record: Record, line: str, reason: str) -> r.Decision:
    """The decision that stands for a record nobody could make one of: it changes nothing."""
    return {**nothing(record), "kind": "quarantined", "line": line, "reason": reason}
