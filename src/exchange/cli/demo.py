"""``exchange demo``: real parties, real cards, real Kafka, in one command."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.broker_config import free_port
from exchange.cli import demo_cards, demo_story
from exchange.cli.demo_stage import Stage
from exchange.cli.jars import jar_progress
from exchange.cli.output import Json, errors, print_json, run
from exchange.local import LocalExchange
from exchange.settings import Settings, load_settings


def demo(
    cards: Annotated[
        Path | None, typer.Option(exists=True, help="A folder of Hugging Face READMEs to exchange, in place of the example.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep everything in this folder, to look at it with other commands.")] = None,
    as_json: Json = False,
) -> None:
    """Watch a true lineage: cards, grants, notices and assessments are published, the base's developer raises a risk, everybody
    downstream is told, and a provider re-assesses. All on a Kafka of its own that is gone afterwards.

    What was told is compared with two oracles at the end. Exit code 1 when something was lost or told twice.

    Examples:

      exchange demo

      exchange demo --json

      exchange demo --cards path/to/model_cards
    """
    if keep is not None:
        summary = run(_demo(load_settings(home=keep.absolute(), port=free_port()), cards, quiet=as_json))
    else:
        with tempfile.TemporaryDirectory(prefix="exchange-demo-") as folder:
            summary = run(_demo(load_settings(home=Path(folder), port=free_port()), cards, quiet=as_json))
    if as_json:
        print_json(summary)
    raise typer.Exit(1 if summary["lost"] or summary["duplicates"] or summary["wrong"] else 0)


async def _demo(settings: Settings, cards: Path | None, *, quiet: bool) -> dict[str, object]:
    # the demo's own broker, whatever else is set
    settings = settings.model_copy(update={"bootstrap_servers": None})
    with jar_progress() as progress:
        async with LocalExchange(settings, progress=progress, say=_silent if quiet else _say) as local:
            stage = Stage(local, quiet=quiet)
            if cards is not None:
                return await demo_cards.play(stage, cards)
            return await demo_story.play(stage)


def _say(line: str) -> None:
    errors.print(line, style="dim")


def _silent(_line: str) -> None:
    pass
