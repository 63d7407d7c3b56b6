"""Alive while polling, ready when restored; and what the server answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from prometheus_client import CollectorRegistry

from exchange.adapters import lane_events as events
from exchange.adapters.health import Beat, Health, serve


class Time:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_ready_when_every_lane_it_was_given_is_restored() -> None:
    """Not before it is a member, not while one lane is closed, not after it left."""
    well = Health(Time())
    assert not well.ready()[0]
    well(events.Assigned("dossier", (0, 2)))
    well(events.LaneRestored("dossier", 0, 1, 1, 0.1))
    assert well.ready() == (False, "lanes [2] are not restored yet")
    well(events.LaneRestored("dossier", 2, 1, 1, 0.1))
    assert well.ready()[0]
    well(events.LaneStopped("dossier", 2, "fenced"))
    assert not well.ready()[0]
    well(events.LaneRestored("dossier", 2, 1, 1, 0.1))
    well(events.Assigned("dossier", (), member=False))
    assert not well.ready()[0]


def test_a_standby_is_ready() -> None:
    """A member without lanes."""
    well = Health(Time())
    well(events.Assigned("dossier", ()))
    assert well.ready()[0]


def test_alive_only_while_the_loop_and_every_lane_take_turns() -> None:
    """A lane that hangs shows, though the group is polled; a restore that goes on is a turn."""
    time = Time()
    well = Health(time, silent_s=60)
    well(events.Assigned("dossier", (0, 1)))
    for now in range(0, 120, 10):
        time.now = now
        well(events.Polled("dossier"))
        well(events.Replayed("dossier", 0, "restore", now, 120))
        if now <= 40:
            well(events.LaneTurn("dossier", 1))
        assert well.live()[0] == (now <= 100), now
    assert "[1]" in well.live()[1]
    well(events.LaneTurn("dossier", 1))
    assert well.live()[0]
    time.now = 175
    well(events.LaneTurn("dossier", 0))
    well(events.LaneTurn("dossier", 1))
    assert well.live() == (False, "the loop took no turn for 65 s")


def test_a_beat_is_alive_while_it_comes_round_and_ready_when_it_worked() -> None:
    """The clock without a broker."""
    time = Time()
    beat = Beat(60, time)
    assert beat.live()[0]
    assert not beat.ready()[0]
    beat(worked=True)
    assert beat.ready()[0]
    time.now = 61
    assert not beat.live()[0]
    beat(worked=False)
    assert beat.live()[0]
    assert not beat.ready()[0]


def test_the_server_answers_200_or_503_with_why() -> None:
    """Over a real socket."""
    well: dict[str, Any] = {"ok": True}
    port = serve(CollectorRegistry(), {"/healthz": lambda: (well["ok"], "because")}, 0)

    def ask(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    assert ask("/healthz")[0] == 200
    well["ok"] = False
    code, body = ask("/healthz")
    assert code == 503
    assert json.loads(body) == {"ok": False, "why": "because"}
    assert ask("/metrics")[0] == 200
    assert ask("/other")[0] == 404
