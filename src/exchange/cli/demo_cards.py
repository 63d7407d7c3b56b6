"""The demo over any folder of Hugging Face READMEs: every card imported, every declared parent linked or listed with a reason."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from exchange.adapters.card_files import import_file
from exchange.cli.demo_stage import Stage
from exchange.cli.import_ import readmes
from exchange.cli.output import errors
from exchange.cli.show import operator_views
from exchange.errors import DocumentError
from exchange.events import models
from exchange.refs import owner_of

AT_ONCE = 4
"""Parties that publish side by side."""


async def play(stage: Stage, folder: Path) -> dict[str, Any]:
    """Import, publish, wait, and say which parents are linked."""
    stage.title(f"1. Importing {folder}")
    cards, warnings, failed = _import(readmes([folder]))
    stage.say(f"  {len(cards)} cards, {len(warnings)} warnings, {len(failed)} could not be read")
    stage.say(*(f"  [red]{line}[/]" for line in failed))
    by_party: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for card in cards:
        by_party[owner_of(card["release"])].append(card)
    stage.title(f"2. {len(by_party)} parties publish")
    await _publish(stage, by_party)
    await stage.rest()
    linked, unlinked = _parents(cards)
    stage.title("3. Parents")
    stage.say(f"  {len(linked)} declared parents are linked to a card of this folder, {len(unlinked)} are not:")
    stage.say(*(f"  {entry['child']} ← {entry['parent']}: {entry['reason']}" for entry in unlinked[:20]))
    if len(unlinked) > 20:
        stage.say(f"  and {len(unlinked) - 20} more (--json lists all)")
    views = await operator_views(stage.settings)
    releases = [{"release": name, "seq": view.seq, "claimed": view.claimed} for name, view in views.items()]
    return await stage.summary(releases=releases, linked=linked, unlinked=unlinked, failed=failed, warnings=warnings)


def _import(paths: list[Path]) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    cards: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    failed: list[str] = []
    for path in paths:
        try:
            imported = import_file(path, None)
        except DocumentError as error:
            failed.append(error.message)
            continue
        warnings += [f"{path.name}:{fault.line}: {fault.message}" for fault in imported.warnings]
        card: dict[str, Any] = dict(imported.card)
        if card["release"] in cards:
            warnings.append(f"{path.name}: {card['release']} a second time; the later file counts")
        cards[card["release"]] = card
    return list(cards.values()), warnings, failed


async def _publish(stage: Stage, by_party: dict[str, list[dict[str, Any]]]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)
    with Progress(console=errors, transient=True, disable=stage.quiet) as bar:
        task = bar.add_task("publishing", total=sum(map(len, by_party.values())))

        async def publish(party: str, cards: list[dict[str, Any]]) -> None:
            async with turn:
                registration = models.Party(party=party, display_name=party, roles=["developer", "provider"])
                await stage.publish(party, [registration, *(("ModelCard", card) for card in cards)])
                bar.advance(task, len(cards))

        await asyncio.gather(*(publish(party, cards) for party, cards in sorted(by_party.items())))


def _parents(cards: list[dict[str, Any]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Declared parents that a card of the folder answers for, and those that none does, with the reason."""
    releases = {card["release"] for card in cards}
    lines = {release.partition("@")[0] for release in releases}
    linked, unlinked = [], []
    for card in cards:
        for parent in card["parents"]:
            entry = {"child": card["release"], "parent": parent["ref"], "relation": parent["relation"]}
            if parent["ref"] in releases or parent["ref"] in lines:
                linked.append(entry)
            else:
                what = "dataset" if parent["relation"] == "trained_on" else "release"
                reason = f"no card of that {what} here: it stays unclaimed until its owner speaks"
                unlinked.append({**entry, "reason": reason})
    return linked, unlinked
