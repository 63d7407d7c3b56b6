"""What one processor has put out, as the topics hold it: each record is found once, by its bytes.

A rebuild compares a fold's outputs with it instead of sending them; a restore finds in it what is still to be sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from exchange.core.admission import ABOUT
from exchange.core.codec import Codec
from exchange.core.schemas import NAMESPACE
from exchange.core.step import Headers, Output, Record
from exchange.core.timing import PUBLISHED_HEADER
from exchange.errors import DocumentError
from exchange.topics import Topics

GENERATION_HEADER = "exchange_generation"
"""On a notice that a restore wrote: the generation it was restored into. Not part of what was said."""

_NOT_SAID = frozenset({GENERATION_HEADER, PUBLISHED_HEADER, "traceparent"})
"""Headers that are not part of what was said: two records may differ in them and be the same. A trace is for looking on; records
of a release that carried none on must still be found."""

BY_OPERATORS = ("LineResumed", "LetterHandled")
"""What operators write among the processors' own records."""

_DERIVED = ("EdgeDeclared", "EdgeDropped", "UpstreamMessage")


Unframe = Callable[[bytes], bytes]


class Entry(NamedTuple):
    """All that makes two records the same."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def entry(each: Output | Record, unframed: Unframe = lambda value: value) -> Entry:
    """An output or a record, as one is compared with the other."""
    headers = tuple(header for header in each.headers if header[0] not in _NOT_SAID)
    return Entry(each.topic, each.partition, each.key, None if each.value is None else unframed(each.value), headers)


class Ledger:
    """Records that one processor put out.

    Args:
        records: in the order of their offsets, partition by partition.
        forgetful: topics of which only the newest part is kept: what is not there is not missed.
        unframed: makes values of either framing comparable (:meth:`exchange.core.codec.Codec.unframed`).
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        forgetful: Collection[str] = (),
        unframed: Unframe = lambda value: value,
    ) -> None:
        self._forgetful, self._unframed = forgetful, unframed
        self._offsets: dict[Entry, deque[int]] = defaultdict(deque)
        self._left = 0
        for record in records:
            self._offsets[entry(record, unframed)].append(record.offset)
            self._left += 1

    def missing(self, outputs: Sequence[Output]) -> list[Output]:
        """Those of the outputs that are not on record (any more); optional ones are never missed."""
        seen: Counter[Entry] = Counter()
        found = []
        for output in outputs:
            this = entry(output, self._unframed)
            seen[this] += 1
            may_miss = output.optional or output.topic in self._forgetful
            if not may_miss and seen[this] > len(self._offsets.get(this, ())):
                found.append(output)
        return found

    def take(self, outputs: Sequence[Output]) -> list[tuple[Output, int]]:
        """Take outputs off the record, those that are on it; each with the offset where it lay."""
        taken = []
        for output in outputs:
            offsets = self._offsets.get(entry(output, self._unframed))
            if offsets:
                taken.append((output, offsets.popleft()))
                self._left -= 1
        return taken

    def left(self) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of what nobody took, in order."""
        if not self._left:
            return []
        return sorted((each.topic, each.partition, offset) for each, offsets in self._offsets.items() for offset in offsets)


def by_processor(records: Iterable[Record], topics: Topics, codec: Codec, forgetful: Collection[str] = ()) -> dict[str, Ledger]:
    """One ledger a processor; what the clock, an operator or a party wrote is in none.

    Nor are fan-out's dead letters. Each tells of a stop, which is what one release could not do: the release that mends the fault
    makes none of them, and what the line had to tell is compared by itself.
    """
    sorted_: dict[str, list[Record]] = {"intake": [], "dossier": [], "fanout": []}
    for record in records:
        author = author_of(record, topics, codec)
        if author is not None and not (author == "fanout" and record.topic == topics.dead_letters):
            sorted_[author].append(record)
    missed = dict.fromkeys(sorted_, forgetful) | {"fanout": [*forgetful, topics.dead_letters]}
    return {name: Ledger(found, missed[name], codec.unframed) for name, found in sorted_.items()}


def name_of(record: Record) -> str:
    """The record name its headers state; empty where they state none."""
    return dict(record.headers).get("ce_type", b"").decode("ascii", "replace").removeprefix(f"{NAMESPACE}.")


def author_of(record: Record, topics: Topics, codec: Codec) -> str | None:
    """The processor that put a record out; None when none did. What cannot be told counts as the topic's main author's."""
    name = name_of(record)
    if name in BY_OPERATORS:
        return None
    if record.topic == topics.decisions:
        return "dossier"
    if record.topic == topics.journal:
        return "intake" if name in ABOUT else "fanout" if name in _DERIVED else None
    if record.topic == topics.dead_letters:
        return _blamer(record, codec)
    if topics.party_of(record.topic) is not None:
        return "intake" if name == "Receipt" else "fanout"
    return None


def _blamer(record: Record, codec: Codec) -> str:
    try:
        return str(codec.decode_trusted(record.value or b"")[1]["processor"])
    except (DocumentError, KeyError):
        return "intake"
