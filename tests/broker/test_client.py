"""exchange.client on a real broker, the processors played by a responder that can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from responder import Responder

from exchange import Exchange, Position
from exchange import sync as sync_client
from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import HOST, Listener
from exchange.errors import (
    ConfigError,
    GapError,
    RefusedError,
    TimedOutError,
    TooLargeError,
    TopicMissingError,
    UnreachableError,
    ValidationError,
)
from exchange.events import models
from exchange.refs import partition_of
from exchange.settings import Settings, load_settings
from exchange.testing.broker import unique
from exchange.testing.faults.network import Way

RELEASE = "acme/base@1"
CARD = ("ModelCard", {"release": RELEASE, "stage": "released"})


@pytest.fixture
async def responder(kafka: EmbeddedKafka) -> AsyncIterator[Responder]:
    settings = load_settings(deployment=unique("client"))
    async with Responder(kafka.bootstrap, settings.topics) as running:
        await running.register("acme")
        yield running


@pytest.fixture
def settings(responder: Responder, tmp_path: Path) -> Settings:
    return load_settings(bootstrap_servers=responder.bootstrap, deployment=responder.topics.deployment, home=tmp_path)


@pytest.fixture
async def exchange(settings: Settings) -> AsyncIterator[Exchange]:
    async with Exchange("acme", settings=settings) as opened:
        yield opened


async def test_a_receipt_is_waited_for(exchange: Exchange, responder: Responder) -> None:
    """The submission goes to the party's partition with its attributes, and the answer comes back."""
    published = await exchange.publish(CARD, idempotency_key="build-1")
    assert published.receipt
    assert published.receipt.status == "accepted"
    [(attributes, record, partition)] = responder.seen
    assert (attributes.id, attributes.name, attributes.source) == (published.event_id, "ModelCard", "acme")
    assert (attributes.subject, attributes.idempotency_key) == (RELEASE, "build-1")
    assert partition == partition_of("acme", 4)
    assert record["stage"] == "released"


async def test_a_result_is_waited_for(exchange: Exchange) -> None:
    """Also when it is a repeat, whose result was told long ago; and for many at once."""
    published = await exchange.publish(models.ModelCard(release=RELEASE, stage="released"), wait="result")
    assert published.result
    assert published.result.kind == "result"
    repeated = await exchange.publish(CARD, wait="result")
    assert repeated.receipt
    assert repeated.receipt.status == "repeat"
    assert repeated.event_id == published.event_id
    assert repeated.result == published.result
    cards = [("ModelCard", {"release": f"acme/base@{number}", "stage": "preview"}) for number in range(20)]
    many = await asyncio.gather(*[exchange.publish(card, wait="result") for card in cards])
    assert [each.result.release for each in many if each.result] == [card[1]["release"] for card in cards]


async def test_a_refusal_is_an_error(exchange: Exchange, responder: Responder) -> None:
    """With the reason code of the receipt."""
    responder.refuse = "wrong-owner"
    with pytest.raises(RefusedError) as caught:
        await exchange.publish(CARD)
    assert caught.value.reason == "wrong-owner"


async def test_a_broker_that_is_away_is_waited_for(settings: Settings, proxied: Listener) -> None:
    """The first answer is waited for on a connection that is not there yet; a broker that does not come back is an error."""
    through = settings.model_copy(update={"bootstrap_servers": f"{HOST}:{proxied.advertised}"})
    way = Way(proxied.advertised, proxied.port)
    await way.__aenter__()
    async with Exchange("acme", settings=through) as exchange:
        await way.__aexit__(None, None, None)
        with pytest.raises(UnreachableError):
            await exchange.publish(CARD, timeout=1)
        publishing = asyncio.create_task(exchange.publish(CARD))
        await asyncio.sleep(1)
        assert not publishing.done()
        async with way:
            published = await publishing
    assert published.receipt


async def test_silence_ends(exchange: Exchange, responder: Responder) -> None:
    """With a hint that publishing again is safe."""
    responder.silent = True
    with pytest.raises(TimedOutError, match="no receipt within 1 s") as caught:
        await exchange.publish(CARD, timeout=1)
    assert "counts once" in caught.value.hint


async def test_bad_records_are_not_sent(exchange: Exchange, responder: Responder) -> None:
    """What intake would refuse is told at once."""
    with pytest.raises(ValidationError, match="release"):
        await exchange.publish(("ModelCard", {"release": "No Such", "stage": "released"}))
    with pytest.raises(ValidationError, match="not a record that a party publishes"):
        await exchange.publish(("Tick", {}))
    with pytest.raises(TooLargeError):
        await exchange.publish(("ModelCard", {**CARD[1], "updates": "x" * 140_000}))
    await exchange.publish(CARD)
    assert len(responder.seen) == 1


async def test_only_the_registered_are_answered(settings: Settings, responder: Responder) -> None:
    """Anything but a registration is refused at once; a registration makes the topic its own receipt comes in."""
    async with Exchange("new-party", settings=settings) as exchange:
        with pytest.raises(RefusedError) as caught:
            await exchange.publish(("Subscription", {"target": RELEASE}))
        assert caught.value.reason == "unregistered"
        party = models.Party(party="new-party", display_name="New", roles=["user"])
        published = await exchange.publish(party, wait="result")
        assert published.receipt
        assert published.result is None


async def numbers(feed: Any) -> list[tuple[str, int]]:
    async with feed:
        return [(notice.line, notice.n) async for notice in feed]


async def test_a_subscriber_resumes_where_it_stopped(settings: Settings, responder: Responder) -> None:
    """Across connections, by the file of its group; repeats are dropped, receipts are not notices."""
    async with Exchange("acme", settings=settings) as exchange:
        await responder.notice("acme", "acme/a@1")
        await responder.notice("acme", "acme/b@1")
        await exchange.publish(CARD)
        await responder.notice("acme", "acme/a@1", n=1)
        await responder.notice("acme", "acme/a@1", n=2)
        first = await numbers(exchange.subscribe(follow=False))
        assert first == [("acme/a", 1), ("acme/b", 1), ("acme/base", 1), ("acme/a", 2)]
    async with Exchange("acme", settings=settings) as exchange:
        assert await numbers(exchange.subscribe(follow=False)) == []
        await responder.notice("acme", "acme/a@1")
        assert await numbers(exchange.subscribe(follow=False)) == [("acme/a", 3)]
        assert len(await numbers(exchange.subscribe("other", follow=False))) == 5


async def test_what_the_caller_failed_at_comes_again(exchange: Exchange, responder: Responder) -> None:
    """A notice counts as dealt with when the next one is asked for."""
    for _ in range(3):
        await responder.notice("acme", "acme/a@1")
    with pytest.raises(ZeroDivisionError):
        async with exchange.subscribe() as feed:
            async for notice in feed:
                assert notice.n / (notice.n - 2)
    assert await numbers(exchange.subscribe(follow=False)) == [("acme/a", 2), ("acme/a", 3)]


async def test_a_gap_is_an_error_and_stays_one(exchange: Exchange, responder: Responder) -> None:
    """Until the caller says from where to go on."""
    await responder.notice("acme", "acme/a@1")
    await responder.notice("acme", "acme/a@1", n=3)
    for _ in range(2):
        with pytest.raises(GapError, match="acme/a: notice 3 came after"):
            await numbers(exchange.subscribe(follow=False))
    position = Position(0, {"acme/a": 2})
    assert await numbers(exchange.subscribe(position=position, follow=False)) == [("acme/a", 3)]


async def test_the_first_notice_must_be_there(exchange: Exchange, responder: Responder) -> None:
    """Who reads from the beginning notices that the beginning is missing."""
    await responder.notice("acme", "acme/a@1", n=2)
    with pytest.raises(GapError, match="notice 2 came after 0"):
        await numbers(exchange.subscribe(follow=False))


async def test_offsets_of_another_cluster_do_not_mislead(exchange: Exchange, responder: Responder) -> None:
    """After a restore the numbers count, not the offsets."""
    for _ in range(3):
        await responder.notice("acme", "acme/a@1")
    position = Position(10_000, {"acme/a": 2})
    assert await numbers(exchange.subscribe(position=position, follow=False)) == [("acme/a", 3)]


async def test_a_group_is_one_subscriber(exchange: Exchange, responder: Responder) -> None:
    """A second process would make each of them miss and repeat."""
    await responder.notice("acme", "acme/a@1")
    async with exchange.subscribe() as feed:
        await anext(feed)
        with pytest.raises(ConfigError, match="another process"):
            await anext(exchange.subscribe())


async def test_a_follower_is_told_as_it_happens(exchange: Exchange, responder: Responder) -> None:
    """Without polling by the caller."""
    feed = exchange.subscribe()
    waiting = asyncio.ensure_future(anext(feed))
    await asyncio.sleep(0.3)
    await responder.notice("acme", "acme/a@1")
    assert (await asyncio.wait_for(waiting, 10)).n == 1


VIEW = {
    "profile": [
        {
            "category": "R01",
            "level": "high",
            "status": "carried",
            "partial": False,
            "own_level": None,
            "own_event": None,
            "sources": [
                {"way": 0, "level": "high", "event_id": "up-1", "token": None, "considered": False},
                {"way": 1, "level": "low", "event_id": None, "token": "t2", "considered": False},
            ],
        }
    ],
    "ways": [{"origin": "up/m@1", "path": []}, {"origin": "", "path": []}],
    "change_notices": ["change-1"],
}


async def test_considers_is_filled_from_the_view(exchange: Exchange, responder: Responder) -> None:
    """Ids where they are shown, tokens where they are not, change notices too; what the caller gives stays."""
    finding = models.Finding(category="R01", level="low")
    given = models.RiskAssessment(release=RELEASE, assessor="acme", independence="self", findings=[finding])
    assert await exchange.dossier(RELEASE) is None
    await exchange.publish(given)
    responder.view = {**VIEW, "seq": 1}
    await responder.notice("acme", RELEASE)
    responder.view = {**VIEW, "seq": 2, "stage": "released"}
    await responder.notice("acme", RELEASE)
    view = await exchange.dossier(RELEASE)
    assert view
    assert (view.seq, view.stage) == (2, "released")
    await exchange.publish(given)
    await exchange.publish(given.model_copy(update={"considers": ["mine"]}))
    await exchange.publish(("RiskAssessment", {**given.model_dump(), "considers": []}))
    assert [record["considers"] for _, record, _ in responder.seen] == [[], ["up-1", "t2", "change-1"], ["mine"], []]


async def test_operators_read_the_dossier_itself(exchange: Exchange, responder: Responder) -> None:
    """The newest value of its key in the state topic."""
    assert await exchange.full_dossier(RELEASE) is None
    from exchange.testing.broker import send
    from exchange.testing.samples import sample

    partition = partition_of("acme/base", 4)
    rows = [
        (
            partition,
            key.encode(),
            responder.codec.encode("Dossier", sample(responder.schemas, "Dossier", release=RELEASE, seq=seq)),
        )
        for key, seq in ((f"dossier/{RELEASE}", 1), (f"dossier/{RELEASE}", 2), ("dossier/acme/base@2", 9))
    ]
    await send(responder.bootstrap, responder.topics.dossiers, rows)
    dossier = await exchange.full_dossier(RELEASE)
    assert dossier
    assert dossier.seq == 2


async def test_scripts_need_no_asyncio(settings: Settings, responder: Responder) -> None:
    """The same, call by call, on a thread of its own."""

    def script() -> list[int]:
        with sync_client.Exchange("acme", settings=settings) as exchange:
            published = exchange.publish(CARD, wait="result")
            assert published.result
            assert exchange.dossier(RELEASE) is None
            feed = exchange.subscribe(follow=False)
            found = [notice.n for notice in feed]
            feed.close()
            return found

    assert await asyncio.to_thread(script) == [1]


async def test_errors_of_kafka_are_ours(settings: Settings, kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Nobody there, or no topics."""
    nowhere = load_settings(bootstrap_servers="127.0.0.1:1", home=tmp_path)
    with pytest.raises(UnreachableError):
        await Exchange("acme", settings=nowhere).__aenter__()
    empty = load_settings(bootstrap_servers=kafka.bootstrap, deployment=unique("empty"), home=tmp_path)
    async with Exchange("acme", settings=empty) as exchange:
        with pytest.raises(TopicMissingError):
            await exchange.publish(CARD, wait=None)
    with pytest.raises(ConfigError, match="party"):
        Exchange("Not A Party", settings=empty)
