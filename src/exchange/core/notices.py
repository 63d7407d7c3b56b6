"""One notice for one party about one decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from exchange.core import disclosure
from exchange.core import dossier as dossiers
from exchange.core.codec import Codec
from exchange.core.disclosure import Projector, Reader
from exchange.core.outputs import derived_id
from exchange.events import records as r

_PAYLOADS = {"ModelCard": "card", "ChangeNotice": "change_notice", "RiskAssessment": "assessment"}


@dataclass(frozen=True)
class Telling:
    """A decision and what decides who may read what of it.

    Attributes:
        decision: what is told.
        grants: the line's grants.
        authorities: parties that read as authority.
        projector: what a reader may see.
        codec: reads the decision's event.
    """

    decision: r.Decision
    grants: Sequence[r.Grant]
    authorities: frozenset[str]
    projector: Projector
    codec: Codec
    _views: dict[tuple[str, frozenset[str]], r.View] = field(default_factory=dict)
    _payloads: dict[tuple[str, frozenset[str]], tuple[dict[str, Any], list[r.Withheld]]] = field(default_factory=dict)

    @cached_property
    def _hides_no_hop(self) -> bool:
        dossier = self.decision["dossier"]
        return dossier is None or disclosure.all_hops_public(dossier)

    def view(self, dossier: r.Dossier, reader: Reader) -> r.View:
        """The dossier as the reader may see it; made once for all who may see the same."""
        if not self._hides_no_hop:  # a hidden hop is shown to the owner of the release that hid it
            return disclosure.view(self.projector, dossier, reader)
        kind = (reader.audience, reader.fields)
        if kind not in self._views:
            self._views[kind] = disclosure.view(self.projector, dossier, reader)
        return self._views[kind]

    def payload(self, reader: Reader) -> tuple[dict[str, Any], list[r.Withheld]]:
        """The event that is the news, as the reader may see it; made once for all of an audience."""
        kind = (reader.audience, reader.fields)
        if kind not in self._payloads:
            self._payloads[kind] = _payload(self, reader)
        return self._payloads[kind]


def notice_for(telling: Telling, party: str, n: int, capacities: set[r.Capacity], *, subscriber: bool) -> r.Notice:
    """The notice, projected for its reader.

    Args:
        telling: the decision.
        party: the reader.
        n: its number for (party, line).
        capacities: why the party is told.
        subscriber: whether grants to all subscribers apply.
    """
    decision = telling.decision
    release = decision["release"] or decision["line"]
    reader = disclosure.reader_of(
        party, release, telling.grants, subscriber=subscriber, authorities=telling.authorities, now=decision["time"]
    )
    dossier = decision["dossier"]
    cause = disclosure.mask_cause(decision["cause"], release, reader) if decision["cause"] else None
    withheld: list[r.Withheld] = []
    if decision["cause"] is not None and cause is None:
        withheld.append({"path": "cause", "reason": "the way it came is not disclosed", "rough": None})
    payload, hidden = telling.payload(reader)
    child, hidden_child = _child(decision)
    cause = None if hidden_child else cause
    return {
        "id": derived_id("notice", party, decision["line"], n),
        "party": party,
        "line": decision["line"],
        "n": n,
        "release": decision["release"],
        "seq": dossier["seq"] if dossier else 0,
        "kind": _kind(decision, capacities),
        "capacities": sorted(capacities),
        "lane": decision["lane"],
        "offset": decision["offset"],
        "cause": cause,
        "view": telling.view(dossier, reader) if dossier else None,
        "changes": [disclosure.mask_change(change, release, reader) for change in decision["changes"]],
        "card": payload.get("card"),
        "change_notice": payload.get("change_notice"),
        "assessment": payload.get("assessment"),
        "child": child,
        "withheld": [*withheld, *hidden, *hidden_child],
    }


def _kind(decision: r.Decision, capacities: set[r.Capacity]) -> r.NoticeKind:
    if decision["kind"] == "quarantined":
        return "quarantined"
    if "publisher" in capacities:
        return "result"
    if decision["kind"] == "stake":
        return "downstream"
    return cast(r.NoticeKind, decision["kind"])


def _payload(telling: Telling, reader: Reader) -> tuple[dict[str, Any], list[r.Withheld]]:
    """The event that is the news, as the reader may see it; a card's ``disclosure`` narrows."""
    decision = telling.decision
    key = _PAYLOADS.get(decision["event_type"] or "")
    if key is None or decision["event"] is None:
        return {}, []
    name, event = telling.codec.decode_trusted(decision["event"])
    shown, withheld = telling.projector.project(name, event, reader, _narrowed(decision, name, event))
    return {key: shown}, withheld


def _narrowed(decision: r.Decision, name: str, event: Any) -> Sequence[r.Disclosure]:
    """A card's own ``disclosure``; for a change notice what the release's card says of its parents: the notice names one."""
    if name == "ModelCard":
        return cast(Sequence[r.Disclosure], event["disclosure"])
    if name != "ChangeNotice":
        return ()
    card = decision["dossier"]["card"] if decision["dossier"] else None
    if card is None:
        return [{"path": "parent", "audience": None, "reason": "there is no card yet that says who may know", "rough": False}]
    reasons = [entry["reason"] for entry in card["disclosure"] if entry["path"] in dossiers.PARENT_PATHS]
    audience = dossiers.parents_audience(card)
    return [{"path": "parent", "audience": audience, "reason": reasons[0], "rough": False}] if reasons else ()


def _child(decision: r.Decision) -> tuple[r.EdgeDeclared | None, list[r.Withheld]]:
    """The downstream release, unless its owner keeps from whom it was made."""
    for change in decision["stakes"]:
        edge = change["stake"]["edge"]
        if edge is None:
            continue
        if edge["audience"] == "public":
            return edge, []
        return None, [{"path": "child", "reason": "the downstream party does not disclose what it stands on", "rough": None}]
    return None, []
