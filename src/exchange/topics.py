"""Every topic of a deployment as frozen data: name, key, partitions, retention (DESIGN sections 4 and 10).

Names are ``<deployment>.<topic>``; the default deployment is ``exchange``. ``exchange topics apply`` creates what
:meth:`Topics.declared` lists; intake creates a party's notice topic when the party registers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exchange.errors import ConfigError
from exchange.refs import is_party

DAY_MS = 24 * 60 * 60 * 1000
MIB = 1024 * 1024
SUBMISSION_MAX = MIB
"""Broker's limit for a submission; intake accepts 128 kB, and what lies between gets a dead letter instead of silence."""
INTERNAL_MAX = 2 * MIB

_DEPLOYMENT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
# Kafka makes the two index files of a log as large as they may become, by default 10 MB each, and maps them; their first entries
# read ahead as far as the disk is set to. A change told to a thousand parties stood for seconds in that (docs/adr/0015).
_NOTICES = {**_FOR_EVER, "segment.bytes": str(64 * MIB), "segment.index.bytes": str(256 * 1024)}
# What a lane reads when it opens is its state and the segment not compacted yet: a small one, so that resuming is quick.
_STATE = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(8 * MIB),
    "segment.index.bytes": str(256 * 1024),
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it should be.

    Attributes:
        name: full name.
        partitions: partition count; never changes (DESIGN section 4, lanes).
        replication: replication factor.
        configs: topic settings of Kafka.
        key: what its records are keyed by, for people.
    """

    name: str
    partitions: int
    replication: int = 1
    configs: Mapping[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one deployment.

    Args:
        deployment: first part of every name.
        partitions: partition count of submissions and parties, and of journal, decisions and their state topics.
        replication: replication factor; from 3 on, writes need two replicas in sync.

    Raises:
        ConfigError: the deployment's name or a count makes no sense.
    """

    deployment: str = "exchange"
    partitions: int = 4
    replication: int = 1

    def __post_init__(self) -> None:
        if not _DEPLOYMENT.match(self.deployment):
            raise ConfigError("deployment: lower-case letters, digits and inner - only, at most 63")
        if self.partitions < 1 or self.replication < 1:
            raise ConfigError("partitions and replication must be positive")

    @property
    def submissions(self) -> str:
        """What parties send."""
        return self._name("submissions")

    @property
    def parties(self) -> str:
        """State of intake."""
        return self._name("parties")

    @property
    def journal(self) -> str:
        """The one ordered log a dossier is folded from."""
        return self._name("journal")

    @property
    def decisions(self) -> str:
        """What each journal record changed."""
        return self._name("decisions")

    @property
    def dossiers(self) -> str:
        """State of the dossier processor."""
        return self._name("dossiers")

    @property
    def stakes(self) -> str:
        """State of fan-out."""
        return self._name("stakes")

    @property
    def dead_letters(self) -> str:
        """What could not be accepted."""
        return self._name("dead-letters")

    @property
    def rules(self) -> str:
        """Content of every rule set, by digest."""
        return self._name("rules")

    def notices(self, party: str) -> str:
        """What one party is told: notices and receipts.

        Raises:
            ConfigError: not a party id.
        """
        if not is_party(party):
            raise ConfigError("not a party id", hint="lower-case letters, digits and inner . and -, at most 63")
        return self._name(f"notices.{party}")

    def party_of(self, topic: str) -> str | None:
        """The party whose notice topic it is, if it is one."""
        prefix = self._name("notices.")
        party = topic.removeprefix(prefix)
        return party if topic.startswith(prefix) and is_party(party) else None

    def declared(self) -> tuple[TopicSpec, ...]:
        """Every topic but those of the parties."""
        submissions = {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS), "retention.bytes": "-1"}
        dead = {"cleanup.policy": "delete", "retention.ms": str(90 * DAY_MS), "retention.bytes": "-1"}
        return (
            self._spec(self.submissions, "party", self.partitions, submissions, SUBMISSION_MAX),
            self._spec(self.parties, "state key", self.partitions, _STATE),
            self._spec(self.journal, "line", self.partitions, _FOR_EVER),
            self._spec(self.decisions, "line", self.partitions, _FOR_EVER),
            self._spec(self.dossiers, "state key", self.partitions, _STATE),
            self._spec(self.stakes, "state key", self.partitions, _STATE),
            self._spec(self.dead_letters, "topic, partition and offset of the record", 1, dead),
            self._spec(self.rules, "digest", 1, _STATE),
        )

    def notice_spec(self, party: str) -> TopicSpec:
        """The notice topic of one party: one partition, so that its order is the party's order.

        Raises:
            ConfigError: not a party id.
        """
        return self._spec(self.notices(party), "line, or submission id of a receipt", 1, _NOTICES)

    def _name(self, topic: str) -> str:
        return f"{self.deployment}.{topic}"

    def _spec(self, name: str, key: str, partitions: int, configs: Mapping[str, str], limit: int = INTERNAL_MAX) -> TopicSpec:
        common = {
            "max.message.bytes": str(limit),
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": "2" if self.replication >= 3 else "1",
            "unclean.leader.election.enable": "false",
        }
        return TopicSpec(name, partitions, self.replication, MappingProxyType({**configs, **common}), key)
