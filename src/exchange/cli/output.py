"""How commands print: rich for people, JSON for programs; times and records as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from exchange.errors import UnreachableError
from exchange.settings import Settings, load_settings

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Home = Annotated[str | None, typer.Option("--home", help="Folder of this exchange (EXCHANGE_HOME).", show_default=False)]

_PIPE_WIDTH = 250
"""Columns where there is no terminal: tables must not lose text when piped."""

console = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
errors = Console(stderr=True, soft_wrap=True, highlight=False, width=None if sys.stderr.isatty() else _PIPE_WIDTH)


def print_json(value: Any) -> None:
    """Print a value as JSON, records' times in ISO 8601, bytes in hex."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_json_line(value: Any) -> None:
    """The same on one line, for streams."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part.

    Raises:
        UnreachableError: in place of any error of the Kafka client that nobody translated.
    """
    try:
        return asyncio.run(work)
    except KafkaError as error:
        raise UnreachableError(f"Kafka cannot be used ({type(error).__name__})", hint="`exchange doctor` says why") from None


def connected(home: str | None = None, **overrides: Any) -> Settings:
    """Settings with an address: the one set, or that of the embedded broker of this home.

    Raises:
        BrokerError: there is neither.
    """
    from exchange.adapters.broker import EmbeddedKafka

    settings = load_settings(home=home, **overrides)
    if settings.bootstrap_servers is not None:
        return settings
    address = EmbeddedKafka(settings.home / "kafka", settings.cache).bootstrap
    return settings.model_copy(update={"bootstrap_servers": address})
