"""Random contents for the cards and change notices of a random lineage: what completeness profiles ask for, at random left out.

>>> import random
>>> from exchange.testing.lineages import lineage
>>> steps = filled(lineage(random.Random(7)), random.Random(7))
>>> {step.record["kind"] for step in steps if isinstance(step, Submission) and step.name == "ModelCard"} <= {"model", "dataset"}
True
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from exchange.core.profiles import CHANGES
from exchange.testing.lineages import START, Step, Submission

TEXTS: Mapping[str, Sequence[str]] = {
    "purpose": ("summary", "acceptable_use_policy"),
    "makeup": ("architecture", "integration", "required_software", "required_hardware", "design"),
    "data": ("provenance", "content_summary", "collection", "curation", "scope", "bias_measures", "unsuitable_source_measures"),
    "training": ("method", "design", "learns_in_use"),
    "risks": ("limits", "instructions", "performance_variation", "operating_status"),
    "governance": ("organisation", "records", "copyright_policy", "privacy_policy"),
}
"""Fields of sections that hold one text."""
LISTS: Mapping[str, Sequence[str]] = {
    "purpose": ("intended_uses", "out_of_scope_uses", "system_types"),
    "makeup": ("input_modalities", "output_modalities"),
    "data": ("types",),
    "risks": ("safeguards",),
}
NARROWED = ("makeup.architecture", "training", "data.collection", "purpose.intended_uses", "risks.operating_status")


def filled(steps: Sequence[Step], chance: random.Random, *, forward: bool = False) -> list[Step]:
    """The steps with contents.

    Args:
        steps: of a lineage; cards with release, stage and parents.
        chance: where every choice comes from.
        forward: leave out parents whose line does not come before the child's, so that nothing stands on itself.
    """
    return [_filled(step, chance, forward) if isinstance(step, Submission) else step for step in steps]


def _filled(step: Submission, chance: random.Random, forward: bool) -> Submission:
    if step.name == "ChangeNotice":
        return step._replace(record={**step.record, "kind": chance.choice(CHANGES)})
    return step._replace(record=_card(step.record, chance, forward)) if step.name == "ModelCard" else step


def _card(card: Mapping[str, Any], chance: random.Random, forward: bool) -> dict[str, Any]:
    line = card["release"].partition("@")[0]
    parents = [{**parent, "compute_share": chance.choice((None, None, 0.1, 0.5))} for parent in card["parents"]]
    told = chance.choice((0.2, 0.95))  # who tells much passes much down; who tells little has much to inherit
    released = START.date() - timedelta(days=chance.randint(360, 380))  # a year ago, so that some goes stale meanwhile
    return {
        **card,
        "parents": [parent for parent in parents if not forward or parent["ref"].partition("@")[0] < line],
        "kind": chance.choice(("model",) * 6 + ("dataset",)),
        "role": chance.choice((None, None, "developer", "provider", "user")),
        "released_on": chance.choice((None, released)),
        "updated_on": _updated(released, chance),
        "licence": chance.choice((None, "Apache-2.0", "other")),
        "weights": chance.choice((None, "open", "closed")),
        "systemic_risk": chance.choice((None, None, True)),
        **{section: _section(section, told, chance) for section in TEXTS},
        "disclosure": [
            {"path": path, "audience": chance.choice(("authority", None)), "reason": "trade secret", "rough": False}
            for path in chance.sample(NARROWED, chance.randint(0, 2))
        ],
    }


def _updated(released: date, chance: random.Random) -> date | None:
    return chance.choice((None, released + timedelta(days=chance.randint(0, 5))))


def _section(section: str, told: float, chance: random.Random) -> dict[str, Any]:
    """A section of which that share is told, and a little of the rest by a template's text."""
    texts: dict[str, Any] = {name: _text(name, told, chance) for name in TEXTS[section]}
    texts |= {name: [f"{name} {chance.randint(1, 3)}"] if chance.random() < told else [] for name in LISTS.get(section, ())}
    if section == "training":
        texts["compute_flop"] = chance.choice((1e21, 1e22, 1e23, 2e24, 2e25)) if chance.random() < told else None
        texts["duration_hours"] = 100.0 if chance.random() < told else None
    return texts


def _text(name: str, told: float, chance: random.Random) -> str | None:
    if chance.random() < told:
        return f"{name} {chance.randint(1, 3)}"
    return "TBD" if chance.random() < 0.2 else None
