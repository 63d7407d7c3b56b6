"""``exchange up`` and what goes with it, as a person uses it: processes of the command line, real broker, real workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import free_port
from exchange.adapters.setup import apply_topics
from exchange.local import WORKERS
from exchange.testing.broker import read_until, unique
from exchange.topics import Topics

READY = "export EXCHANGE_BOOTSTRAP_SERVERS="


class Shell:
    """A home, and the command line in it."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.port = free_port()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
        self.env |= {"EXCHANGE_HOME": str(home), "EXCHANGE_PORT": str(self.port), **variables}

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "exchange.cli", *words]
        with (self.home / "stderr.txt").open("ab") as errors:
            return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=errors, text=True)

    def run(self, *words: str, timeout: float = 90) -> tuple[int, str]:
        command = [sys.executable, "-m", "exchange.cli", *words]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)
        return done.returncode, done.stdout + ("" if "--json" in words else done.stderr)

    def json(self, *words: str) -> tuple[int, Any]:
        code, text = self.run(*words, "--json")
        return code, json.loads(text)

    @contextmanager
    def up(self) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
        """`exchange up` in the foreground, ready, with all processes that belong to it."""
        process = self.start("up")
        family: list[psutil.Process] = []
        try:
            assert process.stdout
            line = next((line for line in process.stdout if line.startswith(READY)), "")
            assert line.strip() == f"{READY}127.0.0.1:{self.port}", (self.home / "stderr.txt").read_text()
            family = psutil.Process(process.pid).children(recursive=True)
            yield process, family
        finally:
            process.stdout.close() if process.stdout else None
            for member in [*family, psutil.Process(process.pid)] if process.poll() is None else family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            process.wait()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def gone(family: Sequence[psutil.Process], seconds: float) -> bool:
    return not psutil.wait_procs(list(family), timeout=seconds)[1]


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_stops_cleanly(shell: Shell, number: signal.Signals) -> None:
    """Ctrl-C, as the terminal sends it, and SIGTERM: workers first, then the broker; nothing is left."""
    with shell.up() as (process, family):
        names = [" ".join(member.cmdline()) for member in family]
        assert all(any(f"streams.{worker}" in name for name in names) for worker in WORKERS)
        assert any("kafka.Kafka" in name for name in names)
        process.send_signal(number)
        assert process.wait(25) == 0
        assert gone(family, 1)
    assert not (shell.home / "up.json").exists()
    assert "shut down completed" in (shell.home / "kafka" / "broker.log").read_text()
    assert "Traceback" not in (shell.home / "stderr.txt").read_text()
    assert shell.json("status") == (1, {"running": False, "home": str(shell.home)})


def test_no_orphan_after_kill_9_and_a_second_up(shell: Shell) -> None:
    """Kill -9 of the command leaves no worker and no broker; the home can be used again; two at a time are refused."""
    with shell.up() as (process, family):
        code, text = shell.run("up")
        assert code == 3
        assert "runs already" in text
        process.kill()
        process.wait()
        assert gone(family, 15), [member.cmdline() for member in family if member.is_running()]
    assert shell.json("status")[1]["running"] is False
    with shell.up() as (process, family):
        victim = next(member for member in family if "streams.dossier" in " ".join(member.cmdline()))
        victim.kill()
        assert eventually(lambda: _pid(shell, "dossier") not in (None, victim.pid))
        process.terminate()
        assert process.wait(25) == 0
    log = (shell.home / "stderr.txt").read_text()
    assert "dossier ended (exit -9)" in log


def _pid(shell: Shell, worker: str) -> int | None:
    pid: int | None = json.loads((shell.home / "up.json").read_text())["workers"][worker]
    return pid


def test_detached_with_status_worker_doctor_and_down(shell: Shell, tmp_path: Path) -> None:
    """The background variant, everything an operator asks it, and its end."""
    (tmp_path / "party.yaml").write_text("type: Party\nparty: acme\ndisplay_name: Acme\nroles: [developer]\n")
    code, text = shell.run("up", "--detach")
    assert code == 0, text
    family: list[psutil.Process] = []
    try:
        code, status = shell.json("status")
        assert code == 0, status
        assert status["running"]
        assert {name: worker["alive"] for name, worker in status["workers"].items()} == dict.fromkeys(WORKERS, True)
        assert status["bootstrap_servers"] == f"127.0.0.1:{shell.port}"
        assert status["trouble"] == []
        family = [psutil.Process(status["pid"]), *psutil.Process(status["pid"]).children(recursive=True)]
        code, answers = shell.json("publish", str(tmp_path / "party.yaml"), "--party", "acme")
        assert (code, [answer["status"] for answer in answers]) == (0, ["accepted"])
        assert eventually(lambda: set(shell.json("status")[1]["lag"].values()) == {0})
        code, findings = shell.json("doctor")
        assert code == 0, findings
        assert {finding["what"]: finding["ok"] for finding in findings if finding["what"] in ("java", "broker", "topics")} == {
            "java": True,
            "broker": True,
            "topics": True,
        }
        _one_more_worker(shell)
        assert shell.run("down") == (0, "stopped\n")
        assert gone(family, 5)
        assert shell.run("down") == (1, "not running\n")
    finally:
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def _one_more_worker(shell: Shell) -> None:
    """`exchange worker NAME` is one processor in one process; SIGTERM ends it."""
    worker = shell.start("worker", "intake")
    try:
        log = shell.home / "stderr.txt"
        assert eventually(lambda: "lanes assigned" in log.read_text()), log.read_text()
        worker.terminate()
        assert worker.wait(15) in (0, -signal.SIGTERM)
    finally:
        worker.kill()
        worker.wait()
        assert worker.stdout
        worker.stdout.close()
    code, text = shell.run("worker", "nobody")
    assert code == 3
    assert "intake" in text


def test_an_own_profile_is_put_in_force_and_stays(shell: Shell, tmp_path: Path) -> None:
    """Begun, activated, told to the owner, kept over a restart, and taken out again."""
    own = tmp_path / "own.toml"
    (tmp_path / "documents.yaml").write_text(
        "type: Party\nparty: acme\ndisplay_name: Acme\nroles: [developer]\n---\nrelease: acme/base@1\nstage: released\n"
    )
    assert shell.run("profiles", "new", str(own))[0] == 0
    with shell.up() as (process, _):
        assert shell.run("publish", str(tmp_path / "documents.yaml"), "--party", "acme")[0] == 0
        code, text = shell.run("profiles", "activate", str(own), "--dry-run")
        assert (code, text.strip()) == (0, "would be added: own")
        code, answer = shell.json("profiles", "activate", str(own))
        assert (code, answer["added"], answer["partitions"], answer["profiles"]) == (0, ["own"], [0, 1, 2, 3], ["jg-1.2", "own"])
        assert eventually(lambda: _reports(shell) == {"jg-1.2", "own"})
        assert "nothing to do" in shell.run("profiles", "activate", str(own))[1]
        code, notices = shell.json("notices", "--party", "acme")
        told = [entry for entry in notices if entry.get("kind") == "completeness_change"]
        assert [entry["release"] for entry in told] == ["acme/base@1"]
        code, found = shell.json("audit")
        assert (code, found["clean"], found["first"], found["notices"] >= 2) == (0, True, "", True)
        process.terminate()
        assert process.wait(25) == 0
    with shell.up():
        listed = {row["id"]: row for row in shell.json("profiles", "list")[1]}
        assert {name for name, row in listed.items() if row["in_force"]} == {"jg-1.2", "own"}
        assert listed["own"]["ships"] is False
        code, text = shell.run("profiles", "activate", "--remove", "gone")
        assert code == 3
        assert "in force: jg-1.2, own" in text
        assert shell.run("profiles", "activate", "--remove", "own")[0] == 0
        row = own.read_text(encoding="utf-8").partition("[[row]]")[2].replace('"none"', '"union"')
        with own.open("a", encoding="utf-8") as sink:
            sink.writelines("\n[[row]]" + row.replace('"CONTACT"', f'"C{number}"') for number in range(200))
        for dry in ((), ("--dry-run",)):
            code, text = shell.run("profiles", "activate", str(own), *dry)
            assert code == 3
            assert "128 at most" in text
        assert eventually(lambda: _reports(shell) == {"jg-1.2"})


def _reports(shell: Shell) -> set[str]:
    view = shell.json("show", "acme/base@1")[1]
    return {report["profile"] for report in view["reports"]}


def test_a_taken_port_is_avoided(shell: Shell) -> None:
    """Somebody else sits on the port: another one is chosen, said, and known to the other commands."""
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", shell.port))
        squatter.listen()
        findings = {finding["what"]: finding for finding in shell.json("doctor")[1]}
        assert "taken" in findings["port"]["detail"]
        code, text = shell.run("up", "--detach")
        try:
            assert code == 0, text
            address = text.rpartition("=")[2].strip()
            assert address != f"127.0.0.1:{shell.port}"
            assert 1024 < int(address.rpartition(":")[2]) < 32768
            assert shell.json("status")[1]["bootstrap_servers"] == address
        finally:
            shell.run("down")


async def test_doctor_names_what_is_wrong_with_a_cluster(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A cluster of one's own: nobody there; no topics; other partition counts; all well."""

    def doctor(address: str, **variables: str) -> tuple[int, dict[str, Any]]:
        code, findings = Shell(tmp_path, EXCHANGE_BOOTSTRAP_SERVERS=address, **variables).json("doctor")
        return code, {finding["what"]: finding for finding in findings}

    code, found = doctor(f"127.0.0.1:{free_port(start=31900)}")
    assert code == 1
    assert found["broker"]["ok"] is False
    assert "nobody answers" in found["broker"]["detail"]
    assert found["broker"]["todo"]
    assert found["embedded Kafka"]["ok"] is None
    deployment = unique("doctored")
    code, found = doctor(kafka.bootstrap, EXCHANGE_DEPLOYMENT=deployment)
    assert (code, found["broker"]["ok"], found["topics"]["ok"]) == (1, True, False)
    assert f"{deployment}.journal" in found["topics"]["detail"]
    assert found["topics"]["todo"] == "exchange topics apply"
    topics = Topics(deployment, partitions=4)
    await apply_topics({"bootstrap_servers": kafka.bootstrap}, topics)
    assert doctor(kafka.bootstrap, EXCHANGE_DEPLOYMENT=deployment)[0] == 0
    code, found = doctor(kafka.bootstrap, EXCHANGE_DEPLOYMENT=deployment, EXCHANGE_PARTITIONS="8")
    assert (code, found["topics"]["ok"]) == (1, False)
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        await admin.delete([topics.journal])
    code, found = doctor(kafka.bootstrap, EXCHANGE_DEPLOYMENT=deployment)
    assert (code, found["topics"]["detail"]) == (1, f"missing: {topics.journal}")


async def test_the_clock_tells_every_partition_the_time(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """`exchange worker clock` writes a tick a partition, at once and then again; rounded down, so that two clocks agree."""
    deployment = unique("timed")
    topics = Topics(deployment, partitions=2)
    await apply_topics({"bootstrap_servers": kafka.bootstrap}, topics)
    shell = Shell(
        tmp_path,
        EXCHANGE_BOOTSTRAP_SERVERS=kafka.bootstrap,
        EXCHANGE_DEPLOYMENT=deployment,
        EXCHANGE_PARTITIONS="2",
        EXCHANGE_TICK_SECONDS="1",
    )
    clock = shell.start("worker", "clock")
    try:
        for partition in (0, 1):
            assert len(await read_until(kafka.bootstrap, topics.journal, 3, (partition,), 30)) >= 3
    finally:
        clock.terminate()
        clock.wait(15)
        assert clock.stdout
        clock.stdout.close()
