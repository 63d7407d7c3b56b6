"""``exchange show``, ``lineage``, ``assessments mine``: what the exchange knows."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.tree import Tree

from exchange.adapters.resources import load_profile, load_rule_texts
from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.cli.party import Party
from exchange.cli.text import level, path
from exchange.client import Exchange
from exchange.client.views import read_dossiers
from exchange.core.disclosure import Projector, Reader, view
from exchange.errors import ConfigError
from exchange.events import models
from exchange.refs import owner_of, parse_ref, parse_release
from exchange.runtime import load_codec
from exchange.settings import Settings


def show(
    release: Annotated[str, typer.Argument(help="party/name@version.")],
    party: Party = None,
    all_: Annotated[bool, typer.Option("--all", help="Also categories and rows of which there is nothing to say.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Show a release: effective risk and why, completeness and who owes what.

    With a party, what that party was told and may see. Without, the operator's view of the exchange's own state.
    Exit code 1 when nothing is known.

    Examples:

      exchange show acme/model@1

      exchange show acme/model@1 --party corp --json
    """
    parse_release(release)
    found = run(_view(connected(home, party=party), release))
    if found is None:
        console.print(f"nothing is known of {release}")
        raise typer.Exit(1)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    _print_view(found, all_)


async def _view(settings: Settings, release: str) -> models.View | None:
    if settings.party:
        async with Exchange(settings=settings) as exchange:
            return await exchange.dossier(release)
    return (await operator_views(settings)).get(release)


async def operator_views(settings: Settings) -> dict[str, models.View]:
    """Every release as its owner sees it, from the exchange's own state."""
    schemas, codec = load_codec(settings)
    projector = Projector(schemas)
    dossiers = await read_dossiers(settings.kafka_kwargs(), settings.topics, codec)
    return {
        release: models.View.model_validate(view(projector, dossier, Reader(owner_of(release), "owner")))
        for release, dossier in sorted(dossiers.items())
    }


def _print_view(found: models.View, all_: bool) -> None:
    console.print(f"[bold]{found.release}[/] seq {found.seq}, stage {found.stage}" + ("" if found.claimed else ", unclaimed"))
    for hop in found.parents:
        console.print(f"  made from {hop.release} ({hop.relation})")
    table = Table("category", "level", "status", "own", "why")
    for entry in found.profile:
        if all_ or entry.status != "unknown":
            sources = [source for source in entry.sources if source.level != "unknown"][:2]
            why = "; ".join(f"{source.level} by {_way(found, source)}" for source in sources)
            partial = " (partly unknown)" if entry.partial else ""
            table.add_row(entry.category, level(entry.level), entry.status + partial, entry.own_level or "", why)
    console.print(table if table.row_count else "  risk: nothing known")
    for report in found.reports:
        _print_report(report, all_)
    for news in found.stage_news:
        console.print(f"  upstream {news.origin or '(withheld)'} is {news.stage}")


def _print_report(report: models.Report, all_: bool) -> None:
    labels = _labels(report.profile)
    console.print(f"  {report.profile}: {'complete' if report.complete else 'incomplete'}")
    for row in report.rows:
        gap = row.status in ("missing", "placeholder", "stale")
        if gap or all_ or row.status in ("inherited", "withheld"):
            who = f"owed by {row.owed_by} {row.owed_by_party or ''}".strip() if gap else row.origin or row.reason or ""
            console.print(f"    {row.id} [{'red' if gap else 'green'}]{row.status}[/] {who} {labels.get(row.id, '')}")


def _labels(profile: str) -> dict[str, str]:
    ships = profile in load_rule_texts().profiles
    return {row.id: row.label_en for row in load_profile(profile).rows} if ships else {}


# --------------------------------------------------------------------------------------------------- lineage


def lineage(
    ref: Annotated[str, typer.Argument(help="Line or release to start from; its parents are shown below it.")],
    category: Annotated[str | None, typer.Option(help="Show this category's level; default: the highest of all.")] = None,
    form: Annotated[str, typer.Option("--format", help="tree, mermaid or json.")] = "tree",
    party: Party = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Draw what a release was made from, with levels.

    Without a party, from the exchange's own state; with one, from what that party was told.

    Examples:

      exchange lineage acme/model@1 --category R11

      exchange lineage acme/model@1 --format mermaid
    """
    form = "json" if as_json else form
    if form not in ("tree", "mermaid", "json"):
        raise ConfigError("--format is tree, mermaid or json")
    parse_ref(ref)
    views = run(_views(connected(home, party=party)))
    starts = [ref] if ref in views else [name for name in views if name.partition("@")[0] == ref]
    if not starts:
        console.print(f"nothing is known of {ref}")
        raise typer.Exit(1)
    if form == "json":
        print_json({"roots": starts, **graph(views, starts, category)})
    elif form == "mermaid":
        typer.echo(mermaid(graph(views, starts, category)))
    else:
        for start in starts:
            console.print(tree(views, start, category))


async def _views(settings: Settings) -> dict[str, models.View]:
    if not settings.party:
        return await operator_views(settings)
    async with Exchange(settings=settings) as exchange, exchange.subscribe(keep=False, follow=False) as feed:
        return {notice.view.release: notice.view async for notice in feed if notice.view}


def entry_of(found: models.View | None, category: str | None) -> tuple[str, str]:
    """Level and status of one category, or of the highest of all."""
    rank = ["unknown", "none", "low", "moderate", "high", "critical"]
    entries = [entry for entry in (found.profile if found else []) if category in (None, entry.category)]
    best = max(entries, key=lambda entry: rank.index(entry.level), default=None)
    return (best.level, best.status) if best else ("unknown", "unknown")


def tree(views: dict[str, models.View], start: str, category: str | None = None) -> Tree:
    """The lineage above a release. A release that was drawn already is only named again."""
    drawn: set[str] = set()

    def label(name: str, relation: str | None) -> str:
        of_level, status = entry_of(views.get(name), category)
        how = f"{relation} of " if relation else ""
        return f"{how}[bold]{name}[/] {level(of_level)} ({status})"

    def grow(branch: Tree, name: str) -> None:
        if name in drawn:
            branch.add("…")
            return
        drawn.add(name)
        found = views.get(name)
        for hop in found.parents if found else []:
            grow(branch.add(label(hop.release, hop.relation)), hop.release)

    root = Tree(label(start, None))
    grow(root, start)
    return root


def graph(views: dict[str, models.View], starts: list[str], category: str | None = None) -> dict[str, Any]:
    """Nodes with level and status, and edges, of everything above the starts."""
    nodes: dict[str, Any] = {}
    edges: list[dict[str, Any]] = []
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name in nodes:
            continue
        found = views.get(name)
        of_level, status = entry_of(found, category)
        nodes[name] = {"level": of_level, "status": status, "known": found is not None}
        for hop in found.parents if found else []:
            edges.append({"parent": hop.release, "child": name, "relation": hop.relation})
            waiting.append(hop.release)
    return {"nodes": nodes, "edges": edges}


def mermaid(found: dict[str, Any]) -> str:
    """The graph as a mermaid flowchart."""
    ids = {name: f"n{number}" for number, name in enumerate(sorted(found["nodes"]))}
    lines = ["flowchart TD"]
    lines += [f'  {ids[name]}["{name}<br/>{node["level"]} ({node["status"]})"]' for name, node in sorted(found["nodes"].items())]
    lines += [f"  {ids[edge['parent']]} -->|{edge['relation']}| {ids[edge['child']]}" for edge in found["edges"]]
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------- my assessments


def mine(party: Party = None, as_json: Json = False, home: Home = None) -> None:
    """List your assessments: which still hold, which do not, and why. Exit code 1 when one does not.

    Example:

      exchange assessments mine --party acme
    """
    settings = connected(home, party=party)
    if not settings.party:
        raise ConfigError("no party id", hint="give --party, or set EXCHANGE_PARTY")
    rows = [row for found in run(_views(settings)).values() for row in standing(found, settings.party)]
    if as_json:
        print_json(rows)
    else:
        table = Table("assessment", "release", "holds", "why")
        for row in rows:
            table.add_row(row["assessment"], row["release"], "yes" if row["holds"] else "no", "; ".join(row["why"]))
        console.print(table if rows else "no assessments")
    raise typer.Exit(0 if all(row["holds"] for row in rows) else 1)


def standing(found: models.View, assessor: str) -> list[dict[str, Any]]:
    """Whether each assessment of one assessor still holds on a release."""
    entries = {entry.category: entry for entry in found.profile}
    rows = []
    for assessment in found.assessments:
        if assessment.assessor != assessor:
            continue
        open_ = [entries[finding.category] for finding in assessment.findings if finding.category in entries]
        why = [_why(found, entry) for entry in open_ if entry.status == "reassess"]
        rows.append({"assessment": assessment.event_id, "release": found.release, "holds": not why, "why": why})
    return rows


def _way(found: models.View, source: models.Source) -> str:
    way = found.ways[source.way]
    return path(way.path) or way.origin or "(withheld)"


def _why(found: models.View, entry: models.ProfileEntry) -> str:
    fresh = [source for source in entry.sources if not source.considered and source.level not in ("unknown", entry.own_level)]
    if fresh:
        return f"{entry.category}: {fresh[0].level} came down by {_way(found, fresh[0])}"
    return f"{entry.category}: a change notice touches it, or an earlier finding expired"
