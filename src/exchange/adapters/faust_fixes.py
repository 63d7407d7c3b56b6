"""Two repairs of faust-streaming 0.15.3, for what runs on its agents; ``tests/unit/adapters/test_faust_fixes.py`` pins it.

F1: at the end of recovery Faust resumes the partitions *before* it sets the read position back to the committed offset; what is
fetched in between is dropped from its queue, and later committed over (lost) or in the way of every commit. Here: seek, then
resume.

F2: Faust hands its live set of active partitions to aiokafka's fetcher; when the set empties during the call, aiokafka takes
"none" for "all". Here: a frozen copy, and nothing is fetched when it is empty.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

EMPTY_WAIT_S = 0.1


async def _on_recovery_completed(self: Any, generation_id: int = 0) -> None:
    """Recovery.on_recovery_completed with seek before resume (F1)."""
    consumer = self.app.consumer
    self.log.info("Restore complete!")
    await self.app.on_rebalance_complete.send()
    self._set_recovery_ended()
    callbacks = [
        asyncio.ensure_future(table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table]))
        for table in self.tables.values()
    ]
    if callbacks:
        await asyncio.wait(callbacks)
    assignment = consumer.assignment()
    if self.app.consumer_generation_id != generation_id:
        self.log.warning("Recovery is of an older rebalance")
        return
    if assignment:
        self.log.info("Seek stream partitions to committed offsets.")
        await self._wait(consumer.perform_seek(), timeout=self.app.conf.broker_request_timeout)
    consumer.resume_partitions({tp for tp in assignment if not self._is_changelog_tp(tp)})
    self.completed.set()
    self.app.flow_control.resume()
    consumer.resume_flow()
    await self.app._fetcher.maybe_start()
    self.tables.on_actives_ready()
    if not self.app.assignor.assigned_standbys():
        self.tables.on_standbys_ready()
    self.app.on_rebalance_end()
    self.log.info("Worker ready")


async def _fetch_records(
    self: Any, consumer: Any, active_partitions: Any, timeout: float | None = None, max_records: int | None = None
) -> Any:
    """AIOKafkaConsumerThread._fetch_records with a frozen set of partitions (F2)."""
    if not self.consumer.flow_active:
        return {}
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    if active_partitions is not None:
        active_partitions = frozenset(active_partitions)
        if not active_partitions:
            await asyncio.sleep(min(timeout or EMPTY_WAIT_S, EMPTY_WAIT_S))
            return {}
    with fetcher._subscriptions.fetch_context():
        return await fetcher.fetched_records(active_partitions, timeout=timeout, max_records=max_records)


PATCHED = {
    "F1": Recovery.on_recovery_completed,
    "F2": AIOKafkaConsumerThread._fetch_records,
}
"""What is replaced, as Faust ships it."""


def apply() -> None:
    """Put the repairs in place; doing it again changes nothing."""
    Recovery.on_recovery_completed = _on_recovery_completed  # type: ignore[method-assign]
    AIOKafkaConsumerThread._fetch_records = _fetch_records  # type: ignore[method-assign]
