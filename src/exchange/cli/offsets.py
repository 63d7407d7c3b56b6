"""``exchange reset-offsets``: move a processor's committed offsets."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from aiokafka.structs import TopicPartition
from rich.table import Table

from exchange.adapters.admin import translated
from exchange.adapters.topic_reader import TopicReader
from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.core.processors import NAMES
from exchange.errors import ConfigError
from exchange.lag import PartitionLag, measure
from exchange.rebuild import refuse_while_at_work
from exchange.settings import Settings

MEANS = (
    "A lane stands where its state says, not where the group's offset says. When the two differ, the worker folds the lane's "
    "state again from its whole input, says so in its log, counts it in exchange_refolds_total, and goes on where the state "
    "stood: nothing is skipped and nothing is told twice. So this makes lanes fold again; it cannot make them repeat or leave "
    "out anything."
)


def reset_offsets(
    processor: Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.")],
    to: Annotated[str, typer.Option(help="`earliest`, `latest`, or an offset.")] = "earliest",
    partition: Annotated[list[int] | None, typer.Option(help="Only this one; may be repeated. Default: all.")] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; without, only show what would be done.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Move the committed offsets of a processor's group: a dry run, unless --execute is given.

    A lane stands where its state says, not where the group's offset says. When the two differ, the worker folds the lane's
    state again from its whole input, says so in its log, and goes on where the state stood: nothing is skipped, nothing told
    twice. So this is the way to make a lane fold itself again at its next start, and to mend a group whose offsets were lost or
    moved by other tools. To compare outputs too, use `exchange rebuild`. A lane whose input no longer begins at offset 0
    (submissions, after 30 days) cannot fold again: it keeps its state.

    Refused while the group has live members. A program that subscribes keeps its own position in its file; this does not move it.

    Examples:

      exchange reset-offsets dossier

      exchange reset-offsets dossier --to earliest --partition 2 --execute
    """
    if processor not in NAMES:
        raise ConfigError(f"no processor of that name; there are {', '.join(NAMES)}")
    rows = run(_reset(connected(home), processor, to, partition, execute=execute))
    if as_json:
        print_json({"executed": execute, "means": MEANS, "partitions": rows})
        return
    table = Table("partition", "committed", "new", "end")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("partition", "committed", "new", "end")))
    console.print(table)
    console.print(MEANS)
    console.print("done" if execute else "nothing was changed; --execute does it")


async def _reset(settings: Settings, processor: str, to: str, only: list[int] | None, *, execute: bool) -> list[dict[str, Any]]:
    await refuse_while_at_work(settings, [processor])
    group = f"{settings.deployment}-{processor}"
    stands = [row for row in await measure(settings) if row.group == group and (not only or row.partition in only)]
    if not stands:
        raise ConfigError(f"no such partition: {processor} has {settings.partitions}")
    rows = [await _row(settings, row, to) for row in stands]
    if execute:
        for row, stand in zip(rows, stands, strict=True):
            await _commit(settings, group, TopicPartition(stand.topic, stand.partition), row["new"])
    return rows


async def _row(settings: Settings, row: PartitionLag, to: str) -> dict[str, Any]:
    reader = TopicReader(settings.kafka_kwargs(), row.topic, row.partition)
    async with translated(settings.kafka_kwargs()):
        await reader.start()
        try:
            first, end = await reader.bounds()
        finally:
            await reader.stop()
    new = {"earliest": first, "latest": end}.get(to)
    if new is None:
        if not to.isdigit() or not first <= int(to) <= end:
            raise ConfigError(f"partition {row.partition}: `earliest`, `latest` or an offset from {first} to {end}")
        new = int(to)
    return {"partition": row.partition, "committed": row.committed, "new": new, "end": end}


async def _commit(settings: Settings, group: str, place: TopicPartition, offset: int) -> None:
    reader = TopicReader(settings.kafka_kwargs(), place.topic, place.partition, group)
    async with translated(settings.kafka_kwargs()):
        await reader.start()
        try:
            reader.seek(offset)
            await reader.commit(offset)
        finally:
            await reader.stop()
