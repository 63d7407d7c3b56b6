"""One real broker for all broker tests; topics and names are each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.adapters.broker import EmbeddedKafka
from exchange.testing.broker import embedded_kafka


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a broker."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker that lives as long as the test run."""
    with embedded_kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker
