"""Every profile that ships does what its cases say (``core/rules/profiles/<id>.cases.yaml``)."""

from __future__ import annotations

import pytest

from exchange.adapters.resources import load_profile, load_profile_cases, load_rule_texts
from exchange.cli.check import card_labels
from exchange.core.profile_cases import Case, parse_cases, run_cases

LABELS = card_labels()
PROFILES = sorted(load_rule_texts().profiles)
CASES = [
    pytest.param(name, case, id=f"{name}: {case.name}")
    for name in PROFILES
    for case in parse_cases(load_profile_cases(name), f"{name}.cases.yaml")
]


@pytest.mark.parametrize(("profile", "case"), CASES)
def test_case(profile: str, case: Case) -> None:
    (result,) = run_cases(load_profile(profile, LABELS), [case], f"{profile}.cases.yaml", LABELS)
    assert not result.differences


@pytest.mark.parametrize("name", PROFILES)
def test_a_file_is_named_by_its_id(name: str) -> None:
    assert load_profile(name).id == name
