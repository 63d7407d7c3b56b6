"""The JSON of model-card-toolkit (schema v0.0.2): the table."""

from __future__ import annotations

from typing import Any, Final

from exchange.core.mappings.cyclonedx import metrics_back
from exchange.core.mappings.rows import DAY, LISTED, TEXT, TEXTS, Form, Row, keyed, texts_of

ROWS: Final = (
    Row("purpose.summary", "model_details.overview"),
    Row("updated_on", "model_details.version.date", "day"),
    Row("updates", "model_details.version.diff"),
    Row("licence", "model_details.licenses", "licences"),
    Row("contact", "model_details.owners", "owners"),
    Row("makeup.architecture", "model_parameters.model_architecture"),
    Row("makeup.input_modalities", "model_parameters.input_format", "one"),
    Row("makeup.output_modalities", "model_parameters.output_format", "one"),
    Row("purpose.intended_uses", "considerations.use_cases", "described"),
    Row("risks.limits", "considerations.limitations", "joined"),
    Row("risks.performance_variation", "considerations.tradeoffs", "joined"),
    Row("evaluation.metrics", "quantitative_analysis.performance_metrics", "metrics"),
)
"""Field and place; the format comes in only."""

_DESCRIBED = keyed("description")


def _licences(found: Any) -> tuple[Any, Any]:
    entries = found if isinstance(found, list) else [found]
    names = [entry.get("identifier") or entry.get("custom_text") for entry in entries if isinstance(entry, dict)]
    told = [name for name in names if isinstance(name, str)]
    return (", ".join(told), None) if told and len(told) == len(entries) else (None, found)


def _owners(found: Any) -> tuple[Any, Any]:
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    told = [", ".join(str(entry[key]) for key in ("name", "contact") if entry.get(key)) for entry in entries]
    return ("; ".join(text for text in told if text) or None), None if any(told) else found


def _joined(found: Any) -> tuple[Any, Any]:
    texts, rest = _DESCRIBED.back(found)
    return ("\n".join(texts), None) if texts else (None, rest)


def _metrics(found: Any) -> tuple[Any, Any]:
    renamed = [
        {**{key: value for key, value in entry.items() if key != "confidence_interval"}, "value": str(entry.get("value", ""))}
        | ({"confidenceInterval": _bounds(entry["confidence_interval"])} if "confidence_interval" in entry else {})
        if isinstance(entry, dict)
        else entry
        for entry in (found if isinstance(found, list) else [found])
    ]
    return metrics_back(renamed)


def _bounds(interval: Any) -> Any:
    return (
        {"lowerBound": interval.get("lower_bound"), "upperBound": interval.get("upper_bound")}
        if isinstance(interval, dict)
        else {}
    )


def _none(value: Any) -> Any:
    return value


FORMS: Final = {
    "text": TEXT,
    "day": DAY,
    "texts": TEXTS,
    "listed": LISTED,
    "one": Form(_none, lambda found: texts_of([found]), "text"),
    "described": _DESCRIBED,
    "joined": Form(_none, _joined, "list of `description`, joined by line"),
    "licences": Form(_none, _licences, "identifier or custom_text"),
    "owners": Form(_none, _owners, "name and contact"),
    "metrics": Form(_none, _metrics, "type, value, slice, confidence_interval"),
}
