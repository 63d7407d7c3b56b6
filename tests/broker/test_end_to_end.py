"""The end-to-end story: parties exchange a lineage over real Kafka, worked by real processes, read by the real client library."""

from __future__ import annotations

import os
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from live import Live, clean, hear, live, once_per_decision, told

from exchange.adapters.topic_reader import TopicReader
from exchange.client import Exchange
from exchange.errors import RefusedError
from exchange.events import models
from exchange.testing.broker import unique

CANARY = "canary-7f3a-withheld"
METRICS = 31000 + os.getpid() % 500 * 3
"""First of three ports."""


@pytest_asyncio.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("story"), metrics_port=METRICS) as exchange:
        yield exchange


def card(release: str, *parents: tuple[str, Any], **fields: Any) -> models.ModelCard:
    edges = [models.Parent(ref=ref, relation=relation) for ref, relation in parents]
    return models.ModelCard(release=release, **{"stage": "released", "parents": edges, **fields})


def assessment(release: str, level: Any, category: Any = "R01", **fields: Any) -> models.RiskAssessment:
    finding = models.Finding(category=category, level=level)
    return models.RiskAssessment(
        release=release, assessor=release.partition("/")[0], independence="self", findings=[finding], **fields
    )


def entry(view: models.View | None, category: str = "R01") -> tuple[str, str]:
    assert view is not None
    found = next(each for each in view.profile if each.category == category)
    return found.level, found.status


def path(cause: models.Cause | None) -> list[str]:
    assert cause is not None
    return [hop.release for hop in cause.path]


class Diamond:
    """A base, two tunings of it by two providers, their merge by a third, and a user of the merge."""

    def __init__(self, running: Live) -> None:
        world = unique("w")
        self.running = running
        self.lab, self.left, self.right, self.joiner, self.corp = (
            f"{name}-{world}" for name in ("lab", "left", "right", "joiner", "corp")
        )
        self.base, self.one, self.two, self.merge = (
            f"{self.lab}/base@1",
            f"{self.left}/chat@1",
            f"{self.right}/code@1",
            f"{self.joiner}/merge_m@1",
        )

    async def publish(self) -> None:
        """Registrations, cards, the base's first assessment, the user's subscription."""
        tuned: Any = "fine_tune"
        merged: Any = "merge"
        async with self.running.party(self.lab, "developer") as lab:
            await lab.publish(card(self.base))
            first = await lab.publish(assessment(self.base, "low"), wait="result")
            assert first.result
            assert entry(first.result.view) == ("low", "assessed")
        async with self.running.party(self.left, "provider") as left:
            await left.publish(card(self.one, (self.base, tuned)))
        async with self.running.party(self.right, "provider") as right:
            await right.publish(card(self.two, (self.base, tuned)))
        async with self.running.party(self.joiner, "provider") as joiner:
            await joiner.publish(card(self.merge, (self.one, merged), (self.two, merged)))
            await hear(joiner, lambda notice: notice.release == self.merge and entry(notice.view) == ("low", "carried"))
        async with self.running.party(self.corp, "user") as corp:
            await corp.publish(models.Subscription(target=self.merge.partition("@")[0]))


async def test_a_raise_is_told_once_per_decision_with_its_path(running: Live) -> None:
    """The developer raises a category; each party downstream hears once; the merge's provider assesses anew."""
    diamond = Diamond(running)
    await diamond.publish()
    merge = diamond.merge
    async with running.party(diamond.joiner) as joiner:
        own = await joiner.publish(assessment(merge, "low"), wait="result")
        assert own.result
        assert entry(own.result.view) == ("low", "assessed")
    clean(await running.rest())

    async with running.party(diamond.lab) as lab:
        published = await lab.publish(assessment(diamond.base, "high"), wait="result")
        raised = published.event_id
        assert published.result
        assert published.result.kind == "result"
        assert entry(published.result.view) == ("high", "assessed")
    clean(await running.rest())

    through = [[diamond.base, diamond.one], [diamond.base, diamond.two]]  # whichever came first
    downstream = {
        diamond.left: (diamond.one, [[diamond.base]], "review"),
        diamond.right: (diamond.two, [[diamond.base]], "review"),
        diamond.joiner: (merge, through, "reassess"),
        diamond.corp: (merge, through, "reassess"),
    }
    for name, (release, ways, ask) in downstream.items():
        async with running.party(name) as party:
            notices = await told(party)
        once_per_decision(notices)
        news = [notice for notice in notices if notice.cause and notice.cause.event_id == raised]
        assert [(notice.release, notice.kind) for notice in news] == [(release, "profile_change")], name
        (change,) = news[0].changes
        assert (change.category, change.to_level, change.ask) == ("R01", "high", ask), name
        assert path(news[0].cause) in ways, name
        assert [hop.release for hop in change.path] in ways, name
    async with running.party(diamond.joiner) as joiner:
        view = await joiner.dossier(merge)
        assert entry(view) == ("high", "reassess")
        again = await joiner.publish(assessment(merge, "moderate", supersedes=[own.event_id]), wait="result")
        assert again.result
        assert again.result.assessment
        assert raised in again.result.assessment.considers
        assert entry(again.result.view) == ("moderate", "assessed")
    async with running.party(diamond.corp) as corp:
        notice = await hear(corp, lambda notice: bool(notice.cause) and notice.cause.event_id == again.event_id)  # type: ignore[union-attr]
        assert entry(notice.view) == ("moderate", "assessed")
    clean(await running.rest())


async def test_a_repeat_changes_nothing(running: Live) -> None:
    """The same content, and other content under the same key: one receipt each, nothing in the journal, nobody told."""
    name = unique("again")
    release = f"{name}/model@1"
    async with running.party(name, "developer") as party:
        first = await party.publish(card(release), wait="result")
        keyed = await party.publish(assessment(release, "low"), idempotency_key="ci-run-7")
        await running.rest()
        before = await running.recorded()
        for document, key, original in (
            (card(release), None, first),
            (assessment(release, "low", considers=[]), "ci-run-7", keyed),
        ):
            repeat = await party.publish(document, idempotency_key=key, wait="result")
            assert repeat.receipt
            assert repeat.receipt.status == "repeat"
            assert repeat.event_id == original.event_id
            assert repeat.result
            assert repeat.result.cause
            assert repeat.result.cause.event_id == original.event_id
        with pytest.raises(RefusedError) as caught:
            await party.publish(assessment(release, "high"), idempotency_key="ci-run-7")
        assert caught.value.reason == "idempotency-conflict"
    clean(await running.rest())
    after = await running.recorded()
    assert after.journal == before.journal
    assert after.notices == before.notices
    assert Counter(receipt["status"] for receipt in after.receipts[name]) == {"accepted": 3, "repeat": 2, "refused": 1}


async def test_a_grant_widens_what_a_subscriber_sees(running: Live) -> None:
    """Without a grant a narrowed field is withheld, and its bytes are nowhere in the reader's topic; with one it is shown."""
    owner, near, far = unique("owner"), unique("near"), unique("far")
    line = f"{owner}/model"

    def secret(version: int) -> models.ModelCard:
        hidden = models.Disclosure(path="training.method", audience="provider", reason="trade secret")
        return card(f"{line}@{version}", training=models.Training(method=f"{CANARY} {version}"), disclosure=[hidden])

    async with running.party(near, "provider") as one, running.party(far, "user") as other:
        for reader in (one, other):
            await reader.publish(models.Subscription(target=line))
        async with running.party(owner, "developer") as party:
            await party.publish(secret(1), wait="result")
            granted = await party.publish(models.Grant(target=line, grantee=near, audience="provider", purpose="integration"))
            second = await party.publish(secret(2), wait="result")
            await party.publish(models.GrantRevocation(target=line, grant=granted.event_id))
            third = await party.publish(secret(3), wait="result")
            clean(await running.rest())
        shown = {notice.release: notice for notice in await told(one) if notice.card}
        assert _method(shown[f"{line}@2"]) == f"{CANARY} 2"
        for version, published in ((1, None), (3, third)):
            notice = shown[f"{line}@{version}"]
            assert _method(notice) is None
            assert ("training.method", "trade secret") in [(each.path, each.reason) for each in notice.withheld]
            assert published is None or (notice.cause and notice.cause.event_id == published.event_id)
        unseen = [notice for notice in await told(other) if notice.card]
        assert second.event_id in [notice.cause.event_id for notice in unseen if notice.cause]
        assert [_method(notice) for notice in unseen] == [None, None, None]
    assert f"{CANARY} 2".encode() in await _bytes(running, near)
    assert f"{CANARY} 1".encode() not in await _bytes(running, near)
    assert f"{CANARY} 3".encode() not in await _bytes(running, near)
    assert CANARY.encode() not in await _bytes(running, far)


def _method(notice: models.Notice) -> str | None:
    assert notice.card
    return notice.card.training.method if notice.card.training else None


async def _bytes(running: Live, party: str) -> bytes:
    """Everything in a party's topic: keys, values and headers."""
    reader = TopicReader(running.settings.kafka_kwargs(), running.settings.topics.notices(party))
    await reader.start()
    try:
        found = [record async for record in reader.until(*await reader.bounds())]
    finally:
        await reader.stop()
    assert found
    return b"\n".join((record.key or b"") + (record.value or b"") + repr(record.headers).encode() for record in found)


async def test_an_assessment_expires_with_a_tick(running: Live) -> None:
    """Past `valid_until` the finding stays as a floor, the status is `reassess`, and that is told once, downstream too."""
    diamond = Diamond(running)
    await diamond.publish()
    start = datetime(2027, 1, 1, tzinfo=UTC)
    await running.tick(start)
    async with running.party(diamond.joiner) as joiner:
        await joiner.publish(assessment(diamond.merge, "low", valid_until=start + timedelta(days=30)), wait="result")
        clean(await running.rest())
        before = len(await told(joiner))
        for days in (29, 31, 31, 32):
            await running.tick(start + timedelta(days=days))
        clean(await running.rest())
        for party in (joiner.party, diamond.corp):
            async with running.party(party) as reader:
                notices = await told(reader)
            once_per_decision(notices)
            (expired,) = [notice for notice in notices if notice.cause and notice.cause.event_type == "Tick"]
            assert entry(expired.view) == ("low", "reassess")
            assert [(change.from_status, change.to_status) for change in expired.changes] == [("assessed", "reassess")]
        assert len(await told(joiner)) == before + 1


async def test_metrics_tell_of_the_flow(running: Live) -> None:
    """Each worker serves its own numbers: events in and out, steps, lag, dead letters by reason; and no party's name."""
    name = unique("metered")
    async with running.party(name, "developer") as party:
        await party.publish(card(f"{name}/model@1"), wait="result")
        with pytest.raises(RefusedError):
            await party.publish(card("someone-else/model@1"))
    clean(await running.rest())
    pages = {worker: _metrics(METRICS + number) for number, worker in enumerate(running.local.workers)}
    for worker, page in pages.items():
        assert _value(page, f'exchange_records_in_total{{processor="{worker}"}}') > 0
        assert _value(page, f'exchange_records_out_total{{processor="{worker}"}}') > 0
        assert _value(page, f'exchange_step_seconds_count{{processor="{worker}"}}') > 0
        lags = [line for line in page.splitlines() if line.startswith("exchange_lag_records{")]
        assert len(lags) == running.settings.partitions
        assert all(line.endswith(" 0.0") for line in lags)
        assert name not in page
    assert _value(pages["intake"], 'exchange_submissions_total{processor="intake",result="accepted"}') > 1
    assert _value(pages["intake"], 'exchange_submissions_total{processor="intake",result="refused"}') >= 1
    assert _value(pages["intake"], 'exchange_accepted_total{processor="intake",type="ModelCard"}') >= 1
    assert _value(pages["intake"], 'exchange_dead_letters_total{processor="intake",reason="wrong-owner"}') >= 1
    assert _value(pages["dossier"], 'exchange_decisions_total{kind="event",processor="dossier"}') >= 1
    assert _value(pages["dossier"], 'exchange_dossiers_total{change="new",processor="dossier"}') >= 1
    assert _value(pages["fanout"], 'exchange_notices_total{kind="result",processor="fanout"}') >= 1


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def _value(page: str, name: str) -> float:
    return next((float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name)), 0.0)


async def test_a_feed_goes_on_where_it_stopped(running: Live) -> None:
    """A subscriber that comes back is given what it has not dealt with, and nothing twice."""
    name = unique("reader")
    async with running.party(name, "developer") as party:
        seen = [await _next(party, f"{name}/m@{version}") for version in (1, 2, 3)]
    assert [notice.n for notice in seen] == [1, 2, 3]


async def _next(party: Exchange, release: str) -> models.Notice:
    await party.publish(card(release))
    async with party.subscribe("program") as feed:
        return await anext(feed)
