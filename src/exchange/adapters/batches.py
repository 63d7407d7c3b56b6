"""What a batch that somebody else compressed may become here: of bounded size, and never an obstacle.

A batch of a few kilobytes may hold gigabytes, and aiokafka (0.14.0) expands it whole before it looks at a record. What raises
there is raised again at every fetch, so that one such batch would also block its partition for ever. Here a batch is expanded
up to :data:`EXPANDED_MAX`. Of one that is larger, or cannot be read, each record becomes one that says so
(:func:`exchange.core.step.standing_in`), at its own offset: the step that reads it refuses it, and the lane goes on. Every run
over the same log makes the same of it. A batch that is damaged (CRC) is none of this: that is the disk's doing, and raises.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch

from exchange.core.step import MALFORMED, TOO_LARGE, standing_in

MIB: Final = 1024 * 1024
EXPANDED_MAX: Final = 32 * MIB
"""Bytes a batch may expand to. A producer sends at most 1 MiB, compressed; cards shrink to a fifth."""
RECORD_MAX: Final = 2 * MIB + 64 * 1024
"""Bytes of the largest record the exchange itself writes, with its frame."""
_FIRST = 64 * 1024
_GROWTH = 4
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEAD = 16


class ExpandedTooFarError(ValueError):
    """A batch holds more than it may."""


def gunzip(payload: Any) -> bytes:
    """Expand gzip, one member or several.

    Raises:
        ExpandedTooFarError: to more than :data:`EXPANDED_MAX`.
    """
    found, rest = bytearray(), bytes(payload)
    while rest:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        found += member.decompress(rest, EXPANDED_MAX + 1 - len(found))
        if len(found) > EXPANDED_MAX:
            raise ExpandedTooFarError
        if not member.eof:
            raise ValueError("cut short")
        rest = member.unused_data
    return bytes(found)


def unzstd(payload: Any) -> bytes:
    """Expand zstd; as :func:`gunzip`."""
    return _growing(cramjam.zstd.decompress_into, payload)


def unlz4(payload: Any) -> bytes:
    """Expand LZ4; as :func:`gunzip`."""
    return _growing(cramjam.lz4.decompress_into, payload)


def unsnappy(payload: Any) -> bytes:
    """Expand Snappy, with or without the blocks of Java's library; as :func:`gunzip`."""
    data = bytes(payload)
    found, left = [], EXPANDED_MAX
    for block in _blocks(data) if data.startswith(_XERIAL) else (data,):
        left -= cramjam.snappy.decompress_raw_len(block)
        if left < 0:
            raise ExpandedTooFarError
        found.append(bytes(cramjam.snappy.decompress_raw(block)))
    return b"".join(found)


def _blocks(data: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEAD
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _growing(expand_into: Callable[[bytes, bytearray], int], payload: Any) -> bytes:
    """Expand into a buffer that grows: what does not fit stops where the buffer ends."""
    data, size = bytes(payload), _FIRST
    while True:
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: expand_into(data, buffer)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
        if size >= EXPANDED_MAX:
            raise ExpandedTooFarError
        size = min(size * _GROWTH, EXPANDED_MAX)


class _SafeBatch:
    """A batch as the fetcher knows it, whose records can always be walked."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        batch, at = self._batch, self._batch.base_offset
        try:
            for record in batch:
                if not at <= record.offset < batch.next_offset:
                    raise ValueError("an offset that is not the batch's")
                at = record.offset + 1
                yield record if _size(record) <= RECORD_MAX else self._instead(record.offset, TOO_LARGE)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # whatever a decoder raises: the producer wrote it so, and the CRC held
            reason = TOO_LARGE if isinstance(error, ExpandedTooFarError) else MALFORMED
            for offset in range(at, batch.next_offset):
                yield self._instead(offset, reason)

    def _instead(self, offset: int, reason: str) -> Any:
        batch = self._batch
        return DefaultRecord(offset, batch.max_timestamp, batch.timestamp_type, None, None, list(standing_in(reason)))


def _size(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


class _SafeBatches:
    def __init__(self, records: Any) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _SafeBatch:
        return _SafeBatch(self._records.next_batch())


class _SafePartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    def __init__(self, tp: Any, records: Any, *rest: Any) -> None:
        super().__init__(tp, _SafeBatches(records), *rest)


def guard() -> None:
    """Make every consumer of this process read so. May be called again."""
    fetcher.PartitionRecords = _SafePartitionRecords
    reader = sys.modules[DefaultRecordBatch.__module__]  # compiled, or plain Python where it could not be
    for name, decode in (("gzip", gunzip), ("snappy", unsnappy), ("lz4", unlz4), ("zstd", unzstd)):
        setattr(reader, f"{name}_decode", decode)
