"""The readers and writers in use: those in C where they were built, else those in Python (docs/adr/0019).

Both give the same values, bytes and refusals; those in C several times as fast. ``exchange doctor`` says which there are.
"""

from __future__ import annotations

try:
    from exchange.core._avro import compile_reader, compile_writer
except ImportError:
    from exchange.core.reader import compile_reader
    from exchange.core.writer import compile_writer

    IN_C = False
else:
    IN_C = True

__all__ = ["IN_C", "compile_reader", "compile_writer"]
