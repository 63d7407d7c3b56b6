"""``exchange up``, ``down``, ``status``, ``worker``: run it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exchange.adapters.broker import EmbeddedKafka
from exchange.cli.jars import jar_progress
from exchange.cli.output import Home, Json, console, errors, print_json, run
from exchange.cli.watch import Watch
from exchange.errors import ConfigError, TimedOutError
from exchange.local import WORKERS, LocalExchange
from exchange.settings import Settings, environment_for_child, load_settings

DETACH_S = 60.0
DOWN_S = 30.0


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Run in the background; end it with `exchange down`.")] = False,
    port: Annotated[int | None, typer.Option(help="Port of the embedded broker; another one is chosen when it is taken.")] = None,
    home: Home = None,
) -> None:
    """Start the exchange here: Kafka, topics and one process per processor, with a live view.

    With EXCHANGE_BOOTSTRAP_SERVERS set, that cluster is used and no broker is started. Data stay between runs. Ctrl-C stops.

    Examples:

      exchange up

      EXCHANGE_HOME=/srv/exchange exchange up --detach

      EXCHANGE_METRICS_PORT=9101 exchange up
    """
    settings = load_settings(home=home, port=port)
    state = running(settings.home)
    if state is not None:
        raise ConfigError(f"this exchange runs already (pid {state['pid']})", hint="`exchange status` shows it")
    if detach:
        _detach(settings)
        return
    run(_foreground(settings))


async def _foreground(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with jar_progress() as progress:
        local = LocalExchange(settings, say=_say, progress=progress)
        starting = asyncio.create_task(local.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not stop.is_set():
            await starting
            _remember(local)
            await _show(local, stop)
    finally:
        _say("stopping")
        stopping.cancel()
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await starting
        await local.stop()
        _state_file(settings.home).unlink(missing_ok=True)
        _say("stopped")


def _say(line: str) -> None:
    errors.print(f"{time.strftime('%H:%M:%S')} {line}", style="dim")


async def _show(local: LocalExchange, stop: asyncio.Event) -> None:
    """Until stopped: watch workers, lag and trouble. A live table on a terminal, plain lines elsewhere."""
    console.print(f"export EXCHANGE_BOOTSTRAP_SERVERS={local.settings.bootstrap_servers}")
    if not console.is_terminal:
        await _watch(local, stop, _print_news)
        return
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        await _watch(local, stop, lambda watch: live.update(_picture(local, watch)))


def _print_news(watch: Watch) -> None:
    for line in watch.news():
        errors.print(line)


async def _watch(local: LocalExchange, stop: asyncio.Event, show: Callable[[Watch], Any]) -> None:
    async with Watch(local.settings) as watch:
        while not stop.is_set():
            local.supervise()
            _remember(local)
            await watch.look()
            show(watch)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)


def _picture(local: LocalExchange, watch: Watch) -> Group:
    table = Table("processor", "pid", "state", "restarts", "lag (records)")
    for worker in local.workers.values():
        pid = str(worker.process.pid) if worker.process else "-"
        lag = watch.lag.get(worker.name)
        state = "runs" if worker.alive else Text("down", style="red")
        table.add_row(worker.name, pid, state, str(worker.restarts), "-" if lag is None else str(lag))
    trouble = [Text(line, style="red") for line in watch.trouble[-5:]]
    return Group(table, *trouble, Text("Ctrl-C stops.", style="dim"))


# --------------------------------------------------------------------------------------------------- background


def _detach(settings: Settings) -> None:
    log = settings.home / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "exchange.cli", "up"],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            env=environment_for_child(settings),
        )
    deadline = time.monotonic() + DETACH_S
    while (state := running(settings.home)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise TimedOutError(f"the exchange did not start; its log is {log}", hint=_tail(log))
        time.sleep(0.1)
    console.print(f"the exchange runs (pid {state['pid']}), log {log}")
    console.print(f"export EXCHANGE_BOOTSTRAP_SERVERS={state['bootstrap_servers']}")


def down(home: Home = None) -> None:
    """Stop the exchange of this home, wherever it was started. Data stay.

    Example:

      exchange down
    """
    settings = load_settings(home=home)
    state = running(settings.home)
    if state is None:
        console.print("not running")
        raise typer.Exit(1)
    process = psutil.Process(state["pid"])
    process.terminate()
    try:
        process.wait(DOWN_S)
    except psutil.TimeoutExpired:
        raise TimedOutError(f"the exchange (pid {state['pid']}) did not stop within {DOWN_S:.0f} s") from None
    console.print("stopped")


def status(as_json: Json = False, home: Home = None) -> None:
    """Say what runs, where its logs are, and what is in trouble. Exit code 1 when it does not run, or not wholly.

    Example:

      exchange status --json
    """
    settings = load_settings(home=home)
    state = running(settings.home)
    if state is None:
        found: dict[str, Any] = {"running": False, "home": str(settings.home)}
    else:
        found = {"running": True, "home": str(settings.home), **state, "workers": _alive(state["workers"])}
        local = settings.model_copy(update={"bootstrap_servers": state["bootstrap_servers"]})
        found |= run(_trouble(local))
    well = found["running"] and all(worker["alive"] for worker in found["workers"].values())
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    raise typer.Exit(0 if well else 1)


async def _trouble(settings: Settings) -> dict[str, Any]:
    async with Watch(settings, from_start=True) as watch:
        await watch.look()
        return {"lag": watch.lag, "trouble": watch.trouble}


def _print_status(found: dict[str, Any]) -> None:
    if not found["running"]:
        console.print(f"not running (home {found['home']})")
        return
    console.print(f"running: pid {found['pid']}, Kafka at {found['bootstrap_servers']}, home {found['home']}")
    table = Table("processor", "pid", "state", "lag (records)", "log")
    for name, worker in found["workers"].items():
        table.add_row(
            name,
            str(worker["pid"]),
            "runs" if worker["alive"] else "down",
            str(found["lag"].get(name, "-")),
            str(Path(found["home"]) / "logs" / f"{name}.log"),
        )
    console.print(table)
    for line in found["trouble"]:
        console.print(line, style="red")


def worker(name: Annotated[str, typer.Argument(help=f"One of {', '.join(WORKERS)}.")], home: Home = None) -> None:
    """Run one processor in this process: what systemd, a container or a cluster starts. SIGTERM drains it.

    Example:

      EXCHANGE_BOOTSTRAP_SERVERS=kafka:9092 exchange worker dossier
    """
    if name not in WORKERS:
        raise ConfigError(f"no processor of that name; there are {', '.join(WORKERS)}")
    from exchange.cli.output import connected

    settings = connected(home)
    os.execve(  # noqa: S606 - this process becomes the worker
        sys.executable, [sys.executable, "-m", f"streams.{name}"], environment_for_child(settings)
    )


# --------------------------------------------------------------------------------------------------- its state


def _state_file(home: Path) -> Path:
    return home / "up.json"


def _remember(local: LocalExchange) -> None:
    """Write down what runs, for `status` and `down`."""
    path = _state_file(local.settings.home)
    state = {
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
        "bootstrap_servers": local.settings.bootstrap_servers,
        "metrics_port": local.settings.metrics_port,
        "broker_metrics_port": local.settings.broker_metrics_port,
        "workers": {name: worker.process.pid if worker.process else None for name, worker in local.workers.items()},
    }
    text = json.dumps(state)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)


def running(home: Path) -> dict[str, Any] | None:
    """What `exchange up` wrote down, if that process still runs."""
    try:
        state: dict[str, Any] = json.loads(_state_file(home).read_text(encoding="utf-8"))
        same = abs(psutil.Process(state["pid"]).create_time() - state["started"]) < 1
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return state if same else None


def _alive(workers: dict[str, int | None]) -> dict[str, dict[str, Any]]:
    return {name: {"pid": pid, "alive": pid is not None and psutil.pid_exists(pid)} for name, pid in workers.items()}


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def embedded(settings: Settings) -> EmbeddedKafka:
    """The embedded broker of this home, not started."""
    return EmbeddedKafka(settings.home / "kafka", settings.cache)
