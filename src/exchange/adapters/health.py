"""Is the worker alive, is it ready; and the HTTP server that tells Prometheus and Kubernetes.

*Live*: the loop takes its turns. A broker that is away does not end that; a loop that hangs, or a lane that does, does.
*Ready*: a member of its group, and every lane it was given is restored. A worker with nothing to do (more workers than lanes) is
ready: it is a standby.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from exchange.adapters import lane_events as events

SILENT_S = 60.0
"""For so long the loop, or a lane, may take no turn: a lane's slowest single thing ends by a time-out well before."""

Clock = Callable[[], float]


class Health:
    """A hook that knows whether the worker is alive and ready.

    Args:
        clock: seconds that only grow.
        silent_s: seconds without a turn after which it is not alive.
    """

    def __init__(self, clock: Clock = time.monotonic, silent_s: float = SILENT_S) -> None:
        self._clock, self._silent_s = clock, silent_s
        self._turn = clock()
        self._member = False
        self._lanes: dict[int, float] = {}
        self._open: set[int] = set()

    def __call__(self, event: events.ProcessorEvent) -> None:
        """Take note of one event."""
        now = self._clock()
        match event:
            case events.Polled():
                self._turn = now
            case events.Assigned():
                self._member, self._lanes, self._open = event.member, dict.fromkeys(event.lanes, now), set()
            case events.LaneStopped():
                self._open.discard(event.lane)
            case events.LaneRestored():
                self._open.add(event.lane)
                self._lane(event.lane, now)
            case events.LaneEvent():
                self._lane(event.lane, now)

    def _lane(self, lane: int, now: float) -> None:
        if lane in self._lanes:
            self._lanes[lane] = now

    def live(self) -> tuple[bool, str]:
        """Whether it takes its turns, and if not, what does not."""
        now, lanes = self._clock(), dict(self._lanes)
        if now - self._turn > self._silent_s:
            return False, f"the loop took no turn for {now - self._turn:.0f} s"
        silent = sorted(lane for lane, turn in lanes.items() if now - turn > self._silent_s)
        return not silent, f"lanes {silent} took no turn for {self._silent_s:.0f} s" if silent else "polling"

    def ready(self) -> tuple[bool, str]:
        """Whether it works on all it was given, and if not, what is missing."""
        if not self._member:
            return False, "not a member of its group"
        closed = sorted(set(self._lanes) - self._open)
        return not closed, f"lanes {closed} are not restored yet" if closed else f"{len(self._lanes)} lanes restored"


class Beat:
    """Health of a worker without lanes: it beats whenever its work came round.

    Args:
        silent_s: seconds without a beat after which it is not alive.
        clock: seconds that only grow.
    """

    def __init__(self, silent_s: float, clock: Clock = time.monotonic) -> None:
        self._silent_s, self._clock = silent_s, clock
        self._last, self._worked = clock(), False

    def __call__(self, *, worked: bool) -> None:
        """The work came round; ``worked``: and was done."""
        self._last, self._worked = self._clock(), worked

    def live(self) -> tuple[bool, str]:
        """Whether it came round lately."""
        silent = self._clock() - self._last
        return silent <= self._silent_s, f"last came round {silent:.0f} s ago"

    def ready(self) -> tuple[bool, str]:
        """Whether it could do its work the last time."""
        return self._worked, "working" if self._worked else "its last work was not done"


Answer = Callable[[], tuple[bool, str]]


def application(registry: CollectorRegistry, checks: Mapping[str, Answer]) -> Any:
    """A WSGI application: ``/metrics``, and a path for each check that answers 200 or 503 with the reason as JSON."""
    metrics: Any = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        if path not in checks:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"there is /metrics, /healthz and /readyz\n"]
        well, why = checks[path]()
        start_response("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps({"ok": well, "why": why}).encode() + b"\n"]

    return app


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def serve(registry: CollectorRegistry, checks: Mapping[str, Answer], port: int, host: str = "127.0.0.1") -> int:
    """Serve from a thread of its own for the rest of the process; returns the port (chosen by the system where it was 0)."""
    server = make_server(host, port, application(registry, checks), server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return int(server.server_port)
