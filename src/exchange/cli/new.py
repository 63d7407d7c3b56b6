"""``exchange new card|notice|assessment``: a document begun by answering what it owes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.cli.check import Labels, Lang, Profiles, card_labels, load_profiles
from exchange.cli.documents import one_card
from exchange.cli.prompts import Terminal, at_terminal, refuse_or_ask, save, save_draft
from exchange.core.authoring.answers import finished, put, read_answer
from exchange.core.authoring.card import Plan, item_line, open_items, plan, questions
from exchange.core.authoring.forms import (
    HINTS,
    assessment_questions,
    finding_paths,
    finding_questions,
    notice_questions,
    parent_of_card,
    start_of_card,
    that_matter,
)
from exchange.core.authoring.interview import Interview, Question
from exchange.core.diff.report import difference
from exchange.core.diff.report import notice as draft_notice
from exchange.core.documents import Document, dump_record
from exchange.core.documents.parse import validate
from exchange.core.facts import role_of
from exchange.core.labels import Label, field_labels
from exchange.core.profiles import RuleProfile
from exchange.core.reports import Language
from exchange.errors import ConfigError, ParseError, ValidationError
from exchange.refs import owner_of
from exchange.settings import reader_language


class Role(StrEnum):
    """In which role the owner publishes."""

    developer = "developer"
    provider = "provider"
    user = "user"


From = Annotated[
    Path | None,
    typer.Option(
        "--from", exists=True, dir_okay=False, help="Begin with this card: ours, or a README, BOM or JSON we can import."
    ),
]
Parents = Annotated[
    list[Path] | None, typer.Option("--parent", exists=True, dir_okay=False, help="A parent's card; may be repeated.")
]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="An answer; again for each entry of a list.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: write what is known, and what is open as comments.")]
Out = Annotated[Path | None, typer.Option(help="File to write. Default: print.")]

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "owed": "{count} items to tell as {role}. Enter skips a question, Ctrl-C keeps what was answered.",
        "inherited": "inherited, so not asked: {item}",
        "others": "{count} further items are open, owed by somebody else; `exchange check` lists them.",
        "draft": "Stopped. What was answered is in {path}; --from goes on with a card.",
        "nothing": "Stopped. Nothing was answered yet.",
    },
    "ja": {
        "owed": "{role}として記載すべき項目: {count}。Enter で省略、Ctrl-C で中断(回答は保存)。",
        "inherited": "親から継承するため質問しません: {item}",
        "others": "ほかの者が記載すべき項目が{count}件あります。`exchange check` で確認できます。",
        "draft": "中断しました。回答は {path} にあります。カードなら --from で続けられます。",
        "nothing": "中断しました。回答はまだありません。",
    },
}
new = typer.Typer(help="Begin a document by answering questions.", no_args_is_help=True)


@new.command()
def card(
    from_: From = None,
    parent: Parents = None,
    role: Annotated[Role | None, typer.Option(help="Your role. Default: provider with a parent, else developer.")] = None,
    profile: Profiles = None,
    lang: Lang = None,
    set_: Set = None,
    yes: Yes = False,
    out: Out = None,
) -> None:
    """Begin a model card: asks only for what your role owes and neither you nor a parent has told.

    Questions come from the rule profiles, with clause, hint and who reads the answer. Without a terminal, or with --yes, nothing
    is asked; what is open stands as comments at the end. A file that is there is written over only when you say so.

    Examples:

      exchange new card --out card.yaml

      exchange new card --from README.md --parent base.yaml --role provider --out card.yaml

      exchange new card --yes --set release=acme/base@1.0 --set licence=Apache-2.0
    """
    labels, language = card_labels(), _language(lang)
    parents = [one_card(path, labels) for path in parent or []]
    values = dict(one_card(from_, labels).record) if from_ else {"stage": "released"}
    work = _Work("ModelCard", values, set_, yes, out, language)
    if role:
        work.talk.values["role"] = role.value
        work.talk.given.add("role")
    profiles = load_profiles(profile, labels)
    work.run(lambda: _ask_card(work, parents, profiles, labels))


@new.command()
def notice(
    from_: Annotated[
        Path | None, typer.Option("--from", exists=True, dir_okay=False, help="The card before; with --to, fills the draft.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", exists=True, dir_okay=False, help="The card after.")] = None,
    lang: Lang = None,
    set_: Set = None,
    yes: Yes = False,
    out: Out = None,
) -> None:
    """Begin a change notice; with two cards, from what changed between them.

    Examples:

      exchange new notice --from card-1.0.yaml --to card-1.1.yaml --out notice.yaml

      exchange new notice --yes --set release=acme/base@1.1 --set kind=data --set affected_categories=R07
    """
    if (from_ is None) != (to is None):
        raise ConfigError("--from and --to go together: the card before, and the card after")
    language = _language(lang)
    values: dict[str, Any] = {"kind": "other"}
    if from_ and to:
        labels = card_labels()
        found = difference(one_card(from_, labels), one_card(to, labels), [], [], None)
        values = dict(draft_notice(found, labels, _names("ModelCard"), language))
    work = _Work("ChangeNotice", values, set_, yes, out, language)
    listed = [f"{name} {label}" for name, label in _categories(language).items()]
    work.run(lambda: _ask_all(work.talk, notice_questions(_names("ChangeNotice"), listed, language)))


@new.command()
def assessment(
    from_: From = None,
    parent: Parents = None,
    lang: Lang = None,
    set_: Set = None,
    yes: Yes = False,
    out: Out = None,
) -> None:
    """Begin a risk assessment: category by category, first those that the card and its parents name.

    A finding is set by its category: R11=high, R11.residual_level=low, R11.mitigations=TEXT.

    Examples:

      exchange new assessment --from card.yaml --parent base.yaml --out assessment.yaml

      exchange new assessment --yes --set release=acme/base@1.0 --set R11=high --set R11.residual_level=low
    """
    labels, language = card_labels(), _language(lang)
    cards = [one_card(path, labels).record for path in (*([from_] if from_ else []), *(parent or []))]
    values = {"release": cards[0]["release"]} if from_ else {}
    work = _Work("RiskAssessment", values, set_, yes, out, language)
    work.run(lambda: _ask_assessment(work.talk, that_matter(cards), language))


class _Work:
    """One document, from what is given to the file.

    Attributes:
        talk: the questions and the values so far.
        comments: lines to write below the document.
        interactive: whether anybody is asked.
    """

    def __init__(
        self, name: str, values: dict[str, Any], given: Iterable[str] | None, yes: bool, out: Path | None, language: Language
    ) -> None:
        self.language, self.words, self.comments = language, _WORDS[language], list[str]()
        self.interactive = at_terminal() and not yes
        self._out = out
        refuse_or_ask(out, interactive=self.interactive)
        terminal = Terminal()
        values, paths = _with_given(name, values, given or ())
        self.tell: Callable[[str], None] = terminal.tell
        self.talk = Interview(name, values, terminal.ask if self.interactive else lambda _asked: "", terminal.tell, paths)

    def run(self, ask: Callable[[], None]) -> None:
        """Ask, and write; when stopped, keep what was answered.

        Raises:
            ValidationError: something is missing without which there is no document.
        """
        try:
            ask()
            record = self.record()
        except (KeyboardInterrupt, EOFError, typer.Abort):
            self._stopped()
            raise typer.Exit(130) from None
        except ValidationError:
            if self.interactive:
                self._stopped()
            raise
        comments = "".join(f"# {' '.join(line.split()) if line.strip() else ''}\n" for line in self.comments)
        save(dump_record(self.talk.name, record) + comments, self._out)

    def record(self) -> Any:
        """What there is so far, as a whole document."""
        if "release" not in self.talk.values:
            raise ValidationError("release: missing", hint="--set release=party/name@version says which it is about")
        labels = card_labels() if self.talk.name == "ModelCard" else None
        return finished(self.talk.name, self.talk.values, str(self._out or "document"), labels)

    def _stopped(self) -> None:
        values = self.talk.values
        if "release" not in values:
            self.tell(self.words["nothing"])
            return
        # A draft may be less than a document, but it is written as one, so that it can be gone on with.
        filled = {"assessor": owner_of(values["release"]), "independence": "self"} if self.talk.name == "RiskAssessment" else {}
        record, faults = validate(self.talk.name, {**filled, **values})
        if faults:  # a finding that --set gave without its level: the command line still holds it
            left_out = {fault.path.partition(".")[0] for fault in faults}
            record, _ = validate(self.talk.name, {**filled, **{key: values[key] for key in values if key not in left_out}})
        fallback = self._out or Path(f"{self.talk.name}.yaml")
        path = save_draft(dump_record(self.talk.name, record), fallback)
        self.tell(self.words["draft"].format(path=path))


def _ask_card(work: _Work, parents: list[Document], profiles: list[RuleProfile], labels: Labels) -> None:
    names, language, talk = _names("ModelCard"), work.language, work.talk
    _ask_all(talk, start_of_card(names, language))
    _ask_parents(talk, parents, names, language)
    made = work.record()
    role = role_of(made)
    found = plan(made, parents, profiles, role, date.today())
    _tell_plan(work, found, getattr(names["role"].symbols[role], language))
    _ask_all(talk, questions(found, made, labels, names, language))
    made = work.record()
    work.comments += open_items(plan(made, parents, profiles, role, date.today()), made, names, language)


def _tell_plan(work: _Work, found: Plan, role: str) -> None:
    for row in found.inherited:
        work.tell(work.words["inherited"].format(item=item_line(row, work.language)))
    work.tell(work.words["owed"].format(count=len(found.owed), role=role))
    if found.others:
        work.tell(work.words["others"].format(count=len(found.others)))


def _ask_parents(talk: Interview, parents: list[Document], names: Mapping[str, Label], language: Language) -> None:
    """The relation to each parent whose card is given; without any, which parents there are."""
    known = list(talk.values.get("parents") or [])
    told = {entry["ref"] for entry in known}
    for document in parents:
        if document.record["release"] not in told:
            index = len(talk.values.get("parents") or [])
            entry = {"ref": document.record["release"], "relation": "fine_tune"}
            talk.values = put(talk.values, f"parents.{index}", {**entry, "digest": document.record["digest"]})
            relation = parent_of_card(index, names, language)[1]
            talk.put(Question(relation.path, f"{entry['ref']}: {relation.label}", relation.about))
    if parents or known:
        return
    index = 0
    while True:
        ref, relation = parent_of_card(index, names, language)
        if not talk.put(ref, beside={relation.path: "fine_tune"}):
            return
        talk.put(relation)
        index += 1


def _ask_assessment(talk: Interview, matter: Mapping[str, str], language: Language) -> None:
    names, categories = _names("RiskAssessment"), _categories(language)
    _ask_all(talk, assessment_questions(["release"], names, language))
    if "release" not in talk.values:
        return  # said when the document is made
    talk.values.setdefault("assessor", owner_of(talk.values["release"]))
    _ask_all(talk, assessment_questions(["assessor"], names, language))
    own = owner_of(talk.values["release"]) == talk.values["assessor"]
    if "independence" not in talk.given:
        talk.values["independence"] = "self" if own else "third_party"
    _ask_all(
        talk,
        assessment_questions(["method", "valid_until"] if own else ["independence", "method", "valid_until"], names, language),
    )
    known = {finding["category"] for finding in talk.values.get("findings", [])}
    for category in [name for name in matter if name not in known]:
        _ask_finding(talk, category, f"{category} {categories.get(category, '')}: {matter[category]}", names, language)
    _ask_further(talk, names, categories, language)


def _ask_further(talk: Interview, names: Mapping[str, Label], categories: Mapping[str, str], language: Language) -> None:
    """Categories that no card names, as long as somebody names one."""
    while True:
        index = len(talk.values.get("findings", []))
        known = {finding["category"] for finding in talk.values.get("findings", [])}
        listed = [f"  {name} {label}" for name, label in categories.items() if name not in known]
        label = getattr(names["findings.category"], language)
        before = talk.values
        question = Question(f"findings.{index}.category", label, (HINTS[language]["another"], *listed))
        if not talk.put(question, beside={f"findings.{index}.level": "low"}):
            return
        category, talk.values = talk.values["findings"][index]["category"], before
        _ask_finding(talk, category, f"{category} {categories[category]}", names, language)


def _ask_finding(talk: Interview, category: str, about: str, names: Mapping[str, Label], language: Language) -> None:
    index = len(talk.values.get("findings", []))
    level, *rest = finding_questions(index, about, names, language)
    if talk.put(level, beside={f"findings.{index}.category": category}):
        _ask_all(talk, rest)


def _ask_all(talk: Interview, asked: Iterable[Question]) -> None:
    for question in asked:
        talk.put(question)


def _with_given(name: str, values: dict[str, Any], given: Iterable[str]) -> tuple[dict[str, Any], set[str]]:
    """The values with what ``--set`` says, and the fields it says.

    Raises:
        ParseError: not PATH=VALUE.
        ValidationError: no such field, or the value does not fit.
    """
    texts: dict[str, list[str]] = {}
    for entry in given:
        path, equals, text = entry.partition("=")
        if not equals or not text.strip():
            raise ParseError("--set needs PATH=VALUE", hint="for example --set licence=Apache-2.0")
        texts.setdefault(path.strip(), []).append(text.strip())
    places = finding_paths(texts) if name == "RiskAssessment" else {path: path for path in texts}
    for path, place in places.items():
        values = put(values, place, read_answer(name, place, texts[path]))
        head, _, field = place.rpartition(".")
        if head.startswith("findings.") and field != "category" and path.startswith("R"):
            values = put(values, f"{head}.category", path.partition(".")[0])
    return values, set(places.values())


def _language(lang: Any) -> Language:
    language: Language = lang.value if lang else reader_language()
    return language


@cache
def _names(name: str) -> dict[str, Label]:
    return field_labels({key: json.loads(text) for key, text in load_schema_texts().items()}, name)


def _categories(language: Language) -> dict[str, str]:
    found = tomllib.loads(load_rule_texts().tables["categories"])
    return {name: str(entry[f"label_{language}"]) for name, entry in found.items()}
