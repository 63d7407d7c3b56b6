"""Every parser as a function of bytes: it ends in a value or in an error of ours that explains itself, and in nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from exchange.adapters import batches
from exchange.adapters.lane_state import LaneState
from exchange.adapters.resources import load_schema_texts
from exchange.core import compiled, reader
from exchange.core.admission import ABOUT, IntakeStep
from exchange.core.baseline import read_baseline
from exchange.core.bundles import read_bundle
from exchange.core.check import check
from exchange.core.codec import Codec
from exchange.core.conditions import Condition
from exchange.core.documents import parse_documents
from exchange.core.envelope import from_headers, to_headers
from exchange.core.fields import labels_of
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.importers.either import read_either
from exchange.core.importers.hf_names import read_manifest
from exchange.core.importers.huggingface import import_card
from exchange.core.importers.mct import import_mct
from exchange.core.importers.spdx import import_spdx
from exchange.core.profile_cases import parse_cases
from exchange.core.profiles import parse_profile
from exchange.core.rules import parse_rules
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.core.step import Record
from exchange.errors import DocumentError, ExchangeError
from exchange.refs import parse_ref, partition_of
from exchange.testing.readings import readings
from exchange.topics import Topics

Target = Callable[[bytes], None]

SCHEMAS: Final = SchemaSet.from_texts(load_schema_texts())
CODEC: Final = Codec(SCHEMAS)
LABELS: Final = labels_of(SCHEMAS.raw, "ModelCard")
NAMES: Final = sorted(SCHEMAS.fingerprints)
NAMED: Final = {f"{NAMESPACE}.{name}": schema for name, schema in SCHEMAS.raw.items()}
SAID: Final = sorted(ABOUT)
TOPICS: Final = Topics(partitions=1)
PARTY: Final = "acme"
HEADERS: Final = (
    *("ce_specversion", "content-type", "ce_id", "ce_type", "ce_source", "ce_time"),
    *("ce_subject", "ce_idempotencykey", "traceparent", "ce_id"),
)
LONGEST_ERROR: Final = 30_000

batches.guard()


def _explains(error: ExchangeError) -> None:
    told = error.explain()
    assert told, "an error that says nothing"
    assert len(told) < LONGEST_ERROR, f"an error of {len(told)} characters"


def codec(data: bytes) -> None:
    """Framed bytes; what is read can be written, and is then read as the same."""
    try:
        name, record = CODEC.decode(data)
    except DocumentError as error:
        _explains(error)
        return
    assert CODEC.decode(CODEC.encode(name, record)) == (name, record)


def body(data: bytes) -> None:
    """The same behind a known fingerprint, so that the fuzzer need not find one."""
    if data:
        codec(b"\xc3\x01" + SCHEMAS.fingerprints[NAMES[data[0] % len(NAMES)]] + data[1:])


READERS: Final = {
    name: tuple(make(SCHEMAS.raw[name], NAMED) for make in {reader.compile_reader, compiled.compile_reader}) for name in NAMES
}


def trusted(data: bytes) -> None:
    """Bytes of our own topics, damaged: the readers in Python and in C refuse the same, and read the same from the rest."""
    found = readings(READERS[NAMES[(data[:1] or b"\0")[0] % len(NAMES)]], data, 1)
    assert len(set(found)) == 1, "one refuses what the other reads"


def headers(data: bytes) -> None:
    """Headers parted by zero bytes; those that are read come back the same."""
    given = list(zip(HEADERS, data.split(b"\0"), strict=False))
    try:
        attributes = from_headers(given)
    except DocumentError as error:
        _explains(error)
        return
    assert from_headers(to_headers(attributes)) == attributes


def intake(data: bytes) -> None:
    """A whole submission: the step that must never break takes it or refuses it."""
    first, rest = data[:1], data[1:]
    kind = SAID[(first or b"\0")[0] % len(SAID)]
    step, state = IntakeStep(CODEC, TOPICS), LaneState()
    sound = [("ce_id", b"x"), ("ce_type", f"exchange.v1.{kind}".encode()), ("ce_source", PARTY.encode())]
    sound += [("ce_specversion", b"1.0"), ("ce_time", b"2026-01-01T00:00:00Z"), ("content-type", b"application/avro")]
    party = CODEC.encode("Party", {"party": PARTY, "display_name": "A", "roles": ["developer"]})
    registration = [(name, b"exchange.v1.Party" if name == "ce_type" else value) for name, value in sound]
    at = partition_of(PARTY, 1)
    for offset, (value, given) in enumerate(
        ((party, registration), (b"\xc3\x01" + SCHEMAS.fingerprints[kind] + rest, sound), (data, sound), (rest, ()))
    ):
        result = step(state, Record(TOPICS.submissions, at, offset, PARTY.encode(), value, tuple(given), 1))
        assert ("dead_letters", "step-failed") not in result.facts
        state.apply(dict(result.changes))


def batch(data: bytes) -> None:
    """What a broker hands out: a batch with a CRC that holds, compressed in the way of its first byte."""
    kind, count, payload = (data[:1] or b"\0")[0] % 5, 1 + (data[1:2] or b"\0")[0] % 8, data[2:]
    rest = struct.pack(">hiqqqhii", kind, count - 1, 0, 0, -1, -1, -1, count) + payload
    head = struct.pack(">qiibI", 5, 9 + len(rest), 0, 2, calc_crc32c(rest))
    place = TopicPartition("t", 0)
    found = fetcher.PartitionRecords(place, MemoryRecords(head + rest), [], 0, None, None, True, fetcher.READ_COMMITTED)
    offsets = [record.offset for record in found]
    assert all(isinstance(offset, int) for offset in offsets)
    assert found.next_fetch_offset == 5 + count


def _document(parse: Callable[[str], Any]) -> Target:
    def target(data: bytes) -> None:
        try:
            parse(data.decode("utf-8", "replace"))  # a file that is not UTF-8 is refused when it is read
        except ExchangeError as error:
            _explains(error)

    return target


def _checked(text: str, filename: str) -> None:
    check(parse_documents(text, filename, LABELS), (), labels=LABELS)


TARGETS: Final[dict[str, Target]] = {
    "codec": codec,
    "body": body,
    "trusted": trusted,
    "headers": headers,
    "intake": intake,
    "batch": batch,
    "yaml": _document(lambda text: _checked(text, "d.yaml")),
    "markdown": _document(lambda text: _checked(text, "d.md")),
    "readme": _document(lambda text: import_card(text, filename="o__n.md")),
    "cyclonedx": _document(lambda text: import_bom(text, filename="b.json", labels=LABELS)),
    "spdx": _document(lambda text: import_spdx(text, filename="s.json", labels=LABELS)),
    "mct": _document(lambda text: import_mct(text, filename="m.json", release="a/b@1")),
    "json": _document(lambda text: read_either(text, "e.json", LABELS)),
    "manifest": _document(read_manifest),
    "profile": _document(lambda text: parse_profile(text, "p.toml", LABELS)),
    "condition": _document(lambda text: Condition(text, "x")),
    "cases": _document(lambda text: parse_cases(text, "c.yaml")),
    "rules": _document(lambda text: parse_rules(text.encode())),
    "bundle": _document(lambda text: read_bundle(text, "b.json")),
    "baseline": _document(lambda text: read_baseline(text, "b.json")),
    "ref": _document(parse_ref),
}
"""Parser by name; the name is that of its folder under ``corpus``."""
