"""The benchmark's page says what the committed results say, and nothing else; ratios and targets are counted right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import targets
from bench.core_cases import slope
from bench.page import PICTURES, page
from bench.sizing import sizing
from bench.world import World
from exchange.testing.bus import Bus

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "bench" / "results.json"


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    return json.loads(RESULTS.read_text("utf-8"))  # type: ignore[no-any-return]


def test_the_page_is_made_of_the_results(found: dict[str, object]) -> None:
    """`python -m bench --page` makes it anew."""
    assert (ROOT / "docs" / "bench.md").read_text("utf-8") == page(found)
    assert (ROOT / "docs" / "sizing.md").read_text("utf-8") == sizing(found)
    assert all((ROOT / "docs" / "bench" / f"{name}.png").exists() for name in PICTURES if name in found)


def test_every_target_is_judged_by_the_figures(found: dict[str, object]) -> None:
    """Met or not, nobody edits it."""
    assert found["targets"] == json.loads(json.dumps(targets.judge(found)))


def test_ratios_are_round_by_round_and_a_failed_round_has_none() -> None:
    """The spread is that of the ratios, not of the figures."""
    runs = {"ours": [{"f": 10}, {"f": 12}, {"failed": "x"}], "other": [{"f": 5}, {"f": 3}, {"f": 1}]}
    assert targets.ratios(runs, "ours", "other", "f") == [2.0, 4.0]
    [row] = targets._ratio_row(runs, "other", "t", 3.5, "f")
    assert (row["median"], row["lowest"], row["highest"], row["met"]) == (3.0, 2.0, 4.0, False)


def test_a_slope_is_that_of_the_logarithms() -> None:
    """One for linear growth, two for quadratic, none for none."""
    assert [slope([(x, x**power) for x in (1.0, 2.0, 8.0)]) for power in (1, 2, 0)] == [1, 2, 0]


def test_what_is_published_is_accepted() -> None:
    """The world of the benchmark is one the exchange takes: else refusals would be measured."""
    bus = Bus(2)
    world = World(bus.codec, bus.topics, families=1)
    for one in [*world.opening(), *world.news(40)]:
        bus.submit(one.party, *bus.codec.decode(one.value), event_id=one.identity)
    bus.run()
    statuses = {receipt["status"] for party in world.parties for receipt in bus.receipts(party)}
    assert statuses == {"accepted"}
    assert bus.records(bus.topics.dead_letters) == []
