# cython: language_level=3, boundscheck=False, wraparound=False
"""Readers and writers of Avro binary in C: what exchange.core.reader and exchange.core.writer make, several times as fast.

The same values, bytes and refusals as those two, which serve where this was not built (docs/adr/0019) and which tests and the
fuzzer hold it against. A schema becomes a tree of nodes, one for each of its types; a node reads and writes values of its type.

Whoever damaged the bytes, no read goes beyond their end: every one asks ``Cursor`` first. The tree is as deep as the schema and no
deeper than ``MAX_DEPTH``, so the C stack is bounded too.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    datetime_day, datetime_hour, datetime_microsecond, datetime_minute, datetime_month, datetime_second, datetime_tzinfo,
    datetime_year, import_datetime, timedelta_new,
)
from cpython.dict cimport PyDict_CheckExact, PyDict_Copy, PyDict_SetItem, PyDict_Size
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from datetime import UTC, date, datetime

from exchange.core.scan import MAX_DEPTH
from exchange.core.seals import sealed_name
from exchange.errors import ConfigError, ValidationError

cdef extern from "Python.h":
    PyObject* PyDict_GetItemWithError(object, object) except? NULL
    const char* PyUnicode_AsUTF8AndSize(object, Py_ssize_t*) except NULL
    int64_t PyLong_AsLongLongAndOverflow(object, int*) except? -1
    bint PyLong_Check(object)
    double PyFloat_AsDouble(object) except? -1.0

cdef extern from *:
    """
    #ifndef EXCHANGE_SOURCE
    #define EXCHANGE_SOURCE ""
    #endif
    """
    const char* EXCHANGE_SOURCE

SOURCE = EXCHANGE_SOURCE.decode()
"""Digest of the source this was built from: a test compares it."""

import_datetime()

cdef object _EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
cdef object _UTC = UTC
cdef int64_t _EPOCH_DAY = date(1970, 1, 1).toordinal()
cdef int64_t _DAY = 86_400_000
cdef int64_t _FIRST = -62_135_596_800_000  # the years 1 to 9999, in milliseconds
cdef int64_t _LAST = 253_402_300_799_999


# ----------------------------------------------------------------------------------------------------------- bytes in and out

cdef struct Cursor:
    const unsigned char* at
    const unsigned char* end


cdef inline int one(Cursor* c) except -1:
    """The next byte."""
    if c.at >= c.end:
        raise ValueError("cut off")
    c.at += 1
    return (c.at - 1)[0]


cdef int64_t number(Cursor* c) except? -7_777_777_777:
    """A zig-zag variable-length integer (Avro 1.12, "Binary Encoding")."""
    cdef uint64_t raw = <uint64_t>one(c), byte
    cdef int shift = 0
    if raw >= 0x80:
        raw &= 0x7F
        while True:
            shift += 7
            byte = <uint64_t>one(c)
            if shift == 63 and byte > 1:
                raise ValueError("a number of more than 64 bits")
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
    return <int64_t>(raw >> 1) ^ -<int64_t>(raw & 1)


cdef const unsigned char* run(Cursor* c, int64_t size) except NULL:
    """So many bytes."""
    if size < 0 or size > c.end - c.at:
        raise ValueError("a length that is negative or larger than what is there")
    c.at += size
    return c.at - size


cdef uint64_t items(Cursor* c) except? 0xFFFF_FFFF_FFFF_FFFF:
    """The items of a block; a negative count is followed by the block's size, which nobody needs."""
    cdef int64_t count = number(c)
    if count >= 0:
        return <uint64_t>count
    number(c)
    return -<uint64_t>count


cdef class Out:
    """Bytes that grow."""

    cdef char* data
    cdef Py_ssize_t size, room

    def __cinit__(self):
        self.room = 1024
        self.data = <char*>PyMem_Malloc(self.room)
        if self.data is NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef char* more(self, Py_ssize_t size) except NULL:
        """Room for so many more bytes, which the caller fills."""
        cdef char* grown
        cdef Py_ssize_t room = self.room
        while room - self.size < size:
            room *= 2
        if room != self.room:
            grown = <char*>PyMem_Realloc(self.data, room)
            if grown is NULL:
                raise MemoryError
            self.data, self.room = grown, room
        self.size += size
        return self.data + self.size - size

    cdef int put(self, const char* data, Py_ssize_t size) except -1:
        memcpy(self.more(size), data, size)
        return 0

    cdef int byte(self, unsigned char value) except -1:
        self.more(1)[0] = <char>value
        return 0

    cdef int number(self, int64_t value) except -1:
        cdef uint64_t raw = (<uint64_t>value << 1) ^ <uint64_t>(value >> 63)
        cdef unsigned char written[10]
        cdef int size = 0
        while raw > 0x7F:
            written[size] = <unsigned char>(raw & 0x7F) | 0x80
            raw >>= 7
            size += 1
        written[size] = <unsigned char>raw
        return self.put(<char*>written, size + 1)

    cdef int run(self, const char* data, Py_ssize_t size) except -1:
        self.number(size)
        return self.put(data, size)


# ---------------------------------------------------------------------------------------------------------------- single values

cdef class Node:
    """One type of a schema."""

    cdef object read(self, Cursor* c):
        raise NotImplementedError

    cdef int write(self, object value, Out out) except -1:
        raise NotImplementedError


cdef class Null(Node):
    cdef object read(self, Cursor* c):
        return None

    cdef int write(self, object value, Out out) except -1:
        if value is not None:
            raise TypeError("not null")
        return 0


cdef class Boolean(Node):
    cdef object read(self, Cursor* c):
        cdef int byte = one(c)
        if byte > 1:
            raise ValueError("not a boolean")
        return byte == 1

    cdef int write(self, object value, Out out) except -1:
        if value is not True and value is not False:
            raise TypeError("not a boolean")
        return out.byte(value is True)


cdef class Double(Node):
    cdef str where

    cdef object read(self, Cursor* c):
        cdef const unsigned char* raw = run(c, 8)
        cdef uint64_t bits = 0
        cdef double value
        cdef int place
        for place in range(8):
            bits |= <uint64_t>raw[place] << (8 * place)
        memcpy(&value, &bits, 8)
        return value

    cdef int write(self, object value, Out out) except -1:
        cdef double real = PyFloat_AsDouble(value)
        cdef uint64_t bits
        cdef int place
        if not isfinite(real):
            raise ValidationError(f"{self.where}: not a finite number")
        memcpy(&bits, &real, 8)
        for place in range(8):
            out.byte(<unsigned char>(bits >> (8 * place)))
        return 0


cdef class Integer(Node):
    cdef int64_t low, high

    cdef object read(self, Cursor* c):
        return number(c)

    cdef int write(self, object value, Out out) except -1:
        cdef int beyond = 0
        if not PyLong_Check(value):
            raise TypeError("not an integer")
        cdef int64_t found = PyLong_AsLongLongAndOverflow(value, &beyond)
        if beyond or found < self.low or found > self.high:
            raise ValueError("out of range")
        return out.number(found)


cdef class Time(Node):
    """A time in milliseconds."""

    cdef str where

    cdef object read(self, Cursor* c):
        cdef int64_t found = number(c), days, rest
        if found < _FIRST or found > _LAST:
            raise OverflowError("no such time")
        days, rest = found // _DAY, found % _DAY
        return _EPOCH + timedelta_new(<int>days, <int>(rest // 1000), <int>(rest % 1000) * 1000)

    cdef int write(self, object value, Out out) except -1:
        if value.__class__ is not datetime or datetime_tzinfo(value) is not _UTC:
            return out.number(self.other(value))
        cdef int64_t seconds = datetime_hour(value) * 3600 + datetime_minute(value) * 60 + datetime_second(value)
        cdef int64_t days = _days(datetime_year(value), datetime_month(value), datetime_day(value))
        return out.number(days * _DAY + seconds * 1000 + datetime_microsecond(value) // 1000)

    cdef int64_t other(self, object value) except? -1:
        """Of a time in another zone."""
        if value.tzinfo is None:
            raise ValidationError(f"{self.where}: a time without zone", hint="give the time with its offset from UTC")
        since = value - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


cdef int64_t _days(int64_t year, int64_t month, int64_t day):
    """Days since 1970-01-01 of a day of the Gregorian calendar (years from 1 on)."""
    if month <= 2:  # the year begins in March, so that its leap day is its last
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469


cdef class Day(Node):
    cdef object read(self, Cursor* c):
        cdef int64_t found = number(c)
        if found < _FIRST // _DAY or found > _LAST // _DAY:
            raise OverflowError("no such day")
        return date.fromordinal(found + _EPOCH_DAY)

    cdef int write(self, object value, Out out) except -1:
        return out.number(value.toordinal() - _EPOCH_DAY)


cdef class Text(Node):
    cdef object read(self, Cursor* c):
        cdef int64_t size = number(c)
        return PyUnicode_DecodeUTF8(<const char*>run(c, size), size, NULL)

    cdef int write(self, object value, Out out) except -1:
        cdef Py_ssize_t size
        cdef const char* data = PyUnicode_AsUTF8AndSize(value, &size)
        return out.run(data, size)


cdef class Raw(Node):
    cdef object read(self, Cursor* c):
        cdef int64_t size = number(c)
        return PyBytes_FromStringAndSize(<const char*>run(c, size), size)

    cdef int write(self, object value, Out out) except -1:
        if not isinstance(value, bytes):
            raise TypeError("not bytes")
        return out.run(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))


cdef class Enum(Node):
    cdef tuple symbols
    cdef dict places

    cdef object read(self, Cursor* c):
        cdef int byte = one(c)
        if byte & 1 or byte >> 1 >= len(self.symbols):
            raise ValueError("no such symbol")
        return self.symbols[byte >> 1]

    cdef int write(self, object value, Out out) except -1:
        cdef PyObject* place = PyDict_GetItemWithError(self.places, value)
        if place is NULL:
            raise KeyError("no such symbol")
        return out.byte(<unsigned char><object>place)


# ------------------------------------------------------------------------------------------------------- values that hold values

cdef class Optional(Node):
    """A union of null and one more type."""

    cdef int null, other
    cdef Node node

    cdef object read(self, Cursor* c):
        cdef int byte = one(c)
        if byte == self.null:
            return None
        if byte != self.other:
            raise ValueError("no such branch")
        return self.node.read(c)

    cdef int write(self, object value, Out out) except -1:
        if value is None:
            return out.byte(self.null)
        out.byte(self.other)
        return self.node.write(value, out)


cdef class Sealed(Raw):
    """A record carried as its bytes (exchange.core.seals); whoever reads opens them later."""

    cdef str name
    cdef object seal

    cdef int write(self, object value, Out out) except -1:
        return Raw.write(self, self.seal(self.name, value), out)


cdef class Array(Node):
    cdef Node node

    cdef object read(self, Cursor* c):
        cdef list value = []
        cdef uint64_t left = items(c)
        while left:
            while left:
                value.append(self.node.read(c))
                left -= 1
            left = items(c)
        return value

    cdef int write(self, object value, Out out) except -1:
        cdef Py_ssize_t at = 0
        if not PyList_CheckExact(value):
            if not isinstance(value, (list, tuple)):
                raise TypeError("not a list")
            value = list(value)
        if PyList_GET_SIZE(value):
            out.number(PyList_GET_SIZE(value))
            while at < PyList_GET_SIZE(value):
                item = <object>PyList_GET_ITEM(value, at)
                self.node.write(item, out)
                at += 1
        return out.byte(0)


cdef class Map(Node):
    cdef Node key, node

    cdef object read(self, Cursor* c):
        cdef dict value = {}
        cdef uint64_t left = items(c)
        while left:
            while left:
                key = self.key.read(c)
                value[key] = self.node.read(c)
                left -= 1
            left = items(c)
        return value

    cdef int write(self, object value, Out out) except -1:
        if value:
            out.number(len(value))
            for key in sorted(value):
                self.key.write(key, out)
                self.node.write(value[key], out)
        return out.byte(0)


cdef class Record(Node):
    """Fields in the schema's order. ``blank`` is copied for each value read: a dict of the right size, with its keys in place."""

    cdef Py_ssize_t size
    cdef tuple names, nodes
    cdef dict blank, defaults

    cdef object read(self, Cursor* c):
        cdef dict value = PyDict_Copy(self.blank)
        cdef Py_ssize_t n
        for n in range(self.size):
            PyDict_SetItem(value, <object>PyTuple_GET_ITEM(self.names, n), (<Node>PyTuple_GET_ITEM(self.nodes, n)).read(c))
        return value

    cdef int write(self, object value, Out out) except -1:
        cdef bint plain = PyDict_CheckExact(value)
        cdef PyObject* found
        cdef Py_ssize_t n
        if (PyDict_Size(value) if plain else len(value)) != self.size:
            return self.fill(value, out)
        for n in range(self.size):
            name = <object>PyTuple_GET_ITEM(self.names, n)
            if plain:
                found = PyDict_GetItemWithError(value, name)
                if found is NULL:
                    raise KeyError(name)
                item = <object>found
            else:
                item = value[name]
            (<Node>PyTuple_GET_ITEM(self.nodes, n)).write(item, out)
        return 0

    cdef int fill(self, object value, Out out) except -1:
        """A record that lacks fields, or has others."""
        cdef bytes default
        if not set(value) <= set(self.names):
            raise ValueError("not the fields of the schema")
        for name, node in zip(self.names, self.nodes):
            if name in value:
                (<Node>node).write(value[name], out)
            else:
                default = self.defaults[name]
                out.put(PyBytes_AS_STRING(default), PyBytes_GET_SIZE(default))
        return 0


# ------------------------------------------------------------------------------------------------------------ from schema to tree

cdef class _Tree:
    """Makes the nodes of a schema; a record that is named twice is one node."""

    cdef object named, seal
    cdef dict records

    cdef Node record(self, object schema, str where, int depth):
        known = self.records.get(schema.get("name"))
        if known is not None:
            return <Node>known
        cdef Record node = Record()
        cdef Out written
        nodes, node.defaults = [], {}
        for field in schema["fields"]:
            name = field["name"]
            path = f"{where}.{name}".lstrip(".")
            made = self.field(field, path, depth)
            nodes.append(made)
            if "default" in field and self.seal is not None:
                written = Out()
                (<Node>made).write(field["default"], written)
                node.defaults[name] = PyBytes_FromStringAndSize(written.data, written.size)
        node.names, node.nodes = tuple([field["name"] for field in schema["fields"]]), tuple(nodes)
        node.size, node.blank = len(nodes), dict.fromkeys(node.names)
        if "name" in schema:
            self.records[schema["name"]] = node
        return node

    cdef Node field(self, object field, str where, int depth):
        cdef Sealed sealed
        name = sealed_name(field)
        if name is None:
            return self.node(field["type"], where, depth)
        sealed = Sealed()
        sealed.name, sealed.seal = name, self.seal
        return sealed if field["type"] == "bytes" else self.optional(field["type"], sealed)

    cdef Node optional(self, object schema, Node node):
        cdef Optional made = Optional()
        made.null, made.node = 2 * schema.index("null"), node
        made.other = 2 - made.null
        return made

    cdef Node node(self, object schema, str where, int depth):
        cdef Array array
        cdef Map pairs
        if depth > MAX_DEPTH:
            raise ConfigError("schema is nested too deeply, or recursive")
        if isinstance(schema, list):
            others = [branch for branch in schema if branch != "null"]
            if len(schema) != 2 or len(others) != 1:
                raise ConfigError(f"{where}: a union of other than null and one type")
            return self.optional(schema, self.node(others[0], where, depth + 1))
        full = self.named.get(schema) if isinstance(schema, str) else schema
        full = {"type": schema} if full is None else full
        kind = full["type"]
        if kind == "record":
            return self.record(full, where, depth + 1)
        if kind == "array":
            array = Array()
            array.node = self.node(full["items"], where, depth + 1)
            return array
        if kind == "map":
            pairs = Map()
            pairs.key, pairs.node = Text(), self.node(full["values"], where, depth + 1)
            return pairs
        return _enum(full["symbols"]) if kind == "enum" else _single(kind, full.get("logicalType"), where)


cdef Node _enum(object symbols):
    cdef Enum node = Enum()
    if len(symbols) > 64:
        raise ConfigError("an enum of more than 64 symbols")
    node.symbols, node.places = tuple(symbols), {symbol: 2 * place for place, symbol in enumerate(symbols)}
    return node


cdef Node _single(str kind, object logical, str where):
    cdef Integer integer
    cdef Double real
    cdef Time moment
    if logical == "timestamp-millis":
        moment = Time()
        moment.where = where
        return moment
    if logical == "date":
        return Day()
    if kind == "double":
        real = Double()
        real.where = where
        return real
    if kind == "int" or kind == "long":
        integer = Integer()
        integer.high = 0x7FFF_FFFF if kind == "int" else 0x7FFF_FFFF_FFFF_FFFF
        integer.low = -integer.high - 1
        return integer
    plain = {"null": Null, "boolean": Boolean, "string": Text, "bytes": Raw}.get(kind)
    if plain is None:
        raise ConfigError(f"schema uses the type {kind}, which the exchange does not")
    return plain()


cdef _Tree _tree(object named, object seal):
    cdef _Tree tree = _Tree()
    tree.named, tree.seal, tree.records = named, seal, {}
    return tree


cdef class Reader:
    """Reads values of one record schema: value and end, of bytes and start."""

    cdef Node node

    def __call__(self, bytes raw not None, Py_ssize_t start):
        cdef Cursor c
        cdef const unsigned char* data = <const unsigned char*>PyBytes_AS_STRING(raw)
        if start < 0 or start > PyBytes_GET_SIZE(raw):
            raise ValueError("no such place")
        c.at, c.end = data + start, data + PyBytes_GET_SIZE(raw)
        value = self.node.read(&c)
        return value, c.at - data


cdef class Writer:
    """Appends values of one record schema; a value that does not fit appends nothing."""

    cdef Node node

    def __call__(self, value, bytearray out not None):
        cdef Out written = Out()
        self.node.write(value, written)
        cdef Py_ssize_t before = PyByteArray_GET_SIZE(out)
        PyByteArray_Resize(out, before + written.size)
        memcpy(PyByteArray_AS_STRING(out) + before, written.data, written.size)


def compile_reader(schema, named):
    """As exchange.core.reader.compile_reader."""
    cdef Reader reader = Reader()
    reader.node = _tree(named, None).record(schema, "", 0)
    return reader


def compile_writer(schema, named, seal):
    """As exchange.core.writer.compile_writer."""
    cdef Writer writer = Writer()
    writer.node = _tree(named, seal).record(schema, "", 0)
    return writer
