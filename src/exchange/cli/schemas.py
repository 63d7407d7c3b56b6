"""``exchange schemas``: this release's schemas in a registry."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer
from rich.table import Table

from exchange.adapters.registry import Registry
from exchange.cli.output import Home, Json, console, print_json
from exchange.core.processors import WRITTEN
from exchange.core.schemas import NAMESPACE
from exchange.errors import ConfigError
from exchange.runtime import load_codec, registry_of
from exchange.settings import load_settings


def register(as_json: Json = False, home: Home = None) -> None:
    """Register this release's schemas: a step of each deployment, before its workers start. Doing so again changes nothing.

    Each record has a subject of its own, exchange.v1.<Record> (RecordNameStrategy), at the level FULL_TRANSITIVE. Workers and
    clients only look ids up. EXCHANGE_REGISTRY_URL says where.

    Example:

      EXCHANGE_REGISTRY_URL=http://registry:8080/apis/ccompat/v7 exchange schemas register
    """
    registry, schemas = _registry(home), load_codec()[0]
    rows = [{"subject": f"{NAMESPACE}.{name}", "id": registry.register(name, schemas.alone(name))} for name in WRITTEN]
    if as_json:
        print_json(rows)
    else:
        console.print(f"{len(rows)} schemas registered at {registry.name}")


def check(as_json: Json = False, home: Home = None) -> None:
    """Say whether the registry has this release's schemas at the right level, or would take them. Changes nothing.

    Exit code: 0 all are registered at FULL_TRANSITIVE, 1 some are not.

    Example:

      EXCHANGE_REGISTRY_URL=http://registry:8080/apis/ccompat/v7 exchange schemas check --json
    """
    registry, schemas = _registry(home), load_codec()[0]
    found = [registry.check(name, schemas.alone(name)) for name in WRITTEN]
    if as_json:
        print_json([{**asdict(each), "ready": each.ready} for each in found])
    else:
        table = Table("subject", "id", "level", "state")
        for each in found:
            number = "" if each.id is None else str(each.id)
            table.add_row(each.subject, number, each.level or "", _state(each))
        console.print(table)
    raise typer.Exit(0 if all(each.ready for each in found) else 1)


def _state(each: Any) -> str:
    if each.ready:
        return "ready"
    if each.id is not None:
        return "registered, at another level: exchange schemas register"
    return "not registered: exchange schemas register" if each.compatible else "not compatible with what is registered"


def _registry(home: str | None) -> Registry:
    registry = registry_of(load_settings(home=home))
    if registry is None:
        raise ConfigError("no schema registry", hint="set EXCHANGE_REGISTRY_URL")
    return registry
