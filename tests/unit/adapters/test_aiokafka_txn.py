"""The overrides of aiokafka fit the aiokafka that is installed."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version

from aiokafka.producer import sender as stock

from exchange.adapters.aiokafka_txn import OVERRIDDEN

PINNED_VERSION = "0.14.0"
PINNED_SOURCE = "94dbf79434fb4a2531f2f42f4f5a124765bc28f5d1c8d1b6d84fb232c35374b7"


def test_overridden_source_is_the_one_that_was_read() -> None:
    """When this fails, read what changed in aiokafka's sender, run the broker tests, then pin the new digest."""
    source = "".join(inspect.getsource(function) for function in OVERRIDDEN)
    assert version("aiokafka") == PINNED_VERSION
    assert hashlib.sha256(source.encode()).hexdigest() == PINNED_SOURCE


def test_backoffs_can_be_told_apart() -> None:
    """The mark of CONCURRENT_TRANSACTIONS differs from the ordinary back-off (100 ms)."""
    assert stock.BACKOFF_OVERRIDE != 0.1
