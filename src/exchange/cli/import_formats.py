"""``exchange import cyclonedx|spdx|mct``: what other formats say of a model, as our cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.card_files import read_text
from exchange.cli.check import card_labels
from exchange.cli.import_ import write_card
from exchange.core.importers.assemble import Imported
from exchange.core.importers.cyclonedx import import_bom
from exchange.core.importers.mct import import_mct
from exchange.core.importers.spdx import import_spdx
from exchange.errors import ConfigError, DocumentError

Files = Annotated[list[Path], typer.Argument(exists=True, help="JSON files, or folders of them.")]
Release = Annotated[str | None, typer.Option(help="Full reference (party/name@version); for one file with one model only.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the cards, one YAML file each. Default: print them.")]

Importer = Callable[[str, str, str | None], list[Imported]]
"""Text, file name and release to cards."""


def cyclonedx(files: Files, release: Release = None, out: Out = None) -> None:
    """Turn CycloneDX ML-BOMs (1.5 to 1.7) into model cards, one for each model in them.

    Ancestors and data sets become parents, the SHA-256 the digest, a traffic light narrows who may read. What has no field
    goes to extensions, what is left out is told on standard error. Exit code 2 when a file could not be read; the others are
    imported all the same.

    Example:

      exchange import cyclonedx bom.json --out cards/
    """
    labels = card_labels()
    _import(files, release, out, lambda text, name, ref: import_bom(text, filename=name, labels=labels, release=ref))


def spdx(files: Files, release: Release = None, out: Out = None) -> None:
    """Turn SPDX 3.0.1 documents (JSON-LD) into cards, one for each AI or Dataset package.

    Relationships to models and data sets become parents, a confidentiality level narrows who may read. What has no field goes to
    extensions. Exit code 2 when a file could not be read; the others are imported all the same.

    Example:

      exchange import spdx model.spdx3.json --out cards/
    """
    labels = card_labels()
    _import(files, release, out, lambda text, name, ref: import_spdx(text, filename=name, labels=labels, release=ref))


def mct(files: Files, release: Release = None, out: Out = None) -> None:
    """Turn the JSON of model-card-toolkit into model cards.

    What has no field goes to extensions. Exit code 2 when a file could not be read; the others are
    imported all the same.

    Example:

      exchange import mct model_card.json --release acme/base@1.0
    """
    _import(files, release, out, lambda text, name, ref: import_mct(text, filename=name, release=ref))


def _import(files: list[Path], release: str | None, out: Path | None, importer: Importer) -> None:
    paths = [entry for path in files for entry in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    if not paths:
        raise ConfigError("no .json files in there")
    if release is not None and len(paths) > 1:
        raise ConfigError("--release is for one file")
    failed = False
    for path in paths:
        try:
            for imported in importer(read_text(path), str(path), release):
                write_card(path, imported, out)
        except DocumentError as error:
            failed = True
            typer.echo(error.explain(), err=True)
    raise typer.Exit(2 if failed else 0)
