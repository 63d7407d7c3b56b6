"""What a condition of a profile may ask about a release: a few facts with closed sets of values.

A fact that nobody told is None; :mod:`exchange.core.conditions` then tries every value it could have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, get_args

from exchange.events import records

_STAGES, _KINDS, _ROLES, RELATIONS = (
    tuple(symbol for symbol in get_args(enum) if symbol != "UNKNOWN")
    for enum in (records.Stage, records.Kind, records.Role, records.Relation)
)

DOMAINS: Final[Mapping[str, tuple[str | bool, ...]]] = {
    "stage": _STAGES,
    "kind": _KINDS,
    "role": _ROLES,
    "updated": (False, True),
    "derived": (False, True),
    "open_source": (False, True),
    "systemic_risk": (False, True),
    "modifier": ("none", "below_third", "above_third"),
}
"""Every value a single-valued fact can have."""

SYSTEMIC_FLOP: Final = 1e25
"""Training compute above which a general-purpose model is presumed to have systemic risk (EU AI Act, Art. 51(2))."""

GPAI_FLOP: Final = 1e23
"""Training compute that the Commission's guidelines take for an original that is not known to have systemic risk."""

FREE_LICENCES: Final = frozenset(
    name.casefold()
    for name in (
        *(
            "AFL-3.0",
            "AGPL-3.0",
            "AGPL-3.0-only",
            "AGPL-3.0-or-later",
            "Apache-2.0",
            "Artistic-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
        ),
        *("BSD-3-Clause-Clear", "BSL-1.0", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "ECL-2.0", "EPL-2.0", "EUPL-1.1", "EUPL-1.2"),
        *("GPL-2.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0", "GPL-3.0-only", "GPL-3.0-or-later", "ISC", "LGPL-2.1"),
        *("LGPL-3.0", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MPL-2.0", "MS-PL", "NCSA", "OSL-3.0", "Unlicense", "Zlib"),
    )
)
"""SPDX ids of licences that allow access, use, change and distribution to anybody; one that is not here does not count."""


class Facts(NamedTuple):
    """What is known of a release; None is unknown."""

    stage: str | None
    kind: str | None
    role: str | None
    updated: bool | None
    derived: bool | None
    relations: tuple[str, ...]
    open_source: bool | None
    systemic_risk: bool | None
    modifier: str | None


def role_of(card: records.ModelCard | None) -> str:
    """Role in which the owner publishes: as the card says, else provider with a parent that is not a dataset, else developer."""
    if card is None:
        return "developer"
    if card["role"] not in (None, "UNKNOWN"):
        return str(card["role"])
    return "provider" if any(parent["relation"] != "trained_on" for parent in card["parents"]) else "developer"


def facts_of(card: records.ModelCard | None, stage: str, original_flop: float | None = None) -> Facts:
    """The facts of one release.

    Args:
        card: its card; None for an unclaimed release.
        stage: its life-cycle stage.
        original_flop: training compute of the release it was made from, in FLOP, where that is known.
    """
    relations = tuple(sorted({parent["relation"] for parent in card["parents"]})) if card else ()
    derived = any(relation != "trained_on" for relation in relations)
    systemic = _systemic(card)
    return Facts(
        stage=_known(stage),
        kind=_known(card["kind"]) if card else None,
        role=role_of(card),
        updated=_updated(card),
        derived=derived,
        relations=relations,
        open_source=_open_source(card),
        systemic_risk=systemic,
        modifier=_modifier(card, original_flop, systemic) if derived and card else "none",
    )


def _known(symbol: str) -> str | None:
    return None if symbol == "UNKNOWN" else symbol


def _updated(card: records.ModelCard | None) -> bool:
    """Whether the card says that the release was updated. What was told by change notices is not owed a second time."""
    if card is None or card["updated_on"] is None or card["released_on"] is None:
        return False
    return card["updated_on"] > card["released_on"]


def _flop(card: records.ModelCard | None) -> float | None:
    return card["training"]["compute_flop"] if card and card["training"] else None


def _open_source(card: records.ModelCard | None) -> bool | None:
    """Whether licence and weights are free and open (EU AI Act, Art. 53(2)); unknown while the card leaves one of them out."""
    if card is None or card["licence"] is None:
        return None
    if card["licence"].casefold() not in FREE_LICENCES or card["weights"] in ("on_request", "closed"):
        return False
    return True if card["weights"] == "open" else None


def _systemic(card: records.ModelCard | None) -> bool:
    """As the card says, else as presumed from compute; a model that says nothing is not taken for one of the few."""
    if card is not None and card["systemic_risk"] is not None:
        return card["systemic_risk"]
    return (_flop(card) or 0.0) > SYSTEMIC_FLOP


def _modifier(card: records.ModelCard, original_flop: float | None, systemic: bool) -> str | None:
    """Whether the modification took more than a third of the original's training compute.

    Source: Commission guidelines on general-purpose AI models, paragraphs 62 to 64.
    """
    shares = [parent["compute_share"] for parent in card["parents"] if parent["compute_share"] is not None]
    if shares:
        return "above_third" if max(shares) > 1 / 3 else "below_third"
    own = _flop(card)
    if own is None:
        return None
    original = original_flop if original_flop is not None else (SYSTEMIC_FLOP if systemic else GPAI_FLOP)
    return "above_third" if own > original / 3 else "below_third"
