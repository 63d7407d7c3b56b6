"""Checks beyond the schema, one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exchange.adapters.resources import load_schema_texts
from exchange.core.checks import LIMITS, check_record
from exchange.core.documents.parse import MODELS, TYPES
from exchange.core.fields import labels_of
from exchange.core.schemas import SchemaSet

SOUND: dict[str, dict[str, Any]] = {
    "ModelCard": {"release": "acme/base@1", "stage": "released"},
    "ChangeNotice": {"release": "acme/base@1", "kind": "data"},
    "RiskAssessment": {
        "release": "acme/base@1",
        "assessor": "acme",
        "independence": "self",
        "findings": [{"category": "R01", "level": "high"}],
    },
    "Party": {"party": "acme", "display_name": "Acme", "roles": ["developer"]},
    "Subscription": {"target": "acme/base"},
    "Unsubscribe": {"target": "acme/base@1"},
    "Grant": {"target": "acme/base", "audience": "provider"},
    "GrantRevocation": {"target": "acme/base", "grant": "1"},
}
HIGH = {"category": "R01", "level": "high"}
METRIC = {"name": "m", "value": "1"}
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def problems(name: str, **changes: Any) -> list[str]:
    record = MODELS[name].model_validate(SOUND[name] | changes).model_dump()
    return [field for field, _ in check_record(name, record)]


@pytest.mark.parametrize("name", TYPES)
def test_a_sound_record_has_no_problem(name: str) -> None:
    """The least that each document needs is enough."""
    assert problems(name) == []


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("ModelCard", {"release": "acme/base"}, "release"),
        ("ModelCard", {"release": "Acme/base@1"}, "release"),
        ("ModelCard", {"stage": "UNKNOWN"}, "stage"),
        ("ModelCard", {"digest": "abc"}, "digest"),
        ("ModelCard", {"released_on": DAY.date(), "updated_on": DAY.date().replace(year=2025)}, "updated_on"),
        ("ModelCard", {"parents": [{"ref": "acme/base@1", "relation": "merge"}]}, "parents.0.ref"),
        ("ModelCard", {"parents": [{"ref": "x", "relation": "merge"}]}, "parents.0.ref"),
        ("ModelCard", {"parents": [{"ref": "a/b", "relation": "merge"}] * 2}, "parents.1.ref"),
        ("ModelCard", {"parents": [{"ref": "a/b", "relation": "merge", "compute_share": 1.5}]}, "parents.0.compute_share"),
        ("ModelCard", {"parents": [{"ref": f"a/b{n}", "relation": "merge"} for n in range(65)]}, "parents"),
        ("ModelCard", {"training": {"compute_flop": float("nan")}}, "training.compute_flop"),
        ("ModelCard", {"training": {"energy_mwh": float("inf")}}, "training.energy_mwh"),
        ("ModelCard", {"makeup": {"parameters": -1}}, "makeup.parameters"),
        ("ModelCard", {"evaluation": {"metrics": [METRIC] * 513}}, "evaluation.metrics"),
        ("ModelCard", {"extensions": {str(n): "" for n in range(129)}}, "extensions"),
        ("ModelCard", {"disclosure": [{"path": "training.secret", "reason": "r"}]}, "disclosure.0.path"),
        ("ModelCard", {"disclosure": [{"path": "release", "reason": "r"}]}, "disclosure.0.path"),
        ("ModelCard", {"disclosure": [{"path": "data", "reason": " "}]}, "disclosure.0.reason"),
        ("ModelCard", {"disclosure": [{"path": "data", "reason": "r", "rough": True}]}, "disclosure.0.rough"),
        ("ModelCard", {"disclosure": [{"path": "training.method", "reason": "r", "rough": True}]}, "disclosure.0.rough"),
        ("ChangeNotice", {"kind": "UNKNOWN"}, "kind"),
        ("ChangeNotice", {"parent": "nobody"}, "parent"),
        ("ChangeNotice", {"compute_flop": -1.0}, "compute_flop"),
        ("ChangeNotice", {"affected_categories": ["R01", "R01"]}, "affected_categories.1"),
        ("RiskAssessment", {"findings": [HIGH, HIGH]}, "findings.1.category"),
        ("RiskAssessment", {"findings": [HIGH | {"category": "UNKNOWN"}]}, "findings.0.category"),
        ("RiskAssessment", {"findings": [HIGH | {"level": "unknown"}]}, "findings.0.level"),
        ("RiskAssessment", {"findings": [HIGH | {"residual_level": "unknown"}]}, "findings.0.residual_level"),
        ("RiskAssessment", {"findings": [HIGH | {"residual_level": "critical"}]}, "findings.0.residual_level"),
        ("RiskAssessment", {"findings": []}, "findings"),
        ("RiskAssessment", {"independence": "third_party"}, "independence"),
        ("RiskAssessment", {"assessor": "beta"}, "independence"),
        ("RiskAssessment", {"assessor": "Acme", "independence": "third_party"}, "assessor"),
        ("RiskAssessment", {"valid_from": DAY, "valid_until": DAY}, "valid_until"),
        ("RiskAssessment", {"considers": ["x"] * 4097}, "considers"),
        ("RiskAssessment", {"considers": [""]}, "considers.0"),
        ("RiskAssessment", {"evidence": [{"link": ""}]}, "evidence.0.link"),
        ("Party", {"party": "a/b"}, "party"),
        ("Party", {"roles": []}, "roles"),
        ("Party", {"roles": ["user", "user"]}, "roles.1"),
        ("Party", {"roles": ["UNKNOWN"]}, "roles.0"),
        ("Party", {"display_name": ""}, "display_name"),
        ("Party", {"jurisdiction": "jp"}, "jurisdiction"),
        ("Subscription", {"target": "acme"}, "target"),
        ("Unsubscribe", {"target": ""}, "target"),
        ("Grant", {"audience": None}, "audience"),
        ("Grant", {"audience": "owner"}, "audience"),
        ("Grant", {"fields": ["secret"]}, "fields.0"),
        ("Grant", {"grantee": "*"}, "grantee"),
        ("GrantRevocation", {"grant": ""}, "grant"),
    ],
)
def test_a_problem_is_found_at_its_field(name: str, changes: dict[str, Any], field: str) -> None:
    """One wrong field, one problem, named by its path."""
    assert problems(name, **changes) == [field]


def test_an_assessment_may_only_withdraw() -> None:
    """Findings are needed unless earlier assessments are withdrawn."""
    assert problems("RiskAssessment", findings=[], withdraws=["1"]) == []


def test_a_disclosure_that_does_not_narrow_is_a_problem_once_labels_are_known() -> None:
    """`authority` on a field labelled authority says nothing."""
    labels = labels_of(SchemaSet.from_texts(load_schema_texts()).raw, "ModelCard")
    entry = {"path": "training.compute_flop", "reason": "secret"}
    for audience, expected in (("authority", ["disclosure.0.audience"]), ("owner", []), (None, [])):
        value = SOUND["ModelCard"] | {"disclosure": [entry | {"audience": audience}]}
        record = MODELS["ModelCard"].model_validate(value).model_dump()
        assert [field for field, _ in check_record("ModelCard", record, labels)] == expected


def test_messages_never_quote_the_value() -> None:
    """A secret in the wrong field does not come back in an error."""
    record = MODELS["ModelCard"].model_validate(SOUND["ModelCard"] | {"release": "s3cr3t", "digest": "s3cr3t"}).model_dump()
    assert "s3cr3t" not in str(check_record("ModelCard", record))


def test_the_limits_are_those_of_the_design() -> None:
    """Parents 64, findings 15, considers 4096, metrics 512."""
    assert [LIMITS[name] for name in ("parents", "findings", "considers", "metrics")] == [64, 15, 4096, 512]
