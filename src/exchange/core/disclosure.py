"""Need to know: what one reader may see of an event, a profile and a path (DESIGN section 7).

Allow-list from the schema labels, narrowed by the card's ``disclosure``, widened only by a grant. A hidden field leaves
"withheld" with its reason, a number narrowed with ``rough`` its range too. What has no label is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from exchange.core import dossier as dossiers
from exchange.core.ranges import has_range, range_of
from exchange.core.risk import MAX_PATH, token
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.events import records as r
from exchange.refs import owner_of

RANK = {"public": 0, "user": 1, "provider": 2, "authority": 3, "owner": 4}
HIDDEN = 5
"""Rank of what nobody may see: no label, or one this release does not know."""


@dataclass(frozen=True)
class Reader:
    """Who reads.

    Attributes:
        party: party id.
        audience: what the party counts as for the line or release at hand.
        fields: single field paths granted beyond the audience.
    """

    party: str
    audience: r.Audience
    fields: frozenset[str] = frozenset()


def reader_of(
    party: str, release: str, grants: Iterable[r.Grant], *, subscriber: bool, authorities: frozenset[str], now: datetime | None
) -> Reader:
    """What a party counts as for a release: owner of the line, by grant, by the operator's list of authorities, else public."""
    if owner_of(release) == party:
        return Reader(party, "owner")
    audience: r.Audience = "authority" if party in authorities else "public"
    fields: set[str] = set()
    for grant in grants:
        if _applies(grant, party, release, subscriber=subscriber, now=now):
            fields.update(grant["fields"])
            offered = grant["audience"]
            if offered in RANK and offered != "owner" and RANK[offered] > RANK[audience]:
                audience = offered
    return Reader(party, audience, frozenset(fields))


def _applies(grant: r.Grant, party: str, release: str, *, subscriber: bool, now: datetime | None) -> bool:
    if "@" in grant["target"] and grant["target"] != release:
        return False
    if grant["until"] is not None and now is not None and grant["until"] <= now:
        return False
    return grant["grantee"] == party or (grant["grantee"] is None and subscriber)


# --------------------------------------------------------------------------------------------------- records


class Projector:
    """Projects records by the labels of their schemas.

    Args:
        schemas: the schemas, whose fields carry ``audience``.
    """

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas.raw
        self._fields = {
            name: [(field, _record_name(field["type"], schemas.raw)) for field in schema["fields"]]
            for name, schema in schemas.raw.items()
            if schema["type"] == "record"
        }

    def project(
        self, name: str, record: Mapping[str, Any], reader: Reader, disclosure: Sequence[r.Disclosure] = ()
    ) -> tuple[dict[str, Any], list[r.Withheld]]:
        """The record as the reader may see it, and what was withheld.

        Args:
            name: record name.
            record: with all keys.
            reader: who reads.
            disclosure: narrower audiences by field path, as a card states them.
        """
        if reader.audience == "owner":
            return dict(record), []
        narrowed: dict[str, r.Disclosure] = {}
        for entry in disclosure:
            first = narrowed.setdefault(entry["path"], entry)
            if first is not entry:  # said twice: the narrowest counts, and a range is told only when both tell it
                narrowest = max(first, entry, key=_needed)
                narrowed[entry["path"]] = {**narrowest, "rough": first["rough"] and entry["rough"]}
        withheld: list[r.Withheld] = []
        return self._record(name, record, reader, narrowed, "", withheld), withheld

    def _record(
        self,
        name: str,
        record: Mapping[str, Any],
        reader: Reader,
        narrowed: Mapping[str, r.Disclosure],
        prefix: str,
        withheld: list[r.Withheld],
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for field, nested in self._fields[name]:
            path, value = prefix + field["name"], record[field["name"]]
            entry, label = narrowed.get(path), field.get("audience")
            if not _may_read(reader, path, label, entry):
                shown[field["name"]] = _nothing_like(field, value, self._schemas)
                if value not in (None, [], {}) and not any(item["path"] == path for item in withheld):
                    reason = entry["reason"] if entry else f"for {label}"
                    withheld.append({"path": path, "reason": reason, "rough": _range(path, value, reader, label, entry)})
            else:
                shown[field["name"]] = self._value(nested, value, reader, narrowed, path + ".", withheld)
        return shown

    def _value(
        self,
        nested: str | None,
        value: Any,
        reader: Reader,
        narrowed: Mapping[str, r.Disclosure],
        prefix: str,
        withheld: list[r.Withheld],
    ) -> Any:
        if nested is None or value is None:
            return value
        if isinstance(value, list):
            return [self._record(nested, item, reader, narrowed, prefix, withheld) for item in value]
        return self._record(nested, value, reader, narrowed, prefix, withheld)


def _may_read(reader: Reader, path: str, label: str | None, entry: r.Disclosure | None) -> bool:
    needed = RANK.get(label or "", HIDDEN)
    if entry is not None:
        needed = max(needed, _needed(entry))
    granted = any(path == field or path.startswith(f"{field}.") or field.startswith(f"{path}.") for field in reader.fields)
    return granted or RANK.get(reader.audience, 0) >= needed


def _range(path: str, value: Any, reader: Reader, label: str | None, entry: r.Disclosure | None) -> str | None:
    """The range of a number that only the card's disclosure keeps from this reader, where the disclosure tells it."""
    if entry is None or not entry["rough"] or not has_range(path):
        return None
    return range_of(path, value) if _may_read(reader, path, label, None) else None


def _needed(entry: r.Disclosure) -> int:
    return RANK.get(entry["audience"] or "owner", HIDDEN)


def _record_name(schema: Any, schemas: Mapping[str, Any]) -> str | None:
    if isinstance(schema, list):
        return next((name for branch in schema if (name := _record_name(branch, schemas))), None)
    if isinstance(schema, dict):
        return _record_name(schema.get("items"), schemas) if schema.get("type") == "array" else None
    name = str(schema).removeprefix(f"{NAMESPACE}.")
    return name if schemas.get(name, {}).get("type") == "record" else None


def _nothing_like(field: Mapping[str, Any], value: Any, schemas: Mapping[str, Any]) -> Any:
    """What stands for a hidden value: an enum's own default (unknown), else the field's default, else nothing of its type."""
    named = schemas.get(field["type"].removeprefix(f"{NAMESPACE}."), {}) if isinstance(field["type"], str) else {}
    if named.get("type") == "enum":
        return named["default"]
    if "default" in field:
        default = field["default"]
        return type(default)() if isinstance(default, (list, dict)) else default
    return type(value)()


# --------------------------------------------------------------------------------------------------- paths


def mask_path(path: Sequence[r.Hop], release: str, reader: Reader) -> list[r.Hop]:
    """The path as the reader may see it: from the first hop on that is hidden, going up from ``release``, nothing is shown.

    A hop's audience is who may see that the next release on the path was made from it. Of other releases' readers nothing is
    known here, so a narrowed hop is shown to the owner of the release that narrowed it, and to nobody else.
    """
    shown: list[r.Hop] = []
    following = release
    for hop in reversed(path):
        rank = RANK.get(hop["audience"], HIDDEN)
        own = reader.party == owner_of(following)
        here = following == release and RANK.get(reader.audience, 0) >= rank
        if not (own or here or rank == 0):
            shown.append({"release": "", "relation": None, "audience": hop["audience"]})
            break
        shown.append(hop)
        following = hop["release"]
    return shown[::-1]


class _Ways:
    """The ways of a profile as a reader may see them.

    Hidden ways that look the same are one: else it would show which risks come from the same hidden origin.
    """

    def __init__(self, ways: Sequence[r.Way], release: str, reader: Reader) -> None:
        self._release = release
        self._origins = [way["origin"] for way in ways]
        self.shown: list[r.Way] = []
        self._places: list[int] = []
        self._hidden: dict[tuple[tuple[str, str], ...], int] = {}
        for way in ways:
            self._show(way, mask_path(way["path"], release, reader))

    def _show(self, way: r.Way, path: list[r.Hop]) -> None:
        place = len(self.shown)
        if len(path) != len(way["path"]) or not all(hop["release"] for hop in path):
            place = self._hidden.setdefault(tuple((hop["release"], hop["audience"]) for hop in path), place)
            way = {"origin": "", "path": path}
        if place == len(self.shown):
            self.shown.append(way)
        self._places.append(place)

    def entry(self, entry: r.ProfileEntry) -> r.ProfileEntry:
        """A profile entry: origin and cause of a source go with the first hidden hop of its way, a token takes their place."""
        return {**entry, "sources": [self._source(source) for source in entry["sources"]]} if self._hidden else entry

    def _source(self, source: r.Source) -> r.Source:
        number, event = source["way"], source["event_id"]
        place = self._places[number]
        if self.shown[place]["origin"]:
            return {**source, "way": place}
        # without an event id the token would be a hash of names alone, from which a hidden name could be guessed
        stands_for = token(self._release, self._origins[number], event) if event else None
        return {**source, "way": place, "event_id": None, "token": stands_for}


def mask_cause(cause: r.Cause, release: str, reader: Reader) -> r.Cause | None:
    """A cause, or ``None`` where the way to it is hidden, or too long to be known whole."""
    path = mask_path(cause["path"], release, reader)
    if len(path) >= MAX_PATH or any(not hop["release"] for hop in path):
        return None
    return {**cause, "path": path}


def mask_change(change: r.ProfileChange, release: str, reader: Reader) -> r.ProfileChange:
    """A profile change with its path masked."""
    return {**change, "path": mask_path(change["path"], release, reader)}


def all_hops_public(dossier: r.Dossier) -> bool:
    """Whether every reader sees every hop of a dossier."""
    paths = [*(way["path"] for way in dossier["ways"]), *(item["path"] for item in dossiers.stage_news(dossier))]
    return all(link["audience"] == "public" for link in dossier["parents"]) and all(
        hop["audience"] == "public" for path in paths for hop in path
    )


def view(projector: Projector, dossier: r.Dossier, reader: Reader) -> r.View:
    """A dossier as one reader may see it."""
    release = dossier["release"]
    assessments = [projector.project("AssessmentEntry", entry, reader)[0] for entry in dossier["assessments"]]
    parents = [_parent_hop(link, release, reader) for link in dossier["parents"]]
    ways = _Ways(dossier["ways"], release, reader)
    return {
        "release": release,
        "seq": dossier["seq"],
        "audience": reader.audience,
        "stage": dossier["stage"],
        "claimed": dossier["claimed"],
        "parents": [hop for hop in parents if hop is not None],
        "profile": [ways.entry(entry) for entry in dossier["profile"]],
        "ways": ways.shown,
        "reports": [_report(report, dossier, release, reader) for report in dossier["reports"]],
        "assessments": cast(list[r.AssessmentEntry], assessments),
        "stage_news": [news for item in dossiers.stage_news(dossier) if (news := _stage_news(item, release, reader))],
        "change_notices": [change["event_id"] for change in dossier["changes"]],
    }


def _parent_hop(link: r.ParentLink, release: str, reader: Reader) -> r.Hop | None:
    hop: r.Hop = {"release": link["ref"], "relation": link["relation"], "audience": link["audience"]}
    return hop if mask_path([hop], release, reader)[0]["release"] else None


def _report(report: r.Report, dossier: r.Dossier, release: str, reader: Reader) -> r.Report:
    """A report without the names of parents the reader may not see."""
    visible = {link["ref"] for link in dossier["parents"] if _parent_hop(link, release, reader)}
    hidden = [link for link in dossier["parents"] if link["ref"] not in visible]
    if not hidden or reader.audience == "owner":
        return report
    rows: list[r.ReportRow] = []
    for row in report["rows"]:
        foreign = row["owed_by_party"] is not None and row["owed_by_party"] != owner_of(release)
        rows.append({**row, "origin": None, "owed_by_party": None if foreign else row["owed_by_party"]})
    return {**report, "rows": rows}


def _stage_news(item: r.StageNews, release: str, reader: Reader) -> r.StageNews | None:
    path = mask_path(item["path"], release, reader)
    if all(hop["release"] for hop in path):
        return {**item, "path": path}
    return {"origin": "", "stage": item["stage"], "event_id": "", "path": path}
