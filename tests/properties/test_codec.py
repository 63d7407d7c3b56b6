"""Laws of the codec, for every record of the schemas."""

from __future__ import annotations

import copy
import tracemalloc
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.adapters.resources import load_schema_texts
from exchange.core.codec import SUBMISSION_LIMIT, Codec
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.core.seals import compile_opener
from exchange.errors import DocumentError, ParseError
from exchange.testing.strategies import any_record, records

SCHEMAS = SchemaSet.from_texts(load_schema_texts())
WRITE_IDS = {name: number for number, name in enumerate(sorted(SCHEMAS.records))}
CODEC = Codec(SCHEMAS, ids={number: name for name, number in WRITE_IDS.items()})
CONFLUENT = Codec(SCHEMAS, write_ids=WRITE_IDS)
LIMIT = 1 << 20


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=25)
@given(data=st.data())
def test_what_was_encoded_comes_back(name: str, data: st.DataObject) -> None:
    """In both framings, scanned or trusted, and the same bytes again."""
    record = data.draw(records(SCHEMAS, name))
    value = CODEC.encode(name, record)
    assert CODEC.decode(value, limit=LIMIT) == (name, record)
    assert CODEC.decode_trusted(value) == (name, record)
    assert CODEC.decode(CONFLUENT.encode(name, record), limit=LIMIT) == (name, record)
    assert CODEC.encode(name, _turned(record)) == value


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=25)
@given(data=st.data())
def test_the_bytes_are_those_of_fastavro(name: str, data: st.DataObject) -> None:
    """Two writers that share no code; maps in the order of their keys, which fastavro leaves to the dict."""
    record = data.draw(records(SCHEMAS, name))
    written = BytesIO()
    schemaless_writer(written, SCHEMAS.parsed[name], _sorted(_sealed(name, record)), strict_allow_default=True)
    assert CODEC.encode(name, record)[10:] == written.getvalue()


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=10)
@given(data=st.data())
def test_what_is_cut_off_or_goes_on_is_no_trusted_record(name: str, data: st.DataObject) -> None:
    """The reader of our own bytes leans on nobody's scan: damage is an error, never half a record."""
    value = CODEC.encode(name, data.draw(records(SCHEMAS, name)))
    cut = data.draw(st.integers(0, len(value) - 1))
    for damaged in (value[:cut], value + b"\0"):
        with pytest.raises(ParseError):
            CODEC.decode_trusted(damaged)


@given(name=st.sampled_from(sorted(SCHEMAS.records)), body=st.binary(max_size=60))
def test_garbage_is_no_trusted_record_or_one_that_is_written_again(name: str, body: bytes) -> None:
    """Nothing but a ParseError is raised, whatever the bytes are."""
    try:
        found, record = CODEC.decode_trusted(b"\xc3\x01" + SCHEMAS.fingerprints[name] + body)
    except DocumentError:
        return
    assert CODEC.decode_trusted(CODEC.encode(found, record)) == (found, record)


def _sealed(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record with bytes where it carries others sealed."""
    opener = compile_opener(SCHEMAS.raw[name], {f"{NAMESPACE}.{each}": schema for each, schema in SCHEMAS.raw.items()})
    ready = copy.deepcopy(record)
    if opener:
        opener(ready, CODEC.encode)  # type: ignore[arg-type]
    return ready


def _sorted(value: Any) -> Any:
    """Equal, every dict in the order of its keys."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _turned(value: Any) -> Any:
    """Equal, but every dict in the opposite order."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def _reads_or_refuses(value: bytes) -> None:
    """Either a DocumentError of the scan, or a record that survives another round."""
    try:
        name, record = CODEC.decode(value)
    except ParseError as error:
        assert not error.message.startswith("not a "), "the scan let through what fastavro cannot read"
    except DocumentError:
        pass
    else:
        assert CODEC.decode(CODEC.encode(name, record)) == (name, record)


@settings(max_examples=500)
@given(st.binary(max_size=64))
def test_random_bytes_are_refused(value: bytes) -> None:
    """Whatever they are, no other exception comes out."""
    _reads_or_refuses(value)


@settings(max_examples=1000)
@given(name=st.sampled_from(sorted(SCHEMAS.records)), body=st.binary(max_size=64))
def test_random_bodies_never_crash(name: str, body: bytes) -> None:
    """A known frame with anything behind it."""
    _reads_or_refuses(b"\xc3\x01" + SCHEMAS.fingerprints[name] + body)


@settings(max_examples=500)
@given(data=st.data())
def test_damaged_bytes_never_crash(data: st.DataObject) -> None:
    """Valid bytes with some changed, added, or cut off."""
    name, record = data.draw(any_record(SCHEMAS, depth=3))
    value = bytearray(CODEC.encode(name, record))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(10, len(value)))
        cut = data.draw(st.integers(0, 4))
        value[at : at + cut] = data.draw(st.binary(max_size=4))
    _reads_or_refuses(bytes(value))


@pytest.mark.parametrize(
    "body",
    [
        b"\x02a\x02b" + b"\x80\xe1\xeb\x17",  # 25 million roles in 4 bytes
        b"\x02a\x02b" + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x02a\x02b" + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x80" * 10_000,
    ],
)
def test_a_bomb_takes_no_memory(body: bytes) -> None:
    """A length or count is measured against the bytes that are left before anything is built."""
    tracemalloc.start()
    with pytest.raises(ParseError):
        CODEC.decode(b"\xc3\x01" + SCHEMAS.fingerprints["Party"] + body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64_000


def test_the_worst_that_fits_is_bounded() -> None:
    """The largest submission full of the smallest items stays far below what a worker has."""
    body = b"\x02a\x02b" + b"\x80\x80\x0c" + b"\x02" * 98_304 + b"\x00" + b"\x00\x00\x00"
    value = b"\xc3\x01" + SCHEMAS.fingerprints["Party"] + body
    assert len(value) < SUBMISSION_LIMIT
    tracemalloc.start()
    assert len(CODEC.decode(value)[1]["roles"]) == 98_304
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000
