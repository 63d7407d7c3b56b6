"""How notices, profiles and answers read, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exchange.client import Published
from exchange.core.documents import Document
from exchange.errors import RefusedError
from exchange.events import models

LEVEL_STYLE = {"critical": "bold red", "high": "red", "moderate": "yellow", "low": "green", "none": "green", "unknown": "dim"}

OWNER_ASKS = {
    "nothing": "nothing to do",
    "reassess": "re-assess: your assessment no longer covers what came down",
    "review": "review what you inherit; assess it if it matters for your use",
    "assess": "assess: you changed the release in this category since",
    "request-information": "ask whoever is upstream for an assessment",
}
READER_ASKS = {
    "nothing": "nothing to do",
    "reassess": "its assessment no longer covers what came down: go by this level until the owner re-assesses",
    "review": "inherited from upstream: review it for your use",
    "assess": "inherited, and changed since: ask the owner for an assessment",
    "request-information": "ask the owner for an assessment",
}


def level(text: str) -> str:
    """A level in its colour."""
    return f"[{LEVEL_STYLE.get(text, '')}]{text}[/]" if text in LEVEL_STYLE else text


def path(hops: Iterable[models.Hop], end: str = "") -> str:
    """A path as one line; what is withheld shows as such."""
    names = [hop.release or "(withheld)" for hop in hops]
    return " → ".join([*names, end] if end else names)


def change_line(change: models.ProfileChange, release: str, *, owner: bool) -> str:
    """What changed, why, and what is asked of the owner, or of any other reader."""
    ask = (OWNER_ASKS if owner else READER_ASKS).get(change.ask, change.ask)
    way = f"  by {path(change.path, release)}" if change.path else ""
    partial = ", partly unknown" if change.to_partial else ""
    moved = f"{level(change.from_level)} → {level(change.to_level)} ({change.to_status}{partial})"
    return f"  {change.category} {moved}{way}\n      {ask}"


def notice_lines(notice: models.Notice, most: int = 8) -> Iterator[str]:
    """A notice in a few lines: profile changes that move a known level first."""
    cause = f", cause {notice.cause.event_type} {notice.cause.event_id}" if notice.cause else ", cause withheld"
    where = notice.release or notice.line
    yield f"[bold]{notice.line} #{notice.n}[/] {notice.kind.replace('_', ' ')}: {where}{cause}"
    told = [change for change in notice.changes if "unknown" not in (change.from_level, change.to_level)]
    told += [change for change in notice.changes if change not in told and change.to_level != "unknown"]
    for change in told[:most]:
        yield change_line(change, where, owner="owner" in notice.capacities)
    rest = len(notice.changes) - len(told[:most])
    if rest:
        yield f"  and {rest} more categories (--json shows all)"
    if notice.child:
        yield f"  downstream: {notice.child.child} ({notice.child.relation} of {notice.child.parent})"
    for hidden in notice.withheld[:4]:
        known = f" {hidden.rough}" if hidden.rough else ""
        yield f"  withheld: {hidden.path}{known} ({hidden.reason})"


def published_lines(document: Document, answer: Published | RefusedError) -> Iterator[str]:
    """What the exchange said of one document."""
    about = next((str(document.record[key]) for key in ("release", "target", "party") if document.record.get(key)), "")
    if isinstance(answer, RefusedError):
        yield f"[red]refused[/] {document.filename}: {document.type} {about}: {answer.message}"
        if answer.hint:
            yield f"  what to do: {answer.hint}"
        return
    status = answer.receipt.status if answer.receipt else "sent"
    yield f"{status} {document.type} {about} ({answer.event_id})"
    view = answer.result.view if answer.result else None
    for report in view.reports if view else []:
        gaps = [row for row in report.rows if row.status in ("missing", "placeholder", "stale")]
        if document.type == "ModelCard":
            yield f"  {report.profile}: {'complete' if report.complete else f'{len(gaps)} gaps'}"
            for row in gaps:
                yield f"    {row.id} {row.status}, owed by {row.owed_by} {row.owed_by_party or ''}".rstrip()
