"""Compressed batches: what is small is read as it was written; what is large, or broken, stands for itself and ends nothing."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import cramjam
import pytest
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from exchange.adapters import batches
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane_restore import as_record
from exchange.core.step import MALFORMED, TOO_LARGE, unreadable

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
PLACE = TopicPartition("exchange.submissions", 0)
KIB = 1024


def batch(kind: int, values: Sequence[bytes], base: int = 0) -> bytes:
    """The bytes of a batch, as a broker hands it out."""
    builder = DefaultRecordBatchBuilder(2, kind, 0, -1, -1, -1, 1 << 30)
    for offset, value in enumerate(values):
        assert builder.append(offset, 1_000, b"key", value, [("h", b"x")]) is not None
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", base)
    return bytes(data)


def damaged(data: bytes) -> bytes:
    """The same with nonsense for compressed bytes, and a CRC that holds."""
    spoilt = bytearray(data)
    spoilt[61:] = b"\xa5" * (len(data) - 61)
    spoilt[17:21] = struct.pack(">I", calc_crc32c(bytes(spoilt[21:])))
    return bytes(spoilt)


def walk(data: bytes, start: int = 0) -> list[Any]:
    """Records as aiokafka's fetcher gives them."""
    assert Consumer  # which guards
    found = fetcher.PartitionRecords(PLACE, MemoryRecords(data), [], start, None, None, True, fetcher.READ_COMMITTED)
    return [as_record(record) for record in found]


@pytest.mark.parametrize("name", CODECS)
def test_an_ordinary_batch_is_read_as_it_was_written(name: str) -> None:
    """In every compression Kafka knows; several batches, and from the middle of one."""
    values = [bytes([number]) * 3000 for number in range(40)]
    data = batch(CODECS[name], values, 5) + batch(0, [b"plain"], 45)
    assert [record.value for record in walk(data, 7)] == [*values[2:], b"plain"]
    assert [record.offset for record in walk(data, 7)] == list(range(7, 46))


@pytest.mark.parametrize("name", CODECS)
def test_a_bomb_is_a_record_each_that_says_so(name: str) -> None:
    """At their offsets, without key and value; what comes after it is read."""
    bomb = batch(CODECS[name], [b"\0" * 900 * KIB] * 40, 5)
    assert len(bomb) < 2_000_000
    found = walk(bomb + batch(CODECS[name], [b"after"], 45))
    assert [record.offset for record in found] == list(range(5, 46))
    assert {unreadable(record) for record in found[:-1]} == {TOO_LARGE}
    assert {(record.key, record.value) for record in found[:-1]} == {(None, None)}
    assert (found[-1].value, unreadable(found[-1])) == (b"after", None)


@pytest.mark.parametrize("name", CODECS)
def test_a_batch_that_cannot_be_expanded_does_not_stand_in_the_way(name: str) -> None:
    """The CRC holds: the producer meant it so."""
    found = walk(damaged(batch(CODECS[name], [b"x" * 1000] * 3, 5)) + batch(0, [b"after"], 8))
    assert [unreadable(record) for record in found] == [MALFORMED] * 3 + [None]
    assert [record.offset for record in found] == [5, 6, 7, 8]


def test_records_that_are_not_what_the_batch_says_stand_for_themselves() -> None:
    """Uncompressed too; those before the fault are read."""
    data = bytearray(batch(0, [b"a" * 100, b"b" * 100], 5))
    at = bytes(data).index(b"b" * 100) - 2
    data[at : at + 2] = b"\xff\xff"
    data[17:21] = struct.pack(">I", calc_crc32c(bytes(data[21:])))
    assert [(record.offset, unreadable(record)) for record in walk(bytes(data))] == [(5, None), (6, MALFORMED)]


def test_a_single_record_larger_than_ours_is_refused_whole() -> None:
    """A broker without a bound of its own lets it through."""
    [found] = walk(batch(4, [b"\0" * (batches.RECORD_MAX + 1)]))
    assert unreadable(found) == TOO_LARGE


def test_damage_by_the_disk_still_raises() -> None:
    """Nothing is made up for bytes that are not what was written."""
    data = bytearray(batch(0, [b"x" * 100]))
    data[-5] ^= 1
    with pytest.raises(Exception, match="CRC"):
        walk(bytes(data))


def test_gzip_members_and_blocks_of_snappy() -> None:
    """What other clients write: several members; Java's blocks, or none."""
    text = b"a card " * 9000
    assert batches.gunzip(codec.gzip_encode(text) + codec.gzip_encode(text)) == text * 2
    for blocks in (True, False):
        assert batches.unsnappy(codec.snappy_encode(text, xerial_compatible=blocks)) == text
    with pytest.raises(batches.ExpandedTooFarError):
        batches.unsnappy(codec.snappy_encode(b"\0" * (batches.EXPANDED_MAX + 1)))


def test_a_frame_that_ends_early_is_no_frame() -> None:
    with pytest.raises(ValueError, match="cut short"):
        batches.gunzip(codec.gzip_encode(b"x" * 1000)[:-12])
    with pytest.raises(cramjam.DecompressionError):
        batches.unzstd(codec.zstd_encode(b"x" * 1000)[:-2])


WITHIN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
sys.path.insert(0, sys.argv[1])
from test_batches import TOO_LARGE, unreadable, walk
assert {unreadable(record) for record in walk(sys.stdin.buffer.read())} == {TOO_LARGE}
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("name", CODECS)
def test_a_bomb_costs_little_memory(name: str, request: pytest.FixtureRequest) -> None:
    """256 MiB in one batch, read by a process that has 400 MiB of addresses in all, most of them for Python's libraries."""
    bomb = batch(CODECS[name], [b"\0" * (16 << 20)] * 16)
    command = [sys.executable, "-c", WITHIN, str(request.path.parent)]
    run = subprocess.run(command, input=bomb, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()
    assert int(run.stdout) < 200 * KIB  # in KiB
