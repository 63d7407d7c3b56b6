"""exchange.core.codec: what it refuses and how it says so."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.core.codec import Codec
from exchange.core.schemas import SchemaSet
from exchange.core.writer import varint
from exchange.errors import ConfigError, ParseError, TooLargeError, UnknownSchemaError, ValidationError
from exchange.testing.samples import sample

SECRET = "canary-7f3a"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"contact": [SECRET]}, "field contact"),
        ({"stage": SECRET}, "field stage"),
        ({"purpose": {"sumary": SECRET}}, "field purpose"),
        ({"training": {"compute_flop": SECRET}}, "field training"),
        ({SECRET: 1}, "not the fields"),
    ],
)
def test_a_record_that_does_not_fit_is_named_not_quoted(codec: Codec, schemas: SchemaSet, fields: Any, named: str) -> None:
    """The message leads to the field and keeps its content to itself."""
    with pytest.raises(ValidationError, match=named) as caught:
        codec.encode("ModelCard", sample(schemas, "ModelCard") | fields)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_missing_field_takes_its_default(codec: Codec) -> None:
    """Only what has none must be given."""
    value = codec.encode("Party", {"party": "acme", "display_name": "Acme", "roles": ["developer"]})
    assert codec.decode_as("Party", value)["homepage"] is None
    with pytest.raises(ValidationError, match="field display_name"):
        codec.encode("Party", {"party": "acme", "roles": []})


def test_a_time_without_zone_is_refused(codec: Codec) -> None:
    """fastavro would take it as local time, and the bytes would depend on the machine."""
    with pytest.raises(ValidationError, match="time: a time without zone"):
        codec.encode("Tick", {"time": datetime(2026, 1, 1)})
    assert codec.decode(codec.encode("Tick", {"time": datetime(2026, 1, 1, tzinfo=UTC)}))[0] == "Tick"


def test_a_number_must_be_finite(codec: Codec) -> None:
    """What the scan refuses is not written either."""
    with pytest.raises(ValidationError, match="compute_flop: not a finite number"):
        codec.encode("Training", {"compute_flop": float("nan")})


def test_the_frame_decides(codec: Codec, schemas: SchemaSet) -> None:
    """Each wrong frame has its own error."""
    with pytest.raises(ParseError, match="neither"):
        codec.decode(b'{"json": true}')
    with pytest.raises(UnknownSchemaError):
        codec.decode(b"\xc3\x01" + bytes(8))
    with pytest.raises(UnknownSchemaError):
        codec.decode(b"\x00\x00\x00\x00\x01\x02a")
    with pytest.raises(ParseError, match="a Tick where a Subscription belongs"):
        codec.decode_as("Subscription", codec.encode("Tick", sample(schemas, "Tick")))
    assert codec.name_of(codec.encode("Tick", sample(schemas, "Tick"))) == "Tick"


def test_size_comes_first(codec: Codec) -> None:
    """A value beyond the limit is not looked at."""
    with pytest.raises(TooLargeError, match="11 bytes, more than the 10 allowed"):
        codec.decode(bytes(11), limit=10)


def test_trusted_bytes_must_still_be_whole(codec: Codec) -> None:
    """Damage on our own topics is an error too."""
    value = codec.encode("Subscription", {"target": "a/b"})
    for damaged in (value + b"\x00", value[:-1]):
        with pytest.raises(ParseError):
            codec.decode_trusted(damaged)


def test_ids_of_unknown_records_are_a_configuration_error(schemas: SchemaSet) -> None:
    """A registry of another exchange is noticed at the start."""
    with pytest.raises(ConfigError, match="Nonsense"):
        Codec(schemas, ids={1: "Nonsense"})
    with pytest.raises(ValidationError, match="no schema"):
        Codec(schemas).encode("Nonsense", {})


def test_blocks_with_sizes_are_read(codec: Codec, schemas: SchemaSet) -> None:
    """Other writers may split an array into blocks that tell their size."""
    head = codec.encode("Party", sample(schemas, "Party"))[:10]
    value = head + b"\x02a\x02b" + b"\x01\x02\x02" + b"\x02\x04" + b"\x00" + b"\x00\x00\x00"
    assert codec.decode(value)[1]["roles"] == ["developer", "provider"]


def test_what_a_record_carries_sealed_is_bytes_to_others(codec: Codec, schemas: SchemaSet) -> None:
    """A whole framed record inside; the same object is written once, and read back as the same."""
    snapshot = sample(schemas, "Snapshot", full=True)
    message = sample(schemas, "UpstreamMessage", snapshot=snapshot)
    sealed = codec.seal("Snapshot", snapshot)
    assert codec.seal("Snapshot", snapshot) is sealed
    assert sealed in codec.encode("UpstreamMessage", message)
    other = Codec(schemas)
    told = [other.decode_for_step(codec.encode("UpstreamMessage", {**message, "child": child}))[1] for child in ("a", "b")]
    assert told[0]["snapshot"] is told[1]["snapshot"]
    assert told[0]["snapshot"] == snapshot


def test_sealed_bytes_of_a_stranger_are_scanned_too(codec: Codec, schemas: SchemaSet) -> None:
    """Else a length could claim memory from inside."""
    bomb = codec.encode("Party", {"party": "a", "display_name": "b", "roles": []})[:-2] + b"\x80\x80\x80\x80\x08"
    message = sample(schemas, "UpstreamMessage", snapshot=sample(schemas, "Snapshot"))
    inside = codec.seal("Snapshot", message["snapshot"])
    whole = codec.encode("UpstreamMessage", message)
    for forged in (bomb, inside[:-1], inside + b"\0", b""):
        value = whole.replace(varint(len(inside)) + inside, varint(len(forged)) + forged)
        assert value != whole
        with pytest.raises(ParseError):
            codec.decode(value)
