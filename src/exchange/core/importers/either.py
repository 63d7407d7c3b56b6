"""A file in any form we can read: which form it is, and its documents either way.

JSON is told apart by its content, Markdown by its front matter; all else is ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from exchange.core.documents import TYPES, Document, Source, parse_documents
from exchange.core.documents.markdown import split_markdown
from exchange.core.documents.parse import Labels
from exchange.core.importers.assemble import Imported
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.importers.huggingface import import_card
from exchange.core.importers.jsontext import read_json
from exchange.core.importers.mct import import_mct
from exchange.core.importers.spdx import import_spdx
from exchange.errors import Fault, ParseError

_OURS: Final = re.compile(r"^(?:release|stage)[ \t]*:", re.MULTILINE)
"""Keys that our front matter must have and that of Hugging Face never has."""

_IMPORTERS: Final[Mapping[Source, Callable[..., list[Imported]]]] = MappingProxyType(
    {
        "cyclonedx": import_bom,
        "spdx": import_spdx,
        "mct": lambda text, *, filename, labels, release: import_mct(text, filename=filename, release=release),
    }
)


def form_of(text: str, filename: str) -> Source:
    """Whose form a file is in.

    Raises:
        ParseError: a file called ``.json`` that is no JSON object, or one of no form we know.
        TooLargeError: JSON without end.
    """
    if filename.casefold().endswith(".json"):
        return _form_of_json(read_json(text, filename), filename)
    return "huggingface" if is_readme(text, filename) else "exchange"


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
    """The documents of a file; what is not ours is imported, and its document says whose it was.

    Args:
        text: the file's text.
        filename: named in errors.
        labels: as :func:`exchange.core.documents.parse_documents` takes them; without them, what a BOM or an SPDX document keeps
            confidential is narrowed field by field all the same.
        release: the id of a README, or of a file with one model, where the caller knows it.

    Raises:
        DocumentError: it cannot be read either way; file, line and field are named.
    """
    form = form_of(text, filename)
    if form == "exchange":
        return parse_documents(text, filename, labels)
    if form == "huggingface":
        found = [import_card(text, filename=filename, release=release)]
    else:
        found = _IMPORTERS[form](text, filename=filename, labels=labels or {}, release=release)
    return [Document("ModelCard", made.card, made.lines, filename, 1, form, tuple(made.warnings)) for made in found]


def _form_of_json(value: dict[str, Any], filename: str) -> Source:
    if value.get("bomFormat") == "CycloneDX":
        return "cyclonedx"
    if "spdx" in str(value.get("@context")):
        return "spdx"
    if isinstance(value.get("model_details"), dict):
        return "mct"
    if value.keys() & {"release", "stage"} or value.get("type") in TYPES:
        return "exchange"  # JSON is YAML too
    message = "JSON of no form we know"
    raise ParseError(
        f"{filename}:1: {message}",
        hint="known: CycloneDX (bomFormat), SPDX 3 (@context), model-card-toolkit (model_details), ours (release, stage, type)",
        faults=[Fault("", 1, message, "a CycloneDX ML-BOM, SPDX 3, model-card-toolkit, or a card of ours")],
    )
