"""``exchange diff``: two cards compared by meaning."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.card_files import read_file
from exchange.adapters.resources import load_schema_texts
from exchange.cli.check import Lang, Profiles, expand, load_profiles
from exchange.cli.output import Json, print_json
from exchange.core.diff.report import as_json, difference, lines
from exchange.core.diff.report import notice as draft_notice
from exchange.core.documents import Document, dump_record
from exchange.core.documents.parse import invalid
from exchange.core.documents.yamltext import parse_error
from exchange.core.fields import labels_of
from exchange.core.labels import field_labels
from exchange.settings import reader_language


def diff(
    old: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The card before: ours, or a Hugging Face README.")],
    new: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The card after.")],
    notice: Annotated[bool, typer.Option("--notice", help="Print a draft of the change notice in place of the changes.")] = False,
    as_json_: Json = False,
    beside: Annotated[
        list[Path] | None, typer.Option(exists=True, help="Documents that both are judged with, such as the parent's card.")
    ] = None,
    profile: Profiles = None,
    lang: Lang = None,
) -> None:
    """What changed between two cards, by meaning: each field, completeness, and the change notice it calls for.

    Order of lists, line breaks and layout do not count. The draft is a document that `exchange check` and `exchange publish`
    read; whether earlier assessments hold, and why, is left to you.

    Examples:

      exchange diff card-1.0.yaml card-1.1.yaml

      exchange diff card-1.0.yaml card-1.1.yaml --notice > notice.yaml

      exchange diff README.old.md README.md --json
    """
    schemas = {name: json.loads(text) for name, text in load_schema_texts().items()}
    labels, names = labels_of(schemas, "ModelCard"), field_labels(schemas, "ModelCard")
    others = [document for path in (expand(beside) if beside else []) for document in _documents(path)]
    found = difference(_card(old), _card(new), others, load_profiles(profile, labels), date.today())
    language = lang.value if lang else reader_language()
    if notice:
        typer.echo(dump_record("ChangeNotice", draft_notice(found, labels, names, language)), nl=False)
    elif as_json_:
        print_json(as_json(found, names))
    else:
        for line in lines(found, names, language):
            typer.echo(line)


def _card(path: Path) -> Document:
    cards = [document for document in _documents(path) if document.type == "ModelCard"]
    if len(cards) != 1:
        raise parse_error(str(path), 1, f"holds {len(cards)} cards; diff compares one with one")
    return cards[0]


def _documents(path: Path) -> tuple[Document, ...]:
    read = read_file(path)
    if read.faults:
        raise invalid(read.filename, read.faults)
    return read.documents
