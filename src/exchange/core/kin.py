"""Releases made in the same way from the same parents, which say nothing of risks themselves: what one of them is, all are.

A change of a release that many were made from reaches them one after the other, each with the same snapshot. What the first one's
profile is, is every other's, unless it stands on the way itself; so it is worked out once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exchange.core import risk
from exchange.core.recent import Recent
from exchange.core.rules import Propagation
from exchange.events import records as r


class Inherited(NamedTuple):
    """What comes from the parents, and what the release is by it alone.

    Attributes:
        flows: as :func:`exchange.core.risk.carried_flows` gives them.
        profile, ways: as :func:`exchange.core.risk.profile` gives them for a release without findings and change notices.
        names: every release on the way; one of them would ignore what it said itself.
    """

    flows: risk.Flows
    profile: list[r.ProfileEntry]
    ways: list[r.Way]
    names: frozenset[str]


_KIN = Recent[Inherited](16)


def inherited(release: str, parents: Sequence[r.ParentLink], propagation: Propagation) -> Inherited:
    """What a release is by its parents alone; of kin, worked out once.

    Args:
        release: that asks.
        parents: its links; snapshots are compared by identity, which the codec keeps for equal bytes in a row.
        propagation: the table in force.
    """
    ways = tuple((link["ref"], link["relation"], link["audience"], id(link["snapshot"])) for link in parents)
    key = (id(propagation), ways)
    found = _KIN.of(key)
    if found is not None and release not in found.names:
        return found
    flows = risk.carried_flows(release, parents, propagation)
    found = Inherited(flows, *risk.profile(release, {}, flows, ()), _names(parents))
    if release in found.names or _folded(release, flows):
        return found
    return _KIN.keep(key, found, propagation, *(link["snapshot"] for link in parents))


def _names(parents: Sequence[r.ParentLink]) -> frozenset[str]:
    told = [item for link in parents if link["snapshot"] for item in link["snapshot"]["contributions"]]
    hops = (hop["release"] for item in told for hop in item["path"])
    return frozenset((*(link["ref"] for link in parents), *(item["origin"] for item in told), *hops))


def _folded(release: str, flows: risk.Flows) -> bool:
    """Whether there was so much that some of it stands under a name made of this release's own."""
    return any(flow.origin.endswith(f"others@{release}") for of_category in flows.values() for flow in of_category)
