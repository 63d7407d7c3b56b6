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
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from exchange.errors import AccessError, BrokerError, ConfigError, TopicMissingError, UnreachableError
from exchange.topics import TopicSpec

PROBE_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_MS = 15_000
TOPICS_PER_REQUEST = 200  # a create request is answered when all its topics are agreed on; then brokers make their logs
WAIT_MADE_S = 60.0  # for so many, each costs the broker some file syncs
LOOK_AGAIN_S, LOOK_AGAIN_MAX_S = 0.02, 0.5
WAIT_COORDINATOR_S = 20.0
END, NOBODY = -1, -1  # Kafka's numbers for "the log's end" and "no leader"

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

        They are made in pieces; when this returns, the leader of each has its log and takes records.

        Raises:
            ConfigError: a topic exists with another partition count.
            AccessError: creating topics is not allowed.
            UnreachableError: the cluster cannot be reached.
        """
        there = await self.topics()
        _check_counts(specs, there)
        missing = [spec for spec in specs if spec.name not in there]
        for start in range(0, len(missing), TOPICS_PER_REQUEST):
            async with translated(self._kafka), asyncio.timeout(WAIT_MADE_S):
                await self._make(missing[start : start + TOPICS_PER_REQUEST])
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
        """Set the settings of topics that are there to those declared, in pieces.

        Raises:
            BrokerError: the broker refuses; the first such topic is named.
            UnreachableError: the cluster cannot be reached.
        """
        for start in range(0, len(specs), TOPICS_PER_REQUEST):
            await self._configure(specs[start : start + TOPICS_PER_REQUEST])

    async def _configure(self, specs: Sequence[TopicSpec]) -> None:
        resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=dict(spec.configs)) for spec in specs]
        async with translated(self._kafka):
            answers = await self._client.alter_configs(resources)
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

    async def _make(self, specs: Sequence[TopicSpec]) -> None:
        late = specs
        while late:
            late = await self._create(late)
        await self._await_led(specs)

    async def _create(self, specs: Sequence[TopicSpec]) -> Sequence[TopicSpec]:
        """Ask for topics; returns those whose answer did not come in time, to be asked for again: they may be there by then."""
        wanted = [
            NewTopic(
                spec.name, num_partitions=spec.partitions, replication_factor=spec.replication, topic_configs=dict(spec.configs)
            )
            for spec in specs
        ]
        try:
            answer = await self._client.create_topics(wanted)
        except (TimeoutError, kafka_errors.RequestTimedOutError):
            return specs
        late = set()
        for name, code, message in answer.topic_errors:
            error = kafka_errors.for_code(code)
            if error in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
                continue
            if error is kafka_errors.RequestTimedOutError:
                late.add(name)
                continue
            if error in _DENIED:
                raise AccessError(f"topic {name} must not be created with these credentials", hint=_ACCESS_HINT)
            raise BrokerError(f"topic {name} could not be created: {error.__name__} {message or ''}".rstrip())
        return [spec for spec in specs if spec.name in late]

    async def _await_led(self, specs: Sequence[TopicSpec]) -> None:
        """Wait until the leader of every partition answers for it.

        The metadata name a leader before that broker has made the log; a record sent in between is refused ("not leader").
        Two creators may have raced, so the counts are checked again.
        """
        waiting, pause = {spec.name: spec for spec in specs}, LOOK_AGAIN_S
        while True:
            rows = [row for row in await self._client.describe_topics(list(waiting)) if not row["error_code"]]
            _check_counts(waiting.values(), {row["topic"]: len(row["partitions"]) for row in rows})
            for topic in await self._led(rows):
                del waiting[topic]
            if not waiting:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LOOK_AGAIN_MAX_S)

    async def _led(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Those of the topics for all of whose partitions a leader can say where the log ends."""
        asked: dict[int, dict[str, list[tuple[int, int]]]] = {}
        for row in rows:
            for part in row["partitions"]:
                asked.setdefault(part["leader"], {}).setdefault(row["topic"], []).append((part["partition"], END))
        missing = set(asked.pop(NOBODY, ()))
        for leader, places in asked.items():
            try:
                answer = await self._client._send_request(OffsetRequest(-1, 0, list(places.items())), leader)
            except (kafka_errors.NodeNotReadyError, kafka_errors.KafkaConnectionError, kafka_errors.RequestTimedOutError):
                missing |= set(places)
                continue
            for topic, parts in answer.topics:
                for _, code, *_ in parts:
                    if not (error := kafka_errors.for_code(code)).retriable and error is not kafka_errors.NoError:
                        raise BrokerError(f"the leader of topic {topic} does not answer for it: {error.__name__}")
                    if code:
                        missing.add(topic)
        return {row["topic"] for row in rows} - missing


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
        if isinstance(cause, TimeoutError | kafka_errors.RequestTimedOutError):
            return BrokerError(
                f"{host}:{port} is there but says nothing", hint="Is it starting, too busy, or not Kafka? Try again."
            )
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
