"""``exchange check`` and ``exchange import hf`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.cli.check import check, expand, load_profiles
from exchange.cli.import_ import hf
from exchange.core.fields import labels_of
from exchange.errors import ConfigError

SAMPLES = Path(__file__).parents[2] / "data" / "hf"
RUN = CliRunner()


def app(command: object) -> typer.Typer:
    one = typer.Typer()
    one.command()(command)  # type: ignore[type-var]
    return one


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_check_prints_gaps_and_exits_with_1(tmp_path: Path) -> None:
    """Gaps name file and line; the language is the reader's."""
    write(tmp_path, card="release: acme/base@1\nstage: released\n")
    result = RUN.invoke(app(check), [str(tmp_path / "card.yaml"), "--lang", "ja"])
    assert result.exit_code == 1
    assert f"{tmp_path / 'card.yaml'}:1: JG-D6ii-1 未記載" in result.output


def test_check_tells_faults_of_one_file_beside_the_gaps_of_others(tmp_path: Path) -> None:
    """An invalid file does not hide the rest; exit code 2; JSON is an array in the order of the files."""
    write(tmp_path, a="relaese: x\n", b="release: acme/base@1\nstage: research\n")
    (tmp_path / "c.yaml").write_bytes(b"a: 1\nb: \xff\n")
    result = RUN.invoke(app(check), [str(tmp_path), "--json"])
    told = json.loads(result.output)
    assert result.exit_code == 2
    assert [entry["release"] for entry in told] == [None, "acme/base@1", None]
    assert [entry["errors"][0]["line"] if entry["errors"] else 0 for entry in told] == [1, 0, 2]


def test_check_of_a_complete_card_exits_with_0(tmp_path: Path) -> None:
    """A research release owes nothing that must be; one document is one object, not an array."""
    write(tmp_path, card="release: acme/base@1\nstage: research\n")
    result = RUN.invoke(app(check), [str(tmp_path / "card.yaml"), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["profiles"][0]["complete"] is True


def test_check_help_has_examples() -> None:
    """Every command shows how it is used."""
    for command in (check, hf):
        assert "Examples" in RUN.invoke(app(command), ["--help"]).output


def test_profiles_are_found_by_id_or_file(tmp_path: Path) -> None:
    """Tables that are no profile are not offered; an unknown name is an error."""
    labels = labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
    assert [profile.id for profile in load_profiles(None, labels)] == ["jg-1.2"]
    assert {"jg-1.2", "eu-mdf"} < {profile.id for profile in load_profiles(["all"], labels)}
    own = tmp_path / "own.toml"
    own.write_text(load_rule_texts().profiles["jg-1.2"].replace('id = "jg-1.2"', 'id = "own"'), encoding="utf-8")
    assert [profile.id for profile in load_profiles([str(own)], labels)] == ["own"]
    with pytest.raises(ConfigError, match="no rule profile categories"):
        load_profiles(["categories"], {})
    with pytest.raises(ConfigError, match="no documents"):
        expand([tmp_path])


def test_import_prints_cards_and_warns_on_the_side() -> None:
    """Output is YAML that check reads; warnings name the line."""
    result = RUN.invoke(app(hf), [str(SAMPLES / "merge__acree_fusion.md")])
    assert result.exit_code == 0
    assert result.stdout.startswith("---\nrelease: merge/acree_fusion@hf\n")
    assert "merge__acree_fusion.md:2: warning: parents: base_model is empty" in result.stderr


def test_import_of_a_folder_writes_a_file_each_and_goes_on_after_an_error(tmp_path: Path) -> None:
    """One bad README is told, the others become cards; exit code 2."""
    result = RUN.invoke(app(hf), [str(SAMPLES), "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert len(list(tmp_path.glob("*.yaml"))) == len(list(SAMPLES.glob("*.md"))) - 1
    assert "invalid_card_data.md:2: front matter" in result.stderr


def test_a_manifest_beside_the_files_names_them(tmp_path: Path) -> None:
    """The note's id wins over the file name, and --release over both."""
    (tmp_path / "MANIFEST.tsv").write_text("file\tnote\ncards/x.md\tparent_id=Intel/M-1\n", encoding="utf-8")
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "x.md").write_text("# X\n", encoding="utf-8")
    assert "release: intel/m-1@hf" in RUN.invoke(app(hf), [str(folder)]).stdout
    assert "release: a/b@hf" in RUN.invoke(app(hf), [str(folder / "x.md"), "--release", "a/b"]).stdout
