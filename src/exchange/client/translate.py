"""aiokafka's errors become ours here, and only here, for the client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import errors as kafka_errors

from exchange.adapters.admin import why_unusable
from exchange.errors import ExchangeError, TimedOutError, TooLargeError, TopicMissingError

_MISSING = (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.InvalidTopicError)
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError, kafka_errors.RecordTooLargeError)


@asynccontextmanager
async def translated(kafka: Mapping[str, Any]) -> AsyncIterator[None]:
    """Within the block, whatever aiokafka raises comes out as an error of :mod:`exchange.errors`.

    Args:
        kafka: aiokafka's client settings, to find out why a cluster cannot be used.

    Raises:
        ExchangeError: in place of any ``KafkaError``.
    """
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise await ours(kafka, error) from error


async def ours(kafka: Mapping[str, Any], error: Exception) -> ExchangeError:
    """The error of ours that stands for one of aiokafka's."""
    if isinstance(error, _MISSING):
        return TopicMissingError("a topic of the exchange is missing", hint="run `exchange topics apply`")
    if isinstance(error, _TOO_LARGE):
        return TooLargeError("larger than the topic allows", hint="send big documents by digest and link")
    if isinstance(error, kafka_errors.KafkaTimeoutError):
        return TimedOutError("Kafka did not answer in time", hint="is the broker up and are its partitions led?")
    return await why_unusable(kafka, error)
