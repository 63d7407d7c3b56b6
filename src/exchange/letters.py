"""Dead letters dealt with by an operator: submitted again, dropped, or a stopped line started again.

A letter is dealt with once: what is done and the mark that it is done are one transaction, under a transactional id that fences
whoever else is at it, and marks are read after the fencing. The mark lies behind the letter in the same topic.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from exchange.adapters.admin import translated
from exchange.adapters.aiokafka_txn import OnceProducer
from exchange.adapters.topic_reader import TopicReader, read_all
from exchange.core.envelope import traceparent_of
from exchange.core.outputs import Place, derived_id, write
from exchange.core.step import Output, Record
from exchange.errors import RefusedError, TimedOutError
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.topics import INTERNAL_MAX


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    Attributes:
        number: its offset in the dead-letter topic.
        time_ms: when it was written, by the broker, in milliseconds since the epoch.
        fields: as :class:`exchange.events.records.DeadLetter`.
        outcome: what was done about it; ``None``: nothing yet.
        note: the operator's words.
        traceparent: of the record it is about.
    """

    number: int
    time_ms: int
    fields: Mapping[str, Any]
    outcome: str | None = None
    note: str | None = None
    traceparent: str | None = None

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset of the record it is about."""
        return self.fields["topic"], self.fields["partition"], self.fields["offset"]


async def read_letters(settings: Settings) -> list[Letter]:
    """Every dead letter there is, oldest first, each with what was done about it.

    Args:
        settings: with the address of the cluster; as an operator.
    """
    kafka, place = settings.kafka_kwargs(), TopicPartition(settings.topics.dead_letters, 0)
    async with translated(kafka):
        records = (await read_all(kafka, [place]))[place]
    return letters_of(records, load_codec(settings)[1])


def letters_of(records: Sequence[Record], codec: Any) -> list[Letter]:
    """The letters among the records of the dead-letter topic, joined with the marks."""
    found: dict[int, Letter] = {}
    for each in records:
        name, value = codec.decode_trusted(each.value or b"")
        if name == "DeadLetter":
            found[each.offset] = Letter(each.offset, each.timestamp_ms, value, traceparent=traceparent_of(each.headers))
        elif name == "LetterHandled" and value["letter"] in found:
            former = found[value["letter"]]
            found[value["letter"]] = Letter(
                former.number, former.time_ms, former.fields, value["outcome"], value["note"], former.traceparent
            )
    return list(found.values())


async def record_of(letter: Letter, settings: Settings) -> Record | None:
    """The record a letter is about; ``None`` when it is no longer kept."""
    topic, partition, offset = letter.place
    kafka = settings.kafka_kwargs()
    reader = TopicReader(kafka, topic, partition)
    async with translated(kafka):
        await reader.start()
        try:
            first, end = await reader.bounds()
            if not first <= offset < end:
                return None
            found = [each async for each in reader.until(offset, offset + 1)]
        finally:
            await reader.stop()
    return found[0] if found else None


def why_not_replayed(letter: Letter, settings: Settings) -> str | None:
    """Why a letter's record cannot be submitted again; ``None``: it can."""
    if letter.outcome is not None:
        return f"it was {letter.outcome} before"
    topic = letter.fields["topic"]
    if topic == settings.topics.submissions:
        return None
    if topic == settings.topics.journal and letter.fields["processor"] == "dossier":
        return "its event was accepted; its publisher was told, and publishes it again under another key when the fault is mended"
    return "it is no submission; `exchange lines resume` starts a stopped line again"


class Desk:
    """Deals with dead letters; one at a time in a deployment. Use :func:`desk`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kafka, self._topics = settings.kafka_kwargs(), settings.topics
        self._codec = load_codec(settings)[1]
        self._producer = OnceProducer(self._kafka, f"{settings.deployment}-letters", max_request_size=INTERNAL_MAX + 65536)
        self._letters: dict[int, Letter] = {}

    async def open(self) -> None:
        """Fence whoever else is at it, then read what was done."""
        await self._producer.start()
        self._letters = {letter.number: letter for letter in await read_letters(self._settings)}

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.discard()

    async def replay(self, number: int, note: str | None = None) -> None:
        """Submit a letter's record again: its own bytes, key, headers and partition.

        Raises:
            RefusedError: there is no such letter, it was dealt with before, is no submission, or its record is gone or another.
            TimedOutError: it is not known whether it was done; look again.
        """
        letter = self._open_letter(number)
        reason = why_not_replayed(letter, self._settings)
        if reason is not None:
            raise RefusedError(f"letter {number} cannot be replayed: {reason}", reason="not-replayable")
        original = await self._original(letter)
        again = Output(original.topic, original.partition, original.key, original.value, original.headers)
        await self._settle(letter, "replayed", note, [again])

    async def drop(self, number: int, note: str | None = None) -> None:
        """Mark a letter dropped: nothing more will be done about it.

        Raises:
            as :meth:`replay`.
        """
        letter = self._open_letter(number)
        if letter.outcome is not None:
            raise RefusedError(f"letter {number}: it was {letter.outcome} before", reason="handled")
        await self._settle(letter, "dropped", note, [])

    async def resume(self, line: str, partition: int, numbers: Sequence[int]) -> None:
        """Tell fan-out, by its own input, to start a stopped line again; its letters are marked.

        Args:
            line: the line.
            partition: where its decisions lie.
            numbers: the letters that told of its stop.
        """
        identity = derived_id("resume", line, *numbers)
        place = Place(self._topics.decisions, partition, line)
        order = write(self._codec, self._topics, place, "LineResumed", {"line": line}, identity)
        await self._transact([self._mark(number, "resumed", None) for number in numbers], [order])

    def _open_letter(self, number: int) -> Letter:
        letter = self._letters.get(number)
        if letter is None:
            raise RefusedError(f"there is no dead letter {number}", reason="no-letter")
        return letter

    async def _original(self, letter: Letter) -> Record:
        found = await record_of(letter, self._settings)
        if found is None:
            raise RefusedError(f"the record of letter {letter.number} is no longer kept", reason="gone")
        if hashlib.sha256(found.value or b"").hexdigest() != letter.fields["sha256"]:
            raise RefusedError(f"what lies at the place of letter {letter.number} is another record", reason="gone")
        return found

    async def _settle(self, letter: Letter, outcome: str, note: str | None, outputs: Sequence[Output]) -> None:
        await self._transact([self._mark(letter.number, outcome, note)], outputs)
        self._letters[letter.number] = Letter(letter.number, letter.time_ms, letter.fields, outcome, note, letter.traceparent)

    def _mark(self, number: int, outcome: str, note: str | None) -> Output:
        mark = {"letter": number, "outcome": outcome, "note": note}
        place = Place(self._topics.dead_letters, 0, f"letter/{number}")
        return write(self._codec, self._topics, place, "LetterHandled", mark, derived_id("handled", number))

    async def _transact(self, marks: Sequence[Output], outputs: Sequence[Output]) -> None:
        group, place = f"{self._settings.deployment}-letters", TopicPartition(self._topics.dead_letters, 0)
        try:
            await self._producer.transact(marks, outputs, {place: 0}, group)
        except (KafkaError, OSError) as error:
            raise TimedOutError(
                f"it is not known whether it was done ({type(error).__name__})",
                hint="run the command again: what was done is marked, and is not done twice",
            ) from None


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """The one place at which letters are dealt with.

    Args:
        settings: with the address of the cluster; as an operator.
    """
    one = Desk(settings)
    try:
        async with translated(settings.kafka_kwargs()):
            await one.open()
        yield one
    finally:
        await one.close()
