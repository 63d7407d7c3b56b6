"""``make observe``: a whole exchange under load, watched by a real Prometheus and Alertmanager from the files that ship.

It runs the load for two minutes and asks every panel of every dashboard; then it freezes the dossier worker (SIGSTOP), waits
until the alert on the stuck partition has come to the Alertmanager, lets the worker go on, and waits until the alert is gone. The
report and a picture of each dashboard go to docs/observe/.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exchange.adapters.broker_config import free_port, search_from
from exchange.core.codec import Codec
from exchange.errors import ExchangeError, TimedOutError
from exchange.local import WORKERS, LocalExchange
from exchange.panels import Finding
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.testing.faults.publisher import Publisher
from exchange.testing.faults.workload import FIRST_PARTIES, Step, make_workload
from exchange.watching import Watchers, draw, verify, watchers

ALERT = "ExchangePartitionStuck"
FROZEN = "dossier"
PORTS_FROM, PORTS_SPREAD = 24096, 4000
PROFILES = "jg-1.2,eu-annex-xi"
FANOUT_LIMIT = 7
"""Small, so that fan-out's queues are used."""
WARM_S = 5.0
FIRES_S = 240.0
CLEARS_S = 240.0
LOOK_S = 1.0

Say = Callable[[str], None]


@dataclass
class Observed:
    """What a run saw.

    Attributes:
        seconds: how long the load ran before the panels were asked.
        published: steps published until then.
        findings: what came of every panel and variable.
        fired_s: seconds from the freeze until the alert was active in the Alertmanager.
        cleared_s: seconds from the thaw until it was gone there.
        alerts: names of all alerts the Alertmanager had meanwhile.
        pictures: files drawn.
    """

    seconds: float
    published: int = 0
    findings: list[Finding] = field(default_factory=list)
    fired_s: float = 0.0
    cleared_s: float = 0.0
    alerts: set[str] = field(default_factory=set)
    pictures: list[Path] = field(default_factory=list)


async def observe(home: Path, out: Path, seconds: float, rate: float, say: Say) -> Observed:
    """Run it all.

    Args:
        home: an empty folder for the exchange, Prometheus and Alertmanager.
        out: where pictures go.
        seconds: how long the load runs before the panels are asked.
        rate: steps a second.
        say: told what happens, a line each.

    Raises:
        TimedOutError: the alert did not come, or did not go.
        ToolMissingError: Prometheus, Alertmanager or matplotlib is not installed.
    """
    start = free_port(start=search_from(PORTS_FROM, PORTS_SPREAD))
    metrics = free_port(start=start + 1)
    settings = Settings(
        home=home / "exchange",
        port=start,
        metrics_port=metrics,
        broker_metrics_port=free_port(start=metrics + len(WORKERS)),
        fanout_limit=FANOUT_LIMIT,
        profiles=PROFILES,
    )
    seen = Observed(seconds)
    with watchers(settings, home / "watch") as watching:
        say(f"Prometheus at {watching.prometheus.url}, Alertmanager at {watching.alertmanager.url}")
        async with LocalExchange(settings, say=say) as local, _load(local, rate) as publisher:
            await _panels(seen, watching, publisher, say)
            await _stuck(seen, local, watching, say)
    seen.pictures = await asyncio.to_thread(draw, seen.findings, out)
    return seen


@asynccontextmanager
async def _load(local: LocalExchange, rate: float) -> AsyncIterator[Publisher]:
    """Publishes the fault programme's workload, refusals and repeats included, and keeps the workers up."""
    _, codec = load_codec()
    steps = _steps(codec, local.settings, rate)
    supervision = asyncio.create_task(_supervise(local))
    try:
        async with Publisher(local.settings, codec, steps, rate) as publisher:
            publisher.allow(FIRST_PARTIES)
            await publisher.until_done(60.0)
            await asyncio.sleep(WARM_S)
            publisher.allow(len(steps))
            yield publisher
    finally:
        supervision.cancel()
        await asyncio.gather(supervision, return_exceptions=True)


def _steps(codec: Codec, settings: Settings, rate: float) -> list[Step]:
    return make_workload(1, int(rate * (FIRES_S + CLEARS_S + 600)), codec, settings.topics)


async def _supervise(local: LocalExchange) -> None:
    while True:
        local.supervise()
        await asyncio.sleep(0.2)


async def _panels(seen: Observed, watching: Watchers, publisher: Publisher, say: Say) -> None:
    say(f"load for {seen.seconds:.0f} s")
    await asyncio.sleep(seen.seconds)
    seen.published = publisher.done
    seen.findings = await asyncio.to_thread(verify, watching.prometheus, seen.seconds)
    wrong = [each for each in seen.findings if not each.ok]
    for each in wrong:
        say(f"{each.dashboard}: {each.title}: {each.why}")
    say(f"{len(seen.findings) - len(wrong)} of {len(seen.findings)} panels and variables show something")


async def _stuck(seen: Observed, local: LocalExchange, watching: Watchers, say: Say) -> None:
    """Freeze a worker until the alert has come; let it go on until it is gone."""
    process = local.workers[FROZEN].process
    if process is None:
        raise TimedOutError(f"{FROZEN} does not run")
    say(f"{FROZEN} frozen (SIGSTOP)")
    os.kill(process.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        await _until(lambda: ALERT in _active(seen, watching), FIRES_S, f"{ALERT} did not come to the Alertmanager")
    finally:
        os.kill(process.pid, signal.SIGCONT)
    seen.fired_s = time.monotonic() - began
    say(f"{ALERT} fires in the Alertmanager after {seen.fired_s:.0f} s; {FROZEN} goes on (SIGCONT)")
    began = time.monotonic()
    await _until(lambda: ALERT not in _active(seen, watching), CLEARS_S, f"{ALERT} did not go")
    seen.cleared_s = time.monotonic() - began
    say(f"{ALERT} is gone after {seen.cleared_s:.0f} s")


def _active(seen: Observed, watching: Watchers) -> set[str]:
    """Names of the alerts the Alertmanager has now."""
    found: list[dict[str, Any]] = watching.alertmanager.get("/api/v2/alerts")
    names = {each["labels"]["alertname"] for each in found}
    seen.alerts |= names
    return names


async def _until(holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        if time.monotonic() > deadline:
            raise TimedOutError(f"{otherwise} within {seconds:.0f} s")
        await asyncio.sleep(LOOK_S)


# --------------------------------------------------------------------------------------------------- report


def report(seen: Observed, where: str) -> str:
    """The report as Markdown.

    Args:
        seen: what a run saw.
        where: on what it was measured, for people.
    """
    panels = [each for each in seen.findings if each.panel]
    well = sum(each.ok for each in panels)
    lines = [
        "# Observed",
        "",
        "Written by `make observe`: an exchange under load, watched by a real Prometheus and Alertmanager from the files in",
        f"`deploy/`. Measured on {where}.",
        "",
        f"- Load: {seen.published} steps published in {seen.seconds:.0f} s, refusals, repeats and ticks among them.",
        f"- Dashboards: {well} of {len(panels)} panels showed something; so did {len(seen.findings) - len(panels)} variables.",
        f"- Stuck partition: the {FROZEN} worker was frozen (SIGSTOP). `{ALERT}` was active in the Alertmanager",
        f"  {seen.fired_s:.0f} s later. The worker went on (SIGCONT); the alert was gone there {seen.cleared_s:.0f} s later.",
        f"- Alerts the Alertmanager had meanwhile: {', '.join(f'`{name}`' for name in sorted(seen.alerts)) or 'none'}.",
        *(f"- wrong: {each.dashboard}, {each.title}: {each.why}" for each in seen.findings if not each.ok),
        "",
        "The pictures show what Prometheus answered to each panel's queries over the time of the load. They are drawn with",
        "matplotlib and are **not Grafana's rendering**: no Grafana ran here. Titles are in English: the font has no Japanese.",
        "",
    ]
    for path in seen.pictures:
        lines += [f"## {path.stem}", "", f"![{path.stem}]({path.name})", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """The command line; see the Makefile."""
    parser = argparse.ArgumentParser(prog="make observe", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the load runs before the panels are asked")
    parser.add_argument("--rate", type=float, default=8.0, help="steps a second")
    parser.add_argument("--out", type=Path, default=Path("docs/observe"), help="where the report and the pictures go")
    parser.add_argument("--where", default=f"{os.cpu_count()} cores", help="on what it runs, for the report")
    given = parser.parse_args()

    def say(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)  # noqa: T201 - a command line

    with tempfile.TemporaryDirectory(prefix="exchange-observe-") as home:
        try:
            seen = asyncio.run(observe(Path(home), given.out, given.seconds, given.rate, say))
        except ExchangeError as error:
            say(error.explain())
            sys.exit(3)
    (given.out / "README.md").write_text(report(seen, given.where), "utf-8")
    say(f"report: {given.out / 'README.md'}")
    sys.exit(0 if all(each.ok for each in seen.findings) else 1)


if __name__ == "__main__":
    main()
