"""What commands and workers share: the package's codec, the rules a start puts in force, logging."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any

import structlog

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.adapters.rules_store import read_rules_in_force
from exchange.adapters.setup import apply_rules
from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.processors import RulesOf
from exchange.core.rules import at_start
from exchange.core.schemas import SchemaSet
from exchange.core.step import Processor
from exchange.settings import Settings


def load_codec() -> tuple[SchemaSet, Codec]:
    """The package's schemas and a codec for them."""
    schemas = SchemaSet.from_texts(load_schema_texts())
    return schemas, Codec(schemas)


def make_processor(name: str, settings: Settings, rules: RulesOf) -> Processor:
    """One of :data:`exchange.core.processors.NAMES`."""
    topics = settings.topics
    schemas, codec = load_codec()
    if name == "intake":
        return processors.intake(codec, topics)
    if name == "dossier":
        return processors.dossier(codec, topics, rules)
    return processors.fanout(codec, topics, rules, schemas, settings.fanout_limit)


async def put_rules_in_force(settings: Settings, note: str) -> Sequence[int]:
    """Put in force what this release ships for the profiles in force, or for those of the settings when none are yet.

    Args:
        settings: with an address of Kafka.
        note: kept with the activation.

    Returns:
        The journal partitions in which rules were activated.

    Raises:
        ConfigError: the settings name a profile that does not ship.
    """
    kafka, topics = settings.kafka_kwargs(), settings.topics
    former = await read_rules_in_force(kafka, topics.rules)
    content = at_start(former, load_rule_texts(), settings.profile_list, settings.authority_list)
    return await apply_rules(kafka, topics, load_codec()[1], content, note)


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
