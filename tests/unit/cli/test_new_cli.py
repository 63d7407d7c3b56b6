"""``exchange new``: documents begun by answering questions."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exchange.cli import app, prompts
from exchange.core.documents import Document, parse_documents
from exchange.errors import ConfigError, DocumentError, ParseError, ValidationError

RUN = CliRunner()
DATA = Path(__file__).parents[2] / "data"
BASE = """release: acme/base@1
stage: released
makeup: {architecture: Decoder}
governance: {records: Kept for five years.}
risks: {operating_status: None known on 2026-01-31., by_category: [{category: R11, text: Invents facts.}]}
"""


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr("exchange.cli.new.at_terminal", lambda: True)


@pytest.fixture
def base(tmp_path: Path) -> str:
    """The card of a parent."""
    path = tmp_path / "base.yaml"
    path.write_text(BASE, encoding="utf-8")
    return str(path)


def read(path: Path) -> Document:
    """The one document of a file; `exchange check` finds no error in it either."""
    [document] = parse_documents(path.read_text("utf-8"), str(path))
    assert RUN.invoke(app, ["check", str(path)]).exit_code in (0, 1)
    return document


def lines(*answers: str) -> str:
    """What is typed."""
    return "".join(f"{answer}\n" for answer in answers)


ROLE = ["--role", "developer", "--lang", "en"]
ANSWERS = (
    *("acme/base", "acme/base@2", "", ""),  # a line is refused; stage as it is; no parent
    *("Kept for five years.", "No; fixed.", "Decoder", "Invents names.", "Filter", "Refusals", ""),
    *("Drafts", "Mails", "", "Legal advice", "", "None known on 2026-01-31.", "Volunteers' mails.", "Tuning.", "Acme"),
    *("Long texts.", "Balanced.", "Reviews."),
)


@pytest.mark.usefixtures("somebody")
def test_a_card_that_is_answered_is_complete(tmp_path: Path) -> None:
    """Each field once, in the order of the profile, lists line by line; nothing stays open."""
    path = tmp_path / "card.yaml"
    result = RUN.invoke(app, ["new", "card", *ROLE, "--profile", "jg-1.2", "--out", str(path)], input=lines(*ANSWERS))
    assert result.exit_code == 0, result.output
    card = read(path).record
    assert (card["release"], card["stage"], card["role"]) == ("acme/base@2", "released", "developer")
    assert card["purpose"]["intended_uses"] == ["Drafts", "Mails"]
    assert card["risks"]["safeguards"] == ["Filter", "Refusals"]
    assert "a release needs a version" in result.stderr
    assert "D-6)ii Information to stakeholders: whether output or program may change" in result.stderr
    assert "Read by: anybody" in result.stderr
    assert RUN.invoke(app, ["check", str(path), "--profile", "jg-1.2"]).exit_code == 0
    assert "#" not in path.read_text("utf-8")


@pytest.mark.usefixtures("somebody")
def test_what_a_parent_tells_is_not_asked(base: str, tmp_path: Path) -> None:
    """Its relation is; a developer's items with it are shown as inherited."""
    path = tmp_path / "card.yaml"
    asked = ["new", "card", *ROLE, "--parent", base, "--set", "licence=MIT", "--out", str(path)]
    result = RUN.invoke(app, asked, input=lines("beta/tuned@1", "preview", "quantise", *[""] * 30))
    assert result.exit_code == 0, result.output
    assert [(parent["ref"], parent["relation"]) for parent in read(path).record["parents"]] == [("acme/base@1", "quantise")]
    assert "inherited, so not asked: JG-D6i " in result.stderr
    assert "Governance › Records" not in result.stderr
    assert "# Open: JG-D6ii-1 (D-6)ii) " in path.read_text("utf-8")


@pytest.mark.usefixtures("somebody")
def test_nothing_is_written_over_unasked(tmp_path: Path) -> None:
    """Not by no, not by --yes; by yes it is."""
    path = tmp_path / "card.yaml"
    path.write_text("mine\n", encoding="utf-8")
    start = ["new", "card", "--set", "release=acme/base@1", "--set", "stage=research", "--out", str(path)]
    assert RUN.invoke(app, start, input="n\n").exit_code == 2
    assert RUN.invoke(app, [*start, "--yes"]).exit_code == 2
    assert path.read_text("utf-8") == "mine\n"
    assert RUN.invoke(app, start, input=lines("y", *[""] * 30)).exit_code == 0
    assert read(path).record["stage"] == "research"


def test_a_document_that_cannot_be_written_is_not_lost(tmp_path: Path) -> None:
    """A missing folder is said before the questions; what fails at the end is printed."""
    start = ["new", "card", "--set", "release=acme/base@1", "--out"]
    assert RUN.invoke(app, [*start, str(tmp_path / "none" / "card.yaml")]).exit_code == 2
    gone = tmp_path / "card.yaml"
    gone.symlink_to(tmp_path / "none" / "card.yaml")
    result = RUN.invoke(app, [*start, str(gone)])
    assert isinstance(result.exception, ConfigError)
    assert result.stdout.startswith("release: acme/base@1\n")


@pytest.mark.usefixtures("somebody")
def test_stopping_keeps_every_answer(tmp_path: Path) -> None:
    """Beside the file, the line of a list too; an older draft stays, and one can go on from it."""
    path = tmp_path / "card.yaml"
    typed = lines(*ANSWERS[:9])
    for name in ("card.yaml.draft", "card.yaml.draft2"):
        assert RUN.invoke(app, ["new", "card", *ROLE, "--out", str(path)], input=typed).exit_code == 130
        card = read(tmp_path / name).record
        assert (card["training"]["learns_in_use"], card["risks"]["safeguards"]) == ("No; fixed.", ["Filter"])
    assert not path.exists()
    going_on = ["new", "card", *ROLE, "--from", str(tmp_path / "card.yaml.draft"), "--out", str(path)]
    result = RUN.invoke(app, going_on, input=lines(*[""] * 30))
    assert "Release [acme/base@2]" in result.stderr
    assert "Change by learning" not in result.stderr
    assert read(path).record["governance"]["records"] == "Kept for five years."
    assert RUN.invoke(app, ["new", "card", "--out", str(path.with_name("x.yaml"))], input="").exit_code == 130
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    "file",
    [
        path
        for form in ("cyclonedx", "hf", "mct", "spdx")
        for path in sorted((DATA / form).iterdir())
        if "aibom" not in path.name and "invalid" not in path.name
    ],
    ids=lambda path: path.name,
)
def test_any_form_begins_a_card(file: Path, tmp_path: Path) -> None:
    """Without a terminal nothing is asked; what is open stands below as comments."""
    path = tmp_path / "card.yaml"
    result = RUN.invoke(
        app, ["new", "card", "--from", str(file), "--set", "release=acme/base@1", "--lang", "ja", "--out", str(path)]
    )
    assert result.exit_code == 0, result.output
    assert read(path).record["release"] == "acme/base@1"
    assert "# 未記載: JG-" in path.read_text("utf-8")


@pytest.mark.parametrize(("lang", "told"), [("ja", "利用者として記載すべき項目: 6"), ("en", "6 items to tell as user.")])
def test_a_user_is_told_what_users_owe(lang: str, told: str) -> None:
    """The role by its name in the reader's language."""
    asked = ["new", "card", "--role", "user", "--yes", "--lang", lang, "--set", "release=acme/app@1", "--set", "kind=system"]
    assert told in RUN.invoke(app, asked).stderr


WRONG: dict[str, type[DocumentError]] = {
    "licence": ParseError,
    "licence=": ParseError,
    "relaese=acme/base@1": ValidationError,
    "stage=secret-word": ValidationError,
    "makeup=secret-word": ValidationError,
    "parents.1.ref=a/secret-word": ValidationError,
    "digest=secret-word": ValidationError,
}


@pytest.mark.parametrize("given", WRONG)
def test_what_is_set_must_fit(given: str) -> None:
    """The field is named, the value is not quoted."""
    error = RUN.invoke(app, ["new", "card", "--yes", "--set", "release=acme/base@1", "--set", given]).exception
    assert isinstance(error, WRONG[given])
    assert "secret-word" not in error.explain()


def test_without_a_release_there_is_no_document() -> None:
    """And one value is one value."""
    for kind in ("card", "notice", "assessment"):
        error = RUN.invoke(app, ["new", kind, "--yes"]).exception
        assert isinstance(error, ValidationError)
        assert "--set release=" in error.hint
    twice = ["new", "card", "--yes", "--set", "release=acme/a@1", "--set", "release=acme/b@1"]
    assert "given twice" in str(RUN.invoke(app, twice).exception)


@pytest.mark.usefixtures("somebody")
def test_a_notice_from_two_cards_or_from_answers(base: str, tmp_path: Path) -> None:
    """What changed is filled in; categories are listed; safeguards tell what became of them."""
    new, path = tmp_path / "new.yaml", tmp_path / "notice.yaml"
    new.write_text(BASE.replace("@1", "@2").replace("Decoder", "Encoder"), encoding="utf-8")
    answers = lines(
        "", "", "", "", "Reads now", "", "filter", "removed: Filter", "", "R07", "R99", "R11", "", "partly", "Weights are new."
    )
    result = RUN.invoke(
        app, ["new", "notice", "--from", base, "--to", str(new), "--lang", "en", "--out", str(path)], input=answers
    )
    assert result.exit_code == 0, result.output
    told = read(path)
    assert told.type == "ChangeNotice"
    assert {name: told.record[name] for name in ("release", "parent", "kind", "assessments_hold", "affected_categories")} == {
        "release": "acme/base@2",
        "parent": "acme/base@1",
        "kind": "configuration",
        "assessments_hold": "partly",
        "affected_categories": ["R07", "R11"],
    }
    assert told.record["safeguards"] == [{"safeguard": "Filter", "effect": "removed"}]
    assert "Decoder → Encoder" in told.record["summary"]
    assert "  R15 " in result.stderr
    assert isinstance(RUN.invoke(app, ["new", "notice", "--from", base]).exception, ConfigError)


@pytest.mark.usefixtures("somebody")
def test_an_assessment_goes_through_what_matters_first(base: str, tmp_path: Path) -> None:
    """A residual level above the level is refused; self is not asked for but told."""
    path = tmp_path / "assessment.yaml"
    answers = lines(
        "", "", "Read by two people.", "2027-03-31", "moderate", "high", "low", "user: Check it.", "", "R07", "low", "", "", ""
    )
    result = RUN.invoke(app, ["new", "assessment", "--from", base, "--lang", "en", "--out", str(path)], input=answers)
    assert result.exit_code == 0, result.output
    told = read(path).record
    assert (told["assessor"], told["independence"], told["method"]) == ("acme", "self", "Read by two people.")
    assert [(each["category"], each["level"], each["residual_level"]) for each in told["findings"]] == [
        ("R11", "moderate", "low"),
        ("R07", "low", None),
    ]
    assert told["findings"][0]["mitigations"] == [{"text": "Check it.", "applied_by": "user"}]
    assert "higher than the level before mitigation" in result.stderr
    assert "Invents facts." in result.stderr


def test_an_assessment_without_a_terminal(base: str) -> None:
    """Findings by category; somebody else is a third party unless they say otherwise; without findings there is none."""
    asked = ["new", "assessment", "--from", base, "--set", "assessor=lab", "--set", "R11=high", "--set", "R11.residual_level=low"]
    [told] = parse_documents(RUN.invoke(app, asked).stdout, "a.yaml")
    assert told.record["independence"] == "third_party"
    assert [(each["level"], each["residual_level"]) for each in told.record["findings"]] == [("high", "low")]
    assert "needs findings" in str(RUN.invoke(app, ["new", "assessment", "--from", base, "--yes"]).exception)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The command at a real terminal: its process and our end of the line."""
    process, line = pty.fork()
    if process == 0:  # pragma: no cover - the other process
        # A terminal's shell hands Ctrl-C on; where the tests run in the background it is ignored, and that is inherited.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        words = [sys.executable, "-m", "exchange.cli", "new", "card", *ROLE, "--out", str(tmp_path / "card.yaml")]
        os.execv(sys.executable, words)  # noqa: S606 - no shell is wanted
    yield process, line
    os.close(line)


def until(line: int, text: str, pressed: bytes = b"") -> str:
    """What is shown up to a text; what was pressed is pressed again after two seconds of silence.

    Python's readline waits on when a signal comes between its prompt and its select, so one Ctrl-C may not be enough there.
    """
    shown = b""
    while text.encode() not in shown:
        if select.select([line], [], [], 2)[0]:
            shown += os.read(line, 4096)
        elif pressed:
            os.write(line, pressed)
    return shown.decode(errors="replace")


@pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")
def test_at_a_real_terminal(terminal: tuple[int, int], tmp_path: Path) -> None:
    """It asks, shows what it has, and Ctrl-C keeps it."""
    process, line = terminal
    until(line, "Release: ")
    os.write(line, b"acme/base@1\n")
    assert "research" in until(line, "[released]: ")
    os.write(line, b"preview\n")
    until(line, "Parent reference: ")
    os.write(line, b"\x03")
    until(line, "card.yaml.draft", pressed=b"\x03")
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) in (130, -signal.SIGINT)
    assert read(tmp_path / "card.yaml.draft").record["stage"] == "preview"


def test_a_test_runner_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing is asked there."""
    with Path(os.devnull).open(encoding="utf-8") as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert not prompts.at_terminal()
