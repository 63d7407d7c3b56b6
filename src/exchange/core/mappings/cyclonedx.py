"""CycloneDX ML-BOM 1.5 to 1.7: the tables. What has no row travels as a property ``exchange:<field>`` and comes back whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from exchange.core.mappings.rows import LISTED, TEXT, TEXTS, Form, Row, keyed
from exchange.events import records

VERSION: Final = "1.7"
VERSIONS: Final = ("1.5", "1.6", "1.7")

_CARD: Final = "modelCard"
_CONSIDERED: Final = f"{_CARD}.considerations"
_ENERGY: Final = f"{_CONSIDERED}.environmentalConsiderations.energyConsumptions"

ROWS: Final = (
    Row("purpose.summary", "description"),
    Row("governance.organisation", "publisher"),
    Row("licence", "licenses", "licences"),
    Row("digest", "hashes", "hashes"),
    Row("purpose.intended_uses", f"{_CONSIDERED}.useCases", "texts"),
    Row("makeup.architecture", f"{_CARD}.modelParameters.modelArchitecture"),
    Row("makeup.architecture", f"{_CARD}.modelParameters.architectureFamily"),
    Row("makeup.input_modalities", f"{_CARD}.modelParameters.inputs", "formats"),
    Row("makeup.output_modalities", f"{_CARD}.modelParameters.outputs", "formats"),
    Row("training.energy_mwh", _ENERGY, "energy"),
    Row("evaluation.metrics", f"{_CARD}.quantitativeAnalysis.performanceMetrics", "metrics"),
    Row("risks.limits", f"{_CONSIDERED}.technicalLimitations", "listed"),
    Row("risks.performance_variation", f"{_CONSIDERED}.performanceTradeoffs", "listed"),
    Row("risks.by_category", f"{_CONSIDERED}.ethicalConsiderations", "risks"),
)
"""Field and place inside the component; of two places for one field the first is written, and both are read."""

TYPES: Final[Mapping[str, str]] = {"model": "machine-learning-model", "dataset": "data", "system": "application"}
"""Kind of release by type of component."""

TLP: Final[Mapping[str, records.Audience | None]] = {
    "CLEAR": "public",
    "GREEN": "user",
    "AMBER": "provider",
    "AMBER_AND_STRICT": "authority",
    "RED": None,
}
"""Traffic light of a BOM by the audience that may read it; None: nobody but the owner."""

LISTED_LICENCES: Final = frozenset(
    (
        *("Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MPL-2.0", "GPL-2.0-only", "GPL-3.0-only", "LGPL-3.0-only"),
        *("AGPL-3.0-only", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0"),
        *("CC-BY-3.0", "CC-BY-SA-3.0", "Unlicense", "ODC-By-1.0", "ODbL-1.0", "PDDL-1.0", "CDLA-Permissive-2.0", "BSL-1.0"),
    )
)
"""Names that may stand as ``license.id``; the schema refuses ids that the SPDX list does not hold, so others are names."""


def _licences_out(licence: str) -> Any:
    return [{"license": {"id" if licence in LISTED_LICENCES else "name": licence}}] if licence else None


def _licences_back(found: Any) -> tuple[Any, Any]:
    told, rest = [], []
    for entry in found if isinstance(found, list) else [found]:
        licence = entry.get("license", entry) if isinstance(entry, dict) else {}
        licence = licence if isinstance(licence, dict) else {}
        name = next((licence[key] for key in ("id", "name", "expression") if isinstance(licence.get(key), str)), "")
        link = f" ({licence['url']})" if isinstance(licence.get("url"), str) else ""
        told += [name + link] if name else []
        left = {key: value for key, value in licence.items() if key not in ("id", "name", "expression", "url", "acknowledgement")}
        rest += [left if name else entry] if left or not name else []
    return ", ".join(told) or None, rest or None


def hashes_back(found: Any) -> tuple[Any, Any]:
    entries = found if isinstance(found, list) else [found]
    for entry in entries:
        content = entry.get("content") if isinstance(entry, dict) and entry.get("alg") == "SHA-256" else None
        if isinstance(content, str) and re.fullmatch("[0-9a-fA-F]{64}", content):
            return f"sha256:{content.lower()}", [other for other in entries if other is not entry] or None
    return None, found


def _metric_back(entry: Any) -> dict[str, Any] | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str) or not isinstance(entry.get("value"), str):
        return None
    interval, value = entry.get("confidenceInterval"), entry["value"]
    if isinstance(interval, dict):
        value = f"{value} [{interval.get('lowerBound', '')}, {interval.get('upperBound', '')}]"
    dataset = entry.get("slice")
    return {"name": entry["type"], "value": value, "dataset": dataset if isinstance(dataset, str) else None, "source": None}


def _metrics_out(metrics: Any) -> Any:
    return [
        {
            "type": metric["name"],
            "value": metric["value"],
            **({"slice": metric["dataset"]} if metric["dataset"] is not None else {}),
        }
        for metric in metrics
    ]


def metrics_back(found: Any) -> tuple[Any, Any]:
    entries = found if isinstance(found, list) else [found]
    read = [(entry, _metric_back(entry)) for entry in entries]
    return [metric for _, metric in read if metric] or None, [entry for entry, metric in read if metric is None] or None


def _risks_out(notes: Any) -> Any:
    return [
        {
            "name": f"{note['category']}: {note['text']}",
            **({"mitigationStrategy": note["mitigation"]} if note["mitigation"] else {}),
        }
        for note in notes
    ]


def _risks_back(found: Any) -> tuple[Any, Any]:
    """Only risks that name one of our categories are notes; others stay as they are."""
    notes, rest = [], []
    for entry in found if isinstance(found, list) else [found]:
        name = entry.get("name") if isinstance(entry, dict) else None
        match = re.fullmatch(r"(R(?:0[1-9]|1[0-5])): (.*)", name, re.DOTALL) if isinstance(name, str) else None
        if match:
            notes.append({"category": match[1], "text": match[2], "mitigation": entry.get("mitigationStrategy")})
        else:
            rest.append(entry)
    return notes or None, rest or None


def _energy_out(energy: float) -> Any:
    cost = {"value": energy * 1000, "unit": "kWh"}
    return [{"activity": "training", "energyProviders": [], "activityEnergyCost": cost}]


def _energy_back(found: Any) -> tuple[Any, Any]:
    """The training's energy; who provided it, and its carbon, stay as they are."""
    for entry in found if isinstance(found, list) else []:
        cost = entry.get("activityEnergyCost") if isinstance(entry, dict) and entry.get("activity") == "training" else None
        value = cost.get("value") if isinstance(cost, dict) and cost.get("unit") == "kWh" else None
        if isinstance(value, (int, float)) and value >= 0:
            bare = not (entry.get("energyProviders") or set(entry) - {"activity", "energyProviders", "activityEnergyCost"})
            return value / 1000, [other for other in found if other is not entry or not bare] or None
    return None, found


FORMS: Final[Mapping[str, Form]] = {
    "text": TEXT,
    "texts": TEXTS,
    "listed": LISTED,
    "formats": keyed("format"),
    "licences": Form(_licences_out, _licences_back, "id of the SPDX list, else a name"),
    "hashes": Form(lambda digest: [{"alg": "SHA-256", "content": digest[7:]}], hashes_back, "the SHA-256 among them"),
    "metrics": Form(_metrics_out, metrics_back, "type, value, slice; a source only as property"),
    "risks": Form(_risks_out, _risks_back, "name `R01: …`, mitigationStrategy"),
    "energy": Form(_energy_out, _energy_back, "of activity training, kWh / 1000"),
}
