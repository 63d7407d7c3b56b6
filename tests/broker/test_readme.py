"""The README's programs, run as they stand there against a real exchange."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from exchange.adapters.broker_config import free_port
from exchange.core.processors import NAMES
from exchange.local import LocalExchange
from exchange.settings import Settings

ROOT = Path(__file__).parents[2]
PROGRAMS = dict(
    re.findall(r"```python\n# (\w+\.py)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL),
)
TIMEOUT_S = 60.0


@pytest_asyncio.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalExchange]:
    """A broker and the three processors."""
    async with LocalExchange(Settings(home=tmp_path, port=free_port()), workers=NAMES) as running:
        yield running


async def start(name: str, settings: Settings) -> asyncio.subprocess.Process:
    """One of the README's programs in a process of its own."""
    environment = {
        **os.environ,
        "EXCHANGE_HOME": str(settings.home),
        "EXCHANGE_BOOTSTRAP_SERVERS": settings.bootstrap_servers or "",
        "PYTHONIOENCODING": "utf-8",
    }
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAMS[name], stdout=pipe, env=environment)


async def line_with(process: asyncio.subprocess.Process, text: str) -> str:
    """The next line that holds a text."""
    assert process.stdout
    async with asyncio.timeout(TIMEOUT_S):
        while line := (await process.stdout.readline()).decode():
            if text in line:
                return line.rstrip("\n")
    raise AssertionError(f"ended without {text!r}")


async def output(name: str, settings: Settings) -> str:
    """What a program prints until it ends."""
    process = await start(name, settings)
    async with asyncio.timeout(TIMEOUT_S):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_the_programs_of_the_readme_do_what_it_says(local: LocalExchange) -> None:
    """A subscriber hears of a line from the first card on; the publisher has its gaps; a script reads the same afterwards."""
    subscriber = await start("subscriber.py", local.settings)
    try:
        assert await line_with(subscriber, "acme/base 1 ") == "acme/base 1 result "
        printed = await output("publisher.py", local.settings)
        assert printed.startswith("jg-1.2 still owed: JG-")
        assert await line_with(subscriber, "profile_change") == "acme/base 3 profile_change acme/base@1.0"
        assert (await line_with(subscriber, "R11")).split() == ["R11", "unknown", "→", "moderate", "nothing"]
    finally:
        subscriber.terminate()
        await subscriber.wait()
    script = (await output("script.py", local.settings)).splitlines()
    assert script[-2:] == ["acme/base@1.0 ['R11 moderate']", "{'R11': 'moderate'}"]


def test_the_programs_are_short() -> None:
    """Twenty lines, blank ones not counted."""
    assert set(PROGRAMS) == {"publisher.py", "subscriber.py", "script.py"}
    assert max(len([line for line in text.splitlines() if line.strip()]) for text in PROGRAMS.values()) <= 20
