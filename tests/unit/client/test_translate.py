"""exchange.client.translate: no error of aiokafka gets out."""

from __future__ import annotations

import inspect

import pytest
from aiokafka import errors as kafka_errors

from exchange.client.translate import translated
from exchange.errors import AccessError, ExchangeError, TimedOutError, TooLargeError, TopicMissingError, UnreachableError

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
