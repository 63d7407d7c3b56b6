"""The documents say what the code does: commands, settings, metrics, reasons, topics, links, examples."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from typer.main import get_command

from exchange.adapters.metric_names import FACTS
from exchange.cli import app
from exchange.core import risk
from exchange.core.admission import REASONS, RECENT
from exchange.core.fanout_step import LIMIT
from exchange.events import records as r
from exchange.settings import Settings
from exchange.testing import lineages
from exchange.testing.bus import EPOCH, Bus
from exchange.topics import Topics

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("examples/**/README.md")),
    *sorted(ROOT.glob("deploy/**/*.md")),
]
README = (ROOT / "README.md").read_text("utf-8")
_spec = importlib.util.spec_from_file_location("render", ROOT / "docs" / "render.py")
assert _spec
assert _spec.loader
render: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(render)


def page(name: str) -> str:
    """Text of a page of docs/."""
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("path", render.FILES, ids=lambda path: path.name)
def test_what_is_rendered_is_fresh(path: Path) -> None:
    """`make generate` would change nothing."""
    assert render.rendered(path.read_text("utf-8")) == path.read_text("utf-8")


def test_every_command_setting_topic_and_metric_has_its_place() -> None:
    """Each part is rendered somewhere, and the overview in the README misses no command."""
    everything = "\n".join(path.read_text("utf-8") for path in render.FILES)
    for part in render.PARTS:
        assert f"<!-- rendered: {part} -->" in everything
    for words in render.commands():
        assert re.search(rf"`exchange {' '.join(words)}[ `]", README), words
        assert f"## exchange {' '.join(words)}\n" in page("cli.md")
    for name in Settings.model_fields:
        assert f"`EXCHANGE_{name.upper()}`" in README
    for spec in Topics().declared():
        assert f"`{spec.name}`" in page("flow.md")


def test_exit_codes_are_the_same_everywhere() -> None:
    """Of the code's own words, the README and the page of commands."""
    said = re.findall(r"(?:^|; |: )(\d+) ", (get_command(app).help or "") + (import_doc() or ""))
    for code in {*said, "130"}:
        assert f"| {code} |" in page("cli.md")
        assert re.search(rf"\b{code} ", README.partition("Exit codes:")[2].partition("\n")[0])


def import_doc() -> str | None:
    """The command line's own docstring."""
    import exchange.cli

    return exchange.cli.__doc__


def test_every_reason_code_has_its_row_and_no_other() -> None:
    """Meaning and what to do."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.+) \|$", page("reasons.md"), re.MULTILINE)
    assert [row[0] for row in rows] == list(REASONS)


def test_numbers_in_the_documents_are_the_codes_own() -> None:
    """Bounds and windows."""
    assert f"last {RECENT} submissions" in page("flow.md")
    assert f"more than {LIMIT} to tell" in page("flow.md")
    assert f"at most {risk.MAX_PATH} hops" in page("risk.md")
    assert f"at most {risk.MAX_ORIGINS} origins" in page("risk.md")
    assert f"of the {risk.MAX_SOURCES} inputs" in page("risk.md")


def test_every_status_and_notice_kind_is_explained() -> None:
    """With what is asked of the reader."""
    for status in get_args(r.Status):
        assert f"| `{status}` |" in page("risk.md")
        assert f"| `{risk.ASKS[status]}` |" in page("risk.md")
    for kind in set(get_args(r.NoticeKind)) - {"UNKNOWN", "snapshot"}:
        assert f"| `{kind}` |" in page("flow.md")


def test_what_the_steps_count_is_in_the_closed_sets() -> None:
    """On a world of everything: no label that the page of metrics does not list."""
    bus = Bus(partitions=1)
    for step in lineages.lineage(__import__("random").Random(5), events=60):
        if isinstance(step, lineages.Told):
            bus.tick(step.time)
        else:
            bus.submit(step.party, step.name, step.record, event_id=step.event_id)
    bus.submit("p0", "Subscription", {"target": "p1/l0"})
    bus.submit("nobody", "Subscription", {"target": "p1/l0"})
    seen: set[tuple[str, ...]] = set()
    while ready := [lane for lane in bus.lanes if lane.ready()]:
        lane, take = ready[0], ready[0]._take

        def spy(result: Any, take: Any = take) -> None:
            seen.update(result.facts)
            take(result)

        lane._take = spy  # type: ignore[method-assign]
        lane.work(None)
        lane._take = take  # type: ignore[method-assign]
    assert {fact for fact, *_ in seen} >= set(FACTS) - {"lines_stopped", "walks_shortened"}  # nothing breaks, nothing waits
    for fact, *values in seen:
        sets = FACTS[fact].labels.values()
        assert len(values) == len(sets)
        assert all(value in known for value, known in zip(values, sets, strict=True)), (fact, values)


# --------------------------------------------------------------------------------------------------- links and command lines


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    """Files and headings; links out are left alone."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.exists(), target
        if anchor:
            assert anchor in {_slug(title) for title in re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)}, target


def _slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def command_lines() -> Iterator[tuple[str, str]]:
    """Every command line in a fenced block, with its page; in help texts an example may be wrapped."""
    for path in PAGES:
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
            pieces = re.split(r"\n\s*\n", block) if kind == "text" else block.splitlines() if kind in ("sh", "") else []
            for piece in pieces:
                line = re.sub(r"^(?:[A-Z_]+=\S+ )+", "", " ".join(piece.split()))
                if line.startswith("exchange "):
                    yield path.name, line


LINES = sorted(set(command_lines()))


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_every_command_line_parses(name: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, options and values are ones there are; the files it names are made up here."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    command: Any = get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    for word in words:
        if not word.startswith("-") and ("/" in word or "." in word):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).touch() if Path(word).suffix in (".yaml", ".md", ".json", ".pem") else (tmp_path / word).mkdir(
                exist_ok=True
            )
    command.make_context("exchange", words)


def test_there_are_command_lines_to_parse() -> None:
    """The pattern finds them."""
    assert len(LINES) > len(list(render.commands()))
    assert {name for name, _ in LINES} >= {"README.md", "cli.md", "disclosure.md"}


def test_the_changelog_has_this_version() -> None:
    """For users."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


# --------------------------------------------------------------------------------------------------- the worked example


def test_the_worked_diamond_is_what_the_exchange_does() -> None:
    """Both tables of docs/risk.md, and the sentence after them."""
    bus = Bus(partitions=2)
    for party in ("acme", "beta", "corp", "dora"):
        bus.submit(party, "Party", {"party": party, "display_name": party, "roles": ["developer"]})
    for release, relation, parents in (
        ("acme/base@1", "", []),
        ("beta/left@1", "fine_tune", ["acme/base@1"]),
        ("corp/right@1", "fine_tune", ["acme/base@1"]),
        ("dora/merge@1", "merge", ["beta/left@1", "corp/right@1"]),
    ):
        links = [{"ref": parent, "relation": relation} for parent in parents]
        bus.submit(release.partition("/")[0], "ModelCard", {"release": release, "stage": "released", "parents": links})
    bus.tick(EPOCH)

    def assess(release: str, event_id: str, level: str, **more: Any) -> dict[str, tuple[str, str]]:
        owner, finding = release.partition("/")[0], {"category": "R11", "level": level}
        record = {"release": release, "assessor": owner, "independence": "self", "findings": [finding], **more}
        bus.submit(owner, "RiskAssessment", record, event_id=event_id)
        bus.run()
        entries = {name: next(e for e in held["profile"] if e["category"] == "R11") for name, held in bus.dossiers().items()}
        return {name: (entry["level"], entry["status"]) for name, entry in entries.items()}

    def way() -> list[str]:
        held = bus.dossier("dora/merge@1")
        assert held
        entry = next(entry for entry in held["profile"] if entry["category"] == "R11")
        ways = [held["ways"][source["way"]] for source in entry["sources"]]
        assert len([way for way in ways if way["origin"] == "acme/base@1"]) == 1
        return [hop["release"] for hop in ways[0]["path"]]

    tables = [
        {row[0]: (row[1], row[2]) for row in re.findall(r"^\| `(\w+/\w+@1)` \| (\w+) \| (\w+) \|", part, re.MULTILINE)}
        for part in page("risk.md").partition("## Example")[2].split("Then `acme`")
    ]
    assess("acme/base@1", "e1", "high")
    assert assess("beta/left@1", "b1", "low", considers=["e1"]) == tables[0]
    assert way() == ["acme/base@1", "corp/right@1"]
    assert assess("acme/base@1", "e2", "critical", supersedes=["e1"]) == tables[1]
    assert way() == ["acme/base@1", "beta/left@1"]
    last = assess("beta/left@1", "b2", "low", considers=["e2"], supersedes=["b1"])
    assert (last["beta/left@1"], last["dora/merge@1"]) == (("low", "assessed"), ("critical", "carried"))
    assert way() == ["acme/base@1", "corp/right@1"]
