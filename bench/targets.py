"""The targets, and what was measured beside each: ratios within one run, their spread over its rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def judge(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a target: what was asked, what was measured, whether it was met; rows of cases that did not run are left out."""
    rows = [*_flow(found.get("throughput")), *_engine(found.get("engine")), *_latency(found.get("latency"))]
    return [*rows, *_graph(found), *_rebuild(found.get("rebuild")), *_growth(found.get("growth"))]


def ratios(runs: Mapping[str, Sequence[Mapping[str, Any]]], one: str, other: str, figure: str) -> list[float]:
    """One contender's figure over another's, round by round."""
    pairs = zip(runs.get(one, ()), runs.get(other, ()), strict=False)
    return [round(a[figure] / b[figure], 2) for a, b in pairs if figure in a and figure in b]


def _row(target: str, asked: str, values: Sequence[float], met: bool) -> dict[str, Any]:
    told = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {"target": target, "asked": asked, **told, "met": met}


def _ratio_row(
    runs: Any, other: str, target: str, least: float, figure: str = "events_s", one: str = "ours"
) -> list[dict[str, Any]]:
    found = ratios(runs, one, other, figure)
    return [_row(target, f"≥ {least:g}", found, statistics.median(found) >= least)] if found else []


def _flow(runs: Any) -> list[dict[str, Any]]:
    if not runs:
        return []
    return [
        *_ratio_row(runs, "faust", "events/s, ours ÷ ordinary Faust app", 5),
        *_ratio_row(runs, "bare", "events/s, ours ÷ bare confluent-kafka loop", 0.5),
        *_ratio_row(runs, "quix", "events/s, ours ÷ Quix Streams", 1),
    ]


def _engine(runs: Any) -> list[dict[str, Any]]:
    if not runs:
        return []
    streams = "records per CPU second, ours ÷ Kafka Streams exactly-once (stub)"
    return [
        *_ratio_row(runs, "faust", "records/s, ours ÷ ordinary Faust app (stub)", 5, "records_s"),
        *_ratio_row(runs, "streams-exactly-once", streams, 0.5, "records_per_cpu_s"),
    ]


def _latency(found: Any) -> list[dict[str, Any]]:
    if not found:
        return []
    waits = {name: one["100"]["p99_ms"] for name, one in found.items() if "100" in one}
    if "ours" not in waits:
        return []
    rows = [_row("publish→notice p99 at 100 events/s, ms", "≤ 150", [waits["ours"]], waits["ours"] <= 150)]
    others = [waits[name] for name in ("faust", "quix") if name in waits]
    if others:
        rows.append(
            _row(
                "publish→notice p99 at 100 events/s, ours ÷ the better of Faust and Quix",
                "< 1",
                [round(waits["ours"] / min(others), 2)],
                waits["ours"] < min(others),
            )
        )
    if exactly := waits.get("quix-exactly-once"):
        ratio = round(waits["ours"] / exactly, 2)
        rows.append(_row("… ours ÷ Quix Streams, exactly-once, which promises what ours does", "< 1", [ratio], ratio < 1))
    return rows


def _graph(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for case in found.get("children", ()):
        if case.get("children") == 100_000:
            largest = max(case["rss_mb_after"].values())
            slower = round(case["others_during"]["p99_ms"] / case["others_alone"]["p99_ms"], 1)
            rows += [
                _row("one change × 100,000 children, s", "≤ 30", [case["seconds"]], case["seconds"] <= 30),
                _row("… memory of the largest worker, MB", "≤ 1000", [largest], largest <= 1000),
                _row("… p99 of another line's news, times its p99 alone", "≤ 2", [slower], slower <= 2),
            ]
    return rows


def _rebuild(found: Any) -> list[dict[str, Any]]:
    if not found or "failed" in found:
        return []
    return [
        _row(f"rebuild of {name}, records/s on one core", "≥ 20,000", [one["records_s"]], one["records_s"] >= 20_000)
        for name, one in found.items()
    ]


def _growth(found: Any) -> list[dict[str, Any]]:
    if not found:
        return []
    asked = {"events": 1.1, "children": 1.1, "graph": 0.1}
    return [
        _row(f"growth of cost with {name}, log-log slope", f"≤ {most}", [found[name]["slope"]], found[name]["slope"] <= most)
        for name, most in asked.items()
    ]
