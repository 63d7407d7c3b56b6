"""``exchange diff`` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from exchange.cli.diff import diff
from exchange.core.documents import parse_documents
from exchange.errors import ParseError, ValidationError

RUN = CliRunner()
README = "---\nlicense: mit\nbase_model: acme/base\n---\n# Tuned\n\nA model.\n"

app = typer.Typer()
app.command()(diff)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Our card before, a README after."""
    old, new = tmp_path / "old.yaml", tmp_path / "beta__tuned.md"
    old.write_text("release: beta/tuned@hf\nstage: released\nlicence: mit\n", encoding="utf-8")
    new.write_text(README, encoding="utf-8")
    return str(old), str(new)


def test_either_form_of_card_is_compared(pair: tuple[str, str]) -> None:
    """Text in the reader's language; exit code 0, changed or not."""
    result = RUN.invoke(app, [*pair, "--lang", "ja"])
    assert result.exit_code == 0
    assert "追加 親 [acme/base]" in result.output
    assert "変更通知が必要です(種類: fine-tune" in result.output


def test_json_and_notice_are_for_programs(pair: tuple[str, str], tmp_path: Path) -> None:
    """The notice can be checked and published as it is."""
    assert json.loads(RUN.invoke(app, [*pair, "--json"]).output)["notice"]["kind"] == "fine_tune"
    [notice] = parse_documents(RUN.invoke(app, [*pair, "--notice"]).output, "notice.yaml")
    assert (notice.type, notice.record["parent"]) == ("ChangeNotice", "acme/base")
    parent = tmp_path / "parent.yaml"
    parent.write_text("release: acme/base@1\nstage: released\ngovernance: {records: kept}\n", encoding="utf-8")
    told = json.loads(RUN.invoke(app, [*pair, "--json", "--beside", str(parent)]).output)
    assert ("JG-D6i", "inherited") in {(row["id"], row["new"]) for row in told["completeness"]}


def test_what_is_no_card_is_said(pair: tuple[str, str], tmp_path: Path) -> None:
    """Invalid files and files without a card."""
    other = tmp_path / "x.yaml"
    other.write_text("type: Subscription\ntarget: acme/base\n", encoding="utf-8")
    assert isinstance(RUN.invoke(app, [pair[0], str(other)]).exception, ParseError)
    other.write_text("relaese: x\n", encoding="utf-8")
    assert isinstance(RUN.invoke(app, [pair[0], str(other)]).exception, ValidationError)
