"""What a lane knows beside its state, for whoever listens: sums over the state, and when what waits in it was published.

Both are kept up to date by what changes, so that they cost the same however large the state is; a restore makes the sums anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from exchange.adapters.lane_state import LaneState, Stepped
from exchange.core.seals import Sealed
from exchange.core.step import Processor

BREATHE_S = 0.025


class Tally:
    """Sums over one lane's state.

    Args:
        processor: whose ``census`` says what counts; without one there is nothing to sum.
    """

    def __init__(self, processor: Processor) -> None:
        self._census = processor.census
        self._sums: Counter[tuple[str, ...]] = Counter()
        self._moved: set[tuple[str, ...]] = set()

    async def begin(self, state: LaneState) -> None:
        """Sum over a state as it was restored, with a breath for the event loop now and then; what was closed is closed again."""
        breath = perf_counter()
        for key, value in state.items() if self._census is not None else ():
            self._count(key, value, 1)
            if value.__class__ is Sealed:
                value.close()
            if perf_counter() - breath > BREATHE_S:
                await asyncio.sleep(0)
                breath = perf_counter()

    def move(self, state: LaneState, changes: Mapping[str, Any]) -> None:
        """Take a step's changes into account; ``state`` is as it was before them."""
        if self._census is None:
            return
        for key, value in changes.items():
            self._count(key, state.get(key), -1)
            self._count(key, value, 1)

    def news(self) -> dict[tuple[str, ...], int]:
        """The sums that moved since they were asked for last; a sum that is 0 now comes once more and is then forgotten."""
        found = {count: self._sums[count] for count in self._moved}
        for count, number in found.items():
            if not number:
                del self._sums[count]
        self._moved.clear()
        return found

    def _count(self, key: str, value: Any, times: int) -> None:
        if value is None or self._census is None:
            return
        for count in self._census(key, value):
            self._sums[count] += times
            self._moved.add(count)


class Publications:
    """When what waits in a lane's queue was published, as long as this lane is open. After a restart it is not known any more.

    Args:
        prefix: state keys of what waits begin with it; empty: nothing waits.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._known: dict[str, int] = {}

    def stamp(self, step: Stepped) -> Stepped:
        """The step with the time of publication: its record's, or that of what waited; what begins to wait is remembered."""
        if not self._prefix:
            return step
        published = step.published_ms
        for key, value in step.result.changes.items():
            if not key.startswith(self._prefix):
                continue
            if step.offset is None:
                published = self._known.get(key)
            if value is None:
                self._known.pop(key, None)
            elif published is not None:
                self._known[key] = published
        return step if published == step.published_ms else replace(step, published_ms=published)
