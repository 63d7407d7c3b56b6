"""Documents checked together, offline."""

from __future__ import annotations

import pytest

from exchange.adapters.resources import load_profile
from exchange.core.check import Checked, as_json, check, exit_code
from exchange.core.documents import parse_documents
from exchange.core.reports.text import lines
from exchange.errors import Fault

PROFILE = load_profile("jg-1.2")
BASE = """\
release: acme/base@1
stage: released
governance:
  records: kept for ten years
training:
  method: TBD
"""
CHILD = """\
release: beta/tuned@1
stage: released
parents:
  - ref: acme/base{pin}
    relation: quantise
"""


def run(*texts: str) -> list[Checked]:
    documents = [document for index, text in enumerate(texts) for document in parse_documents(text, f"{index}.yaml")]
    return check(documents, [PROFILE])


def rows(checked: Checked) -> dict[str, tuple[str, str | None, int]]:
    return {row.row.id: (row.result["status"], row.result["owed_by_party"], row.line) for row in checked.profiles[0].rows}


def test_a_gap_stands_at_the_line_of_its_field() -> None:
    """The field's own line, its section's, or the card's first."""
    found = rows(run(BASE)[0])
    assert found["JG-D6ii-6"] == ("missing", "acme", 1)
    assert found["JG-D6ii-1"] == ("missing", "acme", 5)
    assert found["JG-D6i"] == ("provided", "acme", 4)


def test_a_parent_among_the_documents_passes_down_what_it_provides() -> None:
    """Pinned and unpinned parents; without the parent the row is open and its owner owes it."""
    for pin in ("@1", ""):
        assert rows(run(CHILD.format(pin=pin), BASE)[0])["JG-D6i"][:2] == ("inherited", "acme")
    assert rows(run(CHILD.format(pin="@1"))[0])["JG-D6i"][:2] == ("missing", "acme")


def test_change_notices_among_the_documents_count() -> None:
    """A notice ends what is inherited only while unchanged."""
    learns = BASE.replace("method: TBD", "learns_in_use: fixed after release")
    notice = "type: ChangeNotice\nrelease: beta/tuned@1\nkind: configuration\n"
    assert rows(run(CHILD.format(pin="@1"), learns)[0])["JG-D6ii-1"][0] == "inherited"
    assert rows(run(CHILD.format(pin="@1"), learns, notice)[0])["JG-D6ii-1"][:2] == ("missing", "beta")


def test_cycles_of_parents_end() -> None:
    """Two cards that name each other are checked all the same, and a long chain of merges quickly."""
    one = CHILD.replace("acme/base{pin}", "beta/other@1")
    other = one.replace("beta/tuned@1", "beta/x@1").replace("beta/other@1", "beta/tuned@1").replace("beta/x@1", "beta/other@1")
    assert len(run(one, other)) == 2
    head = "release: a/m{}@1\nstage: released\nparents:\n"
    merged = "- {{ref: a/m{}@1, relation: merge}}\n"
    chain = [head.format(n) + merged.format(n - 1) + merged.format(n - 2) for n in range(2, 60)]
    assert len(run(*chain)) == 58


def test_lines_read_like_a_linters() -> None:
    """File, line, official item, who owes it, label and hint, in either language."""
    checked = run(BASE)[0]
    english, japanese = list(lines(checked)), list(lines(checked, "ja"))
    assert english[0] == "developer acme owes 8:"
    start = "0.yaml:5: JG-D6ii-1 missing Information to stakeholders: whether output or program"
    assert english[1].startswith(start)
    assert "— training.learns_in_use: Say whether weights" in english[1]
    assert japanese[0] == "開発者 acme の提供義務: 8件:"
    assert japanese[1].startswith("0.yaml:5: JG-D6ii-1 未記載 関連するステークホルダーへの情報提供")
    assert english[-1] == "acme/base@1: jg-1.2: not complete: 8 open"
    assert len(english) == len(japanese) == 10


def test_the_json_holds_every_row() -> None:
    """The keys that scripts rely on."""
    told = as_json(run(BASE)[0])
    assert {"release", "errors", "profiles"} <= told.keys()
    [profile] = told["profiles"]
    assert (profile["id"], profile["complete"], len(profile["rows"])) == ("jg-1.2", False, 28)
    assert {"id", "status", "owed_by", "label_ja", "label_en", "clause", "path"} <= profile["rows"][0].keys()


def test_a_gap_names_every_field_that_is_still_open() -> None:
    """So that nobody answers one field to be told of the next."""
    checked = run("release: a/b@1\nstage: released\nmakeup: {architecture: A decoder.}\n")[0]
    row = next(row for row in as_json(checked)["profiles"][0]["rows"] if row["id"] == "JG-D6ii-2")
    assert (row["path"], row["paths"]) == (row["paths"][0], ["risks.by_category", "risks.safeguards"])
    assert any(" — risks.by_category, risks.safeguards: " in line for line in lines(checked))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        *((text, "placeholder") for text in ("T.B.D.", "tbd later", "Fill in", "sample text", "n.a.", "[your text here]")),
        *((text, "placeholder") for text in ("ＴＢＤ", "空欄", "近日公開", "(記入)", "追記予定", "ここに方針を記入してください")),
        *((text, "provided") for text in ("公開中", "なし", "Fills in missing words", "該当なし", "Sampled from logs")),
    ],
)
def test_what_stands_for_nothing_is_known_in_both_languages(text: str, status: str) -> None:
    """By the patterns that ship; a short answer that means something is one."""
    [checked] = run(f"release: a/b@1\nstage: released\ntraining: {{learns_in_use: '{text}'}}\n")
    rows = as_json(checked)["profiles"][0]["rows"]
    assert next(row["status"] for row in rows if row["id"] == "JG-D6ii-1") == status


def test_exit_codes_tell_complete_gaps_and_invalid() -> None:
    """0, 1 and 2; a document that is no card has no gaps."""
    subscription = run("type: Subscription\ntarget: acme/base\n")
    invalid = Checked("x.yaml", None, (Fault("stage", 2, "missing", "write it"),))
    assert [exit_code(entry) for entry in (subscription, run(BASE), [*run(BASE), invalid])] == [0, 1, 2]
    assert list(lines(invalid)) == ["x.yaml:2: error: stage: missing — write it"]
    assert subscription[0].release == "acme/base"
