"""The readers and writers in use: those in C where they were built, else those in Python (docs/adr/0019).

Both give the same values, bytes and refusals; those in C several times as fast. ``exchange doctor`` says which there are.
"""

from __future__ import annotations

from importlib import import_module

from exchange.core.reader import compile_reader
from exchange.core.writer import compile_writer

try:
    _avro = import_module("exchange.core._avro")  # by name: the import contracts know modules in Python alone
except ImportError:
    IN_C = False
else:
    IN_C = True
    compile_reader, compile_writer = _avro.compile_reader, _avro.compile_writer

__all__ = ["IN_C", "compile_reader", "compile_writer"]
