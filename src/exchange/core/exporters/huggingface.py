"""Model cards as Hugging Face READMEs: front matter, then sections by the headings that our importer knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from exchange.core.documents.markdown import HEADINGS
from exchange.core.exporters.people import bullets, lower_headings, one_line
from exchange.core.exporters.sheet import WORDS, sheet, title_of
from exchange.core.exporters.shown import Exported, Manner, Shown, notes_of
from exchange.core.importers.huggingface import import_card
from exchange.core.mappings.cyclonedx import LISTED_LICENCES
from exchange.core.mappings.rows import leaves
from exchange.events import records

RELATIONS = {"fine_tune": "finetune", "adapter": "adapter", "quantise": "quantized", "merge": "merge"}
"""Relation by ``base_model_relation``; the format has no word for the others."""

FRONT = {
    "licence": "`license` (small letters), or `license: other` and `license_name`",
    "parents": "`base_model` and `base_model_relation` without versions; `datasets`",
    "evaluation.metrics": "`model-index`",
}
"""Field by its place in the front matter. Fields of :data:`HEADINGS` are sections, all others lines of a last section."""

_SAID = ("display_name", "disclosure")
_USUAL = {"kind": "model", "stage": "released"}
"""What a README is read as where it says nothing else."""

_FURTHER = {"en": "Further facts", "ja": "その他の事項"}


def export_readme(shown: Shown, manner: Manner) -> Exported:
    """A README as the hub shows it. What our own import would not read back as it is, the report tells."""
    values = shown.leaves
    front = _front(shown)
    parts = [f"# {one_line(title_of(shown))}"]
    for path, titles in HEADINGS.items():
        if path in values:
            value = values[path]
            text = bullets(value) if isinstance(value, list) else lower_headings(value)
            parts += [f"## {_title(titles, manner.lang)}", text.strip()]
    lines = [line for block in sheet(shown, manner) for line in block.lines]
    rest = [line for line in lines if line.withheld is not None or not _placed(line.path, values)]
    word = WORDS[manner.lang]["withheld"]
    told = [_further(line.label, line.values, line.withheld, word) for line in rest]
    parts += [f"## {_FURTHER[manner.lang]}", "\n".join(told)] if told else []
    head = yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=110) if front else ""
    text = f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"
    return Exported(text, notes_of(shown, changed=set(_changed(shown, text)), why="as the text of a README"))


def _placed(path: str, values: Mapping[str, Any]) -> bool:
    """Whether a field has a place of its own, or goes without saying."""
    return path in HEADINGS or path in FRONT or path in _SAID or (path in _USUAL and values[path] == _USUAL[path])


def _changed(shown: Shown, text: str) -> Iterator[str]:
    """Fields that our own import reads back otherwise, or not at all."""
    before = shown.leaves
    after = leaves(import_card(text, filename="README.md", release=shown.card["release"]).card)
    for path in before.keys() - {"parents", "disclosure"}:
        if before[path] != after.get(path):
            yield path
    parents = [_by_line(card.get("parents", [])) for card in (before, after)]
    if parents[0].keys() != parents[1].keys() or len(before.get("parents", [])) != len(parents[0]):
        yield "parents"
    for line in parents[0].keys() & parents[1].keys():
        yield from (f"parents.{key}" for key, value in parents[0][line].items() if value != parents[1][line][key])


def _by_line(parents: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {parent["ref"].partition("@")[0]: parent for parent in parents}


def _further(label: str, values: list[str], withheld: str | None, word: str) -> str:
    return f"- {label}: {word}: {one_line(withheld)}" if withheld is not None else f"- {label}: {one_line('; '.join(values))}"


def _title(titles: tuple[str, ...], lang: str) -> str:
    japanese = [title for title in titles if not title.isascii()]
    return japanese[0] if lang == "ja" and japanese else titles[0]


def _front(shown: Shown) -> dict[str, Any]:
    card = shown.card
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
    if datasets:
        front["datasets"] = [_id(parent) for parent in datasets]
    metrics = card["evaluation"]["metrics"] if card["evaluation"] else []
    if metrics:
        front["model-index"] = [{"name": title_of(shown), "results": [_result(metric) for metric in metrics]}]
    return front


def _id(parent: records.Parent) -> str:
    line = parent["ref"].partition("@")[0]
    return parent["note"] if parent["note"] and parent["note"].lower() == line else line


def _result(metric: records.Metric) -> dict[str, Any]:
    source = metric["source"]
    told = {"dataset": {"name": metric["dataset"], "type": metric["dataset"]} if metric["dataset"] else None}
    told["source"] = {"name": source, "url": source} if source else None
    found: dict[str, Any] = {key: value for key, value in told.items() if value}
    return {**found, "metrics": [{"type": metric["name"], "name": metric["name"], "value": metric["value"]}]}
