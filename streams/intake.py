"""The intake processor as a Faust app: wiring only."""

from __future__ import annotations

from typing import Any

from exchange.settings import Settings
from exchange.workers import processor_app, run


def build(settings: Settings) -> Any:
    """The Faust app of the intake processor."""
    return processor_app("intake", settings)


if __name__ == "__main__":
    run(build)
