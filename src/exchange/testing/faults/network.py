"""The way between workers and broker, and what a network does to it: cut, half-open, late, slow, and a commit that comes late.

Unlike :mod:`exchange.testing.proxy`, which the client under test has to itself, it carries any number of clients; but for the
late commit it loses and delays bytes, not requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field

from exchange.testing.proxy import ADD_OFFSETS, END_TXN, HOST, RELEASE_TIMEOUT_S, Listening, frame

CHUNK = 65536
COMMITTED = b"\x01"
"""Last byte of an EndTxn that commits."""


@dataclass
class _Trap:
    """Waits for a commit, takes it from the wire, and waits for the same producer's next transaction."""

    held: bytes | None = None
    who: bytes = b""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def takes(self, request: bytes) -> bool:
        """Whether this request must not go on."""
        api_key, who = _asked(request)
        if self.held is None and api_key == END_TXN and request.endswith(COMMITTED):
            self.held, self.who = request, who
            return True
        if self.held is not None and api_key == ADD_OFFSETS and who == self.who:
            self.sprung.set()  # outputs are written, the position is not: the worst moment
        return self.sprung.is_set()


class Way(Listening):
    """Carries every connection between workers and broker."""

    def __init__(self, port: int, broker_port: int) -> None:
        super().__init__(port, broker_port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._delay_s = 0.0
        self._trap: _Trap | None = None

    @property
    def connections(self) -> int:
        """How many connections it carries now."""
        return len(self._tasks)

    def cut(self) -> None:
        """Every connection breaks off; what was on its way is lost."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def half_open(self, seconds: float) -> None:
        """Connections stay open and nothing arrives; then they break off, and what was sent meanwhile is lost."""
        self._open.clear()
        await asyncio.sleep(seconds)
        self.cut()
        self._open.set()

    async def late(self, seconds: float) -> None:
        """Nothing arrives for a while; then everything does, also what nobody waits for any more."""
        self._open.clear()
        await asyncio.sleep(seconds)
        self._open.set()

    async def slow(self, seconds: float, delay: float = 0.3) -> None:
        """Everything takes so many seconds longer, for a while."""
        self._delay_s = delay
        await asyncio.sleep(seconds)
        self._delay_s = 0.0

    async def late_commit(self, timeout: float) -> int | None:
        """Hold a commit back, let it arrive in the middle of its producer's next transaction, and break everything off then.

        Args:
            timeout: seconds until giving up; the commit is lost then.

        Returns:
            The error code the broker answered the late commit with, 0 if it took it; ``None`` when nobody committed in the time.
        """
        self._trap = trap = _Trap()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await trap.sprung.wait()
            return await self._deliver(trap.held) if trap.held is not None and trap.sprung.is_set() else None
        finally:
            self.cut()
            self._trap = None

    async def _deliver(self, request: bytes) -> int:
        """What somebody sent long ago arrives; the error code in the answer to an EndTxn."""
        async with asyncio.timeout(RELEASE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(HOST, self._broker_port)
            try:
                writer.write(request)
                code: int = struct.unpack_from(">h", await frame(reader), 12)[0]
                return code
            finally:
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._carry_both(reader, writer)
        finally:
            self._writers.discard(writer)

    async def _carry_both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        self._writers.add(to_broker)
        carrying = [
            asyncio.create_task(self._carry_requests(reader, to_broker)),
            asyncio.create_task(self._carry(from_broker, writer)),
        ]
        try:
            await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in carrying:
                each.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
            self._writers.discard(to_broker)
            to_broker.close()

    async def _carry_requests(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await frame(source)
                if self._trap is None or not self._trap.takes(request):
                    await self._pass(request, sink)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(CHUNK):
                await self._pass(piece, sink)

    async def _pass(self, piece: bytes, sink: asyncio.StreamWriter) -> None:
        if self._delay_s:
            await asyncio.sleep(self._delay_s)
        await self._open.wait()
        sink.write(piece)
        await sink.drain()


def _asked(request: bytes) -> tuple[int, bytes]:
    """Kind of a request, and the transactional id it begins with where it is of :data:`END_TXN` or :data:`ADD_OFFSETS`."""
    api_key, _, _, length = struct.unpack_from(">hhih", request, 4)
    if api_key not in (END_TXN, ADD_OFFSETS):
        return api_key, b""
    at = 14 + max(0, length)
    (size,) = struct.unpack_from(">h", request, at)
    return api_key, request[at + 2 : at + 2 + size]
