"""Every form of report: sound in its own format, complete, and safe against what cards hold."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from jsonschema import Draft4Validator

from exchange.adapters.resources import load_profile, load_schema_texts
from exchange.core.audience import Eyes
from exchange.core.baseline import dump_baseline, read_baseline, without_known
from exchange.core.check import Checked, Warned, check, exit_code
from exchange.core.disclosure import Projector
from exchange.core.documents import parse_documents
from exchange.core.fields import labels_of
from exchange.core.reports import REPORTS
from exchange.core.reports.markdown import LIMIT
from exchange.core.reports.words import WORDS
from exchange.core.schemas import SchemaSet
from exchange.errors import ConfigError, Fault

LABELS = labels_of({name: json.loads(text) for name, text in load_schema_texts().items()}, "ModelCard")
PROFILE = load_profile("jg-1.2", LABELS)
BASE = "release: acme/base@1\nstage: released\ngovernance:\n  records: kept for ten years\ntraining:\n  method: TBD\n"
CHILD = "release: beta/tuned@1\nstage: released\nparents:\n  - {ref: acme/base@1, relation: fine-tune}\n"
EVIL = Checked(
    "a|b/<x>&\"'.yaml",
    None,
    (Fault("pa<th", 3, "bad <script>alert(1)</script> ]]> \x00\x1b @all", "a | b\n# head"),),
    warnings=(Warned("secret", "private key", "purpose.summary", 2),),
)


def run(*texts: str, audience: Any = None) -> list[Checked]:
    documents = [document for index, text in enumerate(texts) for document in parse_documents(text, f"{index}.yaml")]
    eyes = Eyes(Projector(SchemaSet.from_texts(load_schema_texts())), audience) if audience else None
    return check(documents, [PROFILE], labels=LABELS, eyes=eyes)


ALL = [*run(BASE, CHILD), EVIL]
OTHERS = Path(__file__).parents[2] / "data" / "schemas"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_sarif_has_the_structure_that_the_standard_asks_for(language: Any) -> None:
    """Required members, known levels, indexes that fit, relative references, one fingerprint each."""
    log = json.loads(REPORTS["sarif"](ALL, language))
    assert (log["version"], log["$schema"].endswith("sarif-2.1.0.json")) == ("2.1.0", True)
    [run_] = log["runs"]
    rules, results = run_["tool"]["driver"]["rules"], run_["results"]
    assert run_["tool"]["driver"]["name"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert {rule["defaultConfiguration"]["level"] for rule in rules} <= {"none", "note", "warning", "error"}
    for result in results:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error")
        assert result["message"]["text"]
        [place] = result["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%./_~:-]+", uri)
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert re.fullmatch(r"[0-9a-f]{64}", result["partialFingerprints"]["exchangeFinding/v1"])
    gaps = sum(len(profile.gaps) for entry in ALL for profile in entry.profiles)
    assert len(results) == gaps + 2


@pytest.mark.parametrize("language", ["ja", "en"])
def test_sarif_is_valid_by_its_schema(language: Any) -> None:
    """The standard's own schema finds nothing, and would find a level that it does not know."""
    validator = Draft4Validator(json.loads((OTHERS / "sarif-2.1.0-rtm.5.json").read_text("utf-8")))
    log = json.loads(REPORTS["sarif"](ALL, language))
    assert [error.message for error in validator.iter_errors(log)] == []
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not validator.is_valid(log)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_junit_is_valid_by_the_common_schema(language: Any) -> None:
    """But for file and line of a case: the schema lacks them, and code hosts read them."""
    schema = xmlschema.XMLSchema(OTHERS / "junit-10.xsd")
    root = ET.fromstring(REPORTS["junit"](ALL, language))  # noqa: S314 - our own output
    assert not schema.is_valid(root)
    for case in root.iter("testcase"):
        case.attrib.pop("file", None)
        case.attrib.pop("line", None)
    assert [error.reason for error in schema.iter_errors(root)] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_junit_counts_what_it_holds(language: Any) -> None:
    """Well-formed, also with characters XML forbids; the counts are those of the cases."""
    root = ET.fromstring(REPORTS["junit"](ALL, language))  # noqa: S314 - our own output
    suites = root.findall("testsuite")
    assert len(suites) == 3
    for suite in suites:
        cases = suite.findall("testcase")
        counts = {tag: len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")}
        told = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
        assert told == {
            "tests": len(cases),
            "failures": counts["failure"],
            "errors": counts["error"],
            "skipped": counts["skipped"],
        }
    assert int(suites[0].attrib["failures"]) > 0
    assert suites[2].attrib["errors"] == "1"


class _Page(HTMLParser):
    """Open tags and the elements seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_is_one_file_and_runs_nothing(language: Any) -> None:
    """Balanced, its language said, sized for phones, printable; nothing from elsewhere, nothing of a card as markup."""
    text = REPORTS["html"](ALL, language)
    page = _Page()
    page.feed(text)
    assert not page.open
    assert ("html", {"lang": language}) in page.seen
    assert any(attrs.get("name") == "viewport" for _, attrs in page.seen)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.seen}
    assert not any(key in ("src", "href") or key.startswith("on") for _, attrs in page.seen for key in attrs)
    assert "@media print" in text
    assert sum(tag == "details" for tag, _ in page.seen) == 3


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE = 360


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_is_no_wider_than_a_phone(language: Any, tmp_path: Path) -> None:
    """Every section unfolded, long names and paths among them, in a real browser."""
    long = run("release: acme/" + "model" * 20 + "@1\nstage: released\n")
    frame, page = tmp_path / "frame.html", REPORTS["html"]([*ALL, *long], language).replace("<details", "<details open")
    frame.write_text(
        f'<iframe id="f" style="width:{PHONE}px;border:0" srcdoc="{escape(page)}"></iframe>'
        "<script>onload = () => { const d = f.contentDocument.documentElement; document.title = d.scrollWidth }</script>",
        encoding="utf-8",
    )
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
    run_ = subprocess.run([str(CHROMIUM), *flags, frame.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"<title>(\d+)</title>", run_.stdout)
    assert found
    assert PHONE - 20 < int(found[1]) <= PHONE  # a scroll bar takes some


@pytest.mark.parametrize("language", ["ja", "en"])
def test_markdown_fits_a_comment_and_stays_text(language: Any) -> None:
    """Cut below the limit; nothing of a card becomes markup, mention or a further column."""
    text = REPORTS["markdown"]([*ALL, *run(BASE) * 40], language)
    assert len(text) <= LIMIT
    assert "<script" not in text
    assert "\\@all" in text
    assert "\n# head" not in text
    assert all(line.replace("\\|", "").count("|") in (0, 4, 5) for line in text.splitlines())
    assert "JG-D6ii-1" in REPORTS["markdown"](run(BASE), language)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_words_are_the_same_in_both_languages(language: Any) -> None:
    """No name is missing in one, and every role of a row has its word."""
    assert WORDS[language].keys() == WORDS["en"].keys()
    assert {"developer", "provider", "user"} <= WORDS[language].keys()
    assert "利用者 acme" in REPORTS["text"](run(f"{BASE}kind: system\nrole: user\n"), "ja")


FORMS = [load_profile(name, LABELS) for name in ("eu-mdf", "g7-sbom-ai")]


@pytest.mark.parametrize("form", ["text", "html", "markdown"])
def test_several_profiles_stand_apart(form: str) -> None:
    """By who owes, then by profile; with what the exchange answers, and at which precision a number is owed."""
    [entry] = several()
    text = re.sub(r"<[^>]*>|\\", "", REPORTS[form]([entry], "en"))
    owed = text.index("developer acme owes", text.index("0.yaml" if form == "html" else ""))
    for profile in entry.profiles:
        name = profile.label_en if form == "html" else profile.id
        assert text.index(f"{name}: {len(profile.gaps)} open") > owed
        assert profile.by_exchange > 0
        assert f"{name}: not complete: {len(profile.gaps)} open; {profile.by_exchange} answered by the exchange" in text
    assert "missing (a range will do)" in text
    assert "missing (exact value)" in text


def several() -> list[Checked]:
    return check(parse_documents(BASE, "0.yaml"), FORMS, labels=LABELS)


def test_one_profile_needs_no_heading() -> None:
    """Its name stands once, in the sum."""
    assert REPORTS["text"](run(BASE), "en").count("jg-1.2: ") == 1


def test_json_tells_what_the_row_asks() -> None:
    """Precision, inheritance, whether the exchange answers, whether the item was read in the framework's text."""
    told = json.loads(REPORTS["json"](several(), "en"))["profiles"]
    for profile, answer in zip(FORMS, told, strict=True):
        assert [(row["by_exchange"], row["precision"], row["inherit"], row["verified"]) for row in answer["rows"]] == [
            (row.by_exchange, row.precision, row.inherit, row.verified) for row in profile.rows
        ]
    assert {row["precision"] for row in told[0]["rows"]} == {None, "exact", "rough"}


def test_text_groups_by_who_owes_and_sums_up() -> None:
    """A parent's owner is named with what it owes in all cards."""
    text = REPORTS["text"](run(BASE, CHILD), "en")
    assert "developer acme owes" in text
    assert "provider beta owes" in text
    assert "2 checked: 0 complete, 2 with gaps, 0 invalid" in text
    assert re.search(r"  developer acme owes \d+ in ", text)


def test_json_of_several_is_one_array_that_says_what_was_imported() -> None:
    """One object for one document; verdict and source are in each."""
    assert [entry["verdict"] for entry in json.loads(REPORTS["json"](ALL, "en"))] == ["gaps", "gaps", "invalid"]
    assert json.loads(REPORTS["json"](run(BASE), "en"))["source"] == "exchange"


def test_no_report_quotes_a_secret() -> None:
    """The form is named, the value is not."""
    token = "ghp_" + "a1" * 18
    checked = run(f"{BASE}purpose:\n  summary: use {token}\n")
    assert [tuple(warned) for warned in checked[0].warnings] == [("secret", "GitHub token", "purpose.summary", 8)]
    for report in REPORTS.values():
        assert token not in report(checked, "ja")


def test_a_baseline_leaves_only_what_is_new() -> None:
    """Known gaps are marked and count no more; a new one does, in the next version of the line too."""
    before = run(BASE)
    known = read_baseline(dump_baseline(before), "known.json")
    after = [without_known(entry, known) for entry in run(BASE.replace("base@1", "base@2"))]
    assert exit_code(after) == 0
    assert "8 known, not told again" in REPORTS["text"](after, "en")
    worse = [without_known(entry, known) for entry in run(BASE.replace("kept for ten years", "TBD"))]
    assert [gap.row.id for gap in worse[0].profiles[0].gaps] == ["JG-D6i"]
    with pytest.raises(ConfigError, match="not a baseline"):
        read_baseline("[]", "known.json")
    assert exit_code([without_known(EVIL, known)]) == 2


def test_an_audience_sees_what_is_kept_from_it() -> None:
    """What is there but not for it is withheld with the reason; what nobody says stays a gap."""
    text = BASE.replace("method: TBD", "method: tuned") + (
        "makeup: {architecture: transformer}\nrisks: {performance_variation: none seen}\n"
        "disclosure:\n  - {path: governance.records, reason: trade secret}\n"
    )
    status = {row.row.id: (row.result["status"], row.result["reason"]) for row in run(text)[0].profiles[0].rows}
    assert status["JG-D7i-1"] == ("provided", None)
    [user] = run(text, audience="user")
    seen = {row.row.id: (row.result["status"], row.result["reason"]) for row in user.profiles[0].rows}
    assert seen["JG-D7i-1"] == ("withheld", "for provider")
    assert seen["JG-D6i"] == ("withheld", "trade secret")
    assert {key for key, value in seen.items() if value[0] == "missing"} == {
        key for key, value in status.items() if value[0] == "missing"
    }
    assert {entry["path"]: entry["reason"] for entry in user.withheld} == {
        "governance.records": "trade secret",
        "risks.performance_variation": "for provider",
    }
    assert "risks.performance_variation: for provider" in REPORTS["text"]([user], "en")
    assert run(text, audience="owner")[0].withheld == ()


def test_nothing_of_a_card_steers_a_terminal_or_a_workflow() -> None:
    """Names of extensions and reasons are the card's; a workflow command is one line, whatever a fault says."""
    token = "ghp_" + "a1" * 18
    checked = run(f'{BASE}extensions:\n  "\\e[31m\\n::error::x": use {token}\n')
    told = [entry for entry in [*checked, EVIL] if entry.warnings]
    assert len(told) == 2
    commands = REPORTS["github"](told, "en").splitlines()
    assert all(re.match(r"::(error|warning|notice) file=[^:,]+,line=\d+,title=[^:,]*::", line) for line in commands[:-1])
    assert not commands[-1].startswith("::")
    for form in ("text", "github", "markdown"):
        assert "\x1b" not in REPORTS[form](checked, "ja")
