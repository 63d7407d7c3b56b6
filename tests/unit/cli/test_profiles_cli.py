"""``exchange profiles`` without an exchange: list, show, test, new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.adapters.resources import load_rule_texts
from exchange.cli import app
from exchange.errors import ConfigError

RUN = CliRunner()


def invoke(*arguments: str | Path) -> tuple[int, str]:
    done = RUN.invoke(app, ["profiles", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_what_ships_is_listed_without_an_exchange(tmp_path: Path) -> None:
    """What is in force is then not known, and that is said on the side."""
    code, output = invoke("list", "--json", "--home", tmp_path)
    rows = {row["id"]: row for row in json.loads(output[: output.rindex("]") + 1])}
    assert code == 0
    assert set(rows) == set(load_rule_texts().profiles)
    assert (rows["jg-1.2"]["rows"], rows["jg-1.2"]["ships"], rows["jg-1.2"]["in_force"]) == (28, True, None)
    assert "what is in force is not known" in invoke("list", "--home", tmp_path)[1]


def test_a_profile_is_shown_row_by_row() -> None:
    code, output = invoke("show", "eu-annex-xii", "--lang", "ja")
    assert code == 0
    assert "A12-1a" in output
    assert "open_source" in output
    items = json.loads(invoke("show", "eu-mdf", "--json")[1])["items"]
    assert {item["precision"] for item in items} == {None, "exact", "rough"}
    with pytest.raises(ConfigError, match="no rule profile nothing"):
        invoke("show", "nothing.toml")


def test_an_own_profile_is_begun_tested_and_shown(tmp_path: Path) -> None:
    """What `new` writes works as it stands; a case that does not hold is told with its line."""
    own = tmp_path / "own.toml"
    code, output = invoke("new", own)
    assert code == 0
    assert f"exchange profiles test {own}" in output
    code, output = invoke("test", own)
    assert (code, output.splitlines()[-1]) == (0, "2 cases, 0 fail")
    assert invoke("show", own)[0] == 0
    cases = own.with_suffix(".cases.yaml")
    cases.write_text(cases.read_text(encoding="utf-8").replace("not_applicable", "missing"), encoding="utf-8")
    code, output = invoke("test", own)
    assert code == 1
    assert f"{cases}:10: CONTACT: status is not_applicable, not missing" in output
    assert json.loads(invoke("test", own, "--json")[1])[1]["differences"]
    with pytest.raises(ConfigError, match="is there already"):
        invoke("new", own)
    with pytest.raises(ConfigError, match="ships with the exchange"):
        invoke("new", tmp_path / "jg-1.2.toml")


def test_the_cases_of_what_ships_hold() -> None:
    code, output = invoke("test", "hcoc-1")
    assert code == 0
    assert output.splitlines()[-1].endswith(" cases, 0 fail")


FAULTY = {
    "- documents: x\n  expect: {}\n": "needs 'case'",
    "case: one\n": "one list of cases",
    "- case: one\n  documents: x\n  expect: [a]\n": "'expect' must hold row ids",
    "- case: one\n  documents: x\n  expect: {A: {state: missing}}\n": "a mapping of",
    "- case: one\n  documents: x\n  expect: {}\n  at: today\n": "must be a date",
    "- case: one\n  documents: x\n  expect: {}\n  complete: maybe\n": "true or false",
    "- case: one\n  documents: x\n  expects: {}\n": "unknown key 'expects'",
}


@pytest.mark.parametrize("text", FAULTY)
def test_a_faulty_case_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    cases = tmp_path / "own.cases.yaml"
    cases.write_text(text, encoding="utf-8")
    with pytest.raises(Exception, match=FAULTY[text]) as caught:
        invoke("test", "hcoc-1", "--cases", cases)
    assert str(cases) in str(caught.value)
