"""The core under simulated faults. ``make simulate`` runs many more seeds."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.core.step import Output
from exchange.testing.bus import Bus
from exchange.testing.simulation import simulate

FAILED_ONCE: tuple[int, ...] = ()
"""Seeds that found a fault; they stay."""


@pytest.mark.parametrize("seed", [*range(2000), *FAILED_ONCE])
def test_a_seed_is_whole(seed: int) -> None:
    assert simulate(seed).problems == ()


def test_a_seed_is_one_run() -> None:
    """The same again, crashes and all."""
    runs = [simulate(seed) for seed in (7, 8, 7)]
    assert runs[0] == runs[2] != runs[1]
    assert sum(run.crashes for run in runs) > 0


@pytest.mark.parametrize("topic", ["notices", "journal", "decisions"])
def test_a_log_that_loses_or_repeats_a_record_is_found(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One record in twenty, lost or written twice: the simulation says so."""
    whole, count = Bus.write, [0]

    def leaky(copies: int) -> Any:
        def write(bus: Bus, output: Output) -> None:
            count[0] += f".{topic}" in output.topic
            hit = f".{topic}" in output.topic and count[0] % 20 == 0
            for _ in range(copies if hit else 1):
                whole(bus, output)

        return write

    for copies in (0, 2):
        monkeypatch.setattr(Bus, "write", leaky(copies))
        assert any(simulate(seed).problems for seed in range(6)), copies
