"""``make late-commit TIMES=200``: the late commit many times, on a plain retrying loop and on ours; one line of JSON for both."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counting import counting, repeats, running, texts
from late import PlainProducer, committed, event, impatient, late_commit, through

from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import Listener, free_port, search_from
from exchange.runtime import configure_logging
from exchange.testing.broker import embedded_kafka, read_all, read_until, send
from exchange.testing.proxy import KafkaProxy

WAYS = 16
"""So many attacks run at a time, each through a proxy of its own."""
RECORDS = 6
"""Of each attack: three before and during it, the rest after the restart."""


async def attack(kafka: EmbeddedKafka, ways: Sequence[Listener], times: int, producer: Any = impatient) -> dict[str, int]:
    """Attack loops with this producer so many times, each with topics of its own.

    Returns:
        How often outputs were committed without their position (``torn``), and what was lost and repeated after a restart.
    """
    left = iter(range(times))
    found: Counter[str] = Counter(torn=0, lost=0, repeated=0)

    async def one_way(way: Listener) -> None:
        for number in left:
            async with KafkaProxy(way.advertised, way.port) as proxy:
                found.update(await _once(kafka, proxy, producer))
            sys.stderr.write(f"\r{producer.__name__} {number + 1}/{times} ")

    await asyncio.gather(*(one_way(way) for way in ways))
    sys.stderr.write("\n")
    return dict(found)


async def _once(kafka: EmbeddedKafka, proxy: KafkaProxy, producer: Any) -> dict[str, int]:
    made = await counting(kafka.bootstrap)
    worker = asyncio.create_task(late_commit(kafka, proxy, made, through(proxy, made, producer=producer)))
    async with asyncio.timeout(40):
        await proxy.released.wait()
    torn = len(await read_all(kafka.bootstrap, made.output)) != await committed(kafka, made)
    await worker
    own = {} if producer is impatient else {"producer": producer}
    async with running(made.loop(kafka.bootstrap, **own)):
        await send(kafka.bootstrap, made.input, [event(n) for n in range(3, RECORDS)])
        outputs = texts(await read_until(kafka.bootstrap, made.output, RECORDS))
    there = {text.split(":")[0] for text in outputs}
    return {"torn": torn, "lost": RECORDS - len(there), "repeated": len(repeats([text.split(":")[0] for text in outputs]))}


async def both(kafka: EmbeddedKafka, ways: Sequence[Listener], times: int) -> dict[str, Any]:
    """The attack on both loops."""
    began = time.monotonic()
    plain, ours = await attack(kafka, ways, times, PlainProducer), await attack(kafka, ways, times)
    return {"times": times, "plain": plain, "ours": ours, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    """Run it; 0 when ours stayed whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    times = parser.parse_args().times
    configure_logging("text")
    start = search_from(13000, 4000)
    ports: list[int] = []
    while len(ports) < 2 * WAYS:
        ports.append(free_port(start=start, avoid=tuple(ports)))
    ways = tuple(Listener(f"WAY{n}", ports[2 * n], ports[2 * n + 1]) for n in range(WAYS))
    with tempfile.TemporaryDirectory(prefix="late-commit-") as folder, embedded_kafka(Path(folder), listeners=ways) as kafka:
        found = asyncio.run(both(kafka, ways, times))
    print(json.dumps(found))
    return 1 if any(found["ours"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
