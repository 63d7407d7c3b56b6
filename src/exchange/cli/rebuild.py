"""``exchange rebuild``: state from the log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from exchange.adapters.health import serve
from exchange.adapters.lane_events import Hook, silent
from exchange.adapters.metrics import ProcessorMetrics
from exchange.cli.output import Home, Json, console, errors, print_json, run
from exchange.core.processors import NAMES
from exchange.errors import ConfigError
from exchange.local import reached
from exchange.rebuild import Rebuilt, Tell
from exchange.rebuild import rebuild as rebuild_state
from exchange.runtime import collect_garbage_seldom
from exchange.settings import Settings, load_settings


def rebuild(
    processor: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(NAMES)}; may be repeated. Default: all.")
    ] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make the processors' state anew from the log: fold what they have read, compare what comes out with the topics, rewrite.

    Nothing is sent. Where anything differs, nothing is written either, and the first place is named. The workers must not run:
    `exchange down` first; without another cluster, the embedded broker is then started for as long as it takes. With
    EXCHANGE_METRICS_PORT its progress is served there.

    Exit code: 0 nothing differs, 1 something does.

    Examples:

      exchange rebuild

      exchange rebuild --processor dossier --processor fanout --json
    """
    collect_garbage_seldom()
    names = tuple(processor or NAMES)
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"no processor of that name; there are {', '.join(NAMES)}")
    with bars() as progress:
        tasks = {name: progress.add_task(name, total=None) for name in names}

        def tell(name: str, done: int, whole: int) -> None:
            progress.update(tasks[name], advance=done, total=whole)

        found = run(_rebuild(load_settings(home=home), names, tell))
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        for each in found:
            console.print(_told(each), markup=False)
    raise typer.Exit(1 if any(each.first for each in found) else 0)


async def _rebuild(settings: Settings, names: tuple[str, ...], tell: Tell) -> list[Rebuilt]:
    async with reached(settings, lambda line: errors.print(line, style="dim")) as there:
        return await rebuild_state(there, names, tell, _metrics(there))


def _metrics(settings: Settings) -> Hook:
    """Progress for Prometheus, at the port where the workers, which must not run now, have theirs."""
    if settings.metrics_port is None:
        return silent
    registry = CollectorRegistry()
    told = ProcessorMetrics(registry)
    serve(registry, {}, settings.metrics_port, settings.metrics_host)
    return told


def _told(found: Rebuilt) -> str:
    rate = f"{found.records / found.seconds:.0f} records/s" if found.seconds else "-"
    head = (
        f"{found.processor}: {found.records} records folded in {found.seconds:.1f} s ({rate}), {found.outputs} outputs on record"
    )
    if found.first:
        return f"{head}; state left as it was\nfirst difference: {found.first}"
    return (
        f"{head}, {found.keys} keys written, {found.same} of {found.lanes} lanes were right, {found.waiting} decisions to be told"
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Records a second."""
        return Text(f"{task.speed:.0f}/s" if task.speed else "-", style="dim")


def bars() -> Progress:
    """A progress display: what, bar, how much of how much, how fast. Shows on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeElapsedColumn())
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
