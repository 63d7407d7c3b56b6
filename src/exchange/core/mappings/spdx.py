"""SPDX 3.0.1, profiles AI and Dataset: the tables. What has no row travels as a property ``exchange:<field>`` of the extension
profile and comes back whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from exchange.core.documents.markdown import items_of
from exchange.core.mappings.rows import DAY, LISTED, TEXT, TEXTS, Form, Row, text_of, texts_of
from exchange.events import records

VERSION: Final = "3.0.1"
CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_LICENCE: Final = "expandedlicensing_NoAssertionLicense"

TYPES: Final[Mapping[str, str]] = {"model": "ai_AIPackage", "dataset": "dataset_DatasetPackage", "system": "software_Package"}
"""Kind of release by class."""

PURPOSES: Final[Mapping[str, str]] = {"model": "model", "dataset": "data", "system": "application"}

_ALL: Final = (
    Row("purpose.summary", "description"),
    Row("released_on", "releaseTime", "day"),
    Row("digest", "verifiedUsing", "hashes"),
)
ROWS: Final[Mapping[str, tuple[Row, ...]]] = {
    "model": (
        *_ALL,
        Row("purpose.intended_uses", "ai_informationAboutApplication", "bullets"),
        Row("makeup.architecture", "ai_typeOfModel", "listed"),
        Row("training.method", "ai_informationAboutTraining"),
        Row("training.energy_mwh", "ai_energyConsumption", "energy"),
        Row("data.curation", "ai_modelDataPreprocessing", "listed"),
        Row("evaluation.metrics", "ai_metric", "metrics"),
        Row("risks.limits", "ai_limitation"),
        Row("governance.standards", "ai_standardCompliance", "texts"),
    ),
    "dataset": (
        *_ALL,
        Row("purpose.intended_uses", "dataset_intendedUse", "bullets"),
        Row("data.collection", "dataset_dataCollectionProcess"),
        Row("data.curation", "dataset_dataPreprocessing", "listed"),
        Row("data.types", "dataset_datasetType", "types"),
        Row("risks.limits", "dataset_knownBias", "listed"),
        Row("updates", "dataset_datasetUpdateMechanism"),
    ),
    "system": _ALL,
}
"""Field and property of the package, by kind of release."""

RELATIONS: Final[Mapping[str, tuple[records.Relation, bool]]] = {
    "trainedOn": ("trained_on", True),
    "descendantOf": ("fine_tune", True),
    "dependsOn": ("integrates", True),
    "finetunedOn": ("trained_on", True),
    "pretrainedOn": ("trained_on", True),
    "ancestorOf": ("fine_tune", False),
    "hasVariant": ("fine_tune", False),
}
"""Relation to a parent by relationship type, and whether the relationship points from child to parent. The property
``exchange:relation`` says it finer."""

CONFIDENTIALITY: Final[Mapping[str, records.Audience | None]] = {
    "clear": "public",
    "green": "user",
    "amber": "provider",
    "red": None,
}
"""Confidentiality level of a data set by audience; None: nobody but the owner."""

DATASET_TYPES: Final = frozenset(
    (
        *("audio", "categorical", "graph", "image", "noAssertion", "numeric", "other", "sensor", "structured", "syntactic"),
        *("text", "timeseries", "timestamp", "video"),
    )
)


def hashes_back(found: Any) -> tuple[Any, Any]:
    """The SHA-256 among the hashes."""
    entries = found if isinstance(found, list) else [found]
    for entry in entries:
        content = entry.get("hashValue") if isinstance(entry, dict) and entry.get("algorithm") == "sha256" else None
        if isinstance(content, str) and re.fullmatch("[0-9a-fA-F]{64}", content):
            return f"sha256:{content.lower()}", [other for other in entries if other is not entry] or None
    return None, found


def hashes_out(digest: str) -> Any:
    """A digest as a list of one hash."""
    return [{"type": "Hash", "algorithm": "sha256", "hashValue": digest[7:]}]


def _bullets_back(found: Any) -> tuple[Any, Any]:
    text, rest = text_of(found)
    return (items_of(text) or None, None) if text else (None, rest)


def _types_out(types: Any) -> Any:
    return list(types) if set(types) <= DATASET_TYPES and len(set(types)) == len(types) else None


def _metrics_back(found: Any) -> tuple[Any, Any]:
    read, rest = [], []
    for entry in found if isinstance(found, list) else [found]:
        key, value = (entry.get("key"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and isinstance(value, str):
            read.append({"name": key, "value": value, "dataset": None, "source": None})
        else:
            rest.append(entry)
    return read or None, rest or None


def _energy_out(energy: float) -> Any:
    told = {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": energy * 1000, "ai_energyUnit": "kilowattHour"}
    return {"type": "ai_EnergyConsumption", "ai_trainingEnergyConsumption": [told]} if 1e-3 < energy < 1e9 else None


def _energy_back(found: Any) -> tuple[Any, Any]:
    entries = found.get("ai_trainingEnergyConsumption") if isinstance(found, dict) else None
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 and isinstance(entries[0], dict) else {}
    value = entry.get("ai_energyQuantity") if entry.get("ai_energyUnit") == "kilowattHour" else None
    if not isinstance(value, (int, float)) or value < 0:
        return None, found
    return value / 1000, None if set(found) <= {"type", "ai_trainingEnergyConsumption"} else found


FORMS: Final[Mapping[str, Form]] = {
    "text": TEXT,
    "texts": TEXTS,
    "listed": LISTED,
    "day": DAY,
    "bullets": Form(lambda items: "\n".join(f"- {item}" for item in items), _bullets_back, "one text of bullet points"),
    "hashes": Form(hashes_out, hashes_back, "the sha256 among them"),
    "types": Form(_types_out, texts_of, "list, where every type is one of theirs"),
    "metrics": Form(
        lambda metrics: [{"type": "DictionaryEntry", "key": metric["name"], "value": metric["value"]} for metric in metrics],
        _metrics_back,
        "DictionaryEntry; data set and source only as property",
    ),
    "energy": Form(_energy_out, _energy_back, "ai_trainingEnergyConsumption, kilowattHour / 1000"),
}
