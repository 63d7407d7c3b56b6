"""The wheel, built from the repository and installed outside of it, is a whole exchange: schemas, rules, processors, examples."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.adapters.broker_config import free_port
from exchange.core.compiled import IN_C

ROOT = Path(__file__).resolve().parents[2]
HERE = """
import exchange, streams, sys, json
from exchange.adapters.resources import bundled, load_rule_texts, load_schema_texts
print(json.dumps({
    "exchange": exchange.__file__,
    "streams": list(streams.__path__)[0],
    "schemas": len(load_schema_texts()),
    "rules": [sorted(names) for names in load_rule_texts()],
    "examples": sum(1 for entry in bundled("examples").iterdir()),
    "path": sys.path,
}))
"""


def build(folder: Path, **environment: str) -> Path:
    """Without network: the build backend is among the development dependencies."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As this machine builds it: with readers and writers in C, if it can."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv that holds the wheel, and of this one sees the dependencies alone.

    A ``.pth`` line adds the other folder to ``sys.path`` without working off the ``.pth`` files in it, so that the editable
    installation of the checkout stays out.
    """
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    ours = [entry for entry in sys.path if entry.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(ours) + "\n")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Nothing of the checkout or of this run: a home and a port of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXCHANGE_", "PYTHON", "VIRTUAL_ENV"))}
    yield {**kept, "EXCHANGE_HOME": str(tmp_path / "home"), "EXCHANGE_PORT": str(free_port())}


def run(installed: Path, environment: dict[str, str], folder: Path, *words: str, timeout: float = 120) -> str:
    """A command of the new venv, from a folder that is not the checkout."""
    command = [str(installed / "bin" / words[0]), *words[1:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    """Every schema, rule table, processor and example of the checkout; no test, no cache."""
    names = set(zipfile.ZipFile(wheel).namelist())

    def there(pattern: str, prefix: str, base: Path = ROOT) -> set[str]:
        return {f"{prefix}{path.relative_to(base)}" for path in base.glob(pattern) if path.is_file()}

    wanted = there("schemas/**/*.avsc", "exchange/_bundled/") | there("examples/**/*.*", "exchange/_bundled/")
    wanted |= (
        there("streams/*.py", "") | there("exchange/**/*.py", "", ROOT / "src") | there("exchange/**/*.toml", "", ROOT / "src")
    )
    assert len(wanted) > 150
    assert wanted - names == set()
    assert not [name for name in names if "__pycache__" in name or "test_" in name.rpartition("/")[2]]
    assert len([name for name in names if name.startswith("exchange/core/_avro.") and name.endswith((".so", ".pyd"))]) == IN_C
    assert wheel.name.endswith("-py3-none-any.whl") != IN_C


def test_a_wheel_of_python_alone_is_for_every_machine(tmp_path: Path) -> None:
    """As asked for, and as where there is no compiler, which is told and fails nothing."""
    for name, environment in (("asked", {"EXCHANGE_PURE": "1"}), ("none", {"CC": "no-such-compiler"})):
        (tmp_path / name).mkdir()
        built = build(tmp_path / name, **environment)
        assert built.name.endswith("-py3-none-any.whl")
        assert not [entry for entry in zipfile.ZipFile(built).namelist() if entry.endswith((".so", ".pyd"))]


def test_it_runs_outside_of_the_checkout(installed: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Start, look, publish an example, read it, stop: with the installed files alone."""
    found = json.loads(run(installed, environment, tmp_path, "python", "-c", HERE))
    assert Path(found["exchange"]).is_relative_to(installed)
    assert Path(found["streams"]).is_relative_to(installed)
    assert not [entry for entry in found["path"] if entry in (str(ROOT), str(ROOT / "src"))]
    assert found["schemas"] > 70
    assert found["examples"] >= 1
    assert "propagation" in found["rules"][0]
    (tmp_path / "party.yaml").write_text("type: Party\nparty: acme\ndisplay_name: Acme\nroles: [developer]\n")
    (tmp_path / "card.yaml").write_text("type: ModelCard\nrelease: acme/model@1\nstage: released\n")
    run(installed, environment, tmp_path, "exchange", "up", "--detach")
    try:
        status = json.loads(run(installed, environment, tmp_path, "exchange", "status", "--json"))
        assert all(worker["alive"] for worker in status["workers"].values())
        words = ("exchange", "publish", "party.yaml", "card.yaml", "--party", "acme", "--json")
        answers = json.loads(run(installed, environment, tmp_path, *words))
        assert [answer["status"] for answer in answers] == ["accepted", "accepted"]
        assert answers[1]["result"]["view"]["release"] == "acme/model@1"
        shown = json.loads(run(installed, environment, tmp_path, "exchange", "notices", "--party", "acme", "--json"))
        assert [notice["n"] for notice in shown] == [1]
    finally:
        run(installed, environment, tmp_path, "exchange", "down")


def test_its_demo_tells_everybody_once(installed: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """`exchange demo` from the installed examples: nothing lost, nobody told twice, by both oracles."""
    found = json.loads(run(installed, environment, tmp_path, "exchange", "demo", "--json"))
    assert (found["lost"], found["duplicates"]) == (0, 0)
    assert found["releases"]
    assert found["events"]
    assert {"party", "release", "seq", "cause", "path"} <= set(found["notices"][0])
    assert found["seconds"] < 100
