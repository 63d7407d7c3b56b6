"""What was worked out last, to be taken again where it is asked of the very same things: a change goes to many in a row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by keys that may hold identities (``id``): what a key names by identity is kept alive beside its value.

    Args:
        most: how many are remembered; the oldest goes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[T, tuple[object, ...]]] = {}

    def of(self, key: Hashable) -> T | None:
        """The value of this key, if it is remembered."""
        kept = self._kept.get(key)
        return kept[0] if kept else None

    def keep(self, key: Hashable, value: T, *named: object) -> T:
        """Remember a value with all that its key names by identity; returns the value."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (value, named)
        return value
