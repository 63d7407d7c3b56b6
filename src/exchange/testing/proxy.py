"""A TCP proxy that reads Kafka's request headers and can lose or delay single requests and answers.

The broker must advertise the proxy's port on a listener of its own (:class:`exchange.adapters.broker_config.Listener`), so that
every connection of the client under test goes through it.

>>> proxy.hold(END_TXN)                    # doctest: +SKIP
>>> await proxy.held.wait()                # the next commit hangs in the network …      doctest: +SKIP
>>> proxy.release_before(ADD_OFFSETS)      # … and arrives in the middle of another one  doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from typing import Self

PRODUCE = 0
INIT_PRODUCER_ID = 22
ADD_OFFSETS = 25
END_TXN = 26

HOST = "127.0.0.1"
RELEASE_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Held:
    """A request that was taken from the wire."""

    frame: bytes
    correlation: int
    broker: asyncio.StreamWriter
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    answer: bytes = b""


class Listening:
    """Takes connections for a broker, each in a task of its own, for as long as the block lasts; subclasses say what they do.

    Args:
        port: where it listens, on loopback; what the broker advertises.
        broker_port: where it carries things to.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.port, self._broker_port = port, broker_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class KafkaProxy(Listening):
    """Passes everything on, but for what it is told to hold back."""

    def __init__(self, port: int, broker_port: int) -> None:
        super().__init__(port, broker_port)
        self.held = asyncio.Event()
        self.released = asyncio.Event()
        self.seen: list[int] = []
        self._hold: int | None = None
        self._drop_answer: int | None = None
        self._release_before: int | None = None
        self._cut = False
        self._taken: list[Held] = []

    def hold(self, api_key: int) -> None:
        """Take the next request of this kind from the wire; :attr:`held` is set then."""
        self._hold = api_key
        self.held.clear()
        self.released.clear()

    def drop_answer(self, api_key: int) -> None:
        """Let the next request of this kind through and lose its answer; :attr:`held` is set then."""
        self._drop_answer = api_key
        self.held.clear()

    def release_before(self, api_key: int) -> None:
        """Let the held request arrive just before the next request of this kind; :attr:`released` is set then.

        From then on nothing passes any more, as if the client had died at that moment.
        """
        self._release_before = api_key

    async def release(self) -> list[int]:
        """Let what is held arrive now; return the error code of each answer (EndTxn's place for it)."""
        taken, self._taken = self._taken, []
        codes = []
        for held in taken:
            held.broker.write(held.frame)
            await held.broker.drain()
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await held.answered.wait()
            codes.append(struct.unpack_from(">h", held.answer, 12)[0])
        self.released.set()
        return codes

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        mine: dict[int, Held] = {}
        lost: set[int] = set()
        down = asyncio.create_task(self._answers(from_broker, writer, mine, lost))
        try:
            await self._requests(reader, to_broker, mine, lost)
            # the client gave up, but what it sent may still arrive
            for held in mine.values():
                await held.answered.wait()
        finally:
            down.cancel()
            await asyncio.gather(down, return_exceptions=True)
            to_broker.close()

    async def _requests(
        self, reader: asyncio.StreamReader, broker: asyncio.StreamWriter, mine: dict[int, Held], lost: set[int]
    ) -> None:
        while True:
            try:
                request = await frame(reader)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            api_key, _, correlation = struct.unpack_from(">hhi", request, 4)
            self.seen.append(api_key)
            if api_key == self._hold:
                self._hold = None
                mine[correlation] = held = Held(request, correlation, broker)
                self._taken.append(held)
                self.held.set()
                continue
            if api_key == self._release_before and self._taken:
                self._release_before = None
                self._cut = True
                await self.release()
            if self._cut:
                continue
            if api_key == self._drop_answer:
                self._drop_answer = None
                lost.add(correlation)
            broker.write(request)
            await broker.drain()

    async def _answers(
        self, broker: asyncio.StreamReader, writer: asyncio.StreamWriter, mine: dict[int, Held], lost: set[int]
    ) -> None:
        while True:
            answer = await frame(broker)
            (correlation,) = struct.unpack_from(">i", answer, 4)
            if correlation in lost:
                self.held.set()
                continue
            if correlation in mine:
                mine[correlation].answer = answer
                mine[correlation].answered.set()
                continue
            with contextlib.suppress(ConnectionError):
                writer.write(answer)
                await writer.drain()


async def frame(reader: asyncio.StreamReader) -> bytes:
    """The next request or answer, its length in front.

    Raises:
        asyncio.IncompleteReadError: the connection ended.
    """
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">i", head)[0])
