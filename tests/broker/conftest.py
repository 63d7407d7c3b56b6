"""One real broker for all broker tests; topics and names are each test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from platformdirs import user_cache_dir

from exchange.adapters.broker import APPLICATION, EmbeddedKafka
from exchange.adapters.broker_config import Listener, free_port, search_from
from exchange.adapters.broker_jars import ensure_jars
from exchange.testing.broker import embedded_kafka
from exchange.testing.proxy import KafkaProxy

LONG_FIRST = (
    "test_fault_programme",
    "test_cli_up",
    "test_end_to_end_faults",
    "test_recovery",
    "test_operations",
    "test_faults",
    "test_embedded",
    "test_upgrade",
    "test_wheel",
    "test_completeness_flow",
    "test_dashboards_verify",
    "test_end_to_end",
    "test_watched",
    "test_malformed",
)
"""The files that take longest, in the order in which they begin: two processes that share the files then end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a broker."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.broker)
    ranks = {here / f"{name}.py": rank for rank, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session", autouse=True)
def _jars() -> None:
    """On a new machine Kafka is fetched before the first test begins, once for both processes, and in no test's own time-outs."""
    ensure_jars(Path(user_cache_dir(APPLICATION)))


@pytest.fixture(scope="session")
def proxied() -> Listener:
    """The broker's second way in, which leads through the proxy."""
    start = search_from(13000, 4000)  # the second port is free all along but for a test with a proxy: nobody else looks here
    port = free_port(start=start)
    return Listener("PROXIED", port, free_port(start=start, avoid=(port,)))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, proxied: Listener) -> Iterator[EmbeddedKafka]:
    """A broker that lives as long as the test run."""
    with embedded_kafka(tmp_path_factory.mktemp("kafka"), listeners=(proxied,)) as broker:
        yield broker


@pytest_asyncio.fixture
async def proxy(kafka: EmbeddedKafka, proxied: Listener) -> AsyncIterator[KafkaProxy]:
    """The way through the proxy."""
    async with KafkaProxy(proxied.advertised, proxied.port) as way:
        yield way
