"""The repairs of Faust fit the Faust that is installed."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version

import pytest

from exchange.adapters.faust_fixes import PATCHED

PINNED_VERSION = "0.15.3"
PINNED_SOURCE = {
    "F1": "6ef567acf072e46da3fccbccc6d662371f634f622c3d510972d5df81f70ae3ac",
    "F2": "39a2c6c79fc1455a199629912b533458a720c64983bc957420a42feef6593baa",
}


@pytest.mark.parametrize("name", sorted(PATCHED))
def test_patched_source_is_the_one_that_was_read(name: str) -> None:
    """When this fails, see whether Faust repaired it itself; then drop the repair, or fit it and pin the new digest."""
    source = inspect.getsource(PATCHED[name])
    assert version("faust-streaming") == PINNED_VERSION
    assert hashlib.sha256(source.encode()).hexdigest() == PINNED_SOURCE[name]
