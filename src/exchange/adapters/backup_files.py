"""The folder of a backup: one compressed file of JSON lines a topic partition, and a manifest that vouches for each.

A line is ``[offset, append time in ms, key, value, [[header, value], ...]]``, bytes in base64. The manifest is written last: a
folder without one is no backup.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exchange.core.step import Record
from exchange.errors import ConfigError, StateError

FORMAT = 1
MANIFEST = "manifest.json"
_HINT = "use another backup; `exchange backup --verify` checks one"
_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One partition of one topic in a backup.

    Attributes:
        name: of the file.
        topic, partition: what is in it.
        first: offset of the oldest record that was there.
        end: offset after the newest.
        records: how many there are.
        sha256: of the file.
    """

    name: str
    topic: str
    partition: int
    first: int
    end: int
    records: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        deployment, generation, partitions: of the exchange it was taken from.
        release: of the program that took it.
        schemas: SHA-256 of each schema, by record.
        begun, ended: when it was taken, in UTC. What was receipted before ``begun`` is in it.
        parts: its files.
    """

    deployment: str
    generation: int
    partitions: int
    release: str
    schemas: dict[str, str]
    begun: str
    ended: str
    parts: tuple[Part, ...] = field(default=())

    @property
    def records(self) -> int:
        """How many records there are in all."""
        return sum(part.records for part in self.parts)

    def write(self, folder: Path) -> None:
        """Write the manifest, which makes the folder a backup."""
        content = {"format": FORMAT, **asdict(self)}
        text = json.dumps({**content, "sha256": _digest(content)}, indent=1)
        fresh = folder / f"{MANIFEST}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(folder / MANIFEST)


def make_folder(folder: Path) -> None:
    """Make the folder of a new backup, for its owner's eyes only: it holds what parties keep to themselves.

    Raises:
        ConfigError: there is something in it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty", hint="name a new folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        StateError: there is none, it was changed, or a newer release wrote it.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stated, format_ = content.pop("sha256"), content.pop("format")
        if format_ != FORMAT:
            raise StateError(
                f"{path}: format {format_}, this release reads {FORMAT}", hint="use the release that took the backup"
            )
        whole = stated == _digest({"format": format_, **content})
        parts = tuple(Part(**part) for part in content.pop("parts"))
        manifest = Manifest(**content, parts=parts)
    except (OSError, UnicodeDecodeError):
        raise StateError(f"{folder}: no backup, or one that was never finished: it has no {MANIFEST}", hint=_HINT) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StateError(f"{path}: not a manifest of a backup", hint=_HINT) from None
    if not whole:
        raise StateError(f"{path}: was changed", hint=_HINT)
    return manifest


def damaged(folder: Path, manifest: Manifest) -> list[str]:
    """Names of the files that are missing or not as the manifest says."""
    return [part.name for part in manifest.parts if _sha256(folder / part.name) != part.sha256]


def read_part(folder: Path, part: Part) -> Iterator[Record]:
    """The records of one file, which was checked before."""
    with gzip.open(folder / part.name, "rt", encoding="ascii") as lines:
        for line in lines:
            offset, time_ms, key, value, headers = json.loads(line)
            pairs = tuple((name, _bytes(content)) for name, content in headers)
            yield Record(part.topic, part.partition, offset, _bytes(key), _bytes(value), pairs, time_ms)  # type: ignore[arg-type]


class PartWriter:
    """Writes one file; use it as a context manager, then ask for :meth:`part`.

    Args:
        folder: of the backup.
        topic, partition: what goes in.
    """

    def __init__(self, folder: Path, topic: str, partition: int) -> None:
        self._topic, self._partition = topic, partition
        self._path = folder / f"{topic}-{partition}.jsonl.gz"
        self._records = 0
        self._raw = self._path.open("wb")
        self._file = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0, compresslevel=6)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._raw.close()

    def add(self, record: Record) -> None:
        """One more record."""
        headers = [[name, _text(content)] for name, content in record.headers]
        line = [record.offset, record.timestamp_ms, _text(record.key), _text(record.value), headers]
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._records += 1

    def part(self, first: int, end: int) -> Part:
        """What the manifest says of the file, once it is closed."""
        sha256 = _sha256(self._path) or ""
        return Part(self._path.name, self._topic, self._partition, first, end, self._records, sha256)


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value)
