"""A party's notices, one after the other: none twice, none left out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exchange.adapters.positions import Position, PositionFile
from exchange.adapters.topic_reader import TopicReader
from exchange.client.translate import translated
from exchange.core.codec import Codec
from exchange.core.envelope import traceparent_of
from exchange.core.ledger import GENERATION_HEADER
from exchange.core.step import Record
from exchange.errors import GapError
from exchange.events import models

COMMIT_EVERY_S = 5.0


class Feed:
    """Iterate over it; close it, or use it as an async context manager.

    A notice counts as dealt with when the next one is asked for, or the feed is closed. A program that dies in between is given
    the same notice again at its next start; one that must not act twice keeps :attr:`position` together with what it did, and
    passes it back.

    Args:
        kafka: aiokafka's client settings.
        topic: the party's notice topic.
        codec: reads the records.
        group: consumer group in which the position is shown to those who watch lag.
        file: where the position is kept; ``None``: the caller keeps it.
        position: where to begin; ``None``: where the file says, else the group's committed offset, else the first notice.
        follow: wait for more; else end with what is there now.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topic: str,
        codec: Codec,
        *,
        group: str | None = None,
        file: Path | None = None,
        position: Position | None = None,
        follow: bool = True,
    ) -> None:
        self._kafka, self._codec, self._follow = kafka, codec, follow
        self._reader = TopicReader(kafka, topic, group_id=group)
        self._path, self._given = file, position
        self._file: PositionFile | None = None
        self._offset, self._last, self._whole = 0, dict[str, int](), True
        self._generation = ""
        self._waiting: deque[Record] = deque()
        self._handed: models.Notice | None = None
        self._end: int | None = None
        self._next = 0
        self._open = self._closed = False
        self._trace: str | None = None
        self._committed_at = time.monotonic()

    @property
    def position(self) -> Position:
        """Where the feed stands, the notice handed out last included."""
        return Position(self._offset, dict(self._last), self._whole, self._generation)

    @property
    def traceparent(self) -> str | None:
        """W3C trace context of the notice handed out last: that of the event that set it off; ``None`` where it had none."""
        return self._trace

    @property
    def closed(self) -> bool:
        """Whether it ended."""
        return self._closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> models.Notice:
        """The next notice.

        Raises:
            GapError: its number does not follow the last one of its line. The feed is closed.
            UnknownSchemaError: it was written by a newer release of the exchange.
        """
        if self._closed:
            raise StopAsyncIteration
        try:
            async with translated(self._kafka):
                notice = await self._following()
        except Exception:
            self._closed = True
            await self._leave()
            raise
        if notice is None:
            await self.aclose()
            raise StopAsyncIteration
        return notice

    async def aclose(self) -> None:
        """Keep the position and disconnect."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._open:
                async with translated(self._kafka):
                    await self._dealt_with(last=True)
        finally:
            await self._leave()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._handed = None  # the caller failed at it, and gets it again
        await self.aclose()

    async def _following(self) -> models.Notice | None:
        if not self._open:
            await self._begin()
        await self._dealt_with()
        while (record := await self._record()) is not None:
            notice = self._notice(record)
            self._offset = record.offset + 1
            if notice is not None:
                self._handed, self._trace = notice, traceparent_of(record.headers)
                return notice
        return None

    async def _begin(self) -> None:
        self._file = PositionFile(self._path) if self._path else None
        await self._reader.start()
        self._open = True
        await self._reader.await_topic()
        first, end = await self._reader.bounds()
        known = self._given or (self._file.load() if self._file else None)
        committed = None if known else await self._reader.committed()
        self._generation = await self._generation_of(first, end)
        if known is None:
            if committed is not None:
                self._offset, self._whole = committed, False
            if self._file is not None and self._generation:
                self._file.replace(self.position)
        elif known.generation != self._generation:
            await self._carry_over(known, first, end)
        else:
            self._offset, self._last, self._whole = known.offset, dict(known.last), known.whole
        if not first <= self._offset <= end:
            # Another cluster: offsets mean nothing there, the numbers still do.
            self._offset, self._whole = first, self._whole and first == 0
        self._end = None if self._follow else end
        self._next = self._offset
        self._reader.seek(self._offset)

    async def _generation_of(self, first: int, end: int) -> str:
        """The generation the topic was restored into, as its first record says; empty if it never was."""
        async for record in self._reader.until(first, end):
            return dict(record.headers).get(GENERATION_HEADER, b"").decode()
        return ""

    async def _carry_over(self, known: Position, first: int, end: int) -> None:
        """Take a position over into a restored exchange.

        What the restored exchange knows of the old one is passed over as far as it was read. Numbers read beyond that are free
        again: their notices were lost with the old cluster, and the same numbers now tell something else.
        """
        last: dict[str, int] = {}
        async for record in self._reader.until(first, end):
            name, value = self._codec.decode_trusted(record.value or b"")
            if name != "Notice" or GENERATION_HEADER not in dict(record.headers):
                continue
            line, n = value["line"], value["n"]
            read = n <= known.last[line] if line in known.last else not known.whole and record.offset < known.offset
            if read:
                last[line] = n
        self._offset, self._last, self._whole = first, last, True
        if self._file is not None:
            self._file.replace(self.position)

    async def _record(self) -> Record | None:
        """The next record; ``None`` at the end, if there is one."""
        while not self._waiting:
            if self._end is not None and self._next >= self._end:
                return None
            self._waiting.extend(await self._reader.batch())
            self._next = await self._reader.position()
        return self._waiting.popleft()

    def _notice(self, record: Record) -> models.Notice | None:
        name, value = self._codec.decode_trusted(record.value or b"")
        if name != "Notice":
            return None
        line, n = value["line"], value["n"]
        last = self._last.get(line, 0 if self._whole else n - 1)
        if n <= last:
            return None
        if n != last + 1:
            raise GapError(
                f"{line}: notice {n} came after {last}",
                hint="ask the operator; to go on without them, subscribe from a position that has the number before as last",
            )
        self._last[line] = n
        return models.Notice.model_validate(value)

    async def _dealt_with(self, *, last: bool = False) -> None:
        handed, self._handed = self._handed, None
        if handed is not None and self._file is not None:
            self._file.save(self._offset, handed.line, handed.n, whole=self._whole)
        if last or time.monotonic() - self._committed_at > COMMIT_EVERY_S:
            self._committed_at = time.monotonic()
            await self._reader.commit(self._offset)

    async def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        await self._reader.stop()
