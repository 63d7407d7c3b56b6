"""A worker that kills itself with -9 at a named point: ``python -m exchange.testing.faults.dying dossier state.after 3``.

The points lie before and after each thing a lane does to Kafka: taking over from its predecessor, writing its state and position,
writing its outputs, handing its offset to the transaction, committing. ``commit.sent`` is between the commit and its answer.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.core.step import Output
from exchange.settings import Settings
from exchange.workers import processor_app, run

POINTS = (
    "start.before",
    "start.after",
    "state.before",
    "state.after",
    "outputs.before",
    "outputs.after",
    "offsets.before",
    "offsets.after",
    "commit.before",
    "commit.sent",
    "commit.after",
)
"""In the order in which a lane comes by them."""
SENT_S = 0.001
"""By then the request is on its way, and mostly not answered yet."""


class Fuse:
    """Ends this process at its point.

    Args:
        point: one of :data:`POINTS`.
        passages: at which time it is come by, all lanes together.
    """

    def __init__(self, point: str, passages: int) -> None:
        self._point, self._left = point, passages

    def __call__(self, point: str) -> None:
        """Somebody came by a point."""
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class DyingProducer(OnceProducer):
    """A lane's producer that tells its fuse where it is."""

    def __init__(self, fuse: Fuse, kafka: Mapping[str, Any], transactional_id: str, **options: Any) -> None:
        super().__init__(kafka, transactional_id, **options)
        self._fuse = fuse

    async def start(self) -> None:
        """Take over."""
        self._fuse("start.before")
        await super().start()
        self._fuse("start.after")

    async def write_first(self, writes: Sequence[Output]) -> None:
        """State and position."""
        self._fuse("state.before")
        await super().write_first(writes)
        self._fuse("state.after")

    async def write_then(self, writes: Sequence[Output]) -> None:
        """Outputs."""
        self._fuse("outputs.before")
        await super().write_then(writes)
        self._fuse("outputs.after")

    async def hand_offsets(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        """The input's position."""
        self._fuse("offsets.before")
        await super().hand_offsets(offsets, group)
        self._fuse("offsets.after")

    async def commit(self) -> None:
        """The end of the transaction."""
        self._fuse("commit.before")
        committing = asyncio.ensure_future(super().commit())
        await asyncio.sleep(SENT_S)
        self._fuse("commit.sent")
        await committing
        self._fuse("commit.after")


def build(name: str, fuse: Fuse, settings: Settings) -> Any:
    """The Faust app of a processor whose lanes carry the fuse."""
    return processor_app(name, settings, producer=partial(DyingProducer, fuse))


if __name__ == "__main__":
    run(partial(build, sys.argv[1], Fuse(sys.argv[2], int(sys.argv[3]))))
