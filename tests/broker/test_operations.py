"""What operators do to a running exchange, by the command line, on a real broker with real workers."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from live import Live, World, clean, exchange_command, live, told

from exchange.core.envelope import Attributes, to_headers
from exchange.core.processors import NAMES
from exchange.events import models
from exchange.lag import measure
from exchange.local import reached
from exchange.rebuild import rebuild
from exchange.settings import Settings, environment_for_child
from exchange.testing.faults.releases import HERE
from exchange.testing.faults.world import START

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def command(settings: Settings, *words: str, code: int = 0) -> Any:
    """A command's JSON, or its text where it has none."""
    done = await asyncio.to_thread(exchange_command, settings, *words)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout) if "--json" in words else done.stdout + done.stderr


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("operations"), partitions=2) as exchange:
        yield exchange


async def submit(exchange: Live, party: str, name: str, record: dict[str, Any], event_id: str) -> None:
    """As a party does that does not use the client library."""
    headers = to_headers(Attributes(event_id, name, party, time=START))
    value = exchange.codec.encode(name, record)
    await exchange.send(exchange.settings.topics.submissions, [(exchange.partition(party), party.encode(), value, headers)])


async def open_letters(settings: Settings, count: int) -> list[dict[str, Any]]:
    """Letters that nobody dealt with, once there are so many."""
    async with asyncio.timeout(60):
        while len(found := await command(settings, "dead-letters", "list", "--open", "--json")) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return list(found)


async def test_a_refused_submission_is_replayed_once(running: Live) -> None:
    """Registered too late: the card is accepted the second time, byte for byte; another letter is dropped; both are marked."""
    settings = running.settings
    await submit(running, "late", "ModelCard", {"release": "late/model@1", "stage": "released"}, "late-1")
    await submit(running, "late", "ModelCard", {"release": "other/model@1", "stage": "released"}, "late-2")
    found = await open_letters(settings, 2)
    assert [letter["reason"] for letter in found] == ["unregistered"] * 2
    first, second = (str(letter["number"]) for letter in found)
    async with running.party("late", "developer") as party:
        done = await command(settings, "dead-letters", "replay", first, "--yes", "--json")
        assert done == [{"number": int(first), "done": True, "why": None}]
        again = await command(settings, "dead-letters", "replay", first, "--yes", "--json", code=1)
        assert again[0]["why"] == f"letter {first} cannot be replayed: it was replayed before"
        await command(settings, "dead-letters", "drop", second, "--yes", "--note", "not theirs", "--json")
        clean(await running.rest())
        assert [notice.kind for notice in await told(party)] == ["result"]
    assert await command(settings, "dead-letters", "list", "--open", "--json") == []
    shown = await command(settings, "dead-letters", "show", second, "--json")
    assert (shown["outcome"], shown["note"]) == ("dropped", "not theirs")
    recorded = await running.recorded()
    journal = [record for log in recorded.journal.values() for record in log if dict(record.headers).get("ce_id") == b"late-1"]
    assert len(journal) == 1
    text = await command(settings, "dead-letters", "replay", "99999", "--yes", code=1)
    assert "no dead letter 99999" in text


async def test_two_operators_at_once_replay_a_letter_once(running: Live) -> None:
    """Whoever comes second fences the first, and reads what it did."""
    settings = running.settings
    await submit(running, "early", "ModelCard", {"release": "early/model@1", "stage": "released"}, "early-1")
    found = await open_letters(settings, 1)
    number = str(found[0]["number"])
    line = [sys.executable, "-m", "exchange.cli", "dead-letters", "replay", number, "--yes"]
    env = environment_for_child(settings)
    ways: dict[str, Any] = {"env": env, "capture_output": True, "check": False}
    done = await asyncio.gather(*(asyncio.to_thread(subprocess.run, line, **ways) for _ in range(3)))
    assert any(each.returncode == 0 for each in done) or await _marked(settings, number), done
    clean(await running.rest())
    letters = [each for each in await command(settings, "dead-letters", "list", "--json") if each["event_id"] == "early-1"]
    assert len(letters) == 2, "the letter, and that of the one submission more, which is refused too"


async def _marked(settings: Settings, number: str) -> bool:
    return (await command(settings, "dead-letters", "show", number, "--json"))["outcome"] == "replayed"


async def test_one_events_way_is_shown(running: Live) -> None:
    """From the submission to the notice of somebody two lines down, with the publisher's own trace."""
    async with running.party("maker", "developer") as maker, running.party("tuner", "provider") as tuner:
        await maker.publish(models.ModelCard(release="maker/base@1", stage="released"))
        edge: Any = models.Parent(ref="maker/base@1", relation="fine_tune")
        await tuner.publish(models.ModelCard(release="tuner/m@1", stage="released", parents=[edge]), wait="result")
        clean(await running.rest())
        finding: Any = models.Finding(category="R11", level="high")
        assessment = models.RiskAssessment(release="maker/base@1", assessor="maker", independence="self", findings=[finding])
        event = (await maker.publish(assessment, wait="result", traceparent=TRACE)).event_id
        clean(await running.rest())
        async with tuner.subscribe(keep=False, follow=False) as feed:
            traces = {notice.release: feed.traceparent async for notice in feed}
        assert traces["tuner/m@1"] == TRACE
    found = await command(running.settings, "trace", event, "--json")
    assert found["trace_id"] == TRACE[3:35]
    stages = [hop["stage"] for hop in found["hops"]]
    assert stages[0] == "submission"
    assert {*stages} == {"submission", "receipt", "journal", "decision", "upstream", "notice"}
    assert ("tuner", "tuner/m@1", "profile_change") in {(hop["party"], hop["about"], hop["what"]) for hop in found["hops"]}
    assert {hop["traceparent"] for hop in found["hops"]} == {TRACE}
    after = [hop["after_ms"] for hop in found["hops"]]
    assert after == sorted(after)
    assert after[-1] < 30_000
    assert "after (ms)" in await command(running.settings, "trace", event)
    assert "no record" in await command(running.settings, "trace", "0198f2c4-5b1e-7c3a-9d2e-1f4a5b6c7d8e", code=1)


async def test_lag_and_top_say_what_waits(running: Live) -> None:
    """Nothing at rest; with a processor away, so many offsets, and seconds that grow."""
    await World(running, 20, 10).play()
    clean(await running.rest())
    rows = await command(running.settings, "lag", "--json")
    assert {row["group"] for row in rows} == {f"exchange-{name}" for name in NAMES}
    assert [(row["offsets"], row["seconds"]) for row in rows] == [(0, 0.0)] * 6
    process = running.local.workers["dossier"].process
    assert process
    os.kill(process.pid, signal.SIGSTOP)
    try:
        async with running.party("waiter", "developer") as party:
            await party.publish(models.ModelCard(release="waiter/m@1", stage="released"))
        await asyncio.sleep(1.5)
        rows = [row for row in await measure(running.settings) if row.offsets]
        assert {row.group for row in rows} == {"exchange-dossier"}
        [behind] = [row for row in rows if row.partition == running.partition("waiter/m")]
        assert 1.0 < behind.seconds < 20
        look = await command(running.settings, "top", "--once", "--json")
        assert look["topics"]["exchange.journal"]["offsets"] > 0
        assert any(row["offsets"] for row in look["lag"])
        assert look["alerts"] is None
    finally:
        os.kill(process.pid, signal.SIGCONT)
    clean(await running.rest())


async def test_offsets_are_moved_only_at_rest_and_make_a_lane_fold_again(running: Live) -> None:
    """Refused while a worker lives; then the lane folds itself again, and nothing is told twice."""
    settings = running.settings
    assert "at work" in await command(settings, "reset-offsets", "dossier", code=3)


async def test_a_worker_drains_within_ten_seconds_under_load(running: Live) -> None:
    """SIGTERM in a burst: each ends by itself, well, and in time; what it was at is done once."""
    playing = asyncio.create_task(World(running, 21, 150).play(0.0))
    await asyncio.sleep(1.0)
    took = {}
    for name in NAMES:
        process = running.local.workers[name].process
        assert process
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(psutil.Process(process.pid).wait, 15) if psutil.pid_exists(process.pid) else None
        took[name] = time.monotonic() - began
    assert max(took.values()) < 10, took
    await playing
    clean(await running.rest())
    for name in NAMES:
        assert any(line.startswith(f"{name} ended (exit 0)") for line in running.said), running.said


async def test_a_worker_ends_in_time_even_when_the_broker_says_nothing(running: Live) -> None:
    """Frozen in the middle: what is in doubt is left to whoever opens the lane next."""
    broker, process = running.local.broker, running.local.workers["dossier"].process
    assert process
    playing = asyncio.create_task(World(running, 22, 30).play(0.0))
    await asyncio.sleep(1.0)
    pid: int = getattr(broker, "pid")  # noqa: B009 - of the embedded one
    os.kill(pid, signal.SIGSTOP)
    try:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(process.wait, 20) == 0
        assert time.monotonic() - began < 10
    finally:
        os.kill(pid, signal.SIGCONT)
    await playing
    clean(await running.rest())


def broken_tree(folder: Path) -> Path:
    """This tree with a fan-out that cannot tell of one line."""
    for name in ("src", "streams", "schemas"):
        shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    notices = folder / "src" / "exchange" / "core" / "notices.py"
    text = notices.read_text()
    told = '    decision = telling.decision\n    release = decision["release"] or decision["line"]\n'
    assert told in text
    notices.write_text(text.replace(told, told + '    if release.startswith("unlucky/"):\n        raise ValueError("broken")\n'))
    return folder


@pytest.mark.timeout(240)
async def test_a_stopped_line_goes_on_where_it_stood(tmp_path: Path) -> None:
    """A broken release stops it; the mended one resumes it; rebuild and both oracles find all as if nothing had happened."""
    home = tmp_path / "home"
    async with live(home, partitions=2) as exchange:
        fanout = exchange.local.workers["fanout"]
        fanout.tree = broken_tree(tmp_path / "broken")
        exchange.local.kill("fanout")
        async with exchange.party("unlucky", "developer") as unlucky, exchange.party("lucky", "developer") as lucky:
            await lucky.publish(models.ModelCard(release="lucky/m@1", stage="released"), wait="result", timeout=60)
            for stage in ("preview", "released"):
                await unlucky.publish(models.ModelCard(release="unlucky/m@1", stage=stage))
            await open_letters(exchange.settings, 1)
            [line] = await command(exchange.settings, "lines", "list", "--json", code=1)
            assert (line["line"], line["error"], line["readable"]) == ("unlucky/m", "ValueError", True)
            assert len(line["letters"]) == 1
            fanout.tree = None
            exchange.local.kill("fanout")
            await lucky.publish(models.ModelCard(release="lucky/m@2", stage="released"), wait="result", timeout=60)
            assert "not stopped" in await command(exchange.settings, "lines", "resume", "lucky/m", "--yes", code=1)
            await command(exchange.settings, "lines", "resume", "unlucky/m", "--yes")
            clean(await exchange.rest())
            assert [(notice.n, notice.kind) for notice in await told(unlucky)] == [(1, "result"), (2, "result")]
        assert "no line is stopped" in await command(exchange.settings, "lines", "list")
        letters = await command(exchange.settings, "dead-letters", "list", "--json")
        assert [letter["outcome"] for letter in letters] == ["resumed"]
        port = exchange.settings.port
    async with reached(Settings(home=home, port=port, partitions=2)) as settings:
        found = await rebuild(settings)
        assert [(each.first, each.same) for each in found] == [("", 2)] * 3
        dry = await command(settings, "reset-offsets", "dossier", "--json")
        assert (dry["executed"], [row["new"] for row in dry["partitions"]]) == (False, [0, 0])
        assert [row["committed"] for row in dry["partitions"]] != [0, 0]
        await command(settings, "reset-offsets", "dossier", "--execute")
    async with live(home, partitions=2) as exchange:
        log, moved = exchange.local.workers["dossier"].log, sum(row["committed"] != 0 for row in dry["partitions"])
        async with asyncio.timeout(60):
            while log.read_text().count("lane folded again") < moved:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert log.read_text().count("same=True") == moved
        async with exchange.party("lucky") as lucky:
            await lucky.publish(models.ModelCard(release="lucky/m@3", stage="released"), wait="result", timeout=60)
        clean(await exchange.rest())
