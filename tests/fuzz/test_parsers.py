"""Every parser against its corpus, against what Hypothesis makes of it, and for a moment against atheris where there is one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("targets", HERE / "targets.py")
assert _SPEC
assert _SPEC.loader
targets: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(targets)

SEEDS = {name: [path.read_bytes() for path in sorted((HERE / "corpus" / name).iterdir())] for name in targets.TARGETS}
FILES = [(name, path) for name in targets.TARGETS for path in sorted((HERE / "corpus" / name).iterdir())]
PIECES = [
    *(
        b"[",
        b"{",
        b'"',
        b"\0",
        b"null",
        b"1e999",
        b"\xff",
        b"-",
        b"\n",
        b"[[",
        b"{}",
        b"[]",
        b"|",
        b"---\n",
        b"&a",
        b"*a",
        b"<<: ",
    ),
    *("未定".encode(), b"\xed\xa0\x80", b"9" * 5000, b"\xfe" * 10, b"\xff\xff\xff\xff\x0f", b"#" * 7, b"'''", b"NaN"),
]


def test_every_parser_has_its_corpus_and_no_other() -> None:
    assert {path.name for path in (HERE / "corpus").iterdir()} == targets.TARGETS.keys()
    assert all(SEEDS.values())


@pytest.mark.parametrize(("name", "path"), FILES, ids=lambda value: value if isinstance(value, str) else value.name)
def test_the_corpus_holds_nothing_that_breaks_its_parser(name: str, path: Path) -> None:
    """Seeds, and each input that once did."""
    targets.TARGETS[name](path.read_bytes())


@st.composite
def spoilt(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Some bytes of the corpus, with some of them changed, cut out, doubled, or others put in; or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 40)))
        how = draw(st.integers(0, 3))
        if how == 0:
            data[at:at] = draw(st.sampled_from(PIECES) | st.binary(max_size=8))
        elif how == 1:
            del data[at:end]
        elif how == 2:
            data[at:at] = data[at:end] * draw(st.integers(1, 30))
        elif at < end:
            data[at] = draw(st.integers(0, 255))
    return bytes(data)


@pytest.mark.parametrize("name", targets.TARGETS)
def test_spoilt_input_ends_in_a_value_or_in_an_error_of_ours(name: str) -> None:
    """Nothing else comes out, whatever goes in."""

    @settings(max_examples=150, deadline=timedelta(seconds=2), suppress_health_check=list(HealthCheck), database=None)
    @given(spoilt(SEEDS[name]))
    def holds(data: bytes) -> None:
        targets.TARGETS[name](data)

    holds()


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed; `make fuzz` installs it")
def test_the_fuzzer_finds_its_targets() -> None:
    """A few seconds on one of them; `make fuzz SECONDS=600` is the long form."""
    command = [sys.executable, str(HERE / "fuzz.py"), "--seconds", "3", "--target", "headers"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["runs"] > 1000
    assert not told["crashes"]
