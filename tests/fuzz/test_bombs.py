"""The bombs, each in its parser: refused or read, within seconds, in little memory, and without a word of what it said."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
try:
    _SPEC = importlib.util.spec_from_file_location("bombs", HERE / "bombs.py")
    assert _SPEC
    assert _SPEC.loader
    bombs: Any = importlib.util.module_from_spec(_SPEC)
    _SPEC.loader.exec_module(bombs)
    EXPECTED = {name: outcome for name, (_, outcome) in bombs.bombs().items()}
finally:
    sys.path.remove(str(HERE))

MOST_S, MOST_MB, LONGEST = 5.0, 100, 30_000
HARMLESS_MB = {"more bytes than a submission has": 220, "a text of 50 MB": 120}
"""What the input itself takes."""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What came of each, in one process."""
    if sys.platform != "linux":
        pytest.skip("needs /proc and RLIMIT_AS")
    run = subprocess.run([sys.executable, str(HERE / "bombs.py")], capture_output=True, text=True, timeout=170, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0, (lines[-1:], run.stderr[-2000:])
    return {line["name"]: line for line in lines}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bomb_does_not_go_off(told: dict[str, Any], name: str) -> None:
    """The outcome that is expected, its time of a processor, what the process grew by, and what the error says."""
    line = told[name]
    assert line["outcome"] == EXPECTED[name]
    assert line["seconds"] < MOST_S
    assert line["grown_mb"] <= HARMLESS_MB.get(name, MOST_MB)
    assert line["length"] < LONGEST
    assert not line["quotes"]
