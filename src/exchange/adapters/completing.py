"""What a restore makes of a backup: pure, no Kafka.

A backup of a running exchange cuts through transactions. The cut is made downstream first (notices, then decisions, journal,
submissions), so nothing in it lacks its cause, but for one thing: the partitions of the journal are not cut at one moment, and a
message that fan-out wrote to one may come from a record of another that lies behind the cut. Such a message is cut off too, with
all that follows it in its partition; nothing that was told can depend on it, since notices and decisions were cut before.

Then every lane is folded to the end of its input, and what it put out in the time of the backup but the cut missed is written:
exactly that, and nothing that is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exchange.adapters.lane_state import LaneState
from exchange.adapters.retelling import Retelling
from exchange.core.codec import Codec
from exchange.core.ledger import Ledger, by_processor
from exchange.core.step import Output, Processor, Record
from exchange.errors import StateError
from exchange.topics import Topics

Logs = Mapping[tuple[str, int], Sequence[Record]]
Make = Callable[[str], Processor]


@dataclass
class Completed:
    """A cut made whole.

    Attributes:
        journal: records kept, by partition.
        states: state and next input offset by (processor, partition).
        missing: outputs to append, in order; those to decisions first, so that offsets are as the states count them.
        parties: parties that intake knows, each of which has a topic for its notices.
        dropped: journal records cut off because their cause is behind the cut.
    """

    journal: dict[int, list[Record]]
    states: dict[tuple[str, int], tuple[LaneState, int]] = field(default_factory=dict)
    missing: list[Output] = field(default_factory=list)
    parties: set[str] = field(default_factory=set)
    dropped: int = 0


def complete(
    logs: Logs,
    topics: Topics,
    codec: Codec,
    make: Make,
    intake: Mapping[int, tuple[LaneState, int]],
    forgetful: Sequence[str] = (),
) -> Completed:
    """Make a cut whole.

    Args:
        logs: records by topic and partition; offsets are those of the exchange that was backed up.
        topics, codec: of the deployment.
        make: a processor by name.
        intake: intake's state and next offset by partition, read before anything else of the backup.
        forgetful: topics of which only the newest part is kept.

    Raises:
        StateError: something was told that the journal does not make.
    """
    journal = {partition: list(logs.get((topics.journal, partition), ())) for partition in range(topics.partitions)}
    whole = sum(map(len, journal.values()))
    while True:
        kept = {**logs, **{(topics.journal, partition): log for partition, log in journal.items()}}
        ledgers = by_processor((record for log in kept.values() for record in log), topics, codec, forgetful)
        done = Completed(journal)
        _flow(done, kept, topics, make, ledgers)
        orphans = [place for place in ledgers["fanout"].left() if place[0] == topics.journal]
        if not orphans:
            break
        for _, partition, offset in reversed(orphans):
            journal[partition] = [record for record in journal[partition] if record.offset < offset]
    _refuse_leftovers((ledgers["dossier"], ledgers["fanout"]))
    for partition, (state, next_) in intake.items():
        log = kept.get((topics.submissions, partition), ())
        retold = _retell(make("intake"), ledgers["intake"], (record for record in log if record.offset >= next_), state)
        done.states["intake", partition] = (retold.state, max(next_, _end(log)))
        done.parties |= {key.removeprefix("party/") for key, _ in retold.state.scan("party/")}
        done.missing += retold.missing
    done.dropped = whole - sum(map(len, journal.values()))
    return done


def _flow(done: Completed, logs: Logs, topics: Topics, make: Make, ledgers: Mapping[str, Ledger]) -> None:
    told: list[Output] = []
    for partition, journal in done.journal.items():
        dossier = _retell(make("dossier"), ledgers["dossier"], journal)
        done.states["dossier", partition] = (dossier.state, _end(journal))
        done.missing += dossier.missing
        decisions = list(logs.get((topics.decisions, partition), ()))
        new = [output for output in dossier.missing if output.topic == topics.decisions]
        decisions += [
            Record(each.topic, each.partition, offset, each.key, each.value, each.headers, 0)
            for offset, each in enumerate(new, _end(decisions))
        ]
        fanout = _retell(make("fanout"), ledgers["fanout"], decisions)
        done.states["fanout", partition] = (fanout.state, _end(decisions))
        told += fanout.missing
    done.missing += told


def _retell(processor: Processor, ledger: Ledger, records: Iterable[Record], state: LaneState | None = None) -> Retelling:
    retold = Retelling(processor, ledger, complete=True, state=state or LaneState())
    for record in records:
        retold.take(record)
    return retold


def _end(log: Sequence[Record]) -> int:
    return log[-1].offset + 1 if log else 0


def _refuse_leftovers(ledgers: Iterable[Ledger]) -> None:
    for ledger in ledgers:
        for topic, partition, offset in ledger.left():
            raise StateError(
                f"the backup holds what its journal does not make: {topic}, partition {partition}, offset {offset}",
                hint="`exchange audit` on the exchange it was taken from says more; take another backup",
            )
