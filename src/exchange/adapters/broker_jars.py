"""The jars of Apache Kafka: fetched once into a cache that all instances share, checked against pinned digests at every use.

Which jars, and their SHA-256, stands in ``kafka_jars.sha256`` beside this module, one ``group:artifact:version  digest`` a line.
Nothing is resolved at run time, so what runs is what was pinned. ``python -m exchange.adapters.broker_jars`` prints a fresh list.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog

from exchange.errors import BrokerError

KAFKA_VERSION = "4.4.0"
ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
FETCH_TIMEOUT_S = 60
AGENT = "io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1"
AGENT_SHA256 = "7d61f737fd661610ccc14aea79764faa1ea94a340cbc8f0029b3d2edea3d80c1"
"""The JMX exporter, one jar with all it needs: fetched only where the broker's own metrics are wanted."""

Progress = Callable[[int, int, str], None]
"""Called with (jars there, jars in all, name of the jar just done)."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pin:
    """One jar: its Maven coordinate and the SHA-256 its content must have."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the cache; the group is left out, as in Maven."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def pins(text: str | None = None) -> list[Pin]:
    """Return the pinned jars.

    Args:
        text: the list to parse; the packaged one by default.
    """
    source = files("exchange.adapters").joinpath("kafka_jars.sha256").read_text("utf-8") if text is None else text
    rows = (line.split() for line in source.splitlines() if line.strip() and not line.startswith("#"))
    return [Pin(coordinate, digest) for coordinate, digest in rows]


def ensure_jars(cache_dir: Path, *, wanted: list[Pin] | None = None, progress: Progress | None = None) -> list[Path]:
    """Return the class path of the broker: every pinned jar, fetched if it is not in the cache, and verified.

    Args:
        cache_dir: the user's cache, shared by all instances.
        wanted: the jars; the packaged pins by default.
        progress: told about each jar when any has to be fetched.

    Raises:
        BrokerError: a jar cannot be fetched, or its content is not what was pinned.
    """
    wanted = pins() if wanted is None else wanted
    folder = cache_dir / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / pin.file_name for pin in wanted]
    if not all(path.exists() for path in paths):
        with _locked(folder / ".lock"):
            _fetch_missing(folder, wanted, progress)
    for pin, path in zip(wanted, paths, strict=True):
        _verify(pin, path)
    return paths


def ensure_agent(cache_dir: Path) -> Path:
    """Return the JMX exporter's jar, fetched if it is not in the cache, and verified.

    Raises:
        BrokerError: it cannot be fetched, or its content is not what was pinned.
    """
    return ensure_jars(cache_dir, wanted=[Pin(AGENT, AGENT_SHA256)])[0]


def _fetch_missing(folder: Path, wanted: list[Pin], progress: Progress | None) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
        from jgo.maven import MavenContext  # noqa: PLC0415 - takes a tenth of a second to load, and is needed once

        context = MavenContext(repo_cache=Path(scratch), timeout=FETCH_TIMEOUT_S)
        for done, pin in enumerate(wanted, 1):
            target = folder / pin.file_name
            if not target.exists():
                fetched = _fetch(context, pin)
                _verify(pin, fetched)
                fetched.replace(target)
            if progress is not None:
                progress(done, len(wanted), pin.file_name)


def _fetch(context: Any, pin: Pin) -> Path:
    try:
        return Path(context.create_dependency(pin.coordinate).artifact.resolve())
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        log.warning("jar not fetched", jar=pin.file_name, error=type(error).__name__)
        raise BrokerError(
            f"the Kafka jar {pin.file_name} could not be fetched ({type(error).__name__})",
            hint="Check the network or its proxy, or fill the cache from a machine that has it; "
            "EXCHANGE_BOOTSTRAP_SERVERS uses another cluster instead.",
        ) from error


def _verify(pin: Pin, path: Path) -> None:
    with path.open("rb") as jar:
        digest = hashlib.file_digest(jar, "sha256").hexdigest()
    if digest != pin.sha256:
        raise BrokerError(
            f"the Kafka jar {path} is not the one that was pinned (SHA-256 {digest[:12]}…, expected {pin.sha256[:12]}…)",
            hint="Delete the file; it is fetched again. If it comes back different, do not run it.",
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes, so that parallel starts fetch once; the second finds the jars there."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def resolve_pins() -> list[Pin]:
    """Resolve the roots anew and return the list to check in (used when Kafka's version is raised)."""
    scratch = Path(tempfile.mkdtemp(prefix="jars-"))
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - takes a tenth of a second to load, and is needed once

        context = MavenContext(repo_cache=scratch, timeout=FETCH_TIMEOUT_S)
        inputs, rest = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        found = {}
        for dependency in [*inputs, *rest]:
            digest = hashlib.sha256(dependency.artifact.resolve().read_bytes()).hexdigest()
            found[f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"] = digest
        return [Pin(coordinate, found[coordinate]) for coordinate in sorted(found)]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    for row in resolve_pins():
        print(f"{row.coordinate}  {row.sha256}")  # noqa: T201
