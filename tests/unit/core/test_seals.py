"""Sealed records: bytes until somebody looks, and in no other way to be told from a dict."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from exchange.core.seals import Sealed

RECORD = {"a": 1, "b": [1, 2]}

USES: dict[str, Callable[[Any], Any]] = {
    "item": lambda record: record["b"],
    "get": lambda record: record.get("a", 7),
    "get of what is not there": lambda record: record.get("c", 7),
    "in": lambda record: ("a" in record, "c" in record),
    "length": len,
    "truth": bool,
    "order": list,
    "keys": lambda record: list(record.keys()),
    "values": lambda record: list(record.values()),
    "items": lambda record: list(record.items()),
    "copy": dict,
    "unpacked": lambda record: {**record, "c": 3},
    "joined": lambda record: record | {"c": 3},
    "equal": lambda record: (record == RECORD, record == RECORD, record != RECORD, record == {}),
    "text": repr,
    "joined to": lambda record: {"c": 3} | record,
    "deep copy": copy.deepcopy,
    "pickled": lambda record: pickle.loads(pickle.dumps(record)),  # noqa: S301 - our own bytes
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_is_used_like_the_record(use: Callable[[Any], Any]) -> None:
    """Each use alone is what opens it."""
    assert use(Sealed(b"", lambda _raw: dict(RECORD))) == use(RECORD)


def test_it_is_read_once_when_somebody_looks_and_again_once_closed() -> None:
    """What a step does not look into costs nothing."""
    reads = []
    sealed = Sealed(b"raw", lambda raw: reads.append(raw) or dict(RECORD))  # type: ignore[func-returns-value]
    assert (sealed.raw, reads) == (b"raw", [])
    assert (sealed["a"], sealed["b"], reads) == (1, [1, 2], [b"raw"])
    sealed.close()
    assert (sealed["a"], len(reads)) == (1, 2)
    with pytest.raises(KeyError):
        sealed["c"]


def test_what_somebody_has_needs_no_reading() -> None:
    """The record that was just written."""

    def never(_raw: bytes) -> dict[str, Any]:
        raise AssertionError

    assert Sealed(b"", never).filled(RECORD) == RECORD
