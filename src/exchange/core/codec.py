"""Bytes to records and back: Avro in one of two framings, told apart by the first byte.

``C3 01`` + 8 bytes CRC-64-AVRO fingerprint
    Avro single-object encoding (Avro 1.12 specification, "Single-object encoding"); the default.
``00`` + 4 bytes id, big-endian
    Confluent framing, when a schema registry gave each schema an id.

Laws: ``decode(encode(name, record))`` gives ``(name, record)`` back for every record whose times are whole milliseconds, and
equal records encode to equal bytes whatever the order of their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from typing import Any, cast

from fastavro import schemaless_reader

from exchange.core.compiled import compile_reader, compile_writer
from exchange.core.reader import Read
from exchange.core.scan import Shape, check_body, compile_shape
from exchange.core.schemas import NAMESPACE, SchemaSet
from exchange.core.seals import Open, Opener, Sealed, Seals, compile_opener
from exchange.core.writer import Seal, Write
from exchange.errors import ConfigError, DocumentError, ParseError, TooLargeError, UnknownSchemaError, ValidationError

SUBMISSION_LIMIT = 128 * 1024
"""Largest submission in bytes; bigger documents travel as digest and link (DESIGN section 3)."""

_SINGLE = b"\xc3\x01"
_CONFLUENT = b"\x00"


class Codec:
    """Encodes and decodes the records of one schema set.

    Args:
        schemas: the schemas to read into and to write.
        ids: record name by Confluent schema id, for reading; ``None``: no registry, and the framing is refused.
        write_ids: Confluent schema id by record name; given, that framing is written.
        past: released schema sets whose bytes must still be read, resolved to ``schemas``.
        past_ids: for each of them, record name by Confluent schema id.

    Raises:
        ConfigError: an id names a record that is not in the schemas.
    """

    def __init__(
        self,
        schemas: SchemaSet,
        ids: Mapping[int, str] | None = None,
        write_ids: Mapping[str, int] | None = None,
        past: Sequence[SchemaSet] = (),
        past_ids: Sequence[Mapping[int, str]] = (),
    ) -> None:
        stray = {*(ids or {}).values(), *(write_ids or {})} - schemas.records
        if stray:
            raise ConfigError(f"schema ids for unknown records: {', '.join(sorted(stray))}")
        self._schemas = schemas
        self._heads = {name: _SINGLE + fingerprint for name, fingerprint in schemas.fingerprints.items()}
        if write_ids is not None:
            self._heads |= {name: _CONFLUENT + number.to_bytes(4, "big") for name, number in write_ids.items()}
        self._seals = Seals()
        self._kinds = {name: _Kind(name, schemas, self.seal) for name in schemas.records}
        self._by_fingerprint = {
            fingerprint: _Kind(name, schema_set, self.seal)
            for schema_set in past
            for fingerprint, name in schema_set.by_fingerprint.items()
        } | {fingerprint: self._kinds[name] for fingerprint, name in schemas.by_fingerprint.items()}
        self._by_id = {
            number: self._by_fingerprint[schema_set.fingerprints[name]]
            for schema_set, known in zip(past, past_ids, strict=False)
            for number, name in known.items()
        } | {number: self._kinds[name] for number, name in (ids or {}).items()}

    def encode(self, name: str, record: Mapping[str, Any]) -> bytes:
        """The bytes of a record. A missing field takes its default.

        Raises:
            ValidationError: the record does not fit the schema; the field is named, no value is quoted.
        """
        head = self._heads.get(name)
        if head is None:
            raise ValidationError("no schema of that name to write")
        return self._write(head, name, record)

    def _write(self, head: bytes, name: str, record: Mapping[str, Any]) -> bytes:
        out = bytearray(head)
        try:
            self._kinds[name].write(record, out)
        except (DocumentError, MemoryError):
            raise
        except Exception:  # a writer raises whatever Python does, and some errors quote the value
            raise ValidationError(f"{name}: {self._fault(name, record)}") from None
        return bytes(out)

    def plain(self, name: str, record: Mapping[str, Any]) -> bytes:
        """The bytes of a record in single-object encoding, whatever framing is written: for digests.

        Raises:
            ValidationError: as :meth:`encode`.
        """
        return self._write(_SINGLE + self._schemas.fingerprints[name], name, record)

    def unframed(self, value: bytes) -> bytes:
        """The same record in single-object encoding, for comparing; bytes of no known frame stay as they are."""
        if value[:1] != _CONFLUENT or len(value) < 5:
            return value
        kind = self._by_id.get(int.from_bytes(value[1:5], "big"))
        return value if kind is None else _SINGLE + kind.schemas.fingerprints[kind.name] + value[5:]

    def seal(self, name: str, record: Mapping[str, Any]) -> bytes:
        """The bytes of a record to be carried on (:mod:`exchange.core.seals`): of one object once, always with its fingerprint.

        Raises:
            ValidationError: as :meth:`encode`.
        """
        raw = self._seals.raw(record)
        if raw is None:
            raw = self.plain(name, record)
            self._seals.keep(record, raw)
        return raw

    def sealed(self, name: str, raw: bytes) -> Sealed:
        """The record of bytes that the exchange itself wrote, read when somebody looks into it."""
        return self._seals.of(name, raw, partial(self.unseal, name))

    def unseal(self, name: str, raw: bytes) -> dict[str, Any]:
        """The record of sealed bytes.

        Raises:
            ParseError: damaged, or of another schema.
        """
        return _only(name, self.decode_for_step(raw))

    def decode(self, value: bytes, *, limit: int = SUBMISSION_LIMIT) -> tuple[str, dict[str, Any]]:
        """Name and record of bytes that anybody may have written.

        Raises:
            TooLargeError: longer than ``limit``.
            UnknownSchemaError: framed well, but of a schema nobody here knows.
            ParseError: not one value of its schema (:mod:`exchange.core.scan`).
        """
        if len(value) > limit:
            raise TooLargeError(
                f"{len(value)} bytes, more than the {limit} allowed", hint="send big documents by digest and link"
            )
        kind, start = self._frame(value)
        check_body(value, kind.shape, start)
        return kind.name, self._read(kind, value, start, lambda name, raw: self.decode_as(name, raw, limit=limit))

    def decode_trusted(self, value: bytes) -> tuple[str, dict[str, Any]]:
        """Name and record of bytes that the exchange itself wrote: without the scan, ten times as fast.

        Raises:
            ParseError: damaged, or of an unknown schema.
        """
        return self._decode_trusted(value, lambda name, raw: self.decode_as(name, raw, trusted=True))

    def decode_for_step(self, value: bytes) -> tuple[str, dict[str, Any]]:
        """As :meth:`decode_trusted`, but what the record holds sealed is read only when the step looks into it.

        Raises:
            ParseError: as there; of what is sealed, when it is looked into.
        """
        return self._decode_trusted(value, self.sealed)

    def _decode_trusted(self, value: bytes, read: Open) -> tuple[str, dict[str, Any]]:
        kind, start = self._frame(value)
        if kind.schemas is not self._schemas:  # of a former release: its fields have to be resolved to ours
            return kind.name, self._read(kind, value, start, read)
        try:
            record, end = kind.read(value, start)
        except MemoryError:
            raise
        except Exception:  # a reader raises whatever Python does
            raise ParseError(f"not a {kind.name}") from None
        if end != len(value):
            raise ParseError("bytes are left over after the value")
        if kind.opener is not None:
            kind.opener(record, read)
        return kind.name, record

    def decode_as(self, name: str, value: bytes, *, trusted: bool = False, limit: int = SUBMISSION_LIMIT) -> dict[str, Any]:
        """The record of bytes that must be of one schema.

        Raises:
            ParseError: of another schema; else as :meth:`decode`, or :meth:`decode_trusted` when ``trusted``.
        """
        return _only(name, self.decode_trusted(value) if trusted else self.decode(value, limit=limit))

    def name_of(self, value: bytes) -> str:
        """The record name, read from the frame alone.

        Raises:
            ParseError: no known frame.
        """
        return self._frame(value)[0].name

    def _frame(self, value: bytes) -> tuple[_Kind, int]:
        if value[:2] == _SINGLE and len(value) >= 10:
            known = self._by_fingerprint.get(value[2:10])
            if known is None:
                raise UnknownSchemaError("the schema fingerprint is not known", hint="compare the version of your schemas")
            return known, 10
        if value[:1] == _CONFLUENT and len(value) >= 5:
            kind = self._by_id.get(int.from_bytes(value[1:5], "big"))
            if kind is None:
                raise UnknownSchemaError("the schema id is not known", hint="compare the registry in use (EXCHANGE_REGISTRY_URL)")
            return kind, 5
        raise ParseError("neither Avro single-object encoding nor Confluent framing")

    def _read(self, kind: _Kind, value: bytes, start: int, read: Open) -> dict[str, Any]:
        buffer = BytesIO(value)
        buffer.seek(start)
        reader = None if kind.schemas is self._schemas else self._schemas.parsed[kind.name]
        try:
            record: Any = schemaless_reader(buffer, kind.schemas.parsed[kind.name], reader)
        except MemoryError:
            raise
        except Exception:  # fastavro too raises whatever Python does, and quotes the value
            raise ParseError(f"not a {kind.name}") from None
        if buffer.tell() != len(value):
            raise ParseError("bytes are left over after the value")
        opener = self._kinds[kind.name].opener
        if opener is not None:
            opener(record, read)
        return cast("dict[str, Any]", record)

    def _fault(self, name: str, record: Mapping[str, Any]) -> str:
        """Which field does not fit, for a message that quotes nothing."""
        known = {field["name"]: field for field in self._schemas.raw[name]["fields"]}
        if not isinstance(record, Mapping) or set(record) - set(known):
            return "not the fields of the schema"
        for field, spec in known.items():
            alone = compile_writer({"type": "record", "fields": [spec]}, self._kinds[name].named, self.seal)
            try:
                alone({field: record[field]} if field in record else {}, bytearray())
            except Exception:
                return f"field {field} does not fit the schema"
        return "does not fit the schema"


@dataclass(frozen=True, eq=False)
class _Kind:
    """One record type of one schema set, with what is computed from it once."""

    name: str
    schemas: SchemaSet
    seal: Seal

    @cached_property
    def shape(self) -> Shape:
        return compile_shape(self.schemas.raw[self.name], self.named)

    @cached_property
    def write(self) -> Write:
        return compile_writer(self.schemas.raw[self.name], self.named, self.seal)

    @cached_property
    def read(self) -> Read:
        return compile_reader(self.schemas.raw[self.name], self.named)

    @cached_property
    def opener(self) -> Opener | None:
        return compile_opener(self.schemas.raw[self.name], self.named)

    @cached_property
    def named(self) -> dict[str, Any]:
        return {f"{NAMESPACE}.{name}": schema for name, schema in self.schemas.raw.items()}


def _only(name: str, found: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    if found[0] != name:
        raise ParseError(f"a {found[0]} where a {name} belongs")
    return found[1]
