"""The fault programme in short: on one node, on three, on a small disk, and between two releases."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from exchange.core.processors import NAMES
from exchange.testing.faults.disk import why_no_disk
from exchange.testing.faults.plan import Fault
from exchange.testing.faults.releases import HERE
from exchange.testing.faults.run import run

PLAN = [
    *(Fault("kill", (name,), before=0.5, after=0.5) for name in NAMES),
    Fault("kill_at", ("dossier",), point="outputs.after", passages=1, after=0.5, alone=True),
    Fault("freeze", ("dossier",), before=0.2, seconds=7.5, after=0.5, alone=True),
    Fault("half_open", before=0.5, seconds=2.0),
    Fault("broker_kill", seconds=0.5),
]


@pytest.mark.timeout(300)
async def test_seven_faults_and_nothing_lost_repeated_reordered_or_leaked(tmp_path: Path) -> None:
    said: list[str] = []
    outcome = await run(tmp_path, PLAN, seed=5, events=300, rate=20, say=said.append)
    assert outcome.verdict.clean, (outcome.verdict, said)
    assert outcome.faults == Counter(fault.kind for fault in PLAN)
    assert outcome.notices > 500
    assert (len(outcome.catch_up_s), len(outcome.resume_s), len(outcome.kill_resume_s)) == (1, 2, 1)
    assert outcome.died_at == {"outputs.after": 1}
    for name in NAMES:
        assert sum(line.startswith(f"{name} ended (exit -9)") for line in said) == 1 + (name == "dossier")


@pytest.mark.timeout(300)
async def test_three_nodes_lose_leader_controller_and_all_at_once(tmp_path: Path) -> None:
    plan = [
        Fault("leader_kill", node=1, seconds=0.5),
        Fault("controller_kill", seconds=0.5),
        Fault("late_commit", after=0.2),
        Fault("brokers_kill", seconds=0.5, alone=True),
    ]
    said: list[str] = []
    outcome = await run(tmp_path, plan, seed=6, events=120, rate=10, say=said.append, nodes=3)
    assert outcome.verdict.clean, (outcome.verdict, said)
    assert outcome.faults == Counter(fault.kind for fault in plan)
    assert outcome.late_commits.total() > outcome.late_commits[0] == 0
    assert outcome.notices > 100


@pytest.mark.timeout(180)
@pytest.mark.skipif(why_no_disk() is not None, reason=why_no_disk() or "")
async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    outcome = await run(tmp_path, [Fault("disk_full", seconds=1.0, alone=True)], seed=8, events=150, rate=30, say=said.append)
    assert outcome.verdict.clean, (outcome.verdict, said)
    assert outcome.full.total() == 1
    assert (tmp_path / "kafka" / "1" / "data" / "meta.properties").exists(), "the evidence stays"


def tagged(repository: Path, line: str) -> Path:
    """A repository whose last tag is this tree with one line more in a processor's module."""
    folders = ("src", "streams", "schemas")
    listed = subprocess.run(["git", "-C", str(HERE), "ls-files", *folders], capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name, repository / name)
    marked = repository / "streams" / "dossier.py"
    marked.write_text(marked.read_text().replace("def build", f"{line}\n\n\ndef build"))
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@t"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "old"], ["tag", "v0"]):
        subprocess.run([*git, *command], check=True)
    return repository


@pytest.mark.timeout(180)
async def test_workers_go_back_to_the_last_release_and_forth(tmp_path: Path) -> None:
    repository = tagged(tmp_path / "repository", "print('the old release', flush=True)")
    home = tmp_path / "home"
    said: list[str] = []
    plan = [Fault("upgrade", NAMES, seconds=1.0)]
    outcome = await run(home, plan, seed=9, events=200, rate=10, say=said.append, repository=repository)
    assert outcome.verdict.clean, (outcome.verdict, said)
    assert (home / "logs" / "dossier.log").read_text().count("the old release") == 1
    for name in NAMES:
        assert sum(line.startswith(f"{name} started") for line in said) == 3
