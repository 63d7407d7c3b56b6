"""docs/sizing.md: what to plan for, worked out from the results alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

BUSY = 0.5
"""Share of a core to plan with: the rest is for bursts, rebuilds, and the loss of a worker."""


def sizing(found: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    parts = [INTRO]
    if "throughput" in found:
        parts += ["## Events → workers and disk", _workers(found["throughput"]["ours"])]
    parts += ["## Cores → partitions", PARTITIONS]
    if (large := _largest(found.get("children", ()))) is not None:
        parts += ["## Releases → memory", _memory(large)]
    if "store" in found:
        parts.append(_store(found["store"]))
    if "parties" in found:
        parts += ["## Parties → topics", _parties(found["parties"])]
    if "topics" in found:
        parts.append(_topics(found["topics"], found["machines"]["parties"]["heap_mb"]))
    return "\n\n".join([*parts, GROWING]) + "\n"


INTRO = """# Sizing

From the figures of [the benchmark](bench.md), which names the machine; made by `python -m bench --page`. Measure your own with `make bench`:
what counts is the ratio between your events and those measured (1 kB each, families of seven releases, two told of each change)."""

PARTITIONS = """The partition count is fixed for the life of a deployment; a larger one means a restore into a new generation
([recovery](recovery.md)). Each partition of each processor is a lane with transactions of its own, and a small transaction costs about 7 ms of
CPU, most of it the broker's ([ADR 14](adr/0014-the-loop-stays-on-aiokafka.md)). So: about as many partitions as cores that workers may ever
use, two at least. More partitions than cores make waiting longer, not shorter."""

GROWING = """## To thousands of parties

- **Many workers.** Start more of the busiest processor, up to one for each partition; the group hands lanes out. `exchange lag` and the
  *Processors and Kafka* dashboard show which is behind. The Helm chart scales on lag.
- **State larger than memory.** A lane's dossiers are bytes but for those at hand. More partitions over more workers share it out. What a store
  on disk behind the same loop would cost stands above; it is not built in, for nothing measured so far needs it.
- **Warm standbys.** There are none: a lane that moves reads its state topic first (`exchange_restore_seconds` shows how long). Where that is too
  long, smaller lanes (more partitions) are the remedy.
- **Topic per party.** Each party is one topic of one partition. Making a topic is the slowest step of a registration; the figures above show
  where one broker stands. Brokers share topics out, so more brokers carry more parties."""


def _runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run for run in runs if "failed" not in run]


def _workers(given: Sequence[Mapping[str, Any]]) -> str:
    runs = _runs(given)
    lines = ["| stage | CPU ms an event | events/s a core, planned at half load |", "|---|---|---|"]
    for stage in runs[0]["cpu_s"]:
        cost = statistics.median(run["cpu_s"][stage] / run["events"] for run in runs)
        lines.append(f"| {stage} | {cost * 1e3:.2f} | {BUSY / cost:.0f} |")
    disk = statistics.median(run["disk_kb_an_event"] for run in runs)
    told = statistics.median(run["notices"] / run["events"] for run in runs)
    after = f"An event told {told:.1f} parties and wrote {disk:.0f} kB to one broker's disk, all topics together; nothing but submissions and dead letters expires."
    return "\n".join([*lines, "", after])


def _largest(cases: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    done = [case for case in cases if "failed" not in case]
    return max(done, key=lambda case: case["children"]) if done else None


def _memory(case: Mapping[str, Any]) -> str:
    grown = {stage: case["rss_mb_full"][stage] - case["rss_mb_empty"][stage] for stage in case["rss_mb_full"]}
    scale = 100_000 / case["children"]
    lines = ["| stage | MB with no release | MB more for 100,000 releases |", "|---|---|---|"]
    lines += [f"| {stage} | {case['rss_mb_empty'][stage]} | {grown[stage] * scale:.0f} |" for stage in grown]
    return "\n".join(
        [*lines, "", f"Measured with {case['children']:,} releases with small cards and one parent each, in one worker a stage."]
    )


def _store(case: Mapping[str, Any]) -> str:
    ratio = case["disk"]["cpu_ms_an_event"] / case["memory"]["cpu_ms_an_event"]
    return f"With the state in RocksDB behind the same steps an event cost {ratio:.2f} times the CPU ({case['releases']:,} releases, 2,000 values kept decoded a lane)."


def _parties(cases: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| parties with a topic each | their topics made, a second | one change told to all, s |", "|---|---|---|"]
    for case in cases:
        if "failed" not in case:
            lines.append(f"| {case['parties']:,} | {case['parties'] / case['topics_made_s']:.0f} | {case['seconds']} |")
    return "\n".join(lines)


MAPS = 65_530
"""Linux's default of vm.max_map_count."""


def _topics(cases: Sequence[Mapping[str, Any]], heap_mb: object) -> str:
    lines = [
        "| Java heap of the one broker, MB | notice topics it made | asked for | a second | its memory, MB | memory maps | file handles |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    runs = [case for case in _runs(cases) if case["made"]]
    for case in runs:
        rate = case["made"] / case["seconds"]
        figures = (case["heap_mb"], case["made"], case["wanted"], round(rate), case["rss_mb"], case["maps"], case["handles"])
        lines.append("| " + " | ".join(f"{figure:,}" for figure in figures) + " |")
    if runs:
        most = max(runs, key=lambda case: case["made"])
        each = most["maps"] / most["made"]
        lines += [
            "",
            f"The heap is the first end (`EXCHANGE_BROKER_HEAP_MB`; the changes above were told with {heap_mb} MB). The next is the kernel's: "
            f"{each:.1f} memory maps a topic reach Linux's default of {MAPS:,} (`vm.max_map_count`) at {MAPS / each / 1000:.0f},000 topics, and each takes a "
            f"file handle (`ulimit -n`). A log that grows beyond its first 64 MB takes as many again for each further segment.",
        ]
    return "\n".join(lines)
