"""``python -m exchange.testing.malformed --count 2000 --seed 7``: what ``make malformed`` runs (docs/hostile-input.md)."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exchange.testing.faults.__main__ import log_to
from exchange.testing.malformed.run import Outcome, Plan, quantile, run

MOST_MS = 2000
"""Valid traffic may be later by so much."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when all is as it must be, else 1, and the evidence stays."""
    options = _parser().parse_args(arguments)
    home = Path(options.home or tempfile.mkdtemp(prefix="exchange-malformed-"))
    began = time.monotonic()
    log_to(home / "logs" / "programme.log")
    plan = Plan(options.seed, options.count, options.rate, options.valid_rate, options.alone)

    def say(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} {line}\n")

    outcome = asyncio.run(run(home, plan, say))
    result = summary(plan, outcome, time.monotonic() - began)
    good = outcome.clean and outcome.attributable_ms <= MOST_MS
    for place, expected, found in outcome.wrong[:20]:
        sys.stderr.write(f"partition and offset {place}: {found}, not {expected}\n")
    if good and options.home is None:
        shutil.rmtree(home)
    elif not good:
        sys.stderr.write(f"the evidence is in {home}: kafka/ holds all topics, logs/ what each worker said\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if good else 1


def summary(plan: Plan, outcome: Outcome, seconds: float) -> dict[str, Any]:
    """The figures of a run."""
    sent = outcome.sent
    return {
        "seed": plan.seed,
        "malformed": len(sent.reasons),
        "malformed_per_s": round(len(sent.reasons) / max(sent.seconds, 0.001)),
        "kinds": dict(sorted(sent.kinds.items())),
        "missing": outcome.missing,
        "repeated": outcome.repeated,
        "stray": outcome.stray,
        "wrong_reason": len(outcome.wrong),
        "exits": outcome.exits,
        "lanes_reopened": outcome.reopened,
        "valid": len(sent.alone) + len(sent.beside),
        "valid_untold": outcome.untold,
        "alone_ms": _spread(outcome.alone_ms),
        "beside_ms": _spread(outcome.beside_ms),
        "attributable_ms": outcome.attributable_ms,
        "peak_mb": outcome.peak_mb,
        "seconds": round(seconds, 1),
    }


def _spread(delays: Sequence[int]) -> dict[str, int]:
    return {"p50": quantile(delays, 0.5), "p99": quantile(delays, 0.99), "max": max(delays, default=0)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exchange.testing.malformed", description="Malformed submissions beside valid ones")
    parser.add_argument("--count", type=int, default=2000, help="malformed submissions")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=500.0, help="of them a second")
    parser.add_argument("--valid-rate", type=float, default=10.0, help="valid submissions a second")
    parser.add_argument("--alone", type=float, default=20.0, help="seconds of valid submissions alone, before")
    parser.add_argument("--home", help="an empty folder to run in, which is kept; default: one that is kept on failure alone")
    return parser


if __name__ == "__main__":
    sys.exit(main())
