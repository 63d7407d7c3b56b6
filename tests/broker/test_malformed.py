"""Malformed submissions of every kind beside valid ones, in short; `make malformed COUNT=100000` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.testing.malformed.__main__ import MOST_MS
from exchange.testing.malformed.run import BOMB_RECORDS, Plan, run


@pytest.mark.timeout(120)
async def test_each_malformed_submission_is_one_dead_letter_and_holds_up_nobody(tmp_path: Path) -> None:
    """No process ends, no lane is opened anew, each has its own reason; a batch that expands to 42 MiB is among them."""
    said: list[str] = []
    outcome = await run(tmp_path, Plan(seed=3, malformed=2000, rate=200, alone_s=5), said.append)
    assert outcome.clean, (outcome, said)
    assert outcome.reopened == 0
    assert len(outcome.sent.reasons) == 2000
    assert outcome.sent.kinds["bomb"] == BOMB_RECORDS
    assert len(outcome.sent.kinds) > 35
    assert len(outcome.beside_ms) > 50
    assert outcome.attributable_ms <= MOST_MS
    assert outcome.peak_mb["intake"] < 400
