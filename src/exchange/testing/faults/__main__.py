"""``python -m exchange.testing.faults --faults 20 --seed 7``: what ``make faults`` runs (docs/faults.md)."""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exchange.runtime import configure_logging
from exchange.testing.faults.disk import why_no_disk
from exchange.testing.faults.plan import CLUSTER_FAULTS, KINDS, make_plan
from exchange.testing.faults.releases import why_no_release
from exchange.testing.faults.run import Outcome, run
from exchange.testing.faults.verdict import Verdict

EVENTS_PER_FAULT = 100
SHOWN = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when nothing is wrong, else 1, and the evidence stays."""
    options = _parser().parse_args(arguments)
    kinds, skipped = possible(options.kinds.split(",") if options.kinds else KINDS, options.nodes)
    events = options.events or options.faults * EVENTS_PER_FAULT
    home = Path(options.home or tempfile.mkdtemp(prefix="exchange-faults-"))
    began = time.monotonic()
    log_to(home / "logs" / "programme.log")
    for kind, reason in skipped.items():
        _say(began, f"{kind} is skipped: {reason}")
    if not kinds:
        return 2
    plan = make_plan(options.seed, options.faults, kinds)
    say = functools.partial(_say, began)
    outcome = asyncio.run(run(home, plan, options.seed, events, options.rate, say, nodes=options.nodes))
    result = {"nodes": options.nodes, **summary(options.seed, outcome, time.monotonic() - began), "skipped": skipped}
    if options.out is not None:
        with options.out.open("a", encoding="utf-8") as sink:
            sink.write(json.dumps(result) + "\n")
    if outcome.verdict.clean:
        if options.home is None:
            shutil.rmtree(home)
    else:
        _tell_wrong(outcome.verdict, home)
    sys.stdout.write((json.dumps(result) if options.json else _as_text(result)) + "\n")
    return 0 if outcome.verdict.clean else 1


def log_to(path: Path) -> None:
    """Clients have much to say while their broker is away: it is evidence, not progress."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=path, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configure_logging("text")


def possible(kinds: Sequence[str], nodes: int) -> tuple[list[str], dict[str, str]]:
    """Of some kinds those that can happen here, and why the others cannot."""
    reasons: Mapping[str, Callable[[], str | None]] = {
        "disk_full": why_no_disk,
        "upgrade": why_no_release,
        **dict.fromkeys(CLUSTER_FAULTS, lambda: None if nodes > 1 else "one node alone; --nodes 3 has it"),
    }
    skipped = {kind: reason for kind in kinds if kind in reasons and (reason := reasons[kind]())}
    return [kind for kind in kinds if kind not in skipped], skipped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exchange.testing.faults", description="Break a real exchange, and judge it")
    parser.add_argument("--faults", type=int, default=20, help="how many things go wrong")
    parser.add_argument("--seed", type=int, default=7, help="of plan and workload")
    parser.add_argument("--events", type=int, help=f"steps of the workload; default: {EVENTS_PER_FAULT} a fault")
    parser.add_argument("--rate", type=float, default=30.0, help="most steps a second")
    parser.add_argument("--kinds", help=f"with commas between: {','.join(KINDS)}")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 3), help="of the broker")
    parser.add_argument("--out", type=Path, help="a file to which the line of JSON is added, too")
    parser.add_argument("--home", help="an empty folder to run in, which is kept; default: one that is kept on failure alone")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    return parser


def summary(seed: int, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The figures of a run."""
    verdict = outcome.verdict
    return {
        "seed": seed,
        "faults": dict(sorted(outcome.faults.items())),
        "events": outcome.events,
        "notices": outcome.notices,
        "lost": len(verdict.lost),
        "repeated": len(verdict.repeated),
        "reordered": len(verdict.reordered),
        "leaked": len(verdict.leaked),
        "wrong": len(verdict.wrong),
        "catch_up_p99_s": percentile(outcome.catch_up_s),
        "resume_p99_s": percentile(outcome.resume_s),
        "kill_resume_p99_s": percentile(outcome.kill_resume_s),
        "kill_resume_s": sorted(round(seconds, 1) for seconds in outcome.kill_resume_s),
        "late_commits_refused": outcome.late_commits.total() - outcome.late_commits[0],
        "died_at": dict(sorted(outcome.died_at.items())),
        "disk_full": dict(outcome.full),
        "audit_s": round(outcome.audit_s, 1),
        "seconds": round(seconds, 1),
    }


def percentile(values: Sequence[float], share: float = 0.99) -> float | None:
    """The smallest value that is not below ``share`` of all; ``None`` of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


def _as_text(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:15} {value}" for name, value in result.items())


def _tell_wrong(verdict: Verdict, home: Path) -> None:
    for name in ("lost", "repeated", "reordered", "leaked", "wrong"):
        found: list[str] = getattr(verdict, name)
        for line in found[:SHOWN]:
            sys.stderr.write(f"{name}: {line}\n")
        if len(found) > SHOWN:
            sys.stderr.write(f"{name}: and {len(found) - SHOWN} more\n")
    sys.stderr.write(f"the evidence is in {home}: kafka/ holds all topics, logs/ what each worker said\n")


def _say(began: float, line: str) -> None:
    sys.stderr.write(f"{time.monotonic() - began:7.1f} {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
