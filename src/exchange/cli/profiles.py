"""``exchange profiles``: the rule profiles that ship, your own, and those in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from exchange.adapters.card_files import read_text
from exchange.adapters.resources import load_profile_cases, load_rule_texts
from exchange.adapters.rules_store import read_rules_in_force
from exchange.adapters.setup import apply_rules
from exchange.cli.check import Lang, card_labels, find_profile
from exchange.cli.output import Home, Json, connected, console, errors, print_json, run
from exchange.core.profile_cases import CaseResult, parse_cases, run_cases
from exchange.core.profiles import RuleProfile
from exchange.core.rules import RuleTexts, bundle, changed, digest_of, ensure_small, unbundle
from exchange.errors import BrokerError, ConfigError
from exchange.runtime import load_codec
from exchange.settings import Settings, reader_language

Name = Annotated[str, typer.Argument(help="Rule profile: its id, or a TOML file.")]

DRAFT = """# A rule profile of your own. The columns are explained in docs/completeness.md.
#
#   exchange profiles test {file}        runs {cases}
#   exchange check CARD --profile {file}
#   exchange profiles activate {file}    puts it in force

id = "{id}"
framework = "{id}"
version = "1"
label_ja = "{id}"
label_en = "{id}"
source = "{id}, version 1"

[[row]]
id = "CONTACT"
label_ja = "問い合わせ先"
label_en = "Whom to ask"
clause = "1"
principle = "7)アカウンタビリティ"
owed_by = "provider"
audience = "user"
level = "must"
paths = ["contact"]
applies_when = 'stage != "research" && kind != "dataset"'
inherit = "none"
hint_ja = "問い合わせを受ける窓口。"
hint_en = "An address that answers."
source = "our own"
verified = true
"""

CASES = """# What must come out. Each case is documents in, rows out.
- case: a released model without a contact
  documents: |
    release: acme/model@1
    stage: released
  expect:
    CONTACT: {status: missing, owed_by_party: acme}
  complete: false

- case: research owes nothing
  documents: |
    release: acme/model@1
    stage: research
  expect:
    CONTACT: not_applicable
  complete: true
"""


def list_(as_json: Json = False, home: Home = None) -> None:
    """List the profiles that ship and those in force.

    Where no exchange answers, only what ships is listed.

    Examples:

      exchange profiles list

      exchange profiles list --json
    """
    in_force, problem = _in_force(home)
    labels, texts = card_labels(), load_rule_texts()
    ids = sorted({*texts.profiles, *in_force})
    found = {name: find_profile(name, _with(texts, in_force), labels) for name in ids}
    rows = [_summary(found[name], name in texts.profiles, None if problem else name in in_force) for name in ids]
    if as_json:
        print_json(rows)
        return
    table = Table("id", "framework", "version", "rows", "verified", "ships", "in force")
    for row in rows:
        words = ("yes" if row["ships"] else "own", {None: "?", True: "yes", False: ""}[row["in_force"]])
        table.add_row(row["id"], row["framework"], row["version"], str(row["rows"]), str(row["verified"]), *words)
    console.print(table)
    if problem:
        errors.print(f"what is in force is not known: {problem}")


def show(profile: Name, lang: Lang = None, as_json: Json = False, home: Home = None) -> None:
    """Show a profile's rows: item, who owes it, for whom, when, and whether it was read in its source.

    Examples:

      exchange profiles show jg-1.2 --lang ja

      exchange profiles show eu-annex-xii --json
    """
    texts = load_rule_texts()
    if profile not in texts.profiles and not profile.endswith(".toml"):
        texts = _with(texts, _in_force(home)[0])
    found = find_profile(profile, texts, card_labels())
    language = lang.value if lang else reader_language()
    if as_json:
        print_json({**_summary(found, profile in load_rule_texts().profiles, None), "items": _items(found)})
        return
    console.print(f"[bold]{found.id}[/] {found.label_ja if language == 'ja' else found.label_en}")
    table = Table("id", "clause", "item", "owed by", "for", "level", "inherit", "applies when", "verified")
    for row in found.rows:
        label = row.label_ja if language == "ja" else row.label_en
        words = (row.owed_by, row.audience, row.level, row.inherit, "" if row.applies.text == "true" else row.applies.text)
        table.add_row(row.id, row.clause, label, *words, "yes" if row.verified else "no")
    console.print(table)


def test(
    profile: Name,
    cases: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File of cases. Default: FILE.cases.yaml beside FILE.toml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a profile's cases: documents in, the rows that must come out.

    Exit code: 0 all hold, 1 some do not, 2 a case cannot be read, 3 a fault in the profile.

    Examples:

      exchange profiles test own.toml

      exchange profiles test jg-1.2 --cases ours.cases.yaml --json
    """
    labels = card_labels()
    found = find_profile(profile, load_rule_texts(), labels)
    text, name = _cases(profile, cases)
    results = list(run_cases(found, parse_cases(text, name), name, labels))
    if as_json:
        print_json([result._asdict() for result in results])
    else:
        _tell(results, name)
    raise typer.Exit(1 if any(result.differences for result in results) else 0)


def new(
    file: Annotated[Path, typer.Argument(help="File to write, ending in .toml; its cases are written beside it.")],
) -> None:
    """Begin a profile of your own: a file with one row that works, and its cases.

    Example:

      exchange profiles new own.toml
    """
    beside = file.with_suffix(".cases.yaml")
    if file.suffix != ".toml":
        raise ConfigError(f"{file}: a profile's file ends in .toml")
    if file.stem in load_rule_texts().profiles:
        raise ConfigError(f"a profile {file.stem} ships with the exchange", hint="choose another name")
    for path in (file, beside):
        if path.exists():
            raise ConfigError(f"{path} is there already", hint="choose another name, or remove it")
    file.write_text(DRAFT.format(id=file.stem, file=file, cases=beside), encoding="utf-8")
    beside.write_text(CASES, encoding="utf-8")
    console.print(f"wrote {file} and {beside}; next: exchange profiles test {file}")


def activate(
    profiles: Annotated[list[str] | None, typer.Argument(help="Put in force beside the others: ids or TOML files.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Id of a profile that shall no longer be in force.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Put profiles in force: every release is scored again, and its owner told what is newly missing.

    A profile's file of your own is stored in the exchange by its digest; an id that ships cannot be replaced.

    Examples:

      exchange profiles activate eu-annex-xii own.toml

      exchange profiles activate --remove own --dry-run
    """
    settings = connected(home)
    added, gone = _own_texts(profiles or [], load_rule_texts()), remove or []
    answer = run(_activate(settings, added, gone, dry_run=dry_run))
    if as_json:
        print_json(answer)
        return
    if not answer["added"] and not answer["changed"] and not answer["removed"]:
        console.print("nothing to do: these profiles are in force")
        return
    for word in ("added", "changed", "removed"):
        for name in answer[word]:
            console.print(f"{'would be ' if dry_run else ''}{word}: {name}")
    if not dry_run:
        console.print(f"in force in {len(answer['partitions'])} partitions: {answer['digest']}")


async def _activate(settings: Settings, added: dict[str, str], gone: list[str], *, dry_run: bool) -> dict[str, Any]:
    kafka, topics = settings.kafka_kwargs(), settings.topics
    former = await read_rules_in_force(kafka, topics.rules)
    if former is None:
        raise ConfigError("no rules are in force yet", hint="run `exchange up`, or `exchange topics apply`")
    texts, authorities, semantics = unbundle(former)
    for name in gone:
        if name not in texts.profiles:
            raise ConfigError(f"the profile {name} is not in force", hint=f"in force: {', '.join(sorted(texts.profiles))}")
    after = {name: text for name, text in {**texts.profiles, **added}.items() if name not in gone}
    content = bundle(texts._replace(profiles=after), authorities, semantics)
    ensure_small(content)  # what no worker could read, or no dossier hold, must not be put in force
    answer: dict[str, Any] = {
        **changed(texts.profiles, after),
        "digest": digest_of(content),
        "profiles": sorted(after),
        "partitions": [],
    }
    if content != former and not dry_run:
        _, codec = load_codec(settings)
        answer["partitions"] = list(await apply_rules(kafka, topics, codec, content, "profiles activate"))
    return answer


def _own_texts(names: list[str], shipped: RuleTexts) -> dict[str, str]:
    """Text by id of the profiles named; each is parsed first."""
    labels, texts = card_labels(), {}
    for name in names:
        found = find_profile(name, shipped, labels)
        own = name not in shipped.profiles
        if own and found.id in shipped.profiles:
            raise ConfigError(f"{name}: a profile {found.id} ships with the exchange", hint="give yours another id")
        texts[found.id] = read_text(Path(name)) if own else shipped.profiles[name]
    return texts


def _in_force(home: str | None) -> tuple[dict[str, str], str]:
    """Text by id of the profiles in force, and why that is not known."""
    try:
        settings = connected(home)
        content = run(read_rules_in_force(settings.kafka_kwargs(), settings.topics.rules))
    except BrokerError as error:
        return {}, str(error)
    return (dict(unbundle(content).texts.profiles), "") if content else ({}, "no rules are in force yet")


def _with(texts: RuleTexts, in_force: dict[str, str]) -> RuleTexts:
    return texts._replace(profiles={**in_force, **texts.profiles})


def _cases(profile: str, cases: Path | None) -> tuple[str, str]:
    if cases is None and not profile.endswith(".toml"):
        return load_profile_cases(profile), f"{profile}.cases.yaml"
    path = cases or Path(profile).with_suffix(".cases.yaml")
    if not path.is_file():
        raise ConfigError(f"no cases at {path}", hint="write some, or name their file with --cases")
    return read_text(path), str(path)


def _tell(results: list[CaseResult], name: str) -> None:
    for result in results:
        console.print(f"{'[red]fails[/]' if result.differences else '[green]holds[/]'} {result.name}")
        for difference in result.differences:
            console.print(f"  {name}:{result.line}: {difference}", markup=False)
    bad = sum(1 for result in results if result.differences)
    console.print(f"{len(results)} cases, {bad} fail")


def _summary(profile: RuleProfile, ships: bool, in_force: bool | None) -> dict[str, Any]:
    return {
        "id": profile.id,
        "framework": profile.framework,
        "version": profile.version,
        "label_ja": profile.label_ja,
        "label_en": profile.label_en,
        "rows": len(profile.rows),
        "verified": sum(1 for row in profile.rows if row.verified),
        "ships": ships,
        "in_force": in_force,
    }


def _items(profile: RuleProfile) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(row, name) for name in ("id", "clause", "label_ja", "label_en", "owed_by", "audience", "level")},
            **{name: getattr(row, name) for name in ("inherit", "by_exchange", "precision", "stale_after_days")},
            **{name: getattr(row, name) for name in ("hint_ja", "hint_en", "source", "verified")},
            "paths": list(row.paths),
            "applies_when": row.applies.text,
        }
        for row in profile.rows
    ]
