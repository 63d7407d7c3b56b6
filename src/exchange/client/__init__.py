"""The library that parties' programs use.

>>> from exchange import Exchange
>>> async with Exchange("acme") as exchange:                                # doctest: +SKIP
...     published = await exchange.publish(card, wait="result")
...     async for notice in exchange.subscribe():
...         print(notice.release, [change.ask for change in notice.changes])
"""

from exchange.adapters.positions import Position
from exchange.client.exchange import Exchange, Published
from exchange.client.feed import Feed

__all__ = ["Exchange", "Feed", "Position", "Published"]
