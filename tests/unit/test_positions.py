"""exchange.adapters.positions: a subscriber's place on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from exchange.adapters.positions import Position, PositionFile
from exchange.errors import ConfigError


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """The newest offset and the last number of each line."""
    file = PositionFile(tmp_path / "deep" / "a.sqlite")
    assert file.load() is None
    file.save(3, "acme/a", 1, whole=True)
    file.save(4, "acme/b", 1, whole=True)
    file.save(7, "acme/a", 2, whole=True)
    file.close()
    assert PositionFile(tmp_path / "deep" / "a.sqlite").load() == Position(7, {"acme/a": 2, "acme/b": 1}, True)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """And whoever comes after it closed is let in."""
    file = PositionFile(tmp_path / "a.sqlite")
    with pytest.raises(ConfigError, match="another process"):
        PositionFile(tmp_path / "a.sqlite")
    file.close()
    PositionFile(tmp_path / "a.sqlite").close()


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    """It may be somebody's."""
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"something else entirely, long enough to have a header" * 10)
    with pytest.raises(ConfigError, match="not a position file"):
        PositionFile(path)
    assert path.read_bytes().startswith(b"something else")


def test_another_generation_replaces_everything(tmp_path: Path) -> None:
    """Numbers of the lost cluster do not linger; what is saved later keeps the generation."""
    file = PositionFile(tmp_path / "a.sqlite")
    file.save(9, "acme/a", 5, whole=False)
    file.replace(Position(0, {"acme/b": 2}, True, "g2"))
    assert file.load() == Position(0, {"acme/b": 2}, True, "g2")
    file.save(4, "acme/b", 3, whole=True)
    assert file.load() == Position(4, {"acme/b": 3}, True, "g2")


def test_a_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    """It has no column for the generation."""
    db = sqlite3.connect(tmp_path / "a.sqlite")
    db.executescript(
        "CREATE TABLE place (id INTEGER PRIMARY KEY CHECK (id = 1), offset INTEGER NOT NULL, whole INTEGER NOT NULL);"
        "CREATE TABLE last (line TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;"
        "INSERT INTO place VALUES (1, 7, 1); INSERT INTO last VALUES ('acme/a', 2);"
    )
    db.close()
    assert PositionFile(tmp_path / "a.sqlite").load() == Position(7, {"acme/a": 2}, True)
