"""A progress bar for the first fetch of the broker's jars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from exchange.adapters.broker_jars import Progress as JarProgress
from exchange.cli.output import errors


@contextmanager
def jar_progress() -> Iterator[JarProgress]:
    """Give the function that the broker tells about its jars; a bar shows only when some must be fetched."""
    bar = Progress(
        TextColumn("fetching Kafka"), BarColumn(), TextColumn("{task.completed}/{task.total} {task.fields[jar]}"), console=errors
    )
    tasks: list[TaskID] = []

    def tell(done: int, total: int, jar: str) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task("jars", total=total, jar=""))
        fields: dict[str, Any] = {"jar": jar}
        bar.update(tasks[0], completed=done, total=total, **fields)

    try:
        yield tell
    finally:
        if tasks:
            bar.stop()
