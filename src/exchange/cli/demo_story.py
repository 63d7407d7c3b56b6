"""The demo's story: Mistral-7B, what was tuned from it, and a merge of two of those."""

from __future__ import annotations

import time
from itertools import groupby
from typing import Any

from exchange.adapters.resources import bundled
from exchange.cli.demo_stage import Stage, with_fields
from exchange.cli.party import publisher_of
from exchange.cli.show import operator_views, tree
from exchange.cli.text import notice_lines
from exchange.core.documents import Document, parse_documents
from exchange.events import models

USER = "example-user"
SLERP = "weyaxi/openhermes-2.5-neural-chat-v3-3-slerp"
CATEGORY = "R11"
GAPS = ("missing", "placeholder", "stale")


async def play(stage: Stage) -> dict[str, Any]:
    """Tell the story; returns the summary."""
    stage.title("1. Parties register; cards, grants and change notices are published")
    for part in ("01-parties.yaml", "02-cards", "04-grants.yaml", "05-notices.yaml"):
        await _publish_all(stage, documents(part))
    await stage.publish(USER, [models.Subscription(target=SLERP)])
    await stage.rest()

    stage.title("2. Each assesses its own release, from the base down")
    ids: dict[str, str] = {}
    for assessment in documents("03-assessments.yaml"):
        ids[assessment.record["release"]] = (await _publish_all(stage, [assessment]))[0]
        await stage.rest()  # so that the next assessor has this one before it
    await _show(stage)

    stage.title(f"3. The base's developer raises {CATEGORY}")
    await _raise(stage, documents("06-raise.yaml")[0])
    await _show_lineage(stage)

    stage.title("4. A provider assesses again, with the raise before it")
    again = documents("07-reassess.yaml")[0]
    await _raise(stage, with_fields(again, supersedes=[ids[again.record["release"]]]))
    await _show_lineage(stage)
    views = await operator_views(stage.settings)
    return await stage.summary(releases=_releases(views))


def documents(part: str) -> list[Document]:
    """The example documents of one file, or of the files of one folder."""
    place = bundled("examples") / "lineage" / part
    entries = sorted(place.iterdir(), key=lambda entry: entry.name) if place.is_dir() else [place]
    return [document for entry in entries for document in parse_documents(entry.read_text(encoding="utf-8"), entry.name)]


async def _publish_all(stage: Stage, found: list[Document]) -> list[str]:
    ids: list[str] = []
    for publisher, group in groupby(found, key=publisher_of):
        part = list(group)
        answers = await stage.publish(publisher, part)
        ids += [answer.event_id for answer in answers]
        for document in part:
            about = document.record.get("release") or document.record.get("target") or document.record["party"]
            stage.say(f"  {publisher}: {document.type} {about}")
    return ids


async def _raise(stage: Stage, document: Document) -> None:
    """Publish one assessment and show who is told what, and when."""
    before = len(await stage.told())
    start = time.time() * 1000
    await stage.publish(publisher_of(document), [document], wait="result")
    await stage.rest()
    for at, notice in (await stage.told())[before:]:
        stage.say(f"  [dim]+{max(0.0, (at - start) / 1000):.2f} s[/] told [bold]{notice['party']}[/]")
        stage.say(*(f"    {line}" for line in notice_lines(models.Notice.model_validate(notice), most=2)))


async def _show(stage: Stage) -> None:
    await _show_lineage(stage)
    stage.title("What is not told yet, and who owes it (AI事業者ガイドライン v1.2)")
    for release, view in (await operator_views(stage.settings)).items():
        for report in view.reports:
            gaps = [row for row in report.rows if row.status in GAPS]
            by_debtor: dict[str, list[str]] = {}
            for row in gaps:
                by_debtor.setdefault(f"{row.owed_by} {row.owed_by_party or ''}".strip(), []).append(row.id)
            for debtor, rows in by_debtor.items():
                stage.say(f"  {release}: {debtor} owes {', '.join(rows)}")


async def _show_lineage(stage: Stage) -> None:
    views = await operator_views(stage.settings)
    start = next(name for name in views if name.startswith(SLERP))
    stage.title(f"Lineage, with effective risk in {CATEGORY}")
    stage.say(tree(views, start, CATEGORY))


def _releases(views: dict[str, models.View]) -> list[dict[str, Any]]:
    return [
        {
            "release": release,
            "seq": view.seq,
            "profile": {entry.category: [entry.level, entry.status] for entry in view.profile if entry.status != "unknown"},
            "gaps": sum(row.status in GAPS for report in view.reports for row in report.rows),
        }
        for release, view in views.items()
    ]
