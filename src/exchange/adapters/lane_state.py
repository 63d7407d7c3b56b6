"""A lane's memory and the transaction in the making: pure, no Kafka."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from sortedcontainers import SortedDict

from exchange.core.seals import Sealed
from exchange.core.step import Headers, Output, Processor, Record, Result, State
from exchange.errors import StateError

POSITION_KEY = "__position__"

OPEN = 2000
"""Sealed values of a lane that stay open."""


class LaneState:
    """State of one lane: text key to value, in key order.

    A value that can be bytes again (:class:`exchange.core.seals.Sealed`) is, but for the :data:`OPEN` used last: a hundred
    thousand dossiers take a tenth of the memory that way.
    """

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items: Any = SortedDict(items or {})
        self._open: OrderedDict[int, Sealed] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: str) -> Any | None:
        """Return the value of a key, or None."""
        value = self._items.get(key)
        if value.__class__ is Sealed:
            self._use(value)
        return value

    def _use(self, value: Sealed) -> None:
        self._open[id(value)] = value
        self._open.move_to_end(id(value))
        if len(self._open) > OPEN:
            self._open.popitem(last=False)[1].close()

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, Any]]:
        """Yield ``(key, value)`` in key order for keys that start with ``prefix`` and are greater than ``after``."""
        start = max(prefix, after)
        for key in self._items.irange(start, inclusive=(start != after, True)):
            if not key.startswith(prefix):
                return
            value = self._items[key]
            if value.__class__ is Sealed:
                self._use(value)
            yield key, value

    def following(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield everything behind a key, in key order, without taking it for used."""
        for each in self._items.irange(key, inclusive=(False, True)):
            yield each, self._items[each]

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield everything in key order."""
        yield from self._items.items()

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Take a step's changes over; None deletes."""
        for key, value in changes.items():
            if value is None:
                self._items.pop(key, None)
            else:
                self._items[key] = value
                if value.__class__ is Sealed:
                    self._use(value)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a lane stands, as its state topic tells it.

    Attributes:
        generation: of the journal the state was folded from.
        next: the next input offset.
        rebuilding: the state is being rewritten up to ``next`` and not yet whole.
        touched: topic and partition of every output of the transaction that wrote this position. The position is in the log
            before the outputs are sent, so that whoever finds it knows where the rest of its transaction may lie.
    """

    generation: str
    next: int
    rebuilding: bool = False
    touched: tuple[tuple[str, int], ...] = ()

    def encode(self) -> bytes:
        """Return the position as JSON; :meth:`decode` is the reverse."""
        fields: dict[str, Any] = {"generation": self.generation, "next": self.next}
        if self.rebuilding:
            fields["rebuilding"] = True
        if self.touched:
            fields["touched"] = [list(place) for place in self.touched]
        return json.dumps(fields, sort_keys=True).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Position:
        """Read a position.

        Raises:
            StateError: it is not one.
        """
        try:
            fields = json.loads(raw)
            fields["touched"] = tuple((topic, partition) for topic, partition in fields.get("touched", ()))
            return cls(**fields)
        except (ValueError, TypeError) as error:
            raise StateError("the position record of a lane cannot be read") from error


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one batch and one transaction, so that both stay far below their time-outs.

    Attributes:
        records: input records a transaction.
        writes: outputs and state changes a transaction; one step's own result may go beyond.
        topics: different output topics a transaction.
        bytes: bytes written a transaction.
        message_bytes: the largest output or state value; a step that makes a larger one is broken.
        seconds: time spent in steps a transaction.
    """

    records: int = 500
    writes: int = 2000
    topics: int = 500
    bytes: int = 8 * 1024 * 1024
    message_bytes: int = 2 * 1024 * 1024
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step's result, its state changes encoded, and what the state keeps of them."""

    offset: int | None
    result: Result
    encoded: Mapping[str, bytes | None]
    held: Mapping[str, Any]
    seconds: float
    error: str = ""
    headers: Headers = ()
    published_ms: int | None = None


@dataclass(slots=True)
class Draft:
    """One transaction in the making.

    Attributes:
        next_offset: the position it will commit.
    """

    next_offset: int
    changes: dict[str, bytes | None] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    new_topics: set[str] = field(default_factory=set)
    steps: list[Stepped] = field(default_factory=list)
    records: int = 0
    size: int = 0
    seconds: float = 0.0
    _targets: set[str] = field(default_factory=set)

    def add(self, step: Stepped, outputs: Sequence[Output] | None = None) -> None:
        """Take one step in; ``outputs`` as they are to be written, where that is not how the step made them."""
        self.steps.append(step)
        self.changes.update(step.encoded)
        self.outputs.extend(step.result.outputs if outputs is None else outputs)
        self.new_topics.update(step.result.topics)
        self._targets.update(output.topic for output in step.result.outputs)
        self.size += sum(len(raw or b"") for raw in step.encoded.values())
        self.size += sum(len(output.value or b"") for output in step.result.outputs)
        self.seconds += step.seconds

    def full(self, limits: Limits) -> bool:
        """Say whether it should be committed before more is taken in."""
        return (
            self.records >= limits.records
            or len(self.changes) + len(self.outputs) >= limits.writes
            or len(self._targets) >= limits.topics
            or self.size >= limits.bytes
            or self.seconds >= limits.seconds
        )


def run_step(processor: Processor, state: LaneState, record: Record, limits: Limits) -> Stepped:
    """Give a record to the processor's step; if that raises, what ``broken`` returns stands for it.

    Encoding and sizes count as part of the step, so that a value that cannot be written breaks its own record and no other.

    Raises:
        MemoryError, OSError: the environment is at fault, not the record.
    """
    started = perf_counter()
    error = ""
    try:
        result = processor.step(state, record)
        encoded = _encode(processor, result, limits)
    except (MemoryError, OSError):
        raise
    except Exception as failure:
        error = type(failure).__name__
        result = processor.broken(state, record, failure)
        encoded = _encode(processor, result, limits)
    return Stepped(
        record.offset, result, encoded, _held(processor, result, encoded), perf_counter() - started, error, record.headers
    )


def run_drain(processor: Processor, state: State, limits: Limits) -> Stepped | None:
    """Ask the processor for a piece of drain work; None when nothing is left."""
    if processor.drain is None:
        return None
    started = perf_counter()
    result = processor.drain(state)
    if result is None:
        return None
    encoded = _encode(processor, result, limits)
    headers = result.outputs[0].headers if result.outputs else ()
    return Stepped(None, result, encoded, _held(processor, result, encoded), perf_counter() - started, "", headers)


def _held(processor: Processor, result: Result, encoded: Mapping[str, bytes | None]) -> Mapping[str, Any]:
    hold = processor.hold
    if hold is None:
        return result.changes
    return {key: None if raw is None else hold(key, result.changes[key], raw) for key, raw in encoded.items()}


def _encode(processor: Processor, result: Result, limits: Limits) -> dict[str, bytes | None]:
    encoded = {key: None if value is None else processor.encode(key, value) for key, value in result.changes.items()}
    if POSITION_KEY in encoded:
        raise ValueError(f"{POSITION_KEY} belongs to the loop")
    sizes = [len(raw) for raw in encoded.values() if raw is not None]
    sizes += [len(output.value) for output in result.outputs if output.value is not None]
    if sizes and max(sizes) > limits.message_bytes:
        raise ValueError(f"a value of {max(sizes)} bytes is larger than {limits.message_bytes}")
    return encoded
