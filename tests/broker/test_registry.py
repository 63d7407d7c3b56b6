"""Schema registry mode on a real Apicurio Registry 3.3.3 and a real Kafka: `make registry` fetches the registry first."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live import Live, World, clean, live, told

from exchange.adapters.registry import LEVEL, IdFile, NotRegisteredError, Registry
from exchange.adapters.topic_reader import read_all
from exchange.client import Exchange
from exchange.core.processors import WRITTEN
from exchange.core.schemas import SchemaSet
from exchange.errors import ConfigError, PlumbingError
from exchange.events import models
from exchange.local import reached
from exchange.rebuild import rebuild
from exchange.runtime import load_codec
from exchange.settings import Settings, environment_for_child
from exchange.testing.apicurio import apicurio, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with apicurio(tmp_path_factory.mktemp("registry") / "registry.log") as address:
        yield address


def command(home: Path, url: str, *words: str) -> tuple[int, Any]:
    env = environment_for_child(Settings(home=home, registry_url=url))
    line = [sys.executable, "-m", "exchange.cli", *words, "--json"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_registration_is_a_step_of_the_deployment(url: str, tmp_path: Path) -> None:
    """Nothing works before it; after it every subject is there at FULL_TRANSITIVE; doing it again changes no id."""
    code, found = command(tmp_path, url, "schemas", "check")
    assert (code, {each["id"] for each in found}) == (1, {None})
    assert all(each["compatible"] for each in found)
    with pytest.raises(ConfigError, match="does not know"):
        load_codec(Settings(home=tmp_path, registry_url=url))
    code, first = command(tmp_path, url, "schemas", "register")
    assert (code, [each["subject"] for each in first]) == (0, [f"exchange.v1.{name}" for name in WRITTEN])
    assert command(tmp_path, url, "schemas", "register") == (0, first)
    code, found = command(tmp_path, url, "schemas", "check")
    assert (code, {each["level"] for each in found}, all(each["ready"] for each in found)) == (0, {LEVEL}, True)


def test_the_registry_holds_the_contract(url: str, schemas: SchemaSet) -> None:
    """An optional field is taken, a required one is not."""
    registry = Registry(url)
    registry.register("Told", schemas.alone("Told"))
    more = copy.deepcopy(schemas.alone("Told"))
    more["fields"].append({"name": "extra", "type": ["null", "string"], "default": None})
    assert registry.check("Told", more).compatible is True
    worse = copy.deepcopy(schemas.alone("Told"))
    worse["fields"].append({"name": "extra", "type": "string"})
    assert registry.check("Told", worse).compatible is False
    with pytest.raises(ConfigError, match="refuses"):
        registry.register("Told", worse)


def test_ids_are_kept_so_that_a_start_needs_no_registry(url: str, schemas: SchemaSet, tmp_path: Path) -> None:
    """Looked up once; a registry that is away matters only for what was never looked up."""
    registry = Registry(url)
    registry.register("Told", schemas.alone("Told"))
    known = IdFile(tmp_path / "ids.json").ids(registry, schemas, ["Told"])
    away = Registry("http://127.0.0.1:9/apis/ccompat/v7")
    with pytest.raises(PlumbingError, match="does not answer"):
        IdFile(tmp_path / "ids.json").ids(away, schemas, ["Told"])
    text = (tmp_path / "ids.json").read_text().replace(registry.name, away.name)
    (tmp_path / "ids.json").write_text(text)
    assert IdFile(tmp_path / "ids.json").ids(away, schemas, ["Told"]) == known
    with pytest.raises(NotRegisteredError):
        IdFile(tmp_path / "other.json").ids(registry, schemas, ["Finding"])


async def framings(exchange: Live, *topics: str) -> dict[str, int]:
    """How many records of some topics are in which framing."""
    from aiokafka.structs import TopicPartition

    places = [TopicPartition(topic, lane) for topic in topics for lane in range(exchange.settings.partitions)]
    logs = await read_all(exchange.settings.kafka_kwargs(), places)
    heads = [(record.value or b"")[:1] for log in logs.values() for record in log]
    return {"confluent": heads.count(b"\x00"), "single": heads.count(b"\xc3")}


@pytest.mark.timeout(300)
async def test_what_is_written_in_one_mode_is_read_in_the_other(url: str, tmp_path: Path) -> None:
    """Without a registry, then with one, then back: one journal, both oracles and a rebuild agree, nothing is told twice."""
    home = tmp_path / "home"
    async with live(home, partitions=2) as exchange:
        journal, decisions = exchange.settings.topics.journal, exchange.settings.topics.decisions
        await World(exchange, 31, 25).play()
        clean(await exchange.rest())
        before = await framings(exchange, journal, decisions)
        assert before["confluent"] == 0
        async with exchange.party("both", "developer") as party:
            card = models.ModelCard(release="both/m@1", stage="released")
            first = (await party.publish(card, wait="result")).event_id
    assert command(home, url, "schemas", "register")[0] == 0
    async with live(home, partitions=2, registry_url=url) as exchange:
        await World(exchange, 32, 25).play()
        async with exchange.party("both") as party:
            assert (await party.publish(card, wait="receipt")).event_id == first, (
                "the same content in another framing is a repeat"
            )
            await party.publish(models.ModelCard(release="both/m@2", stage="released"), wait="result")
            assert [notice.n for notice in await told(party)] == [1, 2]
        plain = Settings(**{**exchange.settings.model_dump(exclude={"registry_url"}), "registry_url": None})
        async with Exchange("both", settings=plain) as old:
            await old.publish(models.ModelCard(release="both/m@3", stage="released"), wait=None)
        clean(await exchange.rest())
        during = await framings(exchange, journal, decisions)
        assert during["confluent"] > 20
        assert during["single"] >= before["single"]
        assert (await framings(exchange, exchange.settings.topics.submissions))["single"] > 0
    async with live(home, partitions=2, registry_url=url, framing="single") as exchange:
        await World(exchange, 33, 15).play()
        clean(await exchange.rest())
        after = await framings(exchange, journal, decisions)
        assert (after["confluent"], after["single"] > during["single"]) == (during["confluent"], True)
        async with exchange.party("both") as party:
            assert [notice.n for notice in await told(party)] == [1, 2, 3]
        port = exchange.settings.port
    for more in ({}, {"framing": "single"}):
        async with reached(Settings(home=home, port=port, partitions=2, registry_url=url, **more)) as settings:
            found = await rebuild(settings)
            assert [each.first for each in found] == [""] * 3
