"""exchange.oracles.graph: a table of small worlds with what must come out, worked out by hand from DESIGN section 5."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exchange.oracles.graph import CATEGORIES, Accepted, profiles

RELATIONS = {"fine_tune": "carries", "merge": "carries", "quantise": "reduced", "trained_on": "none"}
TABLE = {relation: dict.fromkeys(CATEGORIES, effect) for relation, effect in RELATIONS.items()}
NOW = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def card(release: str, *parents: str, relation: str = "fine_tune", stage: str = "released", **relations: str) -> Accepted:
    edges = [{"ref": ref, "relation": relations.get(ref.partition("@")[0].partition("/")[2], relation)} for ref in parents]
    return Accepted(
        "ModelCard", {"release": release, "stage": stage, "parents": edges}, f"card:{release}", release.partition("/")[0]
    )


def risk(identity: str, release: str, level: str | None = None, category: str = "R01", **more: Any) -> Accepted:
    assessor = more.pop("by", release.partition("/")[0])
    residual = more.pop("residual", None)
    findings = [{"category": category, "level": level, "residual_level": residual}] if level else []
    record = {"release": release, "assessor": assessor, "findings": findings, "valid_from": None, "valid_until": None}
    return Accepted("RiskAssessment", record | {"considers": [], "supersedes": [], "withdraws": []} | more, identity, assessor)


def change(identity: str, release: str, *categories: str) -> Accepted:
    return Accepted(
        "ChangeNotice", {"release": release, "affected_categories": list(categories)}, identity, release.partition("/")[0]
    )


def outcome(events: list[Accepted], tick: datetime | None = None, category: str = "R01") -> dict[str, str]:
    lines: dict[str, list[Accepted]] = defaultdict(list)
    for event in events:
        lines[event.record["release"].partition("@")[0]].append(event)
    found = profiles(lines.values(), TABLE, tick, token=lambda *parts: "|".join(parts))
    return {
        release: f"{profile[category].level} {profile[category].status}{' partial' if profile[category].partial else ''}"
        for release, profile in found.items()
    }


A, B, C, D = "a/m@1", "b/m@1", "c/m@1", "d/m@1"

CASES: dict[str, tuple[list[Accepted], dict[str, str]]] = {
    "nothing": ([card(A)], {A: "unknown unknown"}),
    "own": ([card(A), risk("a1", A, "high")], {A: "high assessed"}),
    "the residual level counts": ([risk("a1", A, "high", residual="low")], {A: "low assessed"}),
    "the highest of several assessors": ([risk("a1", A, "low"), risk("a2", A, "high", by="x")], {A: "high assessed"}),
    "carried": ([card(A), card(B, A), risk("a1", A, "high")], {B: "high carried"}),
    "reduced once a hop": (
        [card(B, A, relation="quantise"), card(C, B, relation="quantise"), risk("a1", A, "high")],
        {B: "moderate carried", C: "low carried"},
    ),
    "reduced does not fall below low": ([card(B, A, relation="quantise"), risk("a1", A, "low")], {B: "low carried"}),
    "none stays none": ([card(B, A, relation="quantise"), risk("a1", A, "none")], {B: "none carried"}),
    "a relation that does not carry": ([card(B, A, relation="trained_on"), risk("a1", A, "high")], {B: "unknown unknown"}),
    "diamond": (
        [card(B, A), card(C, A, relation="quantise"), card(D, B, C, relation="merge"), risk("a1", A, "critical")],
        {B: "critical carried", C: "high carried", D: "critical carried"},
    ),
    "merge with a silent parent": ([card(C, A, B, relation="merge"), risk("a1", A, "high")], {C: "high carried partial"}),
    "own below carried": ([card(B, A), risk("a1", A, "high"), risk("b1", B, "low")], {B: "high reassess"}),
    "own below carried, considered": (
        [card(B, A), card(C, B), risk("a1", A, "high"), risk("b1", B, "low", considers=["a1"])],
        {B: "low assessed", C: "low carried"},
    ),
    "considered by its token": (
        [card(B, A), risk("a1", A, "high"), risk("b1", B, "low", considers=["b/m@1|a/m@1|a1"])],
        {B: "low assessed"},
    ),
    "considered by somebody else's token": (
        [card(B, A), risk("a1", A, "high"), risk("b1", B, "low", considers=["c/m@1|a/m@1|a1"])],
        {B: "high reassess"},
    ),
    "a carried level that is not higher needs no consideration": (
        [card(B, A), card(C, B), risk("a1", A, "low"), risk("b1", B, "high")],
        {B: "high assessed", C: "high carried"},
    ),
    "raised after it was considered": (
        [card(B, A), risk("a1", A, "low"), risk("b1", B, "low", considers=["a1"]), risk("a2", A, "high", supersedes=["a1"])],
        {A: "high assessed", B: "high reassess"},
    ),
    "considered in a former assessment of another assessor": (
        [card(B, A), risk("a1", A, "high"), risk("b1", B, "low", considers=["a1"]), risk("b2", B, "moderate", by="x")],
        {B: "moderate assessed"},
    ),
    "unconsidered goes on beside the own": (
        [card(B, A), card(C, B), risk("a1", A, "high"), risk("b1", B, "low")],
        {C: "high carried"},
    ),
    "considered goes round by the other arm of a diamond": (
        [card(B, A), card(C, A), card(D, B, C), risk("a1", A, "high"), risk("b1", B, "low", considers=["a1"])],
        {B: "low assessed", D: "high carried"},
    ),
    "cycle": ([card(A, B), card(B, A), risk("a1", A, "high")], {A: "high assessed", B: "high carried"}),
    "cycle fed from outside": (
        [card(A, B, C), card(B, A), risk("c1", C, "moderate")],
        {A: "moderate carried", B: "moderate carried"},
    ),
    "cycle of the silent": ([card(A, B), card(B, A)], {A: "unknown unknown partial", B: "unknown unknown partial"}),
    "parent of itself": ([card(A, A)], {A: "unknown unknown"}),
    "lowered origin lowers the cycle": (
        [card(A, B), card(B, A, C), risk("c1", C, "high"), risk("c2", C, "low", supersedes=["c1"])],
        {A: "low carried", B: "low carried"},
    ),
    "unclaimed parent": ([card(B, "ghost/x@1")], {B: "unknown unknown partial", "ghost/x@1": "unknown unknown"}),
    "assessed before it is claimed": ([card(B, A), risk("a1", A, "high", by="x")], {A: "high assessed", B: "high carried"}),
    "unpinned": ([card(A), card(B, "a/m"), risk("a1", A, "high")], {B: "high carried"}),
    "unpinned goes to what was released last": (
        [card("a/m@2"), card(A), card("a/m@2"), card(B, "a/m"), risk("a1", A, "high"), risk("a2", "a/m@2", "low")],
        {B: "high carried"},
    ),
    "unpinned steps back from what was withdrawn": (
        [
            card("a/m@2"),
            card(A),
            card(A, stage="withdrawn"),
            card(B, "a/m"),
            risk("a1", A, "high"),
            risk("a2", "a/m@2", "low"),
        ],
        {B: "low carried", A: "high assessed"},
    ),
    "unpinned to a preview is unknown": (
        [card(A, stage="preview"), card(B, "a/m"), risk("a1", A, "high")],
        {B: "unknown unknown partial"},
    ),
    "unpinned and nothing there, beside a known parent": (
        [card(C, "a/m", B), risk("b1", B, "low")],
        {C: "low carried partial"},
    ),
    "withdrawn keeps its risk": ([card(A, stage="withdrawn"), card(B, A), risk("a1", A, "high")], {B: "high carried"}),
    "a new card replaces the edges": ([card(B, A), card(B), risk("a1", A, "high")], {B: "unknown unknown", A: "high assessed"}),
    "superseded": ([risk("a1", A, "high"), risk("a2", A, "low", supersedes=["a1"])], {A: "low assessed"}),
    "not superseded by another assessor": (
        [risk("a1", A, "high"), risk("a2", A, "low", by="x", supersedes=["a1"])],
        {A: "high assessed"},
    ),
    "withdrawn assessment": ([risk("a1", A, "high"), risk("a2", A, withdraws=["a1"])], {A: "unknown unknown"}),
    "waits for a tick": ([risk("a1", A, "high", valid_from=NOW - DAY)], {A: "unknown unknown"}),
    "never expires without a tick": ([risk("a1", A, "high", valid_until=NOW - DAY)], {A: "high assessed"}),
    "own unknown": ([risk("a1", A, "unknown")], {A: "unknown unknown partial"}),
    "own unknown beside a known one": ([risk("a1", A, "unknown"), risk("a2", A, "low", by="x")], {A: "low assessed partial"}),
    "considered by one who says unknown": (
        [card(B, A), risk("a1", A, "high"), risk("b1", B, "low"), risk("b2", B, "unknown", by="x", considers=["a1"])],
        {B: "high reassess partial"},
    ),
    "own unknown, carried": ([card(B, A), risk("a1", A, "high"), risk("b1", B, "unknown")], {B: "high carried partial"}),
    "change notice on nothing": ([card(A), change("n1", A, "R01")], {A: "unknown unknown"}),
    "change notice on carried": ([card(B, A), risk("a1", A, "low"), change("n1", B, "R01")], {B: "low carried_unverified"}),
    "change notice of another category": ([card(B, A), risk("a1", A, "low"), change("n1", B, "R02")], {B: "low carried"}),
    "change notice after own": ([risk("a1", A, "low"), change("n1", A, "R01")], {A: "low reassess"}),
    "change notice before own": ([change("n1", A, "R01"), risk("a1", A, "low")], {A: "low assessed"}),
    "change notice that was foreseen": ([risk("a1", A, "low", considers=["n1"]), change("n1", A, "R01")], {A: "low assessed"}),
    "change notice covered by any assessor": (
        [risk("a1", A, "low"), change("n1", A, "R01"), risk("a2", A, "low", by="x")],
        {A: "low assessed"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_worked_example(case: str) -> None:
    """Level, status and flag of every release the case names."""
    events, expected = CASES[case]
    found = outcome(events)
    assert {release: found[release] for release in expected} == expected


TIMED: dict[str, tuple[list[Accepted], dict[str, str]]] = {
    "future": ([risk("a1", A, "high", valid_from=NOW + DAY)], {A: "unknown unknown"}),
    "valid from now": ([risk("a1", A, "high", valid_from=NOW)], {A: "high assessed"}),
    "expired at its end": ([risk("a1", A, "high", valid_until=NOW)], {A: "high reassess"}),
    "expired passes down": ([card(B, A), risk("a1", A, "high", valid_until=NOW - DAY)], {B: "high carried"}),
    "expired is a floor under what is carried": (
        [card(B, A), risk("a1", A, "low"), risk("b1", B, "high", valid_until=NOW)],
        {B: "high reassess"},
    ),
    "what is carried is above the floor": (
        [card(B, A), risk("a1", A, "critical"), risk("b1", B, "high", valid_until=NOW)],
        {B: "critical reassess"},
    ),
    "expired considers no more": (
        [card(B, A), card(C, B), risk("a1", A, "high"), risk("b1", B, "low", considers=["a1"], valid_until=NOW)],
        {B: "high reassess", C: "high carried"},
    ),
    "expired above another's current": (
        [card(B, A), risk("a1", A, "high", valid_until=NOW), risk("a2", A, "low", by="x")],
        {A: "high reassess", B: "high carried"},
    ),
    "expired below another's current": (
        [risk("a1", A, "low", valid_until=NOW), risk("a2", A, "high", by="x")],
        {A: "high assessed"},
    ),
    "expired and superseded": (
        [risk("a1", A, "high", valid_until=NOW), risk("a2", A, "low", supersedes=["a1"])],
        {A: "low assessed"},
    ),
    "expired and withdrawn": ([risk("a1", A, "high", valid_until=NOW), risk("a2", A, withdraws=["a1"])], {A: "unknown unknown"}),
}


@pytest.mark.parametrize("case", TIMED)
def test_worked_example_with_time(case: str) -> None:
    """The same, after a tick."""
    events, expected = TIMED[case]
    found = outcome(events, NOW)
    assert {release: found[release] for release in expected} == expected


def test_order_across_lines_does_not_matter() -> None:
    """Each line has its own order, and no other is looked at."""
    for events, _ in CASES.values():
        by_line = sorted(events, key=lambda event: event.record["release"].partition("@")[0], reverse=True)
        assert outcome(by_line) == outcome(events)
