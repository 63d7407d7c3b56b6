"""``exchange topics``: what is declared, what is there."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import yaml
from rich.table import Table

from exchange.adapters.admin import Admin
from exchange.adapters.setup import apply_topics
from exchange.cli.output import Home, Json, connected, console, print_json, run
from exchange.core.rules import SEMANTICS
from exchange.errors import ConfigError
from exchange.runtime import InForce, put_rules_in_force
from exchange.settings import Settings, load_settings
from exchange.strimzi import resources


def apply(home: Home = None) -> None:
    """Create what is missing, and put the shipped rules in force where none are.

    Running it again changes nothing. A topic that exists with another partition count is refused: counts never change.

    Example:

      EXCHANGE_BOOTSTRAP_SERVERS=kafka:9092 EXCHANGE_REPLICATION=3 exchange topics apply
    """
    created, (activated, semantics) = run(_apply(connected(home)))
    for name in created:
        console.print(f"created {name}")
    if activated:
        console.print(f"rules put in force in {len(activated)} partitions")
    if not created and not activated:
        console.print("nothing to do")
    if semantics != SEMANTICS:
        console.print(
            f"semantics {semantics} stay in force; when going back to the release before is no longer wanted: "
            f"EXCHANGE_SEMANTICS={SEMANTICS} exchange topics apply",
            soft_wrap=True,
        )


async def _apply(settings: Settings) -> tuple[list[str], InForce]:
    created = await apply_topics(settings.kafka_kwargs(), settings.topics)
    return created, await put_rules_in_force(settings, "topics apply")


def list_(as_json: Json = False, home: Home = None) -> None:
    """List declared topics and those of the parties.

    Example:

      exchange topics list --json
    """
    rows = run(_list(connected(home)))
    if as_json:
        print_json(rows)
        return
    table = Table("topic", "partitions", "key", "there")
    for row in rows:
        table.add_row(row["topic"], str(row["partitions"]), row["key"], "yes" if row["exists"] else "no: exchange topics apply")
    console.print(table)


def export(
    form: Annotated[str, typer.Argument(help="`strimzi`.")] = "strimzi",
    cluster: Annotated[str, typer.Option(help="Name of the Kafka resource.")] = "kafka",
    party: Annotated[list[str] | None, typer.Option(help="A party that gets a user; may be repeated.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Print the declared topics, and users with their access lists, as resources of Strimzi: KafkaTopic and KafkaUser.

    From the same declarations as `topics apply`. Notice topics of parties are made by intake as parties register. With --party,
    that party's user may write submissions and read its own notices, and nothing else.

    Example:

      EXCHANGE_REPLICATION=3 exchange topics export strimzi --cluster kafka --party acme
    """
    if form != "strimzi":
        raise ConfigError("there is one form: strimzi")
    made = resources(load_settings(home=home).topics, cluster, party or ())
    if as_json:
        print_json(made)
    else:
        typer.echo(yaml.safe_dump_all(made, sort_keys=False, explicit_start=True), nl=False)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    async with Admin(settings.kafka_kwargs()) as admin:
        there = await admin.topics()
    topics = settings.topics
    parties = [topics.notice_spec(party) for name in sorted(there) if (party := topics.party_of(name))]
    return [
        {"topic": spec.name, "partitions": there.get(spec.name, spec.partitions), "key": spec.key, "exists": spec.name in there}
        for spec in (*topics.declared(), *parties)
    ]
