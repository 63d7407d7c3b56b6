"""The documents of the guides and of the demo lineage are real ones."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from pathlib import Path

import pytest

from exchange.adapters.resources import load_profile, load_rule_texts
from exchange.core.check import Warned, check
from exchange.core.conditions import Condition
from exchange.core.documents import TYPES, Document, parse_documents
from exchange.core.documents.markdown import HEADINGS
from exchange.core.facts import DOMAINS, GPAI_FLOP, RELATIONS, SYSTEMIC_FLOP, Facts
from exchange.core.profile_cases import _ASKED, _KEYS, parse_cases, run_cases
from exchange.core.profiles import _COLUMNS, INHERIT
from exchange.core.repeated import LONG_NUMBER, LONG_TEXT
from exchange.core.reports.words import WORDS
from exchange.core.said import LONGEST_PLACEHOLDER

ROOT = Path(__file__).parents[2]
CARDS = (ROOT / "docs" / "cards.md").read_text(encoding="utf-8")
CHECK = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
COMPLETENESS = (ROOT / "docs" / "completeness.md").read_text(encoding="utf-8")
LINEAGE = ROOT / "examples" / "lineage"
EXAMPLES = [path for path in sorted(LINEAGE.rglob("*")) if path.suffix in (".yaml", ".md") and path.name != "README.md"]
SLERP = "weyaxi/openhermes-2.5-neural-chat-v3-3-slerp@1.0"


def lineage() -> list[Document]:
    return [document for path in EXAMPLES for document in parse_documents(path.read_text(encoding="utf-8"), str(path))]


@pytest.mark.parametrize(("kind", "ending"), [("yaml", "yaml"), ("markdown", "md")])
def test_every_example_of_the_guide_is_sound(kind: str, ending: str) -> None:
    """What the guide shows, the reader takes; every type of document is shown."""
    blocks = re.findall(rf"```{kind}\n(.*?)```", CARDS, re.DOTALL)
    documents = [document for block in blocks for document in parse_documents(block, f"guide.{ending}")]
    assert documents
    if kind == "yaml":
        assert {document.type for document in documents} == set(TYPES)


def test_the_guide_lists_every_heading() -> None:
    """The table and the code say the same."""
    for path, titles in HEADINGS.items():
        assert f"| `{path}` | {', '.join(titles)} |" in CARDS


def test_the_semantics_name_every_status_inheritance_and_column() -> None:
    """Whoever writes a profile finds every word."""
    statuses = ["provided", "inherited", "withheld", "not_applicable", "missing", "placeholder", "stale"]
    for word in (*statuses, *INHERIT, *sorted(_COLUMNS)):
        assert f"`{word}`" in COMPLETENESS


def test_the_semantics_name_every_variable_of_a_condition_with_its_values() -> None:
    """One row each, with the values in their order; numbers too are those of the code."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| ", COMPLETENESS.partition("| variable |")[2], re.MULTILINE))
    assert set(Facts._fields) <= rows.keys()
    for name, values in (*DOMAINS.items(), ("relations", RELATIONS)):
        assert re.findall(r"`([^`]+)`", rows[name]) == [json.dumps(value) for value in values]
    assert (SYSTEMIC_FLOP, GPAI_FLOP) == (1e25, 1e23)
    assert COMPLETENESS.count("10²⁵") == 2
    assert COMPLETENESS.count("10²³") == 1
    assert f"up\nto {LONGEST_PLACEHOLDER} characters" in COMPLETENESS
    assert f"{LONG_TEXT} characters or more, or a number of {LONG_NUMBER} or more" in CHECK


def test_the_semantics_name_every_profile_that_ships() -> None:
    """And no other."""
    table = COMPLETENESS.partition("## Which profiles")[2].partition("##")[0]
    told = {name for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", line)}
    assert told == set(load_rule_texts().profiles)


def test_the_conditions_and_cases_of_the_guide_are_sound() -> None:
    """The condition is one; the cases name every key and hold."""
    for block in re.findall(r"```toml\n(.*?)```", COMPLETENESS, re.DOTALL):
        Condition(tomllib.loads(block)["applies_when"], "the guide")
    [block] = re.findall(r"```yaml\n(- case.*?)```", COMPLETENESS, re.DOTALL)
    for result in run_cases(load_profile("jg-1.2"), parse_cases(block, "guide.yaml"), "guide.yaml"):
        assert not result.differences
    for key in _KEYS | _ASKED:
        assert f"`{key}`" in COMPLETENESS.partition("## Cases of a profile")[2]


def test_every_warning_has_its_row() -> None:
    """In the page of the check, and a word in both languages."""
    kinds = re.findall(r"``([a-z-]+)``", (inspect.getdoc(Warned) or "").partition("kind:")[2].partition("what:")[0])
    assert "repeated" in kinds
    for kind in kinds:
        assert f"| `{kind}` |" in CHECK
        assert all(kind in words for words in WORDS.values())


def test_the_demo_lineage_is_a_diamond_of_sound_documents() -> None:
    """Every file reads; the merge reaches the base by two ways; parties are those who publish."""
    documents = lineage()
    cards = {document.record["release"]: document.record for document in documents if document.type == "ModelCard"}
    parties = {document.record["party"] for document in documents if document.type == "Party"}

    def ways(release: str) -> int:
        parents = [parent["ref"] for parent in cards[release]["parents"] if parent["ref"] in cards]
        return sum(map(ways, parents)) if parents else 1

    assert len(cards) == 5
    assert ways(SLERP) == 2
    assert {release.partition("/")[0] for release in cards} | {"example-user"} == parties


def test_illustrative_documents_say_so() -> None:
    """No made-up level can be taken for a party's statement."""
    for document in lineage():
        if document.type == "RiskAssessment":
            assert document.record["method"] == "Illustrative for this example, not a statement by the party."
        if document.type == "Grant":
            assert document.record["purpose"].startswith("Illustrative")


def test_the_demo_lineage_has_rows_provided_inherited_and_open() -> None:
    """The demo shows gaps with who owes them: developer, provider, and upstream."""
    profile = load_profile("jg-1.2")
    checked = {entry.release: entry for entry in check(lineage(), [profile]) if entry.profiles}
    rows = {row.row.id: row.result for row in checked["intel/neural-chat-7b@v3-1"].profiles[0].rows}
    assert not any(entry.complete for entry in checked.values())
    assert rows["JG-P6ii-2"]["status"] == "provided"
    assert (rows["JG-D6ii-1"]["status"], rows["JG-D6ii-1"]["origin"]) == ("inherited", "mistralai/mistral-7b@v0.1")
    assert (rows["JG-D6ii-4"]["status"], rows["JG-D6ii-4"]["owed_by_party"]) == ("missing", "mistralai")
    assert (rows["JG-P7ii-2"]["status"], rows["JG-P7ii-2"]["owed_by_party"]) == ("missing", "intel")
