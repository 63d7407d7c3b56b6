"""The verdict of the fault programme: a clean record is clean, and each thing that can go wrong is seen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from exchange.audit import Audit, Recorded
from exchange.core.step import Output, Record
from exchange.runtime import load_codec
from exchange.settings import Settings
from exchange.testing.bus import Bus
from exchange.testing.faults.__main__ import percentile
from exchange.testing.faults.verdict import Verdict, by_oracles, judge_notices, judge_submissions
from exchange.testing.faults.witness import Witness
from exchange.testing.faults.workload import Sent, Step, Told, make_workload
from exchange.topics import Topics

_, CODEC = load_codec()
EVENTS = 200


class Played:
    """A workload, worked off in memory."""

    def __init__(self) -> None:
        self.steps: list[Step] = make_workload(2, EVENTS, CODEC, Topics())
        self.bus = bus = Bus(partitions=4, profiles=())
        for step in self.steps:
            if isinstance(step, Told):
                bus.tick(step.time)
            else:
                bus.write(Output(bus.topics.submissions, step.partition, step.key, step.value, step.headers))
        bus.run()
        self.submissions = {lane: list(bus.logs[(bus.topics.submissions, lane)]) for lane in range(4)}
        self.recorded = Recorded(journal={lane: list(bus.logs[(bus.topics.journal, lane)]) for lane in range(4)})
        self.recorded.dead_letters = bus.records(bus.topics.dead_letters)
        for party in sorted({step.party for step in self.steps if isinstance(step, Sent)}):
            self.recorded.receipts[party] = list(bus.receipts(party))  # type: ignore[arg-type]
            for notice in bus.notices(party):
                self.recorded.notices[(party, notice["line"])].append(CODEC.encode("Notice", notice))

    def verdict(self, answers: dict[int, str] | None = None) -> Verdict:
        verdict = Verdict()
        judge_submissions(verdict, self.steps, self.submissions, self.recorded, answers or {})
        judge_notices(verdict, self.recorded, CODEC)
        return verdict


@pytest.fixture(scope="module")
def once() -> Played:
    return Played()


@pytest.fixture
def played(once: Played) -> Played:
    mine = copy.copy(once)
    mine.recorded, mine.submissions = copy.deepcopy(once.recorded), copy.deepcopy(once.submissions)
    return mine


def test_a_clean_record_is_clean(played: Played) -> None:
    assert len(played.recorded.dead_letters) > 3
    assert played.verdict().clean


def _is_event(record: Record) -> bool:
    return "ce_idempotencykey" in dict(record.headers)


def lose_from_journal(played: Played) -> None:
    log = next(log for log in played.recorded.journal.values() if any(map(_is_event, log)))
    log.remove(next(filter(_is_event, log)))


def repeat_in_journal(played: Played) -> None:
    log = next(log for log in played.recorded.journal.values() if any(map(_is_event, log)))
    log.append(next(filter(_is_event, log)))


def accept_the_refused(played: Played) -> None:
    refused = next(step for step in played.steps if isinstance(step, Sent) and step.reason == "malformed")
    played.recorded.journal[0].append(Record("j", 0, 9999, refused.key, refused.value, refused.headers, 0))


def lose_a_submission(played: Played) -> None:
    next(log for log in played.submissions.values() if log).pop()


def foreign_submission(played: Played) -> None:
    played.submissions[0].append(Record("s", 0, 9999, b"x", b"x", (("step", b"999999"),), 0))


def lose_a_receipt(played: Played) -> None:
    next(receipts for receipts in played.recorded.receipts.values() if receipts).pop()


def repeat_a_receipt(played: Played) -> None:
    receipts = next(receipts for receipts in played.recorded.receipts.values() if receipts)
    receipts.append(receipts[0])


def lose_a_dead_letter(played: Played) -> None:
    played.recorded.dead_letters.pop()


def repeat_a_dead_letter(played: Played) -> None:
    played.recorded.dead_letters.append(played.recorded.dead_letters[0])


def another_reason(played: Played) -> None:
    played.recorded.dead_letters[0]["reason"] = "step-failed"


def quarantine(played: Played) -> None:
    played.recorded.dead_letters.append({**played.recorded.dead_letters[0], "processor": "dossier"})


def swap_notices(played: Played) -> None:
    values = max(played.recorded.notices.values(), key=len)
    values[0], values[1] = values[1], values[0]


@pytest.mark.parametrize(
    "harm",
    [
        lose_from_journal,
        repeat_in_journal,
        accept_the_refused,
        lose_a_submission,
        foreign_submission,
        lose_a_receipt,
        repeat_a_receipt,
        lose_a_dead_letter,
        repeat_a_dead_letter,
        another_reason,
        quarantine,
        swap_notices,
    ],
)
def test_what_is_wrong_is_seen(played: Played, harm: Callable[[Played], None]) -> None:
    harm(played)
    assert not played.verdict().clean


def test_a_client_that_was_answered_is_believed(played: Played) -> None:
    verdict = played.verdict({3: "an-event-nobody-has"})
    assert verdict.lost == ["step 3: the client's event is not in the journal"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("waiting", 1),
        ("lost", 1),
        ("duplicates", 1),
        ("reordered", 1),
        ("wrong_dossiers", ("a/b@1",)),
        ("wrong_profiles", ("a/b@1",)),
    ],
)
def test_what_an_oracle_finds_is_in_the_verdict(field: str, value: Any) -> None:
    nothing: dict[str, Any] = {
        "waiting": 0, "lost": 0, "duplicates": 0, "reordered": 0, "wrong_dossiers": (), "wrong_profiles": (), "notices": 5
    }  # fmt: skip
    assert by_oracles(Audit(**nothing)).clean
    assert not by_oracles(Audit(**{**nothing, field: value})).clean


class TestWitness:
    """Its eyes alone; the broker tests open them."""

    async def saw(self, once: Played, *spoil: Callable[[list[Any]], None]) -> Witness:
        """A witness that was shown the longest of the parties' topics."""
        witness = Witness(Settings(bootstrap_servers="127.0.0.1:1"), CODEC)
        topic, log = max(
            ((name, log) for (name, _), log in once.bus.logs.items() if ".notices." in name), key=lambda item: len(item[1])
        )
        shown: list[Any] = [
            SimpleNamespace(offset=each.offset, key=each.key, value=each.value, headers=list(each.headers)) for each in log
        ]
        for each in spoil:
            each(shown)
        witness._see(topic, shown)
        await witness._reader.stop()
        return witness

    async def test_of_a_clean_topic_it_says_nothing(self, once: Played) -> None:
        witness = await self.saw(once)
        assert witness.notices > 10
        assert (witness.repeated, witness.missing, witness.leaked) == ([], [], [])

    async def test_it_sees_a_repeat(self, once: Played) -> None:
        assert (await self.saw(once, lambda shown: shown.extend(list(shown)))).repeated

    async def test_it_sees_a_gap(self, once: Played) -> None:
        def drop(shown: list[Any]) -> None:
            lines = [each for each in shown if CODEC.decode_trusted(each.value)[0] == "Notice"]
            first = max(lines, key=lambda each: sum(other.key == each.key for other in lines))
            shown.remove(first)

        assert (await self.saw(once, drop)).missing

    async def test_it_sees_what_others_keep(self, once: Played) -> None:
        def leak(shown: list[Any]) -> None:
            shown[0].headers.append(("note", b"canary-nobody-1-0123456789abcdef"))

        witness = await self.saw(once, leak)
        assert len(witness.leaked) == 1
        assert witness.leaked[0].endswith("kept by nobody")


@pytest.mark.parametrize(
    ("values", "expected"), [([], None), ([1.26], 1.3), (list(range(100)), 99), (list(range(200)), 198), ([3, 1, 2], 3)]
)
def test_percentiles(values: list[float], expected: float | None) -> None:
    assert percentile(values) == expected
