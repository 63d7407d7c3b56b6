"""The client library for scripts without asyncio: the same names, each call waits.

>>> from exchange.sync import Exchange
>>> with Exchange("acme") as exchange:                                      # doctest: +SKIP
...     exchange.publish(card, wait="result")
...     for notice in exchange.subscribe(follow=False):
...         print(notice.release)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from exchange import client
from exchange.client.exchange import TIMEOUT_S, Published, Wait
from exchange.client.outgoing import Publishable
from exchange.errors import ConfigError
from exchange.events import models

T = TypeVar("T")


class Feed:
    """Notices, one after the other. See :class:`exchange.client.Feed`.

    Args:
        owner: whose event loop it runs on.
        feed: the feed itself.
    """

    def __init__(self, owner: Exchange, feed: client.Feed) -> None:
        self._owner, self._feed = owner, feed

    @property
    def position(self) -> client.Position:
        """Where the feed stands, the notice handed out last included."""
        return self._feed.position

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> models.Notice:
        notice = self._owner.run(self._next())
        if notice is None:
            raise StopIteration
        return notice

    async def _next(self) -> models.Notice | None:
        return await anext(self._feed, None)

    def close(self) -> None:
        """Keep the position and disconnect."""
        self._owner.run(self._feed.aclose())


class Exchange:
    """See :class:`exchange.client.Exchange`, which runs on a thread of its own here. Use it as a context manager.

    Args:
        party: who you are.
        arguments: as for :class:`exchange.client.Exchange`.
    """

    def __init__(self, party: str | None = None, **arguments: Any) -> None:
        self._party, self._arguments = party, arguments
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange", daemon=True)
        self._exchange: client.Exchange | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._exchange = self.run(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.run(self._open_exchange.close())
        finally:
            self._stop()

    def publish(
        self,
        document: Publishable,
        *,
        wait: Wait | None = "receipt",
        idempotency_key: str | None = None,
        timeout: float = TIMEOUT_S,
        traceparent: str | None = None,
    ) -> Published:
        """See :meth:`exchange.client.Exchange.publish`."""
        return self.run(
            self._open_exchange.publish(
                document, wait=wait, idempotency_key=idempotency_key, timeout=timeout, traceparent=traceparent
            )
        )

    def subscribe(
        self, group: str = "default", *, position: client.Position | None = None, keep: bool = True, follow: bool = True
    ) -> Feed:
        """See :meth:`exchange.client.Exchange.subscribe`."""
        opened = self._open_exchange

        async def make() -> client.Feed:
            return opened.subscribe(group, position=position, keep=keep, follow=follow)

        return Feed(self, self.run(make()))

    def dossier(self, release: str) -> models.View | None:
        """See :meth:`exchange.client.Exchange.dossier`."""
        return self.run(self._open_exchange.dossier(release))

    def full_dossier(self, release: str) -> models.Dossier | None:
        """See :meth:`exchange.client.Exchange.full_dossier`."""
        return self.run(self._open_exchange.full_dossier(release))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the client library and wait for it; Ctrl-C ends the wait and the work."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @property
    def _open_exchange(self) -> client.Exchange:
        if self._exchange is None:
            raise ConfigError("not connected", hint="use `with Exchange(...)`")
        return self._exchange

    async def _open(self) -> client.Exchange:
        return await client.Exchange(self._party, **self._arguments).__aenter__()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
