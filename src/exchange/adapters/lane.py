"""One lane: one input partition, one transactional id, one state partition, worked off in transactions.

A lane opens in a fixed order. Its producer starts first: that fences a predecessor and decides its transaction. Only then are
the committed offset and the state read, and both must carry the same position. Then it consumes. After any doubt about a
commit the producer and the state in memory are thrown away and the lane opens anew; nothing is ever retried in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import structlog
from aiokafka import errors as kafka_errors
from aiokafka.structs import TopicPartition

from exchange.adapters import aiokafka_txn
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane_events import (
    BatchCommitted,
    Counted,
    Hook,
    Lag,
    LaneRestored,
    LaneStopped,
    LaneTurn,
    RecordBroken,
    Refolded,
    Replayed,
    StepDone,
    TransactionFailed,
    silent,
)
from exchange.adapters.lane_restore import (
    Restored,
    as_record,
    bounds,
    check_generation,
    encoded,
    hanging,
    refold,
    restore,
)
from exchange.adapters.lane_state import POSITION_KEY, Draft, LaneState, Limits, Position, Stepped, run_drain, run_step
from exchange.adapters.lane_tally import Publications, Tally
from exchange.adapters.lane_topics import TopicBook
from exchange.adapters.room import HasRoom, Pace
from exchange.core.envelope import id_of
from exchange.core.step import Output, Processor, Record
from exchange.core.timing import with_published
from exchange.errors import ConfigError, StateError

OPEN_TIMEOUT_S = 30.0
COMMIT_TIMEOUT_S = 8.0  # below the transaction time-out: what takes longer is in doubt
STOP_TIMEOUT_S = 6.0
IDLE_MS = 1000
PACE_MS = 20
FETCH_PIECE = 50
READ_TIMEOUT_MS = 15_000
BREATHE_S = 0.025  # steps run this long before the event loop (and the group's heartbeat) gets its turn
BACKOFF_S, BACKOFF_MAX_S = 0.2, 10.0
FENCED_WAIT_S = 4.0  # longer than two heartbeats: by then a member that lost the lane has been told so
STATE_WAIT_S = 30.0
LOOK_AGAIN_S = 1.0
DRAIN_RETRY_S = 5.0

FENCED = (kafka_errors.ProducerFenced, kafka_errors.InvalidProducerEpoch)

EnsureTopics = Callable[[Sequence[str]], Awaitable[None]]
ProducerFactory = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class LanePlan:
    """What a lane is built from.

    Attributes:
        processor: what it runs.
        kafka: aiokafka's client settings.
        deployment: first part of group id and transactional id.
        generation: of the journal; state of another one is refused.
        limits: bounds of a batch and a transaction.
        hook: told what happens.
        ensure_topics: makes topics that a step asks for.
        producer: makes a producer from client settings and a transactional id.
        room: says whether the processor behind has room for more drain work.
    """

    processor: Processor
    kafka: Mapping[str, Any]
    deployment: str
    generation: str
    limits: Limits = field(default_factory=Limits)
    hook: Hook = silent
    ensure_topics: EnsureTopics | None = None
    producer: ProducerFactory = aiokafka_txn.OnceProducer
    room: HasRoom | None = None

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.deployment}-{self.processor.name}"


class Lane:
    """One lane at work; :meth:`run` ends only by :meth:`stop` or a state that must not be touched.

    Args:
        plan: what it is built from.
        partition: which lane.
        committed: reads the group's committed offset of the input partition.
        topics: the topics of the cluster, shared by the lanes.
    """

    def __init__(
        self, plan: LanePlan, partition: int, committed: Callable[[TopicPartition], Awaitable[int | None]], topics: TopicBook
    ) -> None:
        self.plan = plan
        self.partition = partition
        self._committed = committed
        self._topics = topics
        self._input = TopicPartition(plan.processor.input_topic, partition)
        self._who = (plan.processor.name, partition)
        self._log = structlog.get_logger(__name__).bind(processor=plan.processor.name, lane=partition)
        self._free = asyncio.Event()  # not in the middle of a batch
        self._free.set()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._disagreed = False
        self._backoff = BACKOFF_S
        self._counting: asyncio.Task[None] | None = None
        self._reset()

    def _reset(self) -> None:
        self._producer: Any = None
        self._consumer: Any = None
        self._state = LaneState()
        self._pending: deque[Record] = deque()
        self._next = 0
        self._bounds = (0, 0)
        self._may_drain = False
        self._drain_after = 0.0
        self._pace = Pace(self.plan.room)
        if self._counting is not None:
            self._counting.cancel()
        self._counting = None
        self._tally: Tally | None = None
        self._publications = Publications(self.plan.processor.queue_prefix)

    # -- life

    def start(self, on_fatal: Callable[[StateError], None]) -> None:
        """Run the lane in the background; ``on_fatal`` hears of a state that must not be touched."""
        self._task = asyncio.create_task(self._run(on_fatal), name=f"lane-{self.plan.group}-{self.partition}")

    async def stop(self, timeout: float = STOP_TIMEOUT_S) -> None:
        """Finish the batch in flight if ``timeout`` seconds allow, abort it otherwise, and close.

        An aborted batch is repeated whole by whoever opens the lane next.
        """
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._free.wait()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._closing is not None:
            await asyncio.wait({self._closing}, timeout=timeout)

    async def _run(self, on_fatal: Callable[[StateError], None]) -> None:
        while not self._stopping:
            self.plan.hook(LaneTurn(*self._who))
            try:
                await self._open()
                await self._work()
                self._tell_stopped("revoked")
            except asyncio.CancelledError:
                self._tell_stopped("revoked")
                raise
            except _ForeignGenerationError as error:
                on_fatal(error)
                return
            except Exception as error:
                wait = self._after(error)
                await self._close()
                await asyncio.sleep(wait)
            finally:
                self._free.set()
                await self._close()

    def _after(self, error: Exception) -> float:
        """Say why the lane closes and return the seconds to wait before it opens anew."""
        if isinstance(error, FENCED):
            reason, wait = "fenced", FENCED_WAIT_S
        elif isinstance(error, StateError):
            reason, wait = "state", LOOK_AGAIN_S if isinstance(error, _LookAgainError) else STATE_WAIT_S
        elif isinstance(error, aiokafka_txn.DoubtfulTransactionError):
            reason, wait = "doubt", self._next_backoff()
        else:
            reason, wait = "environment", self._next_backoff()
        note = error.message if isinstance(error, StateError | ConfigError) else ""
        at = _place(error)
        self._log.warning("lane closes", reason=reason, error=type(error).__name__, at=at, note=note, wait_s=wait)
        self._tell_stopped(reason)
        return wait

    def _next_backoff(self) -> float:
        wait, self._backoff = self._backoff, min(self._backoff * 2, BACKOFF_MAX_S)
        return wait

    def _tell_stopped(self, reason: str) -> None:
        self.plan.hook(LaneStopped(*self._who, reason=reason))

    async def _close(self) -> None:
        producer, consumer = self._producer, self._consumer
        self._reset()
        if producer is not None or consumer is not None:
            self._closing = asyncio.create_task(_shut(producer, consumer))
            # a lane stopped while it closes still closes, and what closing raises must not end a lane that goes on
            await asyncio.wait({self._closing})

    # -- opening

    async def _open(self) -> None:
        started = perf_counter()
        committed, restored = await self._take_over()
        self._state = restored.state
        self._next = await self._agree(committed, restored)
        self._consumer.assign([self._input])
        self._consumer.seek(self._input, self._next)
        self._may_drain = self.plan.processor.drain is not None
        self._disagreed = False
        seconds = perf_counter() - started
        if self.plan.hook is not silent:
            self._tally = Tally(self.plan.processor)
        self.plan.hook(LaneRestored(*self._who, keys=len(self._state), next_offset=self._next, seconds=seconds))
        if self._tally is not None:
            self._counting = asyncio.create_task(self._tally.begin(self._state, self._tell_counts))

    async def _take_over(self) -> tuple[int | None, Restored]:
        """Become the lane's only writer; the committed offset and what the state topic holds."""
        plan = self.plan
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            # 1. fence the predecessor: from here on nobody else can commit for this lane
            self._producer = plan.producer(
                plan.kafka, f"{plan.group}-{self.partition}", max_request_size=plan.limits.message_bytes + 65536
            )
            await self._producer.start()
            # 2. end what a broker may have left of the predecessor's last transaction
            await self._end_hanging()
            # 3. only now is the committed offset final
            committed = await self._committed(self._input)
        self._consumer = self._make_consumer()
        await self._consumer.start()
        # asked before anything is read: once a fetch waits for news, every question on its connection waits with it
        self._bounds = await bounds(self._consumer, self._input)
        restored = await restore(self._consumer, plan.processor, self.partition, partial(self._tell_replay, "restore"))
        _refuse_foreign(restored.position, plan, self.partition)
        return committed, restored

    async def _end_hanging(self) -> None:
        """Abort a transaction whose markers the broker never wrote.

        A coordinator that resigns while a partition has no leader logs a transaction as complete and skips its markers ("these
        partitions are likely deleted already"; seen on Kafka 4.4.0 in a controlled shutdown of the only replica). Its records
        then hang, and the next commit of this producer on the same partition would commit them. Nobody has read them: they are
        aborted, everywhere at once, and the lane does their work again (docs/adr/0006).
        """
        processor, plan = self.plan.processor, self.plan
        state = TopicPartition(processor.state_topic, self.partition)
        consumer = self._make_consumer(isolation="read_uncommitted")
        try:
            await consumer.start()
            places = await hanging(consumer, self._make_consumer, state)
            if places:
                known = [place for place in places if await self._topics.has(place, self._producer.client)]
                self._log.error("a broker left a transaction hanging; aborting it", partitions=len(known))
                self.plan.hook(TransactionFailed(*self._who, outcome="hanging"))
                await self._producer.abort_on(known, {self._input: 0}, plan.group)
        finally:
            await consumer.stop()

    def _make_consumer(self, isolation: str = "read_committed") -> Any:
        settings = {
            "isolation_level": isolation,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",  # an offset that is not there is an error, never a jump
            "request_timeout_ms": READ_TIMEOUT_MS,
            "max_partition_fetch_bytes": self.plan.limits.message_bytes + 1024 * 1024,
        }
        return Consumer(**{**self.plan.kafka, **settings}, group_id=None)

    async def _agree(self, committed: int | None, restored: Restored) -> int:
        """Return the next input offset; state and group must name the same one, or the lane is folded again."""
        position = restored.position
        first, _ = self._bounds
        if position is None and committed is None and not len(restored.state):
            return first
        if position is not None and not position.rebuilding and position.next == committed:
            self._check_reach(position.next)
            return position.next
        if not self._disagreed:  # once may be the moment between two commits of a dying cluster; twice is a fact
            self._disagreed = True
            raise _LookAgainError(f"state and committed offset of {self._who} disagree; looking again")
        return await self._fold_again(committed, restored, first)

    def _check_reach(self, wanted: int) -> None:
        first, end = self._bounds
        if not first <= wanted <= end:
            raise StateError(
                f"lane {self._who} stands at offset {wanted}, its input log holds {first} to {end}",
                hint="Records were lost or the log was replaced; restore it from a backup. The lane never skips.",
            )

    async def _fold_again(self, committed: int | None, restored: Restored, first: int) -> int:
        """Make state and committed offset one again.

        The state's own position is believed where there is one: it was written in one transaction with the outputs, and nobody
        but this lane writes it, whereas tools move a group's offset. Going by the larger of the two could skip records.
        """
        position, plan = restored.position, self.plan
        target = position.next if position is not None else committed or 0
        whole = first == 0
        if not whole and (position is None or position.rebuilding):
            raise StateError(
                f"lane {self._who} has no usable state and its input log begins at {first}",
                hint="Restore the input log from a backup; the state cannot be made from half a log.",
            )
        self._check_reach(target)
        carried = position.next if position is not None else None
        self._log.error("state and committed offset disagree", committed=committed, position=carried, target=target)
        records, same = 0, False
        if whole:
            tell = partial(self._tell_replay, "refold")
            folded = await refold(self._consumer, plan.processor, self.partition, target, restored.state, tell)
            self._state, records, same = folded.state, folded.records, folded.same
        await self._rewrite(restored.state, target)
        self._log.error("lane folded again", records=records, same=same, next_offset=target)
        report = Refolded(
            *self._who,
            committed=committed,
            position=carried,
            next_offset=target,
            records=records,
            same=same,
        )
        plan.hook(report)
        return target

    async def _rewrite(self, found: LaneState, target: int) -> None:
        """Write the whole state anew; a position marked ``rebuilding`` stands until the last transaction."""
        writes: dict[str, bytes | None] = {key: None for key, _ in found.items() if self._state.get(key) is None}
        writes.update(encoded(self.plan.processor, self._state))
        draft = Draft(target)
        for key, value in writes.items():
            draft.changes[key] = value
            draft.size += len(value or b"")
            if draft.full(self.plan.limits):
                await self._transact(draft, [], rebuilding=True)
                draft = Draft(target)
        await self._transact(draft, [])

    # -- working

    async def _work(self) -> None:
        input_turn = True
        while not self._stopping:
            self.plan.hook(LaneTurn(*self._who))
            drain = self._drain_due() and await self._pace.may_go_on(self._behind())
            if not self._pending:
                await self._fetch(0 if drain else PACE_MS if self._drain_due() else IDLE_MS)
            if self._pending and (input_turn or not drain):
                await self._batch(self._take_input)
                input_turn = False
            elif drain:
                await self._batch(self._take_drain)
                input_turn = True
            else:
                input_turn = True

    def _drain_due(self) -> bool:
        return self._may_drain and perf_counter() >= self._drain_after

    def _behind(self) -> int:
        """Input records that wait in this lane."""
        return max(0, (self._consumer.highwater(self._input) or 0) - self._next)

    async def _fetch(self, wait: int) -> None:
        most, room = self.plan.limits.records, self.plan.limits.bytes
        while len(self._pending) < most and room > 0:  # in pieces: 500 records of the largest kind would be a gigabyte
            piece = min(FETCH_PIECE, most - len(self._pending))
            got = await self._consumer.getmany(self._input, timeout_ms=0 if self._pending else wait, max_records=piece)
            records = [as_record(record) for record in got.get(self._input, ())]
            if not records:
                break
            self._pending.extend(records)
            room -= sum(len(record.value or b"") for record in records)
        if not self._pending and not wait:
            await asyncio.sleep(0)
        if not self._pending and wait:
            await self._tell_lag()

    async def _batch(self, take: Callable[[Draft], Awaitable[None]]) -> None:
        """Make one transaction from steps and commit it; the lane cannot be stopped politely in between."""
        started = perf_counter()
        self._free.clear()
        draft = Draft(self._next)
        await take(draft)
        if draft.steps:
            await self._commit(draft, started)
        self._free.set()

    async def _take_input(self, draft: Draft) -> None:
        breath = perf_counter()
        while self._pending and not draft.full(self.plan.limits):
            record = self._pending[0]
            step = self._timed(run_step(self.plan.processor, self._state, record, self.plan.limits), record)
            if step.error:
                self._log.error("a record broke its step", offset=record.offset, event_id=id_of(record.headers), error=step.error)
                self.plan.hook(RecordBroken(*self._who, offset=record.offset, error=step.error))
            self._absorb(draft, step)
            if step.result.more:  # the position stays at this record; the state carries how far it got
                draft.next_offset = record.offset
                return
            self._pending.popleft()
            draft.records += 1
            draft.next_offset = record.offset + 1
            if perf_counter() - breath > BREATHE_S:
                await asyncio.sleep(0)
                breath = perf_counter()

    async def _take_drain(self, draft: Draft) -> None:
        while not draft.full(self.plan.limits):
            try:
                step = run_drain(self.plan.processor, self._state, self.plan.limits)
            except (MemoryError, OSError):
                raise
            except Exception as error:
                self._log.error("drain work raised", error=type(error).__name__)
                self.plan.hook(RecordBroken(*self._who, offset=None, error=type(error).__name__))
                self._drain_after = perf_counter() + DRAIN_RETRY_S
                return
            if step is None:
                self._may_drain = False
                return
            self._absorb(draft, step)
            if self.plan.room is not None:  # a step a transaction: what is behind is asked between
                return
            await asyncio.sleep(0)

    def _timed(self, step: Stepped, record: Record) -> Stepped:
        """The step with the time its cause was published."""
        published = self.plan.processor.published
        return step if published is None else replace(step, published_ms=published(record))

    def _absorb(self, draft: Draft, step: Stepped) -> None:
        if self._tally is not None:
            self._tally.move(self._state, step.result.changes)
        self._state.apply(step.held)
        step = self._publications.stamp(step)
        draft.add(step, [self._carrying(output, step.published_ms) for output in step.result.outputs])

    def _carrying(self, output: Output, published_ms: int | None) -> Output:
        """The output as it is written: inside the exchange, with the time its cause was published in a header."""
        return with_published(output, published_ms) if output.topic in self.plan.processor.timed else output

    # -- committing

    async def _commit(self, draft: Draft, started: float) -> None:
        begun = perf_counter()
        if draft.new_topics:
            await self._make_topics(sorted(draft.new_topics))
        outputs = [output for output in draft.outputs if await self._topics.wanted(output, self._producer.client)]
        await self._transact(draft, outputs)
        ended = perf_counter()
        self._next = draft.next_offset
        self._backoff = BACKOFF_S
        if draft.changes:
            self._may_drain = self.plan.processor.drain is not None
        for step in draft.steps:
            done_step = StepDone(
                *self._who,
                offset=step.offset,
                seconds=step.seconds,
                facts=step.result.facts,
                published_ms=step.published_ms,
                headers=step.headers,
                news=step.result.news,
            )
            self.plan.hook(done_step)
        done = BatchCommitted(
            *self._who,
            records=draft.records,
            outputs=len(outputs),
            changes=len(draft.changes),
            dropped=len(draft.outputs) - len(outputs),
            seconds=ended - started,
            commit_seconds=ended - begun,
            next_offset=self._next,
        )
        self.plan.hook(done)
        self._tell_counts()
        await self._tell_lag()

    async def _make_topics(self, names: Sequence[str]) -> None:
        missing = [name for name in names if not self._topics.knows(name)]
        if not missing:
            return
        if self.plan.ensure_topics is None:
            raise ConfigError(f"{self.plan.processor.name} asks for new topics, but the loop was given no way to make them")
        await self.plan.ensure_topics(missing)
        await self._topics.refresh(self._producer.client)

    async def _transact(self, draft: Draft, outputs: Sequence[Output], *, rebuilding: bool = False) -> None:
        """Write state, outputs, position and offset in one transaction, tried once."""
        plan = self.plan
        touched = tuple(sorted({(output.topic, output.partition) for output in outputs}))
        position = Position(plan.generation, draft.next_offset, rebuilding, touched).encode()
        topic, lane = plan.processor.state_topic, self.partition
        first = [
            *(Output(topic, lane, key.encode(), value) for key, value in draft.changes.items()),
            Output(topic, lane, POSITION_KEY.encode(), position),
        ]
        outcome: str | None = "doubt"
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._producer.transact(first, outputs, {self._input: draft.next_offset}, plan.group)
            outcome = None
        except FENCED:
            outcome = "fenced"
            raise
        except asyncio.CancelledError:
            outcome = "interrupted"
            raise
        finally:
            if outcome is not None:
                plan.hook(TransactionFailed(*self._who, outcome=outcome))

    async def _tell_lag(self) -> None:
        end = self._consumer.highwater(self._input)
        if end is not None:
            here = self._pending[0].offset if self._pending else await self._consumer.position(self._input)
            oldest = self._pending[0].timestamp_ms if self._pending else None
            self.plan.hook(Lag(*self._who, records=max(0, end - here), oldest_ms=oldest))

    def _tell_counts(self) -> None:
        if self._tally is not None and (news := self._tally.news()):
            self.plan.hook(Counted(*self._who, counts=news))

    def _tell_replay(self, work: str, done: int, whole: int) -> None:
        self.plan.hook(Replayed(*self._who, work=work, done=done, whole=whole))


def _place(error: Exception) -> str:
    """The function and line that raised: all that a log may say of an error whose text could quote a record."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].name}:{frames[-1].lineno}" if frames else ""


async def _shut(producer: Any, consumer: Any) -> None:
    if producer is not None:
        await producer.discard()
    if consumer is not None:
        with contextlib.suppress(TimeoutError, kafka_errors.KafkaError, OSError):
            async with asyncio.timeout(aiokafka_txn.CLOSE_TIMEOUT_S):
                await consumer.stop()


class _LookAgainError(StateError):
    """State and committed offset disagreed for the first time."""


class _ForeignGenerationError(StateError):
    """The one state error that no waiting can cure."""


def _refuse_foreign(position: Position | None, plan: LanePlan, partition: int) -> None:
    try:
        check_generation(position, plan.generation, f"{plan.group}-{partition}")
    except StateError as error:
        raise _ForeignGenerationError(error.message, hint=error.hint) from error
