"""How many cards a second one process checks, by the default profile and by all that ship, beside parsing alone.

Ratios of one run; nothing is asserted.

``make bench-check``, or ``make bench-check CARDS=folder`` for a folder of one's own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from exchange.adapters.card_files import read_file, read_text
from exchange.adapters.resources import load_profile, load_rule_texts, load_schema_texts
from exchange.cli.check import expand
from exchange.core.check import check
from exchange.core.documents.markdown import split_markdown
from exchange.core.documents.yamltext import read_yaml
from exchange.core.fields import labels_of
from exchange.core.reports import REPORTS
from exchange.errors import DocumentError

ROUNDS = 5
SAMPLES = (Path(__file__).parent / "data" / "hf", Path(__file__).parents[1] / "examples" / "lineage" / "02-cards")


def best(work: Callable[[], object]) -> float:
    """Seconds of the quickest round."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def parsed(path: Path, text: str) -> None:
    """YAML and Markdown taken apart, without any meaning."""
    try:
        if path.suffix == ".md":
            parts = split_markdown(text, str(path))
            read_yaml(parts.front or "", str(path), limit=len(text) * 4 + 1)
        else:
            read_yaml(text, str(path))
    except DocumentError:
        pass


def main() -> None:
    """Print a table."""
    paths = expand([Path(name) for name in sys.argv[1:]] or list(SAMPLES))
    labels = labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
    asked = {
        "jg-1.2": [load_profile("jg-1.2", labels)],
        "all": [load_profile(name, labels) for name in load_rule_texts().profiles],
    }
    texts: dict[Path, str] = {}
    for path in paths:
        try:
            texts[path] = read_text(path)
        except DocumentError:
            print(f"left out, not UTF-8: {path}")
    documents = [document for path in texts for document in read_file(path, labels).documents]
    day = date(2026, 1, 1)
    parse = best(lambda: [parsed(path, text) for path, text in texts.items()])
    steps = {
        "YAML and Markdown alone": parse,
        "files to checked cards": best(lambda: [read_file(path, labels) for path in texts]),
    }
    for name, profiles in asked.items():
        judge = partial(check, profiles=profiles, at=day, labels=labels)
        steps[f"{name}: verdicts and warnings"] = best(partial(judge, documents))
        steps[f"{name}: report as JSON"] = best(lambda judge=judge: REPORTS["json"](judge(documents), "en"))  # type: ignore[misc]
        steps[f"{name}: files to verdicts"] = best(
            lambda judge=judge: judge([each for path in texts for each in read_file(path, labels).documents])  # type: ignore[misc]
        )
    print(f"{len(texts)} files, {sum(map(len, texts.values())) // 1024} k characters, one process, best of {ROUNDS} rounds")
    print(f"{'step':30}{'cards/s':>10}{'times parsing':>16}")
    for name, seconds in steps.items():
        print(f"{name:30}{len(texts) / seconds:>10.0f}{seconds / parse:>16.2f}")


if __name__ == "__main__":
    main()
