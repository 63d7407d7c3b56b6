"""Who is known to have ended, by a process file system made here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exchange.adapters.membership import client_id, has_ended

GROUP = "prod.eu-dossier"


def process(proc: Path, pid: int, started: int, state: str = "S") -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    fields = [state, *("0" for _ in range(18)), str(started), "0"]
    (folder / "stat").write_text(f"{pid} (a (odd) name) {' '.join(fields)}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for name in ("sys/kernel/random", "self/ns"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("4feb1b2e-0dee\n")
    (tmp_path / "self/ns/pid").touch()
    process(tmp_path, os.getpid(), 1000)
    return tmp_path


def test_who_runs_has_not_ended(proc: Path) -> None:
    """Frozen counts as running."""
    mine = client_id(GROUP, proc)
    assert mine.startswith(f"{GROUP}.4feb1b2e-0dee.")
    assert not has_ended(mine, proc)
    process(proc, os.getpid(), 1000, state="T")
    assert not has_ended(mine, proc)


def test_gone_a_zombie_or_another_one_by_now(proc: Path) -> None:
    """All three have ended."""
    mine = client_id(GROUP, proc)
    process(proc, os.getpid(), 1000, state="Z")
    assert has_ended(mine, proc)
    process(proc, os.getpid(), 2000)
    assert has_ended(mine, proc)
    (proc / str(os.getpid()) / "stat").unlink()
    assert has_ended(mine, proc)


def test_nothing_is_assumed_of_others(proc: Path) -> None:
    """Another boot, another name space, another program, another platform."""
    mine = client_id(GROUP, proc)
    _, boot, space, pid, started = mine.rsplit(".", 4)
    (proc / pid / "stat").unlink()
    assert has_ended(mine, proc)
    for other in (
        f"{GROUP}.another-boot.{space}.{pid}.{started}",
        f"{GROUP}.{boot}.77.{pid}.{started}",
        "aiokafka-0.14.0",
        "",
        f"{GROUP}.{boot}.{space}.x.{started}",
    ):
        assert not has_ended(other, proc)
    assert client_id(GROUP, proc / "nowhere") == GROUP
    assert not has_ended(mine, proc / "nowhere")


def test_this_process_by_the_real_one() -> None:
    """Linux or not, who asks has not ended."""
    assert not has_ended(client_id(GROUP))
