"""The embedded broker: real Apache Kafka in KRaft mode, one node on loopback, its data kept between runs.

>>> broker = EmbeddedKafka(Path("data"))            # doctest: +SKIP
>>> broker.start()                                  # doctest: +SKIP
>>> broker.bootstrap                                # doctest: +SKIP
'127.0.0.1:9092'
>>> broker.stop()                                   # doctest: +SKIP

A data directory belongs to one broker at a time: the Java process itself holds the lock, so the lock ends exactly with it.
"""

from __future__ import annotations

import base64
import fcntl
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
import structlog
from platformdirs import user_cache_dir

from exchange.adapters import broker_guard
from exchange.adapters.broker_config import (
    DEFAULT_PORT,
    HOST,
    BrokerConfig,
    Listener,
    Places,
    free_port,
    is_free,
    load_places,
    save_places,
)
from exchange.adapters.broker_jars import Progress, ensure_agent, ensure_jars
from exchange.adapters.broker_java import find_java
from exchange.errors import BrokerError

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
APPLICATION = "ai-transparency-exchange"
METADATA, API_VERSIONS, CREATE_TOPICS, END_TXN = 3, 18, 19, 26
LOG_TAIL_LINES = 15

log = structlog.get_logger(__name__)


class EmbeddedKafka:
    """One Kafka node on loopback, with its data in a directory.

    Args:
        data_dir: everything of this broker: data, log file, pid file, ports.
        cache_dir: where the jars are kept; the user's cache directory by default.
        port: port for clients; when it is taken another one below 32768 is used. None looks for a free one from the start.
        java_home: what JAVA_HOME says.
        heap_mb: most memory for Java's heap.
        detached: the broker lives on when this process ends.
        listeners: more ways in, for tests.
        extra: more broker settings.
        metrics_port: port at which it tells its own metrics, by the JMX exporter; None: nowhere.
        progress: told about the jars when they have to be fetched.
    """

    def __init__(
        self,
        data_dir: Path,
        cache_dir: Path | None = None,
        *,
        port: int | None = DEFAULT_PORT,
        java_home: Path | None = None,
        heap_mb: int = 256,
        detached: bool = False,
        listeners: tuple[Listener, ...] = (),
        extra: Mapping[str, str] | None = None,
        metrics_port: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.cache_dir = cache_dir if cache_dir is not None else Path(user_cache_dir(APPLICATION))
        self.log_file = self.data_dir / "broker.log"
        self._port = port
        self._java_home = java_home
        self._heap_mb = heap_mb
        self._detached = detached
        self._listeners = listeners
        self._extra = dict(extra or {})
        self._metrics_port = metrics_port
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address clients use, ``host:port``.

        Raises:
            BrokerError: the broker was never started in this directory.
        """
        places = load_places(self.data_dir / "broker.json")
        if places is None:
            raise BrokerError(f"there is no broker in {self.data_dir}", hint="Start it with `exchange up`.")
        return f"{HOST}:{places.port}"

    @property
    def pid(self) -> int | None:
        """The process id of the running broker (Java), or None."""
        try:
            pid = int((self.data_dir / "broker.pid").read_text())
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        # a pid is used again by the system: it counts only if it is a broker of this very directory
        return pid if str(self._properties) in command else None

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"

    def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """Start the broker and wait until it answers.

        Args:
            timeout: seconds to wait for its first answer.

        Raises:
            BrokerError: no Java, no jars, the directory is in use, or the broker did not come up; the message names the log
                file and the hint holds its last lines.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        class_path = ":".join(str(jar) for jar in ensure_jars(self.cache_dir, progress=self._progress))
        java = [str(find_java(self._java_home).path), *self._java_flags(), "-cp", class_path]
        with (self.data_dir / "broker.lock").open("w") as lock:
            self._take(lock)
            for last in (False, False, True):
                places = self._settle()
                self._format(java, places)
                self._launch(java, lock)
                if self._await_answer(places, timeout, last=last):
                    break
        log.info("broker started", bootstrap=self.bootstrap, pid=self.pid)

    def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """Stop the broker of this directory, whoever started it; no error if none runs.

        Args:
            timeout: seconds from SIGTERM to SIGKILL.
        """
        pid = self.pid
        if pid is not None:
            self._end(psutil.Process(pid), timeout)
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(timeout)
            self._process = None
        (self.data_dir / "broker.pid").unlink(missing_ok=True)

    def ended(self, timeout: float) -> bool:
        """Wait until the broker has ended by itself; whether it has within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self.pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.pid is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of the broker's log."""
        try:
            return "\n".join(self.log_file.read_text("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _java_flags(self) -> list[str]:
        return [
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
        ]

    def _agent(self) -> list[str]:
        if self._metrics_port is None:
            return []
        rules = files("exchange.adapters").joinpath("broker_metrics.yaml")
        return [f"-javaagent:{ensure_agent(self.cache_dir)}={HOST}:{self._metrics_port}:{rules}"]

    def _take(self, lock: IO[str]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BrokerError(
                f"a broker already uses {self.data_dir}" + (f" (process {self.pid})" if self.pid else ""),
                hint="Use it, stop it with `exchange down`, or set another EXCHANGE_HOME.",
            ) from error

    def _settle(self) -> Places:
        """Choose the ports: last time's if they are free, else the wanted ones, else the next free ones."""
        path = self.data_dir / "broker.json"
        known = load_places(path)
        taken = tuple(way.port for way in self._listeners)
        port = free_port(known.port if known else self._port, avoid=taken)
        controller = free_port(known.controller_port if known else None, avoid=(*taken, port))
        cluster = known.cluster_id if known else new_cluster_id()
        places = Places(cluster, port, controller)
        save_places(path, places)
        config = BrokerConfig(places, self.data_dir / "data", self._listeners, self._extra)
        self._properties.write_text(config.properties(), "utf-8")
        return places

    def _format(self, java: list[str], places: Places) -> None:
        if (self.data_dir / "data" / "meta.properties").exists():
            return
        command = [*java, "kafka.tools.StorageTool", "format", "-t", places.cluster_id, "-c", str(self._properties)]
        with self.log_file.open("ab") as sink:
            answer = subprocess.run(command, stdout=sink, stderr=sink, timeout=START_TIMEOUT_S, check=False)  # noqa: S603
        if answer.returncode != 0:
            raise self._failure("the data directory could not be formatted")

    def _launch(self, java: list[str], lock: IO[str]) -> None:
        command = [java[0], *self._agent(), *java[1:], "kafka.Kafka", str(self._properties)]
        pidfile = self.data_dir / "broker.pid"
        with self.log_file.open("ab") as sink:
            if self._detached:
                self._process = subprocess.Popen(  # noqa: S603
                    command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, pass_fds=(lock.fileno(),)
                )
                pidfile.write_text(f"{self._process.pid}\n")
                return
            guard = [sys.executable, "-I", "-S", broker_guard.__file__, str(pidfile), str(lock.fileno())]
            self._process = subprocess.Popen(  # noqa: S603
                [*guard, *command],
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C is for the exchange, which then stops its broker last
                pass_fds=(lock.fileno(),),
            )

    def _await_answer(self, places: Places, timeout: float, *, last: bool) -> bool:
        """Wait for the broker; False when another process took a port of its in the meantime, so that others are worth a try."""
        deadline = time.monotonic() + timeout
        while not (answers(places.port) and self._listens(places.port)):
            if self._process is not None and self._process.poll() is not None:
                code = self._process.returncode
                self.stop()
                if not last and not (is_free(places.port) and is_free(places.controller_port)):
                    return False
                raise self._failure(f"the broker ended at once (exit {code})")
            if time.monotonic() > deadline:
                self.stop()
                raise self._failure(f"the broker did not answer within {timeout:.0f} s")
            time.sleep(0.05)
        return True

    def _listens(self, port: int) -> bool:
        """Say whether it is our broker, not somebody else's, that has the port."""
        try:
            sockets = psutil.Process(self.pid).net_connections("tcp") if self.pid else []
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)

    def _failure(self, what: str) -> BrokerError:
        return BrokerError(f"{what}; its log is {self.log_file}", hint=f"The log's last lines:\n{self.log_tail()}")

    def _end(self, process: psutil.Process, timeout: float) -> None:
        try:
            process.terminate()
            process.wait(timeout)
        except psutil.TimeoutExpired:
            log.warning("broker did not stop, killing it", pid=process.pid, log_file=str(self.log_file))
            process.kill()
            process.wait(timeout)
        except psutil.NoSuchProcess:
            pass


def answers(port: int, timeout: float = 2.0) -> bool:
    """Say whether a Kafka broker is ready at a loopback port.

    An open port is not an answer, and neither is the first ApiVersions reply of a broker that is still catching up: it does not
    offer metadata yet.
    """
    client = b"exchange"
    body = struct.pack(f">hhih{len(client)}s", API_VERSIONS, 0, 1, len(client), client)
    try:
        with socket.create_connection((HOST, port), timeout) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _receive(connection, 4))
            answer = _receive(connection, size)
    except OSError:
        return False
    _, error, count = struct.unpack_from(">ihi", answer)
    offered = {struct.unpack_from(">h", answer, 10 + 6 * i)[0] for i in range(count)}
    return error == 0 and {METADATA, CREATE_TOPICS, END_TXN} <= offered


def _receive(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = connection.recv(size - len(found))
        if not piece:
            raise ConnectionResetError
        found += piece
    return found


def new_cluster_id() -> str:
    """A cluster's id as Kafka wants it: 16 bytes in base64 that do not begin with a dash."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=").replace("-", "a")
