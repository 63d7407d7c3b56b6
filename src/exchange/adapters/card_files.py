"""Reads documents from files: ours, and those of other formats; many of them in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple

from exchange.core.documents import Document, Source
from exchange.core.importers.assemble import Imported
from exchange.core.importers.either import form_of, read_either
from exchange.core.importers.hf_names import read_manifest
from exchange.core.importers.huggingface import import_card
from exchange.core.importers.jsontext import READ_LIMIT
from exchange.errors import DocumentError, Fault, ParseError, ValidationError
from exchange.events import records

MANIFEST: Final = "MANIFEST.tsv"
PER_PROCESS: Final = 100
"""Files that make a further process worth its start: at some milliseconds a file, and a tenth of a second to start one."""

Labels = Mapping[str, records.Audience] | None


class Read(NamedTuple):
    """What came of one file: its documents, or its faults."""

    filename: str
    documents: tuple[Document, ...]
    faults: tuple[Fault, ...] = ()
    source: Source = "exchange"


def read_files(
    paths: Sequence[Path], labels: Labels, *, processes: int | None = None, each: Callable[[], object] = lambda: None
) -> list[Read]:
    """Every file, in order; one that cannot be read is an entry with its faults.

    Args:
        paths: files.
        labels: audience label by path of ModelCard.
        processes: how many; None: by number of files and processors.
        each: called after each file.
    """
    count = processes or max(1, min(multiprocessing.cpu_count(), len(paths) // PER_PROCESS))
    work = partial(read_file, labels=labels)
    if count == 1:
        return list(_counted(map(work, paths), each))
    # Forking shares what is loaded already; where it is not to be had, a new interpreter loads it again.
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context(method)) as pool:
        return list(_counted(pool.map(work, paths, chunksize=max(1, min(32, len(paths) // (count * 4)))), each))


def _counted(found: Iterator[Read], each: Callable[[], object]) -> Iterator[Read]:
    for read in found:
        each()
        yield read


def read_file(path: Path, labels: Labels = None) -> Read:
    """One file; nothing it may hold raises."""
    source: Source = "exchange"
    try:
        text = read_text(path)
        source = form_of(text, str(path))
        return Read(str(path), tuple(_documents(path, text, labels)), (), source)
    except DocumentError as error:
        return Read(str(path), (), error.faults or (Fault("", 1, error.message, error.hint),), source)
    except OSError as error:
        return Read(str(path), (), (Fault("", 1, f"cannot be read: {error.strerror or type(error).__name__}"),))


def is_known_json(path: Path) -> bool:
    """Whether a file is JSON of a form we read; one too large for that is not opened."""
    try:
        if path.stat().st_size > READ_LIMIT:
            return False
        form_of(read_text(path), str(path))
    except (DocumentError, OSError):
        return False
    return True


def _documents(path: Path, text: str, labels: Labels) -> list[Document]:
    try:
        return read_either(text, str(path), labels, _listed(path))
    except ValidationError as error:
        if [fault.path for fault in error.faults] != ["release"] or path.stem.casefold() != "readme":
            raise
    # A README without any name: its folder is the model's repository.
    return read_either(text, str(path), labels, path.absolute().parent.name)


def import_file(path: Path, release: str | None = None) -> Imported:
    """One README as a card; errors and warnings name the path as given.

    Raises:
        DocumentError: it cannot be read; file and line are named.
    """
    return import_card(read_text(path), filename=str(path), release=release or _listed(path))


def read_text(path: Path) -> str:
    """The text of a file, line ends as they are.

    Raises:
        ParseError: not UTF-8.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ParseError(f"{path}:{line}: not UTF-8", faults=[Fault("", line, "not UTF-8")]) from None


def _listed(path: Path) -> str | None:
    """The id that a list beside the file, or one folder above, tells."""
    for folder in path.absolute().parents[:2]:
        manifest = folder / MANIFEST
        if manifest.is_file():
            return _manifest(manifest, manifest.stat().st_mtime_ns).get(path.name)
    return None


@lru_cache(maxsize=64)
def _manifest(path: Path, _changed: int) -> dict[str, str]:
    return read_manifest(read_text(path))
