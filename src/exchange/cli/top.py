"""``exchange top``: what flows, how fast, what waits and what is wrong, live."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Annotated, Any

import typer
from aiokafka.structs import TopicPartition
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exchange.adapters.admin import Admin, translated
from exchange.adapters.alertmanager import Alert, firing
from exchange.adapters.consumer import Consumer
from exchange.cli.lag import lag_table
from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.errors import PlumbingError
from exchange.lag import LagMeter, PartitionLag
from exchange.letters import read_letters
from exchange.settings import Settings

NOTICES = "notices.*"


@dataclass(frozen=True)
class Look:
    """What one look saw.

    Attributes:
        topics: by topic (those of the parties as one): offsets in all, and written a second since the look before.
        lag: of each group and partition.
        letters: dead letters that nobody dealt with, by reason.
        alerts: that fire; ``None`` where no Alertmanager is set.
        trouble: why alerts are not known, where they should be.
    """

    topics: dict[str, dict[str, float]]
    lag: list[PartitionLag]
    letters: dict[str, int]
    alerts: list[Alert] | None
    trouble: str = ""


@dataclass
class _Top:
    settings: Settings
    meter: LagMeter
    consumer: Any
    before: dict[str, int] = field(default_factory=dict)
    at: float = 0.0

    async def look(self) -> Look:
        ends = await self._ends()
        now, before = monotonic(), self.before
        passed = now - self.at
        self.before, self.at = ends, now
        topics = {
            name: {"offsets": end, "per_second": round((end - before[name]) / passed, 1) if name in before else 0.0}
            for name, end in ends.items()
        }
        letters = Counter(letter.fields["reason"] for letter in await read_letters(self.settings) if letter.outcome is None)
        alerts, trouble = await self._alerts()
        return Look(topics, await self.meter.look(), dict(sorted(letters.items())), alerts, trouble)

    async def _ends(self) -> dict[str, int]:
        topics = self.settings.topics
        async with Admin(self.settings.kafka_kwargs()) as admin:
            there = await admin.topics()
        named = {spec.name: spec.name for spec in topics.declared() if spec.name in there}
        named |= {name: f"{topics.deployment}.{NOTICES}" for name in there if topics.party_of(name) is not None}
        places = [TopicPartition(name, partition) for name in named for partition in range(there[name])]
        async with translated(self.settings.kafka_kwargs()):
            ends = await self.consumer.end_offsets(places)
        found: Counter[str] = Counter(dict.fromkeys(named.values(), 0))
        for place, end in ends.items():
            found[named[place.topic]] += end
        return dict(found)

    async def _alerts(self) -> tuple[list[Alert] | None, str]:
        if self.settings.alertmanager_url is None:
            return None, ""
        try:
            return await asyncio.to_thread(firing, self.settings.alertmanager_url), ""
        except PlumbingError as error:
            return None, error.message


def top(
    once: Annotated[bool, typer.Option("--once", help="One look, with rates over a second, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between looks.", min=0.5)] = 2.0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Watch topics with their rates, lag, open dead letters, and, with EXCHANGE_ALERTMANAGER_URL, the alerts that fire.

    Rates count offsets: a transaction's marker takes one too. Ctrl-C ends it; --once and --json end by themselves.

    Examples:

      exchange top

      exchange top --once --json

      EXCHANGE_ALERTMANAGER_URL=http://127.0.0.1:9093 exchange top
    """
    run(_top(connected(home), every, once=once or as_json, as_json=as_json))


async def _top(settings: Settings, every: float, *, once: bool, as_json: bool) -> None:
    kafka = settings.kafka_kwargs()
    consumer: Any = Consumer(**kafka, isolation_level="read_committed", enable_auto_commit=False)
    async with translated(kafka):
        await consumer.start()
    try:
        async with LagMeter(settings) as meter:
            looker = _Top(settings, meter, consumer)
            if once:
                await looker.look()
                await asyncio.sleep(1)
                _print(await looker.look(), as_json=as_json)
                return
            with Live(console=console, refresh_per_second=4, screen=console.is_terminal) as live:
                while True:
                    live.update(picture(await looker.look()))
                    await asyncio.sleep(every)
    finally:
        with contextlib.suppress(OSError):
            await consumer.stop()


def _print(look: Look, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(look))
    else:
        console.print(picture(look))


def picture(look: Look) -> Group:
    """A look for people."""
    topics = Table("topic", "offsets", "a second")
    for name, row in look.topics.items():
        topics.add_row(name, f"{row['offsets']:.0f}", f"{row['per_second']:.1f}")
    open_letters = ", ".join(f"{reason} {count}" for reason, count in look.letters.items()) or "none"
    lines = [Text(f"open dead letters: {open_letters}", style="red" if look.letters else "")]
    if look.trouble:
        lines.append(Text(f"alerts: {look.trouble}", style="red"))
    elif look.alerts is not None:
        lines.append(Text("alerts: none") if not look.alerts else Text("alerts:", style="red"))
        lines += [
            Text(f"  {each.severity} {each.name}: {each.summary} (since {each.since})", style="red") for each in look.alerts
        ]
    return Group(topics, lag_table(look.lag), *lines)
