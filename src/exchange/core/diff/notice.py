"""Which change notice two cards call for, and a draft of it.

A card says what a release is; a change notice says that its abilities or safeguards changed, so that earlier assessments are
looked at again. A corrected text calls for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

from exchange.core.diff.fields import Change
from exchange.core.documents.parse import validate
from exchange.core.exposure import rank_of
from exchange.core.fields import RANK
from exchange.events import records
from exchange.refs import line_of

_BY_RELATION: Final[Mapping[str, records.ChangeKind]] = {
    "fine_tune": "fine_tune",
    "adapter": "adapter",
    "quantise": "quantise",
    "merge": "merge",
    "distil": "distil",
    "continue_pretraining": "continue_pretraining",
    "trained_on": "data",
    "integrates": "configuration",
}
_BY_FIELD: Final[Mapping[str, records.ChangeKind]] = {
    "risks.safeguards": "safeguards",
    "data": "data",
    "training.learns_in_use": "configuration",
    "makeup": "configuration",
    "purpose.intended_uses": "use",
    "purpose.out_of_scope_uses": "use",
    "purpose.acceptable_use_policy": "use",
}
"""The kind of change a field tells of; fields of a section with it."""

_WEIGHTS: Final = frozenset({"digest", "training.method", "training.compute_flop", "makeup.parameters"})
"""Fields that tell of other weights: the kind is that of the relation to the parent."""

_NO_NEWS: Final = frozenset({"makeup.required_software", "makeup.required_hardware", "makeup.integration", "makeup.design"})
_QUOTED: Final[Mapping[str, int]] = {"training.compute_flop": RANK["authority"]}
"""Rank up to which a notice may tell a field: its own field for compute is labelled as the card's is, all else is public."""

_FIRST: Final = (
    *("continue_pretraining", "distil", "merge", "fine_tune", "adapter", "quantise"),
    *("data", "safeguards", "configuration", "use", "other"),
)
"""Which kind names the notice when there are several: what reaches deepest first."""


class Called(NamedTuple):
    """The notice that is called for.

    Attributes:
        kind: of the notice; None when none is called for.
        because: the changes that call for it.
        others: kinds of change beside it.
    """

    kind: records.ChangeKind | None
    because: Sequence[Change] = ()
    others: Sequence[str] = ()


def called_for(new: records.ModelCard, changes: Iterable[Change]) -> Called:
    """Which notice the changes call for."""
    told = [(kind, change) for change in changes if (kind := _kind(new, change))]
    kinds = sorted({kind for kind, _ in told}, key=_FIRST.index)
    return Called(kinds[0], [change for _, change in told], kinds[1:]) if kinds else Called(None)


def shareable(
    old: records.ModelCard, new: records.ModelCard, changes: Iterable[Change], labels: Mapping[str, records.Audience]
) -> list[Change]:
    """The changes a notice may quote: a notice must not tell more widely what one of the cards keeps narrow."""
    return [
        change
        for change in changes
        if all(rank_of(change.path, labels, card["disclosure"]) <= _QUOTED.get(change.path, 0) for card in (old, new))
    ]


def draft(
    old: records.ModelCard, new: records.ModelCard, called: Called, changes: Sequence[Change], summary: str
) -> records.ChangeNotice:
    """A change notice with what the cards tell; what they do not tell is left to the author.

    Args:
        old: the card before.
        new: the card after; the notice is about its release.
        called: the notice that is called for.
        changes: what the notice may quote (:func:`shareable`).
        summary: the changes in words.
    """
    day = new["updated_on"] or new["released_on"]
    notice, faults = validate(
        "ChangeNotice",
        {
            "release": new["release"],
            "parent": _parent(old, new),
            "kind": called.kind or "other",
            "summary": summary,
            "data_used": _data_used(changes),
            "compute_flop": next((change.new for change in changes if change.path == "training.compute_flop"), None),
            "safeguards": [
                {"safeguard": change.new or change.old, "effect": change.kind}
                for change in changes
                if change.path == "risks.safeguards"
            ],
            "affected_categories": _categories(changes),
            "assessments_hold": "unknown",
            "effective_on": day,
        },
    )
    assert not faults, faults  # noqa: S101 - made of sound cards
    made: records.ChangeNotice = notice
    return made


def _kind(new: records.ModelCard, change: Change) -> records.ChangeKind | None:
    if change.path == "parents":
        before, after = change.old or {}, change.new or {}
        same = before.get("relation") == after.get("relation") and before.get("digest") == after.get("digest")
        return None if same else _BY_RELATION.get((after or before)["relation"], "other")
    if change.path in _WEIGHTS:
        relations = [parent["relation"] for parent in new["parents"] if parent["relation"] != "trained_on"]
        return _BY_RELATION.get(relations[0], "other") if relations else "other"
    if change.path in _NO_NEWS:
        return None
    return _BY_FIELD.get(change.path) or _BY_FIELD.get(change.path.partition(".")[0])


def _parent(old: records.ModelCard, new: records.ModelCard) -> str | None:
    """The former release of the line, else the first parent that is no data set."""
    if old["release"] != new["release"] and line_of(old["release"]) == line_of(new["release"]):
        return old["release"]
    if any(entry["path"] in ("parents", "parents.ref") for entry in new["disclosure"]):
        return None
    refs = [parent["ref"] for parent in new["parents"] if parent["relation"] != "trained_on"]
    return refs[0] if refs else None


def _data_used(changes: Sequence[Change]) -> str | None:
    names = [
        change.name for change in changes if change.path == "parents" and change.new and change.new["relation"] == "trained_on"
    ]
    told = [str(change.new) for change in changes if change.path in ("data.collection", "data.provenance") and change.new]
    return "; ".join([*names, *told]) or None


def _categories(changes: Sequence[Change]) -> list[Any]:
    known = get_args(records.RiskCategory)
    return [change.name for change in changes if change.path == "risks.by_category" and change.name in known]
