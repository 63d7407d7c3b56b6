"""``exchange check``: documents checked offline, like a linter."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exchange.adapters.card_files import is_known_json, read_files, read_text
from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.cli.output import errors
from exchange.core.audience import Eyes
from exchange.core.baseline import dump_baseline, read_baseline, without_known
from exchange.core.check import Checked, exit_code
from exchange.core.check import check as check_documents
from exchange.core.disclosure import Projector
from exchange.core.documents import Document, parse_documents
from exchange.core.fields import labels_of
from exchange.core.profiles import RuleProfile, parse_placeholders, parse_profile
from exchange.core.reports import REPORTS
from exchange.core.rules import RuleTexts
from exchange.core.schemas import SchemaSet
from exchange.errors import ConfigError
from exchange.events import records
from exchange.settings import load_settings, reader_language

ENDINGS = (".yaml", ".yml", ".md", ".markdown")
Labels = dict[str, records.Audience]


class Language(StrEnum):
    """Language of labels and hints."""

    ja = "ja"
    en = "en"


class Format(StrEnum):
    """Form of the report."""

    text = "text"
    json = "json"
    sarif = "sarif"
    html = "html"
    markdown = "markdown"
    junit = "junit"
    github = "github"


class Audience(StrEnum):
    """Who reads."""

    public = "public"
    user = "user"
    provider = "provider"
    authority = "authority"
    owner = "owner"


Lang = Annotated[Language | None, typer.Option(help="Language of labels and hints. Default: that of the locale.")]
Profiles = Annotated[
    list[str] | None, typer.Option(help="Rule profile: its id, a TOML file, or all. Default: EXCHANGE_PROFILES (jg-1.2).")
]


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True, help="Documents (YAML, Markdown with front matter), Hugging Face READMEs, BOMs in JSON, or folders."
        ),
    ],
    format: Annotated[Format, typer.Option(help="Form of the report.")] = Format.text,
    as_json_: Annotated[bool, typer.Option("--json", help="The same as --format json; an array for several documents.")] = False,
    profile: Profiles = None,
    lang: Lang = None,
    audience: Annotated[Audience | None, typer.Option(help="Judge by what this reader can see, and list what is kept.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Tell only gaps and warnings that this file does not know.")] = None,
    write_baseline: Annotated[bool, typer.Option("--write-baseline", help="Write all there is now to --baseline.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the report. Default: print it.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes that read. Default: by number of files.")] = None,
) -> None:
    """Check documents offline: what is wrong, what is missing, and who owes it.

    Cards given together see one another, so that a derived card inherits what its parent among them provides. A README of
    Hugging Face is imported first. Warnings (secrets, personal data, template text) do not change the exit code.

    Exit code: 0 complete, 1 gaps, 2 invalid.

    Examples:

      exchange check card.yaml

      exchange check cards/ --lang ja --format html --out report.html

      exchange check README.md --json --profile jg-1.2

      exchange check card.yaml --audience user

      exchange check cards/ --baseline known.json --write-baseline
    """
    if write_baseline and baseline is None:
        raise ConfigError("--write-baseline needs --baseline FILE")
    labels = card_labels()
    results = check_files(expand(files, json_too=True), load_profiles(profile, labels), labels, audience=audience, jobs=jobs)
    if baseline is not None and write_baseline:
        baseline.write_text(dump_baseline(results), encoding="utf-8")
    if baseline is not None:
        known = read_baseline(read_text(baseline) if baseline.exists() else "", str(baseline))
        results = [without_known(entry, known) for entry in results]
    language = lang.value if lang else reader_language()
    _tell(REPORTS["json" if as_json_ else format.value](results, language), out)
    raise typer.Exit(exit_code(results))


def check_files(
    files: list[Path],
    profiles: list[RuleProfile],
    labels: Labels,
    *,
    audience: str | None = None,
    jobs: int | None = None,
) -> list[Checked]:
    """Every document of every file, in order; a file that cannot be read is one entry with its faults."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=len(files) < 2 or not errors.is_terminal,
    )
    with bar:
        task = bar.add_task("exchange check", total=len(files))
        read = read_files(files, labels, processes=jobs, each=lambda: bar.advance(task))
    eyes = _eyes(audience) if audience else None
    documents = [document for entry in read for document in entry.documents]
    # The day is the reader's; inside the exchange it comes from a tick.
    checked = check_documents(documents, profiles, at=date.today(), labels=labels, eyes=eyes)
    invalid = [Checked(entry.filename, None, entry.faults, source=entry.source) for entry in read if entry.faults]
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
    """The profiles asked for, or those of the settings; ``all``: every profile that ships.

    Raises:
        ConfigError: no such profile, or a fault in its file.
    """
    texts = load_rule_texts()
    wanted = names or load_settings().profile_list
    if "all" in wanted:
        wanted = [*texts.profiles, *(name for name in wanted if name.endswith(".toml"))]
    return [find_profile(name, texts, labels) for name in wanted]


def find_profile(name: str, texts: RuleTexts, labels: Labels) -> RuleProfile:
    """A profile by its id among the texts, or by its file.

    Raises:
        ConfigError: no such profile, or a fault in its file.
    """
    placeholders = parse_placeholders(texts.tables["placeholders"])
    if name in texts.profiles:
        return parse_profile(texts.profiles[name], f"{name}.toml", labels, placeholders)
    if name.endswith(".toml") and Path(name).is_file():
        return parse_profile(read_text(Path(name)), name, labels, placeholders)
    raise ConfigError(f"no rule profile {name}", hint=f"known: {', '.join(texts.profiles)}, or the path of a .toml file")


def expand(paths: list[Path], *, json_too: bool = False) -> list[Path]:
    """Files, and in place of folders the documents in them, by name.

    Args:
        paths: files and folders.
        json_too: take JSON of a form we read out of folders, too. Other JSON there is no document: tools keep much in it.

    Raises:
        ConfigError: nothing to check.
    """
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(entry for entry in path.rglob("*") if _document(entry, json_too)) if path.is_dir() else [path]
        found |= dict.fromkeys(inside)
    if not found:
        raise ConfigError("no documents in there", hint=f"documents end in {', '.join(ENDINGS)}")
    return list(found)


def _document(path: Path, json_too: bool) -> bool:
    ending = path.suffix.casefold()
    return ending in ENDINGS or (json_too and ending == ".json" and path.is_file() and is_known_json(path))


def _eyes(audience: str) -> Eyes:
    wanted: records.Audience = next(name for name in ("public", "user", "provider", "authority", "owner") if name == audience)
    return Eyes(Projector(SchemaSet.from_texts(load_schema_texts())), wanted)


def _tell(report: str, out: Path | None) -> None:
    if out is None:
        typer.echo(report)
    else:
        out.write_text(report + "\n", encoding="utf-8")


def card_labels() -> Labels:
    """Audience label by path of a card."""
    return labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
