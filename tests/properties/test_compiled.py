"""The readers and writers in C and those in Python are one thing twice: the same values, bytes and refusals."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.adapters.resources import load_schema_texts
from exchange.core import compiled, reader, writer
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.errors import ConfigError, DocumentError, ValidationError
from exchange.testing.readings import readings
from exchange.testing.strategies import records

try:
    from exchange.core import _avro
except ImportError:
    if shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]):
        raise  # there is a compiler: not built is broken
    pytest.skip("no C compiler: the readers and writers in Python serve", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = SchemaSet.from_texts(load_schema_texts())
NAMED = {f"{NAMESPACE}.{name}": schema for name, schema in SCHEMAS.raw.items()}


def seal(name: str, record: Any) -> bytes:
    """Stands for the codec's: the bytes of what is sealed."""
    return json.dumps([name, record], default=str, sort_keys=True).encode()


@cache
def readers(name: str) -> tuple[Callable[[bytes, int], tuple[Any, int]], ...]:
    """In Python and in C."""
    return tuple(each.compile_reader(SCHEMAS.raw[name], NAMED) for each in (reader, _avro))


@cache
def writers(name: str) -> tuple[Callable[[Any, bytearray], None], ...]:
    """In Python and in C."""
    return tuple(each.compile_writer(SCHEMAS.raw[name], NAMED, seal) for each in (writer, _avro))


def read(name: str, raw: bytes, start: int = 0) -> list[str]:
    """What each makes of the bytes: the value with its types, or that it refused them."""
    return readings(readers(name), raw, start)


def write(name: str, value: Any) -> list[Any]:
    """What each writes, or that it refused the value, and what it told of it."""
    found = []
    for one in writers(name):
        out = bytearray(b"head")
        try:
            one(value, out)
        except ValidationError as error:
            found.append(error.explain())
        except Exception:
            found.append("refused")
        else:
            found.append(bytes(out))
    return found


def test_it_was_built_from_the_source_that_is_here() -> None:
    """Else `make` builds it again; and it is what the codec uses."""
    assert hashlib.sha256((ROOT / "src/exchange/core/_avro.pyx").read_bytes()).hexdigest() == _avro.SOURCE
    assert compiled.IN_C
    assert compiled.compile_reader is _avro.compile_reader


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=25)
@given(data=st.data())
def test_they_write_and_read_the_same(name: str, data: st.DataObject) -> None:
    """Whole records, from anywhere in the bytes."""
    value = data.draw(records(SCHEMAS, name))
    python, c = write(name, value)
    assert python == c
    assert isinstance(c, bytes)
    python, c = read(name, c + b"rest", 4)
    assert python == c
    assert c != "refused"


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_they_refuse_the_same_bytes(name: str, data: st.DataObject) -> None:
    """Cut off anywhere; any of the first bytes changed, or odd ones put in before it. No read goes beyond the end."""
    raw = write(name, data.draw(records(SCHEMAS, name)))[1][4:]
    for at in range(min(len(raw), 200)):
        for damaged in (raw[:at], *(raw[:at] + odd + raw[at + 1 :] for odd in ODD_BYTES)):
            python, c = read(name, damaged)
            assert python == c


ODD_BYTES = [
    *(bytes([byte]) for byte in (0, 1, 2, 3, 4, 5, 126, 127, 200, 201)),
    *(b"\xff" * 9 + b"\x01", b"\xfe" + b"\xff" * 8 + b"\x01", b"\xff" * 9 + b"\x02", b"\x80" * 11, b"\x84\x00", b"\xc0\x80"),
]


class Text(str):
    """A text all the same."""


ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1 << 31,
        -(1 << 31) - 1,
        1 << 63,
        -(1 << 63),
        -(1 << 63) - 1,
        10**400,
        1.5,
        float("nan"),
        float("-inf"),
    ),
    *(
        "",
        "x",
        "\ud800",
        "unknown",
        Text("x"),
        b"",
        b"\0",
        bytearray(b"x"),
        [],
        (),
        {},
        {"a": 1},
        {1: 2},
        [None],
        ("x",),
        {"x"},
        range(2),
    ),
    *(datetime(2026, 1, 1), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), date(2024, 2, 29)),
    *(
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2, microseconds=1))),
    ),
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value where another one can be put."""
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@pytest.mark.parametrize("name", sorted(SCHEMAS.records))
@settings(max_examples=40)
@given(data=st.data())
def test_they_refuse_the_same_values(name: str, data: st.DataObject) -> None:
    """Something odd somewhere, a field too many or too few; and they say the same of it."""
    value = copy.deepcopy(data.draw(records(SCHEMAS, name)))
    holder, key = data.draw(st.sampled_from(list(places(value)) or [(value, "more")]))
    if data.draw(st.integers(0, 4)) and key in (holder if isinstance(holder, dict) else range(len(holder))):
        holder[key] = data.draw(st.sampled_from(ODD))
    elif isinstance(holder, dict):
        data.draw(st.sampled_from([lambda: holder.pop(key, None), lambda: holder.update(more=1)]))()
    python, c = write(name, value)
    assert python == c


KINDS: list[Any] = [
    *("null", "boolean", "int", "long", "double", "string", "bytes", ["null", "string"], ["string", "null"], ["null", "boolean"]),
    *(
        {"type": "array", "items": "int"},
        {"type": "map", "values": "int"},
        {"type": "enum", "name": "E", "symbols": ["x", "unknown"]},
    ),
    *({"type": "long", "logicalType": "timestamp-millis"}, {"type": "int", "logicalType": "date"}),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_they_refuse_the_same_single_values(kind: Any) -> None:
    """Every type with everything odd."""
    schema = {"type": "record", "name": "S", "fields": [{"name": "f", "type": kind}]}
    python, c = (each.compile_writer(schema, {}, seal) for each in (writer, _avro))
    accepted = 0
    for odd in ODD:
        found = []
        for one in (python, c):
            out = bytearray()
            try:
                one({"f": odd}, out)
            except Exception as error:
                found.append(error.explain() if isinstance(error, DocumentError) else "refused")
            else:
                found.append(out)
                accepted += 1
        assert found[0] == found[1], odd
    assert accepted


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30))])))
def test_every_time_is_the_same_number(time: datetime) -> None:
    """From year 1 to 9999, before and after 1970, in leap years and out of them."""
    python, c = write("Tick", {"time": time})
    assert python == c
    python, c = read("Tick", c[4:])
    assert python == c


@pytest.mark.parametrize(
    "raw",
    [b"\xfe" + b"\xff" * 8 + b"\x01", b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x02", b"\xff" * 9 + b"\x03", b"\x80" * 10 + b"\0"],
)
def test_the_largest_numbers(raw: bytes) -> None:
    """64 bits and no more."""
    schema = {"type": "record", "name": "N", "fields": [{"name": "n", "type": "long"}]}
    found = []
    for each in (reader, _avro):
        try:
            found.append(each.compile_reader(schema, {})(raw, 0))
        except ValueError:
            found.append("refused")
    assert found[0] == found[1]
    assert (found[1] == "refused") == (raw[9] > 1 or len(raw) > 10)


@given(st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([253_402_300_800_000, 253_402_300_799_999, -62_135_596_800_001]))
def test_a_time_beyond_the_calendar_is_refused(number: int) -> None:
    """As Python does."""
    python, c = read("Tick", writer.varint(number))
    assert python == c
    assert (c == "refused") == (not -62_135_596_800_000 <= number < 253_402_300_800_000)


def test_a_value_that_does_not_fit_appends_nothing() -> None:
    """What was there before stays as it was."""
    out = bytearray(b"head")
    with pytest.raises(KeyError):
        writers("Party")[1]({"party": "a", "display_name": "b", "roles": ["no such role"]}, out)
    assert out == b"head"


RECURSIVE: dict[str, Any] = {"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "exchange.v1.R"]}]}


@pytest.mark.parametrize(
    "kind", [["null", "string", "long"], ["string", "long"], {"type": "fixed", "name": "F", "size": 4}, "float", "exchange.v1.R"]
)
def test_a_schema_it_does_not_know_is_refused(kind: Any) -> None:
    """When it is loaded, not when a record comes; a recursive one before it takes the whole stack."""
    schema = {"type": "record", "name": "S", "fields": [{"name": "f", "type": kind}]}
    named = {"exchange.v1.R": RECURSIVE}
    with pytest.raises(ConfigError):
        _avro.compile_reader(schema, named)
    with pytest.raises(ConfigError):
        _avro.compile_writer(schema, named, seal)


@pytest.mark.parametrize("wrong", [(bytearray(b"\0"), 0), (b"\0", -1), (b"\0", 2), ("\0", 0), (b"\0",), (None, 0)])
def test_it_reads_bytes_from_a_place_that_is_there(wrong: tuple[Any, ...]) -> None:
    """Anything else is an exception, not memory of somebody else's."""
    with pytest.raises((TypeError, ValueError)):
        readers("Tick")[1](*wrong)


def test_without_it_everything_goes_on_in_python() -> None:
    """The codec's laws and some simulated seeds, in a process that does not find what was compiled."""
    tests = ["tests/unit/test_codec.py", "tests/properties/test_codec.py", "tests/unit/core/test_seals.py"]
    program = f"""
import sys
sys.modules["exchange.core._avro"] = None
from exchange.core.compiled import IN_C
from exchange.testing.simulation import simulate
assert not IN_C
for seed in range(8):
    assert not simulate(seed).problems
import pytest
sys.exit(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *{tests!r}]))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=170, check=False, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
