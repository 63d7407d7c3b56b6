"""Strimzi's resources say what `exchange topics apply` does."""

from __future__ import annotations

from pathlib import Path

import yaml

from exchange.strimzi import resources
from exchange.topics import Topics

HELD = Path(__file__).parents[2] / "deploy" / "strimzi" / "exchange.yaml"
TOPICS = Topics(partitions=12, replication=3)


def test_each_declared_topic_is_there_as_declared() -> None:
    """Name, partitions, replicas, settings."""
    made = {each["spec"]["topicName"]: each["spec"] for each in resources(TOPICS, "kafka") if each["kind"] == "KafkaTopic"}
    assert set(made) == {spec.name for spec in TOPICS.declared()}
    for spec in TOPICS.declared():
        there = made[spec.name]
        assert (there["partitions"], there["replicas"]) == (spec.partitions, 3)
        as_text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in there["config"].items()}
        assert as_text == dict(spec.configs)


def test_a_party_may_write_submissions_and_read_its_own_notices_and_nothing_else() -> None:
    """The rule of DESIGN section 7."""
    user = next(each for each in resources(TOPICS, "kafka", ["acme"]) if each["metadata"]["name"].endswith("party-acme"))
    rights = {
        (acl["resource"]["type"], acl["resource"]["name"], operation)
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    assert rights == {
        *(("topic", "exchange.submissions", operation) for operation in ("Write", "Describe")),
        *(("topic", "exchange.notices.acme", operation) for operation in ("Read", "Describe")),
        *(("group", "acme.", operation) for operation in ("Read", "Describe")),
    }


def test_what_is_committed_is_fresh() -> None:
    """`make generate` would change nothing."""
    assert list(yaml.safe_load_all(HELD.read_text("utf-8"))) == resources(TOPICS, "kafka", ["acme"])
