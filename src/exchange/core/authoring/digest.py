"""A card's digest, compared and written."""

from __future__ import annotations

import re
from typing import Final

from exchange.core.documents import Document, parse_documents
from exchange.errors import DocumentError, ValidationError

_LINE: Final = re.compile(r"release[ \t]*:[^\r\n]*(\r?\n|\Z)")


def with_digest(text: str, card: Document, digest: str) -> str:
    """The text of a card's file with its digest, on a line of its own after the release; nothing else is touched.

    Args:
        text: the file's text.
        card: the one document in it, without a digest.
        digest: ``sha256:`` and 64 hexadecimal digits.

    Raises:
        ValidationError: the file is not written so that a line can be added, for example as JSON.
    """
    lines = text.splitlines(keepends=True)
    at = card.line_of("release")
    found = _LINE.fullmatch(lines[at - 1]) if at <= len(lines) else None
    if found is not None:
        lines[at - 1] = lines[at - 1].rstrip("\r\n")
        end = found[1] or "\n"
        made = "".join([*lines[:at], end, f"digest: {digest}", end, *lines[at:]])
        try:
            after = [document.record for document in parse_documents(made, card.filename)]
        except DocumentError:
            after = []
        if after == [{**card.record, "digest": digest}]:
            return made
    hint = f"add the line yourself: digest: {digest}"
    raise ValidationError(f"{card.filename}:{at}: a digest cannot be added to a file of this form", hint=hint)
