"""Where a subscriber stands, in one small SQLite file: the next offset, and the last number seen of each line.

One process at a time: the file stays locked while it is open, and the lock ends with the process, even by kill -9.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exchange.errors import ConfigError

_TABLES = """
CREATE TABLE IF NOT EXISTS place (id INTEGER PRIMARY KEY CHECK (id = 1), offset INTEGER NOT NULL, whole INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS last (line TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a subscriber stands.

    Attributes:
        offset: the next offset of the notice topic.
        last: number of the last notice of each line.
        whole: reading began with the first notice, so a line that is not in ``last`` must begin with 1.
    """

    offset: int = 0
    last: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True


class PositionFile:
    """The file of one subscriber.

    Args:
        path: the file; made with its folder when it is not there.

    Raises:
        ConfigError: another process has it open, or it is not such a file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("COMMIT")
            self._db.executescript(_TABLES)
        except sqlite3.OperationalError:
            self._db.close()
            raise ConfigError(
                f"{path.name}: another process subscribes with this group", hint="end it, or subscribe with another group"
            ) from None
        except sqlite3.DatabaseError:
            self._db.close()
            raise ConfigError(f"{path}: not a position file", hint="move it away to start from the first notice") from None

    def load(self) -> Position | None:
        """Where the subscriber stood; ``None`` if it never began."""
        place = self._db.execute("SELECT offset, whole FROM place").fetchone()
        if place is None:
            return None
        return Position(place[0], dict(self._db.execute("SELECT line, n FROM last")), bool(place[1]))

    def save(self, offset: int, line: str, n: int, *, whole: bool) -> None:
        """One notice more was dealt with."""
        self._db.execute("BEGIN")
        self._db.execute("INSERT OR REPLACE INTO place VALUES (1, ?, ?)", (offset, whole))
        self._db.execute("INSERT OR REPLACE INTO last VALUES (?, ?)", (line, n))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
