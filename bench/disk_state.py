"""A lane's state on disk (RocksDB) behind the same steps: what it would cost where state outgrows memory.

Not part of the exchange: an experiment for docs/sizing.md. Values are the bytes of the state topic; those used last stay decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rocksdict import Options, Rdict, WriteBatch

from exchange.core.step import Processor

KEPT = 2000


class DiskState:
    """As :class:`exchange.adapters.lane_state.LaneState`.

    Args:
        processor: whose state it is.
        folder: of the database.
    """

    def __init__(self, processor: Processor, folder: Path) -> None:
        self._processor = processor
        self._db = Rdict(str(folder), Options(raw_mode=True))
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        """The value of a key."""
        if key in self._kept:
            return self._kept[key]
        raw = self._db.get(key.encode())
        return None if raw is None else self._keep(key, self._processor.decode(key, raw))

    def _keep(self, key: str, value: Any) -> Any:
        self._kept.pop(key, None)
        if len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = value
        return value

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, Any]]:
        """Keys of a prefix behind ``after``, in order."""
        start = max(prefix, after)
        for raw_key, raw in self._db.items(from_key=start.encode()):
            key = raw_key.decode()
            if not key.startswith(prefix):
                return
            if key != after:
                yield key, self._kept.get(key) or self._processor.decode(key, raw)

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Write what a step changed."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                self._kept.pop(key, None)
                batch.delete(key.encode())
            else:
                batch.put(key.encode(), self._processor.encode(key, value))
                self._keep(key, value)
        self._db.write(batch)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Everything, in order."""
        return self.scan("")
