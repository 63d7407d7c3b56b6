"""The last release's source tree, for upgrades and their way back."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from exchange.errors import PlumbingError

HERE = Path(__file__).resolve().parents[4]
"""The repository this is run from."""


def last_tag(repository: Path = HERE) -> str | None:
    """The newest tag behind what is checked out; ``None`` where there is none, or no repository."""
    if shutil.which("git") is None:
        return None
    answer = _git(repository, "describe", "--tags", "--abbrev=0")
    return answer.stdout.decode().strip() if answer.returncode == 0 else None


def why_no_release(repository: Path = HERE) -> str | None:
    """Why there is nothing to upgrade from; ``None``: there is."""
    if shutil.which("git") is None:
        return "git is not installed"
    return None if last_tag(repository) else f"{repository} has no tag to upgrade from"


def unpack_release(into: Path, repository: Path = HERE) -> Path:
    """The last tag's tree; its workers run from it, with the packages of this installation.

    Args:
        into: a folder that is not there yet.
        repository: where the tag is.

    Raises:
        PlumbingError: there is no tag.
    """
    tag = last_tag(repository)
    if tag is None:
        raise PlumbingError(why_no_release(repository) or "no release", hint="leave upgrade out with --kinds")
    answer = _git(repository, "archive", "--format=tar", tag)
    if answer.returncode != 0:
        raise PlumbingError(f"{tag} could not be unpacked")
    with tarfile.open(fileobj=BytesIO(answer.stdout)) as archive:
        archive.extractall(into, filter="data")
    return into


def semantics_of(tree: Path) -> str:
    """The newest version of the steps' meaning that the workers of a release's tree know.

    Args:
        tree: as :func:`unpack_release` made it.

    Raises:
        PlumbingError: it does not say.
    """
    found = re.search(r'^SEMANTICS = "(\w+)"$', (tree / "src/exchange/core/rules.py").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise PlumbingError(f"{tree} does not say which semantics its steps have")
    return found[1]


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False)  # noqa: S603, S607
