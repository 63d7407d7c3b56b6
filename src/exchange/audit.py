"""Compares a running exchange's topics with the oracles: nothing lost, nothing told twice, every profile as it must be.

Used by ``exchange audit``, the demo and the tests. It reads topics; it writes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.rules_store import read_rules
from exchange.adapters.topic_reader import read_batches
from exchange.core import risk
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, from_headers
from exchange.core.ledger import BY_OPERATORS, name_of
from exchange.core.processors import RulesOf, state_codec
from exchange.core.rules import parse_rules
from exchange.core.step import Record
from exchange.errors import DocumentError, TimedOutError
from exchange.oracles import graph
from exchange.oracles.fold import Folded, fold
from exchange.refs import line_of
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.topics import Topics

Folding = Callable[[Mapping[int, Sequence[Record]], Topics, Mapping[str, bytes]], Folded]
"""Folds a journal, given the topics and the content of every rule set by digest."""

_JUDGED = {
    "ModelCard": ("release", "stage", "parents"),
    "ChangeNotice": ("release", "affected_categories"),
    "RiskAssessment": ("release", "assessor", "supersedes", "withdraws", "valid_from", "valid_until", "findings", "considers"),
}
"""What the graph oracle asks of each kind of event; the rest of a card is large and not held."""


@dataclass
class Recorded:
    """What the topics hold.

    Attributes:
        submissions: partition and offset of each submission.
        journal: records by partition.
        decisions: values by partition.
        dossiers: newest value by release.
        notices: values by (party, line), in order.
        receipts: decoded receipts by party, in order.
        dead_letters: decoded dead letters, in order.
        told: notices of all parties, each with its append time in milliseconds.
    """

    submissions: set[tuple[int, int]] = field(default_factory=set)
    journal: dict[int, list[Record]] = field(default_factory=dict)
    decisions: dict[int, list[bytes]] = field(default_factory=dict)
    dossiers: dict[str, bytes] = field(default_factory=dict)
    notices: dict[tuple[str, str], list[bytes]] = field(default_factory=lambda: defaultdict(list))
    receipts: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(frozen=True)
class Audit:
    """What the comparison found.

    Attributes:
        waiting: work not yet done: submissions without an answer, journal records without a decision, messages not yet written.
        lost: notices and decisions that should be there and are not.
        duplicates: notices and decisions that are there and should not be.
        reordered: (party, line) pairs whose notices are complete but in another order.
        wrong_dossiers: releases whose dossier differs from the fold.
        wrong_profiles: releases whose profile differs from the graph oracle.
        notices: number of notices compared.
        first: where the first difference lies, for people; empty when there is none.
    """

    waiting: int
    lost: int
    duplicates: int
    reordered: int
    wrong_dossiers: tuple[str, ...]
    wrong_profiles: tuple[str, ...]
    notices: int
    first: str = ""

    @property
    def clean(self) -> bool:
        """At rest, and exactly as it must be."""
        return not (self.waiting or self.lost or self.duplicates or self.reordered or self.wrong_dossiers or self.wrong_profiles)


async def audit(settings: Settings) -> Audit:
    """Read everything and compare.

    Args:
        settings: with the address of the cluster; as an operator, who may read all topics.
    """
    return (await examine(settings))[1]


def fold_here(
    journal: Mapping[int, Sequence[Record]],
    topics: Topics,
    rules: Mapping[str, bytes],
    settings: Settings | None = None,
    keep: Callable[[bytes], bytes] = bytes,
) -> Folded:
    """Fold in this process, one partition after the other; ``settings`` where a registry gives schemas their ids."""
    schemas, codec = load_codec(settings, compare=True)
    parsed = {digest: parse_rules(content) for digest, content in rules.items()}
    return fold(journal, topics, codec, schemas, parsed.__getitem__, keep)


async def examine(settings: Settings, folding: Folding = fold_here) -> tuple[Recorded, Audit]:
    """What the topics hold, and what the comparison found, for those who ask more of it.

    Args:
        settings: with the address of the cluster.
        folding: another way to fold, for long journals.
    """
    kafka, topics = settings.kafka_kwargs(), settings.topics
    _, codec = load_codec(settings, compare=True)
    contents = await read_rules(kafka, topics.rules)
    rules = {digest: parse_rules(content) for digest, content in contents.items()}
    recorded = await record(kafka, topics, codec)
    if folding is fold_here:
        folding = partial(fold_here, settings=settings, keep=known(recorded))
    # in a thread: whoever watches over workers meanwhile must not be held up
    folded = await asyncio.to_thread(folding, recorded.journal, topics, contents)
    return recorded, await asyncio.to_thread(compare, recorded, folded, codec, rules.__getitem__)


async def until_rest(settings: Settings, timeout: float = 60.0, settle: float = 8.0) -> Audit:
    """Wait until nothing waits any more; the audit of that moment.

    Args:
        settings: with the address of the cluster.
        timeout: seconds until giving up.
        settle: seconds for which something missing may still be on its way, once all else is done.

    Raises:
        TimedOutError: the flow did not come to rest in time.
    """
    deadline, quiet_since = time.monotonic() + timeout, None
    while True:
        began = time.monotonic()
        found = await audit(settings)
        if found.clean:
            return found
        now = time.monotonic()
        quiet_since = None if found.waiting else quiet_since or now
        if quiet_since is not None and now - quiet_since > settle:
            return found
        if now > deadline:
            raise TimedOutError(f"the flow did not come to rest within {timeout:.0f} s ({found.waiting} records wait)")
        await asyncio.sleep(max(0.1, now - began))  # half the time is the workers'


async def record(kafka: Mapping[str, Any], topics: Topics, codec: Codec) -> Recorded:
    """Read all topics to their ends; the journal first, so that what is read later may only know more."""
    lanes = range(topics.partitions)
    recorded = Recorded(journal={p: [] for p in lanes}, decisions={p: [] for p in lanes})
    async with Admin(kafka) as admin:
        parties = {topics.notices(party): party for name in await admin.topics() if (party := topics.party_of(name))}
    first = [TopicPartition(name, p) for name in (topics.submissions, topics.journal) for p in lanes]
    async with aclosing(read_batches(kafka, first)) as batches:
        async for place, records in batches:
            if place.topic == topics.journal:
                recorded.journal[place.partition] += records
            else:
                recorded.submissions.update((place.partition, each.offset) for each in records)
    then = [TopicPartition(name, p) for name in (topics.decisions, topics.dossiers) for p in lanes]
    then += [TopicPartition(name, 0) for name in (topics.dead_letters, *parties)]
    async with aclosing(read_batches(kafka, then)) as batches:
        async for place, records in batches:  # of each record only what is compared is held
            if place.topic == topics.decisions:
                recorded.decisions[place.partition] += _made(records, codec)
            elif place.topic == topics.dossiers:
                _renew(recorded.dossiers, records)
            elif place.topic == topics.dead_letters:
                recorded.dead_letters += [codec.decode_trusted(value)[1] for value in _made(records, codec)]
            else:
                _hear(recorded, parties[place.topic], records, codec)
    return recorded


def _made(records: Iterable[Record], codec: Codec) -> list[bytes]:
    """Values of what the processors wrote, in one framing; what operators wrote among it is left out."""
    return [codec.unframed(each.value or b"") for each in records if name_of(each) not in BY_OPERATORS]


def _renew(dossiers: dict[str, bytes], records: Iterable[Record]) -> None:
    for each in records:
        kind, _, release = (each.key or b"").decode().partition("/")
        if kind == "dossier" and each.value is not None:
            dossiers[release] = each.value
        elif kind == "dossier":
            dossiers.pop(release, None)


def _hear(recorded: Recorded, party: str, records: Iterable[Record], codec: Codec) -> None:
    for each in records:
        raw = codec.unframed(each.value or b"")
        if name_of(each) == "Receipt":
            recorded.receipts[party].append(codec.decode_trusted(raw)[1])
        else:  # not decoded: there are many, and most are only compared
            recorded.notices[(party, (each.key or b"").decode())].append(raw)
            recorded.told.append((each.timestamp_ms, raw))


def known(recorded: Recorded) -> Callable[[bytes], bytes]:
    """Gives back the recorded bytes for equal ones, so that what the fold makes is not held a second time."""
    pools = (*recorded.decisions.values(), *recorded.notices.values(), recorded.dossiers.values())
    held = {raw: raw for pool in pools for raw in pool}
    return lambda raw: held.get(raw, raw)


def compare(recorded: Recorded, folded: Folded, codec: Codec, rules: RulesOf) -> Audit:
    """Compare what is recorded with what must be."""
    lost = duplicates = reordered = 0
    pairs: list[tuple[Sequence[bytes], Sequence[bytes]]] = [
        (recorded.decisions.get(partition, []), made) for partition, made in folded.decisions.items()
    ]
    told = {key: (recorded.notices.get(key, []), folded.notices.get(key, [])) for key in {*recorded.notices, *folded.notices}}
    for found, made in [*pairs, *told.values()]:
        missing, extra = Counter(made) - Counter(found), Counter(found) - Counter(made)
        lost, duplicates = lost + missing.total(), duplicates + extra.total()
        reordered += not missing and not extra and list(found) != list(made)
    waiting = _waiting(recorded, folded)
    if waiting:
        return Audit(waiting, 0, duplicates, reordered, (), (), sum(map(len, folded.notices.values())))
    wrong = sorted(
        release
        for release in {*recorded.dossiers, *folded.dossiers}
        if recorded.dossiers.get(release) != folded.dossiers.get(release)
    )
    profiles = wrong_profiles(recorded, codec, rules)
    first = next(_differences(recorded, folded, codec), f"profile of {profiles[0]}" if profiles else "")
    notices = sum(map(len, folded.notices.values()))
    return Audit(0, lost, duplicates, reordered, tuple(wrong), tuple(profiles), notices, first)


def _differences(recorded: Recorded, folded: Folded, codec: Codec) -> Iterator[str]:
    """Where records and fold part, in the order in which work is done: decisions, dossiers, notices. No value is quoted."""
    for partition in sorted(folded.decisions):
        found, made = recorded.decisions.get(partition, []), folded.decisions[partition]
        for number in (n for n, pair in enumerate(zip_longest(found, made)) if pair[0] != pair[1]):
            here = _record(codec, (made[number : number + 1] or found[number : number + 1])[0])
            about = here.get("release") or here.get("line") or "no release"
            fields = _apart(codec, found[number : number + 1], made[number : number + 1])
            yield f"decision {number + 1} of lane {partition}, journal offset {here.get('offset')}, about {about}: {fields}"
    _, decode = state_codec(codec)
    for release in sorted({*recorded.dossiers, *folded.dossiers}):
        pair = [held[release] for held in (recorded.dossiers, folded.dossiers) if release in held]
        if len(pair) < 2 or pair[0] != pair[1]:
            values = [decode("dossier/", value) for value in pair]
            yield f"dossier of {release}: {_fields(*values) if len(values) == 2 else 'only on one side'}"
    for party, line in sorted({*recorded.notices, *folded.notices}):
        found, made = recorded.notices.get((party, line), []), folded.notices.get((party, line), [])
        for number in (n for n, pair in enumerate(zip_longest(found, made)) if pair[0] != pair[1]):
            fields = _apart(codec, found[number : number + 1], made[number : number + 1])
            yield f"notice {number + 1} to {party} about {line}: {fields}"


def _record(codec: Codec, raw: bytes) -> dict[str, Any]:
    """A record's value; empty where somebody wrote what is none."""
    try:
        value: dict[str, Any] = codec.decode_trusted(raw)[1]
    except DocumentError:
        return {}
    return value


def _apart(codec: Codec, found: Sequence[bytes], made: Sequence[bytes]) -> str:
    if not found or not made:
        return "missing" if made else "should not be there"
    if not _record(codec, found[0]):
        return "is no record of ours"
    return _fields(_record(codec, found[0]), _record(codec, made[0]))


def _fields(found: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Names of the fields that differ."""
    return "differs in " + ", ".join(name for name in made if found.get(name) != made[name])


def _waiting(recorded: Recorded, folded: Folded) -> int:
    """How much is still to be done, as far as the topics show it."""
    decided = sum(len(made) for made in folded.decisions.values()) - sum(len(found) for found in recorded.decisions.values())
    written = {each.id for log in recorded.journal.values() for record in log if (each := _attributes(record)) is not None}
    answered = {(receipt["lane"], receipt["offset"]) for told in recorded.receipts.values() for receipt in told}
    answered |= {(letter["partition"], letter["offset"]) for letter in recorded.dead_letters if letter["processor"] == "intake"}
    unwritten = sum(each not in written and last not in written for each, last in folded.derived.items())
    return max(0, decided) + unwritten + len(recorded.submissions - answered)


def _attributes(record: Record) -> Attributes | None:
    """Of a journal record; none on one that is quarantined for the lack of them."""
    try:
        return from_headers(record.headers, timeless=True)
    except DocumentError:
        return None


def wrong_profiles(recorded: Recorded, codec: Codec, rules: RulesOf) -> list[str]:
    """Releases whose profile is not the graph oracle's, all partitions at the same tick."""
    lines: dict[str, list[graph.Accepted]] = defaultdict(list)
    ticks: list[datetime] = []
    digest = ""
    for log in recorded.journal.values():
        for each in log:
            attributes = _attributes(each)
            try:
                name, value = codec.decode_trusted(each.value or b"")
            except DocumentError:
                continue  # quarantined
            if name in _JUDGED and attributes is not None:
                judged = {field: value[field] for field in _JUDGED[name]}
                lines[line_of(value["release"])].append(graph.Accepted(name, judged, attributes.id, attributes.source))
            elif name == "Tick":
                ticks.append(value["time"])
            elif name == "RulesActivated":
                digest = value["digest"]
    effect = rules(digest).propagation.effect
    table: dict[str, dict[str, str]] = {
        relation: {str(c): effect(relation, c) for c in risk.CATEGORIES} for relation in risk.RELATIONS
    }
    expected = graph.profiles(lines.values(), table, max(ticks, default=None), risk.token)
    _, decode = state_codec(codec)
    found = {release: decode("dossier/", value)["profile"] for release, value in recorded.dossiers.items()}
    return sorted(release for release, profile in expected.items() if _as_effective(found.get(release, [])) != profile)


def _as_effective(entries: Sequence[Any]) -> dict[str, graph.Effective]:
    return {entry["category"]: graph.Effective(entry["level"], entry["status"], entry["partial"]) for entry in entries}
