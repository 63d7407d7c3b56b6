"""``exchange doctor``: tries each thing the exchange needs, and says what to do about what fails."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import typer

from exchange.adapters.admin import Admin
from exchange.adapters.broker_jars import KAFKA_VERSION, pins
from exchange.adapters.broker_java import find_java
from exchange.cli.output import Home, Json, console, print_json, run
from exchange.cli.up import embedded, running
from exchange.core.compiled import IN_C
from exchange.errors import ExchangeError
from exchange.settings import Settings, load_settings

_PACKAGES = ("ai-transparency-exchange", "aiokafka", "faust-streaming", "fastavro", "pydantic")


@dataclass(frozen=True)
class Finding:
    """One thing tried. ``ok`` is ``None`` where it does not apply."""

    what: str
    ok: bool | None
    detail: str
    todo: str = ""


def doctor(as_json: Json = False, home: Home = None) -> None:
    """Check Java, jars, ports, broker, topics and versions; say what to do about what fails. Exit code 1 when something does.

    Examples:

      exchange doctor

      EXCHANGE_BOOTSTRAP_SERVERS=kafka:9093 EXCHANGE_SECURITY_PROTOCOL=SASL_SSL exchange doctor --json
    """
    settings = load_settings(home=home)
    findings = [*_here(settings), *run(_there(settings))]
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            mark = {True: "ok  ", False: "FAIL", None: "-   "}[finding.ok]
            console.print(f"{mark} {finding.what}: {finding.detail}")
            if finding.ok is False and finding.todo:
                console.print(f"     what to do: {finding.todo}")
    raise typer.Exit(1 if any(finding.ok is False for finding in findings) else 0)


def _here(settings: Settings) -> Iterator[Finding]:
    yield Finding("versions", True, ", ".join(f"{name} {version(name)}" for name in _PACKAGES))
    yield Finding(
        "records", True, "read and written in C" if IN_C else "read and written in Python, slower; a C compiler was missing"
    )
    yield Finding("home", True, str(settings.home))
    if settings.bootstrap_servers is not None:
        yield Finding("embedded Kafka", None, "not used: EXCHANGE_BOOTSTRAP_SERVERS is set")
        return
    yield _tried("java", lambda: _java(settings))
    folder = settings.cache / f"kafka-{KAFKA_VERSION}"
    missing = sum(not (folder / pin.file_name).exists() for pin in pins())
    yield Finding(
        "jars",
        True,
        f"{len(pins()) - missing} of {len(pins())} in the cache" + ("; the rest is fetched at start" if missing else ""),
    )
    if running(settings.home) is None:
        free = _is_free(settings.port)
        yield Finding(
            "port", True, f"{settings.port} is free" if free else f"{settings.port} is taken; another one is chosen at start"
        )


def _java(settings: Settings) -> str:
    java = find_java(settings.java_home)
    return f"{java.path}, version {java.version} ({java.source})"


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, attempt())
    except ExchangeError as error:
        return Finding(what, False, error.message, error.hint)


async def _there(settings: Settings) -> list[Finding]:
    address = settings.bootstrap_servers
    if address is None:
        state = running(settings.home)
        if state is None:
            return [Finding("broker", None, "the exchange does not run; `exchange up` starts it")]
        address = embedded(settings).bootstrap
    kafka = settings.kafka_kwargs(address)
    there: dict[str, int] = {}

    async def reach() -> str:
        async with Admin(kafka) as admin:
            there.update(await admin.topics())
        return f"answers at {address}"

    broker = await _tried_async("broker", reach)
    return [broker, _topics(settings, there)] if broker.ok else [broker]


def _topics(settings: Settings, there: dict[str, int]) -> Finding:
    declared = settings.topics.declared()
    missing = [spec.name for spec in declared if spec.name not in there]
    if missing:
        return Finding("topics", False, f"missing: {', '.join(missing)}", "exchange topics apply")
    wrong = [spec.name for spec in declared if there[spec.name] != spec.partitions]
    if wrong:
        todo = f"set EXCHANGE_PARTITIONS to what the topics have ({there[wrong[0]]}); counts never change"
        return Finding("topics", False, f"other partition count: {', '.join(wrong)}", todo)
    return Finding("topics", True, f"all {len(declared)} there")


async def _tried_async(what: str, attempt: Callable[[], Awaitable[Any]]) -> Finding:
    try:
        return Finding(what, True, await attempt())
    except ExchangeError as error:
        return Finding(what, False, error.message, error.hint)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
