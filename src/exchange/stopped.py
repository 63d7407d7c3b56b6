"""Lines that fan-out had to stop, and how they start again.

A stop is state of fan-out, and state changes by fan-out's one input alone: an operator's word to start a line again is a record
in the line's partition of the decisions topic. So it stands at one place in the order of what fan-out read, every fold reads it
there, and nothing is told out of order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import translated
from exchange.adapters.lane_state import POSITION_KEY
from exchange.adapters.topic_reader import read_all
from exchange.core.fanout_step import may_resume
from exchange.core.processors import state_codec
from exchange.errors import RefusedError
from exchange.letters import desk, read_letters, record_of
from exchange.refs import partition_of
from exchange.runtime import load_codec
from exchange.settings import Settings

QUEUE = "queue/"


@dataclass(frozen=True)
class StoppedLine:
    """A line that fan-out stopped.

    Attributes:
        line: its name.
        partition: its lane.
        offset: the journal record whose decision could not be told.
        error: class name of the exception.
        waiting: decisions that wait, the one that could not be told among them.
        letters: numbers of the dead letters that told of it, not dealt with yet.
        readable: whether the decision could be read. Where not, starting the line would leave it out, so it cannot be.
    """

    line: str
    partition: int
    offset: int
    error: str
    waiting: int
    letters: tuple[int, ...]
    readable: bool


async def stopped_lines(settings: Settings) -> list[StoppedLine]:
    """Every line that is stopped, by name.

    Args:
        settings: with the address of the cluster; as an operator.
    """
    letters = await _letters(settings)
    found = []
    for partition, items in (await _queues(settings)).items():
        queues: dict[str, list[str]] = {}
        for key in sorted(items):
            queues.setdefault(key.removeprefix(QUEUE).rpartition("/")[0], []).append(key)
        for line, keys in queues.items():
            pending = items[keys[0]]
            if pending["stopped"] is not None:
                offset = pending["decision"]["offset"]
                mine = tuple(number for number, about in letters.items() if about in (line, (partition, offset)))
                found.append(StoppedLine(line, partition, offset, pending["stopped"], len(keys), mine, may_resume(keys[0])))
    return sorted(found, key=lambda each: each.line)


async def _letters(settings: Settings) -> dict[int, str | tuple[int, int]]:
    """By number, what each of fan-out's open letters is about.

    The line, where the decision broke the step as it was read; the place of its journal record, where it had waited.
    """
    found: dict[int, str | tuple[int, int]] = {}
    for letter in await read_letters(settings):
        if letter.outcome is None and letter.fields["processor"] == "fanout":
            topic, partition, offset = letter.place
            record = await record_of(letter, settings) if topic == settings.topics.decisions else None
            found[letter.number] = (partition, offset) if record is None else (record.key or b"").decode("utf-8", "replace")
    return found


async def _queues(settings: Settings) -> dict[int, dict[str, Any]]:
    """What waits, by partition and key."""
    kafka, topics = settings.kafka_kwargs(), settings.topics
    places = [TopicPartition(topics.stakes, partition) for partition in range(topics.partitions)]
    async with translated(kafka):
        logs = await read_all(kafka, places)
    _, decode = state_codec(load_codec(settings)[1])
    found: dict[int, dict[str, Any]] = {}
    for place, records in logs.items():
        newest = {(each.key or b"").decode(): each.value for each in records}
        newest.pop(POSITION_KEY, None)
        kept = {key: value for key, value in newest.items() if key.startswith(QUEUE) and value is not None}
        found[place.partition] = {key: decode(key, value) for key, value in kept.items()}
    return found


async def resume(settings: Settings, line: str) -> StoppedLine:
    """Start a stopped line again: its first decision is tried anew; if it breaks again, the line stops again.

    Args:
        settings: with the address of the cluster; as an operator.
        line: the line.

    Raises:
        RefusedError: it is not stopped, or its decision could not be read.
        TimedOutError: it is not known whether it was done; look again.
    """
    found = next((each for each in await stopped_lines(settings) if each.line == line), None)
    if found is None:
        raise RefusedError("the line is not stopped", reason="not-stopped", hint="`exchange lines list` shows those that are")
    if not found.readable:
        raise RefusedError(
            "its decision could not be read, and would be left out",
            reason="unreadable",
            hint="when the release that can read it runs: stop fan-out, `exchange rebuild --processor fanout`, start it",
        )
    async with desk(settings) as at:
        await at.resume(line, partition_of(line, settings.partitions), found.letters)
    return found
