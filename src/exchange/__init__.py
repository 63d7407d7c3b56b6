"""The AI transparency information exchange.

>>> from exchange import Exchange
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exchange.client import Exchange, Feed, Position, Published

__all__ = ["Exchange", "Feed", "Position", "Published"]


def __getattr__(name: str) -> Any:
    """The client library, imported when it is asked for: the core and the processors do without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from exchange import client  # noqa: PLC0415

    return getattr(client, name)
