"""exchange.topics: the floor of DESIGN section 10."""

from __future__ import annotations

import pytest

from exchange.errors import ConfigError
from exchange.topics import Topics


def test_every_topic_is_declared_once() -> None:
    """All eight, prefixed with the deployment."""
    names = [spec.name for spec in Topics("acme-test").declared()]
    expected = ["submissions", "parties", "journal", "decisions", "dossiers", "stakes", "dead-letters", "rules"]
    assert names == [f"acme-test.{name}" for name in expected]


def test_lanes_share_a_partition_count() -> None:
    """State, input and output of a lane have the same partitions."""
    topics = Topics(partitions=7)
    shared = {topics.submissions, topics.parties, topics.journal, topics.decisions, topics.dossiers, topics.stakes}
    assert {spec.partitions for spec in topics.declared() if spec.name in shared} == {7}
    assert topics.notice_spec("acme").partitions == 1


def test_what_must_last_lasts() -> None:
    """Journal, decisions and notices without expiry; submissions thirty days; state compacted; the broker's time everywhere."""
    topics = Topics()
    specs = {spec.name.removeprefix("exchange."): spec for spec in (*topics.declared(), topics.notice_spec("acme"))}
    assert {specs[name].configs["retention.ms"] for name in ("journal", "decisions", "notices.acme")} == {"-1"}
    assert int(specs["submissions"].configs["retention.ms"]) >= 30 * 86_400_000
    assert {specs[name].configs["cleanup.policy"] for name in ("parties", "dossiers", "stakes", "rules")} == {"compact"}
    assert {spec.configs["message.timestamp.type"] for spec in specs.values()} == {"LogAppendTime"}
    assert specs["submissions"].configs["max.message.bytes"] == "1048576"
    assert specs["journal"].configs["max.message.bytes"] == "2097152"


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_three_replicas_need_two_in_sync(replication: int, in_sync: str) -> None:
    """Fewer than three cannot lose one and go on."""
    assert {spec.configs["min.insync.replicas"] for spec in Topics(replication=replication).declared()} == {in_sync}


def test_names_are_checked() -> None:
    """Nothing that is not a party id becomes part of a topic name."""
    with pytest.raises(ConfigError):
        Topics("With.Dot")
    with pytest.raises(ConfigError):
        Topics(partitions=0)
    with pytest.raises(ConfigError):
        Topics().notices("../x")
    assert Topics().party_of("exchange.notices.a.b-c") == "a.b-c"
    assert Topics().party_of("exchange.journal") is None


def test_a_notice_segment_is_full_before_its_indexes() -> None:
    """Kafka begins a new segment when an index is full: 12 bytes of the time index for each 4 kB of log (docs/adr/0015)."""
    configs = Topics().notice_spec("acme").configs
    assert int(configs["segment.bytes"]) // 4096 * 12 <= int(configs["segment.index.bytes"]) <= 256 * 1024
