"""Stands in for the processors, so that the client can be told things no exchange would tell: gaps, repeats, silence."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.resources import load_schema_texts
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, from_headers, to_headers
from exchange.core.schemas import SchemaSet
from exchange.refs import line_of
from exchange.testing.samples import sample
from exchange.topics import Topics


class Responder:
    """Answers every submission with a receipt and, if it is about a line, a result.

    Attributes:
        seen: (attributes, record, partition) of each submission.
        refuse: reason code with which to refuse.
        silent: answer nothing.
        view: fields of the view in each notice; ``None``: no view.
    """

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self.bootstrap, self.topics = bootstrap, topics
        self.schemas = SchemaSet.from_texts(load_schema_texts())
        self.codec = Codec(self.schemas)
        self.seen: list[tuple[Attributes, dict[str, Any], int]] = []
        self.refuse: str | None = None
        self.silent = False
        self.view: dict[str, Any] | None = None
        self._numbers: dict[tuple[str, str], int] = {}
        self._contents: dict[bytes, str] = {}
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Responder:
        async with Admin({"bootstrap_servers": self.bootstrap}) as admin:
            await admin.apply(list(self.topics.declared()))
        tps = [TopicPartition(self.topics.submissions, number) for number in range(self.topics.partitions)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await self._consumer.start()
        await self._producer.start()
        self._consumer.assign(tps)
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await self._consumer.stop()
        await self._producer.stop()

    async def register(self, party: str) -> None:
        async with Admin({"bootstrap_servers": self.bootstrap}) as admin:
            await admin.apply([self.topics.notice_spec(party)])

    async def _run(self) -> None:
        async for message in self._consumer:
            attributes = from_headers(message.headers)
            name, record = self.codec.decode(message.value)
            self.seen.append((attributes, record, message.partition))
            if name == "Party":
                await self.register(attributes.source)
            if not self.silent:
                await self._answer(attributes, name, record, message.value)

    async def _answer(self, attributes: Attributes, name: str, record: dict[str, Any], value: bytes) -> None:
        party = attributes.source
        first = self._contents.setdefault(value, attributes.id)
        status = "refused" if self.refuse else "accepted" if first == attributes.id else "repeat"
        receipt = {"submission_id": attributes.id, "party": party, "status": status, "reason": self.refuse, "field": None}
        fields = {"event_id": None if self.refuse else first, "lane": 0, "offset": 0}
        await self.write(party, "Receipt", {**receipt, **fields})
        if status == "accepted" and "release" in record:
            await self.notice(party, record["release"], cause=attributes.id, kind="result")

    async def notice(self, party: str, release: str, *, n: int | None = None, cause: str = "x", kind: str = "event") -> None:
        """Tell a party; ``n`` other than the next one on purpose."""
        line = line_of(release)
        number = n or self._numbers.get((party, line), 0) + 1
        self._numbers[(party, line)] = number
        caused = sample(self.schemas, "Cause", event_id=cause, release=release)
        view = sample(self.schemas, "View", release=release, **self.view) if self.view is not None else None
        fields = {"party": party, "line": line, "n": number, "release": release, "kind": kind, "cause": caused, "view": view}
        await self.write(party, "Notice", sample(self.schemas, "Notice", **fields))

    async def write(self, party: str, name: str, record: dict[str, Any]) -> None:
        headers = list(to_headers(Attributes("a", name, self.topics.deployment)))
        await self._producer.send_and_wait(
            self.topics.notices(party), self.codec.encode(name, record), partition=0, headers=headers
        )
