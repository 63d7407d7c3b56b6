"""What a lane knows beside its state, for whoever listens: sums over the state, and when what waits in it was published.

Both are kept up to date by what changes, so that they cost the same however large the state is. A lane that opens begins its sums
anew, beside its work: what it has not come to yet is not counted, and counted when it comes to it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any

from exchange.adapters.lane_state import LaneState, Stepped
from exchange.core.seals import Sealed
from exchange.core.step import Processor

SLICE_S, PAUSE_S = 0.005, 0.02
"""A fifth of the event loop's time, until it is done."""


class Tally:
    """Sums over one lane's state.

    Args:
        processor: whose ``census`` says what counts; without one there is nothing to sum.
    """

    def __init__(self, processor: Processor) -> None:
        self._census = processor.census
        self._sums: Counter[tuple[str, ...]] = Counter()
        self._moved: set[tuple[str, ...]] = set()
        self._reached: str | None = ""  # counted up to this key; None: to the end

    async def begin(self, state: LaneState, tell: Callable[[], None]) -> None:
        """Sum over a state that goes on changing, a little at a time; what was closed is closed again.

        Args:
            state: of the lane.
            tell: called when there is news.
        """
        while self._census is not None and self._reached is not None:
            self._go_on(state, perf_counter() + SLICE_S)
            tell()
            await asyncio.sleep(PAUSE_S)

    def _go_on(self, state: LaneState, until: float) -> None:
        for key, value in state.following(self._reached or ""):
            again = value.__class__ is Sealed and value.closed
            self._count(key, value, 1)
            if again:
                value.close()
            self._reached = key
            if perf_counter() > until:
                return
        self._reached = None

    def move(self, state: LaneState, changes: Mapping[str, Any]) -> None:
        """Take a step's changes into account; ``state`` is as it was before them."""
        if self._census is None:
            return
        for key, value in changes.items():
            if self._reached is None or key <= self._reached:
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
