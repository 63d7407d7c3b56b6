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
        generation: of the exchange the offset belongs to; empty for one that was never restored.
    """

    offset: int = 0
    last: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True
    generation: str = ""


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
            self._add_generation()
        except sqlite3.OperationalError:
            self._db.close()
            raise ConfigError(
                f"{path.name}: another process subscribes with this group", hint="end it, or subscribe with another group"
            ) from None
        except sqlite3.DatabaseError:
            self._db.close()
            raise ConfigError(f"{path}: not a position file", hint="move it away to start from the first notice") from None

    def _add_generation(self) -> None:
        """Files of earlier days have no such column."""
        if "generation" not in [row[1] for row in self._db.execute("PRAGMA table_info(place)")]:
            self._db.execute("ALTER TABLE place ADD COLUMN generation TEXT NOT NULL DEFAULT ''")

    def load(self) -> Position | None:
        """Where the subscriber stood; ``None`` if it never began."""
        place = self._db.execute("SELECT offset, whole, generation FROM place").fetchone()
        if place is None:
            return None
        return Position(place[0], dict(self._db.execute("SELECT line, n FROM last")), bool(place[1]), place[2])

    def replace(self, position: Position) -> None:
        """Stand somewhere else: in another generation of the exchange."""
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM last")
        self._db.executemany("INSERT INTO last VALUES (?, ?)", position.last.items())
        self._place(position.offset, position.whole)
        self._db.execute("UPDATE place SET generation = ?", (position.generation,))
        self._db.execute("COMMIT")

    def save(self, offset: int, line: str, n: int, *, whole: bool) -> None:
        """One notice more was dealt with."""
        self._db.execute("BEGIN")
        self._place(offset, whole)
        self._db.execute("INSERT OR REPLACE INTO last VALUES (?, ?)", (line, n))
        self._db.execute("COMMIT")

    def _place(self, offset: int, whole: bool) -> None:
        self._db.execute(
            "INSERT INTO place (id, offset, whole) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET offset = ?, whole = ?",
            (offset, whole, offset, whole),
        )

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
