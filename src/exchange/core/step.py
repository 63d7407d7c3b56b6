"""The shape of every step: what goes in, what comes out. The batch loop and the processors meet here and nowhere else.

A step is a pure function ``(state, record) -> Result``. It never changes ``state``; it returns the changes. The batch loop
(:mod:`exchange.adapters.lane`) applies them, and writes changes, outputs and the input's position in one Kafka transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One record read from a lane's input partition.

    ``timestamp_ms`` is the broker's append time in milliseconds since the epoch; a step may copy it, never decide by it.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


TOO_LARGE, MALFORMED = "too-large", "malformed"
_UNREADABLE = "exchange-unreadable"


def standing_in(reason: str) -> Headers:
    """The headers of a record without key and value that stands for one nobody could read, with the reason code."""
    return ((_UNREADABLE, reason.encode()),)


def unreadable(record: Record) -> str | None:
    """Why a record could not be read, if it stands for one. Whoever sends such a record himself is refused all the same."""
    if record.key is not None or record.value is not None or len(record.headers) != 1 or record.headers[0][0] != _UNREADABLE:
        return None
    return TOO_LARGE if record.headers[0][1] == TOO_LARGE.encode() else MALFORMED


class Output(NamedTuple):
    """One record to write. ``partition`` is always explicit.

    ``optional`` marks a message to a topic that may not exist (a receipt to a party nobody knows): the shell drops it then.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    optional: bool = False


class State(Protocol):
    """A lane's state, read-only: a mapping from text key to value, with an ordered scan by prefix."""

    def get(self, key: str) -> Any | None: ...

    def scan(self, prefix: str, after: str = "") -> Any:
        """Yield ``(key, value)`` in key order for keys that start with ``prefix`` and are greater than ``after``."""


class News(NamedTuple):
    """One thing a step did, for the log.

    ``what`` is of a closed set (``accepted``, ``refused``, ``decision``, ``notice`` and the kind behind a dot), ``release`` a
    release, line or party, ``seq`` the dossier's number; empty and 0 where there is none.
    """

    what: str
    event_id: str
    release: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What one step did.

    Attributes:
        changes: new value by state key; ``None`` deletes the key.
        outputs: records to write, in order.
        topics: topics that must exist before the outputs are written (the notice topic of a new party).
        more: the same record must be given to the step again before the next one; the state carries how far it got. Such a
            record is worked off in several transactions.
        facts: counters for metrics: a name and its labels' values, each out of a closed set.
        news: what it did, for the log.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[Output] = ()
    topics: Sequence[str] = ()
    more: bool = False
    facts: Sequence[tuple[str, ...]] = ()
    news: Sequence[News] = ()


NOTHING = Result()


@dataclass(frozen=True, slots=True)
class Processor:
    """All the batch loop knows of a processor.

    Attributes:
        name: part of group id, transactional ids, metric labels.
        input_topic: the one topic it reads.
        state_topic: the compacted topic its state is kept in; same partition count as the input.
        step: the pure step.
        broken: called instead when ``step`` raised (other than memory or I/O errors); must not raise. It gets the state, the
            record and the exception, and returns what stands for the record (a dead letter, a quarantined decision).
        encode: state value -> bytes for the state topic.
        decode: the reverse.
        hold: what the state in memory keeps for a key, given its value and the bytes written for it; default: the value.
        drain: work left in the state that needs no new input (a queue); ``None`` from it means nothing is left. Its outputs
            must not depend on how it is interleaved with input records, but for what ``short`` leaves out.
        census: what a state value counts towards, for gauges of what there is: names with labels' values out of closed sets, the
            same one perhaps several times. Deletes count towards nothing.
        timed: topics whose records carry on, in a header, when the cause of it all was published.
        published: when what set a record off was published, in milliseconds since the epoch; None where nobody did.
        queue_prefix: state keys of what ``drain`` works off begin with it.
        short: the same processor, leaving out all that may be left to a later record. What it still puts out shows, on record,
            that the rest was left out and not lost.
        covers: whether what ``short`` leaves out for the first record may be left to the second.
        queue: puts an input record where ``drain`` finds it, without working it off; there is one where there is a drain.
    """

    name: str
    input_topic: str
    state_topic: str
    step: Callable[[State, Record], Result]
    broken: Callable[[State, Record, Exception], Result]
    encode: Callable[[str, Any], bytes]
    decode: Callable[[str, bytes], Any]
    hold: Callable[[str, Any, bytes], Any] | None = None
    drain: Callable[[State], Result | None] | None = None
    queue: Callable[[State, Record], Result] | None = None
    census: Callable[[str, Any], Sequence[tuple[str, ...]]] | None = None
    timed: Collection[str] = ()
    published: Callable[[Record], int | None] | None = None
    queue_prefix: str = ""
    short: Processor | None = None
    covers: Callable[[Record, Record], bool] | None = None
