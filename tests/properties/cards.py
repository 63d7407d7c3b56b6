"""Strategies of cards that pass their checks."""

from __future__ import annotations

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from exchange.adapters.resources import load_schema_texts
from exchange.core.checks import check_record
from exchange.core.documents.parse import validate
from exchange.core.fields import labels_of
from exchange.core.schemas import SchemaSet
from exchange.testing.strategies import records

SCHEMAS = SchemaSet.from_texts(load_schema_texts())
LABELS = labels_of(SCHEMAS.raw, "ModelCard")
_REFS = st.from_regex(r"[a-z][a-z0-9]{0,5}/[a-z][a-z0-9_]{0,5}(@[a-z0-9.]{0,2}[a-z0-9])?", fullmatch=True)
_DIGESTS = st.none() | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)


@st.composite
def cards(draw: st.DrawFn) -> Any:
    """Any card that the exchange accepts, with disclosure and parents that hold."""
    card = draw(records(SCHEMAS, "ModelCard"))
    card["release"] = draw(_REFS).partition("@")[0] + "@" + draw(st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True))
    card["digest"] = draw(_DIGESTS)
    for parent in card["parents"]:
        parent |= {"ref": draw(_REFS), "digest": draw(_DIGESTS), "compute_share": draw(st.none() | st.floats(0, 1))}
    card["parents"] = list({parent["ref"]: parent for parent in card["parents"] if parent["ref"] != card["release"]}.values())
    paths = st.sampled_from(
        ["training.method", "data", "risks.by_category.text", "parents", "parents.ref", "licence", "makeup.parameters"]
    )
    card["disclosure"] = [
        {
            "path": path,
            "audience": draw(st.sampled_from([None, "provider"])),
            "reason": "secret",
            "rough": path == "makeup.parameters",
        }
        for path in draw(st.sets(paths, max_size=2))
    ]
    if card["released_on"] and card["released_on"].year < 1000:  # SPDX's own model writes such years with three digits
        card["released_on"] = None
    if card["released_on"] and card["updated_on"]:
        card["updated_on"] = max(card["released_on"], card["updated_on"])
    _sound(card)
    checked, faults = validate("ModelCard", card)
    assume(not faults and not check_record("ModelCard", checked))
    return checked


def _sound(value: Any) -> None:
    """Numbers are zero or more, enums known."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(inner, (dict, list)):
            _sound(inner)
        elif isinstance(inner, (int, float)):
            value[key] = abs(inner) if abs(inner) < 2**63 or isinstance(inner, float) else 0
        elif inner == "UNKNOWN":
            value[key] = {"kind": "model", "stage": "released", "category": "R01", "relation": "merge"}.get(str(key))
