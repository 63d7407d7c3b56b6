"""``exchange check``: documents checked offline, like a linter."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.core.check import Checked, as_json, exit_code, lines
from exchange.core.check import check as check_documents
from exchange.core.documents import Document, parse_documents
from exchange.core.fields import labels_of
from exchange.core.profiles import RuleProfile, parse_profile
from exchange.errors import ConfigError, DocumentError, Fault, ParseError
from exchange.events import records

ENDINGS = (".yaml", ".yml", ".md", ".markdown")
TABLES = frozenset({"categories", "propagation"})
"""Rule files that are no profile."""

Labels = dict[str, records.Audience]


class Language(StrEnum):
    """Language of labels and hints."""

    ja = "ja"
    en = "en"


def check(
    files: Annotated[
        list[Path], typer.Argument(exists=True, help="Documents (YAML, or Markdown with front matter), or folders of them.")
    ],
    as_json_: Annotated[bool, typer.Option("--json", help="Print the result as JSON; an array for several documents.")] = False,
    profile: Annotated[
        list[str] | None, typer.Option(help="Rule profile: its id, or a TOML file. Default: all that ship with the exchange.")
    ] = None,
    lang: Annotated[Language, typer.Option(help="Language of labels and hints.")] = Language.en,
) -> None:
    """Check documents offline: what is wrong, what is missing, and who owes it.

    Cards given together see one another, so that a derived card inherits what its parent among them provides.

    Exit code: 0 complete, 1 gaps, 2 invalid.

    Examples:

      exchange check card.yaml

      exchange check cards/ --lang ja

      exchange check card.md --json --profile jg-1.2
    """
    labels = card_labels()
    results = check_files(expand(files), load_profiles(profile, labels), labels)
    if as_json_:
        told = [as_json(entry) for entry in results]
        typer.echo(json.dumps(told[0] if len(told) == 1 else told, ensure_ascii=False, indent=2))
    else:
        for entry in results:
            for line in lines(entry, lang.value):
                typer.echo(line)
    raise typer.Exit(exit_code(results))


def check_files(files: list[Path], profiles: list[RuleProfile], labels: Labels) -> list[Checked]:
    """Every document of every file, in order; a file that cannot be read is one entry with its faults."""
    documents: list[Document] = []
    invalid: list[Checked] = []
    for path in files:
        try:
            documents += parse_documents(read_text(path), str(path), labels)
        except DocumentError as error:
            invalid.append(Checked(str(path), None, error.faults or (Fault("", 1, error.message, error.hint),)))
    # The day is the reader's; inside the exchange it comes from a tick.
    checked = check_documents(documents, profiles, at=date.today())
    order = {str(path): index for index, path in enumerate(files)}
    return sorted([*checked, *invalid], key=lambda entry: order[entry.filename])


def parse_files(files: list[Path]) -> list[Document]:
    """Every document of every file, in order.

    Raises:
        ValidationError: a document is wrong; file, line and field are named.
    """
    labels = card_labels()
    return [document for path in files for document in parse_documents(read_text(path), str(path), labels)]


def load_profiles(names: list[str] | None, labels: Labels) -> list[RuleProfile]:
    """The profiles asked for, or all that ship.

    Raises:
        ConfigError: no such profile, or a fault in its file.
    """
    shipped = {name: text for name, text in load_rule_texts().items() if name not in TABLES}
    profiles = []
    for name in names or shipped:
        if name in shipped:
            profiles.append(parse_profile(shipped[name], f"{name}.toml", labels))
        elif name.endswith(".toml") and Path(name).is_file():
            profiles.append(parse_profile(Path(name).read_text(encoding="utf-8"), name, labels))
        else:
            raise ConfigError(f"no rule profile {name}", hint=f"known: {', '.join(shipped)}, or the path of a .toml file")
    return profiles


def expand(paths: list[Path]) -> list[Path]:
    """Files, and in place of folders the documents in them, by name.

    Raises:
        ConfigError: nothing to check.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(entry for entry in path.rglob("*") if entry.suffix.casefold() in ENDINGS) if path.is_dir() else [path]
        found += [entry for entry in inside if entry not in found]
    if not found:
        raise ConfigError("no documents in there", hint=f"documents end in {', '.join(ENDINGS)}")
    return found


def read_text(path: Path) -> str:
    """The text of a file, line ends as they are.

    Raises:
        ParseError: not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ParseError(f"{path}:{line}: not UTF-8", faults=[Fault("", line, "not UTF-8")]) from None


def card_labels() -> Labels:
    """Audience label by path of a card."""
    return labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
