"""The fanout processor as a Faust app: wiring only."""

from __future__ import annotations

from typing import Any

from exchange.settings import Settings
from exchange.workers import processor_app, run


def build(settings: Settings) -> Any:
    """The Faust app of the fanout processor."""
    return processor_app("fanout", settings)


if __name__ == "__main__":
    run(build)
