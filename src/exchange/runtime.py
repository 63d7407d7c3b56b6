"""What commands and workers share: the package's codec, the rules a start puts in force, logging."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog

from exchange.adapters.registry import IdFile, Registry, read_ids
from exchange.adapters.resources import load_released_texts, load_rule_texts, load_schema_texts
from exchange.adapters.rules_store import read_rules_in_force
from exchange.adapters.setup import apply_rules
from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.processors import WRITTEN, RulesOf
from exchange.core.rules import at_start, unbundle
from exchange.core.schemas import SchemaSet
from exchange.core.step import Processor
from exchange.settings import Settings


def collect_garbage_seldom() -> None:
    """Steps make many dicts and no circles: Python's defaults look through all of a lane's state again and again, for nothing.

    What libraries leave in circles is still collected.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def load_codec(settings: Settings | None = None, *, compare: bool = False) -> tuple[SchemaSet, Codec]:
    """The package's schemas and a codec for them.

    Args:
        settings: whose registry is asked for ids, if it has one; ``None``: no registry.
        compare: write single-object encoding whatever is set, for oracles that compare records of either framing.

    Raises:
        ConfigError: the registry does not know this release's schemas.
        PlumbingError: it does not answer, and its ids are not known from before.
    """
    schemas = SchemaSet.from_texts(load_schema_texts())
    past = {version: SchemaSet.from_texts(texts) for version, texts in load_released_texts().items()}
    past = {version: each for version, each in past.items() if any(schemas.raw[name] != raw for name, raw in each.raw.items())}
    registry = registry_of(settings) if settings is not None else None
    if settings is None or registry is None:
        return schemas, Codec(schemas, past=list(past.values()))
    file = IdFile(settings.home / "registry-ids.json")
    ids = file.ids(registry, schemas, WRITTEN)
    past_ids = read_ids(registry, file, past, WRITTEN)
    write = None if compare or settings.framing == "single" else ids
    return schemas, Codec(schemas, {number: name for name, number in ids.items()}, write, list(past.values()), past_ids)


def registry_of(settings: Settings) -> Registry | None:
    """The registry that is set, if one is."""
    if settings.registry_url is None:
        return None
    secret = settings.registry_password
    return Registry(settings.registry_url, settings.registry_username, secret.get_secret_value() if secret else None)


def make_processor(name: str, settings: Settings, rules: RulesOf) -> Processor:
    """One of :data:`exchange.core.processors.NAMES`."""
    topics = settings.topics
    schemas, codec = load_codec(settings)
    if name == "intake":
        return processors.intake(codec, topics)
    if name == "dossier":
        return processors.dossier(codec, topics, rules)
    return processors.fanout(codec, topics, rules, schemas, settings.fanout_limit)


class InForce(NamedTuple):
    """Rules that are in force now.

    Attributes:
        activated: the journal partitions in which they were activated just now.
        semantics: the version of the steps' meaning.
    """

    activated: Sequence[int]
    semantics: str


async def put_rules_in_force(settings: Settings, note: str) -> InForce:
    """Put in force what this release ships for the profiles in force, or for those of the settings when none are yet.

    Args:
        settings: with an address of Kafka.
        note: kept with the activation.

    Raises:
        ConfigError: the settings name a profile that does not ship.
    """
    kafka, topics = settings.kafka_kwargs(), settings.topics
    former = await read_rules_in_force(kafka, topics.rules)
    content = at_start(former, load_rule_texts(), settings.profile_list, settings.authority_list, settings.semantics)
    activated = await apply_rules(kafka, topics, load_codec(settings)[1], content, note)
    return InForce(activated, unbundle(content).semantics)


def configure_logging(form: str, level: int = logging.INFO) -> None:
    """Structured logs on standard error: text for people, JSON for production; ours from ``level`` on, others' from warning."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    renderer: Any = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
