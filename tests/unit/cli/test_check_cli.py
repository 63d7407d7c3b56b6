"""``exchange check`` as a command: forms, languages, READMEs, baselines, several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from exchange.adapters.card_files import read_files
from exchange.cli import app as whole
from exchange.cli.check import check, expand
from exchange.core.importers.jsontext import READ_LIMIT
from exchange.errors import ConfigError

DATA = Path(__file__).parents[2] / "data"
SAMPLES = DATA / "hf"
RUN = CliRunner()
CARD = "release: acme/base@1\nstage: released\n"

app = typer.Typer()
app.command()(check)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.yaml"
    path.write_text(CARD, encoding="utf-8")
    return path


def test_readmes_are_imported_and_each_verdict_says_so() -> None:
    """A folder of READMEs: one verdict a file, lines of the README, warnings of the import."""
    result = RUN.invoke(app, [str(SAMPLES), "--json"])
    told = json.loads(result.output)
    assert result.exit_code in (1, 2)
    assert len(told) == len(list(SAMPLES.rglob("*.md")))
    assert {entry["source"] for entry in told} == {"huggingface"}
    assert {entry["verdict"] for entry in told} <= {"complete", "gaps", "invalid"}
    assert any(row["line"] > 1 for entry in told for profile in entry["profiles"] for row in profile["rows"])


def test_a_folder_is_searched_for_json_of_a_form_we_read(tmp_path: Path) -> None:
    """Other JSON is none of our business there; named, it gets its verdict."""
    bom = DATA / "cyclonedx" / "valid-machine-learning-considerations-env-1.7.json"
    (tmp_path / "bom.json").write_bytes(bom.read_bytes())
    (tmp_path / "card.json").write_text('{"release": "acme/base@1", "stage": "released"}', encoding="utf-8")
    others = {
        "package.json": '{"type": "module"}',
        "list.json": "[]",
        "broken.json": "{",
        "large.json": f'{{"a": "{"b" * READ_LIMIT}"}}',
    }
    for name, text in others.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    told = json.loads(RUN.invoke(app, [str(tmp_path), "--json"]).output)
    assert {Path(entry["file"]).name: entry["source"] for entry in told} == {"bom.json": "cyclonedx", "card.json": "exchange"}
    for name in others:
        assert json.loads(RUN.invoke(app, [str(tmp_path / name), "--json"]).output)["verdict"] == "invalid"
    with pytest.raises(ConfigError, match="no documents"):  # what is published is ours, and written by people
        expand([tmp_path])


def test_what_only_providers_may_read_is_not_to_stand_in_public(tmp_path: Path) -> None:
    """The public export leaves the field out and shows it all the same in another: the check says so."""
    path, text = tmp_path / "card.yaml", "Behind our gateway; a client library does the rest."
    path.write_text(f"{CARD}purpose: {{summary: {text}}}\nmakeup: {{integration: {text}}}\n", encoding="utf-8")
    public = RUN.invoke(whole, ["export", "md", str(path), "--audience", "public"]).stdout
    assert public.count(text) == 1
    told = json.loads(RUN.invoke(app, [str(path), "--json"]).output)
    assert [(entry["kind"], entry["what"], entry["path"], entry["line"]) for entry in told["warnings"]] == [
        ("repeated", "makeup.integration", "purpose.summary", 3)
    ]
    path.write_text(f"{CARD}purpose: {{summary: Small.}}\nmakeup: {{integration: {text}}}\n", encoding="utf-8")
    assert text not in RUN.invoke(whole, ["export", "md", str(path), "--audience", "public"]).stdout
    assert json.loads(RUN.invoke(app, [str(path), "--json"]).output)["warnings"] == []


def test_a_template_that_stands_twice_is_told_as_a_template(tmp_path: Path) -> None:
    """Not as a secret of one of its places."""
    path, text = tmp_path / "card.yaml", "[More Information Needed]"
    path.write_text(f"{CARD}purpose: {{summary: '{text}'}}\nmakeup: {{integration: '{text}'}}\n", encoding="utf-8")
    told = json.loads(RUN.invoke(app, [str(path), "--json"]).output)
    assert {entry["kind"] for entry in told["warnings"]} == {"boilerplate"}


def test_a_readme_without_a_name_takes_that_of_its_folder(tmp_path: Path) -> None:
    """As a clone of a repository is."""
    folder = tmp_path / "My-Model"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA model.\n", encoding="utf-8")
    told = json.loads(RUN.invoke(app, [str(folder), "--json"]).output)
    assert told["release"] == "hf-legacy/my-model@hf"


@pytest.mark.parametrize("form", ["text", "json", "sarif", "html", "markdown", "junit"])
def test_every_form_goes_to_a_file_and_keeps_the_exit_code(card: Path, form: str) -> None:
    """The file holds the report; nothing is printed."""
    out = card.with_suffix(".out")
    result = RUN.invoke(app, [str(card), "--format", form, "--out", str(out)])
    assert (result.exit_code, result.output) == (1, "")
    assert "JG-D6ii-1" in out.read_text(encoding="utf-8")


def test_the_language_is_that_of_the_locale(card: Path) -> None:
    """Unless it is said."""
    japanese = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "ja_JP.UTF-8"}
    assert "未充足" in RUN.invoke(app, [str(card)], env=japanese).output
    assert "not complete" in RUN.invoke(app, [str(card), "--lang", "en"], env=japanese).output
    assert "not complete" in RUN.invoke(app, [str(card)], env=japanese | {"LC_ALL": "C"}).output


def test_a_baseline_is_written_and_read(card: Path) -> None:
    """After writing it nothing is new; without it the gaps are back."""
    known = str(card.with_suffix(".json"))
    assert RUN.invoke(app, [str(card), "--baseline", known, "--write-baseline"]).exit_code == 0
    assert RUN.invoke(app, [str(card), "--baseline", known]).exit_code == 0
    assert RUN.invoke(app, [str(card)]).exit_code == 1
    assert RUN.invoke(app, [str(card), "--baseline", str(card)]).exit_code == 1


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    """In the same order, with the faults of what cannot be read; each file is counted."""
    paths = []
    for number in range(12):
        path = tmp_path / f"{number:02}.yaml"
        path.write_text(CARD.replace("base", f"m{number}") if number % 5 else "a: [", encoding="utf-8")
        paths.append(path)
    paths.append(tmp_path / "gone.yaml")
    seen: list[None] = []
    assert read_files(paths, None, processes=2, each=lambda: seen.append(None)) == read_files(paths, None, processes=1)
    assert len(seen) == len(paths)


def test_an_audience_is_told_what_is_kept_from_it(card: Path) -> None:
    """In text and JSON."""
    card.write_text(CARD + "training: {compute_flop: 1e+20}\n", encoding="utf-8")
    told = json.loads(RUN.invoke(app, [str(card), "--audience", "user", "--json"]).output)
    assert told["audience"] == "user"
    assert told["withheld"] == [{"path": "training.compute_flop", "reason": "for authority", "rough": None}]
    assert "training.compute_flop: for authority" in RUN.invoke(app, [str(card), "--audience", "user"]).output
