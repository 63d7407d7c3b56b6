"""docs/bench.md, docs/sizing.md and pictures, from the results alone: no figure is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.sizing import sizing

NAMES = {
    "ours": "the exchange", "faust": "ordinary Faust app", "quix": "Quix Streams", "quix-exactly-once": "Quix Streams, exactly-once",
    "bare": "bare confluent-kafka loop, nothing exact", "confluent-transactional": "transactional loop on confluent-kafka",
    "ours-4-workers": "the exchange, 4 workers a stage", "streams-exactly-once": "Kafka Streams, exactly-once",
    "streams-at-least-once": "Kafka Streams, at-least-once",
}  # fmt: skip


def write_page(found: Mapping[str, Any], docs: Path) -> None:
    """Write the page and its pictures."""
    draw(found, docs / "bench")
    (docs / "bench.md").write_text(page(found), "utf-8")
    (docs / "sizing.md").write_text(sizing(found), "utf-8")


def page(found: Mapping[str, Any]) -> str:
    """The page as Markdown."""
    parts = [
        INTRO,
        "## Targets",
        _targets(found.get("targets", ())),
        *(f"![{name}](bench/{name}.png)" for name in PICTURES if name in found),
    ]
    for key, heading, make in SECTIONS:
        if key in found:
            parts += [f"## {heading}", make(found[key])]
    parts += ["## Where", _machines(found.get("machines", {}))]
    return "\n\n".join(parts) + "\n"


INTRO = """# Benchmark

Ours beside what one would pick instead, on one broker, with the same events, by `make bench` (three quarters of an hour) or `make bench
QUICK=1` (five minutes). This page and its pictures are made from `bench/results.json`; nothing here was written by hand but the explanations.

The *flow* is the whole job: a submission is admitted, its dossier and those of releases downstream are worked out (decoding, completeness,
risk), state is written, every stakeholder is told. All contenders run the same pure steps in three processes; they differ in what carries
them. The *stub* is a step that costs next to nothing: it measures engines, not their load. What each contender is stands at the head of its
file in `bench/engines`. The loops without transactions and the ordinary Faust app promise nothing when a process dies; none but ours was
killed here ([faults](faults.md))."""


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def _targets(rows: Iterable[Mapping[str, Any]]) -> str:
    def spread(row: Mapping[str, Any]) -> str:
        same = row["lowest"] == row["highest"]
        return f"{row['median']:g}" if same else f"{row['median']:g} ({row['lowest']:g} – {row['highest']:g})"

    return _table(
        ("target", "asked", "measured", "met"),
        [(r["target"], r["asked"], spread(r), "yes" if r["met"] else "**no**") for r in rows],
    )


def _rounds(runs: Sequence[Mapping[str, Any]], figure: str) -> str:
    values = [run[figure] for run in runs if figure in run]
    return " / ".join(f"{value:g}" for value in values) if values else "–"


def _failed(runs: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(sorted({str(run["failed"]) for run in runs if "failed" in run}))


def _throughput(runs: Mapping[str, Any]) -> str:
    head = (
        "contender",
        "events/s, each round",
        "events per CPU second of its processes",
        "repeated notices",
        "MB of the largest process",
    )
    rows = []
    for name, each in runs.items():
        largest = [max(run["rss_mb"].values()) for run in each if "rss_mb" in run]
        row = (
            NAMES[name],
            _rounds(each, "events_s"),
            _rounds(each, "events_per_cpu_s"),
            _rounds(each, "repeated_notices"),
            max(largest, default="–"),
        )
        rows.append(row if largest else (NAMES[name], _failed(each), "–", "–", "–"))
    return _table(head, rows)


def _engine(runs: Mapping[str, Any]) -> str:
    head = ("engine", "records/s, each round", "records per CPU second", "MB")
    return _table(
        head,
        [
            (
                NAMES[n],
                _rounds(each, "records_s") if not _failed(each) else _failed(each),
                _rounds(each, "records_per_cpu_s"),
                _rounds(each, "rss_mb"),
            )
            for n, each in runs.items()
        ],
    )


def _latency(found: Mapping[str, Any]) -> str:
    rows = []
    for name, rates in found.items():
        if "failed" in rates:
            rows.append((NAMES[name], rates["failed"], "–", "–", "–", "–"))
            continue
        rows += [(NAMES[name], rate, one["events"], one["p50_ms"], one["p99_ms"], one["max_ms"]) for rate, one in rates.items()]
    said = "From the submission's append to its publisher's notice, three stages later, by the broker's timestamps. The broker is warm: it worked for"
    said += " half a minute before, else the first contender would pay for Java's compiler."
    return said + "\n\n" + _table(("contender", "events/s offered", "events", "p50 ms", "p99 ms", "max ms"), rows)


def _spread(waits: Mapping[str, Any]) -> str:
    return f"{waits['p50_ms']:g} / {waits['p99_ms']:g}"


def _parties(found: Sequence[Mapping[str, Any]]) -> str:
    head = ("parties", "told", "seconds", "their topics made, s", "another line alone, p50 / p99 ms", "during", "MB")
    rows = [
        (c["parties"], c["told"], c["seconds"], c["topics_made_s"], _spread(c["others_alone"]), _spread(c["others_during"]), max(c["rss_mb"].values()))
        if "failed" not in c else (c["failed"], *"–" * 6)
        for c in found
    ]  # fmt: skip
    return "One change of a release that so many parties follow, each with a topic of its own.\n\n" + _table(head, rows)


def _topics(found: Sequence[Mapping[str, Any]]) -> str:
    head = ("Java heap, MB", "topics made", "of", "seconds", "ended with", "broker's memory, MB", "memory maps", "file handles")
    rows = [
        (c["heap_mb"], c["made"], c["wanted"], c["seconds"], c["ended"] or "–", c["rss_mb"], c["maps"], c["handles"])
        if "failed" not in c else (c["failed"], *"–" * 7)
        for c in found
    ]  # fmt: skip
    return "Notice topics made on a broker that does nothing else, until there are enough or it can no more.\n\n" + _table(
        head, rows
    )


def _children(found: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "children",
        "of parties",
        "told",
        "seconds",
        "published in s",
        "another line alone, p50 / p99 ms",
        "during",
        "MB by stage, empty → full → after",
    )
    rows = []
    for c in found:
        if "failed" in c:
            rows.append((c["failed"], *"–" * 7))
            continue
        memory = "; ".join(
            f"{s} {c['rss_mb_empty'][s]} → {c['rss_mb_full'][s]} → {c['rss_mb_after'][s]}" for s in c["rss_mb_full"]
        )
        rows.append(
            (
                c["children"],
                c["holders"],
                c["told"],
                c["seconds"],
                c["built_s"],
                _spread(c["others_alone"]),
                _spread(c["others_during"]),
                memory,
            )
        )
    return (
        "One change of a release of which so many were made: each child's dossier is worked out anew and its owner told.\n\n"
        + _table(head, rows)
    )


def _growth(found: Mapping[str, Any]) -> str:
    what = {
        "events": "events published", "children": "children told of one change", "graph": "releases that are there and not concerned",
    }  # fmt: skip
    rows = [(what[n], ", ".join(f"{x}: {y:g} s" for x, y in each["points"]), each["slope"]) for n, each in found.items()]
    return "CPU of the three steps in memory, without a broker.\n\n" + _table(("against", "CPU seconds", "log-log slope"), rows)


def _store(found: Mapping[str, Any]) -> str:
    rows = [
        (kind, found[kind]["cpu_ms_an_event"], found[kind]["ms_an_event"], found[kind]["grown_mb"]) for kind in ("memory", "disk")
    ]
    told = f"The three steps over {found['releases']} releases and {found['events']} events, without a broker; on disk {found['disk_mb']} MB of RocksDB."
    return told + "\n\n" + _table(("state", "CPU ms an event", "ms an event", "MB grown while the releases came"), rows)


def _rebuild(found: Mapping[str, Any]) -> str:
    if "failed" in found:
        return str(found["failed"])
    return _table(
        ("processor", "records", "seconds", "records/s"),
        [(n, e["records"], e["seconds"], e["records_s"]) for n, e in found.items()],
    )


def _start(found: Mapping[str, Any]) -> str:
    return _table(("contender", "seconds"), [(NAMES[n], e.get("seconds", e.get("failed"))) for n, e in found.items()])


def _floor(found: Mapping[str, Any]) -> str:
    if "skipped" in found or "failed" in found:
        return str(found.get("skipped", found.get("failed")))
    return f"`kafka-producer-perf-test`, 1 kB, acks=all: {found['records_s']} records/s."


SECTIONS = (
    ("throughput", "The flow: events a second", _throughput),
    ("latency", "The flow: how long a publisher waits", _latency),
    ("engine", "Engine against engine", _engine),
    ("floor", "The broker alone", _floor),
    ("parties", "One change, many parties", _parties),
    ("topics", "A topic for each party", _topics),
    ("children", "One change, many children", _children),
    ("growth", "Growth", _growth),
    ("store", "State in memory or on disk", _store),
    ("rebuild", "Rebuild", _rebuild),
    ("start_up", "From start to the first notice", _start),
)


def _machines(machines: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("case", "at", "commit", "cpu", "cores", "GB", "Python", "records in", "Kafka", "load before / after")
    rows = [
        (
            n,
            m["at"],
            m["commit"],
            m["cpu"],
            m["cores"],
            m["memory_gb"],
            m["python"],
            m["records_in"],
            m["kafka"],
            f"{m['load_before']:.1f} / {m['load_after']:.1f}",
        )
        for n, m in machines.items()
    ]
    several = len({m["cpu"] for m in machines.values()}) > 1
    caution = (
        " They were not all the same: figures of one case compare with each other, not with those of a case measured elsewhere."
    )
    return "Broker, contenders and measuring share the machine." + caution * several + "\n\n" + _table(head, rows)


PICTURES = ("throughput", "engine", "growth")


def draw(found: Mapping[str, Any], folder: Path) -> None:
    """Draw what the page shows."""
    from matplotlib import pyplot as plot  # noqa: PLC0415 - a dependency of the benchmark alone

    folder.mkdir(exist_ok=True)
    for name, figure, label in (("throughput", "events_s", "events/s"), ("engine", "records_s", "records/s (stub)")):
        if name in found:
            runs = found[name].items()
            values = {NAMES[each]: [run[figure] for run in rounds if figure in run] for each, rounds in runs}
            _bars(plot, values, label, folder / f"{name}.png")
    if "growth" in found:
        picture, axes = plot.subplots(figsize=(7, 3.5))
        for name, each in found["growth"].items():
            axes.loglog(*zip(*each["points"], strict=True), marker="o", label=f"{name}: slope {each['slope']}")
        axes.set(xlabel="how many", ylabel="CPU seconds")
        axes.legend()
        picture.savefig(folder / "growth.png", dpi=80, bbox_inches="tight")


def _bars(plot: Any, values: Mapping[str, Sequence[float]], label: str, path: Path) -> None:
    shown = {name: each for name, each in values.items() if each}
    figure, axes = plot.subplots(figsize=(8, 0.5 * len(shown) + 1))
    for place, each in enumerate(reversed(list(shown.values()))):
        middle = sorted(each)[len(each) // 2]
        axes.barh(place, middle, xerr=[[middle - min(each)], [max(each) - middle]], color="#4878a8")
    axes.set_yticks(range(len(shown)), list(reversed(list(shown))))
    axes.set_xlabel(f"{label}, median and spread of the rounds")
    figure.savefig(path, dpi=80, bbox_inches="tight")
