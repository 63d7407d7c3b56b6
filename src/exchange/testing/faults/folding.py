"""The fold of a long journal, each partition in a process of its own: partitions have nothing in common but the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context

from exchange.audit import fold_here
from exchange.core.step import Record
from exchange.oracles.fold import Folded
from exchange.topics import Topics


def fold_apart(journal: Mapping[int, Sequence[Record]], topics: Topics, rules: Mapping[str, bytes]) -> Folded:
    """Fold on all cores; the same as :func:`exchange.audit.fold_here`.

    Args:
        journal: its records by partition, in offset order.
        topics: as the run had them.
        rules: content of every rule set by digest.
    """
    parts = [{partition: records} for partition, records in sorted(journal.items())]
    whole = Folded()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:  # this process has threads: it must not fork
        for part in pool.map(fold_here, parts, repeat(topics), repeat(rules)):
            whole.dossiers.update(part.dossiers)
            whole.decisions.update(part.decisions)
            whole.notices.update(part.notices)  # a line, and what is told of it, is of one partition
            whole.dead_letters += part.dead_letters
            whole.derived |= part.derived
    return whole
