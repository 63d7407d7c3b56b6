"""Profiles of formats name what their formats have: every place is one of the format's, every element has a row or a reason."""

from __future__ import annotations

import importlib.resources
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from spdx_python_model import v3_0_1 as spdx

FOLDER = Path(__file__).parents[2] / "src" / "exchange" / "core" / "rules" / "profiles"
G7 = """
    cybersecurity-policy dataset-content dataset-dependency-relationship dataset-description dataset-hash dataset-identifier
    dataset-license dataset-name dataset-provenance dataset-sensitivity dataset-statistical-properties infrastructure-hardware
    infrastructure-software model-description model-external-references model-hash-algorithm model-hash-value model-identifier
    model-input-output-properties model-license model-name model-producer model-properties model-timestamp
    model-training-properties model-version operational-performance-kpis sbom-author sbom-author-signature sbom-data-format-name
    sbom-data-format-version sbom-dependency-relationship sbom-generation-context sbom-timestamp sbom-tool-name
    sbom-tool-version sbom-version security-compliance security-controls security-metrics system-components system-data-flow
    system-data-usage system-input-output-properties system-intended-application-area system-name system-producer
    system-timestamp system-version vulnerability-referencing
"""
"""The 50 minimum elements."""

HF = """
    model_id model_summary model_description developers funded_by shared_by model_type language license base_model repo paper
    demo direct_use downstream_use out_of_scope_use bias_risks_limitations bias_recommendations get_started_code training_data
    preprocessing training_regime speeds_sizes_times testing_data testing_factors testing_metrics results results_summary
    model_examination hardware_type hours_used cloud_provider cloud_region co2_emitted model_specs compute_infrastructure
    hardware_requirements software citation_bibtex citation_apa glossary more_information model_card_authors model_card_contact
"""
"""The variables of the hub's template."""


def rows(profile: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / f"{profile}.toml").read_text("utf-8"))["row"]
    return found


def reasons(profile: str) -> set[str]:
    """The words of the comment that says what has no row, and why."""
    head = (FOLDER / f"{profile}.toml").read_text("utf-8").partition("\n\n")[0]
    return set(head.partition("Without a row")[2].replace(",", " ").replace(";", " ").split())


@pytest.mark.parametrize(("profile", "prefix", "elements"), [("g7-sbom-ai", "G7-", G7), ("hf-card", "HF-", HF)])
def test_every_element_has_a_row_or_a_reason(profile: str, prefix: str, elements: str) -> None:
    """One of the two, never both."""
    asked = {row["id"].removeprefix(prefix) for row in rows(profile)}
    wanted = set(elements.split())
    assert wanted == (asked | reasons(profile)) & wanted
    assert not asked & reasons(profile)


def test_places_of_cyclonedx_are_in_its_schema() -> None:
    """Every clause is a path of the JSON schema."""
    schema = json.loads(
        importlib.resources.files("cyclonedx.schema").joinpath("_res/bom-1.7.SNAPSHOT.schema.json").read_text("utf-8")
    )

    def below(node: dict[str, Any], key: str) -> dict[str, Any]:
        while "$ref" in node or "items" in node:
            node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["items"]
        found: dict[str, Any] = node["properties"][key]
        return found

    for row in rows("cyclonedx-1.7"):
        first, *keys = row["clause"].split(".")
        node = schema["properties"][first] if first == "metadata" else schema["definitions"][first]
        for key in keys:
            node = below(node, key)


def test_places_of_spdx_are_in_its_model() -> None:
    """Every clause is a property of its class in SPDX's own model, or a type of relationship."""
    for row in rows("spdx-3.0.1"):
        namespace, name, *last = row["clause"].split("/")
        prefix = "" if namespace == "Core" else f"{namespace.lower()}_"
        found = getattr(spdx, prefix + name)
        if last:
            assert hasattr(found, prefix + last[0]) or hasattr(found, last[0]), row["clause"]
