"""exchange.client.translate: no error of aiokafka gets out."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from aiokafka import errors as kafka_errors

from exchange.adapters import admin
from exchange.adapters.broker_config import free_port
from exchange.client.translate import translated
from exchange.errors import (
    AccessError,
    BrokerError,
    ExchangeError,
    TimedOutError,
    TooLargeError,
    TopicMissingError,
    UnreachableError,
)

NOWHERE = {"bootstrap_servers": "127.0.0.1:1"}
ERRORS = sorted(
    {kind for _, kind in inspect.getmembers(kafka_errors, inspect.isclass) if issubclass(kind, kafka_errors.KafkaError)},
    key=lambda kind: kind.__name__,
)
EXPECTED = {
    "UnknownTopicOrPartitionError": TopicMissingError,
    "MessageSizeTooLargeError": TooLargeError,
    "KafkaTimeoutError": TimedOutError,
    "TopicAuthorizationFailedError": AccessError,
    "KafkaConnectionError": UnreachableError,
}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
async def test_every_error_of_the_library_becomes_ours(kind: type[Exception]) -> None:
    """Each class that aiokafka has, the ones of tomorrow too."""
    with pytest.raises(EXPECTED.get(kind.__name__, ExchangeError)):
        async with translated(NOWHERE):
            raise kind


async def test_other_errors_are_let_be() -> None:
    """A mistake in the caller's own code keeps its name."""
    with pytest.raises(ZeroDivisionError):
        async with translated(NOWHERE):
            raise ZeroDivisionError


async def test_silence_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes a connection and says nothing may be busy; nothing is said of passwords."""
    monkeypatch.setattr(admin, "PROBE_TIMEOUT_S", 0.3)
    gone = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", free_port()) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError, match="says nothing") as raised:
            async with translated({"bootstrap_servers": f"127.0.0.1:{port}"}):
                raise kafka_errors.KafkaConnectionError
        gone.set()
    assert not isinstance(raised.value, AccessError)
