"""A Markdown file that is one of our cards or somebody's README: which it is, and its documents either way."""

from __future__ import annotations

import re
from typing import Final

from exchange.core.documents import Document, parse_documents
from exchange.core.documents.markdown import split_markdown
from exchange.core.documents.parse import Labels
from exchange.core.importers.huggingface import import_card
from exchange.errors import ParseError

_OURS: Final = re.compile(r"^(?:release|stage)[ \t]*:", re.MULTILINE)
"""Keys that our front matter must have and that of Hugging Face never has."""


def is_readme(text: str, filename: str) -> bool:
    """Whether a file is Markdown whose front matter has none of the keys that a card of ours must have."""
    if not filename.casefold().endswith((".md", ".markdown")):
        return False
    try:
        front = split_markdown(text, filename).front
    except ParseError:
        return not _OURS.search(text)
    return front is None or not _OURS.search(front)


def read_either(text: str, filename: str, labels: Labels = None, release: str | None = None) -> list[Document]:
    """The documents of a file; a README is imported, and its document says so.

    Args:
        text: the file's text.
        filename: named in errors.
        labels: as :func:`exchange.core.documents.parse_documents` takes them.
        release: a README's id, where the caller knows it.

    Raises:
        DocumentError: it cannot be read either way; file, line and field are named.
    """
    if not is_readme(text, filename):
        return parse_documents(text, filename, labels)
    imported = import_card(text, filename=filename, release=release)
    return [Document("ModelCard", imported.card, imported.lines, filename, 1, "huggingface", tuple(imported.warnings))]
