"""A backup's folder: what goes in comes out, and what was changed is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.adapters.backup_files import MANIFEST, Manifest, PartWriter, damaged, make_folder, read_manifest, read_part
from exchange.core.step import Record
from exchange.errors import ConfigError, StateError

RECORDS = [
    Record("t", 0, 3, b"k", b"\x00\xff", (("ce_id", b"1"), ("ce_id", b"2")), 17),
    Record("t", 0, 7, None, b"v", (), 18),
    Record("t", 0, 8, b"k", None, (), 19),
]


def taken(folder: Path) -> Manifest:
    make_folder(folder)
    with PartWriter(folder, "t", 0) as writer:
        for record in RECORDS:
            writer.add(record)
    manifest = Manifest("exchange", 1, 4, "0.1.0", {"Party": "00"}, "then", "later", (writer.part(3, 10),))
    manifest.write(folder)
    return manifest


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    """Offsets, times, missing keys and values, headers given twice."""
    manifest = taken(tmp_path / "b")
    assert read_manifest(tmp_path / "b") == manifest
    assert damaged(tmp_path / "b", manifest) == []
    (part,) = manifest.parts
    assert list(read_part(tmp_path / "b", part)) == RECORDS
    assert (manifest.records, part.first, part.end) == (3, 3, 10)


def test_it_is_for_its_owner_only_and_never_overwrites(tmp_path: Path) -> None:
    """It holds what parties keep to themselves."""
    taken(tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="not empty"):
        taken(tmp_path / "b")


def test_the_same_records_make_the_same_file(tmp_path: Path) -> None:
    """No time of writing, no name in it."""
    assert taken(tmp_path / "a").parts == taken(tmp_path / "b").parts


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
def test_a_harmed_file_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Cut, changed or missing."""
    manifest = taken(tmp_path / "b")
    harm(tmp_path / "b" / "t-0.jsonl.gz")
    assert damaged(tmp_path / "b", manifest) == ["t-0.jsonl.gz"]


def change_a_number(path: Path) -> None:
    content = json.loads(path.read_text())
    content["generation"] = 2
    path.write_text(json.dumps(content))


def another_format(path: Path) -> None:
    content = json.loads(path.read_text())
    content["format"] = 2
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (Path.unlink, "never finished"),
        (cut, "not a manifest"),
        (change_a_number, "was changed"),
        (another_format, "format 2"),
        (lambda path: path.write_text("[]"), "not a manifest"),
    ],
)
def test_a_harmed_manifest_is_refused(tmp_path: Path, harm: Callable[[Path], None], word: str) -> None:
    """And says so."""
    taken(tmp_path / "b")
    harm(tmp_path / "b" / MANIFEST)
    with pytest.raises(StateError, match=word):
        read_manifest(tmp_path / "b")
