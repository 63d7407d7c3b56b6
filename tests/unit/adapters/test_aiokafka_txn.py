"""The overrides of aiokafka fit the aiokafka that is installed."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import version

from aiokafka.producer import sender as stock

from exchange.adapters.aiokafka_txn import OVERRIDDEN

PINNED_VERSION = "0.14.0"
PINNED_SOURCE = "f2fed7dd9cf83f0f0b673ccf4cf6781b7253fbff2416fd8746d02db34f419ee5"


def test_overridden_source_is_the_one_that_was_read() -> None:
    """When this fails, read what changed in aiokafka's sender, run the broker tests, then pin the new digest."""
    source = "".join(inspect.getsource(function) for function in OVERRIDDEN)
    assert version("aiokafka") == PINNED_VERSION
    assert hashlib.sha256(source.encode()).hexdigest() == PINNED_SOURCE


def test_backoffs_can_be_told_apart() -> None:
    """The mark of CONCURRENT_TRANSACTIONS differs from the ordinary back-off (100 ms)."""
    assert stock.BACKOFF_OVERRIDE != 0.1
