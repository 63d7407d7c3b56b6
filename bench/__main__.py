"""Ours beside what people would pick instead, in one run on one broker: ``python -m bench``, or ``make bench``.

    python -m bench --quick                     five minutes: fewer events, one round
    python -m bench --only throughput,latency   some cases
    python -m bench --page                      draw docs/bench.md from the results that lie there

Results go to bench/results.json (quick ones to bench/quick.json): plain numbers with the machine they were measured on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench import cases, core_cases, engine_case, graph_cases, targets, topic_case
from bench.page import write_page
from exchange.adapters.broker_jars import KAFKA_VERSION
from exchange.core.compiled import IN_C
from exchange.runtime import collect_garbage_seldom
from exchange.testing.broker import TEST_HEAP_MB, embedded_kafka

HERE = Path(__file__).parent
FLOW = ("ours", "faust", "quix", "quix-exactly-once", "bare", "confluent-transactional")
STUB = ("ours", "bare", "confluent-transactional", "streams-exactly-once", "streams-at-least-once", "quix", "faust")
SLOW_STUB = ("faust",)
QUICK_FLOW = ("ours", "faust", "quix", "bare")
QUICK_STUB = ("ours", "bare", "streams-exactly-once", "faust")
CASES = ("growth", "store", "floor", "engine", "throughput", "latency", "start_up", "rebuild", "parties", "topics", "children")
HEAP_MB = {"parties": 1024}
"""Java heap of the broker where a case needs more than a small one: ten thousand topics do (case ``topics``)."""


def say(text: str) -> None:
    """Progress, on standard error."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What it was measured on."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(), "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(), "records_in": "C" if IN_C else "Python", "kafka": KAFKA_VERSION,
        "commit": _commit(), "load_before": os.getloadavg()[0],
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }  # fmt: skip


def _commit() -> str:
    """The last commit of what is measured."""
    git = ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"]
    return subprocess.run(git, check=False, capture_output=True, text=True).stdout.strip()


class Run:
    """One run: a broker, the cases, and what they found."""

    def __init__(self, bootstrap: str, logs: Path, found: dict[str, Any], *, quick: bool, rounds: int) -> None:
        self._bootstrap, self._logs, self._found, self._quick = bootstrap, logs, found, quick
        self.rounds = 1 if quick else rounds

    def _case(self, what: str, run: Any) -> Any:
        return asyncio.run(cases.main_case(say, what, run))

    def growth(self) -> None:
        """Cost of the steps alone."""
        say("growth …")
        self._found["growth"] = core_cases.growth(400 if self._quick else 3200)

    def store(self) -> None:
        """State in memory and on disk."""
        say("store …")
        self._found["store"] = core_cases.store(200 if self._quick else 2000, 20 if self._quick else 1500, self._logs / "state")

    def floor(self) -> None:
        """The broker's own tool."""
        if (why := engine_case.why_no_java()) is not None:
            self._found["floor"] = {"skipped": why}
            return
        self._found["floor"] = self._case("floor", engine_case.floor(self._bootstrap, 100_000 if self._quick else 500_000))

    def engine(self) -> None:
        """The stub under every engine, in turns."""
        names = QUICK_STUB if self._quick else STUB
        results: dict[str, list[Any]] = {name: [] for name in names}
        for round_ in range(self.rounds):
            for name in names:
                if name in engine_case.STREAMS and (why := engine_case.why_no_java()) is not None:
                    results[name].append({"failed": why})
                    continue
                events = (20_000 if self._quick else 100_000) // (10 if name in SLOW_STUB else 1)
                unique = f"e{round_}-{name}-{time.monotonic_ns() % 10**6}"
                case = engine_case.engine(self._bootstrap, unique, name, self._logs, events)
                results[name].append(self._case(f"engine {name}", case))
        self._found["engine"] = results

    def throughput(self) -> None:
        """The whole flow under every engine, in turns; ours with four workers a stage too."""
        events = 400 if self._quick else 3000
        self._warm()
        names = QUICK_FLOW if self._quick else FLOW
        results: dict[str, list[Any]] = {name: [] for name in (*names, "ours-4-workers")}
        for round_ in range(self.rounds):
            for name in names:
                case = cases.throughput(self._bootstrap, name, self._logs, events, seed=round_ + 1)
                results[name].append(self._case(f"throughput {name}", case))
            if self._quick:
                continue
            case = cases.throughput(self._bootstrap, "ours", self._logs, events, workers=4, seed=round_ + 1)
            results["ours-4-workers"].append(self._case("throughput ours, 4 workers a stage", case))
        self._found["throughput"] = results

    def _warm(self) -> None:
        """A broker's first minute is Java's compiler's, and would be the first contender's alone."""
        if not self._quick:
            self._case("broker warming up", cases.latency(self._bootstrap, "ours", self._logs, [100], 30.0))

    def latency(self) -> None:
        """Publish to notice, under every engine, at some rates."""
        rates, seconds = ([20], 5.0) if self._quick else ([1, 100, 1000], 15.0)
        self._warm()
        names = ("ours", "faust") if self._quick else ("ours", "faust", "quix", "quix-exactly-once", "confluent-transactional")
        self._found["latency"] = {
            name: self._case(f"latency {name}", cases.latency(self._bootstrap, name, self._logs, rates, seconds))
            for name in names
        }

    def start_up(self) -> None:
        """From starting the processes to the first notice."""
        self._found["start_up"] = {
            name: self._case(f"start {name}", cases.start_up(self._bootstrap, name, self._logs))
            for name in FLOW[: 1 if self._quick else 3]
        }

    def rebuild(self) -> None:
        """Folding a journal again."""
        self._found["rebuild"] = self._case("rebuild", cases.rebuild(self._bootstrap, self._logs, 300 if self._quick else 3000))

    def parties(self) -> None:
        """One change, many parties."""
        sizes = [100] if self._quick else [200, 1000, 3000, 10_000]
        self._found["parties"] = [
            self._case(f"{many} parties", graph_cases.parties(self._bootstrap, self._logs, many)) for many in sizes
        ]

    def topics(self) -> None:
        """Where a topic for each party ends on one broker."""
        sizes = [(500, 256)] if self._quick else [(10_000, 256), (10_000, 512)]
        self._found["topics"] = [
            self._case(f"{many} topics, {heap} MB of heap", topic_case.topics(self._logs, many, heap)) for many, heap in sizes
        ]

    def children(self) -> None:
        """One change, many children."""
        sizes = [(500, 50)] if self._quick else [(100_000, 1000)]
        self._found["children"] = [
            self._case(f"{many} children of {holders} parties", graph_cases.children(self._bootstrap, self._logs, many, holders))
            for many, holders in sizes
        ]


def main() -> None:
    """Run the cases, write the results; exit code 1 when a case of ours failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="five minutes")
    parser.add_argument("--only", default=",".join(CASES), help=f"cases, with commas between: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3, help="of the cases that are compared")
    parser.add_argument("--page", action="store_true", help="draw the page from the results, measure nothing")
    given = parser.parse_args()
    path = HERE / ("quick.json" if given.quick else "results.json")
    collect_garbage_seldom()  # as the workers do
    if not given.page:
        measure(path, given.only.split(","), quick=given.quick, rounds=given.rounds)
    if not given.quick:
        write_page(json.loads(path.read_text("utf-8")), HERE.parent / "docs")


def measure(path: Path, wanted: list[str], *, quick: bool, rounds: int) -> None:
    """Run the wanted cases; what others found in an earlier run stays."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() and set(wanted) != set(CASES) else {}
    unknown = set(wanted) - set(CASES)
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    for case in wanted:
        logs = Path(tempfile.mkdtemp(prefix=f"bench-{case}-"))
        heap_mb = HEAP_MB.get(case, TEST_HEAP_MB)
        with embedded_kafka(logs / "kafka", heap_mb=heap_mb) as kafka:  # a broker each, so that none carries what another left
            where = machine()
            step: Callable[[], None] = getattr(Run(kafka.bootstrap, logs, found, quick=quick, rounds=rounds), case)
            step()
        found.setdefault("machines", {})[case] = {**where, "heap_mb": heap_mb, "load_after": os.getloadavg()[0]}
        found["targets"] = targets.judge(found)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps(found["targets"], indent=1))


if __name__ == "__main__":
    main()
