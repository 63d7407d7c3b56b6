"""``exchange dead-letters``: what could not be accepted, and where it lies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiokafka.structs import TopicPartition
from rich.table import Table

from exchange.adapters.admin import translated
from exchange.adapters.topic_reader import read_all
from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.runtime import load_codec
from exchange.settings import Settings


def list_(
    reason: Annotated[str | None, typer.Option(help="Only those of one reason code.")] = None,
    last: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 50,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """List dead letters, oldest first. A dead letter holds no payload; it names where the record lies.

    Examples:

      exchange dead-letters list

      exchange dead-letters list --reason wrong-owner --json
    """
    letters = [letter for letter in run(_read(connected(home))) if reason is None or letter["reason"] == reason][-last:]
    if as_json:
        print_json(letters)
        return
    table = Table("number", "time", "reason", "field", "party", "record")
    for letter in letters:
        record = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
        table.add_row(
            str(letter["number"]), letter["time"], letter["reason"], letter["field"] or "", letter["party"] or "", record
        )
    console.print(table if letters else "no dead letters")


def show(
    number: Annotated[int, typer.Argument(help="Number, as `list` shows it.")], as_json: Json = False, home: Home = None
) -> None:
    """Show one dead letter whole. Exit code 1 when there is none of that number.

    Example:

      exchange dead-letters show 3
    """
    found = next((letter for letter in run(_read(connected(home))) if letter["number"] == number), None)
    if found is None:
        console.print(f"no dead letter {number}")
        raise typer.Exit(1)
    if as_json:
        print_json(found)
        return
    for key, value in found.items():
        console.print(f"{key:10} {value}")


async def _read(settings: Settings) -> list[dict[str, Any]]:
    _, codec = load_codec()
    kafka, place = settings.kafka_kwargs(), TopicPartition(settings.topics.dead_letters, 0)
    async with translated(kafka):
        records = (await read_all(kafka, [place]))[place]
    return [
        {"number": each.offset, "time": _time(each.timestamp_ms), **codec.decode_trusted(each.value or b"")[1]}
        for each in records
    ]


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
