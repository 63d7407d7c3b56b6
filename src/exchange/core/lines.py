"""Lines, the edges between releases, and the stakes others have in a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from exchange.core.envelope import Attributes
from exchange.events import records as r
from exchange.refs import line_of


def new(line: str) -> r.LineState:
    """A line somebody named before its owner spoke."""
    return {"line": line, "claimed": False, "released": [], "current": None, "resolution": 0}


def with_card(line: r.LineState, card: r.ModelCard, stage: Callable[[str], r.Stage]) -> r.LineState:
    """The line after an accepted card of one of its releases.

    Args:
        line: before.
        card: the card.
        stage: stage of a release of the line, the card's own included.

    An unpinned reference means the release that last *first* reached stage released and is not withdrawn.
    """
    release, released = card["release"], line["released"]
    if card["stage"] == "released" and release not in released:
        released = [*released, release]
    current = next((name for name in reversed(released) if stage(name) != "withdrawn"), None)
    resolution = line["resolution"] + (current != line["current"])
    return {**line, "claimed": True, "released": released, "current": current, "resolution": resolution}


# --------------------------------------------------------------------------------------------------- edges


def edges(
    before: Sequence[r.ParentLink], after: Sequence[r.ParentLink], child: str, cause: r.Cause
) -> tuple[list[r.EdgeDeclared], list[r.EdgeDropped]]:
    """The edges a card declares anew or differently, and those it drops. A release is no parent of itself."""
    old = {link["ref"]: _facts(link) for link in before if link["ref"] != child}
    now = {link["ref"]: link for link in after if link["ref"] != child}
    declared = [_declared(link, child, cause) for ref, link in now.items() if old.get(ref) != _facts(link)]
    dropped: list[r.EdgeDropped] = [{"parent": ref, "child": child, "cause": cause} for ref in old if ref not in now]
    return declared, dropped


def _facts(link: r.ParentLink) -> tuple[str, str | None, str]:
    return (link["relation"], link["digest"], link["audience"])


def _declared(link: r.ParentLink, child: str, cause: r.Cause) -> r.EdgeDeclared:
    return {
        "parent": link["ref"],
        "child": child,
        "relation": link["relation"],
        "digest": link["digest"],
        "audience": link["audience"],
        "cause": cause,
    }


# --------------------------------------------------------------------------------------------------- stakes


def child_stake(edge: r.EdgeDeclared) -> r.Stake:
    """The stake of a child release in its parent's line."""
    return _stake("child", edge["parent"], edge["child"], edge["cause"]["event_id"], edge=edge)


def subscription_stake(target: str, attributes: Attributes) -> r.Stake:
    """The stake of a subscriber."""
    return _stake("subscription", target, attributes.source, attributes.id)


def grant_stake(grant: r.Grant, event_id: str) -> r.Stake:
    """A grant; its holder is the grantee, empty for all subscribers of the line."""
    return _stake("grant", grant["target"], grant["grantee"] or "", event_id, grant=grant)


def _stake(
    kind: r.StakeKind,
    target: str,
    holder: str,
    event_id: str,
    *,
    edge: r.EdgeDeclared | None = None,
    grant: r.Grant | None = None,
) -> r.Stake:
    return {
        "kind": kind,
        "line": line_of(target),
        "target": target,
        "holder": holder,
        "event_id": event_id,
        "edge": edge,
        "grant": grant,
    }


def stake_key(kind: str, target: str, holder: str) -> str:
    """State key of a subscription or child: by line, kind, holder, target, so that a walk goes in id order."""
    return f"stake/{line_of(target)}/{kind}/{holder}|{target}"


def key_of(stake: r.Stake) -> str:
    """State key of any stake. A grant is known by its event."""
    if stake["kind"] == "grant":
        return f"stake/{stake['line']}/grant/{stake['event_id']}"
    return stake_key(stake["kind"], stake["target"], stake["holder"])
