"""exchange.core.kin: worked out once for kin, and never for one who is no kin."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.adapters.resources import load_rule_texts
from exchange.core import kin, risk
from exchange.core.rules import bundle, parse_rules
from exchange.events import records as r

TABLE = parse_rules(bundle(load_rule_texts())).propagation
PARENT, CHILD = "acme/base@1", "corp/child@1"


def snapshot(*contributions: tuple[str, tuple[str, ...]], level: str = "high") -> Any:
    """What a parent passes down: origins, each with the releases on its way."""
    return {
        "contributions": [
            {
                "origin": origin,
                "path": [{"release": name, "relation": None, "audience": "public"} for name in path],
                "carried": [{"category": "R01", "level": level, "event_id": f"of {origin}"}],
            }
            for origin, path in contributions
        ]
    }


def link(told: Any, ref: str = PARENT, **more: Any) -> r.ParentLink:
    """A link to a parent."""
    made = {"ref": ref, "relation": "fine_tune", "audience": "public", "snapshot": told, "digest": None, "resolution": 0, **more}
    return {**made, "edge": "declared"}  # type: ignore[typeddict-item]


def alone(release: str, parents: list[r.ParentLink]) -> tuple[Any, Any, Any]:
    """The same without memory."""
    flows = risk.carried_flows(release, parents, TABLE)
    return (flows, *risk.profile(release, {}, flows, ()))


def test_kin_share_what_they_are() -> None:
    """The very same profile."""
    told = snapshot((PARENT, (PARENT,)))
    first, second = (kin.inherited(f"corp/child{n}@1", [link(told)], TABLE) for n in range(2))
    assert first.profile is second.profile
    assert first[:3] == alone(CHILD, [link(told)])


@pytest.mark.parametrize(
    "other",
    [
        lambda told: link({**told}),
        lambda told: link(told, relation="integrates"),
        lambda told: link(told, audience="provider"),
        lambda told: link(told, ref="acme/base"),
        lambda _: link(None),
        lambda _: link(snapshot((PARENT, (PARENT,)), level="low")),
    ],
)
def test_who_is_made_otherwise_is_no_kin(other: Any) -> None:
    """Of another snapshot, by another relation, for another audience, of another parent, of one that has not spoken."""
    told = snapshot((PARENT, (PARENT,)))
    kin.inherited(CHILD, [link(told)], TABLE)
    assert kin.inherited(CHILD, [other(told)], TABLE)[:3] == alone(CHILD, [other(told)])
    many = [link(told), other(told)]
    assert kin.inherited(CHILD, many, TABLE)[:3] == alone(CHILD, many)


@pytest.mark.parametrize("release", ["lab/origin@1", "corp/between@1", PARENT])
def test_who_stands_on_the_way_is_no_kin(release: str) -> None:
    """It ignores what it said itself; before and after another has asked."""
    told = snapshot(("lab/origin@1", ("lab/origin@1", "corp/between@1", PARENT)), ("lab/other@1", ("lab/other@1", PARENT)))
    for asking in (release, CHILD, release):
        assert kin.inherited(asking, [link(told)], TABLE)[:3] == alone(asking, [link(told)])
    assert kin.inherited(release, [link(told)], TABLE).profile != kin.inherited(CHILD, [link(told)], TABLE).profile


def test_what_is_folded_under_the_name_of_one_is_not_anothers() -> None:
    """Beyond the bounds, origins stand together under a name made of the release's own."""
    told = snapshot(*((f"lab/o{n}@1", (f"lab/o{n}@1", PARENT)) for n in range(risk.MAX_ORIGINS + 1)))
    for asking in (CHILD, "corp/child2@1", CHILD):
        assert kin.inherited(asking, [link(told)], TABLE)[:3] == alone(asking, [link(told)])
