"""``exchange export``: our cards in the formats people have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.resources import load_schema_texts
from exchange.cli.check import Language, parse_files
from exchange.core.exporters.cyclonedx import export_bom
from exchange.core.exporters.forms import export_haip, export_mdf
from exchange.core.exporters.huggingface import export_readme
from exchange.core.exporters.people import export_html, export_markdown
from exchange.core.exporters.shown import Exported, Manner, Shown, show
from exchange.core.exporters.spdx import export_spdx
from exchange.core.schemas import SchemaSet
from exchange.errors import Fault, ValidationError

FORMATS: Mapping[str, tuple[Callable[[Shown, Manner], Exported], str]] = {
    "cyclonedx": (export_bom, "Write a card as a CycloneDX 1.7 ML-BOM (JSON); its traffic light is that of the audience."),
    "spdx": (export_spdx, "Write a card as an SPDX 3.0.1 document (JSON-LD), profiles AI and Dataset."),
    "hf": (export_readme, "Write a card as a Hugging Face README: front matter, and sections by known headings."),
    "mdf": (export_mdf, "Write the EU Model Documentation Form: provider gets column D, authority O and N, owner all."),
    "haip": (export_haip, "Write a report in the order of the Hiroshima Process reporting framework."),
    "html": (export_html, "Write a card as one HTML file for people: prints well, fits a phone."),
    "md": (export_markdown, "Write a card as Markdown for people."),
}
"""Exporter and help by name of the format."""


class For(StrEnum):
    """Who may read what an export shows."""

    public = "public"
    user = "user"
    provider = "provider"
    authority = "authority"
    owner = "owner"


def command(name: str) -> Callable[..., None]:
    """The command that writes one format."""
    exporter, told = FORMATS[name]

    def export(
        card: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A card: YAML, or Markdown with front matter.")],
        audience: Annotated[For, typer.Option(help="Show only what these may read.")] = For.public,
        lang: Annotated[Language, typer.Option(help="Language of labels, where the format has any.")] = Language.en,
        out: Annotated[Path | None, typer.Option(help="File to write. Default: print it.")] = None,
    ) -> None:
        exported = export_card(card, exporter, audience, lang)
        for note in exported.notes:
            typer.echo(f"{card}: {note.path}: {note.message}{f' ({note.hint})' if note.hint else ''}", err=True)
        if out is None:
            typer.echo(exported.text, nl=False)
        else:
            out.write_text(exported.text, encoding="utf-8")

    export.__doc__ = (
        f"{told}\n\n    What this audience may not read, and what the format cannot carry, is told on standard error."
        f"\n\n    Example:\n\n      exchange export {name} card.yaml --audience provider\n    "
    )
    return export


def export_card(path: Path, exporter: Callable[[Shown, Manner], Exported], audience: For, lang: Language) -> Exported:
    """One card in another format.

    Raises:
        DocumentError: the file is wrong, or does not hold one card.
    """
    documents = parse_files([path])
    if len(documents) != 1 or documents[0].type != "ModelCard":
        fault = Fault("", 1, "must hold one model card and nothing else")
        raise ValidationError(f"{path}:1: {fault.message}", faults=[fault])
    schemas = SchemaSet.from_texts(load_schema_texts())
    manner = Manner(schemas, lang.value, date.today())
    return exporter(show(documents[0].record, audience.value, schemas), manner)
