"""A transactional producer that asks once: what aiokafka would repeat in silence ends the producer here.

aiokafka answers a lost EndTxn reply by sending EndTxn again with the same epoch. If the first request was only late, it commits
part of the *next* transaction (the torn transaction of KIP-890; no Python client speaks the protocol that closes it). So after
any doubtful answer this producer fails, and its owner starts a new one, whose epoch fences the late request.

Second change: between transactions the broker answers CONCURRENT_TRANSACTIONS for the few milliseconds in which it writes its
markers. That is a clear "not done, ask again"; aiokafka waits 20 ms then, this sender 1 ms, growing.

Third: one thing at a time. A broker verifies each produce and offset request with the coordinator. While the coordinator is
adding something to the same transaction, or another request of it is being verified, the answer is "not enough replicas" or
"coordinator loading"; aiokafka, which does all at once, then waits 100 ms. Here all partitions are added in one request, then
the records go out, then the group and its offset.

The module overrides internals of aiokafka 0.14; ``tests/unit/adapters/test_aiokafka_txn.py`` fails when they change.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.producer import sender as stock
from aiokafka.structs import TopicPartition

from exchange.core.step import Output

CONCURRENT_WAIT_S = 0.001
CONCURRENT_WAIT_MAX_S = 0.016
CLOSE_TIMEOUT_S = 2.0
DEFAULTS = {
    "request_timeout_ms": 5_000,
    "transaction_timeout_ms": 10_000,
    # a partition's batches go out one after the other: a transaction should need one
    "max_batch_size": 512 * 1024,
}


class DoubtfulTransactionError(kafka_errors.OutOfOrderSequenceNumber):  # type: ignore[misc]
    """It is not known what became of a transactional request; the producer must not be used again.

    A child of OutOfOrderSequenceNumber only because aiokafka's sender lets three error types through unwrapped.
    """


class _Once:
    """Mixin for aiokafka's request handlers: one attempt, and every answer but a plain yes or a definite error is doubt."""

    _sender: Any
    group: Any

    async def do(self, node_id: int) -> bool:
        request = self.create_request()  # type: ignore[attr-defined]
        name = type(self).__name__
        try:
            response = await self._sender.client.send(node_id, request, group=self.group)
        except kafka_errors.KafkaError as error:
            raise DoubtfulTransactionError(f"{name}: {type(error).__name__}") from error
        wait = self.handle_response(response)  # type: ignore[attr-defined]
        if wait is None:
            return True
        if wait == stock.BACKOFF_OVERRIDE:  # CONCURRENT_TRANSACTIONS before anything of this transaction was sent
            await self._sender.concurrent_wait()
            return False
        raise DoubtfulTransactionError(f"{name}: the coordinator asks to repeat")


class AddPartitionsOnce(_Once, stock.AddPartitionsToTxnHandler):  # type: ignore[misc]
    """AddPartitionsToTxn, asked once."""


class AddOffsetsOnce(_Once, stock.AddOffsetsToTxnHandler):  # type: ignore[misc]
    """AddOffsetsToTxn, asked once."""


class TxnOffsetCommitOnce(_Once, stock.TxnOffsetCommitHandler):  # type: ignore[misc]
    """TxnOffsetCommit, asked once."""


class EndTxnOnce(_Once, stock.EndTxnHandler):  # type: ignore[misc]
    """EndTxn, asked once: the one that matters most."""


class ProduceOnce(stock.SendProduceReqHandler):  # type: ignore[misc]
    """Produce, sent once: a batch that was not acknowledged fails."""

    def _can_retry(self, error: Exception, batch: Any) -> bool:
        return False


class OnceSender(stock.Sender):  # type: ignore[misc]
    """aiokafka's sender with the handlers above."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._concurrent = CONCURRENT_WAIT_S

    async def concurrent_wait(self) -> None:
        """Wait for the broker to finish the last transaction, a little longer each time."""
        await asyncio.sleep(self._concurrent)
        self._concurrent = min(self._concurrent * 2, CONCURRENT_WAIT_MAX_S)

    async def _do_add_partitions_to_txn(self, tps: set[TopicPartition]) -> bool:
        node = await self._find_coordinator(stock.CoordinationType.TRANSACTION, self._txn_manager.transactional_id)
        return await AddPartitionsOnce(self, tps).do(node)

    async def _do_add_offsets_to_txn(self, group_id: str) -> bool:
        node = await self._find_coordinator(stock.CoordinationType.TRANSACTION, self._txn_manager.transactional_id)
        return await AddOffsetsOnce(self, group_id).do(node)

    async def _do_txn_offset_commit(self, offsets: Mapping[TopicPartition, Any], group_id: str) -> None:
        if not offsets:
            return
        node = await self._find_coordinator(stock.CoordinationType.GROUP, group_id)
        await TxnOffsetCommitOnce(self, offsets, group_id).do(node)

    async def _do_txn_commit(self, commit_result: Any) -> None:
        await self._message_accumulator.flush_for_commit()
        if self._txn_manager.is_empty_transaction():
            self._txn_manager.complete_transaction()
            return
        node = await self._find_coordinator(stock.CoordinationType.TRANSACTION, self._txn_manager.transactional_id)
        await EndTxnOnce(self, commit_result).do(node)
        self._concurrent = CONCURRENT_WAIT_S

    async def _send_produce_req(self, node_id: int, batches: Mapping[TopicPartition, Any]) -> None:
        await ProduceOnce(self, batches).do(node_id)
        self._in_flight.remove(node_id)
        for partition in batches:
            self._muted_partitions.remove(partition)


OVERRIDDEN = (
    stock.Sender.__init__,
    stock.Sender._do_add_partitions_to_txn,
    stock.Sender._do_add_offsets_to_txn,
    stock.Sender._do_txn_offset_commit,
    stock.Sender._do_txn_commit,
    stock.Sender._send_produce_req,
    stock.Sender._sender_routine,
    stock.Sender._fail_all,
    stock.BaseHandler.do,
    stock.AddPartitionsToTxnHandler.handle_response,
    stock.AddOffsetsToTxnHandler.handle_response,
    stock.TxnOffsetCommitHandler.handle_response,
    stock.EndTxnHandler.handle_response,
    stock.SendProduceReqHandler._can_retry,
    stock.SendProduceReqHandler.do,
    AIOKafkaProducer.__init__,
    AIOKafkaProducer.send_batch,
    AIOKafkaProducer.stop,
)
"""The functions of aiokafka this module replaces or builds on; a test pins their source."""


class OnceProducer:
    """A transactional producer that does whole transactions, each tried once; after any error it must be discarded.

    Args:
        kafka: aiokafka's client settings.
        transactional_id: whose predecessor is fenced by :meth:`start`.
        options: more of aiokafka's producer settings.
    """

    def __init__(self, kafka: Mapping[str, Any], transactional_id: str, **options: Any) -> None:
        self._producer: Any = AIOKafkaProducer(transactional_id=transactional_id, acks="all", **{**DEFAULTS, **kafka, **options})
        old = self._producer._sender
        self._sender = self._producer._sender = OnceSender(
            old.client,
            acks=old._acks,
            txn_manager=old._txn_manager,
            message_accumulator=old._message_accumulator,
            retry_backoff_ms=int(old._retry_backoff * 1000),
            request_timeout_ms=old._request_timeout_ms,
        )

    @property
    def client(self) -> Any:
        """aiokafka's client, for metadata."""
        return self._producer.client

    async def start(self) -> None:
        """Connect, fence the predecessor and wait until its transaction is decided."""
        await self._producer.start()

    async def transact(
        self, first: Sequence[Output], then: Sequence[Output], offsets: Mapping[TopicPartition, int], group: str
    ) -> None:
        """Write records and offsets in one transaction.

        Args:
            first: these are in the log before any of the others is sent.
            then: the other records.
            offsets: input positions to commit.
            group: whose positions they are.

        Raises:
            ProducerFenced: another producer took the id over; nothing of this transaction counts.
            Exception: anything else leaves the outcome in doubt.
        """
        await self._producer.begin_transaction()
        await self._enlist({TopicPartition(write.topic, write.partition) for write in (*first, *then)})
        await self.write_first(first)
        await self.write_then(then)
        await self.hand_offsets(offsets, group)
        await self.commit()

    async def write_first(self, writes: Sequence[Output]) -> None:
        """Step 1 of a transaction."""
        await self._write(writes)

    async def write_then(self, writes: Sequence[Output]) -> None:
        """Step 2 of a transaction."""
        await self._write(writes)

    async def hand_offsets(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        """Step 3 of a transaction."""
        await self._producer.send_offsets_to_transaction(dict(offsets), group)

    async def commit(self) -> None:
        """Step 4 of a transaction."""
        await self._producer.commit_transaction()

    async def abort_on(self, partitions: Collection[TopicPartition], offsets: Mapping[TopicPartition, int], group: str) -> None:
        """Abort a transaction that holds these partitions and the group, and nothing else.

        The broker then writes an abort marker with this producer's epoch to each. That ends what an earlier epoch of the same
        producer left hanging there: records that the coordinator took for done without ever writing their markers.
        """
        await self._begin_on(partitions)
        await self._producer.send_offsets_to_transaction(dict(offsets), group)
        await self._producer.abort_transaction()

    async def fill(self, place: TopicPartition, offsets: int) -> None:
        """Use up offsets of a partition with records nobody reads: an aborted transaction, whose marker takes an offset too."""
        await self._begin_on({place})
        if offsets > 1:
            await self._write([Output(place.topic, place.partition, None, b"")] * (offsets - 1))
        await self._producer.abort_transaction()

    async def discard(self) -> None:
        """Close at once, flushing nothing: right for one in doubt and for one between transactions.

        Connections go first, so that nothing more leaves; aiokafka's own ``stop`` would wait for answers that may never come.
        """
        self._producer._closed = True
        with contextlib.suppress(TimeoutError, kafka_errors.KafkaError, OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._producer.client.close()
        task = self._sender.sender_task
        if task is not None:
            task.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await asyncio.gather(task, return_exceptions=True)

    async def _begin_on(self, partitions: Collection[TopicPartition]) -> None:
        """Begin a transaction that holds these partitions, whether or not anything is written to them."""
        await self._producer.begin_transaction()
        await self._enlist(partitions)
        while self._producer._txn_manager.partitions_to_add():
            if self._sender.sender_task.done():
                raise DoubtfulTransactionError("AddPartitionsOnce: the sender ended")
            await asyncio.sleep(CONCURRENT_WAIT_S)

    async def _enlist(self, partitions: Collection[TopicPartition]) -> None:
        """Have every partition added to the transaction in one request, before any record is there to be sent."""
        await self._learn({partition.topic for partition in partitions})
        for partition in partitions:
            self._producer._txn_manager.maybe_add_partition_to_txn(partition)

    async def _learn(self, topics: Collection[str]) -> None:
        """Have the client know these topics, by one question for all it does not know.

        Asked for one by one, each answer holds every topic known so far: 500 new ones took seven seconds.
        """
        unknown = [topic for topic in topics if self.client.cluster.partitions_for_topic(topic) is None]
        if unknown:
            await self.client.set_topics({*self.client._topics, *unknown})
        for topic in unknown:  # known by now, or asked for again until it is there
            await self.client._wait_on_metadata(topic)

    async def _write(self, writes: Sequence[Output]) -> None:
        """Write records and wait until they are in the log: in whole batches, as a future a record costs more than the record."""
        answers = []
        for (topic, partition), own in _by_partition(writes).items():
            batch = self._producer.create_batch()
            for write in own:
                if not _append(batch, write):
                    answers.append(await self._hand_over(batch, topic, partition))
                    batch = self._producer.create_batch()
                    _append(batch, write)
            answers.append(await self._hand_over(batch, topic, partition))
        await asyncio.gather(*answers)

    async def _hand_over(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        answer.add_done_callback(_seen)
        return answer


def _by_partition(writes: Sequence[Output]) -> dict[tuple[str, int], list[Output]]:
    found: dict[tuple[str, int], list[Output]] = {}
    for write in writes:
        found.setdefault((write.topic, write.partition), []).append(write)
    return found


def _append(batch: Any, write: Output) -> bool:
    """Whether there was room; an empty batch has room for any record."""
    return batch.append(timestamp=None, key=write.key, value=write.value, headers=list(write.headers)) is not None


def _seen(answer: asyncio.Future[Any]) -> None:
    """Mark a failure as seen: the transaction reports it once, not once a record."""
    if not answer.cancelled():
        answer.exception()
