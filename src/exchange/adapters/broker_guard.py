"""A small process between the exchange and its embedded broker, so that no broker outlives the exchange.

Run as ``python -I -S broker_guard.py PIDFILE COMMAND…`` with a pipe as standard input. It starts the command and waits. When
the pipe ends (the parent is gone, even by kill -9) or SIGTERM comes, it ends the command. When it is itself killed, the kernel
ends the command (Linux). A pipe is used towards the parent because PR_SET_PDEATHSIG fires when the *thread* that forked ends;
towards the command the guard's only long-lived thread is its main thread, so there it is safe.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

GRACE_S = 10.0
PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


def main(pidfile: str, lock_fd: int, command: list[str]) -> int:
    """Run the command until it ends or the parent is gone; return its exit code."""
    child = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=(lock_fd,),
        preexec_fn=_die_with_parent,  # noqa: PLW1509  (no threads yet)
    )
    os.close(lock_fd)
    Path(pidfile).write_text(f"{child.pid}\n")
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end, args=(child,), daemon=True).start())

    def watch() -> None:
        while os.read(0, 1):
            pass
        _end(child)

    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
