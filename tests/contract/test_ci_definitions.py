"""The pre-commit hook and the GitHub Action: parsed, and the commands they name are run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
[HOOK] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
CARD = "release: acme/base@1\nstage: {}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with one card that has gaps and one that has none."""
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "open.yaml").write_text(CARD.format("released"), encoding="utf-8")
    (tmp_path / "cards" / "done.yaml").write_text(CARD.format("research"), encoding="utf-8")
    return tmp_path


def environment(place: Path, **more: str) -> dict[str, str]:
    """What a runner gives: our command on the path, its own files."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    files = {name: str(place / name.casefold()) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return {**os.environ, "PATH": path, "RUNNER_TEMP": str(place), **files, **more}


def test_the_hook_runs_the_command_it_names(place: Path) -> None:
    """As pre-commit does: entry and file names; it is told apart which files are cards."""
    assert {"id", "name", "entry", "language", "files"} <= HOOK.keys()
    assert HOOK["require_serial"] is True
    for name, wanted in {"cards/a.yaml": True, "x/model_card.md": True, "a.card.yml": True, "README.md": False}.items():
        assert bool(re.search(HOOK["files"], name)) is wanted
    for name, code in {"open": 1, "done": 0}.items():
        run = subprocess.run([*shlex.split(HOOK["entry"]), f"cards/{name}.yaml"], cwd=place, env=environment(place), check=False)
        assert run.returncode == code


def act(place: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the action's check step with its inputs' defaults."""
    given = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()} | inputs
    step = next(step for step in ACTION["runs"]["steps"] if step["id"] == "check")
    variables = {name: given[re.fullmatch(r"\$\{\{ inputs\.(\S+) \}\}", text)[1]] for name, text in step["env"].items()}  # type: ignore[index]
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=place,
        env=environment(place, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_is_a_composite_one_with_described_inputs() -> None:
    """Every input is used, every output comes from the check step, and no input stands inside a script."""
    assert ACTION["runs"]["using"] == "composite"
    text = (ROOT / "action.yml").read_text("utf-8")
    for name, entry in ACTION["inputs"].items():
        assert entry["description"]
        assert f"inputs.{name} }}}}" in text
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
    for name, entry in ACTION["outputs"].items():
        assert entry["value"] == f"${{{{ steps.check.outputs.{name} }}}}"


def test_the_action_annotates_sums_up_and_leaves_sarif(place: Path) -> None:
    """Annotations on standard output, a summary, a SARIF file; it fails on gaps."""
    run = act(place, files="cards", lang="ja")
    assert run.returncode == 1, run.stderr
    assert re.search(r"^::error file=cards/open.yaml,line=1,title=JG-D6ii-1 未記載", run.stdout, re.MULTILINE)
    assert "記載事項の確認結果" in (place / "github_step_summary").read_text("utf-8")
    outputs = dict(line.split("=", 1) for line in (place / "github_output").read_text("utf-8").splitlines())
    assert outputs["exit-code"] == "1"
    assert json.loads(Path(outputs["sarif"]).read_text("utf-8"))["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"files": "cards/done.yaml"}, 0),
        ({"files": "cards/open.yaml\ncards/done.yaml\n", "fail-on": "invalid"}, 0),
        ({"files": "cards", "fail-on": "never", "audience": "user", "profile": "jg-1.2"}, 0),
        ({"files": "gone.yaml", "fail-on": "invalid"}, 2),
        ({"files": "cards; echo harm"}, 2),
        ({"files": "cards", "baseline": "gone.json", "fail-on": "never"}, 3),
    ],
)
def test_the_action_fails_when_it_is_told_to(place: Path, inputs: dict[str, str], code: int) -> None:
    """Plumbing always fails; inputs are never run."""
    run = act(place, **inputs)
    assert run.returncode == code, run.stderr
    assert "\nharm" not in run.stdout
