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
from functools import cached_property
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer

from exchange.core.prepare import Prepare, compile_prepare
from exchange.core.scan import Shape, check_body, compile_shape
from exchange.core.schemas import NAMESPACE, SchemaSet, expand
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

    Raises:
        ConfigError: an id names a record that is not in the schemas.
    """

    def __init__(
        self,
        schemas: SchemaSet,
        ids: Mapping[int, str] | None = None,
        write_ids: Mapping[str, int] | None = None,
        past: Sequence[SchemaSet] = (),
    ) -> None:
        stray = {*(ids or {}).values(), *(write_ids or {})} - schemas.records
        if stray:
            raise ConfigError(f"schema ids for unknown records: {', '.join(sorted(stray))}")
        self._schemas = schemas
        self._ids = dict(ids or {})
        self._heads = {name: _SINGLE + fingerprint for name, fingerprint in schemas.fingerprints.items()}
        if write_ids is not None:
            self._heads = {name: _CONFLUENT + number.to_bytes(4, "big") for name, number in write_ids.items()}
        self._kinds = {name: _Kind(name, schemas) for name in schemas.records}
        self._by_fingerprint = {
            fingerprint: _Kind(name, schema_set) for schema_set in past for fingerprint, name in schema_set.by_fingerprint.items()
        } | {fingerprint: self._kinds[name] for fingerprint, name in schemas.by_fingerprint.items()}

    def encode(self, name: str, record: Mapping[str, Any]) -> bytes:
        """The bytes of a record. A missing field takes its default.

        Raises:
            ValidationError: the record does not fit the schema; the field is named, no value is quoted.
        """
        head = self._heads.get(name)
        if head is None:
            raise ValidationError("no schema of that name to write")
        buffer = BytesIO()
        buffer.write(head)
        try:
            prepare = self._kinds[name].prepare
            ready = prepare(record) if prepare else record
            schemaless_writer(buffer, self._schemas.parsed[name], ready, strict_allow_default=True)
        except (DocumentError, MemoryError):
            raise
        except Exception:  # fastavro raises whatever Python does, and quotes the value
            raise ValidationError(f"{name}: {self._fault(name, record)}") from None
        return buffer.getvalue()

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
        return kind.name, self._read(kind, value, start)

    def decode_trusted(self, value: bytes) -> tuple[str, dict[str, Any]]:
        """Name and record of bytes that the exchange itself wrote: without the scan, three times as fast.

        Raises:
            ParseError: damaged, or of an unknown schema.
        """
        kind, start = self._frame(value)
        return kind.name, self._read(kind, value, start)

    def decode_as(self, name: str, value: bytes, *, trusted: bool = False, limit: int = SUBMISSION_LIMIT) -> dict[str, Any]:
        """The record of bytes that must be of one schema.

        Raises:
            ParseError: of another schema; else as :meth:`decode`, or :meth:`decode_trusted` when ``trusted``.
        """
        found, record = self.decode_trusted(value) if trusted else self.decode(value, limit=limit)
        if found != name:
            raise ParseError(f"a {found} where a {name} belongs")
        return record

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
            name = self._ids.get(int.from_bytes(value[1:5], "big"))
            if name is None:
                raise UnknownSchemaError("the schema id is not known", hint="compare the registry in use")
            return self._kinds[name], 5
        raise ParseError("neither Avro single-object encoding nor Confluent framing")

    def _read(self, kind: _Kind, value: bytes, start: int) -> dict[str, Any]:
        buffer = BytesIO(value)
        buffer.seek(start)
        reader = None if kind.schemas is self._schemas else self._schemas.parsed[kind.name]
        try:
            record: Any = schemaless_reader(buffer, kind.schemas.parsed[kind.name], reader)
        except MemoryError:
            raise
        except Exception:  # as in encode
            raise ParseError(f"not a {kind.name}") from None
        if buffer.tell() != len(value):
            raise ParseError("bytes are left over after the value")
        return dict(record)

    def _fault(self, name: str, record: Mapping[str, Any]) -> str:
        """Which field does not fit, for a message that quotes nothing."""
        known = {field["name"]: field for field in self._schemas.raw[name]["fields"]}
        if not isinstance(record, Mapping) or set(record) - set(known):
            return "not the fields of the schema"
        for field, spec in known.items():
            alone = expand({"type": "record", "name": "Field", "fields": [spec]}, self._schemas.raw)
            try:
                schemaless_writer(BytesIO(), alone, {field: record[field]} if field in record else {}, strict_allow_default=True)
            except Exception:
                return f"field {field} does not fit the schema"
        return "does not fit the schema"


@dataclass(frozen=True, eq=False)
class _Kind:
    """One record type of one schema set, with what is computed from it once."""

    name: str
    schemas: SchemaSet

    @cached_property
    def shape(self) -> Shape:
        return compile_shape(self.schemas.raw[self.name], self._named)

    @cached_property
    def prepare(self) -> Prepare | None:
        return compile_prepare(self.schemas.raw[self.name], self._named)

    @property
    def _named(self) -> dict[str, Any]:
        return {f"{NAMESPACE}.{name}": schema for name, schema in self.schemas.raw.items()}
