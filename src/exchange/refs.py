"""References: party, line, release; and which partition a line lives in.

Laws: ``parse_release(str(ref)) == ref`` for every :class:`ReleaseRef`, and the like for :class:`LineRef`.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from exchange.errors import ValidationError

_PARTY = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?\Z")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9_])?\Z")
_VERSION = re.compile(r"[a-z0-9](?:[a-z0-9._+-]{0,62}[a-z0-9])?\Z")


class LineRef(NamedTuple):
    """A line: ``party/name``."""

    party: str
    name: str

    def __str__(self) -> str:
        return f"{self.party}/{self.name}"


class ReleaseRef(NamedTuple):
    """A release: ``party/name@version``."""

    party: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.party}/{self.name}@{self.version}"

    @property
    def line(self) -> LineRef:
        """The line it belongs to."""
        return LineRef(self.party, self.name)


def is_party(text: str) -> bool:
    """Whether the text is a party id: ``[a-z0-9]`` with inner ``.`` and ``-``, at most 63 characters."""
    return _PARTY.match(text) is not None


def parse_ref(text: str, field: str = "ref") -> LineRef | ReleaseRef:
    """A line or a release from its text.

    Raises:
        ValidationError: not a reference; ``field`` is named, the text is not quoted.
    """
    head, at, version = text.partition("@")
    party, slash, name = head.partition("/")
    if not slash or not is_party(party) or not _NAME.match(name) or (at and not _VERSION.match(version)):
        raise ValidationError(
            f"{field}: not a reference of the form party/name or party/name@version",
            hint="lower-case letters, digits and inner . and -; names may hold _",
        )
    return ReleaseRef(party, name, version) if at else LineRef(party, name)


def parse_release(text: str, field: str = "release") -> ReleaseRef:
    """A release from its text.

    Raises:
        ValidationError: not ``party/name@version``.
    """
    ref = parse_ref(text, field)
    if isinstance(ref, LineRef):
        raise ValidationError(f"{field}: a release needs a version", hint="write party/name@version")
    return ref


def line_of(ref: str) -> str:
    """The line of a reference that is already known to be one."""
    return ref.partition("@")[0]


def owner_of(ref: str) -> str:
    """The party whose line it is, of a reference that is already known to be one."""
    return ref.partition("/")[0]


def partition_of(key: str, partitions: int) -> int:
    """The partition of a line (journal, decisions, state) or of a party (submissions).

    CRC-32 of the UTF-8 text modulo the partition count: any language can compute it without a Kafka client.

    Raises:
        ValueError: ``partitions`` is not positive.
    """
    if partitions < 1:
        raise ValueError("partitions must be positive")
    return zlib.crc32(key.encode()) % partitions
