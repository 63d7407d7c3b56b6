"""A lane that works nothing off: its state is made anew from its input log, and what its steps put out is compared.

In this order: ``open``, ``compare``, ``write``, ``aclose``. Nothing is written before ``write``, so that all lanes of a processor
can be compared first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from aiokafka import errors as kafka_errors

from exchange.adapters.lane import BACKOFF_S, FENCED, Lane
from exchange.adapters.lane_restore import Restored, bounds, read
from exchange.adapters.lane_state import LaneState
from exchange.adapters.retelling import Retelling
from exchange.core.ledger import Ledger
from exchange.errors import StateError

WRITE_S = 60.0
"""For so long a doubtful write is tried again: a new cluster is not ready at once."""


class LaneRebuild(Lane):
    """One lane under rebuild or restore; its worker must not run.

    Attributes:
        target: the next input offset, once opened.
        retold: what the fold made, once compared.
    """

    _restored = Restored(LaneState(), None)
    target = 0
    retold: Retelling

    async def open(self) -> None:
        """Fence whoever works the lane, and read where it stands.

        Raises:
            StateError: the state is of another generation, or the input log does not reach from 0 to where the lane stands.
        """
        committed, self._restored = await self._take_over()
        position = self._restored.position
        self.target = position.next if position is not None else committed or 0
        first, _ = self._bounds
        if first > 0:
            raise StateError(
                f"the input log of lane {self._who} begins at offset {first}: its state cannot be made from half a log",
                hint="Submissions are kept for a limited time; what intake knows comes back only from a backup.",
            )
        self._check_reach(self.target)

    async def compare(self, ledger: Ledger, done: Callable[[int], None] = lambda _count: None) -> Retelling:
        """Fold the input up to where the lane stands, and compare.

        Args:
            ledger: what the processor put out, for all its lanes.
            done: told the number of records folded since it was told last.
        """
        self.retold = retold = Retelling(self.plan.processor, ledger)
        _, end = await bounds(self._consumer, self._input)
        async for record in read(self._consumer, self._input, 0, min(self.target + 1, end)):
            if record.offset < self.target:
                retold.take(record)
                done(1)
            else:
                retold.begin(record)
        return retold

    @property
    def usable(self) -> bool:
        """Whether the state that was found was whole; a lane that never worked has none."""
        position = self._restored.position
        if position is None:
            return self.target == 0 and not len(self._restored.state)
        return not position.rebuilding

    @property
    def same(self) -> bool:
        """Whether the state that was found is what the fold made."""
        return self.usable and self.retold.agrees(self._restored.state)

    @property
    def lost(self) -> str:
        """The first decision that the state says is told, and that is not on record; empty if there is none."""
        return min((key for key in self.retold.waiting if self._restored.state.get(key) is None), default="")

    async def write(self) -> None:
        """Replace the state by what the fold made, in as many transactions as it takes."""
        await self.replace(self.retold.state, self.target)

    async def replace(self, state: LaneState, target: int) -> None:
        """Replace the state, and commit the input offset that belongs to it.

        Writing a state twice does no harm, so a doubtful transaction is followed by another try, with a new producer.
        """
        deadline = monotonic() + WRITE_S
        while True:
            self._state = state
            try:
                await self._rewrite(self._restored.state, target)
            except FENCED:
                raise
            except (kafka_errors.KafkaError, OSError, TimeoutError):
                if monotonic() > deadline:
                    raise
            else:
                return
            await self._close()
            await asyncio.sleep(BACKOFF_S)
            await self.seize()

    async def seize(self) -> None:
        """Open a lane of an empty cluster: there is nothing to read yet."""
        self._producer = self.plan.producer(
            self.plan.kafka, f"{self.plan.group}-{self.partition}", max_request_size=self.plan.limits.message_bytes + 65536
        )
        await self._producer.start()

    async def aclose(self) -> None:
        """Disconnect."""
        await self._close()
