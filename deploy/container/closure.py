"""Prints the part of requirements.txt that a wheel needs: ``closure.py requirements.txt WHEEL [EXTRA...]``.

requirements.txt pins the closure of everything, tools of development too. What of it is needed to run is said by the packages
themselves; so each one's metadata is fetched by its hash, without installing it, and followed.
"""

from __future__ import annotations

import email.parser
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def blocks(text: str) -> dict[str, str]:
    """Each pinned package with its hashes, by name."""
    found = [block for block in re.split(r"(?m)^(?=\S)", text) if block]
    return {canonicalize_name(re.split(r"[=\[ ]", block, maxsplit=1)[0]): block for block in found}


def needs(wheel: Path, extras: Iterable[str]) -> Iterator[Requirement]:
    """What a wheel's metadata asks for, here, with these extras."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        said = email.parser.Parser().parsestr(archive.read(name).decode())
    for text in said.get_all("Requires-Dist") or ():
        requirement = Requirement(text)
        wanted = requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if wanted:
            yield requirement


def closure(pinned: dict[str, str], wheel: Path, extras: Iterable[str], folder: Path) -> set[str]:
    """Names of all that a wheel needs, directly or not; wheels are fetched into a folder."""
    _fetch("".join(pinned.values()), folder)
    wheels = {canonicalize_name(path.name.partition("-")[0]): path for path in folder.glob("*.whl")}
    found: dict[str, set[str]] = {}
    todo = [(requirement.name, requirement.extras) for requirement in needs(wheel, extras)]
    while todo:
        name, wanted = canonicalize_name(todo[-1][0]), todo.pop()[1]
        if wanted <= found.get(name, set()) and name in found:
            continue
        found[name] = found.get(name, set()) | wanted
        todo += [(each.name, each.extras) for each in needs(wheels[name], found[name])]
    return set(found)


def _fetch(requirements: str, folder: Path) -> None:
    listed = folder / "requirements.txt"
    listed.write_text(requirements, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "-w", str(folder), "-r", str(listed)], check=True)


def main() -> None:
    """Print it."""
    requirements, wheel, *extras = sys.argv[1:]
    pinned = blocks(Path(requirements).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        wanted = closure(pinned, Path(wheel), extras, Path(folder))
    missing = wanted - set(pinned)
    if missing:
        sys.exit(f"not pinned: {', '.join(sorted(missing))}")
    print("".join(pinned[name] for name in sorted(wanted)), end="")


if __name__ == "__main__":
    main()
