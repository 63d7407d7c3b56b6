"""When drain work goes on: with room behind, and after a while in any case."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from aiokafka.structs import TopicPartition

from exchange.adapters import room
from exchange.adapters.room import MOST, PATIENCE_S, Pace, Room


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(room, "monotonic", clock)
    return clock


def answering(*answers: bool) -> tuple[list[bool], room.HasRoom]:
    left = list(answers)

    async def ask() -> bool:
        return left.pop(0)

    return left, ask


def test_without_anybody_behind_it_always_goes_on() -> None:
    """The loop of a processor whose queue leads nowhere near another's input."""
    assert asyncio.run(Pace(None).may_go_on(10**6))


def test_it_waits_for_room_and_not_for_ever(clock: _Clock) -> None:
    """A queue is never held up for good by what stands still behind it; then the patience begins anew."""
    _, ask = answering(False, False, False, False, True, False)
    pace = Pace(ask)
    told = []
    for wait in (0.0, PATIENCE_S / 2, PATIENCE_S / 2, 0.0, 0.0, 0.0):
        clock.now += wait
        told.append(asyncio.run(pace.may_go_on(0)))
    assert told == [False, False, True, False, True, False]


def test_a_lane_that_is_behind_itself_does_not_ask() -> None:
    """Its own input comes first."""
    left, ask = answering(True)
    pace = Pace(ask)
    assert not asyncio.run(pace.may_go_on(MOST + 1))
    assert left == [True]
    assert asyncio.run(pace.may_go_on(MOST))


def test_where_nobody_can_tell_there_is_room() -> None:
    """No broker answers at this address: drain work is not the worse for it."""
    assert asyncio.run(Room({"bootstrap_servers": "127.0.0.1:1"}, "t", 2, "g")())


class _Slow:
    """A consumer that is not started at once, and of no use before."""

    made: ClassVar[list[_Slow]] = []

    def __init__(self, **_settings: object) -> None:
        self.started = self.stopped = False
        self.made.append(self)

    async def start(self) -> None:
        await asyncio.sleep(0 if len(self.made) > 1 else 3600)
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        if not self.started:
            raise AttributeError("not started")
        return dict.fromkeys(places, 7)

    async def committed(self, _place: TopicPartition) -> int:
        return 7


async def test_a_lane_that_is_stopped_while_it_connects_leaves_nothing_half_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fan-out once stood still for good: the next lane took an unstarted consumer for a connection, and so did all after it."""
    monkeypatch.setattr(_Slow, "made", [])
    monkeypatch.setattr(room, "Consumer", _Slow)
    asked = Room({}, "journal", 2, "group")
    asking = asyncio.create_task(asked())
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asked()
    assert [(each.started, each.stopped) for each in _Slow.made] == [(False, True), (True, False)]
