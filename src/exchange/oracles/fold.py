"""Oracle 1: the recorded journal, folded by plain loops over a dict in key order.

It knows nothing of batches, transactions, restores, queues or turns. Dossiers and decisions of a live run must equal its bytes,
and so must the notices of each (party, line), in order. Which upstream message came before which is on record in the journal; a
live run's order is therefore the fold's order.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, takewhile
from typing import Any

from sortedcontainers import SortedDict

from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.envelope import from_headers
from exchange.core.processors import RulesOf, state_codec
from exchange.core.schemas import SchemaSet
from exchange.core.step import Output, Processor, Record
from exchange.topics import Topics


@dataclass
class Folded:
    """What the journal makes.

    Attributes:
        dossiers: encoded dossier by release.
        decisions: encoded decisions, by partition, in order.
        notices: encoded notices by (party, line), in order.
        dead_letters: encoded dead letters of dossier and fan-out.
        derived: ids of the edge records and upstream messages that fan-out must have written to the journal, each with the id
            of the record that shows it was written or rightly left out: of its decision's last upstream message where a later
            decision goes to the same children (docs/adr/0017), else its own.
    """

    dossiers: dict[str, bytes] = field(default_factory=dict)
    decisions: dict[int, list[bytes]] = field(default_factory=dict)
    notices: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    dead_letters: list[bytes] = field(default_factory=list)
    derived: dict[str, str] = field(default_factory=dict)


def fold(
    journal: Mapping[int, Sequence[Record]],
    topics: Topics,
    codec: Codec,
    schemas: SchemaSet,
    rules: RulesOf,
    keep: Callable[[bytes], bytes] = bytes,
) -> Folded:
    """Fold a recorded journal.

    Args:
        journal: its records by partition, in offset order.
        topics, codec, schemas, rules: as the run had them.
        keep: gives the object to hold for some bytes; whoever compares has most of them already.
    """
    both = (processors.dossier(codec, topics, rules), processors.fanout(codec, topics, rules, schemas, limit=sys.maxsize))
    folding = _Folding(topics, codec, *both, keep)
    for partition, records in sorted(journal.items()):
        folding.lane(partition, records)
    return folding.folded


@dataclass
class _Folding:
    """A fold under way: each decision is told as soon as it is made, so that only what is compared is held."""

    topics: Topics
    codec: Codec
    dossier: Processor
    fanout: Processor
    keep: Callable[[bytes], bytes]
    folded: Folded = field(default_factory=Folded)

    def lane(self, partition: int, records: Sequence[Record]) -> None:
        """Fold one partition."""
        state = SortedDict()
        decisions = self.folded.decisions[partition] = list[bytes]()
        written: list[list[tuple[str, str]]] = []
        for turn in _fold(self.fanout, self._decided(partition, records, state, decisions), SortedDict()):
            attributes = (from_headers(output.headers, timeless=True) for output in turn if output.topic == self.topics.journal)
            written.append([(each.name, each.id) for each in attributes])
            for output in turn:
                if (party := self.topics.party_of(output.topic)) is not None:
                    told = self.folded.notices.setdefault((party, (output.key or b"").decode()), [])
                    told.append(self.keep(output.value or b""))
                elif output.topic == self.topics.dead_letters:
                    self.folded.dead_letters.append(output.value or b"")
        for each, passed in zip(written, _passed_over(decisions, self.codec), strict=True):
            self.folded.derived |= _derived(each, passed)
        encode, _ = state_codec(self.codec)
        for key, held in state.items():
            if key.startswith("dossier/"):
                self.folded.dossiers[key.removeprefix("dossier/")] = self.keep(encode(key, held))

    def _decided(self, partition: int, records: Sequence[Record], state: Any, decisions: list[bytes]) -> Iterator[Record]:
        for output in chain.from_iterable(_fold(self.dossier, records, state)):
            value = output.value or b""
            if output.topic == self.topics.decisions:
                decisions.append(self.keep(value))
                yield Record(output.topic, partition, len(decisions) - 1, output.key, value, output.headers, 0)
            elif output.topic == self.topics.dead_letters:
                self.folded.dead_letters.append(value)


def _passed_over(decisions: Sequence[bytes], codec: Codec) -> list[bool]:
    """Whether a later decision of the line goes to all the children of a decision, so that all but one may be left to it."""
    later: dict[str, set[tuple[str | None, bool]]] = defaultdict(set)
    found = []
    for raw in reversed(decisions):
        decision = codec.decode_for_step(raw)[1]
        pinned = decision["release"] if decision["snapshot"] is not None else None
        unpinned = decision["line_snapshot"] is not None
        to_all = decision["only_child"] is None
        reaches = [(pinned is None or pinned == other) and (also or not unpinned) for other, also in later[decision["line"]]]
        found.append(to_all and any(reaches))
        if to_all:
            later[decision["line"]].add((pinned, unpinned))
    return found[::-1]


def _derived(written: Sequence[tuple[str, str]], passed: bool) -> dict[str, str]:
    """Ids of one decision's records for the journal, each with the id of what must be there in any case."""
    messages = [identity for name, identity in written if name == "UpstreamMessage"] if passed else []
    return {identity: identity for _, identity in written} | dict.fromkeys(messages, messages[-1] if messages else "")


def _fold(processor: Processor, records: Iterable[Record], state: Any) -> Iterator[Sequence[Output]]:
    """What each step puts out."""
    view = _Plain(state)
    for record in records:
        more = True
        while more:
            try:
                result = processor.step(view, record)
            except Exception as error:
                result = processor.broken(view, record, error)
            for key, value in result.changes.items():
                if value is None:
                    state.pop(key, None)
                else:
                    state[key] = value
            yield result.outputs
            more = result.more


class _Plain:
    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self, key: str) -> Any | None:
        return self._state.get(key)

    def scan(self, prefix: str, after: str = "") -> Iterator[tuple[str, Any]]:
        keys = takewhile(lambda key: key.startswith(prefix), self._state.irange(max(prefix, after)))
        return ((key, self._state[key]) for key in keys if key > after)
