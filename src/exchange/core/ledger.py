"""What one processor has put out, as the topics hold it: each record is found once, by its bytes.

A rebuild compares a fold's outputs with it instead of sending them; a restore finds in it what is still to be sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
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

_BESIDE = frozenset({GENERATION_HEADER, PUBLISHED_HEADER})
_DERIVED = ("EdgeDeclared", "EdgeDropped", "UpstreamMessage")


class Entry(NamedTuple):
    """All that makes two records the same."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def entry(each: Output | Record) -> Entry:
    """An output or a record, as one is compared with the other."""
    headers = tuple(header for header in each.headers if header[0] not in _BESIDE)
    return Entry(each.topic, each.partition, each.key, each.value, headers)


class Ledger:
    """Records that one processor put out.

    Args:
        records: in the order of their offsets, partition by partition.
        forgetful: topics of which only the newest part is kept: what is not there is not missed.
    """

    def __init__(self, records: Iterable[Record] = (), forgetful: Collection[str] = ()) -> None:
        self._forgetful = forgetful
        self._offsets: dict[Entry, deque[int]] = defaultdict(deque)
        self._left = 0
        for record in records:
            self._offsets[entry(record)].append(record.offset)
            self._left += 1

    def missing(self, outputs: Sequence[Output]) -> list[Output]:
        """Those of the outputs that are not on record (any more); optional ones are never missed."""
        seen: Counter[Entry] = Counter()
        found = []
        for output in outputs:
            this = entry(output)
            seen[this] += 1
            may_miss = output.optional or output.topic in self._forgetful
            if not may_miss and seen[this] > len(self._offsets.get(this, ())):
                found.append(output)
        return found

    def take(self, outputs: Sequence[Output]) -> list[tuple[Output, int]]:
        """Take outputs off the record, those that are on it; each with the offset where it lay."""
        taken = []
        for output in outputs:
            offsets = self._offsets.get(entry(output))
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
    """One ledger a processor; what the clock, an operator or a party wrote is in none."""
    sorted_: dict[str, list[Record]] = {"intake": [], "dossier": [], "fanout": []}
    for record in records:
        author = author_of(record, topics, codec)
        if author is not None:
            sorted_[author].append(record)
    return {name: Ledger(found, forgetful) for name, found in sorted_.items()}


def author_of(record: Record, topics: Topics, codec: Codec) -> str | None:
    """The processor that put a record out; None when none did. What cannot be told counts as the topic's main author's."""
    name = dict(record.headers).get("ce_type", b"").decode("ascii", "replace").removeprefix(f"{NAMESPACE}.")
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
