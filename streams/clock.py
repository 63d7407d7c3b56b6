"""The clock as a Faust app: wiring only."""

from __future__ import annotations

from typing import Any

from exchange.settings import Settings
from exchange.workers import clock_app, run


def build(settings: Settings) -> Any:
    """The Faust app that writes ticks."""
    return clock_app(settings)


if __name__ == "__main__":
    run(build)
