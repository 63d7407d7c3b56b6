"""Numbers told as the range they lie in, for those who need not know them exactly.

Ranges of model size and of training time are those of the EU Code of Practice's Model Documentation Form (not checked against the
official text); any other number is told by its order of magnitude.
"""

from __future__ import annotations

import math
from functools import cache
from types import NoneType
from typing import Any, Final, get_args, get_type_hints, is_typeddict

from exchange.events import records

_SIZES: Final = (
    (500e6, "1–500M"),
    (5e9, "500M–5B"),
    (15e9, "5B–15B"),
    (50e9, "15B–50B"),
    (100e9, "50B–100B"),
    (500e9, "100B–500B"),
    (1e12, "500B–1T"),
)
_MONTHS: Final = ((1, "less than 1 month"), (3, "1–3 months"), (6, "3–6 months"))
_HOURS_A_MONTH: Final = 730.5


@cache
def has_range(path: str) -> bool:
    """Whether a field of a card is a number that stands alone: not a text, not a day, not one of a list."""
    kind: Any = records.ModelCard
    for name in path.split("."):
        hint = get_type_hints(kind).get(name) if is_typeddict(kind) else None
        kind = next((branch for branch in get_args(hint) if branch is not NoneType), hint) if NoneType in get_args(hint) else hint
    return kind in (int, float)


def range_of(path: str, value: float) -> str:
    """The range that a number of a card lies in.

    Args:
        path: the field, one that :func:`has_range`.
        value: zero or more.
    """
    if path == "makeup.parameters":
        return next((name for most, name in _SIZES if value <= most), "more than 1T")
    if path == "training.duration_hours":
        return next((name for most, name in _MONTHS if value < most * _HOURS_A_MONTH), "more than 6 months")
    return f"order of 10^{math.floor(math.log10(value))}" if value >= 1 else "less than 1"
