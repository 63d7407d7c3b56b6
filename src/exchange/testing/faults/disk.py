"""A small disk for a node's data: full when it is told to be, with room again when it is told so.

It is a tmpfs of its own, so nothing else on the machine runs out of room. Making one needs Linux and root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.errors import PlumbingError

ROOMY_MB = 8192
"""The most it may hold; memory is taken only for what it holds."""
PAGE = 4096
TRIES, PAUSE_S = 20, 0.05


def why_no_disk() -> str | None:
    """Why no disk can be made here; ``None``: it can."""
    if sys.platform != "linux":
        return "a disk of its own needs Linux"
    if os.geteuid() != 0:
        return "mounting a disk of its own needs root"
    if shutil.which("mount") is None or shutil.which("umount") is None:
        return "mount is not installed"
    return None


class Disk:
    """A mounted disk; made by :func:`small_disk`.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self) -> None:
        """No room from now on.

        Raises:
            PlumbingError: it could not be made full.
        """
        for _ in range(TRIES):  # somebody may be writing at this moment
            used = shutil.disk_usage(self._folder).used
            if _mount("-o", f"remount,size={used + PAGE}", str(self._folder)):
                return
            time.sleep(PAUSE_S)
        raise PlumbingError(f"the disk at {self._folder} could not be made full")

    def empty(self) -> None:
        """Room again."""
        _mount("-o", f"remount,size={ROOMY_MB}m", str(self._folder))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mount a disk for as long as the block lasts; what is on it then stays in the folder.

    Args:
        folder: an empty folder, or one that is not there yet.

    Raises:
        PlumbingError: it could not be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not _mount("-t", "tmpfs", "-o", f"size={ROOMY_MB}m", "tmpfs", str(folder)):
        raise PlumbingError(f"no disk could be mounted at {folder}", hint=why_no_disk() or "leave disk_full out with --kinds")
    try:
        yield Disk(folder)
    finally:
        kept = folder.with_name(f"{folder.name}.kept")
        subprocess.run(["cp", "-a", "--sparse=always", str(folder), str(kept)], check=False)  # noqa: S603, S607
        subprocess.run(["umount", str(folder)], check=False)  # noqa: S603, S607
        folder.rmdir()
        kept.rename(folder)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0  # noqa: S603, S607
