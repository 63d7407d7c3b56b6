"""Which card of one file answers to which of another: a BOM may hold several models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from exchange.core.documents import Document
from exchange.refs import line_of


class Pairing(NamedTuple):
    """Cards that answer to one another, in the order of the old file, and those that stand alone."""

    both: Sequence[tuple[Document, Document]]
    removed: Sequence[Document]
    added: Sequence[Document]

    @property
    def alone(self) -> bool:
        """Whether there is one pair and nothing beside it."""
        return len(self.both) == 1 and not self.removed and not self.added


def paired(old: Sequence[Document], new: Sequence[Document]) -> Pairing:
    """Pairs by release, else by line; one card with one is always a pair, whatever they are called.

    Args:
        old: the cards before.
        new: the cards after.
    """
    if len(old) == len(new) == 1:
        return Pairing([(old[0], new[0])], (), ())
    found: dict[int, Document] = {}
    left = list(new)
    keys: tuple[Callable[[str], str], ...] = (str, line_of)
    for key in keys:
        for index, card in enumerate(old):
            match = next((each for each in left if key(each.record["release"]) == key(card.record["release"])), None)
            if index not in found and match is not None:
                found[index] = match
                left = [each for each in left if each is not match]
    return Pairing(
        [(card, found[index]) for index, card in enumerate(old) if index in found],
        [card for index, card in enumerate(old) if index not in found],
        left,
    )
