"""The exchange in memory: the real steps, lists for topics, and a scheduler that may take any order Kafka could.

For property tests and for trying things out without a broker. It shares no code with the batch loop but the lane's state.

>>> bus = Bus()
>>> bus.submit("acme", "Party", {...})          # doctest: +SKIP
>>> bus.run()                                   # doctest: +SKIP
>>> bus.dossier("acme/model@1")["profile"]      # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from exchange.adapters.lane_state import LaneState
from exchange.adapters.resources import load_rule_texts, load_schema_texts
from exchange.core import processors
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.rules import Rules, bundle, digest_of, parse_rules
from exchange.core.schemas import SchemaSet
from exchange.core.step import Headers, Output, Processor, Record, Result
from exchange.events import records as r
from exchange.refs import line_of, partition_of
from exchange.topics import Topics

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Bus:
    """All topics and processors of one deployment, in memory.

    Args:
        partitions: partition count.
        limit: stakeholders a fan-out step tells.
        authorities: parties that read as authority.
        encode_state: write and read every state value, so that what a state cannot hold shows.
        profiles: ids of the completeness profiles in force.
        crash: how likely a worker dies in a step, before its commit: the work is lost, the state is read again, the step is taken
            again. Only :meth:`run` with a seed has crashes.
    """

    def __init__(
        self,
        partitions: int = 2,
        limit: int = 500,
        authorities: Iterable[str] = (),
        *,
        encode_state: bool = False,
        profiles: Iterable[str] = ("jg-1.2",),
        crash: float = 0.0,
    ) -> None:
        self.schemas, self.codec = _plumbing()
        self.topics = Topics(partitions=partitions)
        self._known: dict[str, Rules] = {}
        self.logs: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.encode_state = encode_state
        self.crash = crash
        self.crashes = 0
        self.lanes = [
            _Lane(self, processor, partition) for processor in self.processors(limit) for partition in range(partitions)
        ]
        self._count = 0
        self.activate(_content(tuple(profiles), tuple(authorities)))

    def processors(self, limit: int = 500) -> list[Processor]:
        """Fresh processors."""
        return [
            processors.intake(self.codec, self.topics),
            processors.dossier(self.codec, self.topics, self.rules_of),
            processors.fanout(self.codec, self.topics, self.rules_of, self.schemas, limit),
        ]

    def rules_of(self, digest: str) -> Rules:
        """The rules of a digest that was in force at some time."""
        if digest not in self._known:
            raise OSError("rules not known")
        return self._known[digest]

    # ------------------------------------------------------------------------------------------- in

    def submit(
        self,
        party: str,
        name: str,
        record: Mapping[str, Any],
        *,
        event_id: str | None = None,
        key: str | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Submit a record as a party's client does; returns the event id."""
        self._count += 1
        identity = event_id or f"e{self._count:04d}"
        attributes = Attributes(identity, name, party, time=EPOCH, idempotency_key=key or identity, traceparent=traceparent)
        headers = to_headers(attributes)
        partition = partition_of(party, self.topics.partitions)
        self.write(Output(self.topics.submissions, partition, party.encode(), self.codec.encode(name, record), headers))
        return identity

    def activate(self, content: bytes) -> None:
        """Put rules in force in every partition."""
        self.rules = self._known[digest_of(content)] = _rules(content)
        self._to_all("RulesActivated", {"digest": self.rules.digest, "note": None}, f"rules:{self.rules.digest[:16]}")

    def tick(self, time: datetime) -> None:
        """Tell every partition the time."""
        self._to_all("Tick", {"time": time}, f"tick:{time:%Y%m%dT%H%M%SZ}")

    def _to_all(self, name: str, record: Mapping[str, Any], identity: str) -> None:
        headers = to_headers(Attributes(identity, name, self.topics.deployment))
        for partition in range(self.topics.partitions):
            key = f"lane-{partition}".encode()
            self.write(Output(self.topics.journal, partition, key, self.codec.encode(name, record), headers))

    def write(self, output: Output) -> None:
        """Append a record."""
        log = self.logs[(output.topic, output.partition)]
        headers: Headers = output.headers
        log.append(Record(output.topic, output.partition, len(log), output.key, output.value, headers, 0))

    # ------------------------------------------------------------------------------------------- run

    def run(self, seed: int | None = None, steps: int = 1_000_000) -> int:
        """Work until nothing is left; ``seed`` shuffles whose turn it is. Returns the number of steps.

        Raises:
            AssertionError: still not quiet after ``steps``.
        """
        chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        done = 0
        while ready := [lane for lane in self.lanes if lane.ready()]:
            lane = ready[0] if seed is None else chance.choice(ready)
            lane.work(chance if seed is not None else None)
            done += 1
            assert done < steps, "the flow does not come to rest"  # noqa: S101
        return done

    # ------------------------------------------------------------------------------------------- out

    def lane(self, name: str, partition: int) -> _Lane:
        """One lane."""
        return next(lane for lane in self.lanes if lane.processor.name == name and lane.partition == partition)

    def dossier(self, release: str) -> r.Dossier | None:
        """A dossier as it stands."""
        state = self.lane("dossier", partition_of(line_of(release), self.topics.partitions)).state
        return cast("r.Dossier | None", state.get(f"dossier/{release}"))

    def dossiers(self) -> dict[str, r.Dossier]:
        """All dossiers by release."""
        lanes = (self.lane("dossier", partition) for partition in range(self.topics.partitions))
        return {held["release"]: held for lane in lanes for _, held in lane.state.scan("dossier/")}

    def records(self, topic: str, name: str | None = None) -> list[Any]:
        """Decoded records of a topic, partition by partition; only those of one type if ``name`` is given."""
        logs = [log for (of, _), log in sorted(self.logs.items()) if of == topic]
        decoded = (self.codec.decode_trusted(record.value or b"") for log in logs for record in log)
        return [value for found, value in decoded if name is None or found == name]

    def notices(self, party: str) -> list[r.Notice]:
        """What a party was told, in order."""
        return self.records(self.topics.notices(party), "Notice")

    def receipts(self, party: str) -> list[r.Receipt]:
        """What intake answered a party, in order."""
        return self.records(self.topics.notices(party), "Receipt")


@cache
def _plumbing() -> tuple[SchemaSet, Codec]:
    schemas = SchemaSet.from_texts(load_schema_texts())
    return schemas, Codec(schemas)


@cache
def _content(profiles: tuple[str, ...], authorities: tuple[str, ...]) -> bytes:
    return bundle(load_rule_texts().only(profiles), authorities)


_rules = cache(parse_rules)


class _Lane:
    def __init__(self, bus: Bus, processor: Processor, partition: int) -> None:
        self.bus, self.processor, self.partition = bus, processor, partition
        self.state = LaneState()
        self.next = 0

    def ready(self) -> bool:
        return self.next < len(self._log()) or (self.processor.drain is not None and self.processor.drain(self.state) is not None)

    def _log(self) -> list[Record]:
        return self.bus.logs[(self.processor.input_topic, self.partition)]

    def work(self, chance: random.Random | None) -> None:
        """Take one step, and commit it unless the worker dies."""
        if chance is not None and chance.random() < self.bus.crash:
            self._die()
        self._work(chance)

    def _die(self) -> None:
        """A step whose commit never came; what was committed is all that the next worker has."""
        if self.next < len(self._log()):
            with contextlib.suppress(Exception):
                self.processor.step(self.state, self._log()[self.next])
        kept = {key: self.processor.decode(key, self.processor.encode(key, value)) for key, value in self.state.items()}
        self.state = LaneState(kept)
        self.bus.crashes += 1

    def _work(self, chance: random.Random | None) -> None:
        drained = self.processor.drain(self.state) if self.processor.drain else None
        waiting = self.next < len(self._log())
        if drained is not None and (not waiting or chance is None or chance.random() < 0.5):
            self._take(drained)
            return
        record = self._log()[self.next]
        try:
            result = self.processor.step(self.state, record)
        except (MemoryError, OSError):
            raise
        except Exception as error:
            result = self.processor.broken(self.state, record, error)
        self._take(result)
        if not result.more:
            self.next += 1

    def _take(self, result: Result) -> None:
        changes = dict(result.changes)
        encoded = {key: self.processor.encode(key, value) for key, value in changes.items() if value is not None}
        if self.bus.encode_state:
            changes.update({key: self.processor.decode(key, value) for key, value in encoded.items()})
        self.state.apply(changes)
        for output in result.outputs:
            self.bus.write(output)
