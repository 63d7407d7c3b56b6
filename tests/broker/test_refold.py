"""State and committed offset disagree, or belong to another generation."""

from __future__ import annotations

import asyncio
import json

import pytest
from counting import Counting, counting, repeats, running, texts
from test_faults import committed

from exchange.adapters.admin import Admin
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.lane_events import Refolded
from exchange.adapters.lane_state import Limits
from exchange.errors import StateError, TopicMissingError
from exchange.testing.broker import COMPACTED, make_topics, read_until, send


def events(count: int, first: int = 0) -> list[tuple[int, bytes, bytes]]:
    return [(0, f"k{n % 5}".encode(), json.dumps({"n": n}).encode()) for n in range(first, count)]


async def worked_off(kafka: EmbeddedKafka) -> Counting:
    """A lane that has done a hundred records."""
    made = await counting(kafka.bootstrap)
    await send(kafka.bootstrap, made.input, events(100))
    async with running(made.loop(kafka.bootstrap)):
        await read_until(kafka.bootstrap, made.output, 100)
    return made


@pytest.mark.parametrize("moved_to", [30, 110])
async def test_a_moved_offset_neither_repeats_nor_skips(kafka: EmbeddedKafka, moved_to: int) -> None:
    """Somebody moves the group's offset back or forward: the lane folds again, says so, and goes on where its state stands."""
    made = await worked_off(kafka)
    await send(kafka.bootstrap, made.input, events(120, 100))
    assert await committed(kafka, made, move_to=moved_to) == moved_to
    async with running(made.loop(kafka.bootstrap)):
        found = texts(await read_until(kafka.bootstrap, made.output, 120))
    assert len(found) == 120
    assert not repeats(found)
    (report,) = made.seen(Refolded)
    assert (report.committed, report.position, report.next_offset, report.records, report.same) == (moved_to, 100, 100, 100, True)
    assert await committed(kafka, made) == 120


async def test_lost_state_is_folded_again(kafka: EmbeddedKafka) -> None:
    """The state topic is gone: the lane folds its input up to the committed offset, and sends none of it again."""
    made = await worked_off(kafka)
    async with Admin({"bootstrap_servers": kafka.bootstrap}) as admin:
        await admin.delete([made.state])
    await asyncio.sleep(1)
    await make_topics(kafka.bootstrap, made.state, configs=COMPACTED)
    await send(kafka.bootstrap, made.input, events(150, 100))
    async with running(made.loop(kafka.bootstrap, limits=Limits(writes=2))):
        found = texts(await read_until(kafka.bootstrap, made.output, 150))
    assert len(found) == 150
    assert not repeats(found)
    assert found[-1] == "149:count30"
    assert [(report.position, report.next_offset) for report in made.seen(Refolded)] == [(None, 100)]


async def test_another_generation_is_refused(kafka: EmbeddedKafka) -> None:
    """State of one generation does not run under another."""
    made = await worked_off(kafka)
    with pytest.raises(StateError, match="generation g1"):
        await asyncio.wait_for(made.loop(kafka.bootstrap, generation="g2").run(), 20)


async def test_missing_topics_are_named(kafka: EmbeddedKafka) -> None:
    """A loop without its topics says which one is missing."""
    with pytest.raises(TopicMissingError, match=r"nowhere\.in"):
        await asyncio.wait_for(Counting("nowhere").loop(kafka.bootstrap).run(), 20)
