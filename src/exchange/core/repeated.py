"""What a card says in a field that fewer may read, and again, word for word, in one that more may read.

A field cannot be published wider than its label, but its text can stand a second time elsewhere. Only whole texts and numbers are
looked for, long enough to stand there by no accident; the same in other words is not found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from exchange.core.exposure import Exposure, rank_of, texts_of, values_of
from exchange.events import records

LONG_TEXT: Final = 20
"""Characters from which a text is looked for."""

LONG_NUMBER: Final = 5
"""Characters from which a number is looked for."""

_LEFT_OUT: Final = frozenset({"parents", "disclosure", "extensions"})
_SIGNS: Final = re.compile(r"(?<=\d)[,_](?=\d)|(?<=\de)\+")


class _Kept(NamedTuple):
    """A value that not everybody may read."""

    rank: int
    path: str
    said: re.Pattern[str]


def repeated(card: records.ModelCard, labels: Mapping[str, records.Audience]) -> list[Exposure]:
    """Each text that repeats what a narrower field says; the narrower field is named, the value is not quoted.

    Args:
        card: the card.
        labels: audience label by field path (:func:`exchange.core.fields.labels_of`).
    """
    kept = _kept(card, labels)
    found: list[Exposure] = []
    for path, field, text in texts_of(card) if kept else ():
        rank, plain = rank_of(field, labels, card["disclosure"]), _plain(text)
        narrower = next((each for each in kept if each.rank > rank and each.said.search(plain)), None)
        if narrower is not None:
            found.append(Exposure("repeated", narrower.path, path))
    return found


def _kept(card: records.ModelCard, labels: Mapping[str, records.Audience]) -> list[_Kept]:
    """The narrowest first.

    Parents are left out, their names are looked for as such; so are ``disclosure``, whose reasons readers are told, and
    ``extensions``, where an import puts what its public source said.
    """
    found: list[_Kept] = []
    for path, field, value in values_of(card):
        rank = rank_of(field, labels, card["disclosure"])
        if rank == 0 or field.partition(".")[0] in _LEFT_OUT:
            continue
        if isinstance(value, str):
            text, least, pattern = _plain(value), LONG_TEXT, "{}"
        else:
            text, least, pattern = _number(value), LONG_NUMBER, r"(?<![\w.]){}(?!\.?\w)"
        if len(text) >= least:
            found.append(_Kept(rank, path, re.compile(pattern.format(re.escape(text)))))
    return sorted(found, key=lambda each: (-each.rank, each.path))


def _number(value: float) -> str:
    return _plain(str(int(value) if float(value).is_integer() and abs(value) < 1e15 else value))


def _plain(text: str) -> str:
    """Without what differs in writing only: letter case, line breaks, signs between digits."""
    return _SIGNS.sub("", " ".join(text.split()).casefold())
