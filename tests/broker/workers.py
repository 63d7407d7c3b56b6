"""Worker processes for the fault tests: started, paused, killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from counting import Counting

from exchange.adapters.broker import EmbeddedKafka
from exchange.testing.broker import unique


class Process:
    """A script of this folder, run as a process with its output in a file."""

    def __init__(self, script: str, folder: Path, *arguments: str) -> None:
        self._command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
        self._log = folder / f"{unique('process')}.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as sink:
            self.process = subprocess.Popen(self._command, stdout=sink, stderr=sink)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def log(self) -> str:
        return self._log.read_text()

    async def says(self, text: str, times: int = 1, timeout: float = 40.0) -> None:
        deadline = time.monotonic() + timeout
        while self.log().count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} not said:\n{self.log()[-3000:]}"
            assert self.process.poll() is None, self.log()[-3000:]
            await asyncio.sleep(0.05)

    async def stopped(self, timeout: float = 10.0) -> int:
        return await asyncio.to_thread(self.process.wait, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()


class Worker(Process):
    """One worker process of a test's processor; ``records`` bounds its transactions."""

    def __init__(self, kafka: EmbeddedKafka, made: Counting, folder: Path, records: int = 50) -> None:
        super().__init__("worker.py", folder, kafka.bootstrap, made.name, str(made.lanes), str(records), str(folder))
