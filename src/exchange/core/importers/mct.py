"""The JSON of model-card-toolkit to model cards."""

from __future__ import annotations

from typing import Any

from exchange.core.importers.assemble import Assembly, Imported
from exchange.core.importers.jsontext import read_json
from exchange.core.mappings.mct import FORMS, ROWS
from exchange.core.mappings.rows import take, take_rows
from exchange.errors import Fault, ParseError


def import_mct(text: str, *, filename: str, release: str | None = None) -> list[Imported]:
    """The card of a model-card-toolkit document, always one.

    Raises:
        ParseError: not JSON, or no model card of that form.
        ValidationError: fields no card can have.
    """
    document = read_json(text, filename)
    if not isinstance(document.get("model_details"), dict):
        raise ParseError(f"{filename}:1: no model_details in it", faults=[Fault("model_details", 1, "missing")])
    made = Assembly(filename, "mct")
    owners = document["model_details"].get("owners")
    first = owners[0] if isinstance(owners, list) and owners and isinstance(owners[0], dict) else {}
    name, version = take(document, "model_details.name"), take(document, "model_details.version.name")
    made.name(release, _text(first.get("name")), _text(name), _text(version))
    made.values |= take_rows(ROWS, FORMS, document)
    for key, value in document.items():
        made.keep(key, value, 1)
    return [made.finish()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
