"""A commit whose request or answer is lost: a plain retrying loop tears, ours does not."""

from __future__ import annotations

import asyncio

from counting import counting, repeats, running, texts
from late import carried, committed, event, late_commit, through
from late_commit import both

from exchange.adapters.broker import EmbeddedKafka
from exchange.adapters.broker_config import Listener
from exchange.adapters.lane_events import LaneStopped
from exchange.testing.broker import read_all, read_until, send
from exchange.testing.proxy import END_TXN, KafkaProxy


async def test_ours_is_never_torn(kafka: EmbeddedKafka, proxy: KafkaProxy) -> None:
    """Ours: the late EndTxn meets a newer epoch and changes nothing."""
    made = await counting(kafka.bootstrap)
    await late_commit(kafka, proxy, made, through(proxy, made))
    async with running(made.loop(kafka.bootstrap)):
        await send(kafka.bootstrap, made.input, [event(n) for n in range(3, 20)])
        found = texts(await read_until(kafka.bootstrap, made.output, 20))
    assert len(found) == 20
    assert not repeats(found)
    assert await carried(kafka, made) == await committed(kafka, made) == 20
    assert "doubt" in [stop.reason for stop in made.seen(LaneStopped)]


async def test_lost_answer_is_not_done_again(kafka: EmbeddedKafka, proxy: KafkaProxy) -> None:
    """The broker commits, its answer is lost: the lane opens anew, sees that the batch is in, and goes on behind it."""
    made = await counting(kafka.bootstrap)
    async with running(through(proxy, made)):
        await send(kafka.bootstrap, made.input, [event(0)])
        await read_until(kafka.bootstrap, made.output, 1)
        for round_ in range(3):
            proxy.drop_answer(END_TXN)
            await send(kafka.bootstrap, made.input, [event(n) for n in range(1 + 10 * round_, 11 + 10 * round_)])
            async with asyncio.timeout(20):
                await proxy.held.wait()
            await read_until(kafka.bootstrap, made.output, 11 + 10 * round_)
    found = texts(await read_all(kafka.bootstrap, made.output))
    assert len(found) == 31
    assert not repeats(found)
    assert [stop.reason for stop in made.seen(LaneStopped)].count("doubt") == 3
    assert await made.state_now(kafka.bootstrap) == {"0/count/k": 31}


async def test_plain_retrying_loop_tears_and_ours_does_not(kafka: EmbeddedKafka, proxied: Listener) -> None:
    """What `make late-commit` counts. aiokafka's own sender: the late EndTxn commits the next outputs without their offset."""
    found = await both(kafka, [proxied], 1)
    assert found["plain"]["torn"] == 1
    assert found["ours"] == {"torn": 0, "lost": 0, "repeated": 0}
