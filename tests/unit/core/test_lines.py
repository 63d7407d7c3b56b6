"""Lines: what an unpinned reference means, and which edges a card declares, drops or declares again."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core import lines
from exchange.core.envelope import Attributes
from exchange.core.schemas import SchemaSet
from exchange.events import records as r
from exchange.testing.samples import sample

CAUSE: r.Cause = {"event_id": "e1", "event_type": "ModelCard", "publisher": "c", "release": "c/child@1", "path": []}

CURRENT: dict[str, tuple[list[tuple[str, r.Stage]], str | None]] = {
    "none released": ([("1", "preview"), ("2", "research")], None),
    "the one released": ([("1", "preview"), ("1", "released")], "1"),
    "the last that first reached released": ([("1", "released"), ("2", "released")], "2"),
    "a card told again does not count": ([("1", "released"), ("2", "released"), ("1", "released")], "2"),
    "not by version number": ([("2", "released"), ("1", "released")], "1"),
    "withdrawn falls back": ([("1", "released"), ("2", "released"), ("2", "withdrawn")], "1"),
    "all withdrawn": ([("1", "released"), ("1", "withdrawn")], None),
    "back from withdrawn at its old place": (
        [("1", "released"), ("1", "withdrawn"), ("2", "released"), ("1", "released")],
        "2",
    ),
    "deprecated stays current": ([("1", "released"), ("1", "deprecated")], "1"),
    "deprecated without ever being released": ([("1", "deprecated")], None),
    "a preview after the release changes nothing": ([("1", "released"), ("2", "preview")], "1"),
}


@pytest.mark.parametrize("name", CURRENT)
def test_the_current_release_of_a_line(name: str, schemas: SchemaSet) -> None:
    """The release that last first reached released and is not withdrawn, in the order of the line's journal."""
    cards, expected = CURRENT[name]
    line, stages = lines.new("a/base"), dict[str, r.Stage]()
    for version, stage in cards:
        release = f"a/base@{version}"
        stages[release] = stage
        card: Any = sample(schemas, "ModelCard", release=release, stage=stage)
        line = lines.with_card(line, card, stages.__getitem__)
    assert line["current"] == (f"a/base@{expected}" if expected else None)
    assert line["claimed"]


def test_each_new_meaning_of_the_line_has_a_higher_number(schemas: SchemaSet) -> None:
    """So that an older meaning that arrives late is known as such."""
    line, numbers = lines.new("a/base"), []
    for version, stage in [("1", "released"), ("1", "released"), ("2", "released"), ("2", "withdrawn")]:
        card: Any = sample(schemas, "ModelCard", release=f"a/base@{version}", stage=stage)
        stages: dict[str, Any] = {"a/base@1": "released", f"a/base@{version}": stage}
        line = lines.with_card(line, card, stages.__getitem__)
        numbers.append(line["resolution"])
    assert numbers == [1, 1, 2, 3]


def link(ref: str, relation: r.Relation = "merge", digest: str | None = None, audience: r.Audience = "public") -> r.ParentLink:
    return {
        "ref": ref,
        "relation": relation,
        "digest": digest,
        "audience": audience,
        "resolution": None,
        "snapshot": None,
        "edge": "declared",
    }


EDGES: dict[str, tuple[list[r.ParentLink], list[r.ParentLink], list[str], list[str]]] = {
    "first card": ([], [link("a/x@1"), link("a/y")], ["a/x@1", "a/y"], []),
    "same card": ([link("a/x@1")], [link("a/x@1")], [], []),
    "one more, one less": ([link("a/x@1"), link("a/y")], [link("a/y"), link("a/z@2")], ["a/z@2"], ["a/x@1"]),
    "other relation": ([link("a/x@1")], [link("a/x@1", "distil")], ["a/x@1"], []),
    "other digest": ([link("a/x@1")], [link("a/x@1", digest="sha256:00")], ["a/x@1"], []),
    "other audience": ([link("a/x@1")], [link("a/x@1", audience="owner")], ["a/x@1"], []),
    "pinned in place of unpinned": ([link("a/x")], [link("a/x@1")], ["a/x@1"], ["a/x"]),
    "no release is its own parent": ([], [link("c/child@1")], [], []),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    """New and different ones are declared, those gone are dropped, the rest is left alone."""
    before, after, declared, dropped = EDGES[name]
    found = lines.edges(before, after, "c/child@1", CAUSE)
    assert [edge["parent"] for edge in found[0]] == declared
    assert [edge["parent"] for edge in found[1]] == dropped
    assert all(edge["child"] == "c/child@1" and edge["cause"] == CAUSE for edge in [*found[0], *found[1]])


def test_stakes_of_a_line_lie_side_by_side_and_a_grant_is_known_by_its_event(schemas: SchemaSet) -> None:
    """So that one scan walks a line's stakes of a kind in the order of their holders."""
    attributes = Attributes("e9", "Subscription", "user")
    grant: Any = sample(schemas, "Grant", target="a/base@1", grantee=None)
    keys = [
        lines.key_of(lines.subscription_stake("a/base", attributes)),
        lines.key_of(lines.subscription_stake("a/base@1", attributes)),
        lines.key_of(lines.grant_stake(grant, "e7")),
    ]
    assert keys == ["stake/a/base/subscription/user|a/base", "stake/a/base/subscription/user|a/base@1", "stake/a/base/grant/e7"]
