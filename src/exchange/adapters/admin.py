"""Topics: declared in code, created here, their partition counts never changed. And: why a cluster cannot be used.

>>> async with Admin({"bootstrap_servers": "127.0.0.1:9092"}) as admin:       # doctest: +SKIP
...     await admin.apply([TopicSpec("exchange.journal", partitions=12)])
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from exchange.errors import AccessError, BrokerError, ConfigError, TopicMissingError, UnreachableError
from exchange.topics import TopicSpec

PROBE_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_MS = 15_000
TOPICS_PER_REQUEST = 200  # a create request is answered when all its topics are there
WAIT_VISIBLE_S = 10.0
WAIT_COORDINATOR_S = 20.0

_DENIED = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.TransactionalIdAuthorizationFailed,
    kafka_errors.UnsupportedSaslMechanismError,
    ssl.SSLError,
)
_LOADING = (
    kafka_errors.GroupLoadInProgressError,
    kafka_errors.GroupCoordinatorNotAvailableError,
    kafka_errors.NotCoordinatorForGroupError,
)
_ACCESS_HINT = "Check security protocol, user name, password and certificates; `exchange doctor` tries each step."
_REACH_HINT = "Is the broker up (`exchange status`) and the address right (EXCHANGE_BOOTSTRAP_SERVERS)?"


class Admin:
    """A connection for topic administration; use it as an async context manager.

    Args:
        kafka: aiokafka's client settings (``bootstrap_servers``, security).
    """

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = dict(kafka)
        self._client: Any = None

    async def __aenter__(self) -> Self:
        self._client = AIOKafkaAdminClient(**self._kafka, request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await self._client.start()
        except kafka_errors.KafkaError as error:
            await self._client.close()
            raise await why_unusable(self._kafka, error) from error
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.close()

    async def topics(self) -> dict[str, int]:
        """Return the partition count of every topic that can be seen."""
        async with translated(self._kafka):
            return {row["topic"]: len(row["partitions"]) for row in await self._client.describe_topics() if not row["error_code"]}

    async def apply(self, specs: Sequence[TopicSpec]) -> list[str]:
        """Create what is missing and return the names created; running it again changes nothing.

        Raises:
            ConfigError: a topic exists with another partition count.
            AccessError: creating topics is not allowed.
            UnreachableError: the cluster cannot be reached.
        """
        there = await self.topics()
        _check_counts(specs, there)
        missing = [spec for spec in specs if spec.name not in there]
        for start in range(0, len(missing), TOPICS_PER_REQUEST):
            async with translated(self._kafka):
                await self._create(missing[start : start + TOPICS_PER_REQUEST])
        if missing:
            await self._await_visible(specs)
        return [spec.name for spec in missing]

    async def config(self, topic: str) -> dict[str, str]:
        """Return a topic's settings.

        Raises:
            TopicMissingError: there is no such topic.
        """
        async with translated(self._kafka):
            answers = await self._client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        error_code, _, _, _, entries = answers[0].resources[0][:5]
        if error_code:
            raise TopicMissingError(f"there is no topic {topic}", hint="Run `exchange topics apply`.")
        return {entry[0]: entry[1] for entry in entries}

    async def members(self, group: str) -> int:
        """How many live members a consumer group has; waits until its coordinator can say."""
        async with translated(self._kafka), asyncio.timeout(WAIT_COORDINATOR_S):
            while True:
                with contextlib.suppress(*_LOADING):
                    (answer,) = await self._client.describe_consumer_groups([group])
                    (described,) = answer.groups
                    if described[0] not in [error.errno for error in _LOADING]:
                        return len(described[5])
                await asyncio.sleep(0.1)

    async def configure(self, specs: Sequence[TopicSpec]) -> None:
        """Set the settings of topics that are there to those declared."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=dict(spec.configs)) for spec in specs]
        async with translated(self._kafka):
            answers = await self._client.alter_configs(resources) if resources else []
        for answer in answers:
            for code, _message, _kind, name in answer.resources:
                if code:
                    raise BrokerError(f"topic {name} could not be configured: {kafka_errors.for_code(code).__name__}")

    async def forget(self, places: Mapping[TopicPartition, int]) -> None:
        """Let the logs of partitions begin at these offsets."""
        if places:
            async with translated(self._kafka):
                await self._client.delete_records({place: RecordsToDelete(before) for place, before in places.items()})

    async def delete(self, names: Iterable[str]) -> None:
        """Delete topics (tests and clean-ups only; nothing in the exchange deletes its topics)."""
        async with translated(self._kafka):
            await self._client.delete_topics(list(names))

    async def _create(self, specs: Sequence[TopicSpec]) -> None:
        wanted = [
            NewTopic(
                spec.name, num_partitions=spec.partitions, replication_factor=spec.replication, topic_configs=dict(spec.configs)
            )
            for spec in specs
        ]
        answer = await self._client.create_topics(wanted)
        for name, code, message in answer.topic_errors:
            error = kafka_errors.for_code(code)
            if error in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                continue
            if error in _DENIED:
                raise AccessError(f"topic {name} must not be created with these credentials", hint=_ACCESS_HINT)
            raise BrokerError(f"topic {name} could not be created: {error.__name__} {message or ''}".rstrip())

    async def _await_visible(self, specs: Sequence[TopicSpec]) -> None:
        """Wait until every topic is in the metadata: two creators may have raced, so the counts are checked again."""
        async with asyncio.timeout(WAIT_VISIBLE_S):
            while True:
                there = await self.topics()
                if all(spec.name in there for spec in specs):
                    break
                await asyncio.sleep(0.05)
        _check_counts(specs, there)


def _check_counts(specs: Iterable[TopicSpec], there: Mapping[str, int]) -> None:
    for spec in specs:
        if there.get(spec.name, spec.partitions) != spec.partitions:
            raise ConfigError(
                f"topic {spec.name} has {there[spec.name]} partitions, declared are {spec.partitions}",
                hint="Partition counts never change: restore into a new generation to grow.",
            )


class translated:  # noqa: N801  (reads as a statement: async with translated(kafka))
    """Async context: aiokafka's errors come out as the exchange's own.

    Args:
        kafka: aiokafka's client settings, to find out why a connection failed.
    """

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, kafka_errors.KafkaError | OSError | TimeoutError):
            raise await why_unusable(self._kafka, error) from error


async def why_unusable(kafka: Mapping[str, Any], error: BaseException) -> BrokerError:
    """Return the error that says why a cluster cannot be used.

    aiokafka answers a wrong password and a dead host alike with a bare KafkaConnectionError, its cause only in its log; so each
    address is tried once more here, one layer at a time.

    Args:
        kafka: aiokafka's client settings.
        error: what aiokafka raised.
    """
    if isinstance(error, _DENIED):
        return AccessError(f"the cluster refused access ({type(error).__name__})", hint=_ACCESS_HINT)
    if not isinstance(error, kafka_errors.KafkaConnectionError | kafka_errors.RequestTimedOutError | OSError):
        return BrokerError(f"Kafka answered with {type(error).__name__}")
    servers = kafka.get("bootstrap_servers", "localhost")
    for host, port, _ in collect_hosts(servers, randomize=False):
        if not await _port_opens(host, port):
            continue
        cause = await _conversation_fails(host, port, kafka)
        if cause is not None:
            return AccessError(f"{host}:{port} is there but refuses the connection ({type(cause).__name__})", hint=_ACCESS_HINT)
        return BrokerError(f"{host}:{port} is there, but Kafka answered with {type(error).__name__}", hint="Try again.")
    return UnreachableError(f"nobody answers at {servers}", hint=_REACH_HINT)


async def _port_opens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _conversation_fails(host: str, port: int, kafka: Mapping[str, Any]) -> Exception | None:
    """Talk to one broker as far as a first question; return what went wrong."""
    names = ("ssl_context", "security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
    security = {name: kafka[name] for name in (*names, "sasl_oauth_token_provider") if kafka.get(name) is not None}
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(PROBE_TIMEOUT_S * 1000), **security)
    except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
        return error
    try:
        await connection.send(MetadataRequest([]))  # a listener that wants a login closes a connection without one only now
    except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
        return error
    finally:
        connection.close()
    return None
