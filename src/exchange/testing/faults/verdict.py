"""What became of the workload, held against what must: beside the oracles, every submission's one answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exchange.audit import Audit, Recorded
from exchange.core.envelope import from_headers
from exchange.core.step import Record
from exchange.errors import DocumentError
from exchange.testing.faults.workload import STEP, Sent, Step

Place = tuple[int, int]
"""Partition and offset of a submission."""


@dataclass
class Verdict:
    """What is wrong, in words, by kind; nothing is wrong where all are empty.

    Attributes:
        lost: what should be there and is not.
        repeated: what is there more often than it should.
        reordered: what stands in another order.
        leaked: what somebody could read who must not.
        wrong: all else.
    """

    lost: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.repeated or self.reordered or self.leaked or self.wrong)


def by_oracles(found: Audit) -> Verdict:
    """What the comparison of decisions, dossiers and notices with both oracles says."""
    verdict = Verdict()
    verdict.lost += ["a notice or decision is missing"] * found.lost
    verdict.repeated += ["a notice or decision is there that should not be"] * found.duplicates
    verdict.reordered += ["a line's notices stand in another order"] * found.reordered
    verdict.wrong += [f"{found.waiting} records wait"] if found.waiting else []
    verdict.wrong += [f"dossier of {release} is not the fold's" for release in found.wrong_dossiers]
    verdict.wrong += [f"profile of {release} is not the graph's" for release in found.wrong_profiles]
    return verdict


def judge_notices(verdict: Verdict, recorded: Recorded, codec: Any) -> None:
    """Each party's numbers of a line are 1, 2, 3, … in the order of its topic."""
    for (party, line), values in recorded.notices.items():
        numbers = [codec.decode_trusted(value)[1]["n"] for value in values]
        if numbers != list(range(1, len(numbers) + 1)):
            verdict.wrong.append(f"numbers of {party} on {line}: {numbers[:50]}")


def judge_submissions(
    verdict: Verdict,
    steps: Sequence[Step],
    submissions: Mapping[int, Sequence[Record]],
    recorded: Recorded,
    answers: Mapping[int, str],
) -> None:
    """Every submission has one answer, the right one; what is accepted is in the journal once, what is refused is not.

    Args:
        verdict: what is wrong is added to it.
        steps: the workload.
        submissions: the submissions topic by partition.
        recorded: all other topics.
        answers: event ids a client was answered with, by step.
    """
    sent = {step.number: step for step in steps if isinstance(step, Sent)}
    given = _answers(recorded, verdict)
    journal = Counter(_key(record) for log in recorded.journal.values() for record in log)
    ids = Counter(_event_id(record) for log in recorded.journal.values() for record in log)
    groups: dict[str, list[Place]] = defaultdict(list)
    numbers: Counter[int] = Counter()
    for record in (record for log in submissions.values() for record in log):
        number = _number(record)
        step = sent.get(number)
        if step is None:
            verdict.wrong.append(f"submission {record.partition}/{record.offset} is not of the workload")
            continue
        numbers[step.number] += 1
        place = (record.partition, record.offset)
        if step.reason is None:
            groups[step.event_id].append(place)
        else:
            _refused(verdict, step, given.get(place, []), place)
            if ids[step.event_id]:
                verdict.wrong.append(f"step {step.number} was refused and is in the journal")
    verdict.lost += [f"step {number} was acknowledged and is not among the submissions" for number in sent if not numbers[number]]
    for event_id, places in groups.items():
        _accepted(verdict, event_id, [given.get(place, []) for place in sorted(places)], journal[event_id])
    verdict.lost += [
        f"step {step}: the client's event is not in the journal" for step, event in answers.items() if not ids[event]
    ]


Answer = tuple[str, str | None]
"""Where from (receipt's status, or ``dead letter``), and reason."""


def _answers(recorded: Recorded, verdict: Verdict) -> dict[Place, list[Answer]]:
    found: dict[Place, list[Answer]] = defaultdict(list)
    for receipts in recorded.receipts.values():
        for receipt in receipts:
            found[(receipt["lane"], receipt["offset"])].append((receipt["status"], receipt["reason"]))
    for letter in recorded.dead_letters:
        if letter["processor"] == "intake":
            found[(letter["partition"], letter["offset"])].append(("dead letter", letter["reason"]))
        else:
            verdict.wrong.append(
                f"{letter['processor']}: dead letter ({letter['reason']}) of {letter['topic']} {letter['offset']}"
            )
    return found


def _refused(verdict: Verdict, step: Sent, answers: Iterable[Answer], place: Place) -> None:
    """One dead letter with the reason, and a receipt where somebody can read it."""
    readable = step.reason not in ("bad-key", "unregistered")
    wanted = [("dead letter", step.reason), *([("refused", step.reason)] if readable else [])]
    if sorted(answers, key=str) != sorted(wanted, key=str):
        verdict.wrong.append(f"step {step.number} at {place} ({step.reason}): answered {list(answers)}")


def _accepted(verdict: Verdict, event_id: str, answers: Sequence[Sequence[Answer]], times: int) -> None:
    """Accepted the first time, a repeat from then on, and once in the journal."""
    wanted = [[("accepted", None)], *([("repeat", None)] for _ in answers[1:])]
    if [list(each) for each in answers] != wanted:
        verdict.wrong.append(f"{event_id}: answered {[list(each) for each in answers]}")
    if times == 0:
        verdict.lost.append(f"{event_id} is not in the journal")
    elif times > 1:
        verdict.repeated.append(f"{event_id} is in the journal {times} times")


def _number(record: Record) -> int:
    """The step a submission belongs to: a raw producer says it, a client's idempotency key is the step's id."""
    headers = dict(record.headers)
    if STEP in headers:
        return int(headers[STEP] or b"-1")
    key = _key(record)
    return int(key.removeprefix("s")) if key else -1


def _key(record: Record) -> str:
    return (dict(record.headers).get("ce_idempotencykey") or b"").decode()


def _event_id(record: Record) -> str:
    try:
        return from_headers(record.headers, timeless=True).id
    except DocumentError:
        return ""
