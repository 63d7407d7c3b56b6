"""Model cards as Hugging Face READMEs: front matter, then sections by the headings that our importer knows."""

from __future__ import annotations

from typing import Any

import yaml

from exchange.core.documents.markdown import HEADINGS
from exchange.core.exporters.people import bullets, lower_headings, one_line
from exchange.core.exporters.sheet import WORDS, sheet, title_of
from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of
from exchange.core.mappings.cyclonedx import LISTED_LICENCES
from exchange.events import records

RELATIONS = {"fine_tune": "finetune", "adapter": "adapter", "quantise": "quantized", "merge": "merge"}
"""Relation by ``base_model_relation``; the format has no word for the others."""

FRONT = {
    "licence": "`license` (small letters), or `license: other` and `license_name`",
    "parents": "`base_model` and `base_model_relation` without versions; `datasets`",
    "evaluation.metrics": "`model-index`",
}
"""Field by its place in the front matter. Fields of :data:`HEADINGS` are sections, all others lines of a last section."""

_SAID = ("release", "kind", "stage", "display_name", "disclosure")
_FURTHER = {"en": "Further facts", "ja": "その他の事項"}


def export_readme(shown: Shown, manner: Manner) -> Exported:
    """A README as the hub shows it."""
    values = shown.leaves
    front, changed = _front(shown)
    parts = [f"# {one_line(title_of(shown))}"]
    for path, titles in HEADINGS.items():
        if path in values:
            value = values[path]
            text = bullets(value) if isinstance(value, list) else lower_headings(value)
            parts += [f"## {_title(titles, manner.lang)}", text.strip()]
            changed += [path] if text != (value if isinstance(value, str) else "\n".join(f"- {item}" for item in value)) else []
    lines = [line for block in sheet(shown, manner) for line in block.lines]
    rest = [line for line in lines if line.path not in (*HEADINGS, *FRONT, *_SAID[1:]) or line.withheld is not None]
    word = WORDS[manner.lang]["withheld"]
    told = [_further(line.label, line.values, line.withheld, word) for line in rest]
    parts += [f"## {_FURTHER[manner.lang]}", "\n".join(told)] if told else []
    changed += [line.path for line in rest if line.withheld is None and line.path not in _SAID]
    head = yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=110) if front else ""
    text = f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"
    return Exported(text, notes_of(shown, changed=set(changed), why="as the text of a README"))


def _further(label: str, values: list[str], withheld: str | None, word: str) -> str:
    return f"- {label}: {word}: {one_line(withheld)}" if withheld is not None else f"- {label}: {one_line('; '.join(values))}"


def _title(titles: tuple[str, ...], lang: str) -> str:
    japanese = [title for title in titles if not title.isascii()]
    return japanese[0] if lang == "ja" and japanese else titles[0]


def _front(shown: Shown) -> tuple[dict[str, Any], list[str]]:
    card, changed = shown.card, list[str]()
    front: dict[str, Any] = {}
    licence = card["licence"]
    if licence in LISTED_LICENCES:
        front["license"] = str(licence).lower()
    elif licence:
        front |= {"license": "other", "license_name": licence}
    bases = [parent for parent in card["parents"] if parent["relation"] != "trained_on"]
    datasets = [parent for parent in card["parents"] if parent["relation"] == "trained_on"]
    relations = {RELATIONS.get(parent["relation"]) for parent in bases}
    if bases:
        front["base_model"] = [_id(parent) for parent in bases]
    if len(relations) == 1 and None not in relations:
        front["base_model_relation"] = relations.pop()
    elif bases:
        changed.append("parents.relation")
    if datasets:
        front["datasets"] = [_id(parent) for parent in datasets]
    changed += ["parents.ref"] if any("@" in parent["ref"] for parent in card["parents"]) else []
    changed += [f"parents.{key}" for key in ("digest", "compute_share") if any(parent[key] for parent in card["parents"])]
    metrics = card["evaluation"]["metrics"] if card["evaluation"] else []
    if metrics:
        front["model-index"] = [{"name": title_of(shown), "results": [_result(metric) for metric in metrics]}]
    return front, changed


def _id(parent: records.Parent) -> str:
    line = parent["ref"].partition("@")[0]
    return parent["note"] if parent["note"] and parent["note"].lower() == line else line


def _result(metric: records.Metric) -> dict[str, Any]:
    source = metric["source"]
    told = {"dataset": {"name": metric["dataset"], "type": metric["dataset"]} if metric["dataset"] else None}
    told["source"] = {"name": source, "url": source} if source else None
    found: dict[str, Any] = {key: value for key, value in told.items() if value}
    return {**found, "metrics": [{"type": metric["name"], "name": metric["name"], "value": metric["value"]}]}
