"""When drain work goes on: with room behind, and after a while in any case."""

from __future__ import annotations

import asyncio

import pytest

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
