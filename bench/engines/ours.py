"""(a) The exchange's own workers, as `exchange worker` runs them; for the stub, the same loop alone."""

from __future__ import annotations

import asyncio
import contextlib
import runpy
import signal
import sys

from bench.engines.common import arguments, processor_of
from exchange.adapters.loop import Loop


async def run_stub() -> None:
    """The batch loop over the stub."""
    given = arguments()
    loop = Loop(processor_of(given), {"bootstrap_servers": given.bootstrap}, given.deployment, "g1")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(loop.stop()))
    await loop.run()


if __name__ == "__main__":
    given = arguments()
    if given.processor == "stub":
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(run_stub())
    else:
        sys.argv = [f"streams.{given.processor}"]
        runpy.run_module(f"streams.{given.processor}", run_name="__main__")
