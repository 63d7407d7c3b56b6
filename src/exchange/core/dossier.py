"""One dossier: what changes it, and what follows from it. Values in, values out.

:mod:`exchange.core.dossier_step` decides which dossiers a journal record touches; this module knows one release at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from exchange.core import completeness, kin, risk
from exchange.core.fields import RANK
from exchange.core.recent import Recent
from exchange.core.rules import Rules
from exchange.errors import ValidationError
from exchange.events import records as r
from exchange.refs import owner_of

MAX_ASSESSMENTS = 256
MAX_CHANGES = 1024
MAX_SEEN = 64
MAX_STAGE_NEWS = 64

PARENT_PATHS = ("parents", "parents.ref")
"""Field paths of a card by which it narrows who may see what it was made from."""


def empty(release: str) -> r.Dossier:
    """The dossier of a release nobody has said anything about."""
    return {
        "release": release,
        "seq": 0,
        "claimed": False,
        "card_event": None,
        "card": None,
        "stage": "UNKNOWN",
        "parents": [],
        "assessments": [],
        "changes": [],
        "profile": [],
        "ways": [],
        "reports": [],
        "seen": [],
        "due": None,
        "passed": "",
    }


class Event(NamedTuple):
    """An accepted event as a dossier needs it."""

    id: str
    publisher: str
    order: int


def with_card(dossier: r.Dossier, card: r.ModelCard, event: Event) -> r.Dossier:
    """The newest accepted card replaces the former one; parents that stay keep what they said."""
    known = {link["ref"]: link for link in dossier["parents"]}
    audience = parents_audience(card)
    links: dict[str, r.ParentLink] = {}
    for parent in card["parents"]:
        former = known.get(parent["ref"])
        links.setdefault(
            parent["ref"],
            {
                "ref": parent["ref"],
                "relation": parent["relation"],
                "digest": parent["digest"],
                "audience": audience,
                "resolution": former["resolution"] if former else None,
                "snapshot": former["snapshot"] if former else None,
                "edge": _edge_state(parent["digest"], former["snapshot"] if former else None),
            },
        )
    return {
        **dossier,
        "claimed": True,
        "card": card,
        "card_event": event.id,
        "stage": card["stage"],
        "parents": list(links.values()),
    }


def parents_audience(card: r.ModelCard) -> r.Audience:
    """Who may see what a release was made from: the label, narrowed by the card's ``disclosure``."""
    narrowed = [d["audience"] or "owner" for d in card["disclosure"] if d["path"] in PARENT_PATHS]
    return max(narrowed, key=RANK.__getitem__) if narrowed else "public"


def _edge_state(digest: str | None, snapshot: r.Snapshot | None) -> r.EdgeState:
    """``verified`` when the child names the digest the parent's owner published (DESIGN section 2)."""
    return "verified" if digest and snapshot and digest == snapshot["digest"] else "declared"


def with_assessment(dossier: r.Dossier, assessment: r.RiskAssessment, event: Event) -> r.Dossier:
    """Adds an assessment; the same assessor's superseded and withdrawn ones go.

    Raises:
        ValidationError: more assessments in force than a dossier holds.
    """
    ended = {*assessment["supersedes"], *assessment["withdraws"]}
    kept = [e for e in dossier["assessments"] if not (e["assessor"] == event.publisher and e["event_id"] in ended)]
    findings = [_finding(finding) for finding in assessment["findings"]]
    if findings:
        entry: r.AssessmentEntry = {
            "event_id": event.id,
            "assessor": event.publisher,
            "independence": assessment["independence"],
            "order": event.order,
            "valid_from": assessment["valid_from"],
            "valid_until": assessment["valid_until"],
            "findings": findings,
            "considers": sorted(set(assessment["considers"])),
        }
        kept.append(entry)
    if len(kept) > MAX_ASSESSMENTS:
        raise ValidationError(f"a release holds at most {MAX_ASSESSMENTS} assessments", hint="supersede or withdraw earlier ones")
    return {**dossier, "assessments": kept}


def _finding(finding: r.Finding) -> r.OwnFinding:
    return {"category": finding["category"], "level": finding["residual_level"] or finding["level"]}


def with_change(dossier: r.Dossier, notice: r.ChangeNotice, event: Event) -> r.Dossier:
    """Adds a change notice.

    Raises:
        ValidationError: more change notices than a dossier holds.
    """
    entry: r.ChangeEntry = {
        "event_id": event.id,
        "order": event.order,
        "kind": notice["kind"],
        "categories": sorted(set(notice["affected_categories"])),
        "holds": notice["assessments_hold"],
    }
    if len(dossier["changes"]) >= MAX_CHANGES:
        raise ValidationError(f"a release holds at most {MAX_CHANGES} change notices", hint="publish a new version")
    return {**dossier, "changes": [*dossier["changes"], entry]}


def with_upstream(dossier: r.Dossier, message: r.UpstreamMessage) -> r.Dossier:
    """Takes over a parent's snapshot; the highest (resolution, seq) wins, anything older leaves the dossier as it is."""
    links = [_newer(link, message) if link["ref"] == message["parent"] else link for link in dossier["parents"]]
    return dossier if links == dossier["parents"] else {**dossier, "parents": links}


def _newer(link: r.ParentLink, message: r.UpstreamMessage) -> r.ParentLink:
    snapshot = message["snapshot"]
    if link["snapshot"] is not None:
        held = (link["resolution"] or 0, link["snapshot"]["seq"])
        if (message["resolution"], snapshot["seq"]) < held:
            return link
    return {
        **link,
        "resolution": message["resolution"],
        "snapshot": snapshot,
        "edge": _edge_state(link["digest"], snapshot),
    }


# --------------------------------------------------------------------------------------------------- what follows


class Evaluated(NamedTuple):
    """A dossier with all that follows from its facts, and what it passes down; ``None`` where that was not asked for."""

    dossier: r.Dossier
    snapshot: r.Snapshot | None


def evaluate(
    dossier: r.Dossier, rules: Rules, now: datetime | None, former: r.Dossier | None = None, *, down: bool = True
) -> Evaluated:
    """Profile, reports and next due time as the facts, the rules and the time make them, and the snapshot.

    Args:
        dossier: with its facts as they are now.
        rules: in force.
        now: the partition's time.
        former: the same dossier before its facts changed, evaluated under these rules and not yet due: reports are taken over
            from it where nothing they depend on is new.
        down: whether to say what it passes down, which is half of the work.
    """
    own = risk.own_findings(dossier["assessments"], now)
    release, parents, changes = dossier["release"], dossier["parents"], dossier["changes"]
    if own or changes:
        flows: risk.Flows = risk.carried_flows(release, parents, rules.propagation)
        profile, ways = risk.profile(release, own, flows, changes)
    else:
        flows, profile, ways, _ = kin.inherited(release, parents, rules.propagation)
    told_same = former is not None and former["seq"] > 0 and _same_for_reports(former, dossier)
    reports = former["reports"] if former is not None and told_same else _reports(dossier, rules, now)
    after: r.Dossier = {
        **dossier,
        "profile": profile,
        "ways": ways,
        "reports": reports,
        "due": min((*_validity(dossier["assessments"], now), *_staleness(dossier, rules, reports)), default=None),
    }
    if not down:
        return Evaluated(after, None)
    rows = _ROWS.of(id(reports)) if told_same else None
    if rows is None:
        rows = _ROWS.keep(id(reports), _inheritable(after, rules), reports)
    return Evaluated(after, _snapshot(after, rows, own, flows))


_ROWS = Recent[list[r.InheritedRow]](1000)
"""What goes down beside reports that are taken over as they are: the same rows."""


def _same_for_reports(former: r.Dossier, dossier: r.Dossier) -> bool:
    """Whether card, stage, change notices and what the parents say for reports are as before."""
    if any(former[name] is not dossier[name] and former[name] != dossier[name] for name in ("card", "stage", "changes")):
        return False
    return former["parents"] is dossier["parents"] or _for_reports(former["parents"]) == _for_reports(dossier["parents"])


def _for_reports(parents: Iterable[r.ParentLink]) -> list[object]:
    snapshots = ((link["ref"], link["relation"], link["snapshot"]) for link in parents)
    return [(*link, held and held["compute_flop"], held and held["rows"]) for *link, held in snapshots]


def _reports(dossier: r.Dossier, rules: Rules, now: datetime | None) -> list[r.Report]:
    card = dossier["card"]
    if card is None:
        return []
    compute = {link["ref"]: link["snapshot"]["compute_flop"] for link in dossier["parents"] if link["snapshot"]}
    original_flop = completeness.original_flop_of(card, compute)
    return [
        completeness.report(
            profile,
            card,
            stage=dossier["stage"],
            parents=_parent_rows(dossier),
            changes=dossier["changes"],
            owner=owner_of(dossier["release"]),
            at=now.date() if now else None,
            original_flop=original_flop,
        )
        for profile in rules.profiles
    ]


def _validity(assessments: Iterable[r.AssessmentEntry], now: datetime | None) -> list[datetime]:
    times = [time for entry in assessments for time in (entry["valid_from"], entry["valid_until"]) if time is not None]
    return [time for time in times if now is None or time > now]


def _staleness(dossier: r.Dossier, rules: Rules, reports: Iterable[r.Report]) -> list[datetime]:
    """When what is provided now goes stale, by profile."""
    days = [completeness.next_stale(rules.profiles_by_id[report["profile"]], dossier["card"], report) for report in reports]
    return [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days if day is not None]


def snapshot(dossier: r.Dossier, rules: Rules, now: datetime | None) -> r.Snapshot:
    """All that an evaluated release passes down to those made from it."""
    own = risk.own_findings(dossier["assessments"], now)
    flows = risk.carried_flows(dossier["release"], dossier["parents"], rules.propagation)
    return _snapshot(dossier, _inheritable(dossier, rules), own, flows)


def _snapshot(
    dossier: r.Dossier, rows: list[r.InheritedRow], own: Mapping[r.RiskCategory, risk.Own], flows: risk.Flows
) -> r.Snapshot:
    card = dossier["card"]
    return {
        "release": dossier["release"],
        "seq": dossier["seq"],
        "kind": card["kind"] if card else "UNKNOWN",
        "stage": dossier["stage"],
        "digest": card["digest"] if card else None,
        "compute_flop": completeness.compute_of(card),
        "contributions": risk.passed_down(dossier["release"], own, flows),
        "stage_news": _passed_stage_news(dossier),
        "rows": rows,
    }


def _inheritable(dossier: r.Dossier, rules: Rules) -> list[r.InheritedRow]:
    card, rows = dossier["card"], []
    if card is None:
        return []
    for report in dossier["reports"]:
        profile = rules.profiles_by_id.get(report["profile"])
        if profile is not None:
            rows += completeness.inheritable(profile, report, card, dossier["release"], _parent_rows(dossier))
    return rows


def _parent_rows(dossier: r.Dossier) -> list[tuple[str, Sequence[r.InheritedRow]]]:
    """What each parent passes down; nothing, while it has not spoken: then the row is owed by the parent's owner.

    What comes round to its origin is left out: a release must not inherit from itself what it no longer says.
    """
    return [
        (
            link["ref"],
            [row for row in link["snapshot"]["rows"] if row["origin"] != dossier["release"]] if link["snapshot"] else [],
        )
        for link in dossier["parents"]
    ]


def unresolved(line: str) -> r.Snapshot:
    """What an unpinned parent passes down while its line has no current release."""
    return {
        "release": "",
        "seq": 0,
        "kind": "UNKNOWN",
        "stage": "UNKNOWN",
        "digest": None,
        "compute_flop": None,
        "contributions": [risk.unknown_origin(line)],
        "stage_news": [],
        "rows": [],
    }


def stage_news(dossier: r.Dossier) -> list[r.StageNews]:
    """Withdrawn and deprecated releases upstream, shortest path first, one entry per origin."""
    best: dict[str, r.StageNews] = {}
    for link in dossier["parents"]:
        for item in link["snapshot"]["stage_news"] if link["snapshot"] else ():
            if _passes_through(item, dossier["release"]):
                continue
            news: r.StageNews = {**item, "path": list(risk.extend(item["path"], link))}
            rival = best.get(item["origin"])
            if rival is None or _news_order(news) < _news_order(rival):
                best[item["origin"]] = news
    return sorted(best.values(), key=_news_order)[:MAX_STAGE_NEWS]


def _passes_through(item: r.StageNews, release: str) -> bool:
    return len(item["path"]) >= risk.MAX_PATH or any(hop["release"] == release for hop in item["path"])


def _news_order(item: r.StageNews) -> tuple[int, list[str], str]:
    return (len(item["path"]), [hop["release"] for hop in item["path"]], item["stage"])


def _passed_stage_news(dossier: r.Dossier) -> list[r.StageNews]:
    here: r.Hop = {"release": dossier["release"], "relation": None, "audience": "public"}
    passed: list[r.StageNews] = [{**item, "path": [*item["path"], here]} for item in stage_news(dossier)]
    if dossier["stage"] in ("deprecated", "withdrawn") and dossier["card_event"]:
        passed.append(
            {"origin": dossier["release"], "stage": dossier["stage"], "event_id": dossier["card_event"], "path": [here]}
        )
    return passed


def cause_at(cause: r.Cause, link: r.ParentLink) -> r.Cause:
    """A parent's cause as the child on ``link`` sees it: the last hop is told how the child came from it."""
    if not cause["path"]:
        return cause
    return {**cause, "path": list(risk.extend(cause["path"], link)[-risk.MAX_PATH :])}


def remember(dossier: r.Dossier, event_id: str) -> r.Dossier:
    """The dossier with a root cause among those it has told."""
    if event_id in dossier["seen"]:
        return dossier
    return {**dossier, "seen": [*dossier["seen"], event_id][-MAX_SEEN:]}
