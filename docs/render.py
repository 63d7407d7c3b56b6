"""Writes into the documents what they take from the code: commands, settings, metrics, topics. `make generate` runs it.

Each such part stands between ``<!-- rendered: NAME -->`` and ``<!-- end -->``; a test fails when one is stale.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command
from typer.testing import CliRunner

from exchange.adapters.metric_names import ALL
from exchange.cli import app
from exchange.core.exporters.huggingface import FRONT
from exchange.core.mappings import cyclonedx, haip, mct, mdf, spdx
from exchange.core.mappings.rows import Form, Row
from exchange.core.processors import NAMES
from exchange.settings import Settings
from exchange.strimzi import resources
from exchange.testing.faults.__main__ import percentile
from exchange.topics import Topics

DOCS = Path(__file__).parent
PROFILES = DOCS.parent / "src" / "exchange" / "core" / "rules" / "profiles"
FILES = (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")))
_PART = re.compile(r"<!-- rendered: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def commands() -> Iterator[tuple[str, ...]]:
    """Every command as its words."""
    yield from _below(get_command(app), ())


def _below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not hasattr(command, "commands"):
        yield words
        return
    for name, inner in command.commands.items():
        yield from _below(inner, (*words, name))


def cli() -> str:
    """Each command with its help."""
    runner = CliRunner()
    parts = []
    for words in commands():
        answer = runner.invoke(
            app, [*words, "--help"], prog_name="exchange", env={"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
        )
        text = "\n".join(line.rstrip() for line in answer.output.splitlines()).strip()
        parts.append(f"## exchange {' '.join(words)}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def settings() -> str:
    """Variable, default and meaning of each setting."""
    told = dict(re.findall(r"^    (\w+): (.*?)(?=\n    \w+: |\Z)", inspect.getdoc(Settings) or "", re.DOTALL | re.MULTILINE))
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default in (None, "") else f"`{field.default}`"
        default = "user's folder" if name in ("home", "cache") else default
        meaning = " ".join(told.get(name, "").split()) or "as aiokafka's argument of this name"
        meaning = re.sub(r" \(DESIGN[^)]*\)", "", meaning).rstrip(".").replace("``", "`").replace("`None`", "not set")
        rows.append(f"| `EXCHANGE_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def metrics() -> str:
    """Name, labels and meaning of each metric, then the values of each label."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    sets = ["| label | of | values |", "|---|---|---|", f"| `processor` | all that have it | {_listed(NAMES)}; `clock` |"]
    for each in ALL:
        labels = ", ".join(f"`{label}`" for label in each.label_names)
        rows.append(f"| `{each.full}` | {each.kind} | {labels} | {each.text} |")
        for label, values in each.labels.items():
            sets.append(f"| `{label}` | `{each.full}` | {values if isinstance(values, str) else _listed(values)} |")
    return "\n".join([*rows, "", *sets]) + "\n"


def _listed(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def topics() -> str:
    """Each topic with key, partitions and how long it keeps its records."""
    declared = Topics()
    rows = ["| topic | key | partitions | kept |", "|---|---|---|---|"]
    for spec in (*declared.declared(), declared.notice_spec("party")):
        name = spec.name.replace("notices.party", "notices.<party>")
        partitions = "as configured" if spec.partitions == declared.partitions else str(spec.partitions)
        rows.append(f"| `{name}` | {spec.key} | {partitions} | {_kept(spec.configs)} |")
    return "\n".join(rows) + "\n"


def _kept(configs: Any) -> str:
    if configs["cleanup.policy"] == "compact":
        return "compacted"
    days = int(configs["retention.ms"]) // (24 * 60 * 60 * 1000)
    return "for ever" if days < 0 else f"{days} days"


def _mapping(rows: Iterable[Row], forms: Mapping[str, Form]) -> Iterator[str]:
    yield "| field | place there | form |"
    yield "|---|---|---|"
    for row in rows:
        yield f"| `{row.path}` | `{row.there}` | {forms[row.form].told} |"


def cyclonedx_tables() -> str:
    """Fields and places, kinds, traffic lights."""
    lights = [f"| {light} | {audience or 'owner'} |" for light, audience in cyclonedx.TLP.items()]
    kinds = [f"| {kind} | `{there}` |" for kind, there in cyclonedx.TYPES.items()]
    parts = [
        [*_mapping(cyclonedx.ROWS, cyclonedx.FORMS)],
        ["| kind | type of component |", "|---|---|", *kinds],
        ["| traffic light | audience |", "|---|---|", *lights],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def spdx_tables() -> str:
    """Fields and properties by kind, relationships, confidentiality."""
    parts = [[f"For a {kind} (`{spdx.TYPES[kind]}`):", "", *_mapping(rows, spdx.FORMS)] for kind, rows in spdx.ROWS.items()]
    ways = {True: "from the child", False: "from the parent"}
    links = [f"| `{how}` | {ways[forward]} | {relation} |" for how, (relation, forward) in spdx.RELATIONS.items()]
    levels = [f"| {level} | {audience or 'owner'} |" for level, audience in spdx.CONFIDENTIALITY.items()]
    parts += [["| relationship | points | relation |", "|---|---|---|", *links]]
    parts += [["| confidentiality of a data set | audience |", "|---|---|", *levels]]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def mdf_table() -> str:
    """Items with columns and fields."""
    rows = [
        f"| {item.id} | {item.name} | {item.columns}{f', range for {item.rough}' if item.rough else ''} | {_listed(item.paths)} |"
        for item in mdf.ITEMS
    ]
    return "\n".join(["| item | name | for | fields |", "|---|---|---|---|", *rows]) + "\n"


def haip_table() -> str:
    """Sections with fields."""
    rows = [f"| {section.id} | {section.en} | {_listed(section.paths)} |" for section in haip.SECTIONS]
    return "\n".join(["| section | title | fields |", "|---|---|---|", *rows]) + "\n"


def huggingface_table() -> str:
    """Front matter."""
    rows = [f"| `{path}` | {told} |" for path, told in FRONT.items()]
    return "\n".join(["| field | front matter |", "|---|---|", *rows]) + "\n"


def profiles() -> str:
    """Every profile that ships: a list of them, then one section and table each."""
    read = [tomllib.loads(path.read_text("utf-8")) for path in sorted(PROFILES.glob("*.toml"))]
    lines = ["| profile | framework | version | items | verified |", "|---|---|---|---|---|"]
    for profile in read:
        verified = sum(row["verified"] for row in profile["row"])
        name = f"[`{profile['id']}`](#{profile['id'].replace('.', '')})"
        lines.append(f"| {name} | {profile['framework']} | {profile['version']} | {len(profile['row'])} | {verified} |")
    return "\n".join([*lines, *(_profile(profile) for profile in read)]) + "\n"


def _profile(profile: Mapping[str, Any]) -> str:
    head = ("id", "clause", "item", "owed by", "audience", "level", "answered by", "applies when", "inherit", "days", "precision")
    verified = sum(row["verified"] for row in profile["row"])
    counts = f"{len(profile['row'])} items, {verified} of them verified."
    told = f"{profile['label_ja']} · {profile['label_en']}. {profile['framework']}, version {profile['version']}. {counts}"
    rows = [_cells((*head, "source", "✓")), "|---" * (len(head) + 2) + "|", *(_item(row) for row in profile["row"])]
    return "\n".join([f"\n## {profile['id']}\n", told + "\n", f"Source: {profile['source']}.\n", *rows])


def _item(row: Mapping[str, Any]) -> str:
    """One row of a profile. ``days`` is after how many a statement is stale."""
    changed_by = f", not after {', '.join(row['changed_by'])}" if "changed_by" in row else ""
    told = (row["id"], row["clause"], f"{row['label_ja']}<br>{row['label_en']}", row["owed_by"], row["audience"], row["level"])
    when = f"`{row['applies_when']}`" if "applies_when" in row else "always"
    more = (row["inherit"] + changed_by, row.get("stale_after_days", ""), row.get("precision", ""), row["source"])
    return _cells((*told, _answered(row), when, *more, "✓" if row["verified"] else ""))


def _answered(row: Mapping[str, Any]) -> str:
    """The fields of a card, alternatives parted by "or"; or what of the envelope."""
    if "by_exchange" in row:
        return f"the exchange: {row['by_exchange']}"
    fields = [" or ".join(f"`{path}`" for path in entry.split("|")) for entry in row["paths"]]
    return (" or " if row.get("need") == "any" else "; ").join(fields)


def _cells(cells: Iterable[Any]) -> str:
    """A row of a table; a bar inside a cell would end it, inside code too."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


RUNS = DOCS.parent / "bench" / "faults.jsonl"
SIMULATED = DOCS.parent / "bench" / "simulated.jsonl"
_BAD = ("lost", "repeated", "reordered", "leaked", "wrong")
_SLOWEST = ("kill_resume_p99_s", "resume_p99_s", "catch_up_p99_s")
_SUMS = ("events", "notices", *_BAD, "audit_s", "seconds")
_SET = 2001
"""The first seed with the workload as it is."""


def faults() -> str:
    """The published runs of the fault programme, what they come to together, and how often each fault happened."""
    runs = _published(RUNS)
    kinds = sum((Counter(run["faults"]) for run in runs), Counter[str]())
    points = sum((Counter(run.get("died_at", {})) for run in runs), Counter[str]())
    whole = {name: sum(run[name] for run in runs) for name in _SUMS} | {name: max(run[name] for run in runs) for name in _SLOWEST}
    head = ("nodes, seed", "faults", "events", "notices", ", ".join(_BAD))
    slow = ("resume after kill -9, p99", "resume after any fault, p99", "catch-up, p99", "comparison", "in all")
    lines = [_cells((*head, *slow)), "|---" * (len(head) + len(slow)) + "|"]
    lines += [_run(f"{run['nodes']}, {run['seed']}", sum(run["faults"].values()), run) for run in runs]
    lines += [_run(f"**{len(runs)} runs**", kinds.total(), whole), "", "Times together are the slowest run's."]
    lines += [f"Faults: {_counts(kinds)}.", f"Workers killed themselves at: {_counts(points)}."]
    lines += [f"Late commits that Kafka refused: {sum(run['late_commits_refused'] for run in runs)}.", "", _kills(runs)]
    return "\n".join(lines) + "\n"


def simulated() -> str:
    """What the published simulations come to together."""
    runs = _published(SIMULATED)
    whole = {name: sum(run[name] for run in runs) for name in ("seeds", "events", "notices", "crashes", "seconds")}
    failed = sorted(seed for run in runs for seed in run["failed"])
    counts = ", ".join(f"{whole[name]:,} {name}" for name in ("seeds", "events", "notices", "crashes"))
    told = f"Published (`bench/simulated.jsonl`): {counts}, in {whole['seconds'] / 60:,.0f} minutes beside other work; "
    return told + (f"failed: {failed}.\n" if failed else "none failed.\n")


def _published(path: Path) -> list[dict[str, Any]]:
    """What runs printed, a line each."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _counts(of: Mapping[str, int]) -> str:
    return ", ".join(f"`{name}` {times}" for name, times in sorted(of.items()))


def _kills(runs: Iterable[Mapping[str, Any]]) -> str:
    """Over single kills, which the runs' own percentiles cannot be added up to."""
    told = []
    for which, least in (("All runs", 0), (f"Those from seed {_SET} on", _SET)):
        waits = [seconds for run in runs if run["seed"] >= least for seconds in run["kill_resume_s"]]
        middle, most = percentile(waits, 0.5), percentile(waits)
        told.append(f"{which}: {len(waits)} kills -9 of workers, resumed after {middle} s in the median, {most} s at p99.")
    return "\n".join(told)


def _run(name: str, count: int, run: Mapping[str, Any]) -> str:
    bad = [run[each] for each in _BAD]
    times = [f"{run[each]:,.1f} s" for each in _SLOWEST] + [f"{run[each]:,.0f} s" for each in ("audit_s", "seconds")]
    counts = [f"{each:,}" for each in (count, run["events"], run["notices"])]
    return _cells((name, *counts, ", ".join(map(str, bad)) if any(bad) else "all 0", *times))


PARTS: dict[str, Callable[[], str]] = {
    "faults": faults,
    "simulated": simulated,
    "cli": cli,
    "settings": settings,
    "metrics": metrics,
    "topics": topics,
    "cyclonedx": cyclonedx_tables,
    "spdx": spdx_tables,
    "mdf": mdf_table,
    "haip": haip_table,
    "huggingface": huggingface_table,
    "profiles": profiles,
    "mct": lambda: "\n".join(_mapping(mct.ROWS, mct.FORMS)) + "\n",
}


STRIMZI = DOCS.parent / "deploy" / "strimzi" / "exchange.yaml"


def strimzi() -> str:
    """Topics and users of a cluster of three nodes, with one party as an example."""
    head = "# Rendered by `make generate` from the declarations in src/exchange/topics.py; do not edit.\n"
    made = resources(Topics(partitions=12, replication=3), "kafka", ["acme"])
    return head + yaml.safe_dump_all(made, sort_keys=False, explicit_start=True)


def rendered(text: str) -> str:
    """A document with its parts as they should be."""
    return _PART.sub(lambda found: f"<!-- rendered: {found[1]} -->\n{PARTS[found[1]]()}<!-- end -->", text)


def main() -> None:
    """Write them; with ``--check`` only say which are stale."""
    wanted = {path: rendered(path.read_text("utf-8")) for path in FILES if path.exists()} | {STRIMZI: strimzi()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv and stale:
        sys.exit(f"stale, run `make generate`: {', '.join(path.name for path in stale)}")
    for path in stale:
        path.write_text(wanted[path], "utf-8")


if __name__ == "__main__":
    main()
