"""What several readers make of the same bytes, to be compared."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.core.reader import Read


def readings(readers: Iterable[Read], raw: bytes, start: int = 0) -> list[str]:
    """Of each reader the value with its types and where it ended, or that it refused the bytes.

    Args:
        readers: of one schema.
        raw: the bytes.
        start: where the value begins.
    """
    found = []
    for read in readers:
        try:
            value, end = read(raw, start)
        except Exception:
            found.append("refused")
        else:  # the one in Python may end beyond the end, which whoever asked it refuses
            found.append(f"{value!r} {end}" if end <= len(raw) else "refused")
    return found
