"""Makes a cluster ready for the exchange: topics, and rules in force in every journal partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiokafka.structs import TopicPartition

from exchange.adapters.admin import Admin
from exchange.adapters.consumer import Consumer
from exchange.adapters.producer import Producer
from exchange.adapters.rules_store import read_rules_in_force
from exchange.core.codec import Codec
from exchange.core.envelope import Attributes, to_headers
from exchange.core.rules import digest_of
from exchange.topics import Topics


async def apply_topics(kafka: Mapping[str, Any], topics: Topics) -> list[str]:
    """Create what is missing of the declared topics; returns the names created.

    Raises:
        ConfigError: a topic exists with another partition count.
    """
    async with Admin(kafka) as admin:
        return await admin.apply(topics.declared())


async def apply_rules(kafka: Mapping[str, Any], topics: Topics, codec: Codec, content: bytes, note: str) -> Sequence[int]:
    """Put rules in force where they are not: in all partitions when they are new, else in journal partitions that are empty.

    Content and activations are one transaction, so that no worker meets a digest without its content.

    Returns:
        The journal partitions in which the rules were activated.
    """
    digest = digest_of(content)
    same = content == await read_rules_in_force(kafka, topics.rules)
    partitions = await _empty_partitions(kafka, topics) if same else list(range(topics.partitions))
    if not partitions:
        return []
    producer = Producer(**kafka, transactional_id=f"{topics.deployment}-setup", acks="all")
    try:
        await producer.start()
        async with producer.transaction():
            await producer.send(topics.rules, key=digest.encode(), value=content, partition=0)
            value = codec.encode("RulesActivated", {"digest": digest, "note": note})
            headers = list(to_headers(Attributes(f"rules:{digest[:16]}", "RulesActivated", topics.deployment)))
            for partition in partitions:
                key = f"lane-{partition}".encode()
                await producer.send(topics.journal, key=key, value=value, partition=partition, headers=headers)
    finally:
        await producer.stop()
    return partitions


async def send_tick(kafka: Mapping[str, Any], topics: Topics, codec: Codec, time: datetime) -> None:
    """Tell every journal partition the time. A tick that is not later than the last does nothing, so a repeat is harmless."""
    headers = list(to_headers(Attributes(f"tick:{time:%Y%m%dT%H%M%SZ}", "Tick", topics.deployment)))
    value = codec.encode("Tick", {"time": time})
    producer = Producer(**kafka, acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for partition in range(topics.partitions):
            key = f"lane-{partition}".encode()
            await producer.send_and_wait(topics.journal, key=key, value=value, partition=partition, headers=headers)
    finally:
        await producer.stop()


async def _empty_partitions(kafka: Mapping[str, Any], topics: Topics) -> list[int]:
    places = [TopicPartition(topics.journal, partition) for partition in range(topics.partitions)]
    consumer = Consumer(**kafka, enable_auto_commit=False)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return [place.partition for place in places if ends[place] == 0]
