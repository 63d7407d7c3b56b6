"""A party's connection to the exchange."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, Self

from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from uuid_utils import uuid7

from exchange.adapters.positions import Position
from exchange.adapters.producer import Producer
from exchange.adapters.topic_reader import TopicReader
from exchange.client import trace
from exchange.client.feed import Feed
from exchange.client.inbox import Inbox
from exchange.client.outgoing import Outgoing, Publishable, considered, outgoing, seal
from exchange.client.translate import translated
from exchange.client.views import Views, read_dossier
from exchange.core.admission import REASONS
from exchange.core.envelope import Attributes, to_headers
from exchange.errors import (
    BrokerError,
    ConfigError,
    QuarantinedError,
    RefusedError,
    TimedOutError,
    TopicMissingError,
    ValidationError,
)
from exchange.events import models
from exchange.refs import is_party, partition_of
from exchange.runtime import load_codec
from exchange.settings import Settings, load_settings

Wait = Literal["receipt", "result"]
TIMEOUT_S = 30.0
METADATA_TRIES = 10
METADATA_PAUSE_S = 0.2
RECONNECT_PAUSE_S = 0.2
AWAY = (KafkaConnectionError, NodeNotReadyError)


class Published:
    """What became of a submission.

    Attributes:
        event_id: id of the event; of the first one when the submission repeats it.
        receipt: intake's answer, if it was waited for.
        result: the notice with profile and gaps, if it was waited for and there is one (a registration has none).
    """

    def __init__(self, event_id: str, receipt: models.Receipt | None = None, result: models.Notice | None = None) -> None:
        self.event_id, self.receipt, self.result = event_id, receipt, result

    def __repr__(self) -> str:
        return f"Published({self.event_id!r}, {self.receipt.status if self.receipt else None!r})"


class Exchange:
    """Publish, subscribe, look up. Use it as an async context manager.

    Args:
        party: who you are; default: ``EXCHANGE_PARTY``.
        settings: default: from the environment (:mod:`exchange.settings`).
        overrides: single settings.

    Raises:
        ConfigError: there is no Kafka address or no party id.
    """

    def __init__(self, party: str | None = None, *, settings: Settings | None = None, **overrides: Any) -> None:
        self.settings = settings or load_settings(**overrides)
        self.party = party or self.settings.party or ""
        if not is_party(self.party):
            raise ConfigError("no party id", hint="give one, or set EXCHANGE_PARTY")
        self._kafka = self.settings.kafka_kwargs()
        self._topics = self.settings.topics
        _, self._codec = load_codec(self.settings)
        self._producer: Any = None
        self._inbox: Inbox | None = None
        self._views: Views | None = None
        self._feeds: list[Feed] = []
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        producer: Any = Producer(**self._kafka, acks="all", enable_idempotence=True)
        async with translated(self._kafka):
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
        self._producer = producer
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close everything that is open; what was sent is on its way."""
        parts = [*(feed.aclose for feed in self._feeds)]
        parts += [part.close for part in (self._inbox, self._views) if part]
        parts += [self._producer.stop] if self._producer else []
        self._inbox = self._views = self._producer = None
        self._feeds = []
        for part in parts:
            await part()

    async def publish(
        self,
        document: Publishable,
        *,
        wait: Wait | None = "receipt",
        idempotency_key: str | None = None,
        timeout: float = TIMEOUT_S,
        traceparent: str | None = None,
    ) -> Published:
        """Publish one record.

        An assessment whose ``considers`` was left open gets what your current view of the release shows (DESIGN section 5).

        Args:
            document: a model, a parsed document, or name and record.
            wait: for intake's receipt, for the result, or for neither.
            idempotency_key: two submissions with the same key are one; default: the same content is.
            timeout: seconds to wait.
            traceparent: W3C trace context to send along; default: the current span's (OpenTelemetry), else a new one.

        Raises:
            ValidationError: a field is wrong; nothing was sent.
            TooLargeError: more than 128 kB; nothing was sent.
            RefusedError: the exchange refused it; ``reason`` is the reason code (docs/reasons.md).
            QuarantinedError: accepted, but it could not be worked off.
            TimedOutError: no answer in time. Publish it again with the same key: it counts once.
            BrokerError: Kafka cannot be used.
        """
        out = outgoing(document)
        if out.open_considers:
            out.record["considers"] = considered(await self.dossier(out.subject))
        value = seal(self._codec, out.name, out.record)
        event_id = str(uuid7())
        # The clock is read here and nowhere further on: a claim of the publisher.
        now = datetime.now(UTC)  # noqa: TID251
        headers = to_headers(
            Attributes(
                event_id,
                out.name,
                self.party,
                out.subject,
                now,
                idempotency_key=idempotency_key,
                traceparent=traceparent or trace.fresh(),
            )
        )
        async with translated(self._kafka):
            if wait is None:
                await self._send(value, headers)
                return Published(event_id)
            return await self._send_and_wait(out, event_id, value, headers, wait, timeout)

    def subscribe(
        self, group: str = "default", *, position: Position | None = None, keep: bool = True, follow: bool = True
    ) -> Feed:
        """Your notices, from where this group stopped.

        Args:
            group: several programs of a party subscribe under different names.
            position: begin here; you keep the position then.
            keep: keep the position in a file under ``EXCHANGE_HOME`` and as the group's committed offset.
            follow: wait for more; else end with what is there now.

        Raises:
            ConfigError: the group's name makes no sense.
        """
        if not is_party(group):
            raise ConfigError("group: lower-case letters, digits and inner . and - only")
        keeps = keep and position is None
        path = self.settings.home / "subscriptions" / f"{self._topics.deployment}.{self.party}.{group}.sqlite"
        feed = Feed(
            self._kafka,
            self._topics.notices(self.party),
            self._codec,
            group=f"{self.party}.{group}" if keeps else None,
            file=path if keeps else None,
            position=position,
            follow=follow,
        )
        self._feeds = [*(each for each in self._feeds if not each.closed), feed]
        return feed

    async def dossier(self, release: str) -> models.View | None:
        """What you may see of a release: the newest view among your notices; ``None`` if you were never told of it.

        Raises:
            BrokerError: Kafka cannot be used.
        """
        async with translated(self._kafka), self._lock:
            if self._views is None:
                views = Views(TopicReader(self._kafka, self._topics.notices(self.party)), self._codec)
                await views.open()
                self._views = views
            return await self._views.newest(release)

    async def full_dossier(self, release: str) -> models.Dossier | None:
        """The dossier itself, for operators: reads the exchange's own state, which parties have no access to.

        Raises:
            AccessError: you are no operator.
        """
        async with translated(self._kafka):
            return await read_dossier(self._kafka, self._topics, self._codec, release)

    async def _send(self, value: bytes, headers: Any) -> None:
        if self._producer is None:
            raise BrokerError("not connected", hint="use `async with Exchange(...)`")
        partition = partition_of(self.party, await self._partitions())
        await self._producer.send_and_wait(self._topics.submissions, value, self.party.encode(), partition, headers=list(headers))

    async def _partitions(self) -> int:
        """How many partitions submissions really have. aiokafka itself would wait 40 s for a topic that is not there."""
        client, topic = self._producer.client, self._topics.submissions
        for _ in range(METADATA_TRIES):
            await client.add_topic(topic)
            found = client.cluster.partitions_for_topic(topic)
            if found:
                return len(found)
            answered = await client.force_metadata_update()
            await asyncio.sleep(METADATA_PAUSE_S)
        if not answered:
            raise KafkaConnectionError("no broker told which partitions there are")
        raise TopicMissingError(f"the topic {topic} does not exist", hint="run `exchange topics apply`")

    async def _send_and_wait(
        self, out: Outgoing, event_id: str, value: bytes, headers: Any, wait: Wait, timeout: float
    ) -> Published:
        until = asyncio.get_running_loop().time() + timeout
        inbox: Inbox | None = None
        try:
            async with asyncio.timeout_at(until):
                inbox = await self._open_inbox(out.name, until)
                receipt, result = inbox.receipt(event_id), inbox.result(event_id)
                await self._send(value, headers)
                answer = await receipt
                if answer.status == "refused":
                    raise _refused(answer)
                first = answer.event_id or event_id
                if wait == "receipt" or out.name == "Party":
                    return Published(first, answer)
                return Published(first, answer, _whole(await result if first == event_id else await self._earlier(first)))
        except TimeoutError:
            raise TimedOutError(
                f"no {wait} within {timeout:g} s", hint="publish it again with the same content or key: it counts once"
            ) from None
        finally:
            if inbox is not None:
                inbox.forget(event_id)

    async def _open_inbox(self, name: str, until: float) -> Inbox:
        """The inbox, opened anew where it failed; a broker that is away is waited for."""
        async with self._lock:
            if self._inbox is not None and self._inbox.failed:
                await self._inbox.close()
                self._inbox = None
            while self._inbox is None:
                try:
                    self._inbox = await self._new_inbox(name)
                except AWAY:
                    if asyncio.get_running_loop().time() + RECONNECT_PAUSE_S > until:
                        raise
                    await asyncio.sleep(RECONNECT_PAUSE_S)
            return self._inbox

    async def _new_inbox(self, name: str) -> Inbox:
        inbox = Inbox(self._kafka, self._topics.notices(self.party), self._codec)
        try:
            if not await inbox.open() and name != "Party":
                raise RefusedError(f"{self.party} is not registered", reason="unregistered", hint="publish a Party record first")
        except BaseException:
            await inbox.close()
            raise
        return inbox

    async def _earlier(self, event_id: str) -> models.Notice:
        """The result of an event that was published before, perhaps not told yet."""
        async with self.subscribe(keep=False) as feed:
            async for notice in feed:
                if notice.kind in ("result", "quarantined") and notice.cause and notice.cause.event_id == event_id:
                    return notice
        raise ValidationError("the result is not among the notices")


def _whole(result: models.Notice) -> models.Notice:
    if result.kind == "quarantined":
        raise QuarantinedError(
            "the event was accepted, but broke the step that works it off; nothing was changed",
            hint="tell the exchange's operator",
        )
    return result


def _refused(receipt: models.Receipt) -> RefusedError:
    field = f" ({receipt.field})" if receipt.field else ""
    reason = receipt.reason or "invalid"
    return RefusedError(f"refused: {reason}{field}", reason=reason, hint=REASONS.get(reason, ""))
