"""``exchange import hf``: Hugging Face READMEs to our cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.card_files import import_file
from exchange.core.documents import dump_card
from exchange.core.importers.assemble import Imported
from exchange.errors import ConfigError, DocumentError
from exchange.refs import parse_release


def hf(
    files: Annotated[list[Path], typer.Argument(exists=True, help="READMEs with or without front matter, or folders of them.")],
    release: Annotated[
        str | None, typer.Option(help="Hugging Face id (ORG/NAME) or full reference (party/name@version); for one file only.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the cards, one YAML file each. Default: print them.")] = None,
) -> None:
    """Turn Hugging Face READMEs into model cards party/name@hf.

    Without --release, a MANIFEST.tsv beside a file or one folder above tells its id (parent_id= or hf= in the note column), else
    the file name org__name.md. Warnings go to standard error; exit code 2 when a file could not be read, the others are imported
    all the same.

    Examples:

      exchange import hf README.md --release Intel/neural-chat-7b-v3-3 > card.yaml

      exchange import hf model_cards/ --out cards/
    """
    paths = readmes(files)
    if release is not None and len(paths) > 1:
        raise ConfigError("--release is for one file", hint="name files org__name.md, or put a MANIFEST.tsv beside them")
    failed = False
    for path in paths:
        try:
            imported = import_file(path, release)
        except DocumentError as error:
            failed = True
            typer.echo(error.explain(), err=True)
            continue
        write_card(path, imported, out)
    raise typer.Exit(2 if failed else 0)


def readmes(paths: list[Path]) -> list[Path]:
    """Files, and in place of folders the Markdown files in them, by name.

    Raises:
        ConfigError: there are none.
    """
    found = [entry for path in paths for entry in (sorted(path.rglob("*.md")) if path.is_dir() else [path])]
    if not found:
        raise ConfigError("no .md files in there")
    return found


def write_card(path: Path, imported: Imported, out: Path | None) -> None:
    """Print or write one card; its warnings go to standard error."""
    for fault in imported.warnings:
        field = f"{fault.path}: " if fault.path else ""
        place = f"{path}:{fault.line}" if fault.line else str(path)
        typer.echo(f"{place}: warning: {field}{fault.message}{f' ({fault.hint})' if fault.hint else ''}", err=True)
    text = dump_card(imported.card)
    if out is None:
        typer.echo(f"---\n{text}", nl=False)
        return
    ref = parse_release(imported.card["release"])
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{ref.party}__{ref.name}.yaml"
    target.write_text(text, encoding="utf-8")
    typer.echo(f"{imported.card['release']}: {target}")
