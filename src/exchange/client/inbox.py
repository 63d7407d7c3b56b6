"""Answers to what was just published: receipts and results, read from the end of the party's notice topic."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from exchange.adapters.topic_reader import TopicReader
from exchange.client.translate import ours
from exchange.core.codec import Codec
from exchange.core.step import Record
from exchange.errors import ExchangeError
from exchange.events import models


class Inbox:
    """Reads in the background for as long as it is open.

    Args:
        kafka: aiokafka's client settings.
        topic: the party's notice topic; it may come into being later.
        codec: reads the records.
    """

    def __init__(self, kafka: Mapping[str, Any], topic: str, codec: Codec) -> None:
        self._kafka = kafka
        self._codec = codec
        self._reader = TopicReader(kafka, topic)
        self._receipts: dict[str, asyncio.Future[models.Receipt]] = {}
        self._results: dict[str, asyncio.Future[models.Notice]] = {}
        self._task: asyncio.Task[None] | None = None
        self._failure: ExchangeError | None = None

    @property
    def failed(self) -> bool:
        """Whether reading has failed, so that no answer comes any more."""
        return self._failure is not None

    async def open(self) -> bool:
        """Start to read behind what is there now; says whether the topic is there."""
        await self._reader.start()
        there = await self._reader.exists()
        if there:
            self._reader.seek((await self._reader.bounds())[1])
        self._task = asyncio.create_task(self._read(there), name="exchange-inbox")
        return there

    async def close(self) -> None:
        """Stop; who still waits is cancelled."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for future in self._all():
            future.cancel()
        await self._reader.stop()

    def receipt(self, submission_id: str) -> asyncio.Future[models.Receipt]:
        """The receipt of a submission, when it comes. Ask before you send.

        Raises:
            ExchangeError: reading has failed.
        """
        return self._expect(self._receipts, submission_id)

    def result(self, event_id: str) -> asyncio.Future[models.Notice]:
        """The result notice of an event, when it comes."""
        return self._expect(self._results, event_id)

    def forget(self, identity: str) -> None:
        """Nobody waits for this one any more."""
        for future in (self._receipts.pop(identity, None), self._results.pop(identity, None)):
            if future is not None:
                future.cancel()

    def _expect(self, waiting: dict[str, asyncio.Future[Any]], identity: str) -> asyncio.Future[Any]:
        if self._failure is not None:
            raise self._failure
        return waiting.setdefault(identity, asyncio.get_running_loop().create_future())

    def _all(self) -> list[asyncio.Future[Any]]:
        return [*self._receipts.values(), *self._results.values()]

    async def _read(self, there: bool) -> None:
        try:
            if not there:
                await self._reader.await_topic()
                self._reader.seek((await self._reader.bounds())[0])
            while True:
                for record in await self._reader.batch():
                    self._sort(record)
        except Exception as error:
            self._failure = error if isinstance(error, ExchangeError) else await ours(self._kafka, error)
            for future in self._all():
                if not future.done():
                    future.set_exception(self._failure)

    def _sort(self, record: Record) -> None:
        if not self._receipts and not self._results:
            return
        name, value = self._codec.decode_trusted(record.value or b"")
        if name == "Receipt":
            _settle(self._receipts, value["submission_id"], models.Receipt, value)
        elif name == "Notice" and value["kind"] in ("result", "quarantined") and value["cause"]:
            _settle(self._results, value["cause"]["event_id"], models.Notice, value)


def _settle(waiting: Mapping[str, asyncio.Future[Any]], identity: str, model: Any, value: Any) -> None:
    future = waiting.get(identity)
    if future is not None and not future.done():
        future.set_result(model.model_validate(value))
