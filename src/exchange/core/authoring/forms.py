"""What to ask for a change notice and a risk assessment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from exchange.core.authoring.interview import Question
from exchange.core.labels import Label
from exchange.core.reports import Language
from exchange.events import records

HINTS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "card.release": "party/name@version, for example acme/base@1.0",
        "card.stage": "How far it is; research owes almost nothing.",
        "card.parents": "A release it was made from, party/name@version, or a line without @version; Enter: none, or no more.",
        "card.relation": "How it was made from it.",
        "release": "The release that is different now: party/name@version",
        "parent": "What it was changed from; Enter: nothing.",
        "kind": "What was done.",
        "summary": "The change in words.",
        "capability_changes": "What it can do now, or no longer can; a line for each.",
        "safeguards": "A line for each: added, kept, weakened or removed, a colon, and which. Example: removed: output filter",
        "affected_categories": "Risk categories whose risk may be another now; a line for each:",
        "assessments_hold": "Whether earlier risk assessments still hold.",
        "why": "Why you think so.",
        "assessment.release": "The release that was assessed: party/name@version",
        "assessor": "Your party id.",
        "independence": "second-party: for somebody who takes part; third-party: for neither side.",
        "method": "How it was assessed, and on what.",
        "valid_until": "Until when it holds: 2027-03-31; Enter: until there is another.",
        "another": "A further category; Enter: no more. There are:",
        "level": "Before mitigation; Enter: no finding.",
        "residual_level": "After mitigation; Enter: the same.",
        "mitigations": "What the lower level counts on, a line for each; who must do it may stand first. Example: user: check it",
    },
    "ja": {
        "card.release": "組織/名前@版。例: acme/base@1.0",
        "card.stage": "どの段階か。research(研究)ならほとんど何も求められません。",
        "card.parents": "元になったリリース(組織/名前@版。版がなければ系列)。Enter で終わり。",
        "card.relation": "どのように作られたか。",
        "release": "変わったリリース: 組織/名前@版",
        "parent": "何から変わったか。Enter で省略。",
        "kind": "何をしたか。",
        "summary": "変更内容を文で。",
        "capability_changes": "できるようになったこと、できなくなったこと。一行に一つ。",
        "safeguards": "一行に一つ。added、kept、weakened、removed とコロンと安全機構名。例: removed: 出力フィルター",
        "affected_categories": "リスクが変わった可能性のある区分。一行に一つ:",
        "assessments_hold": "これまでのリスク評価がなお有効か。",
        "why": "そう考える理由。",
        "assessment.release": "評価したリリース: 組織/名前@版",
        "assessor": "評価者(自組織)のID。",
        "independence": "second-party: 関係者による評価、third-party: 第三者による評価。",
        "method": "何をどのように評価したか。",
        "valid_until": "有効期限: 2027-03-31。Enter で次の評価まで。",
        "another": "ほかの区分。Enter で終わり。区分:",
        "level": "軽減前のレベル。Enter で所見なし。",
        "residual_level": "軽減後のレベル。Enter で同じ。",
        "mitigations": "前提となる対策。一行に一つ。実施者を前に書けます。例: user: 出力を確認する",
    },
}
"""What a good answer holds; keys are fields, or a document and its field."""

_SHORT: Final = re.compile(r"(R\d\d)(?:\.([a-z_]+))?\Z")
_NOTICE: Final = (
    *("release", "parent", "kind", "summary", "capability_changes", "safeguards", "affected_categories"),
    *("assessments_hold", "why"),
)


def start_of_card(names: Mapping[str, Label], language: Language) -> list[Question]:
    """What a card cannot be without."""
    return [
        Question("release", getattr(names["release"], language), (HINTS[language]["card.release"],), needed=True),
        Question("stage", getattr(names["stage"], language), (HINTS[language]["card.stage"],)),
    ]


def parent_of_card(index: int, names: Mapping[str, Label], language: Language) -> tuple[Question, Question]:
    """One parent: which, and how the card's release was made from it."""
    ref, relation = (getattr(names[f"parents.{field}"], language) for field in ("ref", "relation"))
    hints = HINTS[language]
    return (
        Question(f"parents.{index}.ref", ref, (hints["card.parents"],)),
        Question(f"parents.{index}.relation", relation, (hints["card.relation"],)),
    )


def notice_questions(names: Mapping[str, Label], categories: Iterable[str], language: Language) -> list[Question]:
    """Everything a change notice tells.

    Args:
        names: the fields' names.
        categories: the risk categories, each with its name.
        language: the reader's.
    """
    listed = {"affected_categories": tuple(f"  {category}" for category in categories)}
    return [
        Question(path, getattr(names[path], language), (HINTS[language][path], *listed.get(path, ())), needed=path == "release")
        for path in _NOTICE
    ]


def assessment_questions(
    fields: Iterable[str], names: Mapping[str, Label], language: Language, release_hint: str = "assessment.release"
) -> list[Question]:
    """The head of a risk assessment: those of its fields that are named."""
    return [
        Question(
            path,
            getattr(names[path], language),
            (HINTS[language][release_hint if path == "release" else path],),
            needed=path == "release",
        )
        for path in fields
    ]


def finding_questions(index: int, about: str, names: Mapping[str, Label], language: Language) -> list[Question]:
    """Level, residual level and mitigations of one category.

    Args:
        index: place among the findings.
        about: the category with its name, and what the cards say of it.
        names: the fields' names.
        language: the reader's.
    """
    made = []
    for field in ("level", "residual_level", "mitigations"):
        label = getattr(names[f"findings.{field}"], language)
        made.append(
            Question(f"findings.{index}.{field}", label, (*([about] if field == "level" else []), HINTS[language][field]))
        )
    return made


def that_matter(cards: Iterable[records.ModelCard]) -> dict[str, str]:
    """Risk categories that the cards name, in their order, with what the first of them says."""
    found: dict[str, str] = {}
    for card in cards:
        for note in (card["risks"] or {"by_category": []})["by_category"]:
            found.setdefault(note["category"], " ".join(note["text"].split()))
    return found


def finding_paths(paths: Iterable[str]) -> dict[str, str]:
    """Field by what was given for it, where a finding may be named by its category: ``R11`` is its level.

    >>> finding_paths(["R11", "R11.residual_level", "method"])
    {'R11': 'findings.0.level', 'R11.residual_level': 'findings.0.residual_level', 'method': 'method'}
    """
    places: dict[str, int] = {}
    made = {}
    for path in paths:
        short = _SHORT.match(path)
        if short:
            index = places.setdefault(short[1], len(places))
            made[path] = f"findings.{index}.{short[2] or 'level'}"
        else:
            made[path] = path
    return made
