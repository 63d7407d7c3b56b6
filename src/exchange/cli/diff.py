"""``exchange diff``: two cards compared by meaning."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.resources import load_schema_texts
from exchange.cli.check import Labels, Lang, Profiles, expand, load_profiles
from exchange.cli.documents import cards_of, documents_of
from exchange.cli.output import Json, print_json
from exchange.core.diff.pairing import paired
from exchange.core.diff.report import Difference, difference, whole, whole_as_json
from exchange.core.diff.report import notice as draft_notice
from exchange.core.documents import dump_record
from exchange.core.fields import labels_of
from exchange.core.labels import Label, field_labels
from exchange.core.reports import Language
from exchange.settings import reader_language


def diff(
    old: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The card before: ours, or a README, BOM or JSON we can import.")
    ],
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

    Each may be a card of ours, a README of Hugging Face, a CycloneDX ML-BOM, SPDX 3 or model-card-toolkit JSON, and the two need
    not be of one form. The models of a BOM are paired by release, else by line. Order of lists, line breaks and layout do not
    count. The draft is a document that `exchange check` and `exchange publish` read; whether earlier assessments hold, and why,
    is left to you.

    Examples:

      exchange diff card-1.0.yaml card-1.1.yaml

      exchange diff card-1.0.yaml card-1.1.yaml --notice > notice.yaml

      exchange diff README.old.md README.md --json

      exchange diff bom-1.0.json bom-1.1.json
    """
    schemas = {name: json.loads(text) for name, text in load_schema_texts().items()}
    labels, names = labels_of(schemas, "ModelCard"), field_labels(schemas, "ModelCard")
    others = [document for path in (expand(beside, json_too=True) if beside else []) for document in documents_of(path, labels)]
    pairs = paired(cards_of(old, labels), cards_of(new, labels))
    profiles, today = load_profiles(profile, labels), date.today()
    found = [difference(before, after, others, profiles, today) for before, after in pairs.both]
    language = lang.value if lang else reader_language()
    if notice:
        typer.echo(_notices(found, labels, names, language), nl=False)
    elif as_json_:
        print_json(whole_as_json(found, pairs, names))
    else:
        for line in whole(found, pairs, names, language):
            typer.echo(line)


def _notices(found: list[Difference], labels: Labels, names: dict[str, Label], language: Language) -> str:
    """A draft for each pair that calls for one."""
    called = [each for each in found if each.called.kind is not None]
    drafts = [dump_record("ChangeNotice", draft_notice(each, labels, names, language)) for each in called]
    return "---\n".join(drafts) or "# no change notice is called for\n"
