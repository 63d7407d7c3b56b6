"""A backup put back into an empty cluster, as a new generation. Used by ``exchange restore``.

Records get the very offsets they had (:mod:`exchange.adapters.placing`), so positions, receipts and ids hold. What the cut
missed is appended (:mod:`exchange.adapters.completing`). States are written last: until then every lane carries a generation that
no worker runs, so nothing starts on half a restore.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.backup_files import Manifest, damaged, read_manifest, read_part
from exchange.adapters.completing import Completed, Logs, complete
from exchange.adapters.consumer import Consumer
from exchange.adapters.lane import LanePlan
from exchange.adapters.lane_rebuild import LaneRebuild
from exchange.adapters.lane_state import POSITION_KEY, LaneState, Position
from exchange.adapters.lane_topics import TopicBook
from exchange.adapters.placing import Placer
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.ledger import GENERATION_HEADER
from exchange.core.processors import NAMES
from exchange.core.step import Output, Record
from exchange.errors import ConfigError, DocumentError, StateError
from exchange.rebuild import maker, refuse_while_at_work
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.topics import Topics, TopicSpec

UNFINISHED = "restore-unfinished"
"""The generation of every lane's state while a restore is under way."""

Tell = Callable[[int, int], None]
"""Told of progress: records written since last time, records in all."""


@dataclass(frozen=True)
class Restored:
    """What a restore did, or would do.

    Attributes:
        generation: the new one: what EXCHANGE_GENERATION must say from now on.
        records: copied from the backup.
        appended: written because the backup cut through the work that makes them.
        dropped: journal records left out because their cause lies behind the cut; their submissions are worked off again.
        parties: registered parties.
        began: when the backup began; what was receipted before is there.
    """

    generation: int
    records: int
    appended: int
    dropped: int
    parties: int
    began: str


@dataclass(frozen=True)
class Plan:
    """A checked backup, made whole, in memory.

    Attributes:
        manifest: of the backup.
        settings: of the restored exchange, the new generation among them.
        logs: records by topic and partition.
        done: what makes them whole.
    """

    manifest: Manifest
    settings: Settings
    logs: Logs
    done: Completed

    @property
    def restored(self) -> Restored:
        """The plan in figures."""
        return Restored(
            generation=self.settings.generation,
            records=sum(map(len, self.logs.values())),
            appended=len(self.done.missing),
            dropped=self.done.dropped,
            parties=len(self.done.parties),
            began=self.manifest.begun,
        )


def plan(settings: Settings, folder: Path) -> Plan:
    """Check a backup and make it whole. Needs no cluster; holds all of the backup in memory.

    Args:
        settings: of the exchange to be. Deployment and partition count must be the backup's.
        folder: the backup.

    Raises:
        StateError: the backup was changed or cut (the file is named), or contradicts itself.
        ConfigError: the settings are another exchange's.
    """
    manifest = read_manifest(folder)
    if harmed := damaged(folder, manifest):
        raise StateError(f"{folder / harmed[0]}: missing or changed", hint="use another backup")
    for name in ("deployment", "partitions"):
        stated, wanted = getattr(settings, name), getattr(manifest, name)
        if stated != wanted:
            raise ConfigError(f"the backup's {name} is {wanted}, yours {stated}", hint=f"set EXCHANGE_{name.upper()}={wanted}")
    settings = settings.model_copy(update={"generation": max(settings.generation, manifest.generation + 1)})
    topics, (_, codec) = settings.topics, load_codec(settings)
    logs: dict[tuple[str, int], Sequence[Record]] = {
        (part.topic, part.partition): list(read_part(folder, part)) for part in manifest.parts
    }
    make = maker(settings, _contents(logs[topics.rules, 0]))
    encoded = {lane: _newest(logs.pop((topics.parties, lane))) for lane in range(topics.partitions)}
    decode = make("intake").decode
    intake = {
        lane: (LaneState({key: decode(key, value) for key, value in items.items()}), next_)
        for lane, (items, next_) in encoded.items()
    }
    letters = logs.get((topics.dead_letters, 0), ())
    forgetful = [topics.dead_letters] if letters and letters[0].offset else []
    done = complete(logs, topics, codec, make, intake, forgetful)
    logs |= {(topics.journal, lane): records for lane, records in done.journal.items()}
    done.missing += _activations(done.journal, logs[topics.rules, 0], topics, codec)
    return Plan(manifest, settings, logs, done)


async def restore(planned: Plan, tell: Tell = lambda *_: None) -> Restored:
    """Carry a plan out.

    Args:
        planned: with the address of the cluster in its settings.
        tell: told of progress.

    Raises:
        ConfigError: topics of this deployment hold records already.
    """
    settings, logs = planned.settings, planned.logs
    kafka, topics = settings.kafka_kwargs(), settings.topics
    parties = planned.done.parties | {party for topic, _ in logs if (party := topics.party_of(topic)) is not None}
    specs = [*topics.declared(), *(topics.notice_spec(party) for party in sorted(parties))]
    async with Admin(kafka) as admin:
        await _refuse_unless_empty(kafka, topics, await admin.topics())
        await admin.apply([_taking_our_times(spec) for spec in specs])
        await admin.configure([_taking_our_times(spec) for spec in specs])
        async with Placer(kafka, f"{settings.deployment}-restore") as placer:
            await placer.append(_unfinished(topics))
            await _place(placer, planned, tell)
            await admin.configure(specs)
            await admin.forget(_firsts(planned))
            there = {spec.name for spec in specs}
            mark = (GENERATION_HEADER, f"g{settings.generation}".encode())
            await placer.append([_marked(each, topics, mark) for each in planned.done.missing if each.topic in there])
    await refuse_while_at_work(settings, NAMES)  # also waits for the coordinators of a new cluster
    await _write_states(planned)
    return planned.restored


def _firsts(planned: Plan) -> dict[TopicPartition, int]:
    """Where logs of which only the newest part was kept began: a log must not look whole that is not."""
    topics = planned.settings.topics
    parts = (part for part in planned.manifest.parts if part.topic in (topics.submissions, topics.dead_letters))
    return {TopicPartition(part.topic, part.partition): part.first for part in parts if part.first}


async def _place(placer: Placer, planned: Plan, tell: Tell) -> None:
    topics, mark = planned.settings.topics, (GENERATION_HEADER, f"g{planned.settings.generation}".encode())
    whole = planned.restored.records
    work = []
    for (topic, partition), records in planned.logs.items():
        if topic == topics.rules:  # compacted: its offsets mean nothing
            await placer.append([Output(topic, partition, each.key, each.value, each.headers) for each in records])
            tell(len(records), whole)
            continue
        marked = [each._replace(headers=_marked(each, topics, mark).headers) for each in records]
        # a log whose records are all gone goes on where it stood
        end = planned.done.states["intake", partition][1] if topic == topics.submissions else 0
        work.append(placer.place(TopicPartition(topic, partition), marked, end, lambda count: tell(count, whole)))
    await asyncio.gather(*work)


async def _write_states(planned: Plan) -> None:
    settings, done = planned.settings, planned.done
    make = maker(settings, _contents(planned.logs[settings.topics.rules, 0]))
    for name in reversed(NAMES):
        lane_plan = LanePlan(make(name), settings.kafka_kwargs(), settings.deployment, f"g{settings.generation}")
        for lane in range(settings.partitions):
            state, next_ = done.states[name, lane]
            writer = LaneRebuild(lane_plan, lane, _no_offset, TopicBook())
            try:
                await writer.seize()
                await writer.replace(state, next_)
            finally:
                await writer.aclose()


async def _no_offset(_place: TopicPartition) -> int | None:
    return None


# --------------------------------------------------------------------------------------------------- parts of it


def _contents(rules: Sequence[Record]) -> Mapping[str, bytes]:
    return {(record.key or b"").decode(): record.value for record in rules if record.value is not None}


def _newest(records: Sequence[Record]) -> tuple[dict[str, bytes], int]:
    """State and next offset of a lane, from its state topic."""
    items: dict[str, bytes] = {}
    for record in records:
        key = (record.key or b"").decode()
        if record.value is None:
            items.pop(key, None)
        else:
            items[key] = record.value
    position = items.pop(POSITION_KEY, None)
    if position is None:
        return items, 0
    decoded = Position.decode(position)
    if decoded.rebuilding:
        raise StateError("the backup was taken while intake's state was being rebuilt", hint="use another backup")
    return items, decoded.next


def _activations(journal: Mapping[int, Sequence[Record]], rules: Sequence[Record], topics: Topics, codec: Codec) -> list[Output]:
    """Rules put in force where the cut missed it."""
    if not rules:
        return []
    digest = (rules[-1].key or b"").decode()
    value = codec.encode("RulesActivated", {"digest": digest, "note": "restore"})
    headers = to_headers(Attributes(f"rules:{digest[:16]}", "RulesActivated", topics.deployment))
    return [
        Output(topics.journal, lane, f"lane-{lane}".encode(), value, headers)
        for lane, records in journal.items()
        if _in_force(records, codec) != digest
    ]


def _in_force(records: Sequence[Record], codec: Codec) -> str:
    for record in reversed(records):
        try:
            name, value = codec.decode_trusted(record.value or b"")
        except DocumentError:
            continue
        if name == "RulesActivated":
            return str(value["digest"])
    return ""


def _marked(each: Record | Output, topics: Topics, mark: tuple[str, bytes]) -> Any:
    """The same with the generation among its headers, if it is for a party."""
    if topics.party_of(each.topic) is None:
        return each
    return each._replace(headers=(*(header for header in each.headers if header[0] != GENERATION_HEADER), mark))


def _taking_our_times(spec: TopicSpec) -> TopicSpec:
    """For the time of the restore: append times are those of the first time."""
    return replace(spec, configs={**spec.configs, "message.timestamp.type": "CreateTime"})


def _unfinished(topics: Topics) -> list[Output]:
    position = Position(UNFINISHED, 0).encode()
    states = (topics.parties, topics.dossiers, topics.stakes)
    return [Output(topic, lane, POSITION_KEY.encode(), position) for topic in states for lane in range(topics.partitions)]


async def _refuse_unless_empty(kafka: Mapping[str, Any], topics: Topics, there: Mapping[str, int]) -> None:
    own = {spec.name for spec in topics.declared()}
    mine = [name for name in there if name in own or topics.party_of(name) is not None]
    places = [TopicPartition(name, partition) for name in mine for partition in range(there[name])]
    if not places:
        return
    consumer: Any = Consumer(**kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    for place, end in ends.items():
        if end:
            raise ConfigError(
                f"the topic {place.topic} is not empty", hint="restore into a new cluster, or into a new EXCHANGE_HOME"
            )
