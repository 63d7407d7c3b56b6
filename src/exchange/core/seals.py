"""Records carried inside other records as bytes: encoded once, copied from then on.

A field of type ``bytes`` whose schema says ``"seals": "exchange.v1.Snapshot"`` holds a whole framed record. In memory the field
is that record; on the wire it is a run of bytes that whoever passes it on need not take apart: a snapshot goes to a hundred
thousand children, and a dossier into its decision and its state, for the price of one encoding. The frame inside names its
schema, so that what is carried evolves by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from exchange.core.recent import Recent
from exchange.core.schemas import NAMESPACE

Open = Callable[[str, bytes], Any]
"""Reads the sealed bytes of a record of that name."""

Opener = Callable[[dict[str, Any], Open], None]
"""Opens what a decoded record holds sealed, in place."""

KEPT = 256
"""Sealed bytes remembered: those of the steps at hand."""

RECENT = 8
"""Records of a name remembered by their bytes: what a parent said before, and what it says now, of those at hand."""


class Sealed(dict[str, Any]):
    """A record that stays bytes until somebody looks into it, and can become bytes again.

    Equal to the record it stands for, and used like it by Python code; code in C that looks into dicts by itself (``json``) sees
    nothing while it is closed, so it stays with the steps. Nobody changes it: what is made of it is a new dict.

    Args:
        raw: the framed bytes.
        read: makes the record of them.

    Attributes:
        raw: the framed bytes.
    """

    __slots__ = ("_read", "raw")

    def __init__(self, raw: bytes, read: Callable[[bytes], dict[str, Any]]) -> None:
        super().__init__()
        self.raw = raw
        self._read = read

    def open(self) -> Self:
        """Read the bytes, if that was not done yet."""
        if not super().__len__():
            super().update(self._read(self.raw))
        return self

    def filled(self, record: dict[str, Any]) -> Self:
        """Take over what the bytes say from whoever has it."""
        super().update(record)
        return self

    @property
    def closed(self) -> bool:
        """Whether there are the bytes alone."""
        return not super().__len__()

    def close(self) -> None:
        """Keep the bytes alone."""
        super().clear()

    def __missing__(self, key: str) -> Any:  # the way of ``self[key]`` while closed: once open, keys are found without it
        if super().__len__():
            raise KeyError(key)
        return self.open()[key]

    def __len__(self) -> int:
        self.open()
        return super().__len__()

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:  # overridden: else ``{**self}`` would copy what is there, which is nothing while closed
        self.open()
        return super().__iter__()

    def __contains__(self, key: object) -> bool:
        return super(Sealed, self.open()).__contains__(key)

    def __eq__(self, other: object) -> bool:
        return super(Sealed, self.open()).__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __repr__(self) -> str:
        return super(Sealed, self.open()).__repr__()

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; so are the next three."""
        return super(Sealed, self.open()).get(key, default)

    def keys(self) -> Any:
        """The keys."""
        return super(Sealed, self.open()).keys()

    def values(self) -> Any:
        """The values."""
        return super(Sealed, self.open()).values()

    def items(self) -> Any:
        """Keys and values."""
        return super(Sealed, self.open()).items()


class Seals:
    """Remembers which bytes stand for which record: a record is never changed once it is written.

    By identity, so that what is written twice is encoded once; and the last ones by their bytes, so that what comes with many in
    a row is read once.
    """

    def __init__(self) -> None:
        self._raws = Recent[bytes](KEPT)
        self._known: dict[str, deque[Sealed]] = {}

    def of(self, name: str, raw: bytes, read: Callable[[bytes], dict[str, Any]]) -> Sealed:
        """The record of these bytes; the same one, if one of the last of its name had the same."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = deque(maxlen=RECENT)
        for found in known:  # bytes that differ mostly differ in length: cheaper than to hash them
            if found.raw == raw:
                return found
        known.append(Sealed(raw, read))
        return known[-1]

    def raw(self, record: Any) -> bytes | None:
        """The bytes of this very object, if it carries them or they are remembered."""
        if record.__class__ is Sealed:
            return record.raw
        return self._raws.of(id(record))

    def keep(self, record: Any, raw: bytes) -> None:
        """Remember a pair; the oldest goes."""
        self._raws.keep(id(record), raw, record)


def sealed_name(field: Mapping[str, Any]) -> str | None:
    """The record a field carries sealed."""
    return str(field["seals"]).removeprefix(f"{NAMESPACE}.") if "seals" in field else None


def meaning(field: Mapping[str, Any]) -> Any:
    """The type of a field's value in memory: the sealed record in place of its bytes."""
    if "seals" not in field:
        return field["type"]
    return field["seals"] if field["type"] == "bytes" else ["null", field["seals"]]


def compile_opener(schema: Any, named: Mapping[str, Any]) -> Opener | None:
    """The function that opens what records of a schema hold sealed; ``None`` where they hold nothing.

    Args:
        schema: of a record, as written.
        named: the schemas it names, by full name.
    """
    steps = [step for field in schema["fields"] if (step := _step(field, named))]
    if not steps:
        return None

    def open_all(record: dict[str, Any], read: Open) -> None:
        for step in steps:
            step(record, read)

    return open_all


def _step(field: Mapping[str, Any], named: Mapping[str, Any]) -> Opener | None:
    key, name = field["name"], sealed_name(field)
    if name is not None:

        def unseal(record: dict[str, Any], read: Open) -> None:
            if record[key] is not None:
                record[key] = read(name, record[key])

        return unseal
    schema = _nested(field["type"], named)
    inner = compile_opener(schema, named) if schema else None
    if inner is None:
        return None

    def descend(record: dict[str, Any], read: Open) -> None:
        value = record[key]
        for each in value if isinstance(value, list) else (value,):
            if each is not None:
                inner(each, read)

    return descend


def _nested(schema: Any, named: Mapping[str, Any]) -> Any | None:
    """The record that a field's value is, or a list of which it is."""
    if isinstance(schema, list):
        return next((found for branch in schema if (found := _nested(branch, named))), None)
    if isinstance(schema, dict):
        return _nested(schema["items"], named) if schema["type"] == "array" else None
    found = named.get(schema)
    return found if found and found["type"] == "record" else None
