"""The fault programme's command: what is documented, what it leaves out with the reason, and the last release for upgrades."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from exchange.errors import PlumbingError
from exchange.testing.faults import __main__ as programme
from exchange.testing.faults.plan import CLUSTER_FAULTS, KINDS
from exchange.testing.faults.releases import HERE, last_tag, unpack_release, why_no_release

DOCUMENT = (HERE / "docs" / "faults.md").read_text("utf-8")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("old")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_last_tag_is_unpacked_and_not_what_came_later(repository: Path, tmp_path: Path) -> None:
    git(repository, "tag", "v1")
    (repository / "a.txt").write_text("new")
    git(repository, "commit", "-qam", "second")
    assert (last_tag(repository), why_no_release(repository)) == ("v1", None)
    assert (unpack_release(tmp_path / "old", repository) / "a.txt").read_text() == "old"


def test_without_a_tag_the_reason_is_told(repository: Path, tmp_path: Path) -> None:
    assert "has no tag" in (why_no_release(repository) or "")
    assert "has no tag" in (why_no_release(tmp_path) or "")  # no repository at all
    with pytest.raises(PlumbingError, match="no tag"):
        unpack_release(tmp_path / "old", repository)


def test_what_cannot_happen_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programme, "why_no_disk", lambda: "no disk")
    monkeypatch.setattr(programme, "why_no_release", lambda: None)
    kinds, skipped = programme.possible(KINDS, nodes=1)
    assert set(skipped) == {"disk_full", *CLUSTER_FAULTS}
    assert skipped["disk_full"] == "no disk"
    assert set(kinds) == set(KINDS) - set(skipped)
    kinds, skipped = programme.possible(["kill", "leader_kill"], nodes=3)
    assert (kinds, skipped) == (["kill", "leader_kill"], {})


COMMANDS = re.findall(r"^(make faults.*?|\.venv/bin/python -m exchange\.testing\.faults.*?)(?: +#.*)?$", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_documented_command_is_understood(command: str) -> None:
    made = command
    if command.startswith("make"):
        # Run by `make test` itself, make would add lines of its own and take its caller's flags.
        alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        arguments = [*shlex.split(command), "--dry-run", "--no-print-directory", "--old-file=.venv/.installed"]
        ran = subprocess.run(arguments, cwd=HERE, env=alone, capture_output=True, text=True, check=True)
        made = ran.stdout.replace("\\\n", " ")
    options = programme._parser().parse_args(shlex.split(made)[3:])
    given = dict(re.findall(r"(NODES|FAULTS|SEED|EVENTS|KINDS|OUT)=(\S+)", command))
    assert {name: str(getattr(options, name.lower())) for name in given} == given


def test_the_document_has_commands_and_names_every_kind() -> None:
    assert len(COMMANDS) == 4
    assert [kind for kind in KINDS if f"`{kind}`" not in DOCUMENT] == []
