"""Where processes that start side by side look for free ports."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest

from exchange.adapters.broker_config import PORT_CEILING, SEARCH_FROM, SEARCH_SPREAD, search_from


def test_neighbours_look_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker, its controller and its workers' ports lie between the beginnings of processes that started together."""
    starts = []
    for pid in range(4000, 4060):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        starts.append(search_from())
    starts.sort()
    assert SEARCH_FROM <= starts[0] < starts[-1] < SEARCH_FROM + SEARCH_SPREAD < PORT_CEILING
    assert min(later - start for start, later in pairwise(starts)) > 20
