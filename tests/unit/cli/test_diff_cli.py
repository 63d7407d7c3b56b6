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
BOM = Path(__file__).parents[2] / "data" / "cyclonedx" / "aibom-squad__AI-app-with-ml-model_1.0.json"
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


def test_versions_of_a_bom_are_compared_model_by_model(tmp_path: Path) -> None:
    """Paired by release or line; a model that went is told; a notice only for the pair that calls for one."""
    bom = json.loads(BOM.read_text("utf-8"))
    llama, gpt = [component for component in bom["components"] if component["type"] == "machine-learning-model"]
    llama["version"] = "2"
    llama["modelCard"]["modelParameters"]["modelArchitecture"] = "Another"
    llama["modelCard"]["considerations"] = {"performanceTradeoffs": ["Slow on long texts."]}
    new = tmp_path / "bom-1.1.json"
    new.write_text(json.dumps(bom), encoding="utf-8")
    told = RUN.invoke(app, [str(BOM), str(new), "--lang", "en"]).output
    assert "openlm-research/open_llama_3b_v2@bce5d60 → openlm-research/open_llama_3b_v2@2\n" in told
    assert "changed Make-up › Architecture: LlamaForCausalLM → Another" in told
    assert "Performance variation: Slow on long texts." in told
    assert "JG-D7i-1 now told: missing → provided" in told
    assert "calls for a change notice of kind configuration" in told
    assert told.index("open_llama_3b_v2@2") < told.index("openai-community/gpt2@607a30d → ") < told.index("no change of meaning")
    [notice] = parse_documents(RUN.invoke(app, [str(BOM), str(new), "--notice"]).output, "notice.yaml")
    assert (notice.record["release"], notice.record["kind"]) == ("openlm-research/open_llama_3b_v2@2", "configuration")

    bom["components"].remove(gpt)
    new.write_text(json.dumps(bom), encoding="utf-8")
    told = RUN.invoke(app, [str(BOM), str(new), "--lang", "en"]).output
    assert told.endswith("openai-community/gpt2@607a30d: removed\n")
    found = json.loads(RUN.invoke(app, [str(BOM), str(new), "--json"]).output)
    assert (found["removed"], found["added"]) == (["openai-community/gpt2@607a30d"], [])
    assert {change["path"] for change in found["cards"][0]["changes"]} >= {"makeup.architecture", "risks.performance_variation"}
    assert [(row["id"], row["effect"]) for row in found["cards"][0]["completeness"]] == [("JG-D7i-1", "better")]
    assert RUN.invoke(app, [str(BOM), str(BOM), "--notice"]).output == "# no change notice is called for\n"


def test_where_nothing_calls_for_a_notice_none_is_drafted(tmp_path: Path) -> None:
    """Two cards alone are no exception: what `exchange diff` says is what --notice does."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("release: beta/tuned@1\nstage: released\n", encoding="utf-8")
    new.write_text("release: beta/tuned@1\nstage: released\ncontact: desk@beta.example\n", encoding="utf-8")
    for other in (old, new):
        assert "calls for no change notice" in RUN.invoke(app, [str(old), str(other), "--lang", "en"]).output
        assert RUN.invoke(app, [str(old), str(other), "--notice"]).output == "# no change notice is called for\n"


def test_what_is_no_card_is_said(pair: tuple[str, str], tmp_path: Path) -> None:
    """Invalid files and files without a card."""
    other = tmp_path / "x.yaml"
    other.write_text("type: Subscription\ntarget: acme/base\n", encoding="utf-8")
    assert isinstance(RUN.invoke(app, [pair[0], str(other)]).exception, ParseError)
    other.write_text("relaese: x\n", encoding="utf-8")
    assert isinstance(RUN.invoke(app, [pair[0], str(other)]).exception, ValidationError)
