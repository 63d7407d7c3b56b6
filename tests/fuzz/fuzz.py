"""Fuzzes every parser with atheris, guided by what the project's own code covers: what ``make fuzz`` runs.

``python tests/fuzz/fuzz.py --seconds 60`` gives each target its share of the time, in a process of its own with bounds on memory
and on the time of one input. What is found beyond the committed corpus is forgotten, but for an input that fails: it is written
to the target's folder as ``crash-…``, and tests/fuzz/test_parsers.py tries it from then on. One line of JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
MEMORY_MB, ONE_INPUT_S, LONGEST = 512, 5, 8192
_DONE = re.compile(r"Done (\d+) (?:runs )?in (\d+) second")


def main() -> int:
    """Fuzz all, or one; 0 when nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--target", action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        fuzz(options.run, options.rest)
    names = options.target or sorted(folder.name for folder in CORPUS.iterdir())
    each = max(2, options.seconds // len(names))
    found = {name: attempt(name, each, options.seed) for name in names}
    failed = {name: one["crashes"] for name, one in found.items() if one["crashes"]}
    runs = sum(one["runs"] for one in found.values())
    result = {"seed": options.seed, "targets": len(names), "seconds_each": each, "runs": runs, "crashes": failed}
    sys.stdout.write(json.dumps({**result, "by_target": {name: one["runs"] for name, one in found.items()}}) + "\n")
    return 1 if failed else 0


def attempt(name: str, seconds: int, seed: int) -> dict[str, Any]:
    """Fuzz one target in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        found, crashes = Path(folder, "found"), Path(folder, "crashes")
        found.mkdir()
        crashes.mkdir()
        flags = [
            *(f"-max_total_time={seconds}", f"-seed={seed}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={ONE_INPUT_S}"),
            *(f"-max_len={LONGEST}", f"-artifact_prefix={crashes}/", "-print_final_stats=0"),
        ]
        command = [sys.executable, __file__, "--run", name, "--", *flags, str(found), str(CORPUS / name)]
        began = time.monotonic()
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        kept = [_keep(name, path) for path in sorted(crashes.iterdir())]
        done = _DONE.search(run.stderr)
        if kept or done is None:
            sys.stderr.write(f"{name}: exit {run.returncode}\n{run.stderr[-6000:]}\n")
        sys.stderr.write(f"{name}: {done[1] if done else '?'} inputs in {time.monotonic() - began:.0f} s\n")
        return {"runs": int(done[1]) if done else 0, "crashes": kept if done or kept else [f"exit {run.returncode}"]}


def _keep(name: str, path: Path) -> str:
    kept = CORPUS / name / path.name
    kept.write_bytes(path.read_bytes())
    return str(kept.relative_to(HERE))


def fuzz(name: str, flags: list[str]) -> None:
    """Fuzz one target in this process; does not return."""
    import atheris

    with atheris.instrument_imports(include=["exchange", "yaml", "tomllib"], enable_loader_override=False):
        import targets
    atheris.Setup([__file__, *flags], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
