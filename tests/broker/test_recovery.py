"""State rebuilt from the log, and a backup restored into an empty cluster, on a real broker."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from live import Live, World, clean, exchange_command, live

from exchange import audit
from exchange.adapters.admin import Admin
from exchange.adapters.backup_files import Manifest, read_part
from exchange.adapters.lane_rebuild import LaneRebuild
from exchange.backup import backup
from exchange.client import Exchange, Position
from exchange.core.processors import NAMES
from exchange.errors import ConfigError
from exchange.local import reached
from exchange.rebuild import rebuild
from exchange.settings import Settings
from exchange.topics import Topics


@pytest_asyncio.fixture(scope="module")
async def stopped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """An exchange that has worked, its workers stopped, its broker up."""
    home = tmp_path_factory.mktemp("rebuild")
    async with live(home, partitions=2) as exchange:
        await World(exchange, 5, 40).play()
        clean(await exchange.rest())
        port = exchange.settings.port
    async with reached(Settings(home=home, port=port, partitions=2)) as settings:
        yield settings


async def wipe(settings: Settings, topic: str) -> None:
    async with Admin(settings.kafka_kwargs()) as admin:
        await admin.delete([topic])
        async with asyncio.timeout(20):
            while topic in await admin.topics():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await admin.apply(settings.topics.declared())


async def told(settings: Settings) -> dict[tuple[str, str], list[bytes]]:
    return dict((await audit.examine(settings))[0].notices)


async def test_a_rebuild_of_what_is_right_changes_nothing(stopped: Settings) -> None:
    """Every lane was right; all outputs are on record; whoever listens sees every lane come to its end."""
    heard: list[Any] = []
    found = await rebuild(stopped, hook=heard.append)
    ends = {(each.processor, each.lane): (each.done, each.whole) for each in heard if getattr(each, "work", "") == "rebuild"}
    assert {processor for (processor, _), (_, whole) in ends.items() if whole} == set(NAMES)
    assert all(done == whole for done, whole in ends.values())
    assert [each.processor for each in found] == list(NAMES)
    assert [(each.first, each.same, each.waiting) for each in found] == [("", 2, 0)] * 3
    assert all(each.records and each.outputs for each in found)


@pytest.mark.parametrize("name", NAMES)
async def test_lost_state_comes_back_from_the_log(stopped: Settings, name: str) -> None:
    """The state topic is gone and made anew; nothing is told again, and the audit finds nothing."""
    before = await told(stopped)
    topic = {"intake": stopped.topics.parties, "dossier": stopped.topics.dossiers, "fanout": stopped.topics.stakes}[name]
    await wipe(stopped, topic)
    (found,) = await rebuild(stopped, [name])
    assert found.first == ""
    assert found.same < found.lanes
    assert found.keys
    (again,) = await rebuild(stopped, [name])
    assert again.same == again.lanes
    assert (await audit.audit(stopped)).clean
    assert await told(stopped) == before


async def test_cut_off_in_the_middle_it_is_done_again(stopped: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane left half written carries the mark, and the next rebuild does not believe its state."""

    async def cut(self: LaneRebuild, draft: Any, outputs: Any, *, rebuilding: bool = False) -> None:
        assert not rebuilding
        await _transact(self, replace(draft, changes={}), outputs, rebuilding=True)
        raise KeyboardInterrupt

    _transact = LaneRebuild._transact
    monkeypatch.setattr(LaneRebuild, "_transact", cut)
    with pytest.raises(KeyboardInterrupt):
        await _interrupted(rebuild(stopped, ["dossier"]))
    monkeypatch.undo()
    (found,) = await rebuild(stopped, ["dossier"])
    assert (found.first, found.same, found.lanes) == ("", 1, 2)
    assert (await audit.audit(stopped)).clean


async def _interrupted(work: Any) -> None:
    """A KeyboardInterrupt in a task would end the test run's loop."""
    await work


async def test_a_backup_is_checked_before_anything_is_done(stopped: Settings, tmp_path: Path) -> None:
    """A dry run says what would be; a harmed file is named; what is not empty, or cut otherwise, is refused."""
    folder = tmp_path / "b"
    done = await asyncio.to_thread(exchange_command, stopped, "backup", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["generation"] == 1
    elsewhere = Settings(home=tmp_path / "new", partitions=2)
    done = await asyncio.to_thread(exchange_command, elsewhere, "restore", str(folder), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["generation"], found["appended"], found["dropped"]) == (2, 0, 0)
    assert not elsewhere.home.exists()
    for settings, word in ((stopped, "not empty"), (Settings(home=tmp_path / "new", partitions=3), "EXCHANGE_PARTITIONS=2")):
        done = await asyncio.to_thread(exchange_command, settings, "restore", str(folder))
        assert (done.returncode, word in done.stderr) == (3, True), done.stderr
    name = f"{stopped.topics.journal}-1.jsonl.gz"
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    done = await asyncio.to_thread(exchange_command, elsewhere, "restore", str(folder), "--dry-run")
    assert (done.returncode, name in done.stderr) == (3, True), done.stderr
    done = await asyncio.to_thread(exchange_command, elsewhere, "backup", "--verify", str(folder))
    assert (done.returncode, name in done.stderr) == (1, True), done.stderr


async def test_a_changed_output_is_named_and_nothing_is_written(stopped: Settings) -> None:
    """A decision too many: exit code 1, with the place."""
    topics = stopped.topics
    producer: Any = AIOKafkaProducer(**stopped.kafka_kwargs(), acks="all")
    await producer.start()
    sent = await producer.send_and_wait(topics.decisions, b"no decision", b"p0/l0", 1)
    await producer.stop()
    done = await asyncio.to_thread(exchange_command, stopped, "rebuild", "--processor", "dossier", "--json")
    assert done.returncode == 1, done.stderr
    (found,) = json.loads(done.stdout)
    assert f"{topics.decisions}, partition 1, offset {sent.offset}" in found["first"]
    assert "no decision" not in done.stdout
    done = await asyncio.to_thread(exchange_command, stopped, "rebuild", "--processor", "intake")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 lanes were right" in done.stdout


async def test_a_rebuild_is_refused_while_the_workers_run(tmp_path: Path) -> None:
    """With what to do."""
    async with live(tmp_path, partitions=1) as exchange:
        log = exchange.local.workers["dossier"].log
        async with asyncio.timeout(40):
            while "lanes assigned" not in log.read_text():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with pytest.raises(ConfigError, match="dossier is at work"):
            await rebuild(exchange.settings, ["dossier"])


# --------------------------------------------------------------------------------------------------- backup and restore


async def test_a_backup_of_a_busy_exchange_is_restored_elsewhere(tmp_path: Path) -> None:
    """Taken in the middle of a burst: what was receipted before is there, numbers go on, a reader's old position holds."""
    folder = tmp_path / "backup"
    async with live(tmp_path / "old", partitions=2) as old:
        world = World(old, 8, 50)
        burst = asyncio.create_task(world.play(0.02))
        async with asyncio.timeout(60):
            while len(world.sent) < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        receipted = await answered(old.settings)
        readers = {party: [await position(old, party)] for party in world.parties}
        manifest = await backup(old.settings, folder)
        await burst
        clean(await old.rest())
        for party, places in readers.items():
            places.append(await position(old, party))
    before = told_in(folder, manifest)
    assert receipted
    done = await asyncio.to_thread(
        exchange_command, Settings(home=tmp_path / "new", partitions=2), "restore", str(folder), "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["generation"] == 2
    async with live(tmp_path / "new", partitions=2, generation=2) as new:
        clean(await new.rest())
        assert receipted <= await answered(new.settings)
        await World(new, 9, 20).play()
        clean(await new.rest())
        after = await told(new.settings)
        for key, values in before.items():
            assert after[key][: len(values)] == values, key
        for party, (early, late) in readers.items():
            heard = await numbers(new, party, early)
            for line in {line for name, line in after if name == party}:
                whole = len(after[party, line])
                assert heard.get(line, []) == list(range(early.last.get(line, 0) + 1, whole + 1))
            for line, found in (await numbers(new, party, late)).items():
                assert found == list(range(found[0], len(after[party, line]) + 1))
                assert found[0] > min(late.last.get(line, 0), len(before.get((party, line), ())))
        assert sum(map(len, after.values())) > sum(map(len, before.values()))


async def position(exchange: Live, party: str, start: Position | None = None) -> Position:
    """Where a reader stands that has read all there is."""
    async with Exchange(party, settings=exchange.settings) as client:
        feed = client.subscribe(position=start or Position(), follow=False)
        async for _ in feed:
            pass
        return feed.position


async def numbers(exchange: Live, party: str, start: Position) -> dict[str, list[int]]:
    """What a reader is told from a position on, by line."""
    found: dict[str, list[int]] = defaultdict(list)
    async with Exchange(party, settings=exchange.settings) as client:
        async for notice in client.subscribe(position=start, follow=False):
            found[notice.line].append(notice.n)
    return dict(found)


async def answered(settings: Settings) -> set[str]:
    found = (await audit.examine(settings))[0].receipts
    return {receipt["submission_id"] for each in found.values() for receipt in each if receipt["status"] == "accepted"}


def told_in(folder: Path, manifest: Manifest) -> dict[tuple[str, str], list[bytes]]:
    """The notices that a backup holds."""
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for part in manifest.parts:
        party = Topics().party_of(part.topic)
        for record in read_part(folder, part) if party else ():
            if dict(record.headers)["ce_type"].endswith(b".Notice"):
                found[party or "", (record.key or b"").decode()].append(record.value or b"")
    return found
