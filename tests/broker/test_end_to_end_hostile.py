"""What hostile and broken records do to the whole exchange: one dead letter each, and everybody else's traffic goes on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from live import Live, clean, live, once_per_decision, told

from exchange.core.codec import SUBMISSION_LIMIT
from exchange.core.envelope import Attributes, to_headers
from exchange.core.step import Headers
from exchange.events import models
from exchange.testing.broker import unique
from exchange.testing.samples import sample

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("hostile")) as exchange:
        yield exchange


class Attack:
    """One hostile submission; what the exchange must say to it.

    Args:
        reason: of the dead letter.
        value: what is sent.
        name: record type in the headers.
        fields: changed attributes.
    """

    def __init__(self, reason: str, value: bytes | None, name: str = "ModelCard", **fields: Any) -> None:
        self.reason, self.value, self.name, self.fields = reason, value, name, fields
        self.id = unique("attack")

    def headers(self, party: str) -> Headers:
        return to_headers(Attributes(self.id, self.name, self.fields.get("source", party), time=NOW))


def attacks(running: Live, party: str) -> list[Attack]:
    """Every kind of thing that must be refused to a registered party."""
    codec = running.codec

    def encoded(name: str, record: Mapping[str, Any]) -> bytes:
        return codec.encode(name, record)

    card = encoded("ModelCard", {"release": f"{party}/m@1", "stage": "released"})
    theirs = encoded("ModelCard", {"release": "somebody-else/m@1", "stage": "released"})
    decision = encoded("Decision", sample(running_schemas(running), "Decision"))
    return [
        Attack("malformed", card[:-3]),
        Attack("malformed", b"\xc3\x01" + card[2:10]),
        Attack("malformed", b""),
        Attack("malformed", None),
        Attack("malformed", b"{}"),
        Attack("unknown-schema", b"\xc3\x01" + b"\x11" * 8 + card[10:]),
        Attack("too-large", card + b"\0" * SUBMISSION_LIMIT),
        Attack("too-large", b"\xff" * 1_000_000),
        Attack("wrong-owner", theirs),
        Attack("wrong-owner", encoded("Party", {"party": "somebody-else", "display_name": "x", "roles": ["user"]}), "Party"),
        Attack("bad-attributes", card, "RiskAssessment"),
        Attack("bad-attributes", card, source="somebody-else"),
        Attack("not-a-submission", decision, "Decision"),
        Attack("not-a-submission", encoded("Tick", {"time": NOW}), "Tick"),
        Attack("invalid", encoded("ModelCard", {"release": "no release", "stage": "released"})),
    ]


def running_schemas(_running: Live) -> Any:
    from exchange.runtime import load_codec

    return load_codec()[0]


async def test_hostile_submissions_end_in_one_dead_letter_each(running: Live) -> None:
    """A raw producer sends what it likes; each record has its reason and its receipt; a neighbour in the lane is served."""
    topic, name = running.settings.topics.submissions, unique("mallory")
    neighbour = next(each for each in map(unique, ["honest"] * 99) if running.partition(each) == running.partition(name))
    async with running.party(name, "developer"), running.party(neighbour, "developer") as honest:
        sent = attacks(running, name)
        for attack in sent:
            row = (running.partition(name), name.encode(), attack.value, attack.headers(name))
            await running.send(topic, [row])
            if attack is sent[len(sent) // 2]:
                await honest.publish(models.ModelCard(release=f"{neighbour}/m@1", stage="released"), wait="result")
        bare = running.codec.encode("ModelCard", {"release": f"{name}/m@1", "stage": "released"})
        await running.send(topic, [(running.partition(name), name.encode(), bare, [])])
        elsewhere = (running.partition(name) + 1) % running.settings.partitions
        astray = Attack("wrong-partition", bare)
        await running.send(topic, [(elsewhere, name.encode(), bare, astray.headers(name))])
        clean(await running.rest())
    recorded = await running.recorded()
    letters = [letter for letter in recorded.dead_letters if letter["party"] == name]
    expected = {attack.id: attack.reason for attack in (*sent, astray)}
    assert {letter["event_id"]: letter["reason"] for letter in letters if letter["event_id"]} == expected
    assert [letter["reason"] for letter in letters if not letter["event_id"]] == ["bad-attributes"]
    assert len(letters) == len(expected) + 1
    refused = [receipt for receipt in recorded.receipts[name] if receipt["status"] == "refused"]
    assert Counter((each["submission_id"], each["reason"]) for each in refused) == Counter(
        (letter["event_id"] or "", letter["reason"]) for letter in letters
    )
    assert not [letter for letter in recorded.dead_letters if letter["party"] == neighbour]
    assert all(len(str(letter)) < 1000 for letter in letters)


async def test_submissions_of_nobody_in_particular(running: Live) -> None:
    """An unregistered party, no key, a key that is no party: a dead letter, and no receipt since nobody could read it."""
    topics, stranger = running.settings.topics, unique("stranger")
    value = running.codec.encode("ModelCard", {"release": f"{stranger}/m@1", "stage": "released"})
    before = len((await running.recorded()).dead_letters)
    for key in (stranger.encode(), None, b"No Party", b"\xff\xfe", topics.deployment.encode()):
        where = running.partition(stranger)
        headers = to_headers(Attributes(unique("nobody"), "ModelCard", stranger, time=NOW))
        await running.send(topics.submissions, [(where, key, value, headers)])
    astray = (running.partition(stranger) + 1) % running.settings.partitions
    headers = to_headers(Attributes(unique("nobody"), "ModelCard", stranger, time=NOW))
    await running.send(topics.submissions, [(astray, stranger.encode(), value, headers)])
    clean(await running.rest())
    recorded = await running.recorded()
    reasons = Counter(letter["reason"] for letter in recorded.dead_letters[before:])
    assert reasons == {"unregistered": 1, "bad-key": 4, "wrong-partition": 1}
    assert stranger not in recorded.receipts


async def test_garbage_in_the_journal_is_quarantined(running: Live) -> None:
    """A record nobody can read becomes a quarantined decision and a dead letter; the line goes on, and so do others."""
    name = unique("owner")
    line, topics = f"{name}/m", running.settings.topics
    partition = running.partition(line)
    async with running.party(name, "developer") as party:
        await party.publish(models.ModelCard(release=f"{line}@1", stage="released"), wait="result")
        before = len((await running.recorded()).dead_letters)
        tick = running.codec.encode("Tick", {"time": NOW})
        stray = running.codec.encode("Receipt", sample(running_schemas(running), "Receipt"))
        rows: list[Any] = [
            (partition, line.encode(), b"garbage", ()),
            (partition, b"\xff\xfe", None, ()),
            (partition, line.encode(), running.codec.encode("ModelCard", {"release": f"{line}@2", "stage": "released"}), ()),
            (partition, line.encode(), stray, to_headers(Attributes("stray", "Receipt", name))),
            (partition, line.encode(), tick[:-2], to_headers(Attributes("tick", "Tick", topics.deployment))),
        ]
        await running.send(topics.journal, rows)
        second = await party.publish(models.ModelCard(release=f"{line}@3", stage="released"), wait="result")
        assert second.result
        clean(await running.rest())
        once_per_decision(await told(party))
    recorded = await running.recorded()
    letters = recorded.dead_letters[before:]
    assert {(each["processor"], each["topic"], each["partition"]) for each in letters} == {("dossier", topics.journal, partition)}
    assert len(letters) == len(rows)
    decisions = [running.codec.decode_trusted(value)[1] for value in recorded.decisions[partition]]
    assert Counter(each["kind"] for each in decisions)["quarantined"] == len(rows)
    assert f"{line}@2" not in recorded.dossiers


async def test_garbage_among_decisions_stops_its_line_and_no_other(running: Live) -> None:
    """Fan-out does not skip what it cannot read: that line waits for a person, with a dead letter; lines beside it go on.

    The last test here: what waits in the stopped line is missing from then on.
    """
    name, topics = unique("owner"), running.settings.topics
    lines = [f"{name}/m{number}" for number in range(20)]
    stopped = lines[0]
    beside = next(line for line in lines[1:] if running.partition(line) == running.partition(stopped))
    async with running.party(name, "developer") as party:
        for line in (stopped, beside):
            await party.publish(models.ModelCard(release=f"{line}@1", stage="released"), wait="result")
        clean(await running.rest())
        before = len((await running.recorded()).dead_letters)
        rows: list[Any] = [(running.partition(stopped), key, b"garbage", ()) for key in (stopped.encode(), b"no line", None)]
        await running.send(topics.decisions, rows)
        await party.publish(models.ModelCard(release=f"{stopped}@2", stage="released"))
        await party.publish(models.ModelCard(release=f"{beside}@2", stage="released"), wait="result")
        running.local.kill("fanout")  # what is stopped stays stopped over a restart
        await party.publish(models.ModelCard(release=f"{stopped}@3", stage="released"))
        await party.publish(models.ModelCard(release=f"{beside}@3", stage="released"), wait="result", timeout=60)
        await asyncio.sleep(1)
        numbers = Counter(notice.line for notice in await told(party))
    assert numbers == {stopped: 1, beside: 3}
    letters = (await running.recorded()).dead_letters[before:]
    assert [(each["processor"], each["topic"], each["reason"]) for each in letters] == [
        ("fanout", topics.decisions, "malformed")
    ] * 3
    found = await running.rest()
    assert (found.lost, found.duplicates, found.wrong_dossiers, found.wrong_profiles) == (2, 3, (), ())
