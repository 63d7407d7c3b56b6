"""The zero-downtime upgrade of docs/deploy.md: old and new workers side by side under load; nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from live import Live, World, clean, exchange_command, hear, live, once_per_decision, told

from exchange.adapters.rules_store import read_rules
from exchange.core.processors import NAMES
from exchange.core.rules import KNOWN_SEMANTICS, unbundle
from exchange.events import models
from exchange.local import LocalExchange
from exchange.testing.faults.releases import HERE, semantics_of, unpack_release, why_no_release

OLD = "the old release"


def old_release(folder: Path) -> Path:
    """The last tag's tree, or, where there is none yet, this one under another name; its workers say who they are.

    UPGRADE_FROM names a commit to upgrade from instead.
    """
    commit = os.environ.get("UPGRADE_FROM")
    if commit:
        folder.mkdir()
        archive = subprocess.run(
            ["git", "-C", str(HERE), "archive", commit, "src", "streams", "schemas"], capture_output=True, check=True
        )
        subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
    elif why_no_release() is None:
        unpack_release(folder)
    else:
        for name in ("src", "streams", "schemas"):
            shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in NAMES:
        module = folder / "streams" / f"{name}.py"
        module.write_text(module.read_text().replace("def build", f'print("{OLD}", flush=True)\n\n\ndef build'))
    return folder


async def replaced(local: LocalExchange, name: str) -> float:
    """One worker's turn: a new one joins and has its lanes, then the old one drains. Seconds the old one took."""
    worker = local.workers[name]
    former, worker.tree = worker.process, None
    assert former
    log = worker.log.with_name(f"{name}-new.log")
    fresh = local.launch(name, log)
    worker.process = fresh  # supervised from now on
    async with asyncio.timeout(60):
        while "lanes assigned" not in log.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    began = time.monotonic()
    former.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(former.wait, 10) == 0
    assert former.stdin
    former.stdin.close()
    return time.monotonic() - began


@pytest.mark.timeout(300)
async def test_an_upgrade_under_load(tmp_path: Path) -> None:
    """Worker by worker, downstream first; a party that waits for its answers notices nothing but a pause."""
    tree = old_release(tmp_path / "old")
    async with live(tmp_path / "home", partitions=4, semantics=semantics_of(tree)) as exchange:
        for name in NAMES:
            exchange.local.workers[name].tree = tree
            exchange.local.kill(name)
        played = World(exchange, seed=41, events=250)
        playing = asyncio.create_task(played.play(0.1))
        for name in NAMES:
            async with asyncio.timeout(60):
                while exchange.local.workers[name].log.read_text().count("lanes assigned") < 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
        async with exchange.party("watcher", "developer") as party:
            card = models.ModelCard(release="watcher/m@1", stage="released")
            await party.publish(card, wait="result", timeout=60)
            took = {name: await replaced(exchange.local, name) for name in reversed(NAMES)}
            assert max(took.values()) < 10, took
            answered = await party.publish(models.ModelCard(release="watcher/m@2", stage="released"), wait="result", timeout=60)
            assert answered.result
            assert not playing.done(), "the load ended before the upgrade did"
            await playing
            clean(await exchange.rest())
            await hear(party, lambda notice: notice.release == "watcher/m@2")
            once_per_decision(await told(party))
        for name in NAMES:
            assert exchange.local.workers[name].log.read_text().count(OLD) == 1
            assert OLD not in exchange.local.workers[name].log.with_name(f"{name}-new.log").read_text()
        recorded = await exchange.recorded()
        ids = [dict(record.headers)["ce_id"].decode() for log in recorded.journal.values() for record in log]
        assert {event: ids.count(event) for event in played.sent} == dict.fromkeys(played.sent, 1)


async def applied(exchange: Live, semantics: str | None) -> str:
    """What `exchange topics apply` says where the settings name these semantics, or none."""
    settings = exchange.settings.model_copy(update={"semantics": semantics})
    done = await asyncio.to_thread(exchange_command, settings, "topics", "apply")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(300)
async def test_the_semantics_change_under_load(tmp_path: Path) -> None:
    """An upgrade keeps those in force; when the operator says so, the newest begin, and can be left again."""
    former, newest = KNOWN_SEMANTICS[-2:]
    async with live(tmp_path / "home", partitions=4, semantics=former) as exchange:
        played = World(exchange, seed=43, events=220)
        playing = asyncio.create_task(played.play(0.1))
        said = await applied(exchange, None)
        assert f"semantics {former} stay in force" in said
        assert f"EXCHANGE_SEMANTICS={newest} exchange topics apply" in said
        for semantics in (newest, former):
            await asyncio.sleep(2)
            said = await applied(exchange, semantics)
            assert "rules put in force in 4 partitions" in said
            assert ("stay in force" in said) == (semantics == former)
        assert not playing.done(), "the load ended before the semantics did"
        await playing
        clean(await exchange.rest())
        rules = await read_rules(exchange.settings.kafka_kwargs(), exchange.settings.topics.rules)
        assert {unbundle(content).semantics for content in rules.values()} == {former, newest}
