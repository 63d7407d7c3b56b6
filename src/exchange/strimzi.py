"""The declared topics, and who may do what with them, as custom resources of Strimzi (``kafka.strimzi.io/v1``).

The same declarations that `exchange topics apply` carries out, for clusters where topics and users belong to an operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exchange.core.processors import NAMES
from exchange.topics import Topics, TopicSpec

VERSION = "kafka.strimzi.io/v1"
READ, WRITE = ("Read", "Describe"), ("Write", "Describe")


def resources(topics: Topics, cluster: str, parties: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every resource: topics, then users.

    Args:
        topics: of the deployment.
        cluster: name of the ``Kafka`` resource they belong to.
        parties: ids of parties that get a user, and so access lists of their own; their topics are intake's to make.
    """
    made = [_topic(spec, cluster) for spec in topics.declared()]
    made.append(_user(f"{topics.deployment}-workers", cluster, _of_workers(topics)))
    made += [_user(f"{topics.deployment}-party-{party}", cluster, _of_party(topics, party)) for party in parties]
    return made


def _meta(name: str, cluster: str) -> dict[str, Any]:
    return {"name": name, "labels": {"strimzi.io/cluster": cluster, "app.kubernetes.io/part-of": "ai-transparency-exchange"}}


def _topic(spec: TopicSpec, cluster: str) -> dict[str, Any]:
    body = {
        "topicName": spec.name,
        "partitions": spec.partitions,
        "replicas": spec.replication,
        "config": {name: _plain(value) for name, value in sorted(spec.configs.items())},
    }
    return {"apiVersion": VERSION, "kind": "KafkaTopic", "metadata": _meta(spec.name, cluster), "spec": body}


def _plain(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.lstrip("-").isdigit() else value


def _user(name: str, cluster: str, acls: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    body = {
        "authentication": {"type": "scram-sha-512"},
        "authorization": {"type": "simple", "acls": [dict(acl) for acl in acls]},
    }
    return {"apiVersion": VERSION, "kind": "KafkaUser", "metadata": _meta(name, cluster), "spec": body}


def _acl(kind: str, name: str, operations: Sequence[str], *, prefix: bool = False) -> Mapping[str, Any]:
    pattern = {"type": kind, "name": name, "patternType": "prefix" if prefix else "literal"}
    return {"resource": pattern, "operations": list(operations), "host": "*"}


def _of_workers(topics: Topics) -> Iterator[Mapping[str, Any]]:
    """One user for all processors: all topics of the deployment, which it may also make; its groups and transactions."""
    everything = ("Read", "Write", "Describe", "Create", "DescribeConfigs")
    yield _acl("topic", f"{topics.deployment}.", everything, prefix=True)
    for name in (*NAMES, "letters"):
        yield _acl("group", f"{topics.deployment}-{name}", READ)
    yield _acl("transactionalId", f"{topics.deployment}-", WRITE, prefix=True)
    yield {"resource": {"type": "cluster"}, "operations": ["IdempotentWrite", "Describe"], "host": "*"}


def _of_party(topics: Topics, party: str) -> Iterator[Mapping[str, Any]]:
    """A party writes submissions and reads its own notices, in groups of its own."""
    yield _acl("topic", topics.submissions, WRITE)
    yield _acl("topic", topics.notices(party), READ)
    yield _acl("group", f"{party}.", READ, prefix=True)
