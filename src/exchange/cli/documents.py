"""Reads the documents a command compares or begins with, in any form we know."""

from __future__ import annotations

from pathlib import Path

from exchange.adapters.card_files import read_file
from exchange.core.documents import Document
from exchange.core.documents.parse import Labels, invalid
from exchange.core.documents.yamltext import parse_error


def documents_of(path: Path, labels: Labels) -> tuple[Document, ...]:
    """All documents of a file.

    Raises:
        ValidationError: it cannot be read; file, line and field are named.
    """
    read = read_file(path, labels)
    if read.faults:
        raise invalid(read.filename, read.faults)
    return read.documents


def cards_of(path: Path, labels: Labels) -> list[Document]:
    """The cards of a file: one as a rule, several where it is a BOM.

    Raises:
        ParseError: there is none.
        ValidationError: it cannot be read.
    """
    cards = [document for document in documents_of(path, labels) if document.type == "ModelCard"]
    if not cards:
        raise parse_error(str(path), 1, "holds no card")
    return cards


def one_card(path: Path, labels: Labels) -> Document:
    """The one card of a file.

    Raises:
        ParseError: there is none, or there are several.
        ValidationError: it cannot be read.
    """
    cards = cards_of(path, labels)
    if len(cards) > 1:
        raise parse_error(str(path), 1, f"holds {len(cards)} cards, where one is needed")
    return cards[0]
