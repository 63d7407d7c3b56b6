"""The sections of a Hugging Face README, put into the fields of a card.

A heading that is known fills its field; unknown headings under it stay in its text. What stands under other headings is kept
among the card's extensions. Known rows of tables (``| Out-of-scope uses | … |``) fill fields too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from exchange.core.documents.markdown import BY_HEADING, Section, heading_key

_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "purpose.summary": (
        *("Model details", "Model information", "Introduction", "Overview", "Description", "Model info"),
        "Model introduction",
    ),
    "purpose.intended_uses": (
        *("Intended uses & limitations", "Downstream use", "Primary intended uses", "Use", "Model use", "Use cases"),
        "モデルの用途",
    ),
    "purpose.out_of_scope_uses": ("Out of scope", "Misuse and out-of-scope use", "Misuse", "Prohibited uses"),
    "makeup.architecture": ("Model architecture and objective", "Technical specifications", "Model specs", "Model type"),
    "makeup.integration": (
        *("How to use", "Usage", "How to get started with the model", "Quick start", "Quickstart", "Get started", "Installation"),
        *("Prompt format", "Prompt template", "Instruction format", "Inference", "使い方", "使用方法", "利用方法"),
    ),
    "makeup.required_software": ("Framework versions", "Software requirements", "Requirements", "Environmental specs"),
    "makeup.required_hardware": ("Hardware", "Hardware and software"),
    "data.collection": (
        *("Training and evaluation data", "Training dataset", "Datasets", "Dataset", "Data", "Dataset specs"),
        "Pretraining data",
    ),
    "data.curation": ("Data preprocessing", "Preparation"),
    "training.method": (
        *("Training", "Training details", "Training hyperparameters", "Fine-tuning", "Training parameters", "Merge method"),
        *("Training specs", "Merge details", "学習", "訓練"),
    ),
    "evaluation.method": (
        *("Evaluation results", "Benchmark results", "Benchmarks", "Results", "Performance", "Training results"),
        *("Testing data, factors & metrics", "Open LLM Leaderboard evaluation results", "Evaluations", "Benchmark scores"),
        *("Benchmark performance", "Testing data", "Metrics", "Quantitative analyses", "性能"),
    ),
    "risks.limits": (
        *("Bias, risks, and limitations", "Ethical considerations and limitations", "Ethical considerations", "Bias"),
        *("Limitations and bias", "Limitations and biases", "Risks and limitations", "Bias and limitations", "Biases"),
        *("Biases, risks and limitations", "Known limitations", "Notice", "Critical and other risks"),
        *("Responsibility & safety", "制約", "注意", "バイアスとリスク"),
    ),
    "risks.instructions": ("Caveats and recommendations", "Disclaimer", "Warning", "Responsible deployment", "免責事項"),
    "licence": ("License", "Licence", "ライセンス", "Licensing information"),
    "contact": ("Model card contact", "Contact", "Reporting issues", "Questions or comments", "お問い合わせ", "連絡先"),
    "governance.organisation": ("Developers", "Model developers", "Developed by", "開発者", "The Mistral AI Team"),
}

ALIASES: Final[Mapping[str, str]] = {
    **BY_HEADING,
    **{heading_key(title): path for path, titles in _MORE.items() for title in titles},
}
"""Field path by heading key: those of our own cards and those seen in real READMEs."""

_TABLE_ROWS: Final = {
    heading_key(title): path
    for title, path in {
        "Primary intended uses": "purpose.intended_uses",
        "Intended uses": "purpose.intended_uses",
        "Out-of-scope uses": "purpose.out_of_scope_uses",
        "Model Authors - Company": "governance.organisation",
        "Model developer": "governance.organisation",
        "Questions or Comments": "contact",
        "Preprocessing": "data.curation",
        "Instrumentation": "risks.performance_variation",
    }.items()
}
_EMPTY_CELLS = frozenset({"", "-", "–", "—", "n/a", "na", "none", "tbd"})


class Piece(NamedTuple):
    """Some text for a field, or, without a path, for the extension of that title."""

    path: str | None
    title: str
    text: str
    line: int


def pieces(sections: Sequence[Section]) -> Iterator[Piece]:
    """What each section is for, in order of the text. Comments of templates are no text."""
    open_path, open_level, titled = None, 7, False
    for section in sections:
        text = _without_comments(section.text).strip()
        own = ALIASES.get(heading_key(section.title))
        if own is None and section.level <= 1 and not titled:
            own = "purpose.summary"
            open_path, open_level = None, 7
        elif own is not None:
            open_path, open_level = own, section.level
        elif section.level <= open_level:
            open_path, open_level = None, 7
        titled = titled or section.level == 1
        if not text:
            continue
        path = own or open_path
        under = own is None and path is not None
        yield Piece(path, section.title, f"{'#' * section.level} {section.title}\n\n{text}" if under else text, section.line)
        for title, cell in _rows(text):
            yield Piece(_TABLE_ROWS[heading_key(title)], title, cell, section.line)


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """Known rows of two-column tables that say something."""
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []
        if len(cells) == 2 and cells[1].casefold() not in _EMPTY_CELLS and heading_key(cells[0]) in _TABLE_ROWS:
            yield cells[0], cells[1]


def _without_comments(text: str) -> str:
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        kept.append(text[at:start])
        at = end + 3
    return "".join([*kept, text[at:]])
